/* A result: what is written is read back, the bytes do not depend on the day, damage and a full disk are
 * errors. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

#include "lightcone/file.h"
#include "lightcone/memory.h"
#include "lightcone/results.h"

#define SITE "resid_out_layer2"

static char folder[] = "/tmp/lc-results-XXXXXX";

static const char *at(const char *name)
{
    static char path[LC_PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const int64_t starts[3] = {0, 64, INT64_MAX};
static const int32_t ids[4] = {0, 7, 50303, INT32_MIN};
static const double entropies[2] = {0.8112781244699546, -0.0};
static const float profile[6] = {1.0f, 0.0f, 3.0f, 1e-38f, INFINITY, -1.5f};

static int fill(struct lc_result *r, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_result_put(r, "windows/start", NULL, (int64_t[]){3}, starts, err));
    LC_TRY(rc, lc_result_put(r, "windows/token_id", NULL, (int64_t[]){4}, ids, err));
    LC_TRY(rc, lc_result_put(r, "vocabulary/bytes", NULL, (int64_t[]){5}, "\xff\0ab\n", err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/sparsity/frequency", "resid_out_layer10", (int64_t[]){2},
                             entropies, err));
    LC_TRY(rc,
           lc_result_put(r, "sites/SITE/influence/samples/profile", SITE, (int64_t[]){2, 3}, profile, err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/influence/samples/window", SITE, (int64_t[]){0}, NULL, err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/influence/features/entropy_histogram", SITE, (int64_t[]){0, 30},
                             NULL, err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "job", "influence", err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "readout", "", err));
    for (int i = 0; i < 12; i++) { /* more than HDF5 keeps in an object header */
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        LC_TRY(rc, lc_result_put_int(r, "sites/SITE/influence", SITE, key, i, err));
    }
    LC_TRY(rc, lc_result_put_real(r, "sites/SITE/influence", SITE, "pooled", 2.5, err));
done:
    return rc;
}

static void make(const char *path)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    int was_there = lc_path_is_file(path);

    assert_int_equal(lc_result_create(&r, path, &err), LC_OK);
    assert_int_equal(fill(r, &err), LC_OK);
    assert_int_equal(lc_path_is_file(path), was_there);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
    assert_true(lc_path_is_file(path));
}

static void same_array(struct lc_result *r, const char *name, const char *site, int rank, const int64_t *dim,
                       const void *data, size_t bytes)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_array a;

    assert_int_equal(lc_result_get(r, name, site, &a, &err), LC_OK);
    assert_int_equal(a.rank, rank);
    for (int i = 0; i < rank; i++)
        assert_int_equal(a.dim[i], dim[i]);
    if (bytes)
        assert_memory_equal(a.data, data, bytes);
    lc_array_release(&a);
}

static void arrays_come_back(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    const char *const *names;

    (void)state;
    make(at("sub/folder/round.h5"));
    make(at("sub/folder/round.h5")); /* over the old one */
    assert_int_equal(lc_result_open(&r, at("sub/folder/round.h5"), &err), LC_OK);
    same_array(r, "windows/start", NULL, 1, (int64_t[]){3}, starts, sizeof starts);
    same_array(r, "windows/token_id", NULL, 1, (int64_t[]){4}, ids, sizeof ids);
    same_array(r, "vocabulary/bytes", NULL, 1, (int64_t[]){5}, "\xff\0ab\n", 5);
    same_array(r, "sites/SITE/sparsity/frequency", "resid_out_layer10", 1, (int64_t[]){2}, entropies,
               sizeof entropies);
    same_array(r, "sites/SITE/influence/samples/profile", SITE, 2, (int64_t[]){2, 3}, profile,
               sizeof profile);
    same_array(r, "sites/SITE/influence/samples/window", SITE, 1, (int64_t[]){0}, NULL, 0);
    same_array(r, "sites/SITE/influence/features/entropy_histogram", SITE, 2, (int64_t[]){0, 30}, NULL, 0);
    assert_int_equal(lc_result_sites(r, &names), 2);
    assert_string_equal(names[0], SITE); /* layer 2 before layer 10 */
    assert_string_equal(names[1], "resid_out_layer10");
    lc_result_close(r);
}

/* Rows of a matrix are those of the whole of it. */
static void rows_come_back(void **state)
{
    static const struct {
        const char *name, *site;
        int64_t first, count;
        int rc;
    } asked[] = {
        {"sites/SITE/influence/samples/profile", SITE, 0, 2, LC_OK},
        {"sites/SITE/influence/samples/profile", SITE, 1, 1, LC_OK},
        {"sites/SITE/influence/samples/profile", SITE, 2, 0, LC_OK},
        {"windows/start", NULL, 1, 2, LC_OK},
        {"sites/SITE/influence/features/entropy_histogram", SITE, 0, 0, LC_OK},
        {"sites/SITE/influence/samples/profile", SITE, 1, 2, LC_E_FORMAT},
        {"sites/SITE/influence/samples/profile", SITE, 3, 0, LC_E_FORMAT},
        {"sites/SITE/influence/samples/profile", SITE, -1, 1, LC_E_FORMAT},
        {"sites/SITE/influence/samples/profile", SITE, 0, INT64_MAX, LC_E_FORMAT},
        {"sites/SITE/influence/features/entropy_histogram", SITE, 0, 1, LC_E_FORMAT},
    };
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;

    (void)state;
    make(at("rows.h5"));
    assert_int_equal(lc_result_open(&r, at("rows.h5"), &err), LC_OK);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct lc_array whole, rows;
        err = (struct lc_err)LC_ERR_INIT;
        assert_int_equal(
            lc_result_get_rows(r, asked[i].name, asked[i].site, asked[i].first, asked[i].count, &rows, &err),
            asked[i].rc);
        if (asked[i].rc != LC_OK)
            continue;
        assert_int_equal(lc_result_get(r, asked[i].name, asked[i].site, &whole, &err), LC_OK);
        assert_int_equal(rows.rank, whole.rank);
        assert_int_equal(rows.dim[0], asked[i].count);
        if (asked[i].count) {
            size_t row = (size_t)(whole.count / whole.dim[0]) * (whole.type == LC_RESULT_I64 ? 8 : 4);
            assert_int_equal(rows.count, asked[i].count * (whole.count / whole.dim[0]));
            assert_memory_equal(rows.data, (char *)whole.data + (size_t)asked[i].first * row,
                                (size_t)asked[i].count * row);
        }
        lc_array_release(&whole);
        lc_array_release(&rows);
    }
    lc_result_close(r);
}

static void attributes_come_back(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    char *text;
    double real = 0;
    int64_t number = 0;
    int found;

    (void)state;
    make(at("attributes.h5"));
    assert_int_equal(lc_result_open(&r, at("attributes.h5"), &err), LC_OK);
    assert_int_equal(lc_result_get_text(r, NULL, NULL, "job", &text, &err), LC_OK);
    assert_string_equal(text, "influence");
    free(text);
    assert_int_equal(lc_result_get_text(r, NULL, NULL, "readout", &text, &err), LC_OK);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(lc_result_get_int(r, "sites/SITE/influence", SITE, "key11", &number, &found, &err),
                     LC_OK);
    assert_true(found && number == 11);
    assert_int_equal(lc_result_get_real(r, "sites/SITE/influence", SITE, "pooled", &real, &found, &err),
                     LC_OK);
    assert_true(found && real == 2.5);
    assert_int_equal(lc_result_get_real(r, "sites/SITE/influence", SITE, "job", &real, &found, &err), LC_OK);
    assert_false(found);
    assert_int_equal(lc_result_get_int(r, "sites/SITE/sparsity", SITE, "key1", &number, &found, &err), LC_OK);
    assert_false(found);
    assert_int_equal(lc_result_get_text(r, NULL, NULL, "nothing", &text, &err), LC_OK);
    assert_null(text);
    assert_int_equal(lc_result_get_real(r, NULL, NULL, "job", &real, &found, &err), LC_E_FORMAT);
    lc_result_close(r);
}

static void same_bytes_on_any_day(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map a, b;

    (void)state;
    make(at("a.h5"));
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100000000}, NULL);
    make(at("another-name.h5"));
    assert_int_equal(lc_map_open(&a, at("a.h5"), &err), LC_OK);
    assert_int_equal(lc_map_open(&b, at("another-name.h5"), &err), LC_OK);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    lc_map_close(&a);
    lc_map_close(&b);
}

static void what_is_missing_is_said(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    struct lc_array a;

    (void)state;
    make(at("missing.h5"));
    assert_int_equal(lc_result_open(&r, at("missing.h5"), &err), LC_OK);
    assert_true(lc_result_has(r, "windows/start", NULL));
    assert_false(lc_result_has(r, "windows/length", NULL));
    assert_false(lc_result_has(r, "sites/SITE/sparsity/frequency", SITE));
    assert_false(lc_result_has(r, "no/such/row", NULL));
    assert_int_equal(lc_result_get(r, "sites/SITE/sparsity/count", SITE, &a, &err), LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "no dataset sites/" SITE "/sparsity/count"));
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_result_get(r, "sites/SITE/sparsity/count", "../x", &a, &err), LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "cannot name a site"));
    lc_result_close(r);
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_result_open(&r, at("none.h5"), &err), LC_E_IO);
    assert_non_null(strstr(err.msg, "none.h5"));
}

static void layout_is_kept(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;

    (void)state;
    assert_int_equal(lc_result_create(&r, at("layout.h5"), &err), LC_OK);
    assert_int_equal(lc_result_put(r, "windows/other", NULL, (int64_t[]){3}, starts, &err), LC_E_FORMAT);
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_result_put(r, "windows/start", NULL, (int64_t[]){-1}, starts, &err), LC_E_FORMAT);
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_result_put_int(r, "elsewhere", NULL, "n", 1, &err), LC_E_FORMAT);
    lc_result_abandon(r);
    lc_result_abandon(NULL);
    assert_false(lc_path_is_file(at("layout.h5")));
}

static void read_all(const char *path, struct lc_err *err)
{
    static const char *const names[] = {"windows/start", "windows/token_id", "vocabulary/bytes"};
    struct lc_result *r;
    struct lc_array a = {0};

    if (lc_result_open(&r, path, err) != LC_OK)
        return;
    for (int i = 0; i < 3 && err->code == LC_OK; i++)
        if (lc_result_get(r, names[i], NULL, &a, err) == LC_OK)
            lc_array_release(&a);
    lc_result_close(r);
}

static void spoil(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Cuts, and here and there a byte inverted: an error or an answer, never a crash. */
static void damage_is_survived(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map map;
    unsigned char *copy;
    int refused = 0;

    (void)state;
    make(at("whole.h5"));
    assert_int_equal(lc_map_open(&map, at("whole.h5"), &err), LC_OK);
    assert_int_equal(LC_ALLOC(&copy, map.size, "copy", &err), LC_OK);
    for (size_t cut = 0; cut < map.size; cut += map.size / 37) {
        err = (struct lc_err)LC_ERR_INIT;
        spoil(at("cut.h5"), map.data, cut);
        read_all(at("cut.h5"), &err);
        assert_int_not_equal(err.code, LC_OK);
        assert_non_null(strstr(err.msg, "cut.h5"));
    }
    for (size_t i = 0; i < map.size; i += 1 + map.size / 300) {
        memcpy(copy, map.data, map.size);
        copy[i] = (unsigned char)~copy[i];
        err = (struct lc_err)LC_ERR_INIT;
        spoil(at("bent.h5"), copy, map.size);
        read_all(at("bent.h5"), &err);
        refused += err.code != LC_OK;
    }
    assert_true(refused > 10);
    free(copy);
    lc_map_close(&map);
    err = (struct lc_err)LC_ERR_INIT;
    spoil(at("text.h5"), "not HDF5", 8);
    read_all(at("text.h5"), &err);
    assert_int_equal(err.code, LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "not an HDF5 file"));
}

static int folder_entries(void)
{
    DIR *d = opendir(folder);
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void full_disk_leaves_nothing(void **state)
{
    struct rlimit old, tight;
    const rlim_t limits[] = {0, 64, 2048, 1 << 20};
    double *big;
    struct lc_err err = LC_ERR_INIT;
    int entries = folder_entries();

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(LC_ALLOC(&big, 1 << 20, "big", &err), LC_OK);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct lc_result *r;
        tight = (struct rlimit){.rlim_cur = limits[i], .rlim_max = old.rlim_max};
        err = (struct lc_err)LC_ERR_INIT;
        assert_int_equal(lc_result_create(&r, at("full.h5"), &err), LC_OK);
        assert_int_equal(fill(r, &err), LC_OK);
        assert_int_equal(
            lc_result_put(r, "sites/SITE/sparsity/frequency", SITE, (int64_t[]){1 << 20}, big, &err), LC_OK);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
        assert_int_equal(lc_result_commit(r, &err), LC_E_IO);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_non_null(strstr(err.msg, "File too large"));
        assert_non_null(strstr(err.msg, "full.h5"));
        assert_int_equal(folder_entries(), entries);
    }
    free(big);
    make(at("after.h5")); /* the library still works */
}

static void bad_places_are_refused_at_once(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;

    (void)state;
    assert_int_equal(lc_result_create(&r, folder, &err), LC_E_IO);
    assert_non_null(strstr(err.msg, "it is a folder"));
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_result_create(&r, at("after.h5/x.h5"), &err), LC_E_IO);
    assert_non_null(strstr(err.msg, "after.h5"));
}

/* Two points beside what the file itself holds; the second with a site of its own. */
static int fill_points(struct lc_result *r, struct lc_err *err)
{
    const int64_t length[] = {8, 16};
    int rc;

    LC_TRY(rc, lc_result_put(r, "points/windows.length", NULL, (int64_t[]){2}, length, err));
    for (int64_t k = 0; k < 2; k++) {
        const char *site = k ? "resid_out_layer0" : SITE;
        lc_result_at(r, k);
        LC_TRY(rc, lc_result_put_int(r, NULL, NULL, "window_length", length[k], err));
        LC_TRY(rc, lc_result_put(r, "windows/start", NULL, (int64_t[]){3 - k}, starts + k, err));
        LC_TRY(rc, lc_result_put(r, "sites/SITE/sparsity/frequency", site, (int64_t[]){2 - k}, entropies, err));
        LC_TRY(rc, lc_result_put_real(r, "sites/SITE/sparsity", site, "threshold", 0.5 + (double)k, err));
    }
    lc_result_at(r, -1);
    LC_TRY(rc, lc_result_put(r, "sites/SITE/sweep/entropy_mean", "resid_out_layer7", (int64_t[]){1, 2}, entropies, err));
    LC_TRY(rc, lc_result_put_int(r, NULL, NULL, "points", 2, err));
done:
    return rc;
}

static void make_points(const char *path)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;

    assert_int_equal(lc_result_create(&r, path, &err), LC_OK);
    if (fill_points(r, &err) != LC_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
}

static void has_length(const struct lc_result *r, int64_t expected)
{
    struct lc_err err = LC_ERR_INIT;
    int64_t length = -1;
    int found;

    assert_int_equal(lc_result_get_int(r, NULL, NULL, "window_length", &length, &found, &err), LC_OK);
    assert_int_equal(found ? length : -1, expected);
}

static void points_come_back(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    const char *const *names;
    double real = 0;
    int found;

    (void)state;
    make_points(at("points.h5"));
    assert_int_equal(lc_result_open(&r, at("points.h5"), &err), LC_OK);
    assert_int_equal(lc_result_points(r), 2);
    assert_int_equal(lc_result_sites(r, &names), 3); /* of the file and of its points */
    assert_string_equal(names[0], "resid_out_layer0");
    assert_string_equal(names[1], SITE);
    assert_string_equal(names[2], "resid_out_layer7");
    has_length(r, -1);
    assert_false(lc_result_has(r, "windows/start", NULL));
    assert_true(lc_result_has(r, "points/windows.length", NULL));
    lc_result_at(r, 0);
    has_length(r, 8);
    same_array(r, "windows/start", NULL, 1, (int64_t[]){3}, starts, sizeof starts);
    same_array(r, "sites/SITE/sparsity/frequency", SITE, 1, (int64_t[]){2}, entropies, sizeof entropies);
    assert_false(lc_result_has(r, "sites/SITE/sparsity/frequency", "resid_out_layer0"));
    lc_result_at(r, 1);
    has_length(r, 16);
    same_array(r, "windows/start", NULL, 1, (int64_t[]){2}, starts + 1, 2 * sizeof *starts);
    assert_true(lc_result_has(r, "points/windows.length", NULL)); /* of no site: looked for in the file too */
    assert_false(lc_result_has(r, "sites/SITE/sparsity/frequency", SITE));
    assert_int_equal(
        lc_result_get_real(r, "sites/SITE/sparsity", "resid_out_layer0", "threshold", &real, &found, &err), LC_OK);
    assert_true(found && real == 1.5);
    lc_result_at(r, 2); /* not there: nothing is, and that is no error */
    has_length(r, -1);
    assert_false(lc_result_has(r, "windows/start", NULL));
    lc_result_at(r, -1);
    same_array(r, "sites/SITE/sweep/entropy_mean", "resid_out_layer7", 2, (int64_t[]){1, 2}, entropies,
               sizeof entropies);
    lc_result_close(r);
}

static void a_file_without_points_has_none(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;

    (void)state;
    make(at("a.h5"));
    assert_int_equal(lc_result_open(&r, at("a.h5"), &err), LC_OK);
    assert_int_equal(lc_result_points(r), 0);
    lc_result_close(r);
}

/* What a stranger may write where points are. */
static void as_dataset(hid_t file)
{
    hid_t space = H5Screate(H5S_SCALAR), set;

    H5Ldelete(file, "points/0001", H5P_DEFAULT);
    set = H5Dcreate2(file, "points/0001", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(set);
    H5Sclose(space);
}

static void as_soft_link(hid_t file)
{
    H5Lcreate_soft("/points/0000", file, "points/0002", H5P_DEFAULT, H5P_DEFAULT);
}

static void as_external_link(hid_t file)
{
    H5Lcreate_external("/etc/passwd", "/", file, "points/0002", H5P_DEFAULT, H5P_DEFAULT);
}

static void as_cycle(hid_t file)
{
    H5Lcreate_hard(file, "/", file, "points/0002", H5P_DEFAULT, H5P_DEFAULT);
}

static void as_points_soft(hid_t file)
{
    H5Lmove(file, "points", file, "moved", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/moved", file, "points", H5P_DEFAULT, H5P_DEFAULT);
}

static void add_points(hid_t file, int count)
{
    char name[32];

    for (int k = 2; k < count; k++) {
        snprintf(name, sizeof name, "points/%04d", k);
        H5Lcreate_hard(file, "points/0000", file, name, H5P_DEFAULT, H5P_DEFAULT);
    }
}

static void as_many(hid_t file)
{
    add_points(file, LC_RESULT_POINTS_MAX);
}

static void as_too_many(hid_t file)
{
    add_points(file, LC_RESULT_POINTS_MAX + 1);
}

static void strange_points_are_refused(void **state)
{
    static const struct {
        void (*spoil)(hid_t file);
        int64_t points; /* -1: refused */
        const char *message;
    } row[] = {
        {as_dataset, -1, "points/0001 is no group"},   {as_soft_link, -1, "points/0002 is no group"},
        {as_external_link, -1, "points/0002 is no group"}, {as_cycle, 3, NULL},
        {as_points_soft, 0, NULL},                     {as_many, LC_RESULT_POINTS_MAX, NULL},
        {as_too_many, -1, "more than 10000 points"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_result *r = NULL;
        hid_t file;
        make_points(at("strange.h5"));
        file = H5Fopen(at("strange.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
        assert_true(file >= 0);
        row[i].spoil(file);
        H5Fclose(file);
        assert_int_equal(lc_result_open(&r, at("strange.h5"), &err), row[i].points < 0 ? LC_E_FORMAT : LC_OK);
        if (row[i].points < 0)
            assert_non_null(strstr(err.msg, row[i].message));
        else
            assert_int_equal(lc_result_points(r), row[i].points);
        lc_result_close(r);
    }
}

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int folder_remove(void **state)
{
    static const char *const names[] = {
        "sub/folder/round.h5", "sub/folder", "sub",    "attributes.h5", "a.h5",    "another-name.h5",
        "missing.h5",          "whole.h5",   "cut.h5", "bent.h5",       "text.h5", "after.h5",
        "points.h5",           "strange.h5"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(at(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_come_back),
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(attributes_come_back),
        cmocka_unit_test(same_bytes_on_any_day),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(layout_is_kept),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(full_disk_leaves_nothing),
        cmocka_unit_test(bad_places_are_refused_at_once),
        cmocka_unit_test(points_come_back),
        cmocka_unit_test(a_file_without_points_has_none),
        cmocka_unit_test(strange_points_are_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

/* Published files made into results: every dataset against what PyTorch and NumPy read from the same files
 * (tests/data/import/digest.json, by tests/reference/make_import_data.py), and files that must be refused. */
#include <jansson.h>
#include <math.h>

#include "format_fixture.h"

#include "lightcone/published.h"
#include "result_fixture.h"

#define FILES "tests/data/import/"

enum { PATH = 512, MANY = 8 };

static char work[PATH];

static void result_path(char out[PATH])
{
    snprintf(out, PATH, "%.400s/r.h5", work);
}

static int import(const char *const *files, int64_t count, const char *site, struct lc_err *err)
{
    char output[PATH];
    const struct lc_import what = {.files = files, .count = count, .site = site, .output = output};

    result_path(output);
    unlink(output);
    *err = (struct lc_err)LC_ERR_INIT;
    return lc_import_write(&what, err);
}

static struct lc_result *open_result(void)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r = NULL;
    char path[PATH];

    result_path(path);
    assert_ok(lc_result_open(&r, path, &err), &err);
    return r;
}

static struct lc_result *imported(const char *const *files, int64_t count, const char *site)
{
    struct lc_err err;

    assert_ok(import(files, count, site, &err), &err);
    return open_result();
}

/* --- digests --- */

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static double real_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static int64_t point_of(const json_t *o)
{
    return (int64_t)json_integer_value(json_object_get(o, "point"));
}

static void compare(const char *what, const char *name, double found, double wanted, double allowed)
{
    if (!(fabs(found - wanted) <= allowed))
        fail_msg("%s of %s is %.17g; PyTorch reads %.17g; allowed: %g", what, name, found, wanted, allowed);
}

/* Sum, sum weighted by place, number of values that are not finite, and the last value. */
static void check_dataset(struct lc_result *r, const json_t *row)
{
    const char *name = text_of(row, "name");
    const json_t *dim = json_object_get(row, "dim");
    double sum = 0, weighted = 0, missing = 0, tolerance = real_of(row, "tolerance");
    double allowed = (tolerance > 0 ? tolerance : 1e-15) * real_of(row, "scale");
    struct lc_array a;

    lc_result_at(r, point_of(row));
    a = array_of(r, name, text_of(row, "site"));
    assert_int_equal(a.rank, json_array_size(dim));
    for (int k = 0; k < a.rank; k++)
        compare("dimension", name, (double)a.dim[k], json_number_value(json_array_get(dim, (size_t)k)), 0);
    for (int64_t i = 0; i < a.count; i++) {
        double x = number_at(&a, i);
        missing += !isfinite(x);
        sum += isfinite(x) ? x : 0.0;
        weighted += isfinite(x) ? x * (double)(i % 97 + 1) : 0.0;
    }
    compare("number of missing values", name, missing, real_of(row, "missing"), 0);
    compare("sum", name, sum, real_of(row, "sum"), allowed);
    compare("weighted sum", name, weighted, real_of(row, "weighted"), allowed);
    if (json_is_number(json_object_get(row, "last"))) {
        double last = real_of(row, "last");
        compare("last value", name, number_at(&a, a.count - 1), last, tolerance * fmax(1.0, fabs(last)));
    }
    lc_array_release(&a);
}

static void check_attribute(struct lc_result *r, const json_t *row)
{
    const char *key = text_of(row, "key"), *group = text_of(row, "group"), *site = text_of(row, "site");
    struct lc_err err = LC_ERR_INIT;
    int64_t integer = 0;
    double real = 0.0;
    int found = 0;

    lc_result_at(r, point_of(row));
    if (json_is_integer(json_object_get(row, "value"))) {
        assert_ok(lc_result_get_int(r, group, site, key, &integer, &found, &err), &err);
        real = (double)integer;
    } else
        assert_ok(lc_result_get_real(r, group, site, key, &real, &found, &err), &err);
    if (!found)
        fail_msg("no attribute %s", key);
    compare("attribute", key, real, real_of(row, "value"), 1e-6 * fabs(real_of(row, "value")));
}

/* 0 when a file is not there. */
static int find_files(const json_t *entry, char path[MANY][PATH], const char *files[MANY], int64_t *count)
{
    const json_t *list = json_object_get(entry, "files");
    const char *shared = getenv("LC_SHARED");

    *count = (int64_t)json_array_size(list);
    assert_true(*count <= MANY);
    for (int64_t i = 0; i < *count; i++) {
        const char *name = json_string_value(json_array_get(list, (size_t)i));
        if (strncmp(name, "own/", 4) == 0)
            snprintf(path[i], PATH, FILES "%s", name + 4);
        else
            snprintf(path[i], PATH, "%s/data/%s", shared ? shared : "../shared", name + strlen("shared/"));
        files[i] = path[i];
        if (!lc_path_is_file(path[i])) {
            print_message("skip: %s is not there\n", path[i]);
            return 0;
        }
    }
    return 1;
}

static void has_what_pytorch_reads(void **state)
{
    json_t *all = json_load_file(FILES "digest.json", 0, NULL), *entry, *row;
    size_t i, k, datasets = 0, attributes = 0;

    (void)state;
    assert_non_null(all);
    json_array_foreach(all, i, entry)
    {
        char path[MANY][PATH];
        const char *files[MANY];
        struct lc_result *r;
        int64_t count;
        if (!find_files(entry, path, files, &count))
            continue;
        r = imported(files, count, text_of(entry, "site"));
        json_array_foreach(json_object_get(entry, "datasets"), k, row) check_dataset(r, row);
        json_array_foreach(json_object_get(entry, "attributes"), k, row) check_attribute(r, row);
        datasets += json_array_size(json_object_get(entry, "datasets"));
        attributes += json_array_size(json_object_get(entry, "attributes"));
        lc_result_close(r);
    }
    print_message("%zu datasets and %zu attributes as PyTorch reads them\n", datasets, attributes);
    assert_true(datasets > 200);
    json_decref(all);
}

/* The counts that the paper gives for its file: live features, activations. */
static void holds_the_papers_counts(void **state)
{
    const char *shared = getenv("LC_SHARED");
    int64_t live = 0, activations = 0;
    struct lc_result *r;
    struct lc_array a;
    char path[PATH];
    const char *file = path;

    (void)state;
    snprintf(path, sizeof path, "%.400s/data/paper-results/feature_sparsity_data.pt", shared ? shared : "../shared");
    if (!lc_path_is_file(path)) {
        print_message("skip: %s is not there\n", path);
        return;
    }
    r = imported(&file, 1, "resid_out_layer3");
    a = array_of(r, "sites/SITE/sparsity/count", "resid_out_layer3");
    for (int64_t f = 0; f < a.count; f++) {
        live += number_at(&a, f) > 0;
        activations += (int64_t)number_at(&a, f);
    }
    assert_int_equal(a.count, 32768);
    assert_int_equal(live, 4867);
    assert_int_equal(activations, 3890980);
    lc_array_release(&a);
    lc_result_close(r);
}

/* --- sites and files that go together --- */

static void reads_the_site(void **state)
{
    static const char *const old[] = {FILES "old_resid_out_layer5.pt"}, *const where[] = {FILES "location.pt"};
    static const char *const both[] = {FILES "location.pt", FILES "influence.pt"};
    static const char *const mixed[] = {FILES "location.pt", FILES "influence.pt", FILES "old_resid_out_layer5.pt"};
    static const struct {
        const char *const *files;
        int64_t count;
        const char *given, *group, *site;
    } rows[] = {{old, 1, NULL, "sites/SITE/sparsity/count", "resid_out_layer5"},
                {old, 1, "named", "sites/SITE/sparsity/count", "named"},
                {where, 1, "named", "sites/SITE/sparsity/count", "named"},
                {both, 2, NULL, "sites/SITE/sparsity/count", "resid_out_layer1"},
                {both, 2, "named", "sites/SITE/influence/features/feature", "resid_out_layer1"}};
    struct lc_err err;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lc_result *r = imported(rows[i].files, rows[i].count, rows[i].given);
        assert_true(lc_result_has(r, rows[i].group, rows[i].site));
        lc_result_close(r);
    }
    assert_refused(import(where, 1, NULL, &err), &err, "location.pt", "pass --site");
    assert_refused(import(mixed, 3, NULL, &err), &err, "location.pt", "pass --site");
    assert_refused(import(where, 1, "a/b", &err), &err, "'a/b'", "cannot name a site");
}

static void refuses_what_does_not_go_together(void **state)
{
    static const struct {
        const char *files[2], *site, *one, *two;
    } rows[] = {
        {{FILES "influence.pt", FILES "entropies.pt"}, NULL, "hold the same of resid_out_layer1", "make two results"},
        {{FILES "token_vector.pt", FILES "entropies.pt"},
         NULL,
         "hold the same of resid_out_layer1",
         "make two results"},
        {{FILES "sparsity.pt", FILES "sparsity.pt"}, NULL, "hold the same of resid_out_layer1", "make two results"},
        {{FILES "sweep.pt", FILES "sparsity.pt"}, NULL, "holds only sweeps", "make two results"},
        {{FILES "sweep.pt", FILES "sweep.pt"}, NULL, "hold the same of resid_out_layer1", "make two results"},
        {{FILES "old_resid_out_layer5.pt", FILES "location.pt"}, "x", "hold different counts of x", "make two results"},
        {{FILES "sparsity.pt", FILES "absent.pt"}, NULL, "absent.pt", "No such file"},
        {{FILES "sparsity.pt", "tests/data/format/expected.txt"}, NULL, "expected.txt", "not a zip file"},
    };
    struct lc_err err;
    char path[PATH];

    (void)state;
    result_path(path);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_refused(import(rows[i].files, 2, rows[i].site, &err), &err, rows[i].one, rows[i].two);
        assert_false(lc_path_is_file(path));
    }
}

static void *slurp(size_t *size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map map;
    char path[PATH];
    void *copy;

    result_path(path);
    assert_ok(lc_map_open(&map, path, &err), &err);
    copy = malloc(map.size);
    assert_non_null(copy);
    memcpy(copy, map.data, map.size);
    *size = map.size;
    lc_map_close(&map);
    return copy;
}

static void order_of_files_does_not_matter(void **state)
{
    const char *one[] = {FILES "sparsity.pt", FILES "location.pt", FILES "influence.pt", FILES "correlation.pt"};
    const char *two[] = {FILES "correlation.pt", FILES "influence.pt", FILES "location.pt", FILES "sparsity.pt"};
    struct lc_err err;
    size_t a_size, b_size;
    void *a, *b;

    (void)state;
    assert_ok(import(one, 4, NULL, &err), &err);
    a = slurp(&a_size);
    assert_ok(import(two, 4, NULL, &err), &err);
    b = slurp(&b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    free(a);
    free(b);
}

static void tells_where_it_comes_from(void **state)
{
    static const char hash[] = "  published  sparsity.pt\n";
    const char *files[] = {FILES "sparsity.pt", FILES "influence.pt"};
    struct lc_result *r = imported(files, 2, NULL);
    struct lc_array a = array_of(r, "provenance/files", NULL);
    struct lc_err err = LC_ERR_INIT;
    char lines[1024] = "", *text = NULL;

    (void)state;
    assert_true(a.count > 64 && memcmp((const char *)a.data + 64, "  ", 2) == 0);
    assert_true(a.count < (int64_t)sizeof lines);
    memcpy(lines, a.data, (size_t)a.count);
    assert_non_null(strstr(lines, hash));
    lc_array_release(&a);
    assert_ok(lc_result_get_text(r, NULL, NULL, "source", &text, &err), &err);
    assert_string_equal(text, "published file");
    free(text);
    assert_ok(lc_result_get_text(r, NULL, NULL, "kinds", &text, &err), &err);
    assert_string_equal(text, "sparsity, influence");
    free(text);
    lc_result_close(r);
}

static void holds_the_tokens(void **state)
{
    const char *files[] = {FILES "sparsity.pt"};
    char output[PATH];
    struct lc_import what = {
        .files = files, .count = 1, .output = output, .tokenizer = "tests/data/tokenizer/neox.tokenizer.json"};
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    struct lc_array indptr, bytes;

    (void)state;
    result_path(output);
    assert_ok(lc_import_write(&what, &err), &err);
    r = open_result();
    indptr = array_of(r, "vocabulary/indptr", NULL);
    bytes = array_of(r, "vocabulary/bytes", NULL);
    assert_true(indptr.count > 30 && (int64_t)number_at(&indptr, indptr.count - 1) == bytes.count);
    lc_array_release(&indptr);
    lc_array_release(&bytes);
    lc_result_close(r);
    what.tokenizer = "tests/data/tokenizer";
    assert_refused(lc_import_write(&what, &err), &err, "tests/data/tokenizer/tokenizer.json", "No such file");
    what.output = FILES "../import/sparsity.pt";
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_import_write(&what, &err), &err, "-o names a file that is to be read", "sparsity.pt");
}

/* --- hostile files --- */

/* bad.table: name|text|text, of files in bad/. */
static void refuses_bad_files(void **state)
{
    FILE *table = fopen(FILES "bad.table", "r");
    char line[PATH], path[PATH], *one, *two, *end;
    const char *file = path;
    struct lc_err err;
    int rows = 0;

    (void)state;
    assert_non_null(table);
    while (fgets(line, sizeof line, table)) {
        one = strchr(line, '|');
        two = one ? strchr(one + 1, '|') : NULL;
        end = two ? strchr(two, '\n') : NULL;
        assert_non_null(end);
        *one++ = *two++ = *end = '\0';
        snprintf(path, sizeof path, FILES "bad/%.200s.pt", line);
        assert_refused(import(&file, 1, "site", &err), &err, one, two);
        assert_refused(err.code, &err, path, "");
        result_path(path);
        assert_false(lc_path_is_file(path));
        rows++;
    }
    print_message("%d files refused\n", rows);
    assert_true(rows > 60);
    fclose(table);
}

static const char *const kinds[] = {"sparsity", "location",     "correlation",        "influence",          "entropies",
                                    "sweep",    "token_vector", "correlation_legacy", "entropies_protocol4"};

/* A copy of a kind's file that may be written. */
static unsigned char *copy_of(const char *kind, size_t *size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map map;
    char path[PATH];
    unsigned char *copy;

    snprintf(path, sizeof path, FILES "%s.pt", kind);
    assert_ok(lc_map_open(&map, path, &err), &err);
    copy = malloc(map.size);
    assert_non_null(copy);
    memcpy(copy, map.data, map.size);
    *size = map.size;
    lc_map_close(&map);
    return copy;
}

static int import_bytes(const unsigned char *bytes, size_t size, struct lc_err *err)
{
    char path[PATH];
    const char *file = path;

    snprintf(path, sizeof path, "%.400s/changed.pt", work);
    *err = (struct lc_err)LC_ERR_INIT;
    assert_ok(lc_file_write(path, bytes, size, err), err);
    return import(&file, 1, "site", err);
}

static void refuses_truncations(void **state)
{
    struct lc_err err;
    size_t size;

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        unsigned char *bytes = copy_of(kinds[k], &size);
        for (size_t n = 0; n < size; n += 61)
            assert_refused(import_bytes(bytes, n, &err), &err, "changed.pt", "");
        free(bytes);
    }
}

/* One bit changed somewhere: a result, or one message that names the file. */
static void survives_changed_bits(void **state)
{
    uint32_t draw = 7;
    struct lc_err err;
    size_t size;
    int accepted = 0, refused = 0;

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        unsigned char *bytes = copy_of(kinds[k], &size);
        for (int i = 0; i < 100; i++) {
            draw = draw * 1664525u + 1013904223u;
            size_t at = (draw >> 8) % size;
            unsigned char bit = (unsigned char)(1u << (draw >> 5 & 7));
            bytes[at] ^= bit;
            if (import_bytes(bytes, size, &err) == LC_OK)
                accepted++;
            else if (strstr(err.msg, "changed.pt"))
                refused++;
            else
                fail_msg("%s, byte %zu: the message '%s' names no file", kinds[k], at, err.msg);
            bytes[at] ^= bit;
        }
        free(bytes);
    }
    print_message("%d changed files accepted, %d refused\n", accepted, refused);
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_what_pytorch_reads),
        cmocka_unit_test(holds_the_papers_counts),
        cmocka_unit_test(reads_the_site),
        cmocka_unit_test(refuses_what_does_not_go_together),
        cmocka_unit_test(order_of_files_does_not_matter),
        cmocka_unit_test(tells_where_it_comes_from),
        cmocka_unit_test(holds_the_tokens),
        cmocka_unit_test(refuses_bad_files),
        cmocka_unit_test(refuses_truncations),
        cmocka_unit_test(survives_changed_bits),
    };
    const char *folder = getenv("WORK");

    if (folder)
        snprintf(work, sizeof work, "%.400s", folder);
    else {
        snprintf(work, sizeof work, "/tmp/test_import.XXXXXX");
        if (!mkdtemp(work))
            return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

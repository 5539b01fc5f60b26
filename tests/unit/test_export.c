/* An export: repr() as Python's, tables and arrays as Python and NumPy write them (tests/reference/make_export_data.py),
 * attributes, points of a sweep, and results that do not hang together. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "lightcone/export.h"
#include "lightcone/file.h"
#include "lightcone/tensor.h"

#define DATA   "tests/data/export/"
#define LAYER0 "resid_out_layer0"
#define BLOCK1 "blocks.1.hook_resid_post"

static char folder[] = "/tmp/lc-export-XXXXXX";
static struct lc_tensors numbers;

static const char *at(const char *name)
{
    static char path[4][LC_PATH_MAX];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

/* ----- repr ----- */

static size_t from_hex(const char *hex, size_t digits, unsigned char *out)
{
    for (size_t i = 0; i < digits / 2; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (unsigned char)byte;
    }
    return digits / 2;
}

static void repr_is_pythons(void **state)
{
    FILE *f = fopen(DATA "repr.txt", "r");
    struct lc_err err = LC_ERR_INIT;
    struct lc_bytes got = {0};
    char line[512];
    int lines = 0;

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        unsigned char data[256], wanted[256];
        size_t first = strcspn(line, " "), size = from_hex(line, line[0] == '-' ? 0 : first, data);
        size_t length = from_hex(line + first + 1, strcspn(line + first + 1, "\n"), wanted);
        got.size = 0;
        check(lc_python_repr(&got, data, size, &err), &err);
        if (got.size != length || memcmp(got.data, wanted, length) != 0)
            fail_msg("repr of %.*s is %.*s", (int)first, line, (int)got.size, (const char *)got.data);
        lines++;
    }
    fclose(f);
    lc_bytes_release(&got);
    assert_true(lines > 2900);
}

/* ----- the head of .npy files ----- */

static void heads_of_arrays(void **state)
{
    const int64_t wide[4] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    struct lc_err err = LC_ERR_INIT;
    struct lc_bytes b = {0};

    (void)state;
    for (int rank = 0; rank <= 4; rank++) {
        b.size = 0;
        check(lc_npy_head(&b, LC_RESULT_F32, rank, wide, &err), &err);
        assert_memory_equal(b.data, "\x93NUMPY\x01\0", 8);
        assert_int_equal(b.size % 64, 0);
        assert_int_equal(b.data[8] | b.data[9] << 8, b.size - 10);
        assert_int_equal(b.data[b.size - 1], '\n');
        assert_memory_equal(b.data + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (", 50);
    }
    lc_bytes_release(&b);
}

/* ----- a result made of the numbers of case.safetensors ----- */

/* The schema's name of a tensor, and its site or NULL. */
static const char *row_of(const struct lc_tensor *t, char row[256])
{
    static const char *const sites[] = {LAYER0, BLOCK1};

    for (int i = 0; i < 2; i++) {
        const char *site = strstr(t->name, sites[i]);
        if (!site)
            continue;
        snprintf(row, 256, "sites/SITE%s", site + strlen(sites[i]));
        return sites[i];
    }
    snprintf(row, 256, "%s", t->name);
    return NULL;
}

/* What a case changes in the numbers: of the tensor whose name ends so, one value, or all of it left out. */
struct change {
    const char *tail;
    int64_t index, value; /* index -1: left out */
};

static void put_tensor(struct lc_result *r, const struct lc_tensor *t, const struct change *c)
{
    struct lc_err err = LC_ERR_INIT;
    char row[256];
    const char *site = row_of(t, row);
    size_t bytes = (size_t)t->count * lc_dtype_size(t->dtype);
    unsigned char *data = malloc(bytes + 8);
    int hit = c && strlen(t->name) >= strlen(c->tail) && strcmp(t->name + strlen(t->name) - strlen(c->tail), c->tail) == 0;

    assert_non_null(data);
    memcpy(data, t->data, bytes);
    if (hit && c->index >= 0)
        memcpy(data + (size_t)c->index * lc_dtype_size(t->dtype), &c->value, lc_dtype_size(t->dtype));
    if (!hit || c->index >= 0)
        check(lc_result_put(r, row, site, t->shape, data, &err), &err);
    free(data);
}

static void put_all(struct lc_result *r, const struct change *c)
{
    struct lc_err err = LC_ERR_INIT;

    for (int64_t i = 0; i < numbers.count; i++)
        put_tensor(r, &numbers.item[i], c);
    if (!c || strcmp(c->tail, "n_tokens") != 0)
        check(lc_result_put_int(r, "sites/SITE/sparsity", LAYER0, "n_tokens", 25600, &err), &err);
    check(lc_result_put_int(r, "sites/SITE/sparsity", BLOCK1, "n_tokens", 2000000, &err), &err);
    check(lc_result_put_real(r, "sites/SITE/influence", LAYER0, "pooled", 2.5, &err), &err);
    check(lc_result_put_real(r, "sites/SITE/influence", LAYER0, "pooled_low", (double)-INFINITY, &err), &err);
    check(lc_result_put_text(r, NULL, NULL, "job", "caf\xc3\xa9 \"quoted\"", &err), &err);
    check(lc_result_put(r, "config", NULL, (int64_t[]){14}, "job: sparsity\n", &err), &err);
    check(lc_result_put(r, "provenance/files", NULL, (int64_t[]){2}, "a\n", &err), &err);
}

static void make(const char *path, const struct change *c, int64_t points)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;

    check(lc_result_create(&r, path, &err), &err);
    if (points == 0)
        put_all(r, c);
    else
        check(lc_result_put(r, "points/windows.length", NULL, &points, (int64_t[]){8, 16}, &err), &err);
    for (int64_t k = 0; k < points; k++) {
        lc_result_at(r, k);
        put_all(r, c);
    }
    check(lc_result_commit(r, &err), &err);
}

static void same_file(const char *got, const char *wanted)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map a, b;
    size_t i = 0;

    check(lc_map_open(&a, got, &err), &err);
    check(lc_map_open(&b, wanted, &err), &err);
    while (i < a.size && i < b.size && a.data[i] == b.data[i])
        i++;
    if (i < a.size || i < b.size)
        fail_msg("%s (%zu bytes) differs from %s (%zu bytes) at byte %zu", got, a.size, wanted, b.size, i);
    lc_map_close(&a);
    lc_map_close(&b);
}

static void same_text(const char *path, const char *wanted)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map map;

    check(lc_map_open(&map, path, &err), &err);
    assert_int_equal(map.size, strlen(wanted));
    assert_memory_equal(map.data, wanted, map.size);
    lc_map_close(&map);
}

static void same_tables(const char *where)
{
    static const char *const tables[] = {"feature_sparsity_" LAYER0 ".csv", "feature_sparsity_" BLOCK1 ".csv",
                                         "feature_location_" BLOCK1 ".csv"};
    char got[LC_PATH_MAX], wanted[LC_PATH_MAX];

    for (int i = 0; i < 3; i++) {
        snprintf(got, sizeof got, "%s/%s", where, tables[i]);
        snprintf(wanted, sizeof wanted, DATA "%s", tables[i]);
        same_file(got, wanted);
    }
    snprintf(got, sizeof got, "%s/feature_location_" LAYER0 ".csv", where);
    assert_false(lc_path_is_file(got)); /* no positions in the corpus there */
}

static void same_arrays(const char *where)
{
    char got[LC_PATH_MAX], wanted[LC_PATH_MAX];

    for (int64_t i = 0; i < numbers.count; i++) {
        snprintf(got, sizeof got, "%s/%s.npy", where, numbers.item[i].name);
        snprintf(wanted, sizeof wanted, DATA "npy/%s.npy", numbers.item[i].name);
        same_file(got, wanted);
    }
}

static void a_result_as_python_writes_it(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_exported done;

    (void)state;
    make(at("r.h5"), NULL, 0);
    check(lc_export_write(at("r.h5"), at("deep/out"), NULL, &done, &err), &err);
    assert_int_equal(done.tables, 3);
    assert_int_equal(done.arrays, numbers.count);
    same_tables(at("deep/out"));
    same_arrays(at("deep/out/npy"));
    same_text(at("deep/out/config.yaml"), "job: sparsity\n");
    same_text(at("deep/out/provenance/files.txt"), "a\n");
    assert_false(lc_path_is_file(at("deep/out/npy/config.npy")));
}

static void says(const struct lc_map *map, const char *text)
{
    struct lc_bytes b = {0};
    struct lc_err err = LC_ERR_INIT;

    check(lc_bytes_add(&b, map->data, map->size, &err), &err);
    check(lc_bytes_add(&b, "", 1, &err), &err);
    if (!strstr((const char *)b.data, text))
        fail_msg("attributes.json has no %s", text);
    lc_bytes_release(&b);
}

static void points_and_attributes(void **state)
{
    static const char *const texts[] = {
        "{\n  \"/\": {\n    \"lightcone\": 1\n  },\n  \"points/windows.length\": {\n",
        "  \"points/0001\": {\n    \"job\": \"caf\xc3\xa9 \\\"quoted\\\"\"\n  },\n",
        "  \"points/0001/sites/" LAYER0 "/influence\": {\n    \"pooled\": 2.5,\n    \"pooled_low\": \"-inf\"\n  },\n",
        "  \"points/0000/sites/" BLOCK1 "/sparsity\": {\n    \"n_tokens\": 2000000\n  },\n",
        "    \"units\": \"token\"\n"};
    struct lc_err err = LC_ERR_INIT;
    struct lc_exported done;
    struct lc_map map;

    (void)state;
    make(at("sweep.h5"), NULL, 2);
    check(lc_export_write(at("sweep.h5"), at("sweep"), NULL, &done, &err), &err);
    assert_int_equal(done.tables, 6);
    assert_int_equal(done.arrays, 2 * numbers.count + 1);
    for (int k = 0; k < 2; k++) {
        same_tables(at(k ? "sweep/points/0001" : "sweep/points/0000"));
        same_arrays(at(k ? "sweep/npy/points/0001" : "sweep/npy/points/0000"));
        same_text(at(k ? "sweep/points/0001/config.yaml" : "sweep/points/0000/config.yaml"), "job: sparsity\n");
    }
    assert_true(lc_path_is_file(at("sweep/npy/points/windows.length.npy")));
    check(lc_map_open(&map, at("sweep/attributes.json"), &err), &err);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        says(&map, texts[i]);
    lc_map_close(&map);
}

/* A vocabulary of the result and one of a file: only one is needed, and they must be as long. */
static void text_of_tokens(void **state)
{
    const struct change none = {"vocabulary/indptr", -1, 0};
    struct lc_err err = LC_ERR_INIT;
    struct lc_exported done;
    const char *tokenizer = "tests/data/tokenizer/neox.tokenizer.json";

    (void)state;
    make(at("silent.h5"), &none, 0);
    assert_int_equal(lc_export_write(at("silent.h5"), at("silent"), NULL, &done, &err), LC_E_USAGE);
    assert_non_null(strstr(err.msg, "silent.h5: holds no vocabulary; name its tokenizer with --tokenizer PATH"));
    assert_false(lc_path_is_folder(at("silent")));
    err = (struct lc_err)LC_ERR_INIT;
    check(lc_export_write(at("silent.h5"), at("silent"), tokenizer, &done, &err), &err);
    assert_int_equal(done.tables, 3);
    assert_int_equal(lc_export_write(at("r.h5"), at("other"), tokenizer, &done, &err), LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "has 625 tokens; "));
    assert_non_null(strstr(err.msg, "r.h5 was made with a tokenizer of 30"));
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_export_write(at("r.h5"), at("other"), at("nowhere.json"), &done, &err), LC_E_IO);
    assert_false(lc_path_is_folder(at("other")));
}

static const struct {
    struct change change;
    const char *text; /* what the message holds */
} wrong[] = {
    {{LAYER0 "/sparsity/token_id", 3, 30}, "token id 30 is not one of 30"},
    {{LAYER0 "/sparsity/token_id", 3, -1}, "token id -1 is not one of 30"},
    {{LAYER0 "/sparsity/token_indptr", 0, 1}, "token_indptr does not cover its data"},
    {{LAYER0 "/sparsity/token_indptr", 60, INT64_MAX}, "token_indptr does not cover its data"},
    {{LAYER0 "/sparsity/token_indptr", 7, INT64_MIN}, "token_indptr decreases at 7"},
    {{LAYER0 "/sparsity/token_indptr", 7, INT64_MAX}, "token_indptr decreases at 8"},
    {{LAYER0 "/sparsity/token_first", -1, 0}, "site " LAYER0 " has neither token_first nor token_order"},
    {{LAYER0 "/sparsity/token_count", -1, 0}, "no dataset sites/" LAYER0 "/sparsity/token_count"},
    {{"n_tokens", 0, 0}, "site " LAYER0 ": attribute n_tokens of sparsity is missing"},
    {{"vocabulary/indptr", 5, 1 << 20}, "vocabulary/indptr decreases at 6"},
    {{"vocabulary/indptr", 30, 1 << 20}, "vocabulary/indptr does not cover its data"},
};

static void results_that_do_not_hang_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_exported done;
        make(at("wrong.h5"), &wrong[i].change, 0);
        assert_int_equal(lc_export_write(at("wrong.h5"), at("wrong"), NULL, &done, &err), LC_E_FORMAT);
        if (!strstr(err.msg, wrong[i].text) || !strstr(err.msg, "wrong.h5"))
            fail_msg("'%s' lacks '%s'", err.msg, wrong[i].text);
    }
}

static int open_numbers(void **state)
{
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    return !mkdtemp(folder) || lc_safetensors_open(&numbers, DATA "case.safetensors", &err) != LC_OK;
}

static int close_numbers(void **state)
{
    char command[64 + sizeof folder];

    (void)state;
    lc_tensors_close(&numbers);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repr_is_pythons),
        cmocka_unit_test(heads_of_arrays),
        cmocka_unit_test(a_result_as_python_writes_it),
        cmocka_unit_test(points_and_attributes),
        cmocka_unit_test(text_of_tokens),
        cmocka_unit_test(results_that_do_not_hang_together),
    };

    return cmocka_run_group_tests(tests, open_numbers, close_numbers);
}

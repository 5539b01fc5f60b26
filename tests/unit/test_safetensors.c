/* Safetensors against the safetensors library's files, and what must be refused. */
#include "format_fixture.h"

#include "../../src/format/format_internal.h"

static void reads_every_dtype(void **state)
{
    static const struct {
        const char *name;
        int64_t count;
        int ramp;
    } rows[] = {{"f64", 3, 1},  {"f32", 6, 1},    {"f16", 5, 1},
                {"bf16", 4, 1}, {"scalar", 1, 0}, {"empty", 0, 1}};
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;
    const struct lc_tensor *t;
    float x[8];

    (void)state;
    assert_ok(lc_safetensors_open(&set, DATA "safetensors/mixed.safetensors", &err), &err);
    assert_int_equal(set.count, 9);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        t = lc_tensors_find(&set, rows[r].name);
        assert_non_null(t);
        assert_int_equal(t->count, rows[r].count);
        assert_ok(lc_tensor_read_f32(t, x, &err), &err);
        for (int64_t i = 0; i < t->count; i++)
            assert_true(x[i] == (rows[r].ramp ? ramp(i) : 2.5f));
    }
    assert_refused(lc_tensor_read_f32(lc_tensors_find(&set, "i64"), x, &err), &err, "tensor i64",
                   "dtype I64");
    assert_int_equal(lc_tensors_find(&set, "u8")->data[2], 2);
    assert_null(lc_tensors_find(&set, "absent"));
    lc_tensors_close(&set);
}

static void reads_half_precision_exactly(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;
    float x[12];

    (void)state;
    assert_ok(lc_safetensors_open(&set, DATA "safetensors/half.safetensors", &err), &err);
    assert_ok(lc_tensor_read_f32(&set.item[0], x, &err), &err);
    assert_values("half", x, 12, 0);
    lc_tensors_close(&set);
}

static void transposes(void **state)
{
    enum { ROWS = 131, COLUMNS = 70 };
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensor t = {.name = (char *)(uintptr_t) "t",
                          .dtype = LC_F32,
                          .rank = 2,
                          .shape = {ROWS, COLUMNS},
                          .count = ROWS * COLUMNS,
                          .file = "memory"};
    float *x, *y, *z, bad = (float)(0 * strtod("inf", NULL));
    unsigned char *odd; /* at an odd address */

    (void)state;
    assert_ok(LC_ALLOC(&x, t.count, "x", &err), &err);
    assert_ok(LC_ALLOC(&y, t.count, "y", &err), &err);
    assert_ok(LC_ALLOC(&z, t.count, "z", &err), &err);
    assert_ok(LC_ALLOC(&odd, 4 * t.count + 1, "odd", &err), &err);
    for (int64_t i = 0; i < t.count; i++)
        x[i] = (float)i;
    memcpy(odd + 1, x, (size_t)t.count * 4);
    t.data = odd + 1;
    assert_ok(lc_tensor_read_f32_transposed(&t, y, &err), &err);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < COLUMNS; j++)
            assert_true(y[j * ROWS + i] == x[i * COLUMNS + j]);
    /* the same bytes as a matrix that lies column by column: reading turns, transposing copies */
    t.by_column = 1, t.shape[0] = COLUMNS, t.shape[1] = ROWS;
    assert_ok(lc_tensor_read_f32(&t, z, &err), &err);
    assert_memory_equal(z, y, (size_t)t.count * 4);
    assert_ok(lc_tensor_read_f32_transposed(&t, z, &err), &err);
    assert_memory_equal(z, x, (size_t)t.count * 4);
    memcpy(odd + 1 + 4 * (3 * COLUMNS + 2), &bad, 4); /* row 3, column 2 of the file */
    assert_refused(lc_tensor_read_f32(&t, z, &err), &err, "tensor t: value 265 is nan", "memory");
    err = (struct lc_err)LC_ERR_INIT;
    t.by_column = 0, t.shape[0] = ROWS, t.shape[1] = COLUMNS;
    assert_refused(lc_tensor_read_f32_transposed(&t, z, &err), &err, "value 212 is nan", "t");
    free(x);
    free(y);
    free(z);
    free(odd);
}

static void refuses_what_float32_cannot_hold(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    double big[3] = {1, 2, 1e300};
    struct lc_tensor t = {.name = (char *)(uintptr_t) "big",
                          .dtype = LC_F64,
                          .rank = 1,
                          .shape = {3},
                          .count = 3,
                          .file = "memory",
                          .data = (unsigned char *)big};
    float x[3];

    (void)state;
    assert_int_equal(lc_tensor_read_f32(&t, x, &err), LC_E_NUMERIC);
    assert_refused(err.code, &err, "value 2 is infinite", "tensor big");
}

#define F32(name, shape, span)                                                                               \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" span "}"

/* Headers of files with eight bytes of data. */
static const struct {
    const char *header, *one, *two;
} refused[] = {
    {"", "too few", "safetensors"},
    {"[]", "does not begin with '{'", ""},
    {"{\"a\":", "not valid JSON", ""},
    {"{" F32("a", "[2]", "[0,8]") "," F32("a", "[2]", "[0,8]") "}", "not valid JSON", "duplicate"},
    {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", "tensor a", "'F8_E4M3'"},
    {"{\"a\":{\"shape\":[8],\"data_offsets\":[0,8]}}", "tensor a", "no dtype"},
    {"{\"a\":7}", "tensor a", "no dtype"},
    {"{" F32("a", "[2.0]", "[0,8]") "}", "tensor a", "shape is not"},
    {"{" F32("a", "[-2]", "[0,8]") "}", "tensor a", "shape is not"},
    {"{" F32("a", "7", "[0,8]") "}", "tensor a", "shape is not"},
    {"{" F32("a", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", "tensor a", "at most 8"},
    {"{" F32("a", "[9223372036854775807,2]", "[0,8]") "}", "tensor a", "too large"},
    {"{" F32("a", "[4611686018427387904]", "[0,8]") "}", "tensor a", "too large"},
    {"{" F32("a", "[99999999999999999999]", "[0,8]") "}", "not valid JSON", "too big"},
    {"{" F32("a", "[2]", "[0]") "}", "tensor a", "data_offsets is not"},
    {"{" F32("a", "[2]", "[0,8,9]") "}", "tensor a", "data_offsets is not"},
    {"{" F32("a", "[2]", "[8,0]") "}", "tensor a", "[8, 0]"},
    {"{" F32("a", "[2]", "[-8,0]") "}", "tensor a", "data_offsets is not"},
    {"{" F32("a", "[3]", "[0,12]") "}", "tensor a", "8 bytes of data"},
    {"{" F32("a", "[2]", "[4611686018427387904,4611686018427387912]") "}", "tensor a", "do not lie"},
    {"{" F32("a", "[1]", "[0,8]") "}", "tensor a", "takes 4 bytes"},
    {"{" F32("a", "[1]", "[0,4]") "," F32("b", "[2]", "[0,8]") "}", "tensor b", "overlaps"},
    {"{" F32("a", "[1]", "[4,8]") "}", "hole of 4 bytes", "tensor a"},
    {"{" F32("a", "[1]", "[0,4]") "}", "4 bytes of data belong to no tensor", ""},
    {"{}", "8 bytes of data belong to no tensor", ""},
};

static size_t make_file(unsigned char *out, const char *header)
{
    size_t n = strlen(header);

    memset(out, 0, 8 + n + 8);
    out[0] = (unsigned char)n;
    out[1] = (unsigned char)(n >> 8);
    memcpy(out + 8, header, n);
    return n ? 8 + n + 8 : 7;
}

static void refuses_bad_headers(void **state)
{
    unsigned char file[1024];

    (void)state;
    for (size_t r = 0; r < sizeof refused / sizeof *refused; r++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_tensors set;
        struct lc_map bytes = {.data = file, .size = make_file(file, refused[r].header)};
        assert_refused(lc_safetensors_parse(&set, "bad.safetensors", bytes, &err), &err, refused[r].one,
                       refused[r].two);
        assert_refused(err.code, &err, "bad.safetensors", "");
        assert_int_equal(set.count, 0);
    }
}

static void refuses_header_lengths(void **state)
{
    static const struct {
        unsigned char length[8];
        const char *one;
    } rows[] = {{{60}, "truncated"},
                {{0, 0, 0, 0, 0, 0, 0, 0x80}, "at most 100000000"},
                {{255, 255, 255, 255, 255, 255, 255, 255}, "at most 100000000"},
                {{0, 0, 0, 5}, "truncated"},
                {{0}, "does not begin"}};
    unsigned char file[64] = {0};

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_tensors set;
        memcpy(file, rows[r].length, 8);
        assert_refused(lc_safetensors_parse(&set, "f", (struct lc_map){file, sizeof file}, &err), &err,
                       rows[r].one, "f");
    }
}

static void refuses_every_truncation(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map whole;
    struct lc_tensors set;

    (void)state;
    assert_ok(lc_map_open(&whole, DATA "safetensors/mixed.safetensors", &err), &err);
    for (size_t n = 0; n < whole.size; n++) {
        /* an exact copy, so that a sanitizer sees any byte read past the end */
        unsigned char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, whole.data, n);
        copy = realloc(copy, n ? n : 1);
        err = (struct lc_err)LC_ERR_INIT;
        assert_int_not_equal(lc_safetensors_parse(&set, "f", (struct lc_map){copy, n}, &err), LC_OK);
        free(copy);
    }
    lc_map_close(&whole);
}

/* --- folders --- */

static const char *const scratch_names[] = {"m.safetensors.index.json", "a.safetensors", "b.safetensors",
                                            NULL};

static void write_tensor(const char *folder, const char *name, const char *tensor)
{
    unsigned char file[1024];
    char header[512];

    snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
             tensor);
    scratch_write(folder, name, file, make_file(file, header));
}

static void opens_and_refuses_shards(void **state)
{
    static const struct {
        const char *index, *one, *two; /* one NULL: accepted */
    } rows[] = {
        {"{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"b.safetensors\"}}", NULL, NULL},
        {"{\"weight_map\":{\"x\":\"a.safetensors\"}}", NULL, NULL},
        {"{\"weight_map\":{\"x\":\"b.safetensors\",\"y\":\"a.safetensors\"}}", "tensor x is in b.safetensors",
         "it is in a.safetensors"},
        {"{\"weight_map\":{\"z\":\"a.safetensors\"}}", "tensor z", "not there"},
        {"{\"weight_map\":{\"x\":\"c.safetensors\"}}", "shard c.safetensors", "missing"},
        {"{\"weight_map\":{\"x\":\"../a.safetensors\"}}", "'../a.safetensors'", "plain file name"},
        {"{\"weight_map\":{\"x\":\"/etc/passwd\"}}", "'/etc/passwd'", "plain file name"},
        {"{\"weight_map\":{\"x\":\"..\"}}", "'..'", "plain file name"},
        {"{\"weight_map\":{\"x\":\"\"}}", "plain file name", ""},
        {"{\"weight_map\":{\"x\":7}}", "not a text", ""},
        {"{\"weight_map\":[]}", "weight_map is an array", "an object"},
        {"{}", "'weight_map' is missing", ""},
        {"{\"weight_map\":{\"x\":\"m.safetensors.index.json\"}}", "m.safetensors.index.json", "safetensors"},
    };
    struct lc_tensors set;
    char folder[64];

    (void)state;
    scratch_make(folder);
    write_tensor(folder, "a.safetensors", "x");
    write_tensor(folder, "b.safetensors", "y");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lc_err err = LC_ERR_INIT;
        scratch_write(folder, "m.safetensors.index.json", rows[r].index, strlen(rows[r].index));
        int rc = lc_safetensors_open_folder(&set, folder, "m", &err);
        if (rows[r].one) {
            assert_refused(rc, &err, rows[r].one, rows[r].two);
            continue;
        }
        assert_ok(rc, &err);
        lc_tensors_close(&set);
    }
    struct lc_err err = LC_ERR_INIT;
    write_tensor(folder, "b.safetensors", "x");
    scratch_write(folder, "m.safetensors.index.json", rows[0].index, strlen(rows[0].index));
    assert_refused(lc_safetensors_open_folder(&set, folder, "m", &err), &err, "tensor x occurs twice",
                   "a.safetensors");
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_safetensors_open_folder(&set, folder, "n", &err), &err, "n.safetensors", folder);
    scratch_remove(folder, scratch_names);
}

static void need_names_what_is_wrong(void **state)
{
    const int64_t wanted[2] = {3, 2};
    struct lc_err err = LC_ERR_INIT;
    const struct lc_tensor *t;
    struct lc_tensors set;

    (void)state;
    assert_ok(lc_safetensors_open(&set, DATA "safetensors/mixed.safetensors", &err), &err);
    assert_refused(lc_tensors_need(&set, "f32", 2, wanted, &t, &err), &err, "shape [2, 3]", "wanted: [3, 2]");
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_tensors_need(&set, "none", 2, wanted, &t, &err), &err, "tensor none is missing",
                   "mixed");
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_tensors_need(&set, "i64", 1, wanted, &t, &err), &err, "dtype I64", "F32");
    lc_tensors_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_dtype),
        cmocka_unit_test(reads_half_precision_exactly),
        cmocka_unit_test(transposes),
        cmocka_unit_test(refuses_what_float32_cannot_hold),
        cmocka_unit_test(refuses_bad_headers),
        cmocka_unit_test(refuses_header_lengths),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(opens_and_refuses_shards),
        cmocka_unit_test(need_names_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

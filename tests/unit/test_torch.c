/* torch.save files against PyTorch's own, and pickles that must be refused. */
#include "format_fixture.h"

#include "../../src/format/format_internal.h"

static const struct lc_tensor *tensor(const struct lc_tensors *set, const char *name)
{
    const struct lc_tensor *t = lc_tensors_find(set, name);

    if (!t)
        fail_msg("no tensor %s", name);
    return t;
}

static void reads_a_state_dict(void **state)
{
    static const struct {
        const char *name;
        int rank;
        int64_t count, first; /* place of the first value in the ramp */
    } rows[] = {{"f64", 1, 3, 0},   {"f32", 2, 6, 0},       {"f16", 1, 5, 0},  {"bf16", 2, 4, 0},
                {"empty", 2, 0, 0}, {"parameter", 1, 4, 0}, {"tail", 2, 9, 3}, {"whole", 2, 12, 0}};
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;
    float x[12];

    (void)state;
    assert_ok(lc_torch_open(&set, DATA "torch/state.pt", &err), &err);
    assert_int_equal(set.count, 14);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const struct lc_tensor *t = tensor(&set, rows[r].name);
        assert_int_equal(t->rank, rows[r].rank);
        assert_int_equal(t->count, rows[r].count);
        assert_ok(lc_tensor_read_f32(t, x, &err), &err);
        for (int64_t i = 0; i < t->count; i++)
            assert_true(x[i] == ramp(rows[r].first + i));
    }
    assert_int_equal(tensor(&set, "i64")->data[16], 2);
    assert_int_equal(tensor(&set, "i32")->data[8], 2);
    assert_int_equal(tensor(&set, "bool")->dtype, LC_BOOL);
    assert_ok(lc_tensor_read_f32(tensor(&set, "scalar"), x, &err), &err);
    assert_true(tensor(&set, "scalar")->rank == 0 && x[0] == 2.5f);
    lc_tensors_close(&set);
}

static void reads_a_turned_matrix(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;
    float x[6], y[6];

    (void)state;
    assert_ok(lc_torch_open(&set, DATA "torch/state.pt", &err), &err);
    const struct lc_tensor *t = tensor(&set, "turned"); /* ramp(3, 2).T */
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    assert_ok(lc_tensor_read_f32(t, x, &err), &err);
    assert_ok(lc_tensor_read_f32_transposed(t, y, &err), &err);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++) {
            assert_true(x[3 * i + j] == ramp(2 * j + i));
            assert_true(y[2 * j + i] == ramp(2 * j + i));
        }
    lc_tensors_close(&set);
}

static int64_t integer(const struct lc_tensors *set, const char *name)
{
    int64_t value;

    assert_int_equal(tensor(set, name)->dtype, LC_I64);
    memcpy(&value, tensor(set, name)->data, sizeof value);
    return value;
}

static void flattens_nested_dicts(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;
    float x[3];

    (void)state;
    assert_ok(lc_torch_open(&set, DATA "torch/nested.pt", &err), &err);
    assert_int_equal(set.count, 7);
    assert_int_equal(integer(&set, "n.x"), 7);
    assert_int_equal(integer(&set, "n.neg"), -3);
    assert_int_equal(integer(&set, "n.big"), (int64_t)1 << 40);
    assert_int_equal(integer(&set, "n.3"), 70000);
    assert_int_equal(tensor(&set, "n.on")->data[0], 1);
    assert_ok(lc_tensor_read_f32(tensor(&set, "n.y"), x, &err), &err);
    assert_true(x[0] == 0.5f);
    assert_null(lc_tensors_find(&set, "n.text"));
    lc_tensors_close(&set);
}

static void reads_other_writers(void **state)
{
    static const char *const files[] = {"protocol4.pt", "repacked.pt", "legacy.pt"};
    struct lc_tensors set;
    float x[3];

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct lc_err err = LC_ERR_INIT;
        char path[128];
        snprintf(path, sizeof path, DATA "torch/%s", files[i]);
        assert_ok(lc_torch_open(&set, path, &err), &err);
        assert_ok(lc_tensor_read_f32(tensor(&set, "a"), x, &err), &err);
        assert_true(x[2] == ramp(2));
        lc_tensors_close(&set);
    }
    struct lc_err err = LC_ERR_INIT;
    assert_ok(lc_torch_open(&set, DATA "torch/linear.pt", &err), &err); /* has _metadata: BUILD */
    assert_int_equal(tensor(&set, "weight")->shape[1], 2);
    lc_tensors_close(&set);
}

static void refuses_files(void **state)
{
    static const struct {
        const char *file, *one, *two;
    } rows[] = {
        {"system.pt", "global 'posix system'", "refused"},
        {"module.pt", "global 'torch.nn.modules.linear Linear'", "refused"},
        {"sparse.pt", "global 'torch._utils _rebuild_sparse_tensor'", "refused"},
        {"complex.pt", "global 'torch ComplexFloatStorage'", "refused"},
        {"deflated.pt", "is compressed (method 8", "stored entries"},
        {"bomb.pt", "is compressed (method 8", "stored entries"},
        {"big_endian.pt", "byteorder", "little"},
        {"short_storage.pt", "storage '0' holds 8 bytes", "3 values of FloatStorage"},
        {"no_storage.pt", "data/0' is missing", ""},
        {"no_pickle.pt", "without data.pkl", ""},
        {"two_tops.pt", "more than one folder", "data.pkl"},
        {"strided.pt", "shape [4, 8] has the strides of a view", ".contiguous()"},
        {"list.pt", "holds a list", "a dict of tensors"},
        {"absent.pt", "No such file", ""},
        {"../expected.txt", "not a zip file", ""},
    };

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_tensors set;
        char path[128];
        snprintf(path, sizeof path, DATA "torch/%s", rows[r].file);
        assert_refused(lc_torch_open(&set, path, &err), &err, rows[r].one, rows[r].two);
        assert_refused(err.code, &err, path, "");
        assert_int_equal(set.count, 0);
    }
}

static void refuses_every_truncation(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map whole;
    struct lc_tensors set;

    (void)state;
    assert_ok(lc_map_open(&whole, DATA "torch/repacked.pt", &err), &err);
    for (size_t n = 0; n < whole.size; n++) {
        unsigned char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, whole.data, n);
        err = (struct lc_err)LC_ERR_INIT;
        assert_int_not_equal(lc_torch_parse(&set, "f", (struct lc_map){copy, n}, &err), LC_OK);
        free(copy);
    }
    lc_map_close(&whole);
}

/* Any one byte changed: the parser may accept or refuse, but must stay within the file. */
static void survives_every_changed_byte(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map whole;
    struct lc_tensors set;
    float x[4096];

    (void)state;
    assert_ok(lc_map_open(&whole, DATA "torch/repacked.pt", &err), &err);
    unsigned char *copy = malloc(whole.size);
    assert_non_null(copy);
    for (size_t n = 0; n < whole.size; n++)
        for (int bit = 0; bit < 8; bit += 7) {
            memcpy(copy, whole.data, whole.size);
            copy[n] = (unsigned char)(copy[n] ^ 1 << bit);
            err = (struct lc_err)LC_ERR_INIT;
            if (lc_torch_parse(&set, "f", (struct lc_map){copy, whole.size}, &err) != LC_OK)
                continue;
            for (int64_t i = 0; i < set.count; i++)
                if (set.item[i].count <= 4096)
                    (void)lc_tensor_read_f32(&set.item[i], x, &err);
            lc_tensors_close(&set);
        }
    free(copy);
    lc_map_close(&whole);
}

/* --- pickles by hand --- */

static int sixteen_bytes(void *context, const struct lc_storage_id *id, struct lc_map *bytes, struct lc_err *err)
{
    static const unsigned char data[16];

    (void)context, (void)id, (void)err;
    *bytes = (struct lc_map){data, sizeof data};
    return LC_OK;
}

#define P                  "\x80\x02"
#define TEXT(length, text) "X" length "\0\0\0" text
#define REBUILD            "ctorch._utils\n_rebuild_tensor_v2\n"
#define ID(type, count)                                                                                      \
    "(" TEXT("\7", "storage") "ctorch\n" type "\n" TEXT("\1", "0") TEXT("\3", "cpu") count "tQ"
#define STORE ID("FloatStorage", "K\4")
/* a tensor of the four floats: offset, size, stride */
#define TENSOR(offset, size, stride) P REBUILD "(" STORE offset size stride "\211NtR."
#define ROW(bytes, one, two)                                                                                 \
    {                                                                                                        \
        bytes, sizeof(bytes) - 1, one, two                                                                   \
    }

static const struct {
    const char *bytes;
    size_t size;
    const char *one, *two; /* one NULL: accepted */
} pickles[] = {
    ROW(P "}.", NULL, NULL),
    ROW(TENSOR("K\0", "K\4\x85", "K\1\x85"), NULL, NULL),
    ROW(TENSOR("K\2", "K\2\x85", "K\1\x85"), NULL, NULL),
    ROW(TENSOR("K\0", "K\1K\4\x86", "K\x63K\1\x86"), NULL, NULL),
    ROW("", "ends early", ""),
    ROW(P, "ends early", ""),
    ROW(P "}", "ends early", ""),
    ROW(P ".", "stops with 0 values", ""),
    ROW(P "}}.", "stops with 2 values", ""),
    ROW(P "}(.", "1 marks", ""),
    ROW("\x80\x05}.", "protocol 5", "2 to 4"),
    ROW("\x80\x01}.", "protocol 1", ""),
    ROW(P "cos\nsystem\n.", "global 'os system'", "refused"),
    ROW(P "cbuiltins\neval\n" TEXT("\1", "1") "\x85R.", "global 'builtins eval'", "refused"),
    ROW(P "ctorch\nload\n.", "global 'torch load'", "refused"),
    ROW(P "ccollections\nOrderedDict2\n.", "global 'collections OrderedDict2'", ""),
    ROW(P "cbad\x1b[0m\nx\n.", "global 'bad?[0m x'", ""),
    ROW(P "cno newline", "ends within the name", ""),
    ROW("\x80\x04\x8c\2os\x8c\6system\x93.", "global 'os system'", "refused"),
    ROW(P "K\1K\2\x93.", "name is no text", ""),
    ROW(P "(S'x'\nios\nsystem\n.", "(STRING)", "refused"),
    ROW(P "(ios\nsystem\n.", "(INST)", "refused"),
    ROW(P ")\x81.", "(NEWOBJ)", "refused"),
    ROW(P "(o.", "(OBJ)", "refused"),
    ROW(P "\x82\1.", "(EXT1)", "refused"),
    ROW(P "\xff.", "0xff (no known opcode)", ""),
    ROW(P "K\1)R.", "a call of a int", ""),
    ROW(P "ctorch\nFloatStorage\n)R.", "a call of a global FloatStorage", ""),
    ROW(P "ccollections\nOrderedDict\n}R.", "a call of a global OrderedDict", ""),
    ROW(P "ccollections\nOrderedDict\nK\1\x85R.", "OrderedDict with arguments", ""),
    ROW(P "ctorch._utils\n_rebuild_parameter\n)R.", "_rebuild_parameter without a tensor", ""),
    ROW(P "K\1}b.", "BUILD on a int", ""),
    ROW(P "R.", "fewer than 2 values", ""),
    ROW(P "K\1K\2a.", "no list", ""),
    ROW(P "]K\1K\2s.", "no dict", ""),
    ROW(P "}(K\1u.", "key without a value", ""),
    ROW(P "u.", "no mark", ""),
    ROW(P "(u.", "no dict", ""),
    ROW(P "]((e.", "no list", ""),
    ROW(P "h\0.", "memo 0 was never set", ""),
    ROW(P "}r\xff\xff\xff\xff.", "memo index 4294967295", ""),
    ROW(P "q\0.", "fewer than 1", ""),
    ROW(P "X\xff\xff\xff\xffx.", "ends early", ""),
    ROW(P "\x8a\11abcdefghi.", "integer of 9 bytes", "at most 8"),
    ROW("\x80\x04\x95\xff\0\0\0\0\0\0\0}.", "frame of 255 bytes", ""),
    ROW(P "K\1Q.", "persistent id", ""),
    ROW(P "Q.", "fewer than 1", ""),
    ROW(P ID("FloatStorage", "K\5") ".", "holds 16 bytes", "5 values"),
    ROW(P ID("FloatStorage", "J\xff\xff\xff\xff") ".", "persistent id", ""),
    ROW(P ID("DoubleStorage", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f") ".", "holds 16 bytes",
        "DoubleStorage"),
    ROW(TENSOR("K\0", "K\5\x85", "K\1\x85"), "5 values at offset 0", "storage of 4"),
    ROW(TENSOR("K\1", "K\4\x85", "K\1\x85"), "4 values at offset 1", "storage of 4"),
    ROW(TENSOR("J\xff\xff\xff\xff", "K\4\x85", "K\1\x85"), "offset -1", "storage of 4"),
    ROW(TENSOR("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "K\4\x85", "K\1\x85"), "does not fit", ""),
    ROW(TENSOR("K\0", "J\xfe\xff\xff\xff\x85", "K\1\x85"), "negative", ""),
    ROW(TENSOR("K\0", "\x8a\x08\0\0\0\0\0\0\0\x40K\4\x86", "K\4K\1\x86"), "too large", ""),
    ROW(TENSOR("K\0", "K\2\x85", "K\2\x85"), "strides of a view", ""),
    ROW(TENSOR("K\0", "K\2\x85", "K\0\x85"), "strides of a view", ""),
    ROW(TENSOR("K\0", "K\2\x85", "J\xff\xff\xff\xff\x85"), "strides of a view", ""),
    ROW(TENSOR("K\0", "K\2\x85", "K\2K\1\x86"), "1 dimensions with 2 strides", ""),
    ROW(TENSOR("K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"), "at most 8", ""),
    ROW(TENSOR("K\0", "N\x85", "K\1\x85"), "no integer", ""),
    ROW(TENSOR("N", "K\1\x85", "K\1\x85"), "_rebuild_tensor_v2 with arguments", ""),
    ROW(P REBUILD ")R.", "_rebuild_tensor_v2 with arguments", ""),
};

static void runs_or_refuses_pickles(void **state)
{
    const struct lc_pickle_storages storages = {sixteen_bytes, NULL};

    (void)state;
    for (size_t r = 0; r < sizeof pickles / sizeof *pickles; r++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_pickle pickle;
        unsigned char *copy = malloc(pickles[r].size ? pickles[r].size : 1);
        assert_non_null(copy);
        memcpy(copy, pickles[r].bytes, pickles[r].size);
        struct lc_map bytes = {copy, pickles[r].size};
        int rc = lc_pickle_parse(&pickle, "p.pkl", bytes, &storages, &err);
        if (pickles[r].one)
            assert_refused(rc, &err, pickles[r].one, pickles[r].two);
        else
            assert_ok(rc, &err);
        lc_pickle_release(&pickle);
        free(copy);
    }
}

static void marks_are_bounded(void **state)
{
    const struct lc_pickle_storages storages = {sixteen_bytes, NULL};
    struct lc_err err = LC_ERR_INIT;
    struct lc_pickle pickle;
    unsigned char deep[2000];

    (void)state;
    memset(deep, '(', sizeof deep);
    assert_refused(lc_pickle_parse(&pickle, "p", (struct lc_map){deep, sizeof deep}, &storages, &err), &err,
                   "nests deeper", "p");
}

/* --- zips by hand: one stored entry a/data.pkl --- */

static size_t put(unsigned char *out, size_t at, const void *data, size_t size)
{
    memcpy(out + at, data, size);
    return at + size;
}

static size_t put_number(unsigned char *out, size_t at, uint32_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[at + i] = (unsigned char)(value >> 8 * i);
    return at + size;
}

static size_t make_zip(unsigned char *out, const void *pickle, uint32_t size, uint32_t crc)
{
    static const char name[] = "a/data.pkl";
    size_t at = put(out, 0, "PK\3\4\12\0\0\0\0\0\0\0\0\0", 14), directory;

    at = put_number(out, at, crc, 4);
    at = put_number(out, put_number(out, at, size, 4), size, 4);
    at = put_number(out, put_number(out, at, 10, 2), 0, 2);
    directory = at = put(out, put(out, at, name, 10), pickle, size);
    at = put(out, at, "PK\1\2\12\0\12\0\0\0\0\0\0\0\0\0", 16);
    at = put_number(out, at, crc, 4);
    at = put_number(out, put_number(out, at, size, 4), size, 4);
    at = put(out, at, "\12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);
    at = put(out, at, name, 10);
    size = (uint32_t)(at - directory);
    at = put(out, at, "PK\5\6\0\0\0\0\1\0\1\0", 12);
    at = put_number(out, put_number(out, at, size, 4), (uint32_t)directory, 4);
    return put_number(out, at, 0, 2);
}

/* Ten dicts, each holding the one before it 16 times: 16^10 paths in a kilobyte. A tuple takes them off the
 * stack before the last one comes back from the memo as the value of the root. */
static size_t make_wide(unsigned char *out)
{
    size_t at = put(out, 0, P "}(X\1\0\0\0t(}q\0", 14);

    for (unsigned char level = 1; level <= 10; level++) {
        at = put(out, at, "}q", 2);
        at = put_number(out, at, level, 1);
        at = put(out, at, "(", 1);
        for (unsigned char i = 0; i < 16; i++) {
            at = put_number(out, put(out, at, "K", 1), i, 1);
            at = put_number(out, put(out, at, "h", 1), level - 1u, 1);
        }
        at = put(out, at, "u", 1);
    }
    return put(out, at, "tX\1\0\0\0wh\12u.", 11);
}

static void bounds_hostile_trees(void **state)
{
    static const char itself[] = P "}q\0(X\1\0\0\0ah\0u."; /* a dict that holds itself */
    static const char good[] = P "}(X\1\0\0\0aK\7u.";
    unsigned char wide[4096], zip[8192];
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;
    size_t size = make_zip(zip, good, sizeof good - 1, 0);

    (void)state;
    assert_ok(lc_torch_parse(&set, "f", (struct lc_map){zip, size}, &err), &err);
    assert_int_equal(integer(&set, "a"), 7);
    lc_tensors_close(&set);
    size = make_zip(zip, itself, sizeof itself - 1, 0);
    assert_refused(lc_torch_parse(&set, "f", (struct lc_map){zip, size}, &err), &err, "nest deeper than 16",
                   "f");
    err = (struct lc_err)LC_ERR_INIT;
    size = make_zip(zip, wide, (uint32_t)make_wide(wide), 0);
    assert_refused(lc_torch_parse(&set, "f", (struct lc_map){zip, size}, &err), &err,
                   "more than 1048576 values", "f");
}

static void reads_real_dictionaries(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    char path[LC_PATH_MAX];
    struct lc_tensors set;

    (void)state;
    if (!shared_path(path, "data/published-code/results/correlation_matrix_resid_out_layer2.pt"))
        skip();
    assert_ok(lc_torch_open(&set, path, &err), &err);
    assert_int_equal(tensor(&set, "covariance_matrix")->shape[0], 37);
    lc_tensors_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_state_dict),
        cmocka_unit_test(reads_a_turned_matrix),
        cmocka_unit_test(flattens_nested_dicts),
        cmocka_unit_test(reads_other_writers),
        cmocka_unit_test(refuses_files),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_changed_byte),
        cmocka_unit_test(runs_or_refuses_pickles),
        cmocka_unit_test(marks_are_bounded),
        cmocka_unit_test(bounds_hostile_trees),
        cmocka_unit_test(reads_real_dictionaries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

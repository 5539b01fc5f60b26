/* Token ids against those of the `tokenizers` library (tests/reference/make_tokenizer_data.py). */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "lightcone/file.h"
#include "lightcone/hash.h"
#include "lightcone/memory.h"
#include "lightcone/tokenizer.h"

#define DATA "tests/data/tokenizer/"

static const char *shared_folder(void)
{
    const char *folder = getenv("LC_SHARED");

    return folder ? folder : "../shared";
}

static struct lc_tokenizer *open_tokenizer(const char *path)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_tokenizer *tok = NULL;

    if (lc_tokenizer_open(&tok, path, &err) != LC_OK)
        fail_msg("%s", err.msg);
    return tok;
}

static struct lc_ids encode(const struct lc_tokenizer *tok, const char *text, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ids ids = {0};

    if (lc_tokenizer_encode(tok, text, size, &ids, &err) != LC_OK)
        fail_msg("%s", err.msg);
    return ids;
}

static void hash_ids(char hex[LC_HASH_HEX], const struct lc_ids *ids)
{
    struct lc_err err = LC_ERR_INIT;

    assert_int_equal(lc_hash_bytes(hex, ids->id, (size_t)ids->count * sizeof *ids->id, &err), LC_OK);
}

static void check_string(const struct lc_tokenizer *tok, size_t row, const json_t *text, const json_t *wanted)
{
    struct lc_ids ids = encode(tok, json_string_value(text), json_string_length(text));
    char hex[LC_HASH_HEX];

    if (json_is_string(wanted)) {
        hash_ids(hex, &ids);
        assert_string_equal(hex, json_string_value(wanted));
    } else {
        if (ids.count != (int64_t)json_array_size(wanted))
            fail_msg("string %zu: %" PRId64 " ids for %zu", row, ids.count, json_array_size(wanted));
        for (size_t i = 0; i < json_array_size(wanted); i++)
            if (ids.id[i] != json_integer_value(json_array_get(wanted, i)))
                fail_msg("string %zu: id %zu is %d", row, i, ids.id[i]);
    }
    lc_ids_release(&ids);
}

static void check_kind(const char *kind)
{
    char path[256];
    json_error_t why;
    json_t *rows = json_load_file(DATA "ids.json", JSON_ALLOW_NUL, &why), *row;
    struct lc_tokenizer *tok;
    size_t i;

    snprintf(path, sizeof path, DATA "%s.tokenizer.json", kind);
    tok = open_tokenizer(path);
    assert_true(json_array_size(rows) > 300);
    json_array_foreach(rows, i, row)
        check_string(tok, i, json_object_get(row, "text"), json_object_get(row, kind));
    lc_tokenizer_close(tok);
    json_decref(rows);
}

static void neox_strings(void **state)
{
    (void)state;
    check_kind("neox");
}

static void gpt2_strings(void **state)
{
    (void)state;
    check_kind("gpt2");
}

static void llama3_strings(void **state)
{
    (void)state;
    check_kind("llama3");
}

/* GPT-2 is published as a vocabulary and a list of merges: put them into one file. */
static void build_gpt2(const char *out)
{
    char vocab[LC_PATH_MAX], merges[LC_PATH_MAX], line[4096];
    json_t *list = json_array(), *root;
    FILE *f;

    snprintf(vocab, sizeof vocab, "%s/data/tokenizers/gpt2-vocab.json", shared_folder());
    snprintf(merges, sizeof merges, "%s/data/tokenizers/gpt2-merges.txt", shared_folder());
    f = fopen(merges, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line)
            json_array_append_new(list, json_string(line));
    }
    fclose(f);
    root = json_pack("{s:n, s:{s:s, s:b}, s:[{s:i, s:s, s:b, s:b, s:b, s:b, s:b}], s:{s:s, s:o, s:o}}",
                     "normalizer", "pre_tokenizer", "type", "ByteLevel", "add_prefix_space", 0,
                     "added_tokens", "id", 50256, "content", "<|endoftext|>", "single_word", 0, "lstrip", 0,
                     "rstrip", 0, "normalized", 0, "special", 1, "model", "type", "BPE", "vocab",
                     json_load_file(vocab, 0, NULL), "merges", list);
    assert_non_null(root);
    assert_int_equal(json_dump_file(root, out, 0), 0);
    json_decref(root);
}

/* Where no normalizer is at work, the bytes of the ids are the text. */
static void check_bytes(const struct lc_tokenizer *tok, const struct lc_ids *ids, const void *text,
                        size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_bytes back = {0};
    size_t n;

    for (int64_t i = 0; i < ids->count; i++) {
        const unsigned char *p = lc_tokenizer_bytes(tok, ids->id[i], &n);
        assert_int_equal(lc_bytes_add(&back, p, n, &err), LC_OK);
    }
    assert_int_equal(back.size, size);
    assert_memory_equal(back.data, text, size);
    lc_bytes_release(&back);
}

static void check_file(const struct lc_tokenizer *tok, const char *text, int64_t count, const char *hash,
                       int plain)
{
    struct lc_err err = LC_ERR_INIT;
    char path[LC_PATH_MAX], hex[LC_HASH_HEX];
    struct lc_map map;
    struct lc_ids ids;

    snprintf(path, sizeof path, "%s/data/wikitext-2/%s", shared_folder(), text);
    assert_int_equal(lc_map_open(&map, path, &err), LC_OK);
    ids = encode(tok, (const char *)map.data, map.size);
    hash_ids(hex, &ids);
    assert_int_equal(ids.count, count);
    assert_string_equal(hex, hash);
    if (plain)
        check_bytes(tok, &ids, map.data, map.size);
    lc_ids_release(&ids);
    lc_map_close(&map);
}

static void whole_files(void **state)
{
    char folder[] = "/tmp/lc-tokenizer-XXXXXX", gpt2[64], neox[LC_PATH_MAX], kind[32], text[32], hash[80];
    struct lc_tokenizer *tok[2];
    long long count;
    int lines = 0;
    FILE *f;

    (void)state;
    snprintf(neox, sizeof neox, "%s/data/tokenizers/gpt-neox-20b.tokenizer.json", shared_folder());
    if (!lc_path_is_file(neox)) {
        print_message("skipped: no %s\n", neox);
        skip();
    }
    assert_non_null(mkdtemp(folder));
    snprintf(gpt2, sizeof gpt2, "%s/tokenizer.json", folder);
    build_gpt2(gpt2);
    tok[0] = open_tokenizer(neox);
    tok[1] = open_tokenizer(gpt2);
    f = fopen(DATA "hashes.txt", "r");
    assert_non_null(f);
    for (; fscanf(f, "%31s %31s %lld %79s", kind, text, &count, hash) == 4; lines++)
        check_file(tok[strcmp(kind, "gpt2") == 0], text, count, hash, strcmp(kind, "gpt2") == 0);
    assert_int_equal(lines, 6);
    assert_int_equal(lc_tokenizer_bos(tok[0]), 0);
    assert_int_equal(lc_tokenizer_bos(tok[1]), 50256);
    assert_int_equal(lc_tokenizer_vocab_size(tok[0]), 50277);
    fclose(f);
    lc_tokenizer_close(tok[0]);
    lc_tokenizer_close(tok[1]);
    unlink(gpt2);
    rmdir(folder);
}

static void bytes_give_the_text_back(void **state)
{
    static const char text[] = "It's 3 caf\xc3\xa9s \xf0\x9f\x99\x82\n\t<|endoftext|> <|end|><|x|>!";
    struct lc_tokenizer *tok = open_tokenizer(DATA "llama3.tokenizer.json");
    struct lc_ids ids = encode(tok, text, sizeof text - 1);
    size_t size;

    (void)state;
    check_bytes(tok, &ids, text, sizeof text - 1);
    assert_non_null(lc_tokenizer_bytes(tok, -1, &size));
    assert_int_equal(size, 0);
    assert_non_null(lc_tokenizer_bytes(tok, (int32_t)lc_tokenizer_vocab_size(tok), &size));
    assert_int_equal(size, 0);
    lc_ids_release(&ids);
    lc_tokenizer_close(tok);
}

static void invalid_utf8_is_refused(void **state)
{
    static const char *const text[] = {"abc\xff", "abc\xc3", "abc\xed\xa0\x80", "abc\xc0\x80",
                                       "abc\xf4\x90\x80\x80"};
    struct lc_tokenizer *tok = open_tokenizer(DATA "neox.tokenizer.json");
    struct lc_ids ids = {0};

    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        struct lc_err err = LC_ERR_INIT;
        assert_int_equal(lc_tokenizer_encode(tok, text[i], strlen(text[i]), &ids, &err), LC_E_FORMAT);
        assert_non_null(strstr(err.msg, "byte offset 3"));
        assert_int_equal(ids.count, 0);
    }
    lc_ids_release(&ids);
    lc_tokenizer_close(tok);
}

/* One word of a megabyte, and a run of combining marks in the wrong order: no quadratic time. */
static void long_words_take_little_time(void **state)
{
    enum { SIZE = 1 << 20 };
    struct lc_tokenizer *tok = open_tokenizer(DATA "neox.tokenizer.json");
    char *text = malloc(SIZE);
    struct lc_ids ids;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = "then"[i % 4];
    ids = encode(tok, text, SIZE);
    assert_true(ids.count > SIZE / 8);
    lc_ids_release(&ids);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = "\xcc\x95\xcc\x96"[i % 4];
    ids = encode(tok, text, SIZE);
    assert_true(ids.count > SIZE / 8);
    lc_ids_release(&ids);
    free(text);
    lc_tokenizer_close(tok);
}

#define FLAGS "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true"
#define PRE   "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"
#define SPLIT(pattern, behavior)                                                                             \
    "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":" pattern  \
    ",\"behavior\":\"" behavior "\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"   \
    "\"use_regex\":false}]}," MODEL "}"

static const struct {
    const char *json, *message; /* message NULL: accepted */
} files[] = {
    {"{" PRE "," MODEL "}", NULL},
    {"{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}]}," PRE "," MODEL "}", NULL},
    {"{" PRE ",\"model\":{\"vocab\":{\"a\":0},\"merges\":[],\"end_of_word_suffix\":\"\"}}", NULL},
    {SPLIT("{\"String\":\"(\"}", "Removed"), NULL},
    {"", "not JSON"},
    {"[1]", "the file is an array"},
    {"{" PRE "}", "model is missing; allowed: an object"},
    {"{" PRE ",\"model\":{\"type\":\"Unigram\"}}", "model.type is 'Unigram'; allowed: BPE"},
    {"{" PRE ",\"model\":{\"type\":\"WordPiece\"}}", "model.type is 'WordPiece'; allowed: BPE"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"dropout\":0.1}}", "model.dropout is a number; allowed: null"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"unk_token\":\"u\"}}", "model.unk_token is 'u'; allowed: null"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"byte_fallback\":true}}",
     "model.byte_fallback is true; allowed: false"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\"}}",
     "model.end_of_word_suffix is '</w>'"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":[],\"merges\":[]}}", "model.vocab is an array"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "model.vocab is empty"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", "model.vocab['a'] is -1"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":2147483647},\"merges\":[]}}",
     "is 2147483647; allowed"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":70000},\"merges\":[]}}",
     "the largest id is 70000"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,\"b\":1},\"merges\":[]}}",
     "two entries have the id 1"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "duplicate"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a z\"]}}",
     "model.merges[0]: 'z' is not in the vocabulary"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"a\"]]}}",
     "the merged 'aa' is not"},
    {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}",
     "model.merges[0] is 'a'"},
    {"{\"normalizer\":{\"type\":\"Lowercase\"}," PRE "," MODEL "}", "normalizer.type is 'Lowercase'"},
    {"{" MODEL "}", "pre_tokenizer.type is missing"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\"}," MODEL "}", "pre_tokenizer.type is 'Metaspace'"},
    {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"}]}," MODEL "}",
     "pre_tokenizer.pretokenizers[0].type is 'Digits'"},
    {SPLIT("{\"Regex\":\"a\"}", "MergedWithNext"), "pretokenizers[0].behavior is 'MergedWithNext'"},
    {SPLIT("{\"Regex\":\"a\\\\w\"}", "Isolated"), "an escape at byte 1"},
    {SPLIT("{\"Regex\":\"a$\"}", "Isolated"), "an anchor at byte 1"},
    {SPLIT("{\"Regex\":\"(a\"}", "Isolated"), "a group that does not end"},
    {SPLIT("{\"Regex\":\"(*ACCEPT)a\"}", "Isolated"), "a group of an unknown kind"},
    {SPLIT("{\"Regex\":\"[a[b]]\"}", "Isolated"), "a set within a set"},
    {SPLIT("{\"Regex\":\"[a\"}", "Isolated"), "a set that does not end"},
    {SPLIT("{\"Regex\":\"\\\\p{Han}\"}", "Isolated"), "a property at byte 0"},
    {SPLIT("{\"Regex\":\"a{2}+\"}", "Isolated"), "a '{' at byte 1"},
    {SPLIT("{\"Regex\":\"?\"}", "Isolated"), "refused by PCRE2"},
    {"{\"added_tokens\":[{\"id\":3,\"content\":\"x\"," FLAGS "}]," PRE "," MODEL "}", NULL},
    {"{\"added_tokens\":[{\"id\":9,\"content\":\"x\"," FLAGS "}]," PRE "," MODEL "}",
     "added_tokens[0].id is 9; allowed: 3"},
    {"{\"added_tokens\":[{\"id\":3,\"content\":\"\"," FLAGS "}]," PRE "," MODEL "}",
     "added_tokens[0].content is ''"},
    {"{\"added_tokens\":[{\"id\":3}]," PRE "," MODEL "}", "added_tokens[0].single_word is missing"},
    {"{\"added_tokens\":[{\"id\":3,\"content\":\"x\",\"single_word\":false,\"lstrip\":true}]," PRE "," MODEL
     "}",
     "added_tokens[0].lstrip is true; allowed: false"},
    {"{\"added_tokens\":[{\"id\":0,\"content\":\"a\"," FLAGS "},{\"id\":0,\"content\":\"a\"," FLAGS "}]," PRE
     "," MODEL "}",
     "have the same content"},
};

/* Three tokens and one merge, worked by hand; 'c' has no token. */
static void merges_by_hand(void **state)
{
    static const int32_t wanted[] = {2, 2, 1, 0, 2};
    char path[] = "/tmp/lc-tokenizer-XXXXXX";
    struct lc_err err = LC_ERR_INIT;
    struct lc_tokenizer *tok;
    struct lc_ids ids;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(lc_file_write(path, files[0].json, strlen(files[0].json), &err), LC_OK);
    tok = open_tokenizer(path);
    ids = encode(tok, "ababbaacb", 9);
    assert_int_equal(ids.count, 5);
    assert_memory_equal(ids.id, wanted, sizeof wanted);
    lc_ids_release(&ids);
    lc_tokenizer_close(tok);
    unlink(path);
}

/* What tokenizers 0.23 decodes from added tokens: stand-ins for bytes, unless a character is none. */
static void added_tokens_decode_through_the_table(void **state)
{
    static const char *const content[] = {"\xc4\xa0x", "\xc3\xa9t\xc3\xa9", "\xe6\x97\xa5", "\xc3\xa9 b"};
    static const char *const wanted[] = {" x", "\xe9t\xe9", "\xe6\x97\xa5", "\xc3\xa9 b"};
    char path[] = "/tmp/lc-tokenizer-XXXXXX", json[2048];
    struct lc_err err = LC_ERR_INIT;
    struct lc_tokenizer *tok;
    int fd = mkstemp(path), n = snprintf(json, sizeof json, "{" PRE "," MODEL ",\"added_tokens\":[");

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < 4; i++)
        n += snprintf(json + n, sizeof json - (size_t)n, "%s{\"id\":%d,\"content\":\"%s\"," FLAGS "}", i ? "," : "",
                      3 + i, content[i]);
    snprintf(json + n, sizeof json - (size_t)n, "]}");
    assert_int_equal(lc_file_write(path, json, strlen(json), &err), LC_OK);
    tok = open_tokenizer(path);
    for (int i = 0; i < 4; i++) {
        size_t size;
        const unsigned char *bytes = lc_tokenizer_bytes(tok, 3 + i, &size);
        assert_int_equal(size, strlen(wanted[i]));
        assert_memory_equal(bytes, wanted[i], size);
    }
    lc_tokenizer_close(tok);
    unlink(path);
}

static void other_files_are_refused_by_name(void **state)
{
    char folder[] = "/tmp/lc-tokenizer-XXXXXX", path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/t.json", folder);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_tokenizer *tok = NULL;
        int rc;
        assert_int_equal(lc_file_write(path, files[i].json, strlen(files[i].json), &err), LC_OK);
        rc = lc_tokenizer_open(&tok, path, &err);
        if (rc != (files[i].message ? LC_E_FORMAT : LC_OK))
            fail_msg("file %zu: %s", i, err.msg);
        if (files[i].message && (!strstr(err.msg, files[i].message) || !strstr(err.msg, "t.json")))
            fail_msg("file %zu: '%s' is not in '%s'", i, files[i].message, err.msg);
        if (rc == LC_OK)
            lc_tokenizer_close(tok);
    }
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neox_strings),
        cmocka_unit_test(gpt2_strings),
        cmocka_unit_test(llama3_strings),
        cmocka_unit_test(whole_files),
        cmocka_unit_test(bytes_give_the_text_back),
        cmocka_unit_test(invalid_utf8_is_refused),
        cmocka_unit_test(long_words_take_little_time),
        cmocka_unit_test(merges_by_hand),
        cmocka_unit_test(added_tokens_decode_through_the_table),
        cmocka_unit_test(other_files_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

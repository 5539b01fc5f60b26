/* tokenizer_json.c - a tokenizer.json (jansson) to a struct lc_tokenizer. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tokenizer_internal.h"

enum {
    FILE_MAX = 64 << 20,
    ADDED_TOTAL_MAX = 4 << 20, /* bytes of all added tokens */
    ID_MAX = INT32_MAX - 1,
};

struct parse {
    struct lc_tokenizer *tok;
    const char *path;
    json_t *root;
    struct lc_dict vocab; /* entry as written, to id */
    int64_t entries;      /* of the vocabulary */
    int64_t ids;          /* one more than the largest id so far */
    struct lc_err *err;
};

static const char *kind_of(const json_t *v)
{
    static const char *const name[] = {"an object", "an array", "a text", "an integer",
                                       "a number",  "true",     "false",  "null"};

    return v ? name[json_typeof(v)] : "missing";
}

/* "path: key is X; allowed: Y" for a value of a wrong kind. */
static int wrong(struct parse *p, const char *key, const json_t *found, const char *allowed)
{
    if (json_is_string(found))
        return LC_FAIL(p->err, LC_E_FORMAT, "%s: %s is '%.60s'; allowed: %s", p->path, key,
                       json_string_value(found), allowed);
    if (json_is_integer(found))
        return LC_FAIL(p->err, LC_E_FORMAT, "%s: %s is %" JSON_INTEGER_FORMAT "; allowed: %s", p->path, key,
                       json_integer_value(found), allowed);
    return LC_FAIL(p->err, LC_E_FORMAT, "%s: %s is %s; allowed: %s", p->path, key, kind_of(found), allowed);
}

static int absent(const json_t *v)
{
    return !v || json_is_null(v);
}

static int is_text(const json_t *v, const char *text)
{
    return json_is_string(v) && strcmp(json_string_value(v), text) == 0;
}

/* A required true or false. */
static int read_bool(struct parse *p, const json_t *object, const char *where, const char *key, int *out)
{
    const json_t *v = json_object_get(object, key);
    char name[160];

    snprintf(name, sizeof name, "%s.%s", where, key);
    if (!json_is_boolean(v))
        return wrong(p, name, v, "true or false");
    *out = json_is_true(v);
    return LC_OK;
}

static int read_normalizer(struct parse *p, const json_t *v, const char *where, int nested)
{
    const json_t *type = json_object_get(v, "type"), *list = json_object_get(v, "normalizers"), *item;
    size_t i;
    int rc = LC_OK;

    if (is_text(type, "NFC")) {
        p->tok->nfc = 1;
        return LC_OK;
    }
    if (nested || !is_text(type, "Sequence") || !json_is_array(list))
        return wrong(p, where, type ? type : v, "null, NFC, or a Sequence of NFC");
    json_array_foreach(list, i, item)
    {
        rc = read_normalizer(p, item, "normalizer.normalizers[].type", 1);
        if (rc != LC_OK)
            break;
    }
    return rc;
}

static int new_stage(struct parse *p, const char *where, struct lc_stage **stage)
{
    if (p->tok->stages == LC_STAGES_MAX - 1)
        return LC_FAIL(p->err, LC_E_FORMAT, "%s: %s: too many pre-tokenizers; allowed: up to %d", p->path,
                       where, LC_STAGES_MAX - 1);
    *stage = &p->tok->stage[p->tok->stages++];
    return LC_OK;
}

static int read_byte_level(struct parse *p, const json_t *v, const char *where)
{
    struct lc_stage *stage = NULL;
    int regex = 1, rc;

    LC_TRY(rc, new_stage(p, where, &stage));
    LC_TRY(rc, read_bool(p, v, where, "add_prefix_space", &stage->prefix_space));
    if (json_object_get(v, "use_regex"))
        LC_TRY(rc, read_bool(p, v, where, "use_regex", &regex));
    if (regex)
        rc = lc_stage_compile(&stage->code, where, LC_BYTE_LEVEL_PATTERN, sizeof LC_BYTE_LEVEL_PATTERN - 1, 0,
                              p->err);
done:
    return rc;
}

static int read_split(struct parse *p, const json_t *v, const char *where)
{
    const json_t *pattern = json_object_get(v, "pattern"), *behavior = json_object_get(v, "behavior");
    const json_t *regex = json_object_get(pattern, "Regex"), *text = json_object_get(pattern, "String");
    const json_t *from = regex ? regex : text;
    struct lc_stage *stage = NULL;
    char name[160], place[512];
    int invert = 0, rc;

    snprintf(place, sizeof place, "%.300s: %s.pattern", p->path, where);
    LC_TRY(rc, new_stage(p, where, &stage));
    LC_TRY(rc, read_bool(p, v, where, "invert", &invert));
    snprintf(name, sizeof name, "%s.invert", where);
    if (invert)
        return wrong(p, name, json_object_get(v, "invert"), "false");
    snprintf(name, sizeof name, "%s.behavior", where);
    stage->removed = is_text(behavior, "Removed");
    if (!stage->removed && !is_text(behavior, "Isolated"))
        return wrong(p, name, behavior, "Isolated, Removed");
    snprintf(name, sizeof name, "%s.pattern", where);
    if (!json_is_string(from) || (regex && text))
        return wrong(p, name, pattern, "{\"Regex\": text} or {\"String\": text}");
    rc = lc_stage_compile(&stage->code, place, json_string_value(from), json_string_length(from), !regex,
                          p->err);
done:
    return rc;
}

static int read_pretokenizers(struct parse *p, const json_t *list)
{
    size_t i, last = json_array_size(list) - 1;
    const json_t *item;
    int rc = LC_OK;

    if (!json_is_array(list) || json_array_size(list) == 0)
        return wrong(p, "pre_tokenizer.pretokenizers", list, "a list that ends in ByteLevel");
    json_array_foreach(list, i, item)
    {
        const json_t *type = json_object_get(item, "type");
        char where[64], name[80];
        snprintf(where, sizeof where, "pre_tokenizer.pretokenizers[%zu]", i);
        snprintf(name, sizeof name, "%s.type", where);
        if (i == last && is_text(type, "ByteLevel"))
            rc = read_byte_level(p, item, where);
        else if (i < last && is_text(type, "Split"))
            rc = read_split(p, item, where);
        else
            rc =
                wrong(p, name, type, i == last ? "ByteLevel, as the last one" : "Split, before the last one");
        if (rc != LC_OK)
            break;
    }
    return rc;
}

static int read_pretokenizer(struct parse *p)
{
    const json_t *v = json_object_get(p->root, "pre_tokenizer"), *type = json_object_get(v, "type");

    if (is_text(type, "ByteLevel"))
        return read_byte_level(p, v, "pre_tokenizer");
    if (is_text(type, "Sequence"))
        return read_pretokenizers(p, json_object_get(v, "pretokenizers"));
    return wrong(p, "pre_tokenizer.type", type ? type : v, "ByteLevel, or a Sequence of Split and ByteLevel");
}

/* Options that change the ids and are not supported must be off. */
static int check_model(struct parse *p, const json_t *model)
{
    static const char *const off[] = {
        "dropout",       "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
        "byte_fallback", "fuse_unk"};
    const json_t *type = json_object_get(model, "type");

    if (!json_is_object(model))
        return wrong(p, "model", model, "an object");
    /* files of the first years have no type: only BPE has both a vocabulary object and a list of merges */
    if (!is_text(type, "BPE") && type)
        return wrong(p, "model.type", type, "BPE");
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        const json_t *v = json_object_get(model, off[i]);
        char name[64];
        snprintf(name, sizeof name, "model.%s", off[i]);
        if (!absent(v) && !json_is_false(v) && !is_text(v, ""))
            return wrong(p, name, v, i < 4 ? "null" : "false");
    }
    if (!json_is_object(json_object_get(model, "vocab")))
        return wrong(p, "model.vocab", json_object_get(model, "vocab"), "an object");
    if (!json_is_array(json_object_get(model, "merges")))
        return wrong(p, "model.merges", json_object_get(model, "merges"), "a list");
    return LC_OK;
}

static int read_vocab(struct parse *p, json_t *vocab)
{
    json_t *v;
    const char *key;
    size_t length;
    int rc = LC_OK;

    json_object_keylen_foreach(vocab, key, length, v)
    {
        json_int_t id = json_integer_value(v);
        char name[128];
        if (!json_is_integer(v) || id < 0 || id > ID_MAX) {
            snprintf(name, sizeof name, "model.vocab['%.60s']", key);
            return wrong(p, name, v, "an id from 0 to 2147483646");
        }
        rc = lc_dict_add(&p->vocab, key, length, id, p->err);
        if (rc != LC_OK)
            break;
        if (id >= p->ids)
            p->ids = id + 1;
    }
    p->entries = p->vocab.count;
    return rc;
}

/* The id that the library gives to an added token, whatever the file says: that of the vocabulary, else the
 * next free one. */
static int64_t library_id(const struct parse *p, const json_t *content, int64_t largest)
{
    int64_t id;

    if (lc_dict_get(&p->vocab, json_string_value(content), json_string_length(content), &id))
        return id;
    return largest >= p->entries || p->entries == 0 ? largest + 1 : p->entries;
}

static int check_added(struct parse *p, size_t i, const json_t *item, int64_t *largest)
{
    static const char *const off[] = {"single_word", "lstrip", "rstrip"};
    const json_t *content = json_object_get(item, "content"), *written = json_object_get(item, "id");
    int64_t id;
    char name[64], where[48];
    int value = 0, rc;

    snprintf(where, sizeof where, "added_tokens[%zu]", i);
    for (size_t k = 0; k < sizeof off / sizeof off[0]; k++) {
        rc = read_bool(p, item, where, off[k], &value);
        if (rc != LC_OK)
            return rc;
        snprintf(name, sizeof name, "%s.%s", where, off[k]);
        if (value)
            return wrong(p, name, json_object_get(item, off[k]), "false");
    }
    snprintf(name, sizeof name, "%s.content", where);
    if (!json_is_string(content) || !json_string_length(content) ||
        json_string_length(content) > LC_ADDED_BYTES_MAX)
        return wrong(p, name, content, "a text of 1 to 1024 bytes");
    id = library_id(p, content, *largest);
    if (!json_is_integer(written) || json_integer_value(written) != id || id > ID_MAX)
        return LC_FAIL(p->err, LC_E_FORMAT,
                       "%s: %s.id is %" JSON_INTEGER_FORMAT "; allowed: %" PRId64
                       ", its id in the vocabulary or the next free one, as the tokenizers library counts",
                       p->path, where, json_integer_value(written), id);
    if (id > *largest)
        *largest = id;
    if (id >= p->ids)
        p->ids = id + 1;
    return LC_OK;
}

/* First pass over the added tokens: sound, and how many ids there are in all. */
static int check_all_added(struct parse *p, const json_t *added)
{
    int64_t largest = -1;
    size_t i, total = 0;
    const json_t *item;
    int rc = LC_OK;

    if (!json_is_array(added) || json_array_size(added) > LC_ADDED_MAX)
        return wrong(p, "added_tokens", added, "a list of up to 65536 tokens");
    json_array_foreach(added, i, item)
    {
        rc = check_added(p, i, item, &largest);
        if (rc != LC_OK)
            return rc;
        total += json_string_length(json_object_get(item, "content"));
    }
    if (total > ADDED_TOTAL_MAX)
        return LC_FAIL(p->err, LC_E_FORMAT, "%s: added_tokens have %zu bytes; allowed: up to %d", p->path,
                       total, ADDED_TOTAL_MAX);
    return LC_OK;
}

static int make_tokens(struct parse *p)
{
    int64_t entries = p->entries + (int64_t)json_array_size(json_object_get(p->root, "added_tokens"));

    if (p->ids == 0)
        return LC_FAIL(p->err, LC_E_FORMAT, "%s: model.vocab is empty", p->path);
    if (p->ids > 4 * entries + 65536)
        return LC_FAIL(p->err, LC_E_FORMAT,
                       "%s: the largest id is %" PRId64 " for %" PRId64 " tokens; allowed: %" PRId64, p->path,
                       p->ids - 1, entries, 4 * entries + 65535);
    p->tok->vocab_size = p->ids;
    return LC_ALLOC(&p->tok->token, p->ids, "vocabulary", p->err);
}

static int put_token(struct parse *p, int64_t id, size_t at)
{
    struct lc_token *t = &p->tok->token[id];

    if (t->used)
        return LC_FAIL(p->err, LC_E_FORMAT, "%s: model.vocab: two entries have the id %" PRId64, p->path, id);
    *t = (struct lc_token){.at = at, .size = p->tok->bytes.size - at, .used = 1};
    return LC_OK;
}

static int decode_entry(struct parse *p, const struct lc_dict_entry *e)
{
    struct lc_tokenizer *tok = p->tok;
    size_t at = tok->bytes.size, size;
    int plain, rc;

    rc = lc_byte_level_decode(&tok->bytes, (const char *)p->vocab.text.data + e->at, e->size, &plain, p->err);
    if (rc == LC_OK)
        rc = put_token(p, e->value, at);
    size = tok->bytes.size - at;
    if (rc != LC_OK || !plain)
        return rc;
    if (size == 1)
        tok->byte_id[tok->bytes.data[at]] = (int32_t)e->value;
    return tok->ignore_merges ? lc_dict_add(&tok->words, tok->bytes.data + at, size, e->value, p->err)
                              : LC_OK;
}

static int decode_vocab(struct parse *p)
{
    int rc = LC_OK;

    memset(p->tok->byte_id, 0xff, sizeof p->tok->byte_id);
    for (int64_t i = 0; i < p->vocab.count && rc == LC_OK; i++)
        rc = decode_entry(p, &p->vocab.entry[i]);
    return rc;
}

/* The two sides of a merge: "left right", or ["left", "right"]. */
static int merge_sides(const json_t *v, const char *side[2], size_t size[2])
{
    const char *text = json_string_value(v), *space;
    size_t length = json_string_length(v);

    if (json_is_array(v) && json_array_size(v) == 2) {
        for (size_t i = 0; i < 2; i++) {
            side[i] = json_string_value(json_array_get(v, i));
            size[i] = json_string_length(json_array_get(v, i));
        }
        return side[0] && side[1];
    }
    space = text ? memchr(text, ' ', length) : NULL;
    if (!space || memchr(space + 1, ' ', length - (size_t)(space + 1 - text)))
        return 0;
    side[0] = text;
    size[0] = (size_t)(space - text);
    side[1] = space + 1;
    size[1] = length - size[0] - 1;
    return 1;
}

static int add_merge(struct parse *p, size_t i, uint32_t rank, const json_t *v, struct lc_bytes *joined)
{
    const char *side[2];
    size_t size[2];
    int64_t id[2], merged;
    char name[48];
    int rc = LC_OK;

    snprintf(name, sizeof name, "model.merges[%zu]", i);
    if (!merge_sides(v, side, size))
        return wrong(p, name, v,
                     "two entries of the vocabulary with one space between, or a list of the two");
    joined->size = 0;
    for (int k = 0; k < 2 && rc == LC_OK; k++) {
        if (!lc_dict_get(&p->vocab, side[k], size[k], &id[k]))
            return LC_FAIL(p->err, LC_E_FORMAT, "%s: %s: '%.*s' is not in the vocabulary", p->path, name,
                           (int)(size[k] < 60 ? size[k] : 60), side[k]);
        rc = lc_bytes_add(joined, side[k], size[k], p->err);
    }
    if (rc != LC_OK)
        return rc;
    if (!lc_dict_get(&p->vocab, joined->data ? (const char *)joined->data : "", joined->size, &merged))
        return LC_FAIL(p->err, LC_E_FORMAT, "%s: %s: the merged '%.*s' is not in the vocabulary", p->path,
                       name, (int)(joined->size < 60 ? joined->size : 60), (const char *)joined->data);
    return lc_lookup_put(&p->tok->merges, (uint64_t)id[0] << 32 | (uint64_t)id[1],
                        (uint64_t)rank << 32 | (uint64_t)merged, p->err);
}

static int read_merges(struct parse *p, const json_t *merges)
{
    struct lc_bytes joined = {0};
    const json_t *v;
    uint32_t rank = 0;
    size_t i;
    int rc = LC_OK;

    json_array_foreach(merges, i, v)
    {
        if (json_is_string(v) && strncmp(json_string_value(v), "#version", 8) == 0)
            continue;
        rc = add_merge(p, i, rank++, v, &joined);
        if (rc != LC_OK)
            break;
    }
    lc_bytes_release(&joined);
    return rc;
}

static int add_to_trie(struct parse *p, int which, int32_t id, const char *content, size_t size)
{
    struct lc_bytes normal = {0};
    int rc;

    if (which == 0 || !p->tok->nfc) {
        rc = lc_trie_add(&p->tok->added[which], content, size, id, p->err);
    } else {
        rc = lc_nfc(&normal, content, size, p->err);
        if (rc == LC_OK)
            rc = lc_trie_add(&p->tok->added[which], normal.data, normal.size, id, p->err);
    }
    lc_bytes_release(&normal);
    return rc == LC_OK ? rc : lc_err_prefix(p->err, p->path);
}

static int add_token(struct parse *p, const json_t *item, const char *where)
{
    const json_t *content = json_object_get(item, "content");
    int64_t id = json_integer_value(json_object_get(item, "id"));
    struct lc_token *t = &p->tok->token[id];
    size_t at = p->tok->bytes.size;
    int normalized = 0, special = 0, plain, rc;

    LC_TRY(rc, read_bool(p, item, where, "normalized", &normalized));
    LC_TRY(rc, read_bool(p, item, where, "special", &special));
    /* the library's decoder takes an added token's content for stand-ins too, where all of it can be */
    LC_TRY(rc, lc_byte_level_decode(&p->tok->bytes, json_string_value(content), json_string_length(content), &plain,
                                    p->err));
    *t = (struct lc_token){.at = at, .size = p->tok->bytes.size - at, .used = 1};
    if (special && is_text(content, "<|endoftext|>"))
        p->tok->bos = (int32_t)id;
    rc = add_to_trie(p, normalized, (int32_t)id, json_string_value(content), json_string_length(content));
done:
    return rc;
}

static int add_all_tokens(struct parse *p, const json_t *added)
{
    const json_t *item;
    char where[48];
    size_t i;
    int rc = LC_OK;

    json_array_foreach(added, i, item)
    {
        snprintf(where, sizeof where, "added_tokens[%zu]", i);
        rc = add_token(p, item, where);
        if (rc != LC_OK)
            break;
    }
    return rc;
}

static int read_all(struct parse *p)
{
    json_t *model = json_object_get(p->root, "model"), *added = json_object_get(p->root, "added_tokens");
    const json_t *normalizer = json_object_get(p->root, "normalizer");
    int rc;

    if (!json_is_object(p->root))
        return wrong(p, "the file", p->root, "an object (a tokenizer.json)");
    LC_TRY(rc, check_model(p, model));
    if (!absent(normalizer))
        LC_TRY(rc, read_normalizer(p, normalizer, "normalizer.type", 0));
    LC_TRY(rc, read_pretokenizer(p));
    if (!absent(json_object_get(model, "ignore_merges")))
        LC_TRY(rc, read_bool(p, model, "model", "ignore_merges", &p->tok->ignore_merges));
    LC_TRY(rc, read_vocab(p, json_object_get(model, "vocab")));
    if (!absent(added))
        LC_TRY(rc, check_all_added(p, added));
    LC_TRY(rc, make_tokens(p));
    LC_TRY(rc, decode_vocab(p));
    LC_TRY(rc, read_merges(p, json_object_get(model, "merges")));
    if (!absent(added))
        LC_TRY(rc, add_all_tokens(p, added));
done:
    return rc;
}

int lc_tokenizer_parse(struct lc_tokenizer **out, const char *path, const void *data, size_t size,
                       struct lc_err *err)
{
    struct parse p = {.path = path, .err = err};
    json_error_t why;
    int rc;

    if (size > FILE_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the file has %zu bytes; allowed: up to %d", path, size,
                       FILE_MAX);
    p.root = json_loadb(data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &why);
    if (!p.root)
        return LC_FAIL(err, LC_E_FORMAT, "%s: line %d: not JSON: %s", path, why.line, why.text);
    LC_TRY(rc, LC_ALLOC(&p.tok, 1, "tokenizer", err));
    p.tok->bos = -1;
    rc = read_all(&p);
done:
    json_decref(p.root);
    lc_dict_release(&p.vocab);
    if (rc == LC_OK)
        *out = p.tok;
    else
        lc_tokenizer_close(p.tok);
    return rc;
}

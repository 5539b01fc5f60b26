/* corpus.c - the corpus as token ids, tokenised once and then mapped from a cache file:
 * a header of 512 bytes, then the ids as int32, all in the machine's byte order (which the header tells). */
#include "lightcone/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"

enum {
    ENCODER_VERSION = 1, /* raise it when the ids of any text change */
    BYTE_ORDER_MARK = 0x01020304,
    NAME_DIGITS = 16, /* of each hash, in the cache file's name */
};
static const char magic[8] = "LCTOKEN";

struct header {
    char magic[8];
    uint32_t version, byte_order;
    int64_t count;
    char tokenizer_hash[72], text_hash[72], ids_hash[72]; /* hexadecimal, zeros behind */
    char zero[272];
};
_Static_assert(sizeof(struct header) == 512, "the ids start at a fixed place");

static int fill_header(struct header *h, const struct lc_corpus *c, const int32_t *id, int64_t count,
                       struct lc_err *err)
{
    *h = (struct header){.version = ENCODER_VERSION, .byte_order = BYTE_ORDER_MARK, .count = count};
    memcpy(h->magic, magic, sizeof magic);
    memcpy(h->tokenizer_hash, c->tokenizer_hash, LC_HASH_HEX);
    memcpy(h->text_hash, c->text_hash, LC_HASH_HEX);
    return lc_hash_bytes(h->ids_hash, id, (size_t)count * sizeof *id, err);
}

static int ids_in_range(const int32_t *id, int64_t count, int64_t vocab_size)
{
    for (int64_t i = 0; i < count; i++)
        if (id[i] < 0 || id[i] >= vocab_size)
            return 0;
    return 1;
}

/* Whether the mapped file is this corpus under this tokenizer, to the last byte. */
static int cache_is_sound(const struct lc_corpus *c, const struct lc_map *map, int64_t vocab_size)
{
    struct lc_err ignored = LC_ERR_INIT;
    struct header found, wanted;
    const int32_t *id = (const int32_t *)(const void *)(map->data + sizeof found);
    size_t ids;

    if (map->size <= sizeof found || (map->size - sizeof found) % sizeof *id)
        return 0;
    ids = (map->size - sizeof found) / sizeof *id;
    memcpy(&found, map->data, sizeof found);
    /* the cheap comparison first: hashing takes a second per gigabyte */
    if (memcmp(found.magic, magic, sizeof magic) != 0 || found.count != (int64_t)ids)
        return 0;
    return fill_header(&wanted, c, id, (int64_t)ids, &ignored) == LC_OK &&
           memcmp(&found, &wanted, sizeof found) == 0 && ids_in_range(id, (int64_t)ids, vocab_size);
}

/* 1 when the cache file is there and sound; the corpus then points into its mapping. */
static int cache_use(struct lc_corpus *c, const struct lc_tokenizer *tok, const char *path)
{
    struct lc_err ignored = LC_ERR_INIT;
    struct lc_map map;

    if (lc_map_open(&map, path, &ignored) != LC_OK)
        return 0;
    if (!cache_is_sound(c, &map, lc_tokenizer_vocab_size(tok))) {
        lc_map_close(&map);
        return 0;
    }
    c->map = map;
    c->id = (const int32_t *)(const void *)(map.data + sizeof(struct header));
    c->count = (int64_t)((map.size - sizeof(struct header)) / sizeof *c->id);
    return 1;
}

static int cache_write(const struct lc_corpus *c, const char *path, const struct lc_ids *ids,
                       struct lc_err *err)
{
    struct lc_bytes file = {0};
    struct header h;
    int rc;

    LC_TRY(rc, fill_header(&h, c, ids->id, ids->count, err));
    LC_TRY(rc, lc_bytes_add(&file, &h, sizeof h, err));
    LC_TRY(rc, lc_bytes_add(&file, ids->id, (size_t)ids->count * sizeof *ids->id, err));
    LC_TRY(rc, lc_file_write(path, file.data, file.size, err));
done:
    lc_bytes_release(&file);
    return rc;
}

static int cache_path(char path[LC_PATH_MAX], const struct lc_corpus *c, const char *folder,
                      struct lc_err *err)
{
    char name[64];

    snprintf(name, sizeof name, "tokens-%.*s-%.*s.bin", NAME_DIGITS, c->tokenizer_hash, NAME_DIGITS,
             c->text_hash);
    return lc_path_join(path, folder, name, err);
}

static int encode(struct lc_ids *ids, const struct lc_tokenizer *tok, const struct lc_map *text,
                  const char *path, struct lc_err *err)
{
    int rc = lc_tokenizer_encode(tok, (const char *)text->data, text->size, ids, err);

    if (rc != LC_OK)
        return lc_err_prefix(err, path);
    if (ids->count == 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the corpus holds no token; allowed: at least one", path);
    return LC_OK;
}

/* Ids from the cache when it is sound, else from the text, and then into the cache. */
static int load(struct lc_corpus *c, const struct lc_tokenizer *tok, const struct lc_map *text,
                const char *text_path, const char *cache_folder, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    struct lc_ids ids = {0};
    int rc;

    if (cache_folder) {
        LC_TRY(rc, cache_path(path, c, cache_folder, err));
        if (cache_use(c, tok, path))
            goto done;
    }
    LC_TRY(rc, encode(&ids, tok, text, text_path, err));
    if (cache_folder) {
        LC_TRY(rc, lc_folder_make(cache_folder, err));
        LC_TRY(rc, cache_write(c, path, &ids, err));
        if (cache_use(c, tok, path))
            goto done;
        rc = LC_FAIL(err, LC_E_IO, "%s: the file reads back other than it was written", path);
        goto done;
    }
    c->id = c->own = ids.id;
    c->count = ids.count;
    ids = (struct lc_ids){0};
done:
    lc_ids_release(&ids);
    return rc;
}

int lc_corpus_open(struct lc_corpus *corpus, const struct lc_tokenizer *tok, const char *tokenizer_path,
                   const char *text_path, const char *cache_folder, int64_t limit, struct lc_err *err)
{
    struct lc_map text;
    int rc;

    *corpus = (struct lc_corpus){0};
    rc = lc_map_open(&text, text_path, err);
    if (rc != LC_OK)
        return rc;
    corpus->text_size = (int64_t)text.size;
    if (text.size == 0)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: the corpus is empty; allowed: at least one token", text_path);
    if (rc == LC_OK)
        rc = lc_hash_file(corpus->tokenizer_hash, &corpus->tokenizer_size, tokenizer_path, err);
    if (rc == LC_OK)
        rc = lc_hash_bytes(corpus->text_hash, text.data, text.size, err);
    if (rc == LC_OK)
        rc = load(corpus, tok, &text, text_path, cache_folder, err);
    if (rc == LC_OK && limit > 0 && corpus->count > limit)
        corpus->count = limit;
    lc_map_close(&text);
    return rc;
}

void lc_corpus_close(struct lc_corpus *corpus)
{
    lc_map_close(&corpus->map);
    free(corpus->own);
    *corpus = (struct lc_corpus){0};
}

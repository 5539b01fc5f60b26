/* tokenizer.c - open, look up, encode: added tokens, NFC, added tokens again, pre-tokenizers, merges. */
#include "lightcone/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"
#include "tokenizer_internal.h"

struct encoder {
    const struct lc_tokenizer *tok;
    struct lc_bpe *bpe;
    struct lc_splitter *splitter;
    struct lc_bytes normal; /* the piece at hand in NFC */
    struct lc_ids *out;
};

int lc_tokenizer_open(struct lc_tokenizer **out, const char *path, struct lc_err *err)
{
    struct lc_map map;
    int rc = lc_map_open(&map, path, err);

    if (rc != LC_OK)
        return rc;
    rc = lc_tokenizer_parse(out, path, map.data, map.size, err);
    lc_map_close(&map);
    return rc;
}

void lc_tokenizer_close(struct lc_tokenizer *tok)
{
    if (!tok)
        return;
    for (int i = 0; i < tok->stages; i++)
        lc_stage_release(&tok->stage[i]);
    lc_trie_release(&tok->added[0]);
    lc_trie_release(&tok->added[1]);
    lc_lookup_release(&tok->merges);
    lc_dict_release(&tok->words);
    lc_bytes_release(&tok->bytes);
    free(tok->token);
    free(tok);
}

int64_t lc_tokenizer_vocab_size(const struct lc_tokenizer *tok)
{
    return tok->vocab_size;
}

int32_t lc_tokenizer_bos(const struct lc_tokenizer *tok)
{
    return tok->bos;
}

const unsigned char *lc_tokenizer_bytes(const struct lc_tokenizer *tok, int32_t id, size_t *size)
{
    static const unsigned char none[1];

    *size = 0;
    if (id < 0 || id >= tok->vocab_size || !tok->token[id].size)
        return none;
    *size = tok->token[id].size;
    return tok->bytes.data + tok->token[id].at;
}

void lc_ids_release(struct lc_ids *ids)
{
    free(ids->id);
    *ids = (struct lc_ids){0};
}

int lc_ids_add(struct lc_ids *ids, const int32_t *id, int64_t count, struct lc_err *err)
{
    if (count > ids->room - ids->count) {
        int64_t room = ids->room + ids->room / 2 + count + 64;
        int32_t *bigger = realloc(ids->id, (size_t)room * sizeof *bigger);
        if (!bigger)
            return LC_FAIL(err, LC_E_MEMORY, "no memory for %lld token ids", (long long)room);
        ids->id = bigger;
        ids->room = room;
    }
    if (count)
        memcpy(ids->id + ids->count, id, (size_t)count * sizeof *id);
    ids->count += count;
    return LC_OK;
}

static int encode_pieces(struct encoder *e, int which, const char *text, size_t size, struct lc_err *err);

/* What lies between added tokens: `which` 0 is still to be normalised, 1 is ready for the pre-tokenizers. */
static int encode_between(struct encoder *e, int which, const char *text, size_t size, struct lc_err *err)
{
    int rc;

    if (size == 0)
        return LC_OK;
    if (which == 1)
        return lc_splitter_run(e->splitter, text, size, e->out, err);
    if (!e->tok->nfc)
        return encode_pieces(e, 1, text, size, err);
    e->normal.size = 0;
    rc = lc_nfc(&e->normal, text, size, err);
    return rc == LC_OK ? encode_pieces(e, 1, (const char *)e->normal.data, e->normal.size, err) : rc;
}

static int encode_pieces(struct encoder *e, int which, const char *text, size_t size, struct lc_err *err)
{
    const struct lc_trie *trie = &e->tok->added[which];
    size_t start = 0, at = 0;
    int rc = LC_OK;

    while (trie->nodes && at < size) {
        int32_t id;
        size_t length = lc_trie_match(trie, text + at, size - at, &id);
        if (!length) {
            at++;
            continue;
        }
        LC_TRY(rc, encode_between(e, which, text + start, at - start, err));
        LC_TRY(rc, lc_ids_add(e->out, &id, 1, err));
        start = at += length;
    }
    rc = encode_between(e, which, text + start, size - start, err);
done:
    return rc;
}

int lc_tokenizer_encode(const struct lc_tokenizer *tok, const char *text, size_t size, struct lc_ids *out,
                        struct lc_err *err)
{
    struct encoder e = {.tok = tok, .out = out};
    int64_t count = out->count;
    size_t valid = lc_utf8_check(text, size);
    int rc;

    if (valid < size)
        return LC_FAIL(err, LC_E_FORMAT, "byte offset %zu: 0x%02x does not begin valid UTF-8", valid,
                       (unsigned)(unsigned char)text[valid]);
    LC_TRY(rc, lc_bpe_open(&e.bpe, tok, err));
    LC_TRY(rc, lc_splitter_open(&e.splitter, tok, e.bpe, err));
    LC_TRY(rc, encode_pieces(&e, 0, text, size, err));
done:
    if (rc != LC_OK)
        out->count = count;
    lc_splitter_close(e.splitter);
    lc_bpe_close(e.bpe);
    lc_bytes_release(&e.normal);
    return rc;
}

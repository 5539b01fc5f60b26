/* bpe.c - merges within one word: a heap of candidate pairs over a linked list, and a cache of short words. */
#include <stdlib.h>

#include "tokenizer_internal.h"

enum { CACHE_WORD_MAX = 255, CACHE_WORDS_MAX = 1 << 20, NONE = -1 };

struct symbol {
    int32_t id; /* NONE once merged into its left neighbour */
    int32_t prev, next;
};

struct candidate {
    uint32_t rank;
    int32_t at; /* left symbol */
    int32_t merged;
};

struct lc_bpe {
    const struct lc_tokenizer *tok;
    struct symbol *symbol;  /* [room] */
    struct candidate *heap; /* [3 room]: each merge takes one out and puts two in at most */
    int64_t room, heap_count;
    struct lc_dict cache; /* word to place in `cached` << 8 | count */
    struct lc_ids cached;
};

int lc_bpe_open(struct lc_bpe **out, const struct lc_tokenizer *tok, struct lc_err *err)
{
    struct lc_bpe *bpe = NULL;
    int rc = LC_ALLOC(&bpe, 1, "BPE", err);

    if (rc != LC_OK)
        return rc;
    bpe->tok = tok;
    *out = bpe;
    return LC_OK;
}

void lc_bpe_close(struct lc_bpe *bpe)
{
    if (!bpe)
        return;
    free(bpe->symbol);
    free(bpe->heap);
    lc_dict_release(&bpe->cache);
    lc_ids_release(&bpe->cached);
    free(bpe);
}

static int before(struct candidate a, struct candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_push(struct lc_bpe *bpe, struct candidate c)
{
    int64_t i = bpe->heap_count++;

    for (; i > 0 && before(c, bpe->heap[(i - 1) / 2]); i = (i - 1) / 2)
        bpe->heap[i] = bpe->heap[(i - 1) / 2];
    bpe->heap[i] = c;
}

static struct candidate heap_pop(struct lc_bpe *bpe)
{
    struct candidate top = bpe->heap[0], last = bpe->heap[--bpe->heap_count];
    int64_t n = bpe->heap_count, i = 0, child;

    while ((child = 2 * i + 1) < n) {
        if (child + 1 < n && before(bpe->heap[child + 1], bpe->heap[child]))
            child++;
        if (!before(bpe->heap[child], last))
            break;
        bpe->heap[i] = bpe->heap[child];
        i = child;
    }
    bpe->heap[i] = last;
    return top;
}

static int pair_merge(const struct lc_bpe *bpe, int32_t left, uint64_t *merge)
{
    const struct symbol *s = &bpe->symbol[left];

    if (s->next == NONE)
        return 0;
    return lc_lookup_get(&bpe->tok->merges, (uint64_t)s->id << 32 | (uint32_t)bpe->symbol[s->next].id, merge);
}

static void push_pair(struct lc_bpe *bpe, int32_t left)
{
    uint64_t merge;

    if (pair_merge(bpe, left, &merge))
        heap_push(bpe, (struct candidate){
                           .rank = (uint32_t)(merge >> 32), .at = left, .merged = (int32_t)(uint32_t)merge});
}

static int make_room(struct lc_bpe *bpe, int64_t count, struct lc_err *err)
{
    int rc;

    if (count <= bpe->room)
        return LC_OK;
    free(bpe->symbol);
    free(bpe->heap);
    bpe->symbol = NULL;
    bpe->heap = NULL;
    bpe->room = 0;
    LC_TRY(rc, LC_ALLOC(&bpe->symbol, 2 * count, "symbols of a word", err));
    LC_TRY(rc, LC_ALLOC(&bpe->heap, 6 * count, "merges of a word", err));
    bpe->room = 2 * count;
done:
    return rc;
}

/* Bytes without a token are left out, as the library does when there is no unk_token. */
static int32_t load_word(struct lc_bpe *bpe, const char *word, size_t size)
{
    int32_t n = 0;

    for (size_t i = 0; i < size; i++) {
        int32_t id = bpe->tok->byte_id[(unsigned char)word[i]];
        if (id < 0)
            continue;
        bpe->symbol[n] = (struct symbol){.id = id, .prev = n - 1, .next = n + 1};
        n++;
    }
    if (n)
        bpe->symbol[n - 1].next = NONE;
    return n;
}

static void merge_pair(struct lc_bpe *bpe, struct candidate c)
{
    struct symbol *left = &bpe->symbol[c.at], *right = &bpe->symbol[left->next];

    left->id = c.merged;
    right->id = NONE;
    left->next = right->next;
    if (left->next != NONE)
        bpe->symbol[left->next].prev = c.at;
    if (left->prev != NONE)
        push_pair(bpe, left->prev);
    push_pair(bpe, c.at);
}

static void merge_all(struct lc_bpe *bpe, int32_t count)
{
    bpe->heap_count = 0;
    for (int32_t i = 0; i < count; i++)
        push_pair(bpe, i);
    while (bpe->heap_count) {
        struct candidate c = heap_pop(bpe);
        uint64_t merge;
        /* stale when either side has been merged since */
        if (bpe->symbol[c.at].id == NONE || !pair_merge(bpe, c.at, &merge) ||
            (uint32_t)merge != (uint32_t)c.merged)
            continue;
        merge_pair(bpe, c);
    }
}

static int compute(struct lc_bpe *bpe, const char *word, size_t size, struct lc_ids *out, struct lc_err *err)
{
    int64_t id;
    int32_t n;
    int rc;

    if (bpe->tok->ignore_merges && lc_dict_get(&bpe->tok->words, word, size, &id))
        return lc_ids_add(out, &(int32_t){(int32_t)id}, 1, err);
    if (size > INT32_MAX / 8)
        return LC_FAIL(err, LC_E_FORMAT, "a single word has %zu bytes; allowed: up to %d", size,
                       INT32_MAX / 8);
    rc = make_room(bpe, (int64_t)size, err);
    if (rc != LC_OK)
        return rc;
    n = load_word(bpe, word, size);
    merge_all(bpe, n);
    for (int32_t i = n ? 0 : NONE; i != NONE && rc == LC_OK; i = bpe->symbol[i].next)
        rc = lc_ids_add(out, &bpe->symbol[i].id, 1, err);
    return rc;
}

static int remember(struct lc_bpe *bpe, const char *word, size_t size, const int32_t *id, int64_t count,
                    struct lc_err *err)
{
    int64_t at = bpe->cached.count;
    int rc;

    if (size > CACHE_WORD_MAX || bpe->cache.count >= CACHE_WORDS_MAX)
        return LC_OK;
    rc = lc_ids_add(&bpe->cached, id, count, err);
    return rc == LC_OK ? lc_dict_add(&bpe->cache, word, size, at << 8 | count, err) : rc;
}

/* A list that never held an id has no array to point into. */
static const int32_t *ids_from(const struct lc_ids *ids, int64_t at)
{
    return ids->id ? ids->id + at : NULL;
}

int lc_bpe_word(struct lc_bpe *bpe, const char *word, size_t size, struct lc_ids *out, struct lc_err *err)
{
    int64_t known, start = out->count;
    int rc;

    if (size <= CACHE_WORD_MAX && lc_dict_get(&bpe->cache, word, size, &known))
        return lc_ids_add(out, ids_from(&bpe->cached, known >> 8), known & 0xff, err);
    rc = compute(bpe, word, size, out, err);
    return rc == LC_OK ? remember(bpe, word, size, ids_from(out, start), out->count - start, err) : rc;
}

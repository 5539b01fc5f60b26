#include "lightcone/counts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void lc_counts_release(struct lc_counts *c)
{
    free(c->slot);
    *c = (struct lc_counts){0};
}

/* The slot of a key, or the empty one where it belongs. */
static struct lc_count *find(struct lc_count *slot, int64_t room, uint64_t key)
{
    uint64_t at = key * 0x9E3779B97F4A7C15u;

    at ^= at >> 29;
    while (slot[at & (uint64_t)(room - 1)].count > 0 && slot[at & (uint64_t)(room - 1)].key != key)
        at++;
    return &slot[at & (uint64_t)(room - 1)];
}

static int grow(struct lc_counts *c, struct lc_err *err)
{
    int64_t room = c->room ? 2 * c->room : 1024;
    struct lc_count *slot;

    if (LC_ALLOC(&slot, room, "token counts", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < c->room; i++)
        if (c->slot[i].count > 0)
            *find(slot, room, c->slot[i].key) = c->slot[i];
    free(c->slot);
    c->slot = slot;
    c->room = room;
    return LC_OK;
}

int lc_counts_add(struct lc_counts *c, int32_t feature, int32_t token, int64_t count, int64_t first, struct lc_err *err)
{
    uint64_t key = (uint64_t)(uint32_t)feature << 32 | (uint32_t)token;
    struct lc_count *slot;

    if (2 * c->used >= c->room && grow(c, err) != LC_OK)
        return err->code;
    slot = find(c->slot, c->room, key);
    if (slot->count == 0) {
        *slot = (struct lc_count){.key = key, .count = count, .first = first};
        c->used++;
        return LC_OK;
    }
    slot->count += count;
    if (first < slot->first)
        slot->first = first;
    return LC_OK;
}

enum { DIGIT = 8, VALUES = 1 << DIGIT }; /* bits of a key that one pass sorts by */

/* One pass of a radix sort, which keeps the order of equal digits; 0 where all are equal, and nothing was done. */
static int sort_digit(struct lc_count *to, const struct lc_count *from, int64_t n, int shift)
{
    int64_t end[VALUES] = {0}, at = 0;

    for (int64_t i = 0; i < n; i++)
        end[from[i].key >> shift & (VALUES - 1)]++;
    if (end[from[0].key >> shift & (VALUES - 1)] == n)
        return 0;
    for (int v = 0; v < VALUES; v++) {
        int64_t count = end[v];
        end[v] = at;
        at += count;
    }
    for (int64_t i = 0; i < n; i++)
        to[end[from[i].key >> shift & (VALUES - 1)]++] = from[i];
    return 1;
}

int lc_counts_sorted(const struct lc_counts *c, struct lc_count **out, struct lc_err *err)
{
    struct lc_count *list = NULL, *other = NULL, *swap;
    int64_t n = 0;
    int rc;

    LC_TRY(rc, LC_ALLOC(&list, c->used, "token counts", err));
    LC_TRY(rc, LC_ALLOC(&other, c->used, "token counts", err));
    for (int64_t i = 0; i < c->room; i++)
        if (c->slot[i].count > 0)
            list[n++] = c->slot[i];
    for (int shift = 0; shift < 64 && n > 0; shift += DIGIT) {
        if (!sort_digit(other, list, n, shift))
            continue;
        swap = list;
        list = other;
        other = swap;
    }
    *out = list;
done:
    free(other);
    if (rc != LC_OK)
        free(list);
    return rc;
}

double lc_counts_entropy(const int64_t *count, int64_t n)
{
    double total = 0.0, h = 0.0;

    for (int64_t k = 0; k < n; k++)
        total += (double)count[k];
    for (int64_t k = 0; k < n; k++)
        h -= (double)count[k] / total * log2((double)count[k] / total);
    if (n == 0)
        return NAN;
    return h > 0.0 ? h : 0.0;
}

/* In the order of the slots, as it costs least. */
int lc_counts_save(const struct lc_counts *c, struct lc_bytes *out, struct lc_err *err)
{
    int rc = lc_bytes_add(out, &c->used, sizeof c->used, err);

    for (int64_t i = 0; i < c->room && rc == LC_OK; i++)
        if (c->slot[i].count > 0)
            rc = lc_bytes_add(out, &c->slot[i], sizeof c->slot[i], err);
    return rc;
}

int lc_counts_merge(struct lc_counts *c, struct lc_reader *in, struct lc_err *err)
{
    struct lc_count item;
    int64_t n;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &n, sizeof n, err));
    while (c->room <= 2 * n) /* keys in the order of larger tables would crowd together in a smaller one */
        LC_TRY(rc, grow(c, err));
    for (int64_t i = 0; i < n; i++) {
        LC_TRY(rc, lc_reader_take(in, &item, sizeof item, err));
        LC_TRY(rc, lc_counts_add(c, (int32_t)(item.key >> 32), (int32_t)(item.key & UINT32_MAX), item.count, item.first,
                                 err));
    }
done:
    return rc;
}

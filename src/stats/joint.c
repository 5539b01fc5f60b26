#include "lightcone/joint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/config.h"
#include "lightcone/memory.h"
#include "lightcone/order.h"

enum { HEAD = 2, FIRST_ROOM = 1 << 12 };

void lc_lists_release(struct lc_lists *l)
{
    free(l->word);
    *l = (struct lc_lists){.width = l->width};
}

static int make_room(struct lc_lists *l, int64_t words, struct lc_err *err)
{
    int64_t room = l->room ? l->room : FIRST_ROOM;
    int32_t *word;

    while (room < l->used + words)
        room += room / 2;
    if (room == l->room)
        return LC_OK;
    word = realloc(l->word, (size_t)room * sizeof *word);
    if (!word)
        return LC_FAIL(err, LC_E_MEMORY, "lists of active features: no memory for %lld bytes",
                       (long long)room * (long long)sizeof *word);
    l->word = word;
    l->room = room;
    return LC_OK;
}

int lc_lists_add(struct lc_lists *l, int32_t token, const int32_t *entry, int64_t n, struct lc_err *err)
{
    if (make_room(l, HEAD + n * l->width, err) != LC_OK)
        return err->code;
    l->word[l->used] = token;
    l->word[l->used + 1] = (int32_t)n;
    if (n > 0)
        memcpy(l->word + l->used + HEAD, entry, (size_t)(n * l->width) * sizeof *entry);
    l->used += HEAD + n * l->width;
    return LC_OK;
}

/* Words of the record at `at`. */
static int64_t extent(const struct lc_lists *l, int64_t at)
{
    return HEAD + (int64_t)l->word[at + 1] * l->width;
}

int64_t lc_lists_cut(const struct lc_lists *l, int64_t at, int64_t most)
{
    int64_t end = at;

    while (end < l->used && (end == at || end - at + extent(l, end) <= most))
        end += extent(l, end);
    return end;
}

static int64_t count_records(const struct lc_lists *l)
{
    int64_t n = 0;

    for (int64_t at = 0; at < l->used; at += extent(l, at))
        n++;
    return n;
}

/* Where the records of each token stand: *out[start[a] .. start[a + 1]), start[vocab + 1]. */
static int sort_by_token(const struct lc_lists *l, int64_t vocab, int64_t *start, int64_t **out, struct lc_err *err)
{
    int64_t *place;

    if (LC_ALLOC(&place, count_records(l), "records by token", err) != LC_OK)
        return err->code;
    for (int64_t at = 0; at < l->used; at += extent(l, at)) {
        assert(l->word[at] >= 0 && l->word[at] < vocab);
        start[l->word[at] + 1]++;
    }
    for (int64_t a = 0; a < vocab; a++)
        start[a + 1] += start[a];
    for (int64_t at = 0; at < l->used; at += extent(l, at))
        place[start[l->word[at]]++] = at;
    memmove(start + 1, start, (size_t)vocab * sizeof *start);
    start[0] = 0;
    *out = place;
    return LC_OK;
}

/* One counter a feature, zero between tokens, and the features it was used for. */
struct tally {
    int32_t *count, *seen, *entry; /* [F], [F], [2 F] */
    int64_t n;
};

static void tally_add(struct tally *t, int32_t feature, int32_t count)
{
    if (t->count[feature] == 0)
        t->seen[t->n++] = feature;
    t->count[feature] += count;
}

static void tally_record(struct tally *t, const struct lc_lists *in, int64_t at)
{
    const int32_t *entry = in->word + at + HEAD;

    for (int64_t k = 0; k < in->word[at + 1]; k++)
        tally_add(t, entry[k * in->width], in->width == 2 ? entry[2 * k + 1] : 1);
}

static int tally_put(struct tally *t, int32_t token, struct lc_lists *out, struct lc_err *err)
{
    int64_t n = t->n;

    lc_sort_i32(t->seen, n);
    for (int64_t k = 0; k < n; k++) {
        t->entry[2 * k] = t->seen[k];
        t->entry[2 * k + 1] = t->count[t->seen[k]];
        t->count[t->seen[k]] = 0;
    }
    t->n = 0;
    return n > 0 ? lc_lists_add(out, token, t->entry, n, err) : LC_OK;
}

int lc_lists_tally(struct lc_lists *out, const struct lc_lists *in, int64_t vocab, int64_t features, struct lc_err *err)
{
    struct tally t = {0};
    int64_t *start = NULL, *place = NULL;
    int rc;

    *out = (struct lc_lists){.width = 2};
    LC_TRY(rc, LC_ALLOC(&t.count, features, "counts of a token", err));
    LC_TRY(rc, LC_ALLOC(&t.seen, features, "counts of a token", err));
    LC_TRY(rc, LC_ALLOC(&t.entry, 2 * features, "counts of a token", err));
    LC_TRY(rc, LC_ALLOC(&start, vocab + 1, "records by token", err));
    LC_TRY(rc, sort_by_token(in, vocab, start, &place, err));
    for (int64_t a = 0; a < vocab; a++) {
        for (int64_t k = start[a]; k < start[a + 1]; k++)
            tally_record(&t, in, place[k]);
        LC_TRY(rc, tally_put(&t, (int32_t)a, out, err));
    }
done:
    free(t.count);
    free(t.seen);
    free(t.entry);
    free(start);
    free(place);
    if (rc != LC_OK)
        lc_lists_release(out);
    return rc;
}

void lc_lists_restrict(struct lc_lists *l, const int32_t *place)
{
    int64_t to = 0, next;
    int32_t *word;

    for (int64_t at = 0; at < l->used; at = next) {
        int64_t n = l->word[at + 1], kept = 0;
        int32_t token = l->word[at], *put = l->word + to + HEAD;
        const int32_t *entry = l->word + at + HEAD;
        next = at + extent(l, at);
        for (int64_t k = 0; k < n; k++, entry += l->width) {
            int32_t p = place[entry[0]];
            if (p < 0)
                continue;
            if (l->width == 2)
                put[2 * kept + 1] = entry[1];
            put[kept++ * l->width] = p;
        }
        if (kept == 0)
            continue;
        l->word[to] = token;
        l->word[to + 1] = (int32_t)kept;
        to += HEAD + kept * l->width;
    }
    l->used = to;
    word = realloc(l->word, (size_t)(to + 1) * sizeof *word);
    if (word) {
        l->word = word;
        l->room = to + 1;
    }
}

/* A piece of a list as the tile sees it. For row r: the records hit[from[r] .. from[r + 1]) that hold its feature, and
 * how often; for record k: the columns col[begin[k] .. begin[k + 1]). One row of the tile then stays in the cache while
 * all that belongs to it is added. */
struct view {
    int64_t *from, *begin;
    int32_t *hit, *hit_count, *col, *col_count; /* counts are NULL at width 1 */
};

static void view_release(struct view *v)
{
    free(v->from);
    free(v->begin);
    free(v->hit);
    free(v->hit_count);
    free(v->col);
    free(v->col_count);
}

/* Hits of each row into from[r + 1], and how many columns in all. */
static int64_t view_measure(struct view *v, const struct lc_tile *t, const struct lc_lists *l)
{
    int64_t cols = 0;

    for (int64_t at = 0; at < l->used; at += extent(l, at))
        for (int64_t k = 0; k < l->word[at + 1]; k++) {
            int32_t f = l->word[at + HEAD + k * l->width];
            if (t->row_of[f] >= 0)
                v->from[t->row_of[f] + 1]++;
            cols += t->col_of[f] >= 0;
        }
    for (int64_t r = 0; r < t->rows; r++)
        v->from[r + 1] += v->from[r];
    return cols;
}

static void view_fill(struct view *v, const struct lc_tile *t, const struct lc_lists *l)
{
    int64_t record = 0, cols = 0;

    for (int64_t at = 0; at < l->used; at += extent(l, at), record++) {
        const int32_t *entry = l->word + at + HEAD;
        v->begin[record] = cols;
        for (int64_t k = 0; k < l->word[at + 1]; k++, entry += l->width) {
            int32_t r = t->row_of[entry[0]], c = t->col_of[entry[0]];
            if (r >= 0 && v->hit_count)
                v->hit_count[v->from[r]] = entry[1];
            if (r >= 0)
                v->hit[v->from[r]++] = (int32_t)record;
            if (c >= 0 && v->col_count)
                v->col_count[cols] = entry[1];
            if (c >= 0)
                v->col[cols++] = c;
        }
    }
    v->begin[record] = cols;
    memmove(v->from + 1, v->from, (size_t)t->rows * sizeof *v->from);
    v->from[0] = 0;
}

static int view_init(struct view *v, const struct lc_tile *t, const struct lc_lists *l, struct lc_err *err)
{
    int64_t records = count_records(l), cols;
    int rc;

    *v = (struct view){0};
    LC_TRY(rc, LC_ALLOC(&v->from, t->rows + 1, "pairs", err));
    LC_TRY(rc, LC_ALLOC(&v->begin, records + 1, "pairs", err));
    cols = view_measure(v, t, l);
    LC_TRY(rc, LC_ALLOC(&v->hit, v->from[t->rows], "pairs", err));
    LC_TRY(rc, LC_ALLOC(&v->col, cols, "pairs", err));
    if (l->width == 2) {
        LC_TRY(rc, LC_ALLOC(&v->hit_count, v->from[t->rows], "pairs", err));
        LC_TRY(rc, LC_ALLOC(&v->col_count, cols, "pairs", err));
    }
    view_fill(v, t, l);
done:
    if (rc != LC_OK)
        view_release(v);
    return rc;
}

int lc_tile_count(const struct lc_tile *t, const struct lc_lists *positions, uint32_t *joint, struct lc_err *err)
{
    struct view v;
    int rc = view_init(&v, t, positions, err);

    if (rc != LC_OK)
        return rc;
    for (int64_t r = 0; r < t->rows; r++) {
        uint32_t *row = joint + r * t->cols;
        for (int64_t k = v.from[r]; k < v.from[r + 1]; k++)
            for (int64_t c = v.begin[v.hit[k]]; c < v.begin[v.hit[k] + 1]; c++)
                row[v.col[c]]++;
    }
    view_release(&v);
    return LC_OK;
}

/* 1 / N(a) of every record. */
static int inverse_counts(const struct lc_lists *tally, const int64_t *token_count, double **out, struct lc_err *err)
{
    double *inverse;
    int64_t k = 0;

    if (LC_ALLOC(&inverse, count_records(tally), "pairs", err) != LC_OK)
        return err->code;
    for (int64_t at = 0; at < tally->used; at += extent(tally, at))
        inverse[k++] = 1.0 / (double)token_count[tally->word[at]];
    *out = inverse;
    return LC_OK;
}

int lc_tile_share(const struct lc_tile *t, const struct lc_lists *tally, const int64_t *token_count, double *shared,
                  struct lc_err *err)
{
    double *inverse = NULL;
    struct view v;
    int rc = view_init(&v, t, tally, err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, inverse_counts(tally, token_count, &inverse, err));
    for (int64_t r = 0; r < t->rows; r++) {
        double *row = shared + r * t->cols;
        for (int64_t k = v.from[r]; k < v.from[r + 1]; k++) {
            double own = (double)v.hit_count[k], scale = inverse[v.hit[k]];
            for (int64_t c = v.begin[v.hit[k]]; c < v.begin[v.hit[k] + 1]; c++)
                row[v.col[c]] += own * (double)v.col_count[c] * scale; /* the product first: the same both ways round */
        }
    }
done:
    free(inverse);
    view_release(&v);
    return rc;
}

int64_t lc_joint_bytes(const struct lc_joint_size *s)
{
    static const double extra[] = {[LC_SPECTRUM_NONE] = 0, [LC_SPECTRUM_VALUES] = 12, [LC_SPECTRUM_VECTORS] = 36};
    double ranks = (double)s->ranks, tokens = (double)s->tokens / ranks, sites = (double)s->sites;
    double pairs = (double)s->features * (double)s->features / ranks;
    double bytes = tokens * (6.0 * sites * (2.0 + s->mean_active) + 24.0 * s->mean_active) +
                   16.0 * (double)LC_JOINT_PIECE + pairs * (12.0 * sites + extra[s->spectrum]);

    if (s->spectrum == LC_SPECTRUM_VECTORS)
        bytes += pairs * 8.0 * (sites - 1.0);
    return bytes < 9.2e18 ? (int64_t)bytes : INT64_MAX;
}

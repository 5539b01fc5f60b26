#include "lightcone/exchange.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SUM_PIECE = 1 << 24 }; /* values of one reduction */

/* Counts and places of an Alltoallv. */
struct traffic {
    int *out_count, *out_at, *in_count, *in_at; /* [size] each, one allocation */
};

/* Words that come in. */
static int64_t traffic_plan(struct traffic *t, const struct lc_comm *par, const int64_t *cut)
{
    int64_t in = 0;

    for (int r = 0; r < par->size; r++) {
        t->out_at[r] = (int)cut[r];
        t->out_count[r] = (int)(cut[r + 1] - cut[r]);
    }
    MPI_Alltoall(t->out_count, 1, MPI_INT, t->in_count, 1, MPI_INT, par->comm);
    for (int r = 0; r < par->size; r++) {
        t->in_at[r] = (int)(in < INT_MAX ? in : INT_MAX);
        in += t->in_count[r];
    }
    return in;
}

int lc_exchange_words(const struct lc_comm *par, const int32_t *word, const int64_t *cut, int32_t **out, int64_t *count,
                      struct lc_err *err)
{
    struct traffic t = {0};
    int32_t *in = NULL;
    int rc;

    if (LC_ALLOC(&t.out_count, 4 * (int64_t)par->size, "exchange", err) == LC_OK && cut[par->size] > INT_MAX)
        LC_FAIL(err, LC_E_MEMORY, "%" PRId64 " words to send to other ranks; allowed: below 2^31; use more ranks",
                cut[par->size]);
    LC_TRY(rc, lc_comm_agree(par, err));
    t.out_at = t.out_count + par->size;
    t.in_count = t.out_at + par->size;
    t.in_at = t.in_count + par->size;
    *count = traffic_plan(&t, par, cut);
    if (*count > INT_MAX)
        LC_FAIL(err, LC_E_MEMORY, "%" PRId64 " words to receive; allowed: below 2^31; use more ranks", *count);
    else
        LC_ALLOC(&in, *count, "exchange", err);
    LC_TRY(rc, lc_comm_agree(par, err));
    MPI_Alltoallv(word, t.out_count, t.out_at, MPI_INT32_T, in, t.in_count, t.in_at, MPI_INT32_T, par->comm);
    *out = in;
done:
    if (rc != LC_OK)
        free(in);
    free(t.out_count);
    return rc;
}

static int64_t largest_piece(const struct lc_round *r)
{
    int64_t most = 0;

    for (int64_t at = 0, end; at < r->count; at = end) {
        end = r->cut(r->arg, at);
        most = end - at > most ? end - at : most;
    }
    return most;
}

/* One rank's words to all. A rank that has failed still takes its part. */
static void pass_round(const struct lc_comm *par, const struct lc_round *r, int root, int32_t *buffer,
                       struct lc_err *err)
{
    int64_t at = 0, words;

    for (;;) {
        const int32_t *piece = buffer;
        words = par->rank == root && at < r->count ? r->cut(r->arg, at) - at : 0;
        MPI_Bcast(&words, 1, MPI_INT64_T, root, par->comm);
        if (words == 0)
            return;
        if (par->rank == root)
            piece = r->word + at;
        MPI_Bcast((void *)(uintptr_t)piece, (int)words, MPI_INT32_T, root, par->comm);
        at += words;
        if (err->code == LC_OK)
            r->take(r->arg, piece, words, err);
    }
}

int lc_exchange_round(const struct lc_comm *par, const struct lc_round *r, struct lc_err *err)
{
    int64_t most = err->code == LC_OK ? largest_piece(r) : 0;
    int32_t *buffer = NULL;

    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_INT64_T, MPI_MAX, par->comm);
    if (most > INT_MAX)
        LC_FAIL(err, LC_E_MEMORY, "a piece of %" PRId64 " words; allowed: below 2^31", most);
    else if (par->size > 1)
        LC_ALLOC(&buffer, most, "pieces of other ranks", err);
    if (lc_comm_agree(par, err) == LC_OK)
        for (int root = 0; root < par->size; root++)
            pass_round(par, r, root, buffer, err);
    free(buffer);
    return lc_comm_agree(par, err);
}

/* Indices below `end` that process `mine` owns. */
static int64_t owned_below(const struct lc_deal *d, int64_t end, int mine)
{
    struct lc_deal below = {.n = end, .block = d->block, .procs = d->procs, .mine = mine};

    return lc_deal_count(&below);
}

/* Where rank r's share of the rows begins. */
static int64_t share_begin(const struct lc_rows *w, const struct lc_comm *par, int r)
{
    return w->first + w->count * r / par->size;
}

void lc_rows_init(struct lc_rows *w, const struct lc_comm *par, const struct lc_layout *layout, int64_t first,
                  int64_t count)
{
    const struct lc_deal *row = &layout->row;

    *w = (struct lc_rows){.layout = layout, .first = first, .count = count};
    w->mine_first = share_begin(w, par, par->rank);
    w->mine = share_begin(w, par, par->rank + 1) - w->mine_first;
    w->local_first = owned_below(row, first, row->mine);
    w->local = owned_below(row, first + count, row->mine) - w->local_first;
}

/* What rank r gave, [its rows among mine, its columns], into my whole rows. */
static void place_part(const struct lc_rows *w, int r, const int64_t *part, int64_t *out)
{
    struct lc_deal row = w->layout->row, col = w->layout->col;
    int64_t cols, begin, end;

    row.mine = r / col.procs;
    col.mine = r % col.procs;
    cols = lc_deal_count(&col);
    begin = owned_below(&row, w->mine_first, row.mine);
    end = owned_below(&row, w->mine_first + w->mine, row.mine);
    for (int64_t k = begin; k < end; k++, part += cols) {
        int64_t *to = out + (lc_deal_global(&row, k) - w->mine_first) * col.n;
        for (int64_t c = 0; c < cols; c += col.block)
            memcpy(to + lc_deal_global(&col, c), part + c,
                   (size_t)(cols - c < col.block ? cols - c : col.block) * sizeof *to);
    }
}

void lc_rows_exchange(const struct lc_rows *w, const struct lc_comm *par, const void *data, void *out, void *scratch,
                      int *word)
{
    struct traffic t = {word, word + par->size, word + 2 * par->size, word + 3 * par->size};
    const struct lc_deal *row = &w->layout->row, *col = &w->layout->col;
    int64_t in = 0;

    for (int r = 0; r < par->size; r++) {
        int64_t begin = share_begin(w, par, r), end = share_begin(w, par, r + 1);
        int64_t from = owned_below(row, begin, row->mine) - w->local_first;
        int64_t rows = owned_below(row, end, row->mine) - w->local_first - from;
        struct lc_deal his = *col;
        his.mine = r % col->procs;
        t.out_at[r] = (int)(from * w->layout->cols);
        t.out_count[r] = (int)(rows * w->layout->cols);
        rows =
            owned_below(row, w->mine_first + w->mine, r / col->procs) - owned_below(row, w->mine_first, r / col->procs);
        t.in_at[r] = (int)in;
        t.in_count[r] = (int)(rows * lc_deal_count(&his));
        in += t.in_count[r];
    }
    MPI_Alltoallv(data, t.out_count, t.out_at, MPI_INT64_T, scratch, t.in_count, t.in_at, MPI_INT64_T, par->comm);
    for (int r = 0; r < par->size; r++)
        place_part(w, r, (const int64_t *)scratch + t.in_at[r], out);
}

void lc_exchange_sum(const struct lc_comm *par, int64_t *value, int64_t count)
{
    for (int64_t at = 0; at < count; at += SUM_PIECE)
        MPI_Allreduce(MPI_IN_PLACE, value + at, (int)(count - at < SUM_PIECE ? count - at : SUM_PIECE), MPI_INT64_T,
                      MPI_SUM, par->comm);
}

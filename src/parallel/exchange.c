#include "lightcone/exchange.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

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
static void pass_round(const struct lc_comm *par, const struct lc_round *r, int root, int32_t *buffer, struct lc_err *err)
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

void lc_exchange_sum(const struct lc_comm *par, int64_t *value, int64_t count)
{
    for (int64_t at = 0; at < count; at += SUM_PIECE)
        MPI_Allreduce(MPI_IN_PLACE, value + at, (int)(count - at < SUM_PIECE ? count - at : SUM_PIECE), MPI_INT64_T,
                      MPI_SUM, par->comm);
}

int lc_exchange_gather(const struct lc_comm *par, const void *data, int64_t size, void **out, int64_t *total,
                       struct lc_err *err)
{
    int mine = (int)size, *count = NULL, *at = NULL;

    *out = NULL;
    *total = size;
    MPI_Allreduce(MPI_IN_PLACE, total, 1, MPI_INT64_T, MPI_SUM, par->comm);
    if (*total > INT_MAX)
        LC_FAIL(err, LC_E_MEMORY, "%" PRId64 " bytes for rank 0; allowed: below 2^31", *total);
    else if (par->rank == 0 && LC_ALLOC(&count, par->size, "gather", err) == LC_OK &&
             LC_ALLOC(&at, par->size, "gather", err) == LC_OK)
        lc_alloc(out, *total, 1, "gather", err);
    if (lc_comm_agree(par, err) == LC_OK) {
        MPI_Gather(&mine, 1, MPI_INT, count, 1, MPI_INT, 0, par->comm);
        for (int r = 1; par->rank == 0 && r < par->size; r++)
            at[r] = at[r - 1] + count[r - 1];
        MPI_Gatherv(data, mine, MPI_BYTE, *out, count, at, MPI_BYTE, 0, par->comm);
    } else {
        free(*out);
        *out = NULL;
    }
    free(count);
    free(at);
    return err->code;
}

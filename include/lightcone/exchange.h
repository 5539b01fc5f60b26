/* exchange.h - words that change hands: from every rank to every other, from each to all in turn, and into sums. */
#ifndef LC_EXCHANGE_H
#define LC_EXCHANGE_H

#include <stdint.h>

#include "lightcone/blockcyclic.h"
#include "lightcone/comm.h"

/* word[cut[r] .. cut[r + 1]) goes to rank r, cut[size + 1]; *out = what all ranks sent to this one, by sender, to be
 * freed by the caller. LC_E_MEMORY where one rank would receive more than 2^31 words. Collective; agrees on errors. */
int lc_exchange_words(const struct lc_comm *par, const int32_t *word, const int64_t *cut, int32_t **out, int64_t *count,
                      struct lc_err *err);

/* Words that go round in pieces: those of rank 0 first, each rank's in order. */
struct lc_round {
    const int32_t *word; /* this rank's */
    int64_t count;
    /* End of the piece that begins at word `at` of this rank; beyond `at`. */
    int64_t (*cut)(void *arg, int64_t at);
    /* Called on every rank for every piece, its own included; the words are valid during the call. */
    int (*take)(void *arg, const int32_t *word, int64_t count, struct lc_err *err);
    void *arg;
};
/* Needs room for one piece, the largest of any rank. Collective; agrees on errors. */
int lc_exchange_round(const struct lc_comm *par, const struct lc_round *r, struct lc_err *err);

/* From a matrix of 8-byte numbers in blocks to whole rows, some rows at a time, and without any memory of its own. */
struct lc_rows {
    const struct lc_layout *layout;
    int64_t first, count;       /* rows of the whole matrix; first: where a block of process row 0 begins */
    int64_t mine_first, mine;   /* the consecutive rows of these that this rank gets */
    int64_t local_first, local; /* the local rows, by the layout, that this rank gives */
};
/* Share rows first ... first + count - 1 among the ranks; `first` and `count` the same on all of them. */
void lc_rows_init(struct lc_rows *w, const struct lc_comm *par, const struct lc_layout *layout, int64_t first,
                  int64_t count);
/* data[local, layout->cols] of every rank becomes out[mine, n]; scratch[mine, n]; each of them below 2^31 numbers.
 * `word` has room for 4 * size integers. Collective. */
void lc_rows_exchange(const struct lc_rows *w, const struct lc_comm *par, const void *data, void *out, void *scratch,
                      int *word);

/* value[count] = its sum over the ranks, on every rank. Collective. */
void lc_exchange_sum(const struct lc_comm *par, int64_t *value, int64_t count);

#endif

/* pairs.h - what joint counts say of a pair of features, and the pairs that stand out. Definitions: SAE features i and
 * j among N positions, p_i = N_i / N. */
#ifndef LC_PAIRS_H
#define LC_PAIRS_H

#include <stdint.h>

#include "lightcone/err.h"

enum lc_measure { LC_CONDITIONAL, LC_COACTIVATION, LC_PEARSON, LC_JACCARD, LC_MEASURES };

/* Counts of one pair; each at most N < 2^31, so that N M_ij - N_i N_j is exact in 64 bits. */
struct lc_pair {
    int64_t n, n_i, n_j, joint; /* N, N_i, N_j, M_ij */
    double shared;              /* sum_a N(i,a) N(j,a) / N(a) */
};

/* conditional: shared / N - p_i p_j; coactivation: M_ij / N - p_i p_j; pearson: that over sqrt(p_i (1 - p_i) p_j (1 -
 * p_j)), exactly 1 for i = j, NaN where p is 0 or 1; jaccard: M_ij / (N_i + N_j - M_ij), NaN where neither is active.
 * The same bits for (i, j) and (j, i). */
double lc_pair_measure(enum lc_measure which, const struct lc_pair *pair);

/* 1 where p is 0 or 1: no correlation coefficient. */
int lc_pair_is_degenerate(int64_t n_i, int64_t n);

/* The K greatest values with their pairs, whatever the order in which they came: descending, ties by (a, b). */
struct lc_top_pair {
    double value;
    int32_t a, b;
};
struct lc_top {
    struct lc_top_pair *pair; /* a heap, the least of the kept ones first, until lc_top_sort() */
    int64_t count, room;
};
int lc_top_init(struct lc_top *t, int64_t room, struct lc_err *err);
void lc_top_release(struct lc_top *t);
/* NaN is dropped. */
void lc_top_add(struct lc_top *t, double value, int32_t a, int32_t b);
/* Greatest first; nothing can be added afterwards. */
void lc_top_sort(struct lc_top *t);

#endif

/* spread.h - how an influence profile J(t') spreads over positions: the entropy of Qi (2026, see the README), and
 * the participation ratio and the Renyi entropy of order 2 of the same distribution. */
#ifndef LC_SPREAD_H
#define LC_SPREAD_H

#include <stdint.h>

struct lc_spread {
    double total;         /* sum J */
    double entropy;       /* H = -sum P log2 P, bits; P = (J + e) / (sum J + e) renormalised, e = 1e-12 */
    double participation; /* 1 / sum P^2 */
    double renyi2;        /* -log2 sum P^2, bits */
    int64_t degenerate;   /* sum J is 0 or not finite: the other fields are NaN and the sample is only counted */
};

/* J[n], each >= 0. */
struct lc_spread lc_spread_of(const double *j, int64_t n);

/* Of a profile that is the mean of `count` >= 2 independent ones, each[count, n] >= 0: that mean; the standard error at every
 * position; and the standard error of the mean's entropy, bits, by the jackknife (NaN where a mean without one of them is
 * degenerate). mean[n], error[n]. */
void lc_probes_finish(const double *each, int64_t count, int64_t n, double *mean, double *error, double *entropy_error);

/* Overlap of two profiles, sum_t' min(P, P') with P as above, from 0 to 1; NaN when either is degenerate. a[n], b[n] >= 0. */
double lc_overlap_of(const float *a, const float *b, int64_t n);

#endif

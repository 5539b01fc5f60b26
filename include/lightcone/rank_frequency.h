/* rank_frequency.h - how activation probabilities fall with rank: a power law fitted by least squares. */
#ifndef LC_RANK_FREQUENCY_H
#define LC_RANK_FREQUENCY_H

#include <stdint.h>

/* log10 p = intercept + slope log10 rank, rank 1 the most frequent. */
struct lc_rank_fit {
    double slope, intercept, r2; /* r2 = 1 - residual / total sum of squares; NaN where fewer than two p differ */
    int64_t n;                   /* features that take part: p > 0 */
};

/* p[n]: activation probabilities in any order; those that are not > 0 (dead features) do not take part. On return
 * sorted[n] holds the others first, descending: p of rank k is sorted[k - 1]. Every rank weighs the same, so the many
 * rare features weigh most. Slope and intercept are NaN with fewer than two features. */
void lc_rank_frequency(const double *p, int64_t n, double *sorted, struct lc_rank_fit *fit);

#endif

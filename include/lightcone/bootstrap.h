/* bootstrap.h - the uncertainty of a mean by resampling. */
#ifndef LC_BOOTSTRAP_H
#define LC_BOOTSTRAP_H

#include <stdint.h>

#include "lightcone/err.h"

/* A mean with its population standard deviation, its count, and a bootstrap 95 % interval. */
struct lc_summary {
    double mean, sd, low, high;
    int64_t count;
};

/* Of n finite values, one a window (say): the interval is the 2.5 % and 97.5 % quantiles of the means of `rounds` seeded
 * resamplings, centred on the mean. n 0: all NaN; n 1: no interval (NaN). */
int lc_bootstrap_mean(const double *x, int64_t n, uint64_t seed, int64_t rounds, struct lc_summary *out,
                      struct lc_err *err);

/* That interval from the resampled values themselves (sorted in place) around `centre`: linear between order statistics,
 * moved so that their mean lies on the centre. Resampling windows loses features that only one window has, so that
 * feature means drift as a whole; the spread is what the interval is about. */
void lc_bootstrap_interval(double *value, int64_t n, double centre, double *low, double *high);

#endif

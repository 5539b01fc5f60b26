/* estimate.h - means of values in groups, with bootstrap 95 % intervals over resampled windows. */
#ifndef LC_ESTIMATE_H
#define LC_ESTIMATE_H

#include <stdint.h>

#include "lightcone/bootstrap.h"
#include "lightcone/err.h"

/* What one window adds to one group. */
struct lc_part {
    int32_t window, group;
    double sum, weight;
};

/* Values that are being collected: for each group the mean of its values; or, when `average` is set, one mean over the
 * means of the groups that have values. */
struct lc_estimate {
    int64_t groups;
    int average;
    struct lc_summary *out; /* [average ? 1 : groups] set by lc_estimates_finish() */
    /* internal */
    struct lc_part *part;
    int64_t parts, room;
    double *squares; /* [groups] */
    int64_t *values; /* [groups] */
    double *sum, *weight, *mean; /* scratch of lc_estimates_finish() */
    int64_t *means, *first;
};

int lc_estimate_init(struct lc_estimate *e, int64_t groups, int average, struct lc_err *err);
void lc_estimate_release(struct lc_estimate *e); /* a zeroed one too */

/* One more value, of window `window` (numbered without gaps from 0) and group `group`. Values of one window and group that
 * follow each other take no more room than one. */
int lc_estimate_add(struct lc_estimate *e, int64_t window, int64_t group, double value, struct lc_err *err);
/* One more pair of a group whose estimate is the ratio of sums, sum a / sum b, b > 0. Its sd is NaN, its count the pairs. */
int lc_estimate_add_ratio(struct lc_estimate *e, int64_t window, int64_t group, double a, double b, struct lc_err *err);

/* Set e[k]->out for all k < count from the same `rounds` seeded resamplings of `windows` windows. Where a resampling has
 * none of a group's windows, it does not count for that group. */
int lc_estimates_finish(struct lc_estimate *e, int64_t count, int64_t windows, uint64_t seed, int64_t rounds,
                        struct lc_err *err);

#endif

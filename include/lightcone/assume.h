/* assume.h - how many features are active, before anything has run: as a sparsity result says, or a stated constant. */
#ifndef LC_ASSUME_H
#define LC_ASSUME_H

#include "lightcone/cost.h"
#include "lightcone/study.h"

/* Of a trained SAE at a threshold near 0.2, where nothing is measured: features above the threshold a token and site,
 * and how many times as many are above 0. */
#define LC_ASSUMED_ACTIVE   30.0
#define LC_ASSUMED_POSITIVE 1.4

/* For all sites of a study (an outline will do). `like`: path of a sparsity result that has them; NULL: features.from
 * where the configuration names it, else the constants. *source becomes the path that was used, borrowed, or NULL.
 * LC_E_CONFIG when the result does not have these sites. On success lc_assume_release(). */
int lc_assume(struct lc_assumed *a, const struct lc_study *study, const char *like, const char **source,
              struct lc_err *err);
void lc_assume_release(struct lc_assumed *a, const struct lc_study *study);

#endif

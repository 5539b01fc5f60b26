/* leading.h - the rule that picks a site's leading features: `features: {min_frequency, min_unique, top}`. */
#ifndef LC_LEADING_H
#define LC_LEADING_H

#include <stdint.h>

#include "lightcone/config.h"
#include "lightcone/err.h"

/* selected[features] = 1 where a live feature has frequency > min_frequency and unique > min_unique, both strictly, and
 * is among the `top` most frequent of those (ties: lower index). */
int lc_leading_select(const struct lc_feature_config *rule, int64_t features, const double *frequency,
                      const int64_t *unique, unsigned char *selected, struct lc_err *err);

#endif

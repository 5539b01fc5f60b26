/* sweep.h - tables of a sweep over window lengths. Private to src/report; sticky errors. */
#ifndef LC_REPORT_SWEEP_H
#define LC_REPORT_SWEEP_H

#include "table.h"
#include "view.h"

/* One row a site and length: feature_mean with its interval; where entropy saturates. */
void lc_sweep_means(const struct lc_view *v, struct lc_table *t, struct lc_err *err);
void lc_sweep_saturation(const struct lc_view *v, struct lc_table *t, struct lc_err *err);

/* An attribute of a site's sweep, such as saturation_length_site; NaN when the result does not have it. */
double lc_sweep_number(const struct lc_view_site *s, const char *key, struct lc_err *err);

/* Columns of lc_sweep_features(), ended by NULL: one row a feature, at the longest windows. */
extern const char *const lc_sweep_feature_columns[];
void lc_sweep_features(const struct lc_view_site *s, struct lc_table *t, struct lc_err *err);

/* One feature, one row a length; no row when the sweep does not have it. */
void lc_sweep_feature(const struct lc_view_site *s, int32_t feature, struct lc_table *t, struct lc_err *err);
/* Its saturation length; NaN when there is none. */
double lc_sweep_feature_saturation(const struct lc_view_site *s, int32_t feature);

#endif

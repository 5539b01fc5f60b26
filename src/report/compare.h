/* compare.h - results side by side: what defines them, and the differences between them. Private to src/report; sticky
 * errors. Results are compared when they are of one job and choice of features: each with the first of its kind. */
#ifndef LC_REPORT_COMPARE_H
#define LC_REPORT_COMPARE_H

#include "table.h"
#include "view.h"

/* Definitions and site-wide numbers: columns what, site, first, second, same (yes or no), and the names of the two files. */
void lc_compare_sides(const struct lc_view *v, struct lc_table *t, struct lc_err *err);

/* Paired differences second - first over what both have, with a bootstrap 95 % interval over windows: columns site, what,
 * first, second, difference, sd, low, high, n, windows, and the names of the two files. */
void lc_compare_pairs(const struct lc_view *v, struct lc_table *t, struct lc_err *err);

#endif

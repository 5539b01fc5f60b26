/* summary.h - tables about whole results: sites, definitions, provenance. Private to src/report; sticky errors. */
#ifndef LC_REPORT_SUMMARY_H
#define LC_REPORT_SUMMARY_H

#include "table.h"
#include "view.h"

/* One row a site; columns of the influence and of the sparsity job. */
void lc_summary_influence(const struct lc_view *v, struct lc_table *t, struct lc_err *err);
void lc_summary_sparsity(const struct lc_view *v, struct lc_table *t, struct lc_err *err);

/* Attributes that say what was measured: of the file, then of the influence at its first site.
 * Columns: what, value. */
void lc_summary_definitions(const struct lc_result *r, struct lc_table *t, struct lc_err *err);

#endif

/* summary.h - tables about whole results: sites, definitions, provenance. Private to src/report; sticky
 * errors. */
#ifndef LC_REPORT_SUMMARY_H
#define LC_REPORT_SUMMARY_H

#include "table.h"
#include "view.h"

/* Tables with one row a site. */
struct lc_site_table {
    const char *name, *title, *note;
    void (*make)(const struct lc_view *v, struct lc_table *t, struct lc_err *err);
};
extern const struct lc_site_table lc_site_tables[];
extern const int lc_site_tables_count;

/* Attributes that say what was measured: of the file, then of the influence at its first site.
 * Columns: what, value. */
void lc_summary_definitions(const struct lc_result *r, struct lc_table *t, struct lc_err *err);

#endif

/* summary.h - tables about whole results: sites, definitions, provenance. Private to src/report; sticky
 * errors. */
#ifndef LC_REPORT_SUMMARY_H
#define LC_REPORT_SUMMARY_H

#include "table.h"
#include "view.h"

/* Tables at the head of a report, left out when they have no row. */
struct lc_summary_table {
    const char *name, *title, *note;
    void (*make)(const struct lc_view *v, struct lc_table *t, struct lc_err *err);
};
extern const struct lc_summary_table lc_summary_tables[];
extern const int lc_summary_table_count;

/* The attributes of a file that say what was measured. Text is the caller's to free, NULL when the file does not say. */
extern const int lc_definition_count;
const char *lc_definition_name(int k);
int lc_definition_is_long(int k); /* a paragraph rather than a word */
char *lc_definition_text(const struct lc_result *r, int k, struct lc_err *err);

/* All of them. Columns: what, value. */
void lc_summary_definitions(const struct lc_result *r, struct lc_table *t, struct lc_err *err);

#endif

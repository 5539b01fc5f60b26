/* table.h - one table in memory, written as CSV, HTML, plain text or gnuplot data. Private to src/report;
 * sticky errors. */
#ifndef LC_REPORT_TABLE_H
#define LC_REPORT_TABLE_H

#include <stdio.h>

#include "lightcone/memory.h"

enum { LC_TABLE_COLUMNS = 24 };

struct lc_table {
    const char *column[LC_TABLE_COLUMNS]; /* borrowed: literals */
    int columns;
    struct lc_bytes cells, text;
};

/* `names`: literals, ended by NULL. */
void lc_table_begin(struct lc_table *t, const char *const *names);
void lc_table_release(struct lc_table *t);

/* Append one row; a letter of `kinds` for each column: s (const char *), i (int64_t), r (double), in that
 * order after it. */
void lc_table_row(struct lc_table *t, struct lc_err *err, const char *kinds, ...);
/* The same for part of a row; rows must be whole before anything else. */
void lc_table_cells(struct lc_table *t, struct lc_err *err, const char *kinds, ...);
int64_t lc_table_rows(const struct lc_table *t);
/* A cell as a number; NaN for text. Columns from 0. */
double lc_table_number(const struct lc_table *t, int64_t row, int column);

/* Sort rows by the column named `by`, largest first (text: ascending), ties in their order. LC_E_USAGE lists
 * the columns. */
int lc_table_sort(struct lc_table *t, const char *by, struct lc_err *err);

/* RFC 4180: CRLF, quotes where needed; reals with 17 significant digits, not a number as an empty field. */
void lc_table_csv(const struct lc_table *t, struct lc_bytes *out, struct lc_err *err);
/* <table>: text escaped, reals with 4 digits. */
void lc_table_html(const struct lc_table *t, struct lc_bytes *out, struct lc_err *err);
/* Aligned plain text, the first `top` rows. */
int lc_table_print(const struct lc_table *t, int64_t top, FILE *out, struct lc_err *err);
/* $BLOCK << EOD ... of rows [from, to): gnuplot counts columns from 1; text in quotes. */
void lc_table_plot(const struct lc_table *t, const char *block, int64_t from, int64_t to,
                   struct lc_bytes *out, struct lc_err *err);

#endif

/* report.h - results for the eye: figures, tables and a page from RESULT.h5 files; tables in the terminal.
 * Reads results only. */
#ifndef LC_REPORT_H
#define LC_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "lightcone/err.h"

/* Write FOLDER/index.html (self-contained), FOLDER/figures/NAME.svg and FOLDER/tables/NAME.csv from `count`
 * results. Figures whose data are in none of them are left out and said so on the page. Needs gnuplot on PATH
 * (LC_E_LIBRARY names it). */
int lc_report_write(const char *const *paths, int64_t count, const char *folder, struct lc_err *err);

struct lc_show {
    const char *site; /* NULL: all */
    int64_t feature;  /* -1: tables of features; else one feature with its profile over the token text */
    int64_t top;      /* rows */
    const char *by;   /* column to sort by; NULL: the table's default */
};

/* `lightcone show`: plain tables to out. */
int lc_show(const char *path, const struct lc_show *what, FILE *out, struct lc_err *err);

#endif

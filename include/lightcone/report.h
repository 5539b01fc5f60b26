/* report.h - results for the eye: figures, tables and a page from RESULT.h5 files; tables in the terminal.
 * Reads results only. */
#ifndef LC_REPORT_H
#define LC_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "lightcone/err.h"

/* Words of a command line, unchecked. */
struct lc_report_options {
    const char *const *figure; /* each a name, a number of the paper's, or several with commas between; none: all */
    int64_t figures;
    const char *const *format; /* each svg, pdf or png, or several; SVG is written always */
    int64_t formats;
    const char *size; /* of PDF and PNG: 85mmx60mm, 3.4inx2.4in, 1200x800 (pixels, 96 to the inch); NULL: the figure's
                         own. PNG of a size in mm, cm or in has 300 pixels to the inch */
    int64_t point;    /* of a merged result: where figures that know no sweep look */
};

/* Write FOLDER/index.html (self-contained), FOLDER/figures/NAME.svg and FOLDER/tables/NAME.csv from `count`
 * results; `options` may be NULL. Figures whose data are in none of them are left out and said so on the page, but one
 * that was asked for by name is an error. Needs gnuplot on PATH (LC_E_LIBRARY names it, or the terminal it lacks).
 * LC_E_USAGE on words that mean nothing, with those that do. */
int lc_report_write(const char *const *paths, int64_t count, const char *folder,
                    const struct lc_report_options *options, struct lc_err *err);

struct lc_show {
    const char *site; /* NULL: all */
    int64_t feature;  /* -1: tables of features; else one feature with its profile over the token text */
    int64_t top;      /* rows */
    const char *by;   /* column to sort by; NULL: the table's default */
    int64_t point;    /* of a merged result: the point whose tables are shown */
};

/* `lightcone show`: plain tables to out. */
int lc_show(const char *path, const struct lc_show *what, FILE *out, struct lc_err *err);

#endif

/* plot.h - everything that knows gnuplot as a program. Private to src/report; sticky errors. */
#ifndef LC_REPORT_PLOT_H
#define LC_REPORT_PLOT_H

#include "lightcone/memory.h"

/* Okabe and Ito's palette, which colour-blind readers tell apart. */
#define LC_BLUE   "#0072B2"
#define LC_RED    "#D55E00"
#define LC_GREEN  "#009E73"
#define LC_ORANGE "#E69F00"
#define LC_PURPLE "#CC79A7"
#define LC_SKY    "#56B4E9"
#define LC_GREY   "#8C8C8C"

/* Colour i of ten that differ, the first of them from that palette. */
const char *lc_plot_color(int i);

enum lc_plot_kind { LC_PLOT_SVG, LC_PLOT_PDF, LC_PLOT_PNG, LC_PLOT_KINDS };
extern const char *const lc_plot_kind_names[LC_PLOT_KINDS]; /* as in --format and the ends of files */

/* A size chosen for PDF and PNG; width 0: the figure's own. */
struct lc_plot_size {
    double width, height; /* inches */
    double dots_per_inch; /* of PNG */
};

/* LC_E_LIBRARY when gnuplot is not on PATH, or lacks the terminal that draws this kind. */
int lc_plot_check(enum lc_plot_kind kind, struct lc_err *err);

/* Fonts, grid: the first lines of every script. Size in pixels, 96 to the inch: that of the SVG, at which text has 14
 * pixels. At a chosen size all grows or shrinks with it, but text never below 7 points, or 6 and 5 with plots in 2 and
 * 3 `columns`. In the script `crowded` is then 1 where text takes a third more room than on the page. */
void lc_plot_begin(struct lc_bytes *script, int width, int height, int columns, struct lc_err *err);

/* Run the script; append the file. SVG: an <svg> element (no XML prolog) whose ids begin with `name`, so that many fit
 * in one page. PDF: the same bytes at any time. */
int lc_plot_draw(const struct lc_bytes *script, const char *name, enum lc_plot_kind kind,
                 const struct lc_plot_size *size, struct lc_bytes *out, struct lc_err *err);

#endif

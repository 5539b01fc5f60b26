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

/* LC_E_LIBRARY when gnuplot is not on PATH. */
int lc_plot_check(struct lc_err *err);

/* Terminal, fonts, grid: the first lines of every script. Size in pixels. */
void lc_plot_begin(struct lc_bytes *script, int width, int height, struct lc_err *err);

/* Run the script; append an <svg> element (no XML prolog) whose ids begin with `name`, so that many fit in
 * one page. */
int lc_plot_draw(const struct lc_bytes *script, const char *name, struct lc_bytes *svg, struct lc_err *err);

#endif

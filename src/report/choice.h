/* choice.h - what was asked of a report, checked: which figures, in which formats, at which size. Private to
 * src/report. */
#ifndef LC_REPORT_CHOICE_H
#define LC_REPORT_CHOICE_H

#include "lightcone/report.h"
#include "plot.h"

enum { LC_FIGURES_MAX = 64 };

struct lc_choice {
    int all;                              /* no figure was named */
    unsigned char figure[LC_FIGURES_MAX]; /* by row of lc_figures: 1 to draw it */
    unsigned char format[LC_PLOT_KINDS];  /* 1 to write a file of this kind; SVG always */
    struct lc_plot_size size;             /* of PDF and PNG */
};

/* `options` may be NULL. LC_E_USAGE names what is allowed. */
int lc_choice_make(struct lc_choice *c, const struct lc_report_options *options, struct lc_err *err);

#endif

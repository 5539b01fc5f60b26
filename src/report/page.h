/* page.h - index.html, piece by piece. Private to src/report; sticky errors. */
#ifndef LC_REPORT_PAGE_H
#define LC_REPORT_PAGE_H

#include "choice.h"
#include "figures.h"

void lc_page_begin(struct lc_bytes *page, const struct lc_view *v, struct lc_err *err);
/* One drawn figure. */
void lc_page_figure(struct lc_bytes *page, const struct lc_figure *f, const struct lc_figure_out *out,
                    const struct lc_choice *choice, const struct lc_bytes *svg, struct lc_err *err);
void lc_page_end(struct lc_bytes *page, const struct lc_view *v, const struct lc_bytes *left_out,
                 struct lc_err *err);

#endif

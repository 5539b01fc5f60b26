/* points.h - the points of a merged file side by side, a few numbers each. Private to src/report; sticky errors. */
#ifndef LC_REPORT_POINTS_H
#define LC_REPORT_POINTS_H

#include "table.h"
#include "view.h"

enum lc_points_kind { LC_POINTS_INFLUENCE, LC_POINTS_SPARSITY, LC_POINTS_CORRELATION, LC_POINTS_CONTEXTS, LC_POINTS_KINDS };

enum { LC_POINTS_VALUES = 7 };

/* A number of a kind. */
struct lc_points_value {
    const char *column; /* of its table; NULL: no more */
    char type;          /* i or r */
    const char *title;  /* of a plot; NULL: is not drawn */
    const char *units;  /* of its axis */
    int interval;       /* the next two are its lower and upper end */
};
extern const struct lc_points_value lc_points_values[LC_POINTS_KINDS][LC_POINTS_VALUES];

struct lc_points_row {
    int64_t site, point;
    const char *definition; /* of the mean that leads; "" for other kinds */
    double value[LC_POINTS_VALUES]; /* NaN: not there */
};

struct lc_points {
    enum lc_points_kind kind;
    const struct lc_view_file *file; /* NULL: no merged file is of this kind */
    const char *const *site;         /* borrowed */
    struct lc_points_row *row;       /* by site, then point */
    int64_t sites, rows;
};

/* Of the first merged file that has such. Release with lc_points_release(). */
void lc_points_read(struct lc_points *p, const struct lc_view *v, enum lc_points_kind kind, struct lc_err *err);
void lc_points_release(struct lc_points *p);

/* One row a site and point: site, the axes, the numbers, the point. No row where there is no such file. */
void lc_points_table(const struct lc_points *p, struct lc_table *t, struct lc_err *err);

#endif

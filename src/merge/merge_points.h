/* merge_points.h - which points a merge has, along which axes, in which order. Knows no files. */
#ifndef LC_MERGE_POINTS_H
#define LC_MERGE_POINTS_H

#include "lightcone/values.h"

/* One result that is merged, as far as its texts go; all owned by lc_merge_points. */
struct lc_merge_source {
    char *path, *config, *provenance;
};

struct lc_merge_point {
    int64_t source, at;     /* of which result; point of it, -1: the whole of it */
    struct lc_value *value; /* [columns], owned */
    const struct lc_merge_points *of;
};

struct lc_merge_points {
    struct lc_merge_source *source;
    struct lc_merge_point *point;
    int64_t sources, count;
    int columns; /* those of values.h */
    int *axis;   /* columns in which the points differ, ascending */
    int axes;
};

/* Begin with room for so many results. On success release with lc_merge_points_release(). */
int lc_merge_points_init(struct lc_merge_points *p, int64_t sources, struct lc_err *err);
void lc_merge_points_release(struct lc_merge_points *p);

/* The next result; copies the texts. */
int lc_merge_points_add_source(struct lc_merge_points *p, const char *path, const char *config, const char *provenance,
                               struct lc_err *err);
/* A point of the result added last; `set`: what differs there from its configuration, as "key=value". */
int lc_merge_points_add(struct lc_merge_points *p, int64_t at, const char *const *set, int64_t sets, struct lc_err *err);

/* Find the axes and put the points in order. LC_E_USAGE when the results are of different jobs or two points the same in
 * all keys. */
int lc_merge_points_order(struct lc_merge_points *p, struct lc_err *err);

/* The configuration that the points share, with the axes as `sweep`; and all lines of provenance, each once. Appended. */
int lc_merge_points_config(const struct lc_merge_points *p, struct lc_bytes *out, struct lc_err *err);
int lc_merge_points_provenance(const struct lc_merge_points *p, struct lc_bytes *out, struct lc_err *err);

#endif

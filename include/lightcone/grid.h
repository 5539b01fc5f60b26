/* grid.h - `sweep:` of a configuration: a grid of configurations, one for every combination of the values that its keys are
 * given. The points are numbered with the last axis fastest. */
#ifndef LC_GRID_H
#define LC_GRID_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/config.h"

struct lc_axis {
    const char *key; /* dotted; static */
    int64_t count;
    char **value; /* [count] each as YAML on one line, for `--set key=value`; owned */
};

/* The axes stand in the order of the table of keys, however the file spells them. windows.length is none of them: its list
 * is that of `windows: {length: [...]}`, a sweep within each point. */
struct lc_grid {
    struct lc_axis *axis; /* [axes] owned */
    int64_t axes;         /* 0: no sweep, one point */
    int64_t points;       /* at most LC_SWEEP_MAX */
    /* internal, borrowed: what lc_grid_init() was given */
    const char *path, *bytes;
    size_t size;
    const char *const *overrides;
    int64_t override_count;
};

/* Read what lc_config_parse() reads, which must outlive the grid, and check every point as it checks a configuration; two
 * points of the same canonical form are an error too. LC_E_CONFIG with path, line, key, what was found, what is allowed,
 * and the point. Same bytes give the same grid on every rank. On success release with lc_grid_release(). */
int lc_grid_init(struct lc_grid *grid, const char *path, const char *bytes, size_t size, const char *const *overrides,
                 int64_t override_count, struct lc_err *err);
void lc_grid_release(struct lc_grid *grid);

/* The configuration of a point: exactly the file's, with the point's values in place of what it says of these keys. On
 * success release with lc_config_release(). */
int lc_grid_config(const struct lc_grid *grid, int64_t point, struct lc_config *config, struct lc_err *err);

/* Which of an axis' values a point has. */
int64_t lc_grid_place(const struct lc_grid *grid, int64_t point, int64_t axis);

/* "key=value key=value" of a point, in the order of the axes; appended to *out. */
int lc_grid_describe(const struct lc_grid *grid, int64_t point, struct lc_bytes *out, struct lc_err *err);

#endif

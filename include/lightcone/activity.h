/* activity.h - which features are active at which rows, decided as exact arithmetic on the stored float32 values would:
 * float32 first, float64 for the few values within float32's rounding bound of the threshold. */
#ifndef LC_ACTIVITY_H
#define LC_ACTIVITY_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/sae.h"

/* Active features row by row, ascending in each row. */
struct lc_active {
    int64_t rows, room;
    int64_t *indptr;    /* [rows + 1] */
    int32_t *feature;   /* [indptr[rows]] */
    float *activation;  /* f, same order */
    unsigned char *above; /* 1 where f > mark, same order */
    int64_t rechecked;  /* decisions that took float64, since init */
    /* scratch */
    int64_t row_room, hits, hit_room;
    float *shifted, *z, *length;
    int64_t *hit; /* row * F + feature, as found; negative (-1 - that) where f <= mark */
    float *value;
};

/* Workspace for up to row_room rows of SAEs of width up to `width`; 0: without scratch. */
int lc_active_init(struct lc_active *a, int64_t row_room, int64_t width, struct lc_err *err);
/* Bytes that lc_active_init() would take. */
int64_t lc_active_bytes(int64_t row_room, int64_t width);
void lc_active_release(struct lc_active *a);

/* Features with f > theta (strictly; 0 <= theta <= mark) at each of `rows` <= row_room rows of y[rows, D], and which of
 * them have f > mark, both decided exactly. f = z where z > max(theta, cut). Replaces what `a` held. */
int lc_active_find(struct lc_active *a, const struct lc_sae *sae, const float *y, int64_t rows, double theta,
                   double mark, struct lc_err *err);
/* The same at `count` pairs of thresholds with one product: a[k] holds what lc_active_find() gives for theta[k], mark[k]. All
 * work in the scratch of `scratch`, and may be of width 0. */
int lc_active_find_each(const struct lc_active *scratch, struct lc_active *a, int64_t count, const struct lc_sae *sae,
                        const float *y, int64_t rows, const double *theta, const double *mark, struct lc_err *err);

#endif

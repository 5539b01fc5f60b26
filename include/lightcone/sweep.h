/* sweep.h - entropy against context length: what the samples of several points of a sweep say together, and where a
 * curve saturates. Letters: L points, M features. */
#ifndef LC_SWEEP_H
#define LC_SWEEP_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/samples.h"

#define LC_SATURATION_SHARE 0.95

/* Least T at which a curve h[L] over lengths t[L] (ascending) reaches `share` of its last value, linear between
 * neighbouring points; the first length when the curve is there from its start. Points where h is not finite are no
 * points of the curve. NaN when the last one is none, when its value is not above 0, or when it is the only one. */
double lc_saturation_length(const int64_t *t, const double *h, int64_t points, double share);

/* The curve of a site: mean of mean[count,points] over the features that have samples[count,points] at every point, into
 * curve[points]; returns how many these are. NaN when there are none. */
int64_t lc_sweep_curve(const int64_t *samples, const double *mean, int64_t count, int64_t points, double *curve);

/* One site over the points of a sweep. */
struct lc_sweep {
    int64_t points, count;     /* L, M */
    int32_t *feature;          /* [M] ascending: those with enough samples at the last point */
    int64_t *samples;          /* [M,L] that are not degenerate */
    double *mean, *se;         /* [M,L] of H: NaN without samples; sd / sqrt(n - 1), sd the population's, NaN below 2 */
    double *saturation_length; /* [M] of mean, by lc_saturation_length() */
    /* Over the features whose saturation length is a number: how many, their mean and median (of an even number the
     * mean of the two in the middle); NaN when there are none. */
    int64_t saturated;
    double saturation_mean, saturation_median;
    /* Saturation length of the site: of lc_sweep_curve(), and how many features that is over. */
    int64_t complete;
    double saturation_site;
};

/* From L logs, each complete and sorted, at ascending lengths t[L]: the features below `features` that have at least
 * `least` samples, and one, at the last point. On success release with lc_sweep_release(). */
int lc_sweep_init(struct lc_sweep *s, const struct lc_samples *const *log, const int64_t *t, int64_t points,
                  int64_t features, int64_t least, struct lc_err *err);
void lc_sweep_release(struct lc_sweep *s);

#endif

#include "lightcone/spread.h"

#include <math.h>

#define EPSILON 1e-12

struct lc_spread lc_spread_of(const double *j, int64_t n)
{
    struct lc_spread s = {.total = 0.0, .entropy = NAN, .participation = NAN, .renyi2 = NAN};
    double mass = 0.0, squares = 0.0, entropy = 0.0;

    for (int64_t t = 0; t < n; t++)
        s.total += j[t];
    if (!(s.total > 0.0) || !isfinite(s.total)) {
        s.degenerate = 1;
        return s;
    }
    for (int64_t t = 0; t < n; t++)
        mass += (j[t] + EPSILON) / (s.total + EPSILON);
    for (int64_t t = 0; t < n; t++) {
        double p = (j[t] + EPSILON) / (s.total + EPSILON) / mass;
        squares += p * p;
        entropy -= p > 0.0 ? p * log2(p) : 0.0;
    }
    s.entropy = entropy > 0.0 ? entropy : 0.0;
    s.participation = 1.0 / squares;
    s.renyi2 = squares < 1.0 ? -log2(squares) : 0.0;
    return s;
}

/* What the shares P of a profile have in common: P(t') = (J(t') + e) scale. */
static double scale_of(const float *j, int64_t n)
{
    double total = 0.0;

    for (int64_t t = 0; t < n; t++)
        total += (double)j[t];
    return total > 0.0 && isfinite(total) ? 1.0 / (total + (double)n * EPSILON) : NAN;
}

double lc_overlap_of(const float *a, const float *b, int64_t n)
{
    double p = scale_of(a, n), q = scale_of(b, n), sum = 0.0;

    if (isnan(p) || isnan(q))
        return NAN;
    for (int64_t t = 0; t < n; t++)
        sum += fmin(((double)a[t] + EPSILON) * p, ((double)b[t] + EPSILON) * q);
    return sum;
}

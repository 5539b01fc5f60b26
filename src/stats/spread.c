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

/* sum (x - mean)^2 of x[0], x[step], ...; *mean is set. */
static double deviations(const double *x, int64_t count, int64_t step, double *mean)
{
    double sum = 0.0, squares = 0.0;

    for (int64_t k = 0; k < count; k++)
        sum += x[k * step];
    *mean = sum / (double)count;
    for (int64_t k = 0; k < count; k++)
        squares += (x[k * step] - *mean) * (x[k * step] - *mean);
    return squares;
}

/* Rounding can make less than nothing of a sum of squares; what is not a number stays so, as with fmax() it would not. */
static double not_below_zero(double x)
{
    return x < 0.0 ? 0.0 : x;
}

/* The means without one profile are made in without[n]. */
static double jackknife(const double *each, int64_t count, int64_t n, const double *mean, double *without)
{
    double k = (double)count, sum = 0.0, squares = 0.0, first = 0.0;

    for (int64_t p = 0; p < count; p++) {
        double entropy;
        for (int64_t t = 0; t < n; t++)
            without[t] = not_below_zero((k * mean[t] - each[p * n + t]) / (k - 1.0));
        entropy = lc_spread_of(without, n).entropy;
        first = p == 0 ? entropy : first;
        sum += entropy - first;
        squares += (entropy - first) * (entropy - first);
    }
    return sqrt((k - 1.0) / k * not_below_zero(squares - sum * sum / k));
}

void lc_probes_finish(const double *each, int64_t count, int64_t n, double *mean, double *error, double *entropy_error)
{
    double k = (double)count;

    for (int64_t t = 0; t < n; t++)
        deviations(each + t, count, n, &mean[t]);
    *entropy_error = jackknife(each, count, n, mean, error);
    for (int64_t t = 0; t < n; t++)
        error[t] = sqrt(deviations(each + t, count, n, &mean[t]) / (k - 1.0) / k);
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

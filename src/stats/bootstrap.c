#include "lightcone/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "lightcone/memory.h"
#include "lightcone/random.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void lc_bootstrap_interval(double *value, int64_t n, double centre, double *low, double *high)
{
    double at[2] = {0.025 * (double)(n - 1), 0.975 * (double)(n - 1)}, q[2], sum = 0.0;

    qsort(value, (size_t)n, sizeof *value, ascending);
    for (int64_t i = 0; i < n; i++)
        sum += value[i];
    for (int k = 0; k < 2; k++) {
        int64_t i = (int64_t)at[k];
        double next = i + 1 < n ? value[i + 1] : value[i];
        q[k] = value[i] + (at[k] - (double)i) * (next - value[i]);
    }
    *low = centre + q[0] - sum / (double)n;
    *high = centre + q[1] - sum / (double)n;
}

int lc_bootstrap_mean(const double *x, int64_t n, uint64_t seed, int64_t rounds, struct lc_summary *out,
                      struct lc_err *err)
{
    double *value = NULL, sum = 0.0, squares = 0.0;

    *out = (struct lc_summary){.mean = NAN, .sd = NAN, .low = NAN, .high = NAN, .count = n};
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    if (n == 0)
        return LC_OK;
    out->mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - out->mean) * (x[i] - out->mean);
    out->sd = sqrt(squares / (double)n);
    if (n == 1)
        return LC_OK;
    if (LC_ALLOC(&value, rounds, "bootstrap", err) != LC_OK)
        return err->code;
    for (int64_t round = 0; round < rounds; round++) {
        sum = 0.0;
        for (int64_t i = 0; i < n; i++)
            sum += x[lc_random_below(seed, (uint64_t)round + 1, (uint64_t)i, (uint64_t)n)];
        value[round] = sum / (double)n;
    }
    lc_bootstrap_interval(value, rounds, out->mean, &out->low, &out->high);
    free(value);
    return LC_OK;
}

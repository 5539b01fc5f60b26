#include "lightcone/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "lightcone/memory.h"
#include "lightcone/order.h"
#include "lightcone/random.h"

void lc_bootstrap_interval(double *value, int64_t n, double centre, double *low, double *high)
{
    double sum = 0.0;

    lc_sort_f64(value, n);
    for (int64_t i = 0; i < n; i++)
        sum += value[i];
    *low = centre + lc_percentile(value, n, 2.5) - sum / (double)n;
    *high = centre + lc_percentile(value, n, 97.5) - sum / (double)n;
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

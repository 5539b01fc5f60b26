#include "lightcone/rank_frequency.h"

#include <math.h>

#include "lightcone/order.h"

/* Centred sums over y = log10 p and x = log10 rank. */
static void fit_line(const double *sorted, struct lc_rank_fit *fit)
{
    double mx = 0, my = 0, xx = 0, xy = 0, yy = 0, n = (double)fit->n;

    for (int64_t k = 0; k < fit->n; k++) {
        mx += log10((double)(k + 1)) / n;
        my += log10(sorted[k]) / n;
    }
    for (int64_t k = 0; k < fit->n; k++) {
        double x = log10((double)(k + 1)) - mx, y = log10(sorted[k]) - my;
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    if (fit->n < 2)
        return;
    fit->slope = xy / xx;
    fit->intercept = my - fit->slope * mx;
    if (sorted[0] > sorted[fit->n - 1])
        fit->r2 = xy * xy / (xx * yy);
}

void lc_rank_frequency(const double *p, int64_t n, double *sorted, struct lc_rank_fit *fit)
{
    *fit = (struct lc_rank_fit){NAN, NAN, NAN, 0};
    for (int64_t i = 0; i < n; i++)
        if (p[i] > 0)
            sorted[fit->n++] = p[i];
    lc_sort_f64(sorted, fit->n);
    for (int64_t low = 0, high = fit->n - 1; low < high; low++, high--) {
        double x = sorted[low];
        sorted[low] = sorted[high];
        sorted[high] = x;
    }
    fit_line(sorted, fit);
}

#include "lightcone/sweep.h"

#include <math.h>
#include <stdlib.h>

#include "lightcone/memory.h"
#include "lightcone/order.h"

double lc_saturation_length(const int64_t *t, const double *h, int64_t points, double share)
{
    double target;
    int64_t before = -1;

    if (points < 1 || !isfinite(h[points - 1]) || !(h[points - 1] > 0.0))
        return NAN;
    target = share * h[points - 1];
    for (int64_t k = 0; k < points; k++) {
        if (!isfinite(h[k]))
            continue;
        if (h[k] >= target && before < 0)
            return k < points - 1 ? (double)t[k] : (double)NAN;
        if (h[k] >= target)
            return (double)t[before] + (target - h[before]) / (h[k] - h[before]) * (double)(t[k] - t[before]);
        before = k;
    }
    return NAN;
}

void lc_sweep_release(struct lc_sweep *s)
{
    free(s->feature);
    free(s->samples);
    free(s->mean);
    free(s->se);
    free(s->saturation_length);
    *s = (struct lc_sweep){0};
}

/* place[f]: row of feature f, from 1; 0: none. */
static int choose(struct lc_sweep *s, const struct lc_samples *last, int64_t *place, int64_t features, int64_t least,
                  struct lc_err *err)
{
    int rc;

    for (int64_t i = 0; i < last->count; i++)
        place[last->item[i].feature] += !last->item[i].spread.degenerate;
    for (int64_t f = 0; f < features; f++)
        place[f] = place[f] > 0 && place[f] >= least ? ++s->count : 0;
    LC_TRY(rc, LC_ALLOC(&s->feature, s->count, "sweep", err));
    LC_TRY(rc, LC_ALLOC(&s->samples, s->count * s->points, "sweep", err));
    LC_TRY(rc, LC_ALLOC(&s->mean, s->count * s->points, "sweep", err));
    LC_TRY(rc, LC_ALLOC(&s->se, s->count * s->points, "sweep", err));
    LC_TRY(rc, LC_ALLOC(&s->saturation_length, s->count, "sweep", err));
    for (int64_t f = 0; f < features; f++)
        if (place[f] > 0)
            s->feature[place[f] - 1] = (int32_t)f;
done:
    return rc;
}

/* Column k: first the mean of H, then the squares of what is left, both in the order of the log. */
static void fill_point(struct lc_sweep *s, const struct lc_samples *log, int64_t k, const int64_t *place)
{
    for (int64_t i = 0; i < log->count; i++) {
        const struct lc_sample *x = &log->item[i];
        int64_t at = (place[x->feature] - 1) * s->points + k;
        if (place[x->feature] == 0 || x->spread.degenerate)
            continue;
        s->samples[at]++;
        s->mean[at] += x->spread.entropy;
    }
    for (int64_t at = k; at < s->count * s->points; at += s->points)
        s->mean[at] = s->samples[at] > 0 ? s->mean[at] / (double)s->samples[at] : (double)NAN;
    for (int64_t i = 0; i < log->count; i++) {
        const struct lc_sample *x = &log->item[i];
        int64_t at = (place[x->feature] - 1) * s->points + k;
        if (place[x->feature] > 0 && !x->spread.degenerate)
            s->se[at] += (x->spread.entropy - s->mean[at]) * (x->spread.entropy - s->mean[at]);
    }
    for (int64_t at = k; at < s->count * s->points; at += s->points) {
        double n = (double)s->samples[at];
        s->se[at] = s->samples[at] > 1 ? sqrt(s->se[at] / n / (n - 1.0)) : (double)NAN;
    }
}

static int summarise_features(struct lc_sweep *s, const int64_t *t, struct lc_err *err)
{
    double *value = NULL, sum = 0.0;
    int64_t n = 0;

    if (LC_ALLOC(&value, s->count, "sweep", err) != LC_OK)
        return err->code;
    for (int64_t m = 0; m < s->count; m++) {
        double x = lc_saturation_length(t, s->mean + m * s->points, s->points, LC_SATURATION_SHARE);
        s->saturation_length[m] = x;
        if (isfinite(x))
            value[n++] = x;
    }
    lc_sort_f64(value, n);
    for (int64_t i = 0; i < n; i++)
        sum += value[i];
    s->saturated = n;
    s->saturation_mean = n > 0 ? sum / (double)n : (double)NAN;
    s->saturation_median = n > 0 ? lc_percentile(value, n, 50.0) : (double)NAN;
    free(value);
    return LC_OK;
}

int64_t lc_sweep_curve(const int64_t *samples, const double *mean, int64_t count, int64_t points, double *curve)
{
    int64_t complete = 0;

    for (int64_t k = 0; k < points; k++)
        curve[k] = 0.0;
    for (int64_t m = 0; m < count; m++) {
        int64_t there = 0;
        for (int64_t k = 0; k < points; k++)
            there += samples[m * points + k] > 0;
        if (there < points)
            continue;
        complete++;
        for (int64_t k = 0; k < points; k++)
            curve[k] += mean[m * points + k];
    }
    for (int64_t k = 0; k < points; k++)
        curve[k] = complete > 0 ? curve[k] / (double)complete : (double)NAN;
    return complete;
}

static int summarise_site(struct lc_sweep *s, const int64_t *t, struct lc_err *err)
{
    double *curve = NULL;

    if (LC_ALLOC(&curve, s->points, "sweep", err) != LC_OK)
        return err->code;
    s->complete = lc_sweep_curve(s->samples, s->mean, s->count, s->points, curve);
    s->saturation_site = lc_saturation_length(t, curve, s->points, LC_SATURATION_SHARE);
    free(curve);
    return LC_OK;
}

int lc_sweep_init(struct lc_sweep *s, const struct lc_samples *const *log, const int64_t *t, int64_t points,
                  int64_t features, int64_t least, struct lc_err *err)
{
    int64_t *place = NULL;
    int rc;

    *s = (struct lc_sweep){.points = points};
    LC_TRY(rc, LC_ALLOC(&place, features, "sweep", err));
    LC_TRY(rc, choose(s, log[points - 1], place, features, least, err));
    for (int64_t k = 0; k < points; k++)
        fill_point(s, log[k], k, place);
    LC_TRY(rc, summarise_features(s, t, err));
    LC_TRY(rc, summarise_site(s, t, err));
done:
    free(place);
    if (rc != LC_OK)
        lc_sweep_release(s);
    return rc;
}

#include "sweep.h"

#include <math.h>

#define SWEEP "sites/SITE/sweep"

const char *const lc_sweep_feature_columns[] = {"feature", "samples", "entropy_mean", "entropy_se",
                                                "saturation_length", NULL};

void lc_sweep_means(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {"site", "T", "n", "feature_mean_bits", "low", "high", NULL};

    lc_table_begin(t, columns);
    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        for (int64_t k = 0; s->part[LC_VIEW_SWEEP] && k < s->length.count; k++) {
            const struct lc_view_summary *m = &s->point[LC_VIEW_FEATURE_MEAN][k];
            lc_table_row(t, err, "siirrr", s->name, ((const int64_t *)s->length.data)[k], m->n, m->value, m->low,
                         m->high);
        }
    }
}

double lc_sweep_number(const struct lc_view_site *s, const char *key, struct lc_err *err)
{
    double x = NAN;
    int found;

    lc_result_get_real(s->part[LC_VIEW_SWEEP], SWEEP, s->name, key, &x, &found, err);
    return x;
}

void lc_sweep_saturation(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {"site", "site_saturation", "features", "mean_of_features",
                                          "median_of_features", NULL};

    lc_table_begin(t, columns);
    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        int64_t n = 0;
        int found;
        if (!s->part[LC_VIEW_SWEEP])
            continue;
        lc_result_get_int(s->part[LC_VIEW_SWEEP], SWEEP, s->name, "saturation_length_n", &n, &found, err);
        lc_table_row(t, err, "srirr", s->name, lc_sweep_number(s, "saturation_length_site", err), n,
                     lc_sweep_number(s, "saturation_length_mean", err), lc_sweep_number(s, "saturation_length_median", err));
    }
}

static int is_whole(const struct lc_view_site *s)
{
    return s->part[LC_VIEW_SWEEP] && s->array[LC_VIEW_SWEEP_SATURATION].data;
}

void lc_sweep_features(const struct lc_view_site *s, struct lc_table *t, struct lc_err *err)
{
    int64_t points = s->length.count;

    lc_table_begin(t, lc_sweep_feature_columns);
    for (int64_t m = 0; is_whole(s) && m < lc_view_count(s, LC_VIEW_SWEEP_FEATURE); m++) {
        int64_t last = m * points + points - 1;
        lc_table_row(t, err, "iirrr", (int64_t)lc_view_i32(s, LC_VIEW_SWEEP_FEATURE)[m],
                     lc_view_i64(s, LC_VIEW_SWEEP_SAMPLES)[last], lc_view_f64(s, LC_VIEW_SWEEP_MEAN)[last],
                     lc_view_f64(s, LC_VIEW_SWEEP_SE)[last], lc_view_f64(s, LC_VIEW_SWEEP_SATURATION)[m]);
    }
}

/* Row of a feature in the sweep, or -1. */
static int64_t row_of(const struct lc_view_site *s, int32_t feature)
{
    for (int64_t m = 0; is_whole(s) && m < lc_view_count(s, LC_VIEW_SWEEP_FEATURE); m++)
        if (lc_view_i32(s, LC_VIEW_SWEEP_FEATURE)[m] == feature)
            return m;
    return -1;
}

void lc_sweep_feature(const struct lc_view_site *s, int32_t feature, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {"T", "samples", "entropy_mean", "entropy_se", "effective_tokens", NULL};
    int64_t m = row_of(s, feature), points = s->length.count;

    lc_table_begin(t, columns);
    for (int64_t at = m * points; m >= 0 && at < (m + 1) * points; at++)
        lc_table_row(t, err, "iirrr", ((const int64_t *)s->length.data)[at - m * points],
                     lc_view_i64(s, LC_VIEW_SWEEP_SAMPLES)[at], lc_view_f64(s, LC_VIEW_SWEEP_MEAN)[at],
                     lc_view_f64(s, LC_VIEW_SWEEP_SE)[at], exp2(lc_view_f64(s, LC_VIEW_SWEEP_MEAN)[at]));
}

double lc_sweep_feature_saturation(const struct lc_view_site *s, int32_t feature)
{
    int64_t m = row_of(s, feature);

    return m < 0 ? (double)NAN : lc_view_f64(s, LC_VIEW_SWEEP_SATURATION)[m];
}

#include "lightcone/influence_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"
#include "lightcone/order.h"

#define INFLUENCE "sites/SITE/influence"
#define SAMPLES   INFLUENCE "/samples/"
#define FEATURES  INFLUENCE "/features/"
#define SWEEP     "sites/SITE/sweep"

/* Where the result goes: the same for every dataset of a site. */
struct sink {
    struct lc_result *r;
    const char *site;
    struct lc_err *err;
};

static void put(const struct sink *to, const char *name, const int64_t *dim, const void *data)
{
    if (to->err->code == LC_OK)
        lc_result_put(to->r, name, to->site, dim, data, to->err);
}

/* --- features --- */

/* The features with enough samples, and how many each has. */
static int find_features(struct lc_feature_table *t, const struct lc_samples *s, int64_t least, struct lc_err *err)
{
    int64_t n = 0;
    int32_t *all;

    if (LC_ALLOC(&all, s->count, "feature table", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < s->count; i++)
        if (!s->item[i].spread.degenerate)
            all[n++] = (int32_t)s->item[i].feature;
    lc_sort_i32(all, n);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && all[end] == all[i]; end++)
            continue;
        if (end - i >= least)
            all[t->count++] = all[i];
    }
    t->feature = all;
    return LC_OK;
}

int64_t lc_feature_table_row(const struct lc_feature_table *t, int64_t feature)
{
    return lc_find_i32(t->feature, t->count, feature);
}

static void fill(struct lc_feature_table *t, const struct lc_samples *s)
{
    double widest = log2((double)t->length);

    for (int64_t i = 0; i < s->count; i++) {
        const struct lc_sample *x = &s->item[i];
        int64_t m = x->spread.degenerate ? -1 : lc_feature_table_row(t, x->feature);
        double bin = widest > 0.0 ? fmax(0.0, x->spread.entropy / widest * LC_ENTROPY_BINS) : 0.0;
        if (m < 0)
            continue;
        t->samples[m]++;
        t->entropy_mean[m] += x->spread.entropy;
        t->entropy_sd[m] += x->spread.entropy * x->spread.entropy;
        t->histogram[m * LC_ENTROPY_BINS + (bin < LC_ENTROPY_BINS - 1 ? (int64_t)bin : LC_ENTROPY_BINS - 1)]++;
    }
    for (int64_t m = 0; m < t->count; m++) {
        double n = (double)t->samples[m];
        t->entropy_mean[m] /= n;
        t->entropy_sd[m] = sqrt(fmax(0.0, t->entropy_sd[m] / n - t->entropy_mean[m] * t->entropy_mean[m]));
    }
}

int lc_feature_table_init(struct lc_feature_table *t, const struct lc_samples *s, int64_t least, int64_t length,
                          struct lc_err *err)
{
    int rc;

    *t = (struct lc_feature_table){.length = length};
    LC_TRY(rc, find_features(t, s, least, err));
    LC_TRY(rc, LC_ALLOC(&t->samples, t->count, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->entropy_mean, t->count, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->entropy_sd, t->count, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->histogram, t->count * LC_ENTROPY_BINS, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->profile_mean, t->count * length, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->profile_sd, t->count * length, "feature table", err));
    fill(t, s);
done:
    if (rc != LC_OK)
        lc_feature_table_release(t);
    return rc;
}

void lc_feature_table_release(struct lc_feature_table *t)
{
    free(t->feature);
    free(t->samples);
    free(t->entropy_mean);
    free(t->entropy_sd);
    free(t->histogram);
    free(t->profile_mean);
    free(t->profile_sd);
    *t = (struct lc_feature_table){0};
}

/* Adds every profile, or its squared distance from the mean, to row m of `sum`. */
static void add_profiles(const struct lc_feature_table *t, const struct lc_samples *s, const double *mean, double *sum)
{
    for (int64_t i = 0; i < s->count; i++) {
        const struct lc_sample *x = &s->item[i];
        int64_t m = x->spread.degenerate ? -1 : lc_feature_table_row(t, x->feature);
        const float *j = s->profile + x->profile * s->profile_length;
        for (int64_t p = 0; m >= 0 && p < t->length && p < s->profile_length; p++) {
            double d = mean ? (double)j[p] - mean[m * t->length + p] : (double)j[p];
            sum[m * t->length + p] += (mean ? d * d : d) / (double)t->samples[m];
        }
    }
}

void lc_feature_table_profiles(struct lc_feature_table *t, const struct lc_samples *s)
{
    add_profiles(t, s, NULL, t->profile_mean);
    add_profiles(t, s, t->profile_mean, t->profile_sd);
    for (int64_t i = 0; i < t->count * t->length; i++)
        t->profile_sd[i] = sqrt(t->profile_sd[i]);
}

int lc_influence_put_features(struct lc_result *r, const char *site, const struct lc_feature_table *t,
                              struct lc_err *err)
{
    const struct sink to = {r, site, err};
    int64_t bins[] = {t->count, LC_ENTROPY_BINS}, profile[] = {t->count, t->length};

    put(&to, FEATURES "feature", &t->count, t->feature);
    put(&to, FEATURES "samples", &t->count, t->samples);
    put(&to, FEATURES "entropy_mean", &t->count, t->entropy_mean);
    put(&to, FEATURES "entropy_sd", &t->count, t->entropy_sd);
    put(&to, FEATURES "entropy_histogram", bins, t->histogram);
    put(&to, FEATURES "profile_mean", profile, t->profile_mean);
    put(&to, FEATURES "profile_sd", profile, t->profile_sd);
    return err->code;
}

/* --- samples --- */

static double activation_of(const struct lc_sample *s)
{
    return s->activation;
}

static double entropy_of(const struct lc_sample *s)
{
    return s->spread.entropy;
}

static double total_of(const struct lc_sample *s)
{
    return s->spread.total;
}

static double participation_of(const struct lc_sample *s)
{
    return s->spread.participation;
}

static double renyi2_of(const struct lc_sample *s)
{
    return s->spread.renyi2;
}

static int put_keys(const struct sink *to, const struct lc_samples *s)
{
    int64_t *key = NULL;
    int32_t *feature = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&key, s->count, "samples", to->err));
    LC_TRY(rc, LC_ALLOC(&feature, s->count, "samples", to->err));
    for (int64_t i = 0; i < s->count; i++)
        key[i] = s->item[i].window;
    put(to, SAMPLES "window", &s->count, key);
    for (int64_t i = 0; i < s->count; i++) {
        key[i] = s->item[i].position;
        feature[i] = (int32_t)s->item[i].feature;
    }
    put(to, SAMPLES "position", &s->count, key);
    put(to, SAMPLES "feature", &s->count, feature);
done:
    free(key);
    free(feature);
    return to->err->code;
}

/* Profiles in the order of the sorted samples. */
static int put_profiles(const struct sink *to, const char *name, const struct lc_samples *s)
{
    int64_t dim[2] = {s->count, s->profile_length};
    float *row = NULL;

    if (LC_ALLOC(&row, dim[0] * dim[1], "profiles", to->err) != LC_OK)
        return to->err->code;
    for (int64_t i = 0; i < s->count; i++)
        memcpy(row + i * dim[1], s->profile + s->item[i].profile * dim[1], (size_t)dim[1] * sizeof *row);
    put(to, name, dim, row);
    free(row);
    return to->err->code;
}

int lc_influence_put_samples(struct lc_result *r, const char *site, const struct lc_samples *s, struct lc_err *err)
{
    static const struct {
        const char *name;
        double (*of)(const struct lc_sample *s);
    } columns[] = {{SAMPLES "activation", activation_of},
                   {SAMPLES "entropy", entropy_of},
                   {SAMPLES "total", total_of},
                   {SAMPLES "participation", participation_of},
                   {SAMPLES "renyi2", renyi2_of}};
    const struct sink to = {r, site, err};
    float *scratch = NULL;
    int rc;

    LC_TRY(rc, put_keys(&to, s));
    LC_TRY(rc, LC_ALLOC(&scratch, s->count, "samples", err));
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        for (int64_t i = 0; i < s->count; i++)
            scratch[i] = (float)columns[c].of(&s->item[i]);
        put(&to, columns[c].name, &s->count, scratch);
    }
    if (s->profile_length > 0)
        put_profiles(&to, SAMPLES "profile", s);
    rc = err->code;
done:
    free(scratch);
    return rc;
}

int lc_influence_put_vector(struct lc_result *r, const char *site, const char *kind, const struct lc_samples *s,
                            struct lc_err *err)
{
    const struct sink to = {r, site, err};
    double *column = NULL;
    char name[96];

    if (LC_ALLOC(&column, s->count, "token vector", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < s->count; i++)
        column[i] = s->item[i].spread.entropy;
    snprintf(name, sizeof name, INFLUENCE "/token_vector/%s/entropy", kind);
    put(&to, name, &s->count, column);
    for (int64_t i = 0; i < s->count; i++)
        column[i] = s->item[i].spread.total;
    snprintf(name, sizeof name, INFLUENCE "/token_vector/%s/total", kind);
    put(&to, name, &s->count, column);
    free(column);
    snprintf(name, sizeof name, INFLUENCE "/token_vector/%s/profile", kind);
    return put_profiles(&to, name, s);
}

int lc_influence_put_errors(struct lc_result *r, const char *site, const struct lc_samples *s, struct lc_err *err)
{
    const struct sink to = {r, site, err};
    double *column = NULL;

    if (LC_ALLOC(&column, s->count, "standard errors", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < s->count; i++)
        column[i] = s->item[i].spread.entropy;
    put(&to, INFLUENCE "/token_vector/residual_estimate/entropy_se", &s->count, column);
    free(column);
    return put_profiles(&to, INFLUENCE "/token_vector/residual_estimate/profile_se", s);
}

/* --- windows --- */

int lc_influence_put_windows(struct lc_result *r, const char *site, const struct lc_samples *s,
                             const struct lc_feature_table *t, int64_t windows, struct lc_err *err)
{
    const struct sink to = {r, site, err};
    int64_t *count = NULL;
    double *mean = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&count, windows, "window table", err));
    LC_TRY(rc, LC_ALLOC(&mean, windows, "window table", err));
    for (int64_t i = 0; i < s->count; i++) {
        const struct lc_sample *x = &s->item[i];
        if (x->spread.degenerate || lc_feature_table_row(t, x->feature) < 0)
            continue;
        count[x->window]++;
        mean[x->window] += x->spread.entropy;
    }
    for (int64_t w = 0; w < windows; w++)
        mean[w] = count[w] > 0 ? mean[w] / (double)count[w] : NAN;
    put(&to, INFLUENCE "/windows/samples", &windows, count);
    put(&to, INFLUENCE "/windows/entropy_mean", &windows, mean);
    rc = err->code;
done:
    free(count);
    free(mean);
    return rc;
}

/* --- sweep --- */

int lc_influence_put_sweep(struct lc_result *r, const char *site, const struct lc_sweep *s, struct lc_err *err)
{
    const struct sink to = {r, site, err};
    const int64_t grid[] = {s->count, s->points};
    const struct {
        const char *key;
        double value;
    } real[] = {
        {"saturation_share", LC_SATURATION_SHARE},
        {"saturation_length_mean", s->saturation_mean},
        {"saturation_length_median", s->saturation_median},
        {"saturation_length_site", s->saturation_site},
    };

    put(&to, SWEEP "/feature", &s->count, s->feature);
    put(&to, SWEEP "/samples", grid, s->samples);
    put(&to, SWEEP "/entropy_mean", grid, s->mean);
    put(&to, SWEEP "/entropy_se", grid, s->se);
    put(&to, SWEEP "/saturation_length", &s->count, s->saturation_length);
    for (size_t i = 0; i < sizeof real / sizeof real[0] && err->code == LC_OK; i++)
        lc_result_put_real(r, SWEEP, site, real[i].key, real[i].value, err);
    if (err->code == LC_OK)
        lc_result_put_int(r, SWEEP, site, "saturation_length_n", s->saturated, err);
    if (err->code == LC_OK)
        lc_result_put_int(r, SWEEP, site, "saturation_length_site_n", s->complete, err);
    return err->code;
}

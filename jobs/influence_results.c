/* influence_results.c - from merged, sorted samples to the groups of the result. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "influence.h"
#include "lightcone/sweep.h"

enum { HISTOGRAM_BINS = 32, BOOTSTRAP_ROUNDS = 1000 };

static const char *const vector_names[LC_VECTORS] = {"residual", "reconstruction"};

#define SAMPLES  "sites/SITE/influence/samples/"
#define FEATURES "sites/SITE/influence/features/"
#define SWEEP    "sites/SITE/sweep"

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

/* One column of the samples, as the schema wants it. */
static void put_real(const struct sink *to, const char *name, const struct lc_samples *s, float *scratch,
                     double (*of)(const struct lc_sample *))
{
    for (int64_t i = 0; i < s->count; i++)
        scratch[i] = (float)of(&s->item[i]);
    put(to, name, &s->count, scratch);
}

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

static int write_keys(const struct sink *to, const struct lc_samples *s)
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
static int write_profiles(const struct sink *to, const char *name, const struct lc_samples *s)
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

static int write_samples(const struct sink *to, const struct lc_samples *s)
{
    float *scratch = NULL;
    int rc;

    LC_TRY(rc, write_keys(to, s));
    LC_TRY(rc, LC_ALLOC(&scratch, s->count, "samples", to->err));
    put_real(to, SAMPLES "activation", s, scratch, activation_of);
    put_real(to, SAMPLES "entropy", s, scratch, entropy_of);
    put_real(to, SAMPLES "total", s, scratch, total_of);
    put_real(to, SAMPLES "participation", s, scratch, participation_of);
    put_real(to, SAMPLES "renyi2", s, scratch, renyi2_of);
    if (s->profile_length > 0)
        write_profiles(to, SAMPLES "profile", s);
    rc = to->err->code;
done:
    free(scratch);
    return rc;
}

static int write_vector(const struct sink *to, const char *kind, const struct lc_samples *s)
{
    double *column = NULL;
    char name[96];

    if (LC_ALLOC(&column, s->count, "token vector", to->err) != LC_OK)
        return to->err->code;
    for (int64_t i = 0; i < s->count; i++)
        column[i] = s->item[i].spread.entropy;
    snprintf(name, sizeof name, "sites/SITE/influence/token_vector/%s/entropy", kind);
    put(to, name, &s->count, column);
    for (int64_t i = 0; i < s->count; i++)
        column[i] = s->item[i].spread.total;
    snprintf(name, sizeof name, "sites/SITE/influence/token_vector/%s/total", kind);
    put(to, name, &s->count, column);
    free(column);
    snprintf(name, sizeof name, "sites/SITE/influence/token_vector/%s/profile", kind);
    return write_profiles(to, name, s);
}

/* Statistics of the M features that kept enough samples. */
struct feature_table {
    int64_t kept, length;
    unsigned char *keep;       /* [F] */
    int64_t *all, *samples;    /* [F] non-degenerate samples; [M] */
    double *sum, *squares;     /* [F] of H */
    int32_t *feature;          /* [M] */
    double *mean, *sd;         /* [M] */
    int64_t *histogram;        /* [M, HISTOGRAM_BINS] */
    int64_t *place;            /* [F] row of a kept feature */
    double *profile_mean, *profile_sd; /* [M, T] */
};

static void feature_table_release(struct feature_table *t)
{
    free(t->keep);
    free(t->all);
    free(t->samples);
    free(t->sum);
    free(t->squares);
    free(t->feature);
    free(t->mean);
    free(t->sd);
    free(t->histogram);
    free(t->place);
    free(t->profile_mean);
    free(t->profile_sd);
}

static int feature_table_count(struct feature_table *t, const struct lc_samples *s, int64_t features,
                               int64_t min_samples, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, LC_ALLOC(&t->keep, features, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->all, features, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->sum, features, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->squares, features, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->place, features, "feature table", err));
    for (int64_t i = 0; i < s->count; i++) {
        const struct lc_sample *x = &s->item[i];
        if (x->spread.degenerate)
            continue;
        t->all[x->feature]++;
        t->sum[x->feature] += x->spread.entropy;
        t->squares[x->feature] += x->spread.entropy * x->spread.entropy;
    }
    for (int64_t f = 0; f < features; f++) {
        t->keep[f] = t->all[f] > 0 && t->all[f] >= min_samples;
        t->place[f] = t->keep[f] ? t->kept++ : -1;
    }
done:
    return rc;
}

static void feature_table_fill(struct feature_table *t, const struct lc_site_influence *site, int64_t features)
{
    double widest = log2((double)t->length);

    for (int64_t f = 0; f < features; f++) {
        int64_t m = t->place[f];
        double n = (double)t->all[f];
        if (m < 0)
            continue;
        t->feature[m] = (int32_t)f;
        t->samples[m] = t->all[f];
        t->mean[m] = t->sum[f] / n;
        t->sd[m] = sqrt(fmax(0.0, t->squares[f] / n - t->mean[m] * t->mean[m]));
        lc_profiles_moments(&site->profiles, f, t->profile_mean + m * t->length, t->profile_sd + m * t->length);
    }
    for (int64_t i = 0; i < site->samples.count; i++) {
        const struct lc_sample *x = &site->samples.item[i];
        int64_t m = t->place[x->feature];
        double bin = widest > 0.0 ? x->spread.entropy / widest * HISTOGRAM_BINS : 0.0;
        if (m >= 0 && !x->spread.degenerate)
            t->histogram[m * HISTOGRAM_BINS + (bin < HISTOGRAM_BINS - 1 ? (int64_t)bin : HISTOGRAM_BINS - 1)]++;
    }
}

static int feature_table_make(struct feature_table *t, const struct lc_site_influence *site, int64_t features,
                              int64_t length, int64_t min_samples, struct lc_err *err)
{
    int rc;

    *t = (struct feature_table){.length = length};
    LC_TRY(rc, feature_table_count(t, &site->samples, features, min_samples, err));
    LC_TRY(rc, LC_ALLOC(&t->feature, t->kept, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->samples, t->kept, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->mean, t->kept, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->sd, t->kept, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->histogram, t->kept * HISTOGRAM_BINS, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->profile_mean, t->kept * length, "feature table", err));
    LC_TRY(rc, LC_ALLOC(&t->profile_sd, t->kept * length, "feature table", err));
    feature_table_fill(t, site, features);
done:
    if (rc != LC_OK)
        feature_table_release(t);
    return rc;
}

static void write_features(const struct sink *to, const struct feature_table *t)
{
    int64_t bins[] = {t->kept, HISTOGRAM_BINS}, profile[] = {t->kept, t->length};

    put(to, FEATURES "feature", &t->kept, t->feature);
    put(to, FEATURES "samples", &t->kept, t->samples);
    put(to, FEATURES "entropy_mean", &t->kept, t->mean);
    put(to, FEATURES "entropy_sd", &t->kept, t->sd);
    put(to, FEATURES "entropy_histogram", bins, t->histogram);
    put(to, FEATURES "profile_mean", profile, t->profile_mean);
    put(to, FEATURES "profile_sd", profile, t->profile_sd);
}

static int write_windows(const struct sink *to, const struct lc_samples *s, const unsigned char *keep, int64_t windows)
{
    int64_t *count = NULL;
    double *mean = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&count, windows, "window table", to->err));
    LC_TRY(rc, LC_ALLOC(&mean, windows, "window table", to->err));
    for (int64_t i = 0; i < s->count; i++) {
        const struct lc_sample *x = &s->item[i];
        if (x->spread.degenerate || !keep[x->feature])
            continue;
        count[x->window]++;
        mean[x->window] += x->spread.entropy;
    }
    for (int64_t w = 0; w < windows; w++)
        mean[w] = count[w] > 0 ? mean[w] / (double)count[w] : NAN;
    put(to, "sites/SITE/influence/windows/samples", &windows, count);
    put(to, "sites/SITE/influence/windows/entropy_mean", &windows, mean);
    rc = to->err->code;
done:
    free(count);
    free(mean);
    return rc;
}

/* Attributes NAME, NAME_sd, NAME_low, NAME_high and NAME_n; a ratio of sums has no sd. */
static void put_summary(const struct sink *to, const char *name, const struct lc_summary *x)
{
    const char *group = "sites/SITE/influence", *suffix[] = {"", "_sd", "_low", "_high"};
    double value[] = {x->mean, x->sd, x->low, x->high};
    char key[48];

    for (int i = 0; i < 4 && to->err->code == LC_OK; i++) {
        snprintf(key, sizeof key, "%s%s", name, suffix[i]);
        if (i != 1 || x->count == 0 || !isnan(x->sd))
            lc_result_put_real(to->r, group, to->site, key, value[i], to->err);
    }
    snprintf(key, sizeof key, "%s_n", name);
    if (to->err->code == LC_OK)
        lc_result_put_int(to->r, group, to->site, key, x->count, to->err);
}

/* One column of a group, made by `of`. */
static void put_group(const struct sink *to, const char *folder, const char *name, const struct lc_sample_group *q,
                      int64_t count, double *scratch, double (*of)(const struct lc_sample_group *))
{
    char full[96];

    for (int64_t i = 0; i < count; i++)
        scratch[i] = of(&q[i]);
    snprintf(full, sizeof full, "sites/SITE/influence/%s/%s", folder, name);
    put(to, full, &count, scratch);
}

static double mean_of(const struct lc_sample_group *q)
{
    return q->entropy.mean;
}

static double sd_of(const struct lc_sample_group *q)
{
    return q->entropy.sd;
}

static double low_of(const struct lc_sample_group *q)
{
    return q->entropy.low;
}

static double high_of(const struct lc_sample_group *q)
{
    return q->entropy.high;
}

/* The columns that classes of activation and readout positions share. */
static int write_group(const struct sink *to, const char *folder, const struct lc_sample_group *q, int64_t count)
{
    int64_t *samples = NULL;
    double *scratch = NULL;
    char name[96];
    int rc;

    LC_TRY(rc, LC_ALLOC(&samples, count, "groups of samples", to->err));
    LC_TRY(rc, LC_ALLOC(&scratch, count, "groups of samples", to->err));
    for (int64_t i = 0; i < count; i++)
        samples[i] = q[i].entropy.count;
    snprintf(name, sizeof name, "sites/SITE/influence/%s/samples", folder);
    put(to, name, &count, samples);
    put_group(to, folder, "entropy_mean", q, count, scratch, mean_of);
    put_group(to, folder, "entropy_sd", q, count, scratch, sd_of);
    put_group(to, folder, "entropy_low", q, count, scratch, low_of);
    put_group(to, folder, "entropy_high", q, count, scratch, high_of);
    rc = to->err->code;
done:
    free(samples);
    free(scratch);
    return rc;
}

static int write_strengths(const struct sink *to, const struct lc_sample_group *q, int64_t count)
{
    float *bound = NULL;

    if (LC_ALLOC(&bound, count, "classes of activation", to->err) != LC_OK)
        return to->err->code;
    for (int64_t i = 0; i < count; i++)
        bound[i] = (float)q[i].least;
    put(to, "sites/SITE/influence/by_activation/least", &count, bound);
    for (int64_t i = 0; i < count; i++)
        bound[i] = (float)q[i].greatest;
    put(to, "sites/SITE/influence/by_activation/greatest", &count, bound);
    free(bound);
    return write_group(to, "by_activation", q, count);
}

static int write_positions(const struct sink *to, const struct lc_sample_group *q, int64_t count)
{
    int64_t *position = NULL;

    if (LC_ALLOC(&position, count, "readout positions", to->err) != LC_OK)
        return to->err->code;
    for (int64_t i = 0; i < count; i++)
        position[i] = q[i].position;
    put(to, "sites/SITE/influence/by_position/position", &count, position);
    free(position);
    return write_group(to, "by_position", q, count);
}

static int write_summaries(const struct sink *to, const struct lc_study *study, const struct lc_samples *s,
                           const struct lc_summary_rule *rule)
{
    const char *group = "sites/SITE/influence";
    struct lc_summaries sum;
    int rc = lc_samples_summarise(s, rule, &sum, to->err);

    if (rc != LC_OK)
        return rc;
    put_summary(to, "pooled", &sum.pooled);
    put_summary(to, "window_mean", &sum.window_mean);
    put_summary(to, "feature_mean", &sum.feature_mean);
    put_summary(to, "participation_pooled", &sum.participation_pooled);
    put_summary(to, "participation_feature_mean", &sum.participation_feature_mean);
    put_summary(to, "renyi2_pooled", &sum.renyi2_pooled);
    put_summary(to, "renyi2_feature_mean", &sum.renyi2_feature_mean);
    LC_TRY(rc, to->err->code);
    LC_TRY(rc, lc_result_put_int(to->r, group, to->site, "degenerate", sum.degenerate, to->err));
    LC_TRY(rc, lc_result_put_real(to->r, group, to->site, "threshold", study->config.threshold, to->err));
    LC_TRY(rc, write_strengths(to, sum.strength, sum.strengths));
    LC_TRY(rc, write_positions(to, sum.readout, sum.readouts));
done:
    lc_summaries_release(&sum);
    return rc;
}

/* Attributes of the token vectors, as far as they were measured. */
static int write_vector_summaries(const struct sink *to, const struct lc_study *study, const struct lc_samples *vector)
{
    const struct lc_config *c = &study->config;
    struct lc_vector_summaries sum;
    int rc = lc_vectors_summarise(&vector[LC_VECTOR_RESIDUAL], &vector[LC_VECTOR_RECONSTRUCTION], study->bos >= 0,
                                  (uint64_t)c->windows.seed, BOOTSTRAP_ROUNDS, &sum, to->err);

    if (rc != LC_OK)
        return rc;
    if (c->token_residual)
        put_summary(to, "residual_entropy", &sum.residual_entropy);
    if (c->token_reconstruction)
        put_summary(to, "reconstruction_entropy", &sum.reconstruction_entropy);
    if (c->token_residual && c->token_reconstruction) {
        put_summary(to, "share_explained", &sum.share);
        put_summary(to, "share_explained_of_sums", &sum.share_of_sums);
        put_summary(to, "profile_overlap", &sum.overlap);
    }
    return to->err->code;
}

/* Of a readout of strongest activations: how many were to be read out, how many of them were, and why not the rest. */
static int write_wanted(const struct sink *to, const struct lc_study *study, const struct lc_wanted *wanted,
                        int64_t inactive)
{
    const char *group = "sites/SITE/influence";
    int rc;

    if (!wanted->indptr)
        return LC_OK;
    LC_TRY(rc, lc_result_put_int(to->r, group, to->site, "contexts", wanted->indptr[study->windows.count], to->err));
    LC_TRY(rc, lc_result_put_int(to->r, group, to->site, "inactive", inactive, to->err));
    LC_TRY(rc, lc_result_put_int(to->r, group, to->site, "left_out", wanted->left_out, to->err));
done:
    return rc;
}

static int write_vectors(const struct sink *to, const struct lc_study *study, struct lc_samples *vector)
{
    int rc = LC_OK;

    for (int v = 0; v < LC_VECTORS && rc == LC_OK; v++) {
        if (v == LC_VECTOR_RESIDUAL ? !study->config.token_residual : !study->config.token_reconstruction)
            continue;
        lc_samples_sort(&vector[v]);
        rc = write_vector(to, vector_names[v], &vector[v]);
    }
    return rc == LC_OK ? write_vector_summaries(to, study, vector) : rc;
}

/* position[readouts]: of the readouts in the window. */
static int write_site(const struct sink *to, const struct lc_study *study, const struct lc_site *which,
                      const int64_t *position, int64_t readouts, struct lc_site_influence *site)
{
    struct lc_summary_rule rule = {.features = which->sae.shape.features,
                                   .position = position,
                                   .positions = readouts,
                                   .seed = (uint64_t)study->config.windows.seed,
                                   .rounds = BOOTSTRAP_ROUNDS};
    struct feature_table t;
    int rc;

    lc_samples_sort(&site->samples);
    rc = feature_table_make(&t, site, rule.features, lc_study_longest_run(study), study->config.features.min_samples,
                            to->err);
    if (rc != LC_OK)
        return rc;
    rule.kept = t.keep;
    LC_TRY(rc, write_samples(to, &site->samples));
    write_features(to, &t);
    LC_TRY(rc, write_windows(to, &site->samples, t.keep, study->windows.count));
    LC_TRY(rc, write_summaries(to, study, &site->samples, &rule));
    LC_TRY(rc, write_wanted(to, study, &which->wanted, site->inactive));
    LC_TRY(rc, write_vectors(to, study, site->vector));
done:
    feature_table_release(&t);
    return rc;
}

static int write_readouts(const struct lc_study *study, const int64_t *at, int64_t each, struct lc_result *r,
                          struct lc_err *err)
{
    int64_t count = each * study->windows.count, *window = NULL, *position = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&window, count, "readouts", err));
    LC_TRY(rc, LC_ALLOC(&position, count, "readouts", err));
    for (int64_t k = 0; k < count; k++) {
        window[k] = k / each;
        position[k] = at[k % each];
    }
    LC_TRY(rc, lc_result_put(r, "readouts/window", NULL, &count, window, err));
    LC_TRY(rc, lc_result_put(r, "readouts/position", NULL, &count, position, err));
done:
    free(window);
    free(position);
    return rc;
}

int lc_influence_write(const struct lc_study *study, const struct lc_readouts *readouts,
                       struct lc_site_influence *site, struct lc_result *r, struct lc_err *err)
{
    int64_t *position = NULL; /* in the window: a BOS is before position 0 */
    int rc;

    LC_TRY(rc, LC_ALLOC(&position, readouts->count, "readouts", err));
    for (int64_t i = 0; i < readouts->count; i++)
        position[i] = readouts->position[i] - (study->bos >= 0);
    LC_TRY(rc, write_readouts(study, position, readouts->count, r, err));
    for (int64_t i = 0; i < study->sites; i++) {
        struct sink to = {.r = r, .site = study->site[i].name, .err = err};
        LC_TRY(rc, write_site(&to, study, &study->site[i], position, readouts->count, &site[i]));
    }
done:
    free(position);
    return rc;
}

void lc_influence_cost(const struct lc_study *study, double samples, double features, double readouts,
                       struct lc_cost *out)
{
    double length = (double)lc_study_longest_run(study);
    int vectors = study->config.token_residual + study->config.token_reconstruction;

    for (int column = 0; column < 8; column++) /* window and position of 8 bytes, then one of int32, five of float */
        lc_cost_dataset(out, samples, column < 2 ? 8.0 : 4.0);
    if (study->config.keep_profiles)
        lc_cost_dataset(out, samples * length, 4.0);
    lc_cost_dataset(out, features, 4.0);
    for (int column = 0; column < 3; column++) /* samples, mean, sd */
        lc_cost_dataset(out, features, 8.0);
    lc_cost_dataset(out, features * HISTOGRAM_BINS, 8.0);
    lc_cost_dataset(out, features * length, 8.0);
    lc_cost_dataset(out, features * length, 8.0);
    lc_cost_dataset(out, (double)study->windows.count, 8.0);
    lc_cost_dataset(out, (double)study->windows.count, 8.0);
    for (int v = 0; v < vectors; v++) {
        lc_cost_dataset(out, readouts, 8.0);
        lc_cost_dataset(out, readouts, 8.0);
        lc_cost_dataset(out, readouts * length, 4.0);
    }
}

static void write_sweep(const struct sink *to, const struct lc_sweep *s)
{
    int64_t grid[] = {s->count, s->points};

    put(to, SWEEP "/feature", &s->count, s->feature);
    put(to, SWEEP "/samples", grid, s->samples);
    put(to, SWEEP "/entropy_mean", grid, s->mean);
    put(to, SWEEP "/entropy_se", grid, s->se);
    put(to, SWEEP "/saturation_length", &s->count, s->saturation_length);
}

static void write_saturation(const struct sink *to, const struct lc_sweep *s)
{
    const struct {
        const char *key;
        double value;
    } real[] = {
        {"saturation_share", LC_SATURATION_SHARE},
        {"saturation_length_mean", s->saturation_mean},
        {"saturation_length_median", s->saturation_median},
        {"saturation_length_site", s->saturation_site},
    };

    for (size_t i = 0; i < sizeof real / sizeof real[0] && to->err->code == LC_OK; i++)
        lc_result_put_real(to->r, SWEEP, to->site, real[i].key, real[i].value, to->err);
    if (to->err->code == LC_OK)
        lc_result_put_int(to->r, SWEEP, to->site, "saturation_length_n", s->saturated, to->err);
    if (to->err->code == LC_OK)
        lc_result_put_int(to->r, SWEEP, to->site, "saturation_length_site_n", s->complete, to->err);
}

int lc_influence_write_sweep(const struct lc_study *const *study, struct lc_site_influence *const *site, int64_t points,
                             struct lc_result *r, struct lc_err *err)
{
    const struct lc_samples **log = NULL;
    int64_t *length = NULL;
    struct lc_sweep sweep;
    int rc;

    LC_TRY(rc, LC_ALLOC(&log, points, "sweep", err));
    LC_TRY(rc, LC_ALLOC(&length, points, "sweep", err));
    for (int64_t i = 0; i < study[0]->sites; i++) {
        struct sink to = {.r = r, .site = study[0]->site[i].name, .err = err};
        for (int64_t k = 0; k < points; k++) {
            log[k] = &site[k][i].samples;
            length[k] = study[k]->config.windows.length;
        }
        LC_TRY(rc, lc_sweep_init(&sweep, log, length, points, study[0]->site[i].sae.shape.features,
                                 study[0]->config.features.min_samples, err));
        write_sweep(&to, &sweep);
        write_saturation(&to, &sweep);
        lc_sweep_release(&sweep);
        LC_TRY(rc, err->code);
    }
done:
    free(log);
    free(length);
    return rc;
}

/* report_fixture.h - made-up results of six sites with the layout of real ones: profiles that decay over the
 * positions, more slowly at deeper sites, and entropies and means computed from them. */
#ifndef LC_TEST_REPORT_FIXTURE_H
#define LC_TEST_REPORT_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"
#include "lightcone/random.h"
#include "lightcone/results.h"

enum {
    FX_SITES = 6,
    FX_F = 2000,
    FX_T = 64,
    FX_N = 60,
    FX_V = 500,
    FX_ACTIVE = 45,
    FX_KEEP = 3,
    FX_TOKENS = 128000,
    FX_M = 130,
    FX_PAIRS = 12
};
enum { FX_S = FX_N * FX_ACTIVE, FX_BINS = 30 };
#define FX_SHARE      0.75 /* made up, so that nobody else computes them */
#define FX_SATURATION 15.5
enum { FX_CLASSES = 3, FX_POINTS = 4, FX_SWEPT = 12 };

/* the first words are awkward on purpose */
static const char *const fx_words[] = {"<script>alert(1)</script>",
                                       "\xff\xfe",
                                       "\n",
                                       " caf\xc3\xa9",
                                       "&amp;",
                                       "\"quoted\",",
                                       "\x1b[31m",
                                       " the"};
enum { FX_WORDS = sizeof fx_words / sizeof fx_words[0] };

struct fx_site {
    int64_t window[FX_S], position[FX_S];
    int32_t feature[FX_S];
    float activation[FX_S], entropy[FX_S], total[FX_S], participation[FX_S], renyi2[FX_S],
        profile[FX_S * FX_T];
    int64_t n, degenerate;
    /* kept features */
    int32_t f_feature[FX_F];
    int64_t f_samples[FX_F], f_histogram[FX_F * FX_BINS], m;
    double f_mean[FX_F], f_sd[FX_F], f_profile_mean[FX_F * FX_T], f_profile_sd[FX_F * FX_T];
    int64_t w_samples[FX_N];
    double w_mean[FX_N];
    double vector_entropy[FX_N], vector_total[FX_N];
    float vector_profile[FX_N * FX_T];
    double half_total[FX_N]; /* a reconstruction of half the residual */
    float half_profile[FX_N * FX_T];
};

static double fx_uniform(uint64_t stream, uint64_t counter)
{
    return ((double)(lc_random_bits(11, stream, counter) >> 11) + 0.5) / 9007199254740992.0;
}

/* Entropy, participation and Renyi entropy of a profile. */
static void fx_entropy(const float *j, double *entropy, double *total, double *participation)
{
    double sum = 0, h = 0, square = 0;

    for (int t = 0; t < FX_T; t++)
        sum += (double)j[t];
    for (int t = 0; t < FX_T && sum > 0; t++) {
        double p = (double)j[t] / sum;
        h -= p > 0 ? p * log2(p) : 0;
        square += p * p;
    }
    *entropy = sum > 0 ? h : NAN;
    *total = sum;
    *participation = sum > 0 ? 1 / square : NAN;
}

static void fx_profile(float *j, double reach, double scale, uint64_t stream, uint64_t counter)
{
    for (int t = 0; t < FX_T; t++)
        j[t] = (float)(scale * exp(-(FX_T - 1 - t) / reach) *
                       pow(fx_uniform(stream, counter * FX_T + (uint64_t)t), 2));
}

static int fx_order(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

static void fx_samples(struct fx_site *s, int layer)
{
    for (int w = 0; w < FX_N; w++) {
        int32_t chosen[FX_ACTIVE];
        for (int k = 0; k < FX_ACTIVE;
             k++) /* low indices are active more often; strides keep them different */
            chosen[k] =
                (int32_t)(k * (FX_F / FX_ACTIVE) +
                          (int)(pow(fx_uniform((uint64_t)layer, (uint64_t)(w * FX_ACTIVE + k)), 4) * 44));
        qsort(chosen, FX_ACTIVE, sizeof chosen[0], fx_order);
        for (int k = 0; k < FX_ACTIVE; k++) {
            int64_t i = s->n++;
            double own = 0.5 + fx_uniform(100, (uint64_t)chosen[k]), h, total, participation;
            s->window[i] = w;
            s->position[i] = FX_T - 1;
            s->feature[i] = chosen[k];
            s->activation[i] = (float)(0.3 - 2 * log(fx_uniform((uint64_t)(200 + layer), (uint64_t)i)));
            fx_profile(s->profile + i * FX_T, own * (0.8 + 2.2 * layer * layer * 0.4 + layer),
                       1e-3 * s->activation[i], (uint64_t)(300 + layer), (uint64_t)i);
            if (chosen[k] % (FX_F / FX_ACTIVE) == 43) /* seldom, and then more strongly than any other */
                s->activation[i] *= 100;
            if (i % 997 == 5)
                memset(s->profile + i * FX_T, 0, FX_T * sizeof(float));
            fx_entropy(s->profile + i * FX_T, &h, &total, &participation);
            s->entropy[i] = (float)h;
            s->total[i] = (float)total;
            s->participation[i] = (float)participation;
            s->renyi2[i] = (float)log2(participation);
            s->degenerate += isnan(h);
        }
        fx_profile(s->vector_profile + w * FX_T, 2 + 3.0 * layer, 1, (uint64_t)(400 + layer), (uint64_t)w);
        double unused;
        fx_entropy(s->vector_profile + w * FX_T, &s->vector_entropy[w], &s->vector_total[w], &unused);
        s->half_total[w] = s->vector_total[w] / 2;
        for (int t = w * FX_T; t < (w + 1) * FX_T; t++)
            s->half_profile[t] = s->vector_profile[t] / 2;
    }
}

static void fx_feature(struct fx_site *s, int32_t feature)
{
    double sum = 0, square = 0, *mean = s->f_profile_mean + s->m * FX_T, *sd = s->f_profile_sd + s->m * FX_T;
    int64_t n = 0, *histogram = s->f_histogram + s->m * FX_BINS;

    for (int64_t i = 0; i < s->n; i++) {
        if (s->feature[i] != feature || isnan(s->entropy[i]))
            continue;
        n++;
        sum += (double)s->entropy[i];
        square += (double)s->entropy[i] * (double)s->entropy[i];
        histogram[(int)fmin(FX_BINS - 1, (double)s->entropy[i] / 6 * FX_BINS)]++;
        for (int t = 0; t < FX_T; t++) {
            mean[t] += (double)s->profile[i * FX_T + t];
            sd[t] += (double)s->profile[i * FX_T + t] * (double)s->profile[i * FX_T + t];
        }
    }
    for (int t = 0; t < FX_T; t++) {
        mean[t] = n ? mean[t] / (double)n : 0;
        sd[t] = n ? sqrt(fmax(0, sd[t] / (double)n - mean[t] * mean[t])) : 0;
    }
    if (n < FX_KEEP) {
        memset(mean, 0, FX_T * sizeof *mean);
        memset(sd, 0, FX_T * sizeof *sd);
        memset(histogram, 0, FX_BINS * sizeof *histogram);
        return;
    }
    s->f_feature[s->m] = feature;
    s->f_samples[s->m] = n;
    s->f_mean[s->m] = sum / (double)n;
    s->f_sd[s->m] = sqrt(fmax(0, square / (double)n - s->f_mean[s->m] * s->f_mean[s->m]));
    s->m++;
}

static void fx_windows(struct fx_site *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        if (isnan(s->entropy[i]))
            continue;
        s->w_samples[s->window[i]]++;
        s->w_mean[s->window[i]] += (double)s->entropy[i];
    }
    for (int w = 0; w < FX_N; w++)
        s->w_mean[w] = s->w_samples[w] ? s->w_mean[w] / (double)s->w_samples[w] : NAN;
}

static int fx_put_mean(struct lc_result *r, const char *site, const char *name, const double *x, int64_t n,
                       struct lc_err *err)
{
    double sum = 0, square = 0, mean, sd, half;
    char key[64];

    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        square += x[i] * x[i];
    }
    mean = sum / (double)n;
    sd = sqrt(fmax(0, square / (double)n - mean * mean));
    half = 1.96 * sd / sqrt(FX_N);
    lc_result_put_real(r, "sites/SITE/influence", site, name, mean, err);
    snprintf(key, sizeof key, "%s_sd", name);
    lc_result_put_real(r, "sites/SITE/influence", site, key, sd, err);
    snprintf(key, sizeof key, "%s_low", name);
    lc_result_put_real(r, "sites/SITE/influence", site, key, mean - half, err);
    snprintf(key, sizeof key, "%s_high", name);
    lc_result_put_real(r, "sites/SITE/influence", site, key, mean + half, err);
    snprintf(key, sizeof key, "%s_n", name);
    return lc_result_put_int(r, "sites/SITE/influence", site, key, n, err);
}

static int fx_put_summaries(struct lc_result *r, const char *site, const struct fx_site *s,
                            struct lc_err *err)
{
    double *finite;
    int64_t n = 0;

    if (LC_ALLOC(&finite, s->n, "entropies", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < s->n; i++)
        if (!isnan(s->entropy[i]))
            finite[n++] = (double)s->entropy[i];
    fx_put_mean(r, site, "pooled", finite, n, err);
    fx_put_mean(r, site, "window_mean", s->w_mean, FX_N, err);
    fx_put_mean(r, site, "feature_mean", s->f_mean, s->m, err);
    free(finite);
    return lc_result_put_int(r, "sites/SITE/influence", site, "degenerate", s->degenerate, err);
}

#define FX_PUT(name, data, ...)                                                                              \
    lc_result_put(r, "sites/SITE/influence/" name, site, (int64_t[]){__VA_ARGS__}, (data), err)

static int fx_put_site(struct lc_result *r, const char *site, const struct fx_site *s, int profiles,
                       struct lc_err *err)
{
    FX_PUT("samples/window", s->window, s->n);
    FX_PUT("samples/position", s->position, s->n);
    FX_PUT("samples/feature", s->feature, s->n);
    FX_PUT("samples/activation", s->activation, s->n);
    FX_PUT("samples/entropy", s->entropy, s->n);
    FX_PUT("samples/total", s->total, s->n);
    FX_PUT("samples/participation", s->participation, s->n);
    FX_PUT("samples/renyi2", s->renyi2, s->n);
    if (profiles)
        FX_PUT("samples/profile", s->profile, s->n, FX_T);
    FX_PUT("token_vector/residual/entropy", s->vector_entropy, FX_N);
    FX_PUT("token_vector/residual/total", s->vector_total, FX_N);
    FX_PUT("token_vector/residual/profile", s->vector_profile, FX_N, FX_T);
    FX_PUT("token_vector/reconstruction/entropy", s->vector_entropy, FX_N);
    FX_PUT("token_vector/reconstruction/total", s->half_total, FX_N);
    FX_PUT("token_vector/reconstruction/profile", s->half_profile, FX_N, FX_T);
    fx_put_mean(r, site, "share_explained", (double[]){0.5, 0.75}, 2, err);
    fx_put_mean(r, site, "profile_overlap", (double[]){0.875, 1}, 2, err);
    FX_PUT("features/feature", s->f_feature, s->m);
    FX_PUT("features/samples", s->f_samples, s->m);
    FX_PUT("features/entropy_mean", s->f_mean, s->m);
    FX_PUT("features/entropy_sd", s->f_sd, s->m);
    FX_PUT("features/entropy_histogram", s->f_histogram, s->m, FX_BINS);
    FX_PUT("features/profile_mean", s->f_profile_mean, s->m, FX_T);
    FX_PUT("features/profile_sd", s->f_profile_sd, s->m, FX_T);
    FX_PUT("by_activation/least", ((float[]){0.2f, 0.5f, 1.25f}), FX_CLASSES);
    FX_PUT("by_activation/greatest", ((float[]){0.5f, 1.25f, 8.0f}), FX_CLASSES);
    FX_PUT("by_activation/samples", ((int64_t[]){900, 900, 899}), FX_CLASSES);
    FX_PUT("by_activation/entropy_mean", ((double[]){1.5, 2.0, 2.75}), FX_CLASSES);
    FX_PUT("by_activation/entropy_low", ((double[]){1.25, 1.75, 2.5}), FX_CLASSES);
    FX_PUT("by_activation/entropy_high", ((double[]){1.75, 2.25, 3.0}), FX_CLASSES);
    FX_PUT("by_position/position", ((int64_t[]){7, 31, 63}), FX_CLASSES);
    FX_PUT("by_position/samples", ((int64_t[]){30, 40, 50}), FX_CLASSES);
    FX_PUT("by_position/entropy_mean", ((double[]){1.0, 2.5, 2.625}), FX_CLASSES);
    FX_PUT("by_position/entropy_low", ((double[]){0.75, 2.25, 2.5}), FX_CLASSES);
    FX_PUT("by_position/entropy_high", ((double[]){1.25, 2.75, 2.75}), FX_CLASSES);
    FX_PUT("windows/samples", s->w_samples, FX_N);
    FX_PUT("windows/entropy_mean", s->w_mean, FX_N);
    return fx_put_summaries(r, site, s, err);
}

static int fx_put_text(struct lc_result *r, const char *job, struct lc_err *err)
{
    static int32_t token[FX_N * FX_T];
    static int64_t start[FX_N], length[FX_N], indptr[FX_N + 1], words[FX_V + 1];
    struct lc_bytes text = {0};

    for (int i = 0; i < FX_N * FX_T; i++)
        token[i] = (int32_t)(pow(fx_uniform(900, (uint64_t)i), 2) * FX_V);
    for (int w = 0; w < FX_N; w++) {
        start[w] = w * FX_T;
        length[w] = FX_T;
        indptr[w + 1] = indptr[w] + FX_T;
    }
    for (int v = 0; v < FX_V; v++) {
        if (v < FX_WORDS)
            lc_bytes_printf(&text, err, "%s", fx_words[v]);
        else
            lc_bytes_printf(&text, err, " w%c%c%d", 'a' + v % 26, 'a' + v % 7, v);
        words[v + 1] = (int64_t)text.size;
    }
    lc_result_put_text(r, NULL, NULL, "job", job, err);
    lc_result_put_text(r, NULL, NULL, "features", "active", err);
    lc_result_put_text(r, NULL, NULL, "definitions",
                       "influence J = sum (df/dx)^2; entropy of (J + e)/(sum J + e), e = 1e-12", err);
    lc_result_put_text(r, NULL, NULL, "sae_bias", "own", err);
    lc_result_put_text(r, NULL, NULL, "readout", "last", err);
    lc_result_put_real(r, NULL, NULL, "threshold", 0.2, err);
    lc_result_put_int(r, NULL, NULL, "window_length", FX_T, err);
    lc_result_put(r, "config", NULL, (int64_t[]){22}, "job: influence\n# <b>&\n", err);
    lc_result_put(r, "provenance/files", NULL, (int64_t[]){32}, "0123abcd  10  corpus  corpus.txt\n", err);
    lc_result_put(r, "windows/start", NULL, (int64_t[]){FX_N}, start, err);
    lc_result_put(r, "windows/length", NULL, (int64_t[]){FX_N}, length, err);
    lc_result_put(r, "windows/token_id", NULL, (int64_t[]){FX_N * FX_T}, token, err);
    lc_result_put(r, "windows/indptr", NULL, (int64_t[]){FX_N + 1}, indptr, err);
    lc_result_put(r, "vocabulary/indptr", NULL, (int64_t[]){FX_V + 1}, words, err);
    lc_result_put(r, "vocabulary/bytes", NULL, (int64_t[]){(int64_t)text.size}, text.data, err);
    lc_bytes_release(&text);
    return err->code;
}

/* Moments of a feature that is spread the less the higher its index; NaN for a dead one. */
static void fx_moments(int64_t feature, double moment[4])
{
    double width = 1 - (double)feature / (2 * FX_F);

    moment[0] = (FX_TOKENS - 1) / 2.0 * (0.8 + 0.4 * fx_uniform(810, (uint64_t)feature));
    moment[1] = FX_TOKENS * width / sqrt(12);
    moment[2] = (FX_T - 1) / 2.0 * (0.8 + 0.4 * fx_uniform(811, (uint64_t)feature));
    moment[3] = FX_T * width / sqrt(12);
}

static int fx_put_positions(struct lc_result *r, const char *site, const int64_t *count, struct lc_err *err)
{
    static const char *const names[4] = {"sites/SITE/sparsity/position/corpus_mean",
                                         "sites/SITE/sparsity/position/corpus_sd", "sites/SITE/sparsity/position/mean",
                                         "sites/SITE/sparsity/position/sd"};
    static double column[4][FX_F];

    for (int64_t i = 0; i < FX_F; i++) {
        double moment[4] = {NAN, NAN, NAN, NAN};
        if (count[i] > 0)
            fx_moments(i, moment);
        for (int k = 0; k < 4; k++)
            column[k][i] = moment[k];
    }
    for (int k = 0; k < 4; k++)
        lc_result_put(r, names[k], site, (int64_t[]){FX_F}, column[k], err);
    return err->code;
}

static int fx_put_sparsity(struct lc_result *r, const char *site, int layer, struct lc_err *err)
{
    static int64_t count[FX_F], unique[FX_F], indptr[FX_F + 1], token_count[FX_F * 8], first[FX_F * 8];
    static int32_t token[FX_F * 8];
    static double frequency[FX_F];
    int64_t nnz = 0;

    for (int i = 0; i < FX_F; i++) {
        double u = fx_uniform((uint64_t)(700 + layer), (uint64_t)i);
        count[i] =
            u < 0.15
                ? 0
                : (int64_t)(exp(-(u + 0.3 * fx_uniform(800, (uint64_t)i)) * 7) * 20000 * (1 + layer)) + 1;
        unique[i] = count[i] ? (int64_t)pow((double)count[i], 0.6) + 1 : 0;
        unique[i] = unique[i] > count[i] ? count[i] : unique[i];
        frequency[i] = (double)count[i] / FX_TOKENS;
        indptr[i] = nnz;
        for (int k = 0; k < 8 && k < unique[i]; k++, nnz++) {
            token[nnz] = k * 60;
            token_count[nnz] = count[i] / (k + 2) + 1;
            first[nnz] = k;
        }
    }
    indptr[FX_F] = nnz;
#define FX_SPARSE(name, data, n)                                                                             \
    lc_result_put(r, "sites/SITE/sparsity/" name, site, (int64_t[]){n}, data, err)
    FX_SPARSE("count", count, FX_F);
    FX_SPARSE("frequency", frequency, FX_F);
    FX_SPARSE("unique_tokens", unique, FX_F);
    FX_SPARSE("token_indptr", indptr, FX_F + 1);
    FX_SPARSE("token_id", token, nnz);
    FX_SPARSE("token_count", token_count, nnz);
    FX_SPARSE("token_first", first, nnz);
    fx_put_positions(r, site, count, err);
    lc_result_put_int(r, "sites/SITE/sparsity", site, "n_tokens", FX_TOKENS, err);
    return lc_result_put_real(r, "sites/SITE/sparsity", site, "threshold", 1.0, err);
}

/* Leading feature at a place, and made-up matrices that any program can make again: rational, symmetric. */
static int32_t fx_leading(int64_t place)
{
    return (int32_t)(3 * place + 1);
}

static double fx_covariance(int64_t i, int64_t j)
{
    return (double)((i + 1) * (j + 1) * 7919 % 1009 - 504) / 1009.0 * 1e-3;
}

static double fx_pearson(int64_t i, int64_t j) /* feature 5 is active everywhere */
{
    return i == 5 || j == 5 ? (double)NAN : (double)((i + 2) * (j + 2) * 104729 % 2003 - 1001) / 2002.0;
}

static int fx_put_correlation(struct lc_result *r, const char *site, int64_t m, int pearson, struct lc_err *err)
{
    static double covariance[FX_M * FX_M], r_ij[FX_M * FX_M];
    static int32_t feature[FX_M];
    int32_t a[FX_PAIRS], b[FX_PAIRS];
    double value[FX_PAIRS];

    for (int64_t i = 0; i < m * m; i++) {
        feature[i / m] = fx_leading(i / m);
        covariance[i] = fx_covariance(i / m, i % m);
        r_ij[i] = fx_pearson(i / m, i % m);
    }
    for (int k = 0; k < FX_PAIRS; k++) {
        a[k] = fx_leading(k);
        b[k] = fx_leading(k + 7);
        value[k] = 0.5 - 0.01 * k;
    }
    lc_result_put(r, "sites/SITE/correlation/feature", site, (int64_t[]){m}, feature, err);
    lc_result_put(r, pearson ? "sites/SITE/correlation/coactivation" : "sites/SITE/correlation/conditional", site,
                  (int64_t[]){m, m}, covariance, err);
    if (!pearson)
        return err->code;
    lc_result_put(r, "sites/SITE/correlation/pearson", site, (int64_t[]){m, m}, r_ij, err);
    lc_result_put(r, "sites/SITE/correlation/top_pairs/pearson/a", site, (int64_t[]){FX_PAIRS}, a, err);
    lc_result_put(r, "sites/SITE/correlation/top_pairs/pearson/b", site, (int64_t[]){FX_PAIRS}, b, err);
    return lc_result_put(r, "sites/SITE/correlation/top_pairs/pearson/value", site, (int64_t[]){FX_PAIRS}, value, err);
}

/* The site's data, to compare with; release with free(). */
static struct fx_site *fx_make_site(int layer, struct lc_err *err)
{
    struct fx_site *s = NULL;

    if (LC_ALLOC(&s, 1, "a made-up site", err) != LC_OK)
        return NULL;
    fx_samples(s, layer);
    for (int32_t f = 0; f < FX_F; f++)
        fx_feature(s, f);
    fx_windows(s);
    return s;
}

static int fx_influence(const char *path, int profiles, struct lc_err *err)
{
    struct lc_result *r;

    if (lc_result_create(&r, path, err) != LC_OK)
        return err->code;
    fx_put_text(r, "influence", err);
    for (int layer = 0; layer < FX_SITES && err->code == LC_OK; layer++) {
        struct fx_site *s = fx_make_site(layer, err);
        char site[32];
        snprintf(site, sizeof site, "resid_out_layer%d", layer);
        if (s)
            fx_put_site(r, site, s, profiles, err);
        free(s);
    }
    return lc_result_commit(r, err);
}

/* Feature f of the sweep at length T: its entropy goes to 1 + f / 4 bits. */
static double fx_swept_entropy(int f, int64_t length)
{
    return (1 + f / 4.0) * (1 - exp2(-(double)length / 8));
}

static int fx_put_swept_site(struct lc_result *r, const char *site, const int64_t *lengths, int64_t features,
                             struct lc_err *err)
{
    int32_t feature[FX_SWEPT];
    int64_t samples[FX_SWEPT * FX_POINTS];
    double mean[FX_SWEPT * FX_POINTS], se[FX_SWEPT * FX_POINTS], saturation[FX_SWEPT];

    for (int f = 0; f < FX_SWEPT; f++) {
        feature[f] = 10 * f;
        saturation[f] = 33.5;
        for (int k = 0; k < FX_POINTS; k++) {
            samples[f * FX_POINTS + k] = f == 3 && k == 0 ? 0 : f + 1;
            mean[f * FX_POINTS + k] = f == 3 && k == 0 ? NAN : fx_swept_entropy(f, lengths[k]);
            se[f * FX_POINTS + k] = f == 0 ? NAN : 0.0625;
        }
    }
#define FX_SWEEP(name, data, ...)                                                                            \
    lc_result_put(r, "sites/SITE/sweep/" name, site, (int64_t[]){__VA_ARGS__}, (data), err)
    FX_SWEEP("feature", feature, features);
    FX_SWEEP("samples", samples, features, FX_POINTS);
    FX_SWEEP("entropy_mean", mean, features, FX_POINTS);
    FX_SWEEP("entropy_se", se, features, FX_POINTS);
    FX_SWEEP("saturation_length", saturation, features);
    lc_result_put_real(r, "sites/SITE/sweep", site, "saturation_share", FX_SHARE, err);
    return lc_result_put_real(r, "sites/SITE/sweep", site, "saturation_length_site", FX_SATURATION, err);
}

/* One point: every feature active once, the later the more strongly; 0 at each length but the first. */
static int fx_put_point(struct lc_result *r, const char *site, int64_t length, struct lc_err *err)
{
    int32_t feature[FX_SWEPT];
    float activation[FX_SWEPT], entropy[FX_SWEPT];
    double mean[FX_SWEPT];

    for (int f = 0; f < FX_SWEPT; f++) {
        feature[f] = 10 * f;
        activation[f] = length == 8 ? (float)(f + 1) : 0.0f;
        mean[f] = fx_swept_entropy(f, length);
        entropy[f] = (float)mean[f];
    }
    FX_PUT("samples/feature", feature, FX_SWEPT);
    FX_PUT("samples/activation", activation, FX_SWEPT);
    FX_PUT("samples/entropy", entropy, FX_SWEPT);
    return fx_put_mean(r, site, "feature_mean", mean, FX_SWEPT, err);
}

/* `sites` with features at the longest windows, then `empty` ones without. */
static int fx_sweep(const char *path, int sites, int empty, struct lc_err *err)
{
    static const int64_t lengths[FX_POINTS] = {8, 16, 32, 64};
    struct lc_result *r;
    char site[32];

    if (lc_result_create(&r, path, err) != LC_OK)
        return err->code;
    fx_put_text(r, "influence", err);
    lc_result_put(r, "points/windows.length", NULL, (int64_t[]){FX_POINTS}, lengths, err);
    for (int layer = 0; layer < sites + empty; layer++) {
        snprintf(site, sizeof site, "resid_out_layer%d", layer);
        lc_result_at(r, -1);
        fx_put_swept_site(r, site, lengths, layer < sites ? FX_SWEPT : 0, err);
        for (int k = 0; k < FX_POINTS; k++) {
            lc_result_at(r, k);
            fx_put_point(r, site, lengths[k], err);
        }
    }
    return lc_result_commit(r, err);
}

static int fx_sparsity(const char *path, struct lc_err *err)
{
    struct lc_result *r;

    if (lc_result_create(&r, path, err) != LC_OK)
        return err->code;
    fx_put_text(r, "sparsity", err);
    for (int layer = 0; layer < FX_SITES; layer++) {
        char site[32];
        snprintf(site, sizeof site, "resid_out_layer%d", layer);
        fx_put_sparsity(r, site, layer, err);
    }
    return lc_result_commit(r, err);
}

/* Two sites: coactivation with Pearson among 130 features, and the conditional covariance of 37. */
static int fx_correlation(const char *path, struct lc_err *err)
{
    struct lc_result *r;

    if (lc_result_create(&r, path, err) != LC_OK)
        return err->code;
    lc_result_put_text(r, NULL, NULL, "job", "correlation", err);
    fx_put_correlation(r, "resid_out_layer1", FX_M, 1, err);
    fx_put_correlation(r, "resid_out_layer3", 37, 0, err);
    return lc_result_commit(r, err);
}

#endif

/* influence_results.c - from merged, sorted samples to the groups of the result. */
#include <stdlib.h>

#include "influence.h"
#include "lightcone/influence_tables.h"

#define GROUP "sites/SITE/influence"

/* One site on its way into the result. */
struct sink {
    struct lc_result *r;
    const struct lc_study *study;
    const struct lc_site *which;
    struct lc_err *err;
};

/* position[positions]: of the readouts in the window. */
static int write_summaries(const struct sink *to, const struct lc_samples *s, const struct lc_feature_table *t,
                           const int64_t *position, int64_t positions)
{
    const struct lc_config *c = &to->study->config;
    struct lc_summaries sum;
    int rc = lc_influence_summarise(s, t, position, positions, (uint64_t)c->windows.seed, &sum, to->err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_influence_put_summaries(to->r, to->which->name, &sum, LC_WITH_WINDOWS | LC_WITH_SPREADS, to->err));
    LC_TRY(rc, lc_result_put_real(to->r, GROUP, to->which->name, "threshold", c->threshold, to->err));
    rc = lc_influence_put_groups(to->r, to->which->name, &sum, to->err);
done:
    lc_summaries_release(&sum);
    return rc;
}

/* The profiles of the features from exact sums: those of the samples need not be kept. */
static int write_features(const struct sink *to, struct lc_feature_table *t, const struct lc_profiles *profiles)
{
    for (int64_t m = 0; m < t->count; m++)
        lc_profiles_moments(profiles, t->feature[m], t->profile_mean + m * t->length, t->profile_sd + m * t->length);
    return lc_influence_put_features(to->r, to->which->name, t, to->err);
}

/* Of a readout of strongest activations: how many were to be read out, how many of them were, and why not the rest. */
static int write_wanted(const struct sink *to, int64_t inactive)
{
    const struct lc_wanted *wanted = &to->which->wanted;
    const char *site = to->which->name;
    int rc;

    if (!wanted->indptr)
        return LC_OK;
    LC_TRY(rc, lc_result_put_int(to->r, GROUP, site, "contexts", wanted->indptr[to->study->windows.count], to->err));
    LC_TRY(rc, lc_result_put_int(to->r, GROUP, site, "inactive", inactive, to->err));
    LC_TRY(rc, lc_result_put_int(to->r, GROUP, site, "left_out", wanted->left_out, to->err));
done:
    return rc;
}

/* Attributes of the token vectors, as far as they were measured. */
static int write_vector_summaries(const struct sink *to, const struct lc_samples *vector)
{
    const struct lc_config *c = &to->study->config;
    int both = c->token_residual && c->token_reconstruction, rc;
    struct lc_vector_summaries sum;
    const struct {
        const char *name;
        const struct lc_summary *summary;
        int there;
    } all[] = {{"residual_entropy", &sum.residual_entropy, c->token_residual},
               {"reconstruction_entropy", &sum.reconstruction_entropy, c->token_reconstruction},
               {"residual_estimate_entropy", &sum.estimate_entropy, c->token_estimate},
               {"share_explained", &sum.share, both},
               {"share_explained_of_sums", &sum.share_of_sums, both},
               {"profile_overlap", &sum.overlap, both}};

    LC_TRY(rc, lc_vectors_summarise(&vector[LC_VECTOR_RESIDUAL], &vector[LC_VECTOR_RECONSTRUCTION],
                                    &vector[LC_VECTOR_ESTIMATE], to->study->bos >= 0, (uint64_t)c->windows.seed,
                                    LC_BOOTSTRAP_ROUNDS, &sum, to->err));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].there)
            LC_TRY(rc, lc_influence_put_summary(to->r, to->which->name, all[i].name, all[i].summary, 1, to->err));
done:
    return rc;
}

static int write_vectors(const struct sink *to, struct lc_site_influence *site)
{
    static const char *const names[LC_VECTORS] = {"residual", "reconstruction", "residual_estimate"};
    const struct lc_config *c = &to->study->config;
    const int there[LC_VECTORS] = {c->token_residual, c->token_reconstruction, c->token_estimate};
    int rc = LC_OK;

    for (int v = 0; v < LC_VECTORS; v++) {
        if (!there[v])
            continue;
        lc_samples_sort(&site->vector[v]);
        LC_TRY(rc, lc_influence_put_vector(to->r, to->which->name, names[v], &site->vector[v], to->err));
    }
    lc_samples_sort(&site->error);
    if (c->token_estimate)
        LC_TRY(rc, lc_influence_put_errors(to->r, to->which->name, &site->error, to->err));
    rc = write_vector_summaries(to, site->vector);
done:
    return rc;
}

static int write_site(const struct sink *to, const int64_t *position, int64_t positions, struct lc_site_influence *site)
{
    const struct lc_study *study = to->study;
    const char *name = to->which->name;
    struct lc_feature_table t;
    int rc;

    lc_samples_sort(&site->samples);
    rc = lc_feature_table_init(&t, &site->samples, study->config.features.min_samples, lc_study_longest_run(study),
                               to->err);
    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_influence_put_samples(to->r, name, &site->samples, to->err));
    LC_TRY(rc, write_features(to, &t, &site->profiles));
    LC_TRY(rc, lc_influence_put_windows(to->r, name, &site->samples, &t, study->windows.count, to->err));
    LC_TRY(rc, write_summaries(to, &site->samples, &t, position, positions));
    LC_TRY(rc, write_wanted(to, site->inactive));
    LC_TRY(rc, write_vectors(to, site));
done:
    lc_feature_table_release(&t);
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
        const struct sink to = {.r = r, .study = study, .which = &study->site[i], .err = err};
        LC_TRY(rc, write_site(&to, position, readouts->count, &site[i]));
    }
done:
    free(position);
    return rc;
}

void lc_influence_cost(const struct lc_study *study, double samples, double features, double readouts,
                       struct lc_cost *out)
{
    double length = (double)lc_study_longest_run(study);
    int vectors = study->config.token_residual + study->config.token_reconstruction + study->config.token_estimate;

    for (int column = 0; column < 8; column++) /* window and position of 8 bytes, then one of int32, five of float */
        lc_cost_dataset(out, samples, column < 2 ? 8.0 : 4.0);
    if (study->config.keep_profiles)
        lc_cost_dataset(out, samples * length, 4.0);
    lc_cost_dataset(out, features, 4.0);
    for (int column = 0; column < 3; column++) /* samples, mean, sd */
        lc_cost_dataset(out, features, 8.0);
    lc_cost_dataset(out, features * LC_ENTROPY_BINS, 8.0);
    lc_cost_dataset(out, features * length, 8.0);
    lc_cost_dataset(out, features * length, 8.0);
    lc_cost_dataset(out, (double)study->windows.count, 8.0);
    lc_cost_dataset(out, (double)study->windows.count, 8.0);
    for (int v = 0; v < vectors; v++) {
        lc_cost_dataset(out, readouts, 8.0);
        lc_cost_dataset(out, readouts, 8.0);
        lc_cost_dataset(out, readouts * length, 4.0);
    }
    if (study->config.token_estimate) { /* standard errors */
        lc_cost_dataset(out, readouts, 8.0);
        lc_cost_dataset(out, readouts * length, 4.0);
    }
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
        for (int64_t k = 0; k < points; k++) {
            log[k] = &site[k][i].samples;
            length[k] = study[k]->config.windows.length;
        }
        LC_TRY(rc, lc_sweep_init(&sweep, log, length, points, study[0]->site[i].sae.shape.features,
                                 study[0]->config.features.min_samples, err));
        rc = lc_influence_put_sweep(r, study[0]->site[i].name, &sweep, err);
        lc_sweep_release(&sweep);
        if (rc != LC_OK)
            goto done;
    }
done:
    free(log);
    free(length);
    return rc;
}

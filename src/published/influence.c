/* Kinds influence, entropies and token_vector: the profiles of features and of the token vector in windows. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/influence_tables.h"
#include "lightcone/memory.h"
#include "source.h"

#define GROUP "sites/SITE/influence"

static int put_summaries(struct lc_imported *to, const struct lc_source *s, const struct lc_samples *samples,
                         const struct lc_feature_table *t, struct lc_err *err)
{
    int windows = samples->count == 0 || samples->item[0].window >= 0;
    struct lc_summaries sum;
    int rc = lc_influence_summarise(samples, t, NULL, 0, 1, &sum, err);

    if (rc != LC_OK)
        return rc;
    rc = lc_influence_put_summaries(to->r, s->site, &sum, windows ? LC_WITH_WINDOWS : 0, err);
    lc_summaries_release(&sum);
    return rc;
}

int lc_source_put_influence(struct lc_imported *to, const struct lc_source *s, const struct lc_samples *samples,
                            int64_t windows, struct lc_err *err)
{
    struct lc_feature_table t;
    int rc = lc_feature_table_init(&t, samples, 1, samples->profile_length, err);

    if (rc != LC_OK)
        return rc;
    lc_feature_table_profiles(&t, samples);
    LC_TRY(rc, lc_influence_put_samples(to->r, s->site, samples, err));
    LC_TRY(rc, lc_influence_put_features(to->r, s->site, &t, err));
    LC_TRY(rc, lc_influence_put_windows(to->r, s->site, samples, &t, windows, err));
    LC_TRY(rc, put_summaries(to, s, samples, &t, err));
    rc = lc_source_put_threshold(to, s, GROUP, err);
done:
    lc_feature_table_release(&t);
    return rc;
}

int lc_imported_readouts(struct lc_imported *to, const struct lc_source *s, int64_t n, int64_t length,
                         struct lc_err *err)
{
    int64_t *window = NULL, *position = NULL;
    int rc, first = 0;

    LC_TRY(rc, LC_ALLOC(&window, n, "readouts", err));
    LC_TRY(rc, LC_ALLOC(&position, n, "readouts", err));
    for (int64_t i = 0; i < n; i++) {
        window[i] = i;
        position[i] = length - 1;
    }
    LC_TRY(rc, lc_common_note(&to->readout_window, s, "readouts", window, n, &first, err));
    LC_TRY(rc, lc_common_note(&to->readout_position, s, "readouts", position, n, &first, err));
    if (first) {
        LC_TRY(rc, lc_result_put(to->r, "readouts/window", NULL, &n, window, err));
        LC_TRY(rc, lc_result_put(to->r, "readouts/position", NULL, &n, position, err));
    }
done:
    free(window);
    free(position);
    return rc;
}

/* --- influence --- */

/* The file keeps the mean and the deviation of the profiles of a feature. */
static int own_moments(const struct lc_node *feature, int64_t row, struct lc_feature_table *t, struct lc_err *err)
{
    struct lc_node node;
    int rc;

    LC_TRY(rc, lc_node_need(feature, "mean_influence", &node, err));
    LC_TRY(rc, lc_node_profile(&node, t->length, t->profile_mean + row * t->length, err));
    LC_TRY(rc, lc_node_need(feature, "std_influence", &node, err));
    LC_TRY(rc, lc_node_profile(&node, t->length, t->profile_sd + row * t->length, err));
done:
    return rc;
}

/* all_influences [n][T]: samples of windows that the file does not name. */
static int add_feature(const struct lc_node *feature, struct lc_samples *samples, struct lc_err *err)
{
    struct lc_node node, count;
    int64_t dim[2], said = 0;
    double *j = NULL;
    int rc;

    LC_TRY(rc, lc_node_need(feature, "all_influences", &node, err));
    LC_TRY(rc, lc_node_matrix(&node, samples->profile_length, dim, &j, err));
    LC_TRY(rc, lc_profile_check(&node, j, dim[0] * dim[1], err));
    LC_TRY(rc, lc_node_need(feature, "num_samples", &count, err));
    LC_TRY(rc, lc_node_int(&count, 0, INT32_MAX, &said, err));
    if (said != dim[0]) {
        rc = lc_node_fail(&count, err, "%" PRId64 "; all_influences has %" PRId64 " rows", said, dim[0]);
        goto done;
    }
    for (int64_t i = 0; i < dim[0]; i++) {
        struct lc_sample x = {.window = -1, .position = dim[1] - 1, .feature = feature->index, .activation = NAN};
        x.spread = lc_spread_of(j + i * dim[1], dim[1]);
        LC_TRY(rc, lc_samples_add(samples, &x, j + i * dim[1], dim[1], err));
    }
done:
    free(j);
    return rc;
}

/* config.batch_size where it is told, else as many values as `profile` has. */
static int find_length(const struct lc_source *s, const struct lc_node *profile, int64_t *length, struct lc_err *err)
{
    int found = 0, rc = lc_source_int(s, "config", "batch_size", 1, LC_LENGTH_MAX, length, &found, err);

    if (rc != LC_OK || found)
        return rc;
    rc = lc_node_shape(profile, 1, length, err);
    if (rc == LC_OK && (*length < 1 || *length > LC_LENGTH_MAX))
        return lc_node_fail(profile, err, "%" PRId64 " values; allowed: 1 to %d", *length, LC_LENGTH_MAX);
    return rc;
}

static int put_features(struct lc_imported *to, const struct lc_source *s, const struct lc_node *dict,
                        const struct lc_node_row *row, int64_t n, const struct lc_samples *samples, struct lc_err *err)
{
    struct lc_feature_table t;
    int rc = lc_feature_table_init(&t, samples, 1, samples->profile_length, err);

    if (rc != LC_OK)
        return rc;
    for (int64_t i = 0; i < n; i++) {
        struct lc_node feature = lc_node_of_row(dict, &row[i]);
        int64_t m = lc_feature_table_row(&t, feature.index);
        if (m >= 0)
            LC_TRY(rc, own_moments(&feature, m, &t, err));
    }
    LC_TRY(rc, lc_influence_put_samples(to->r, s->site, samples, err));
    LC_TRY(rc, lc_influence_put_features(to->r, s->site, &t, err));
    LC_TRY(rc, put_summaries(to, s, samples, &t, err));
    rc = lc_source_put_threshold(to, s, GROUP, err);
done:
    lc_feature_table_release(&t);
    return rc;
}

static int length_of_first(const struct lc_source *s, const struct lc_node *dict, const struct lc_node_row *row,
                           int64_t n, int64_t *length, struct lc_err *err)
{
    struct lc_node feature, profile;
    int rc;

    if (n == 0)
        return lc_node_fail(dict, err, "no features");
    feature = lc_node_of_row(dict, &row[0]);
    LC_TRY(rc, lc_node_need(&feature, "mean_influence", &profile, err));
    rc = find_length(s, &profile, length, err);
done:
    return rc;
}

int lc_read_influence(struct lc_imported *to, const struct lc_source *s, struct lc_err *err)
{
    struct lc_samples samples = {0};
    struct lc_node_row *row = NULL;
    struct lc_node dict;
    int64_t n = 0;
    int rc;

    LC_TRY(rc, lc_node_need(&s->root, "feature_influences", &dict, err));
    LC_TRY(rc, lc_node_rows(&dict, 0, INT32_MAX, &row, &n, err));
    LC_TRY(rc, length_of_first(s, &dict, row, n, &samples.profile_length, err));
    lc_setting_note(&to->length, (double)samples.profile_length);
    for (int64_t i = 0; i < n; i++) {
        struct lc_node feature = lc_node_of_row(&dict, &row[i]);
        LC_TRY(rc, add_feature(&feature, &samples, err));
    }
    rc = put_features(to, s, &dict, row, n, &samples, err);
done:
    free(row);
    lc_samples_release(&samples);
    return rc;
}

/* --- entropies --- */

/* The three dicts of a window and their rows, which must be of the same features. */
struct window_features {
    struct lc_node entropy, profile, activation;
    struct lc_node_row *e, *p, *a;
    int64_t count;
};

static void window_features_release(struct window_features *w)
{
    free(w->e);
    free(w->p);
    free(w->a);
    *w = (struct window_features){0};
}

static int same_keys(const struct lc_node *dict, const struct lc_node_row *row, int64_t n,
                     const struct window_features *w, struct lc_err *err)
{
    if (n != w->count)
        return lc_node_fail(dict, err, "%" PRId64 " features; feature_entropies has %" PRId64, n, w->count);
    for (int64_t i = 0; i < n; i++)
        if (row[i].key != w->e[i].key)
            return lc_node_fail(dict, err, "has feature %" PRId64 "; feature_entropies has %" PRId64, row[i].key,
                                w->e[i].key);
    return LC_OK;
}

static int window_features_read(struct window_features *w, const struct lc_node *window, struct lc_err *err)
{
    int64_t n = 0;
    int rc;

    *w = (struct window_features){0};
    LC_TRY(rc, lc_node_need(window, "feature_entropies", &w->entropy, err));
    LC_TRY(rc, lc_node_rows(&w->entropy, 0, INT32_MAX, &w->e, &w->count, err));
    LC_TRY(rc, lc_node_need(window, "feature_influences", &w->profile, err));
    LC_TRY(rc, lc_node_rows(&w->profile, 0, INT32_MAX, &w->p, &n, err));
    LC_TRY(rc, same_keys(&w->profile, w->p, n, w, err));
    LC_TRY(rc, lc_node_need(window, "feature_activations", &w->activation, err));
    LC_TRY(rc, lc_node_rows(&w->activation, 0, INT32_MAX, &w->a, &n, err));
    LC_TRY(rc, same_keys(&w->activation, w->a, n, w, err));
done:
    if (rc != LC_OK)
        window_features_release(w);
    return rc;
}

/* Entropy as the file has it; the other measures of the profile are Lightcone's. */
static int measure(const struct lc_node *entropy, const double *j, int64_t length, struct lc_spread *out,
                   struct lc_err *err)
{
    double h = 0.0;
    int rc = lc_node_entropy(entropy, length, &h, err);

    *out = lc_spread_of(j, length);
    if (!out->degenerate)
        out->entropy = h;
    return rc;
}

static int add_one(const struct window_features *w, int64_t i, struct lc_sample *x, double *j,
                   struct lc_samples *samples, struct lc_err *err)
{
    struct lc_node entropy = lc_node_of_row(&w->entropy, &w->e[i]);
    struct lc_node profile = lc_node_of_row(&w->profile, &w->p[i]);
    struct lc_node activation = lc_node_of_row(&w->activation, &w->a[i]);
    int rc;

    x->feature = w->e[i].key;
    LC_TRY(rc, lc_node_profile(&profile, samples->profile_length, j, err));
    LC_TRY(rc, lc_node_real(&activation, &x->activation, err));
    LC_TRY(rc, measure(&entropy, j, samples->profile_length, &x->spread, err));
    rc = lc_samples_add(samples, x, j, samples->profile_length, err);
done:
    return rc;
}

int lc_source_add_window(const struct lc_node *window, int64_t index, struct lc_samples *samples, struct lc_err *err)
{
    struct lc_sample x = {.window = index, .position = samples->profile_length - 1};
    struct window_features w = {0};
    struct lc_node active;
    int64_t said = 0;
    double *j = NULL;
    int rc, found = 0;

    LC_TRY(rc, window_features_read(&w, window, err));
    LC_TRY(rc, LC_ALLOC(&j, samples->profile_length, "a profile", err));
    for (int64_t i = 0; i < w.count; i++)
        LC_TRY(rc, add_one(&w, i, &x, j, samples, err));
    LC_TRY(rc, lc_node_find(window, "num_active_features", &active, &found, err));
    if (found)
        LC_TRY(rc, lc_node_int(&active, 0, INT32_MAX, &said, err));
    if (found && said != w.count)
        rc = lc_node_fail(&active, err, "%" PRId64 "; feature_entropies has %" PRId64 " features", said, w.count);
done:
    window_features_release(&w);
    free(j);
    return rc;
}

static int put_starts(struct lc_imported *to, const struct lc_source *s, const struct lc_node *list, int64_t n,
                      int64_t length, struct lc_err *err)
{
    int64_t *start = NULL, *lengths = NULL;
    struct lc_node window, node;
    int rc, first = 0;

    LC_TRY(rc, LC_ALLOC(&start, n, "windows", err));
    LC_TRY(rc, LC_ALLOC(&lengths, n, "windows", err));
    for (int64_t w = 0; w < n; w++) {
        window = lc_node_item(list, w);
        LC_TRY(rc, lc_node_need(&window, "start_idx", &node, err));
        LC_TRY(rc, lc_node_int(&node, 0, INT64_C(1) << 52, &start[w], err));
        lengths[w] = length;
    }
    LC_TRY(rc, lc_common_note(&to->starts, s, "windows", start, n, &first, err));
    LC_TRY(rc, lc_common_note(&to->lengths, s, "windows", lengths, n, &first, err));
    if (first) {
        LC_TRY(rc, lc_result_put(to->r, "windows/start", NULL, &n, start, err));
        LC_TRY(rc, lc_result_put(to->r, "windows/length", NULL, &n, lengths, err));
    }
done:
    free(start);
    free(lengths);
    return rc;
}

static int add_vector(const struct lc_node *entropy, const double *j, int64_t window, struct lc_samples *vector,
                      struct lc_err *err)
{
    struct lc_sample x = {.window = window, .position = vector->profile_length - 1};
    int rc = measure(entropy, j, vector->profile_length, &x.spread, err);

    return rc == LC_OK ? lc_samples_add(vector, &x, j, vector->profile_length, err) : rc;
}

static int add_vector_of_window(const struct lc_node *window, int64_t index, double *j, struct lc_samples *vector,
                                struct lc_err *err)
{
    struct lc_node entropy, profile;
    int rc;

    LC_TRY(rc, lc_node_need(window, "token_vector_influence", &profile, err));
    LC_TRY(rc, lc_node_profile(&profile, vector->profile_length, j, err));
    LC_TRY(rc, lc_node_need(window, "token_vector_entropy", &entropy, err));
    rc = add_vector(&entropy, j, index, vector, err);
done:
    return rc;
}

static int add_windows(const struct lc_node *list, int64_t n, struct lc_samples *samples, struct lc_samples *vector,
                       struct lc_err *err)
{
    double *j = NULL;
    int rc = LC_ALLOC(&j, samples->profile_length, "a profile", err);

    for (int64_t w = 0; rc == LC_OK && w < n; w++) {
        struct lc_node window = lc_node_item(list, w);
        rc = lc_source_add_window(&window, w, samples, err);
        if (rc == LC_OK)
            rc = add_vector_of_window(&window, w, j, vector, err);
    }
    free(j);
    return rc;
}

static int length_of_windows(const struct lc_source *s, const struct lc_node *list, int64_t n, int64_t *length,
                             struct lc_err *err)
{
    struct lc_node window, profile;
    int rc;

    if (n == 0)
        return lc_node_fail(list, err, "no windows");
    window = lc_node_item(list, 0);
    LC_TRY(rc, lc_node_need(&window, "token_vector_influence", &profile, err));
    rc = find_length(s, &profile, length, err);
done:
    return rc;
}

int lc_read_entropies(struct lc_imported *to, const struct lc_source *s, struct lc_err *err)
{
    struct lc_samples samples = {0}, vector = {0};
    struct lc_node list;
    int64_t n = 0, length = 0;
    int rc;

    LC_TRY(rc, lc_node_need(&s->root, "batch_results", &list, err));
    LC_TRY(rc, lc_node_items(&list, &n, err));
    LC_TRY(rc, length_of_windows(s, &list, n, &length, err));
    samples.profile_length = vector.profile_length = length;
    lc_setting_note(&to->length, (double)length);
    LC_TRY(rc, add_windows(&list, n, &samples, &vector, err));
    LC_TRY(rc, put_starts(to, s, &list, n, length, err));
    LC_TRY(rc, lc_imported_readouts(to, s, n, length, err));
    LC_TRY(rc, lc_source_put_influence(to, s, &samples, n, err));
    rc = lc_influence_put_vector(to->r, s->site, "residual", &vector, err);
done:
    lc_samples_release(&samples);
    lc_samples_release(&vector);
    return rc;
}

/* --- token vector --- */

static int add_vectors(const struct lc_node *entropies, const double *j, int64_t n, struct lc_samples *vector,
                       struct lc_err *err)
{
    int64_t count = 0;
    int rc = lc_node_items(entropies, &count, err);

    if (rc == LC_OK && count != n)
        return lc_node_fail(entropies, err, "%" PRId64 " values; influence_distributions has %" PRId64 " rows", count,
                            n);
    for (int64_t w = 0; rc == LC_OK && w < n; w++) {
        struct lc_node entropy = lc_node_item(entropies, w);
        rc = add_vector(&entropy, j + w * vector->profile_length, w, vector, err);
    }
    return rc;
}

int lc_read_token_vector(struct lc_imported *to, const struct lc_source *s, struct lc_err *err)
{
    struct lc_samples vector = {0};
    struct lc_node rows, entropies;
    int64_t dim[2] = {0, 0}, length = 0;
    double *j = NULL;
    int rc, found = 0;

    LC_TRY(rc, lc_source_int(s, "config", "batch_size", 1, LC_LENGTH_MAX, &length, &found, err));
    LC_TRY(rc, lc_node_need(&s->root, "influence_distributions", &rows, err));
    LC_TRY(rc, lc_node_matrix(&rows, length, dim, &j, err));
    LC_TRY(rc, lc_profile_check(&rows, j, dim[0] * dim[1], err));
    LC_TRY(rc, dim[0] > 0 && dim[1] > 0 ? LC_OK : lc_node_fail(&rows, err, "no windows"));
    vector.profile_length = dim[1];
    lc_setting_note(&to->length, (double)dim[1]);
    LC_TRY(rc, lc_node_need(&s->root, "entropies", &entropies, err));
    LC_TRY(rc, add_vectors(&entropies, j, dim[0], &vector, err));
    LC_TRY(rc, lc_imported_readouts(to, s, dim[0], dim[1], err));
    rc = lc_influence_put_vector(to->r, s->site, "residual", &vector, err);
done:
    free(j);
    lc_samples_release(&vector);
    return rc;
}

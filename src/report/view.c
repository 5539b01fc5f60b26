#include "view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"

#define INFLUENCE "sites/SITE/influence"
#define SPARSITY  "sites/SITE/sparsity"
#define SWEEP     "sites/SITE/sweep"
#define PAIRS     "sites/SITE/correlation"

const char *const lc_view_mean_names[LC_VIEW_MEANS] = {"pooled", "window_mean", "feature_mean"};

/* arrays of one group have the same first dimension */
enum group { SPARSE, SAMPLE, FEATURE, RESIDUAL, RECONSTRUCTION, ESTIMATE, STRENGTH, READOUT, SWEPT, LEADING, GROUPS };

/* the part of a site that each group belongs to, and the dataset that says that it is there */
static const enum lc_view_part part_of[GROUPS] = {
    [RESIDUAL] = LC_VIEW_VECTOR,
    [RECONSTRUCTION] = LC_VIEW_VECTOR,
    [ESTIMATE] = LC_VIEW_VECTOR,
    [SPARSE] = LC_VIEW_SPARSITY,
    [SWEPT] = LC_VIEW_SWEEP,
    [LEADING] = LC_VIEW_CORRELATION};
static const struct {
    const char *name, *mark[3]; /* one of them is enough */
} parts[LC_VIEW_PARTS] = {
    [LC_VIEW_INFLUENCE] = {"influence", {INFLUENCE "/samples/entropy"}},
    [LC_VIEW_VECTOR] = {"token vector",
                        {INFLUENCE "/token_vector/residual/entropy", INFLUENCE "/token_vector/reconstruction/entropy",
                         INFLUENCE "/token_vector/residual_estimate/entropy"}},
    [LC_VIEW_SPARSITY] = {"sparsity", {SPARSITY "/count"}},
    [LC_VIEW_SWEEP] = {"sweep", {SWEEP "/feature"}},
    [LC_VIEW_CORRELATION] = {"correlation", {PAIRS "/feature"}}};

static const struct {
    const char *name;
    enum group group;
} arrays[LC_VIEW_ARRAYS] = {
    [LC_VIEW_COUNT] = {SPARSITY "/count", SPARSE},
    [LC_VIEW_FREQUENCY] = {SPARSITY "/frequency", SPARSE},
    [LC_VIEW_UNIQUE] = {SPARSITY "/unique_tokens", SPARSE},
    [LC_VIEW_POSITION_MEAN] = {SPARSITY "/position/mean", SPARSE},
    [LC_VIEW_POSITION_SD] = {SPARSITY "/position/sd", SPARSE},
    [LC_VIEW_CORPUS_MEAN] = {SPARSITY "/position/corpus_mean", SPARSE},
    [LC_VIEW_CORPUS_SD] = {SPARSITY "/position/corpus_sd", SPARSE},
    [LC_VIEW_RECORDS] = {SPARSITY "/position/records", SPARSE},
    [LC_VIEW_LEADING] = {PAIRS "/feature", LEADING},
    [LC_VIEW_S_WINDOW] = {INFLUENCE "/samples/window", SAMPLE},
    [LC_VIEW_S_POSITION] = {INFLUENCE "/samples/position", SAMPLE},
    [LC_VIEW_S_FEATURE] = {INFLUENCE "/samples/feature", SAMPLE},
    [LC_VIEW_S_ACTIVATION] = {INFLUENCE "/samples/activation", SAMPLE},
    [LC_VIEW_S_ENTROPY] = {INFLUENCE "/samples/entropy", SAMPLE},
    [LC_VIEW_F_FEATURE] = {INFLUENCE "/features/feature", FEATURE},
    [LC_VIEW_F_SAMPLES] = {INFLUENCE "/features/samples", FEATURE},
    [LC_VIEW_F_MEAN] = {INFLUENCE "/features/entropy_mean", FEATURE},
    [LC_VIEW_F_SD] = {INFLUENCE "/features/entropy_sd", FEATURE},
    [LC_VIEW_F_PROFILE_MEAN] = {INFLUENCE "/features/profile_mean", FEATURE},
    [LC_VIEW_F_PROFILE_SD] = {INFLUENCE "/features/profile_sd", FEATURE},
    [LC_VIEW_RESIDUAL_ENTROPY] = {INFLUENCE "/token_vector/residual/entropy", RESIDUAL},
    [LC_VIEW_RECONSTRUCTION_ENTROPY] = {INFLUENCE "/token_vector/reconstruction/entropy", RECONSTRUCTION},
    [LC_VIEW_ESTIMATE_ENTROPY] = {INFLUENCE "/token_vector/residual_estimate/entropy", ESTIMATE},
    [LC_VIEW_ESTIMATE_SE] = {INFLUENCE "/token_vector/residual_estimate/entropy_se", ESTIMATE},
    [LC_VIEW_STRENGTH_LEAST] = {INFLUENCE "/by_activation/least", STRENGTH},
    [LC_VIEW_STRENGTH_GREATEST] = {INFLUENCE "/by_activation/greatest", STRENGTH},
    [LC_VIEW_STRENGTH_SAMPLES] = {INFLUENCE "/by_activation/samples", STRENGTH},
    [LC_VIEW_STRENGTH_MEAN] = {INFLUENCE "/by_activation/entropy_mean", STRENGTH},
    [LC_VIEW_STRENGTH_LOW] = {INFLUENCE "/by_activation/entropy_low", STRENGTH},
    [LC_VIEW_STRENGTH_HIGH] = {INFLUENCE "/by_activation/entropy_high", STRENGTH},
    [LC_VIEW_READOUT_POSITION] = {INFLUENCE "/by_position/position", READOUT},
    [LC_VIEW_READOUT_SAMPLES] = {INFLUENCE "/by_position/samples", READOUT},
    [LC_VIEW_READOUT_MEAN] = {INFLUENCE "/by_position/entropy_mean", READOUT},
    [LC_VIEW_READOUT_LOW] = {INFLUENCE "/by_position/entropy_low", READOUT},
    [LC_VIEW_READOUT_HIGH] = {INFLUENCE "/by_position/entropy_high", READOUT},
    [LC_VIEW_SWEEP_FEATURE] = {SWEEP "/feature", SWEPT},
    [LC_VIEW_SWEEP_SAMPLES] = {SWEEP "/samples", SWEPT},
    [LC_VIEW_SWEEP_MEAN] = {SWEEP "/entropy_mean", SWEPT},
    [LC_VIEW_SWEEP_SE] = {SWEEP "/entropy_se", SWEPT},
    [LC_VIEW_SWEEP_SATURATION] = {SWEEP "/saturation_length", SWEPT},
};

int64_t lc_view_count(const struct lc_view_site *s, enum lc_view_id id)
{
    return s->array[id].data ? s->array[id].dim[0] : 0;
}

const double *lc_view_f64(const struct lc_view_site *s, enum lc_view_id id)
{
    return s->array[id].data;
}

const float *lc_view_f32(const struct lc_view_site *s, enum lc_view_id id)
{
    return s->array[id].data;
}

const int64_t *lc_view_i64(const struct lc_view_site *s, enum lc_view_id id)
{
    return s->array[id].data;
}

const int32_t *lc_view_i32(const struct lc_view_site *s, enum lc_view_id id)
{
    return s->array[id].data;
}

int lc_view_matrix_rows(const struct lc_view_site *s, const char *name, int64_t first, int64_t count,
                        struct lc_array *out, struct lc_err *err)
{
    int64_t m = lc_view_count(s, LC_VIEW_LEADING), columns;
    int rc = lc_result_get_rows(s->part[LC_VIEW_CORRELATION], name, s->name, first, count, out, err);

    if (rc != LC_OK)
        return lc_err_prefix(err, s->path[LC_VIEW_CORRELATION]);
    columns = out->dim[1];
    if (columns == m)
        return LC_OK;
    lc_array_release(out);
    return LC_FAIL(err, LC_E_FORMAT, "%s: %s of site %s has %" PRId64 " columns; it has %" PRId64 " features",
                   s->path[LC_VIEW_CORRELATION], name, s->name, columns, m);
}

struct lc_view_stat lc_view_stat_f64(const double *x, int64_t n)
{
    struct lc_view_stat s = {NAN, NAN, 0};
    double sum = 0, square = 0;

    for (int64_t i = 0; i < n; i++) {
        if (isfinite(x[i])) {
            sum += x[i];
            s.n++;
        }
    }
    if (s.n == 0)
        return s;
    s.mean = sum / (double)s.n;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i]))
            square += (x[i] - s.mean) * (x[i] - s.mean);
    s.sd = sqrt(square / (double)s.n);
    return s;
}

/* Counts that can be added up. */
static int check_counts(const struct lc_view_site *s, const char *path, enum lc_view_part part, struct lc_err *err)
{
    static const enum lc_view_id counts[] = {LC_VIEW_COUNT,           LC_VIEW_UNIQUE,
                                             LC_VIEW_F_SAMPLES,       LC_VIEW_STRENGTH_SAMPLES,
                                             LC_VIEW_READOUT_SAMPLES, LC_VIEW_SWEEP_SAMPLES};
    static const int64_t most = (int64_t)1 << 44;

    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        const struct lc_array *a = &s->array[counts[k]];
        for (int64_t i = 0; part_of[arrays[counts[k]].group] == part && a->data && i < a->count; i++)
            if (((const int64_t *)a->data)[i] < 0 || ((const int64_t *)a->data)[i] > most)
                return LC_FAIL(err, LC_E_FORMAT,
                               "%s: %s of site %s holds the count %" PRId64 "; allowed: 0 to %" PRId64, path,
                               arrays[counts[k]].name, s->name, ((const int64_t *)a->data)[i], most);
    }
    return LC_OK;
}

/* What Lightcone writes together or not at all; published files lack some of the other groups' datasets. */
static int check_whole(const struct lc_view_site *s, const char *path, enum group g, struct lc_err *err)
{
    int missing = -1, there = 0;

    for (int i = 0; i < LC_VIEW_ARRAYS; i++) {
        if (arrays[i].group != g)
            continue;
        if (s->array[i].data)
            there = 1;
        else
            missing = i;
    }
    if (there && missing >= 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: no dataset %s of site %s, which the datasets beside it belong to", path,
                       arrays[missing].name, s->name);
    return LC_OK;
}

static int arrays_read(struct lc_view_site *s, const struct lc_result *r, const char *path, enum lc_view_part part,
                       struct lc_err *err)
{
    static const enum group whole[] = {STRENGTH, READOUT, SWEPT};
    int64_t length[GROUPS];
    int rc = LC_OK;

    for (int g = 0; g < GROUPS; g++)
        length[g] = -1;
    for (int i = 0; i < LC_VIEW_ARRAYS; i++) {
        enum group g = arrays[i].group;
        if (part_of[g] != part || !lc_result_has(r, arrays[i].name, s->name))
            continue;
        LC_TRY(rc, lc_result_get(r, arrays[i].name, s->name, &s->array[i], err));
        if (length[g] >= 0 && s->array[i].dim[0] != length[g])
            return LC_FAIL(err, LC_E_FORMAT, "%s: %s of site %s has %" PRId64 " rows; the datasets beside it %" PRId64,
                           path, arrays[i].name, s->name, s->array[i].dim[0], length[g]);
        length[g] = s->array[i].dim[0];
    }
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (part_of[whole[i]] == part)
            LC_TRY(rc, check_whole(s, path, whole[i], err));
    rc = check_counts(s, path, part, err);
done:
    return rc;
}

static int real_or_nan(const struct lc_result *r, const char *site, const char *name, const char *tail, double *out,
                       int *found, struct lc_err *err)
{
    char key[64];

    snprintf(key, sizeof key, "%s%s", name, tail);
    *out = NAN;
    return lc_result_get_real(r, INFLUENCE, site, key, out, found, err);
}

/* The summary `name` of the influence at a site, of the file or of the point that it stands at. */
static int summary_read(const struct lc_result *r, const char *site, const char *name, struct lc_view_summary *m,
                        struct lc_err *err)
{
    char key[64];
    int rc, found;

    LC_TRY(rc, real_or_nan(r, site, name, "", &m->value, &m->found, err));
    LC_TRY(rc, real_or_nan(r, site, name, "_sd", &m->sd, &found, err));
    LC_TRY(rc, real_or_nan(r, site, name, "_low", &m->low, &found, err));
    LC_TRY(rc, real_or_nan(r, site, name, "_high", &m->high, &found, err));
    snprintf(key, sizeof key, "%s_n", name);
    LC_TRY(rc, lc_result_get_int(r, INFLUENCE, site, key, &m->n, &found, err));
    m->found = m->found && isfinite(m->value);
done:
    return rc;
}

static int summaries_read(struct lc_view_site *s, const struct lc_result *r, struct lc_err *err)
{
    int rc = LC_OK, found;

    for (int i = 0; i < LC_VIEW_MEANS; i++)
        LC_TRY(rc, summary_read(r, s->name, lc_view_mean_names[i], &s->mean[i], err));
    rc = lc_result_get_int(r, INFLUENCE, s->name, "degenerate", &s->degenerate, &found, err);
done:
    return rc;
}

static int vectors_read(struct lc_view_site *s, const struct lc_result *r, struct lc_err *err)
{
    int rc = summary_read(r, s->name, "share_explained", &s->share, err);

    return rc == LC_OK ? summary_read(r, s->name, "profile_overlap", &s->overlap, err) : rc;
}

/* The axis of a sweep and the means at its points. */
static int sweep_read(struct lc_view_site *s, struct lc_result *r, const char *path, struct lc_err *err)
{
    static const enum lc_view_id grids[] = {LC_VIEW_SWEEP_SAMPLES, LC_VIEW_SWEEP_MEAN, LC_VIEW_SWEEP_SE};
    int64_t n;
    int rc, fits;

    LC_TRY(rc, lc_result_get(r, "points/windows.length", NULL, &s->length, err));
    n = s->length.count;
    fits = n > 0 && n == lc_result_points(r);
    for (int i = 0; i < 3; i++)
        fits &= s->array[grids[i]].data && s->array[grids[i]].dim[1] == n;
    if (!fits)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the sweep of site %s does not have the %" PRId64 " points of its axis",
                       path, s->name, n);
    for (int i = 0; i < LC_VIEW_MEANS; i++) {
        LC_TRY(rc, LC_ALLOC(&s->point[i], n, "points of a sweep", err));
        for (int64_t k = 0; k < n && rc == LC_OK; k++) {
            lc_result_at(r, k);
            rc = summary_read(r, s->name, lc_view_mean_names[i], &s->point[i][k], err);
        }
        lc_result_at(r, -1);
    }
done:
    return rc;
}

struct order {
    int32_t feature;
    int64_t sample;
};

static int order_compare(const void *a, const void *b)
{
    const struct order *x = a, *y = b;

    if (x->feature != y->feature)
        return x->feature < y->feature ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static void feature_finish(struct lc_view_feature *f)
{
    f->entropy = f->samples ? f->entropy / (double)f->samples : NAN;
}

/* Group the samples by feature. */
static int features_group(struct lc_view_site *s, struct lc_err *err)
{
    int64_t n = lc_view_count(s, LC_VIEW_S_FEATURE);
    const int32_t *feature = lc_view_i32(s, LC_VIEW_S_FEATURE);
    const float *entropy = lc_view_f32(s, LC_VIEW_S_ENTROPY), *activation = lc_view_f32(s, LC_VIEW_S_ACTIVATION);
    struct order *order = NULL;
    int rc;

    if (!feature || !entropy || !activation)
        return LC_OK;
    LC_TRY(rc, LC_ALLOC(&order, n, "samples by feature", err));
    LC_TRY(rc, LC_ALLOC(&s->feature, n, "features of a site", err));
    for (int64_t i = 0; i < n; i++)
        order[i] = (struct order){feature[i], i};
    qsort(order, (size_t)n, sizeof *order, order_compare);
    for (int64_t i = 0; i < n; i++) {
        struct lc_view_feature *f = &s->feature[s->n_features - (s->n_features > 0)];
        if (s->n_features == 0 || f->feature != order[i].feature) {
            if (s->n_features)
                feature_finish(f);
            f = &s->feature[s->n_features++];
            f->feature = order[i].feature;
        }
        f->activation += (double)activation[order[i].sample];
        if (isfinite(entropy[order[i].sample])) {
            f->entropy += (double)entropy[order[i].sample];
            f->samples++;
        }
    }
    if (s->n_features)
        feature_finish(&s->feature[s->n_features - 1]);
done:
    free(order);
    return rc;
}

const struct lc_view_feature *lc_view_find(const struct lc_view_site *s, int32_t feature)
{
    int64_t low = 0, high = s->n_features;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (s->feature[middle].feature < feature)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n_features && s->feature[low].feature == feature ? &s->feature[low] : NULL;
}

/* Were the features of this result chosen beforehand? */
static enum lc_view_choice choice_of(const struct lc_result *r)
{
    struct lc_err ignored = LC_ERR_INIT;
    enum lc_view_choice choice;
    char *rule = NULL;

    lc_result_get_text(r, NULL, NULL, "features", &rule, &ignored);
    choice = rule && strcmp(rule, "active") != 0 ? LC_VIEW_CHOSEN : LC_VIEW_ACTIVE;
    free(rule);
    return choice;
}

static int has_part(const struct lc_result *r, enum lc_view_part part, const char *site)
{
    for (int i = 0; i < 3 && parts[part].mark[i]; i++)
        if (lc_result_has(r, parts[part].mark[i], site))
            return 1;
    return 0;
}

static int has_influence(const struct lc_result *r)
{
    const char *const *names;
    int64_t n = lc_result_sites(r, &names);

    for (int64_t i = 0; i < n; i++)
        if (has_part(r, LC_VIEW_INFLUENCE, names[i]))
            return 1;
    return 0;
}

/* 1 when some result has an influence of that choice. */
static int has_choice(const struct lc_view *v, enum lc_view_choice choice)
{
    for (int64_t r = 0; r < v->n_results; r++)
        if (has_influence(v->result[r]) && choice_of(v->result[r]) == choice)
            return 1;
    return 0;
}

/* The first result that has a part of a site gives it; later ones are named in the notes. */
static int site_take(struct lc_view *v, struct lc_view_site *s, int64_t result, enum lc_view_part part,
                     struct lc_err *err)
{
    struct lc_result *r = v->result[result];
    int rc, features = part <= LC_VIEW_VECTOR && has_part(r, LC_VIEW_INFLUENCE, s->name);

    if (!has_part(r, part, s->name))
        return LC_OK;
    if (features && choice_of(r) != v->choice)
        return LC_OK; /* one figure does not mix the two */
    if (s->part[part] && part == LC_VIEW_VECTOR && features)
        return LC_OK; /* the note about the influence beside it says so */
    if (s->part[part])
        return lc_bytes_printf(&v->notes, err, "%s: its %s of %s is not drawn, %s has it too.\n", v->paths[result],
                               parts[part].name, s->name, s->path[part]);
    s->part[part] = r;
    s->path[part] = v->paths[result];
    LC_TRY(rc, arrays_read(s, r, v->paths[result], part, err));
    if (part == LC_VIEW_INFLUENCE) {
        LC_TRY(rc, summaries_read(s, r, err));
        LC_TRY(rc, features_group(s, err));
    }
    if (part == LC_VIEW_VECTOR)
        LC_TRY(rc, vectors_read(s, r, err));
    if (part == LC_VIEW_SWEEP)
        LC_TRY(rc, sweep_read(s, r, v->paths[result], err));
done:
    return rc;
}

static int site_compare(const void *a, const void *b)
{
    return lc_result_site_order(((const struct lc_view_site *)a)->name, ((const struct lc_view_site *)b)->name);
}

/* All parts that one result has. */
static int result_take(struct lc_view *v, int64_t result, struct lc_err *err)
{
    const char *const *names;
    int64_t n = lc_result_sites(v->result[result], &names), k;

    for (int64_t i = 0; i < n; i++) {
        for (k = 0; k < v->n_sites && strcmp(v->site[k].name, names[i]) != 0; k++)
            continue;
        if (k == v->n_sites)
            v->site[v->n_sites++].name = names[i];
        for (int part = 0; part < LC_VIEW_PARTS; part++)
            if (site_take(v, &v->site[k], result, (enum lc_view_part)part, err) != LC_OK)
                return err->code;
    }
    return LC_OK;
}

static int sites_gather(struct lc_view *v, struct lc_err *err)
{
    const char *const *names;
    int64_t total = 0;
    int rc;

    for (int64_t r = 0; r < v->n_results; r++)
        total += lc_result_sites(v->result[r], &names);
    LC_TRY(rc, LC_ALLOC(&v->site, total, "sites", err));
    for (int64_t r = 0; r < v->n_results; r++)
        LC_TRY(rc, result_take(v, r, err));
    qsort(v->site, (size_t)v->n_sites, sizeof *v->site, site_compare);
done:
    return rc;
}

/* Has the file itself something to draw, or only its points? */
static int is_merged(const struct lc_result *r)
{
    const char *const *names;
    int64_t n = lc_result_sites(r, &names);

    for (int64_t i = 0; i < n; i++)
        for (int part = 0; part < LC_VIEW_PARTS; part++)
            if (has_part(r, (enum lc_view_part)part, names[i]))
                return 0;
    return lc_result_points(r) > 0;
}

/* One more result: a file, or a point of it. */
static int source_add(struct lc_view *v, const struct lc_view_file *f, int64_t point, struct lc_err *err)
{
    void *results = realloc(v->result, (size_t)(v->n_results + 1) * sizeof *v->result), *paths;
    int rc;

    if (results)
        v->result = results;
    paths = realloc(v->paths, (size_t)(v->n_results + 1) * sizeof *v->paths);
    if (paths)
        v->paths = paths;
    if (!results || !paths)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for results");
    rc = lc_result_open(&v->result[v->n_results], f->path, err);
    if (rc != LC_OK)
        return rc;
    lc_result_at(v->result[v->n_results], point);
    v->paths[v->n_results++] = f->path;
    return LC_OK;
}

/* Do two points differ in their sites alone? */
static int points_match(const struct lc_axes *axes, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < axes->count; i++)
        if (strcmp(axes->axis[i].key, "sites.layers") != 0 && !lc_axis_is_same(&axes->axis[i], a, b))
            return 0;
    return 1;
}

static int note_point(struct lc_view *v, const struct lc_view_file *f, int64_t point, struct lc_err *err)
{
    char text[128];

    lc_bytes_printf(&v->notes, err, "%s has %" PRId64 " points. What is not across the sweep is of point %" PRId64,
                    lc_path_name(f->path), f->axes.points, point);
    for (int64_t i = 0; i < f->axes.count; i++)
        if (strcmp(f->axes.axis[i].key, "sites.layers") != 0)
            lc_bytes_printf(&v->notes, err, "%s%s %s", i ? ", " : ": ", f->axes.axis[i].key,
                            lc_axis_text(text, sizeof text, &f->axes.axis[i], point));
    return lc_bytes_printf(&v->notes, err, "; --point K shows another.\n");
}

static int merged_add(struct lc_view *v, const struct lc_view_file *f, int64_t point, struct lc_err *err)
{
    int rc = note_point(v, f, point, err);

    for (int64_t k = 0; k < f->axes.points && rc == LC_OK; k++)
        if (points_match(&f->axes, k, point))
            rc = source_add(v, f, k, err);
    return rc;
}

static int file_add(struct lc_view *v, const char *path, int64_t point, struct lc_err *err)
{
    struct lc_view_file *f = &v->file[v->n_files];
    int rc;

    f->path = path;
    LC_TRY(rc, lc_result_open(&f->result, path, err));
    v->n_files++;
    LC_TRY(rc, lc_result_axes(f->result, &f->axes, err));
    f->merged = is_merged(f->result);
    if (!f->merged)
        return source_add(v, f, -1, err);
    if (point >= f->axes.points)
        return LC_FAIL(err, LC_E_USAGE, "--point %" PRId64 ": %s has %" PRId64 " points, numbered from 0", point, path,
                       f->axes.points);
    rc = merged_add(v, f, point, err);
done:
    return rc;
}

int lc_view_open(struct lc_view *v, const char *const *paths, int64_t count, enum lc_view_choice choice, int64_t point,
                 struct lc_err *err)
{
    int rc, merged = 0;

    *v = (struct lc_view){0};
    LC_TRY(rc, LC_ALLOC(&v->file, count, "results", err));
    for (int64_t i = 0; i < count; i++) {
        LC_TRY(rc, file_add(v, paths[i], point, err));
        merged |= v->file[i].merged;
    }
    if (point > 0 && !merged)
        LC_TRY(rc, LC_FAIL(err, LC_E_USAGE, "--point %" PRId64 ": no given result is merged of points; allowed: leave it out",
                           point));
    v->choice = has_choice(v, choice) ? choice : choice == LC_VIEW_ACTIVE ? LC_VIEW_CHOSEN : LC_VIEW_ACTIVE;
    rc = sites_gather(v, err);
done:
    if (rc != LC_OK)
        lc_view_close(v);
    return rc;
}

int lc_view_is_mixed(const struct lc_view *v)
{
    return has_choice(v, LC_VIEW_ACTIVE) && has_choice(v, LC_VIEW_CHOSEN);
}

void lc_view_close(struct lc_view *v)
{
    for (int64_t i = 0; i < v->n_sites; i++) {
        for (int k = 0; k < LC_VIEW_ARRAYS; k++)
            lc_array_release(&v->site[i].array[k]);
        for (int k = 0; k < LC_VIEW_MEANS; k++)
            free(v->site[i].point[k]);
        lc_array_release(&v->site[i].length);
        free(v->site[i].feature);
    }
    free(v->site);
    for (int64_t i = 0; i < v->n_results; i++)
        lc_result_close(v->result[i]);
    for (int64_t i = 0; i < v->n_files; i++) {
        lc_axes_release(&v->file[i].axes);
        lc_result_close(v->file[i].result);
    }
    free(v->result);
    free(v->paths);
    free(v->file);
    lc_bytes_release(&v->notes);
    *v = (struct lc_view){0};
}

/* indptr ascending from 0 to `end` */
static int indptr_check(const struct lc_array *indptr, int64_t end, const char *path, const char *name,
                        struct lc_err *err)
{
    const int64_t *p = indptr->data;

    if (indptr->count < 1 || p[0] != 0 || p[indptr->count - 1] != end)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s does not cover its data", path, name);
    for (int64_t i = 1; i < indptr->count; i++)
        if (p[i] < p[i - 1])
            return LC_FAIL(err, LC_E_FORMAT, "%s: %s decreases at %" PRId64, path, name, i);
    return LC_OK;
}

int lc_view_text_open(struct lc_view_text *t, const struct lc_result *r, const char *path, int *found,
                      struct lc_err *err)
{
    int rc;

    *t = (struct lc_view_text){0};
    *found = lc_result_has(r, "vocabulary/indptr", NULL) && lc_result_has(r, "vocabulary/bytes", NULL);
    if (!*found)
        return LC_OK;
    if (lc_result_has(r, "windows/indptr", NULL) && lc_result_has(r, "windows/token_id", NULL)) {
        LC_TRY(rc, lc_result_get(r, "windows/indptr", NULL, &t->indptr, err));
        LC_TRY(rc, lc_result_get(r, "windows/token_id", NULL, &t->token, err));
        LC_TRY(rc, indptr_check(&t->indptr, t->token.count, path, "windows/indptr", err));
        t->windows = t->indptr.count - 1;
    }
    LC_TRY(rc, lc_result_get(r, "vocabulary/indptr", NULL, &t->word_indptr, err));
    LC_TRY(rc, lc_result_get(r, "vocabulary/bytes", NULL, &t->word, err));
    LC_TRY(rc, indptr_check(&t->word_indptr, t->word.count, path, "vocabulary/indptr", err));
    t->words = t->word_indptr.count - 1;
done:
    if (rc != LC_OK)
        lc_view_text_close(t);
    return rc;
}

void lc_view_text_close(struct lc_view_text *t)
{
    lc_array_release(&t->indptr);
    lc_array_release(&t->token);
    lc_array_release(&t->word_indptr);
    lc_array_release(&t->word);
    *t = (struct lc_view_text){0};
}

int64_t lc_view_text_length(const struct lc_view_text *t, int64_t window)
{
    const int64_t *p = t->indptr.data;

    return window < 0 || window >= t->windows ? 0 : p[window + 1] - p[window];
}

const void *lc_view_text_word(const struct lc_view_text *t, int64_t id, size_t *size)
{
    const int64_t *p = t->word_indptr.data;

    *size = 0;
    if (id < 0 || id >= t->words)
        return "";
    *size = (size_t)(p[id + 1] - p[id]);
    return (const unsigned char *)t->word.data + p[id];
}

const void *lc_view_text_token(const struct lc_view_text *t, int64_t window, int64_t position, size_t *size)
{
    const int64_t *p = t->indptr.data;
    const int32_t *token = t->token.data;

    *size = 0;
    if (position < 0 || position >= lc_view_text_length(t, window))
        return "";
    return lc_view_text_word(t, token[p[window] + position], size);
}

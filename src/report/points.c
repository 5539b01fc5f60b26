#include "points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/order.h"

#define INFLUENCE "sites/SITE/influence"
#define SPARSITY  "sites/SITE/sparsity"
#define PAIRS     "sites/SITE/correlation"
#define CONTEXTS  "sites/SITE/contexts"

/* clang-format off */
const struct lc_points_value lc_points_values[LC_POINTS_KINDS][LC_POINTS_VALUES] = {
    [LC_POINTS_INFLUENCE] = {{"mean_bits", 'r', "features", "mean H (bit)", 1},
                             {"low", 'r', NULL, NULL, 0},
                             {"high", 'r', NULL, NULL, 0},
                             {"n", 'i', NULL, NULL, 0},
                             {"residual_bits", 'r', "token vector, residual", "mean H (bit)", 0},
                             {"reconstruction_bits", 'r', "token vector, reconstruction", "mean H (bit)", 0},
                             {"residual_estimate_bits", 'r', "token vector, estimated", "mean H (bit)", 0}},
    [LC_POINTS_SPARSITY] = {{"tokens", 'i', NULL, NULL, 0},
                            {"live", 'i', "live features", "features", 0},
                            {"mean_L0", 'r', "mean L0", "features a token", 0},
                            {"median_p", 'r', "median frequency of live features", "p", 0}},
    [LC_POINTS_CORRELATION] = {{"features", 'i', "leading features", "features", 0},
                               {"participation_ratio", 'r', "participation ratio", "features", 0}},
    [LC_POINTS_CONTEXTS] = {{"features", 'i', "features with contexts", "features", 0},
                            {"contexts", 'i', NULL, NULL, 0},
                            {"median_strongest", 'r', "median strongest activation", "activation f", 0}},
};
/* clang-format on */

/* The dataset that says that a point is of the kind. */
static const char *const marks[LC_POINTS_KINDS] = {
    [LC_POINTS_INFLUENCE] = INFLUENCE "/samples/entropy",
    [LC_POINTS_SPARSITY] = SPARSITY "/count",
    [LC_POINTS_CORRELATION] = PAIRS "/feature",
    [LC_POINTS_CONTEXTS] = CONTEXTS "/feature",
};

static double real_of(const struct lc_result *r, const char *group, const char *site, const char *key, struct lc_err *err)
{
    double x = NAN;
    int found;

    lc_result_get_real(r, group, site, key, &x, &found, err);
    return found ? x : (double)NAN;
}

static double int_of(const struct lc_result *r, const char *group, const char *site, const char *key, struct lc_err *err)
{
    int64_t x = 0;
    int found = 0;

    lc_result_get_int(r, group, site, key, &x, &found, err);
    return found ? (double)x : (double)NAN;
}

/* Sorts x. */
static double median(double *x, int64_t n)
{
    if (n == 0)
        return NAN;
    lc_sort_f64(x, n);
    return lc_percentile(x, n, 50.0);
}

static double vector_mean(const struct lc_result *r, const char *name, const char *site, struct lc_err *err)
{
    struct lc_array a = {0};
    double mean = NAN;

    if (lc_result_has(r, name, site) && lc_result_get(r, name, site, &a, err) == LC_OK)
        mean = lc_view_stat_f64(a.data, a.count).mean;
    lc_array_release(&a);
    return mean;
}

static void read_influence(const struct lc_result *r, const char *site, struct lc_points_row *row, struct lc_err *err)
{
    static const char *const ends[] = {"", "_low", "_high"};
    char *lead = NULL, key[64];

    lc_result_get_text(r, NULL, NULL, "summary", &lead, err);
    row->definition = lc_view_mean_names[LC_VIEW_FEATURE_MEAN];
    for (int k = 0; k < LC_VIEW_MEANS; k++)
        if (lead && strcmp(lead, lc_view_mean_names[k]) == 0)
            row->definition = lc_view_mean_names[k];
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "%s%s", row->definition, ends[i]);
        row->value[i] = real_of(r, INFLUENCE, site, key, err);
    }
    snprintf(key, sizeof key, "%s_n", row->definition);
    row->value[3] = int_of(r, INFLUENCE, site, key, err);
    row->value[4] = vector_mean(r, INFLUENCE "/token_vector/residual/entropy", site, err);
    row->value[5] = vector_mean(r, INFLUENCE "/token_vector/reconstruction/entropy", site, err);
    row->value[6] = vector_mean(r, INFLUENCE "/token_vector/residual_estimate/entropy", site, err);
    free(lead);
}

static void read_sparsity(const struct lc_result *r, const char *site, struct lc_points_row *row, struct lc_err *err)
{
    struct lc_array count = {0};
    double tokens = int_of(r, SPARSITY, site, "n_tokens", err), sum = 0, *p = NULL;
    int64_t live = 0;

    if (lc_result_get(r, SPARSITY "/count", site, &count, err) != LC_OK ||
        LC_ALLOC(&p, count.count, "frequencies", err) != LC_OK)
        goto done;
    for (int64_t i = 0; i < count.count; i++) {
        double n = (double)((const int64_t *)count.data)[i];
        sum += n;
        if (n > 0)
            p[live++] = n / tokens;
    }
    row->value[0] = tokens;
    row->value[1] = (double)live;
    row->value[2] = sum / tokens;
    row->value[3] = median(p, live);
done:
    free(p);
    lc_array_release(&count);
}

static void read_correlation(const struct lc_result *r, const char *site, struct lc_points_row *row, struct lc_err *err)
{
    struct lc_array shape;

    if (lc_result_shape(r, PAIRS "/feature", site, &shape, err) == LC_OK)
        row->value[0] = (double)shape.count;
    row->value[1] = real_of(r, PAIRS, site, "participation_ratio", err);
}

/* A feature's contexts stand together, the strongest first. */
static void read_contexts(const struct lc_result *r, const char *site, struct lc_points_row *row, struct lc_err *err)
{
    struct lc_array feature = {0}, value = {0};
    double *strongest = NULL;
    int64_t features = 0;

    if (lc_result_get(r, CONTEXTS "/feature", site, &feature, err) != LC_OK ||
        lc_result_get(r, CONTEXTS "/value", site, &value, err) != LC_OK ||
        LC_ALLOC(&strongest, feature.count, "contexts", err) != LC_OK)
        goto done;
    for (int64_t i = 0; i < feature.count && i < value.count; i++) {
        const int32_t *at = (const int32_t *)feature.data + i;
        if (i == 0 || at[0] != at[-1])
            strongest[features++] = (double)((const float *)value.data)[i];
    }
    row->value[0] = (double)features;
    row->value[1] = (double)feature.count;
    row->value[2] = median(strongest, features);
done:
    free(strongest);
    lc_array_release(&feature);
    lc_array_release(&value);
}

static void (*const readers[LC_POINTS_KINDS])(const struct lc_result *, const char *, struct lc_points_row *,
                                              struct lc_err *) = {
    [LC_POINTS_INFLUENCE] = read_influence,
    [LC_POINTS_SPARSITY] = read_sparsity,
    [LC_POINTS_CORRELATION] = read_correlation,
    [LC_POINTS_CONTEXTS] = read_contexts,
};

static void read_file(struct lc_points *p, const struct lc_view_file *f, struct lc_err *err)
{
    int64_t points = lc_result_points(f->result);

    p->sites = lc_result_sites(f->result, &p->site);
    if (LC_ALLOC(&p->row, p->sites * points, "points", err) != LC_OK)
        return;
    for (int64_t i = 0; i < p->sites; i++)
        for (int64_t k = 0; k < points && err->code == LC_OK; k++) {
            struct lc_points_row *row = &p->row[p->rows];
            lc_result_at(f->result, k);
            if (!lc_result_has(f->result, marks[p->kind], p->site[i]))
                continue;
            *row = (struct lc_points_row){.site = i, .point = k, .definition = ""};
            for (int j = 0; j < LC_POINTS_VALUES; j++)
                row->value[j] = NAN;
            readers[p->kind](f->result, p->site[i], row, err);
            p->rows++;
        }
    lc_result_at(f->result, -1);
}

void lc_points_read(struct lc_points *p, const struct lc_view *v, enum lc_points_kind kind, struct lc_err *err)
{
    *p = (struct lc_points){.kind = kind};
    for (int64_t i = 0; i < v->n_files && err->code == LC_OK && p->rows == 0; i++) {
        if (!v->file[i].merged)
            continue;
        free(p->row);
        p->row = NULL;
        read_file(p, &v->file[i], err);
        p->file = p->rows > 0 ? &v->file[i] : NULL;
    }
}

void lc_points_release(struct lc_points *p)
{
    free(p->row);
    *p = (struct lc_points){0};
}

/* Axes that find room beside the numbers. */
static int64_t axes_shown(const struct lc_points *p)
{
    int64_t room = LC_TABLE_COLUMNS - LC_POINTS_VALUES - 3;

    return !p->file ? 0 : p->file->axes.count < room ? p->file->axes.count : room;
}

static void add_axis(const struct lc_result_axis *a, int64_t point, struct lc_table *t, struct lc_err *err)
{
    char text[512];

    if (a->value.type == LC_RESULT_I64)
        lc_table_cells(t, err, "i", ((const int64_t *)a->value.data)[point]);
    else if (a->value.type == LC_RESULT_F64)
        lc_table_cells(t, err, "r", lc_axis_number(a, point));
    else
        lc_table_cells(t, err, "s", lc_axis_text(text, sizeof text, a, point));
}

static void add_value(const struct lc_points_value *what, double x, struct lc_table *t, struct lc_err *err)
{
    if (what->type == 'i' && isfinite(x))
        lc_table_cells(t, err, "i", (int64_t)x);
    else
        lc_table_cells(t, err, "r", x);
}

void lc_points_table(const struct lc_points *p, struct lc_table *t, struct lc_err *err)
{
    const struct lc_points_value *value = lc_points_values[p->kind];
    const char *names[LC_TABLE_COLUMNS + 1] = {"site"};
    int64_t axes = axes_shown(p), n = 1;

    for (int64_t i = 0; i < axes; i++)
        names[n++] = p->file->axes.axis[i].key;
    if (p->kind == LC_POINTS_INFLUENCE)
        names[n++] = "definition";
    for (int j = 0; j < LC_POINTS_VALUES && value[j].column; j++)
        names[n++] = value[j].column;
    names[n++] = "point";
    lc_table_begin(t, names);
    for (int64_t k = 0; k < p->rows && err->code == LC_OK; k++) {
        const struct lc_points_row *row = &p->row[k];
        lc_table_cells(t, err, "s", p->site[row->site]);
        for (int64_t i = 0; i < axes; i++)
            add_axis(&p->file->axes.axis[i], row->point, t, err);
        if (p->kind == LC_POINTS_INFLUENCE)
            lc_table_cells(t, err, "s", row->definition);
        for (int j = 0; j < LC_POINTS_VALUES && value[j].column; j++)
            add_value(&value[j], row->value[j], t, err);
        lc_table_cells(t, err, "i", row->point);
    }
}

/* Figure 5: every feature's mean entropy at every site. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "figures.h"
#include "lightcone/order.h"

enum { TRACKED = 10, SUMS = 4, HIGHEST = 20, STEPS = 2048, STEPS_PER_BIT = 100 };

/* One activation sum per feature index, over all sites. */
struct tracked {
    int32_t feature;
    double activation;
};

static int by_feature(const void *a, const void *b)
{
    const struct tracked *x = a, *y = b;

    return (x->feature > y->feature) - (x->feature < y->feature);
}

static int by_activation(const void *a, const void *b)
{
    const struct tracked *x = a, *y = b;

    if (x->activation != y->activation)
        return x->activation < y->activation ? 1 : -1;
    return by_feature(a, b);
}

static int by_index(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

/* The feature's mean entropy at the site; NaN where it has too few samples for one. */
static double mean_of(const struct lc_view_site *s, int32_t feature)
{
    const int32_t *of = lc_view_i32(s, LC_VIEW_F_FEATURE), *at = NULL;

    if (of)
        at = bsearch(&feature, of, (size_t)lc_view_count(s, LC_VIEW_F_FEATURE), sizeof *of, by_index);
    return at && at - of < lc_view_count(s, LC_VIEW_F_MEAN) ? lc_view_f64(s, LC_VIEW_F_MEAN)[at - of] : NAN;
}

/* Has the feature a dot at the site, and is its activation known? Published influence files do not tell it. */
static int is_trackable(const struct lc_view_site *s, const struct lc_view_feature *f)
{
    return isfinite(f->activation) && isfinite(mean_of(s, f->feature));
}

/* The TRACKED indices with the greatest sums; returns how many. */
static int choose_tracked(const struct lc_view *v, struct tracked out[TRACKED], struct lc_err *err)
{
    struct tracked *all = NULL;
    int64_t n = 0, m = 0;
    int have = 0;

    for (int64_t i = 0; i < v->n_sites; i++)
        n += v->site[i].n_features;
    if (LC_ALLOC(&all, n, "features of all sites", err) != LC_OK)
        return 0;
    n = 0;
    for (int64_t i = 0; i < v->n_sites; i++)
        for (int64_t k = 0; k < v->site[i].n_features; k++)
            if (is_trackable(&v->site[i], &v->site[i].feature[k]))
                all[n++] = (struct tracked){v->site[i].feature[k].feature, v->site[i].feature[k].activation};
    qsort(all, (size_t)n, sizeof *all, by_feature);
    for (int64_t i = 0; i < n; i++) {
        if (m > 0 && all[m - 1].feature == all[i].feature)
            all[m - 1].activation += all[i].activation;
        else
            all[m++] = all[i];
    }
    qsort(all, (size_t)m, sizeof *all, by_activation);
    for (; have < TRACKED && have < m; have++)
        out[have] = all[have];
    free(all);
    return have;
}

/* Mean of the HIGHEST greatest of the site's feature means; NaN without any. */
static double highest_mean(const struct lc_view_site *s, struct lc_err *err)
{
    const double *mean = lc_view_f64(s, LC_VIEW_F_MEAN);
    int64_t all = lc_view_count(s, LC_VIEW_F_MEAN), n = 0, top;
    double *x = NULL, sum = 0;

    if (LC_ALLOC(&x, all, "feature means", err) != LC_OK)
        return NAN;
    for (int64_t i = 0; i < all; i++)
        if (isfinite(mean[i]))
            x[n++] = mean[i];
    lc_sort_f64(x, n);
    top = n < HIGHEST ? n : HIGHEST;
    for (int64_t i = 1; i <= top; i++)
        sum += x[n - i];
    free(x);
    return top ? sum / (double)top : NAN;
}

/* Grey dots to the table; to the plot one for each hundredth of a bit. */
static void add_dots(const struct lc_view_site *s, int64_t index, struct lc_figure_out *out,
                     struct lc_bytes *dots, struct lc_err *err)
{
    const double *mean = lc_view_f64(s, LC_VIEW_F_MEAN);
    const int32_t *feature = lc_view_i32(s, LC_VIEW_F_FEATURE);
    unsigned char taken[STEPS] = {0};

    for (int64_t i = 0; feature && i < lc_view_count(s, LC_VIEW_F_MEAN); i++) {
        int64_t step;
        if (!isfinite(mean[i]))
            continue;
        lc_table_row(&out->table, err, "issir", index, s->name, "feature", (int64_t)feature[i], mean[i]);
        step =
            mean[i] >= 0 && mean[i] * STEPS_PER_BIT < STEPS ? (int64_t)(mean[i] * STEPS_PER_BIT) : STEPS - 1;
        if (!taken[step])
            lc_bytes_printf(dots, err, "%" PRId64 " %.4f\n", index, mean[i]);
        taken[step] = 1;
    }
}

static int64_t add_tracked(const struct lc_view *v, int32_t feature, struct lc_table *t, struct lc_err *err)
{
    for (int64_t i = 0; i < v->n_sites; i++) {
        double mean = mean_of(&v->site[i], feature);
        if (isfinite(mean))
            lc_table_row(t, err, "issir", i, v->site[i].name, "tracked", (int64_t)feature, mean);
    }
    return lc_table_rows(t);
}

static void add_line(const struct lc_view *v, const char *what, enum lc_view_id id, struct lc_table *t,
                     struct lc_err *err)
{
    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        double y = id == LC_VIEW_ARRAYS ? highest_mean(s, err)
                                        : lc_view_stat_f64(lc_view_f64(s, id), lc_view_count(s, id)).mean;
        if (isfinite(y))
            lc_table_row(t, err, "issir", i, s->name, what, (int64_t)-1, y);
    }
}

struct line {
    int64_t from, to;
    char label[48];
    const char *style;
};

static void draw_lines(const struct line *line, int n, int64_t dots, const struct lc_table *t,
                       struct lc_bytes *script, struct lc_err *err)
{
    for (int i = 0; i < n; i++) {
        char block[16];
        snprintf(block, sizeof block, "L%d", i);
        if (line[i].to > line[i].from)
            lc_table_plot(t, block, line[i].from, line[i].to, script, err);
    }
    lc_bytes_printf(
        script, err,
        "plot $dots using 1:2 with points pt 7 ps 0.35 lc rgb '#a0a0a0' title 'features, N = %" PRId64 "'",
        dots);
    for (int i = 0; i < n; i++) {
        if (line[i].to == line[i].from)
            continue;
        lc_bytes_printf(script, err, ", \\\n  $L%d using 1:5 with linespoints ", i);
        if (line[i].style)
            lc_bytes_printf(script, err, "%s", line[i].style);
        else
            lc_bytes_printf(script, err, "pt %d ps 0.7 lw 1.3 lc rgb '%s'", 4 + i % 10, lc_plot_color(i));
        if (line[i].style)
            lc_bytes_printf(script, err, " title '%s'", line[i].label);
        else /* where room is scarce the ten are told by colour alone */
            lc_bytes_printf(script, err, " title (crowded ? '' : '%s')", line[i].label);
    }
    lc_bytes_printf(script, err, "\n");
}

/* The ten, then the four lines that sum up; returns how many. */
static int make_lines(const struct lc_view *v, struct line *line, struct lc_table *t, struct lc_err *err)
{
    static const struct {
        const char *what, *label, *style;
        enum lc_view_id id;
    } sums[SUMS] = {
        {"mean_of_20_highest", "mean of the 20 highest", "pt 6 ps 0.6 lw 3 dt 2 lc rgb '" LC_BLUE "'",
         LC_VIEW_ARRAYS},
        {"token_vector_residual", "token vector, residual", "pt 13 ps 0.8 lw 3 dt 2 lc rgb '" LC_RED "'",
         LC_VIEW_RESIDUAL_ENTROPY},
        {"token_vector_reconstruction", "token vector, reconstruction",
         "pt 12 ps 0.8 lw 2 dt 3 lc rgb '" LC_RED "'", LC_VIEW_RECONSTRUCTION_ENTROPY},
        {"token_vector_residual_estimate", "token vector, estimated",
         "pt 2 ps 0.8 lw 2 dt 4 lc rgb '" LC_RED "'", LC_VIEW_ESTIMATE_ENTROPY},
    };
    struct tracked tracked[TRACKED];
    int n = choose_tracked(v, tracked, err), lines = 0;

    for (int i = 0; i < n; i++, lines++) {
        line[lines] = (struct line){.from = lc_table_rows(t)};
        line[lines].to = add_tracked(v, tracked[i].feature, t, err);
        snprintf(line[lines].label, sizeof line[lines].label, "feature %" PRId32, tracked[i].feature);
    }
    for (int i = 0; i < SUMS; i++, lines++) {
        line[lines] = (struct line){.from = lc_table_rows(t), .style = sums[i].style};
        add_line(v, sums[i].what, sums[i].id, t, err);
        line[lines].to = lc_table_rows(t);
        snprintf(line[lines].label, sizeof line[lines].label, "%s", sums[i].label);
    }
    return lines;
}

int lc_figure_entropy_layers(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"index", "site", "what", "feature", "entropy_bits", NULL};
    struct lc_bytes dots = {0};
    struct line line[TRACKED + SUMS];
    int64_t features;
    int lines;

    lc_table_begin(&out->table, columns);
    for (int64_t i = 0; i < v->n_sites; i++)
        add_dots(&v->site[i], i, out, &dots, err);
    features = lc_table_rows(&out->table);
    if (features == 0) {
        lc_figure_leave_out(out, "no given result holds influence with features of enough samples");
        lc_bytes_release(&dots);
        return err->code;
    }
    lines = make_lines(v, line, &out->table, err);
    lc_plot_begin(&out->script, 980, 540, 1, err);
    lc_site_axis(&out->script, v, err);
    lc_bytes_printf(&out->script, err,
                    "set yrange [0:*]\nset ylabel 'mean entropy H (bit)'\nset key outside right top\n"
                    "if (crowded) { set key below left Left reverse }\n");
    lc_plot_tokens_axis(&out->script, 'y', err);
    lc_bytes_printf(&out->script, err, "$dots << EOD\n");
    lc_bytes_add(&out->script, dots.data, dots.size, err);
    lc_bytes_printf(&out->script, err, "EOD\n");
    draw_lines(line, lines, features, &out->table, &out->script, err);
    if (lines == SUMS)
        lc_bytes_printf(&out->sentence, err, "The results do not tell activations: no feature is coloured. ");
    lc_bytes_printf(&out->sentence, err,
                    "Every dot is one feature (N = %" PRId64
                    " in all): the cloud shows how far the features of a site differ, the "
                    "dashed lines its upper edge and the whole token vector.",
                    features);
    lc_bytes_release(&dots);
    return err->code;
}

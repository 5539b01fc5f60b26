/* Figures 4 and 6: distributions of entropy; figure 8: against activation probability. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "figures.h"

enum { TOP = 6, SAMPLE_BINS = 30, FEATURE_BINS = 20 };

static void mean_line(struct lc_bytes *script, double mean, struct lc_err *err)
{
    lc_bytes_printf(script, err,
                    "set arrow 1 from %.6g, graph 0 to %.6g, graph 1 nohead front dt 2 lw 2 lc rgb '" LC_RED
                    "'\n",
                    mean, mean);
}

/* The finite entropies of one feature, n of them, in *x (owned by the caller). */
static int64_t entropies_of(const struct lc_view_site *s, int32_t feature, double **x, struct lc_err *err)
{
    const int32_t *of = lc_view_i32(s, LC_VIEW_S_FEATURE);
    const float *entropy = lc_view_f32(s, LC_VIEW_S_ENTROPY);
    int64_t all = of && entropy ? lc_view_count(s, LC_VIEW_S_FEATURE) : 0, n = 0;

    *x = NULL;
    for (int64_t i = 0; i < all; i++)
        n += of[i] == feature && isfinite(entropy[i]);
    if (LC_ALLOC(x, n, "entropies of a feature", err) != LC_OK)
        return 0;
    n = 0;
    for (int64_t i = 0; i < all; i++)
        if (of[i] == feature && isfinite(entropy[i]))
            (*x)[n++] = (double)entropy[i];
    return n;
}

static void feature_panel(const struct lc_view_site *s, int32_t feature, const double *axis,
                          struct lc_figure_out *out, struct lc_err *err)
{
    double *x, low, top;
    int64_t n = entropies_of(s, feature, &x, err), from = lc_table_rows(&out->table);
    struct lc_view_stat stat = lc_view_stat_f64(x, n);
    struct lc_bins b;

    lc_bins_range(x, n, &low, &top);
    lc_bins_init(&b, SAMPLE_BINS, low, top, 0);
    for (int64_t i = 0; i < n; i++)
        lc_bins_add(&b, x[i]);
    for (int k = 0; k < b.n; k++)
        lc_table_row(&out->table, err, "siirri", s->name, (int64_t)feature, (int64_t)k, b.edge[k],
                     b.edge[k + 1], b.count[k]);
    lc_bytes_printf(&out->script, err,
                    "set title \"feature %" PRId32 "\\nN = %" PRId64
                    ", mean %.3f\"\nset xlabel 'entropy H (bit)'\n"
                    "set ylabel 'samples'\nset xrange [%g:%g]\nset yrange [0:*]\n",
                    feature, n, stat.mean, axis[0], axis[1]);
    mean_line(&out->script, stat.n ? stat.mean : 0, err);
    lc_plot_boxes(&out->script, &out->table, from, from + b.n, 4, 0, LC_SKY, err);
    free(x);
}

/* A common axis for panels: log2 of the window, or what the data reach. */
static double entropy_axis(const struct lc_view *v)
{
    int64_t length = lc_figure_window_length(v);

    return length > 1 ? log2((double)length) : 10;
}

/* Whole bits around all entropies of the chosen features. */
static void shared_axis(const struct lc_view_site *s, const int64_t *row, int n, double axis[2],
                        struct lc_err *err)
{
    axis[0] = INFINITY;
    axis[1] = -INFINITY;
    for (int i = 0; i < n; i++) {
        double *x, low, high;
        int64_t count = entropies_of(s, lc_view_i32(s, LC_VIEW_F_FEATURE)[row[i]], &x, err);
        lc_bins_range(x, count, &low, &high);
        axis[0] = fmin(axis[0], floor(low));
        axis[1] = fmax(axis[1], floor(high) + 1);
        free(x);
    }
}

int lc_figure_feature_entropies(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {
        "site", "feature", "bin", "entropy_low_bits", "entropy_high_bits", "samples", NULL};
    const struct lc_view_site *s = lc_figure_middle_site(v);
    int64_t row[TOP];
    double axis[2];
    int n = s ? lc_figure_top_features(s, TOP, row) : 0;

    lc_table_begin(&out->table, columns);
    if (n == 0 || lc_view_count(s, LC_VIEW_S_ENTROPY) == 0) {
        lc_figure_leave_out(out, "no given result holds influence with features of enough samples");
        return err->code;
    }
    shared_axis(s, row, n, axis, err);
    lc_panels_begin_tall(&out->script, n, err);
    lc_plot_tokens_axis(&out->script, 'x', err);
    for (int i = 0; i < n; i++)
        feature_panel(s, lc_view_i32(s, LC_VIEW_F_FEATURE)[row[i]], axis, out, err);
    lc_panels_end(&out->script, err);
    lc_bytes_printf(
        &out->sentence, err,
        "At %s, the %d features with most samples: one feature reaches differently far in different windows.",
        s->name, n);
    return err->code;
}

static void site_panel(const struct lc_view_site *s, double high, struct lc_figure_out *out,
                       struct lc_err *err)
{
    const double *x = lc_view_f64(s, LC_VIEW_F_MEAN);
    int64_t n = lc_view_count(s, LC_VIEW_F_MEAN), from = lc_table_rows(&out->table);
    struct lc_view_stat stat = lc_view_stat_f64(x, n);
    struct lc_bins b;
    double low, top;

    lc_bins_range(x, n, &low, &top);
    lc_bins_init(&b, FEATURE_BINS, low, top, 0);
    for (int64_t i = 0; i < n; i++)
        lc_bins_add(&b, x[i]);
    for (int k = 0; k < b.n; k++)
        lc_table_row(&out->table, err, "sirri", s->name, (int64_t)k, b.edge[k], b.edge[k + 1], b.count[k]);
    lc_bytes_printf(&out->script, err,
                    "set title \"%s\\nN = %" PRId64 ", mean %.3f\"\nset xlabel 'mean H of a feature (bit)'\n"
                    "set ylabel 'features'\nset xrange [0:%g]\nset yrange [0:*]\n",
                    s->name, stat.n, stat.mean, high);
    mean_line(&out->script, stat.n ? stat.mean : 0, err);
    lc_plot_boxes(&out->script, &out->table, from, from + b.n, 3, 0, LC_BLUE, err);
}

static int has_means(const struct lc_view_site *s)
{
    return lc_view_count(s, LC_VIEW_F_MEAN) > 0;
}

/* Where features differ most and least. */
static void say_spread(const struct lc_view *v, struct lc_bytes *sentence, struct lc_err *err)
{
    const char *wide = NULL, *narrow = NULL;
    double most = -1, least = INFINITY;

    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        double sd = lc_view_stat_f64(lc_view_f64(s, LC_VIEW_F_MEAN), lc_view_count(s, LC_VIEW_F_MEAN)).sd;
        if (sd > most) {
            most = sd;
            wide = s->name;
        }
        if (sd < least) {
            least = sd;
            narrow = s->name;
        }
    }
    lc_bytes_printf(sentence, err, "How the features of a site spread around its mean");
    if (wide && narrow && wide != narrow)
        lc_bytes_printf(sentence, err, ": most at %s (sd %.3f bit), least at %s (sd %.3f bit)", wide, most,
                        narrow, least);
    else if (wide)
        lc_bytes_printf(sentence, err, ": sd %.3f bit at %s", most, wide);
    lc_bytes_printf(sentence, err, ".");
}

int lc_figure_entropy_histograms(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site",     "bin", "entropy_low_bits", "entropy_high_bits",
                                          "features", NULL};
    int64_t site[LC_PANELS_MAX];
    int panels = lc_panels_choose(v, has_means, site, &out->sentence, err);

    lc_table_begin(&out->table, columns);
    if (panels == 0) {
        lc_figure_leave_out(out, "no given result holds influence with features of enough samples");
        return err->code;
    }
    say_spread(v, &out->sentence, err);
    lc_panels_begin_tall(&out->script, panels, err);
    lc_plot_tokens_axis(&out->script, 'x', err);
    for (int i = 0; i < panels; i++)
        site_panel(&v->site[site[i]], entropy_axis(v), out, err);
    lc_panels_end(&out->script, err);
    return err->code;
}

/* Spearman would need ranks; Pearson with the logarithm says the same at a glance. */
static double log_correlation(const struct lc_table *t, int64_t from)
{
    int64_t n = lc_table_rows(t);
    double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0, m = (double)(n - from);

    for (int64_t i = from; i < n; i++) {
        sx += log10(lc_table_number(t, i, 2));
        sy += lc_table_number(t, i, 3);
    }
    for (int64_t i = from; i < n; i++) {
        double x = log10(lc_table_number(t, i, 2)) - sx / m, y = lc_table_number(t, i, 3) - sy / m;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

static int has_both(const struct lc_view_site *s)
{
    return lc_view_count(s, LC_VIEW_F_MEAN) > 0 && lc_view_count(s, LC_VIEW_FREQUENCY) > 0 &&
           lc_view_i32(s, LC_VIEW_F_FEATURE);
}

static void frequency_panel(const struct lc_view_site *s, double high, struct lc_figure_out *out,
                            struct lc_err *err)
{
    const double *p = lc_view_f64(s, LC_VIEW_FREQUENCY), *entropy = lc_view_f64(s, LC_VIEW_F_MEAN);
    const int32_t *feature = lc_view_i32(s, LC_VIEW_F_FEATURE);
    int64_t features = lc_view_count(s, LC_VIEW_FREQUENCY), from = lc_table_rows(&out->table), n;

    for (int64_t i = 0; i < lc_view_count(s, LC_VIEW_F_MEAN); i++)
        if (feature[i] >= 0 && feature[i] < features && p[feature[i]] > 0 && isfinite(entropy[i]))
            lc_table_row(&out->table, err, "sirr", s->name, (int64_t)feature[i], p[feature[i]], entropy[i]);
    n = lc_table_rows(&out->table) - from;
    lc_plot_dots(&out->script, &out->table, from, 2, &(struct lc_axis){1e-8, 1, 1}, 3, &(struct lc_axis){0, high, 0},
                 err);
    lc_bytes_printf(&out->script, err,
                    "set title \"%s\\nN = %" PRId64 ", r = %.2f\"\nset xlabel 'activation probability p_i'\n"
                    "set ylabel 'mean entropy (bit)'\nset logscale x\nset format x '%%.0e'\nif (crowded) { set xtics "
                    "100 }\nset xrange "
                    "[*:*]\nset yrange [0:%g]\n",
                    s->name, n, log_correlation(&out->table, from), high);
    lc_bytes_printf(&out->script, err,
                    n > 0 ? "plot $D using 1:2 with points pt 7 ps 0.3 lc rgb '" LC_BLUE "' notitle\n"
                          : "set multiplot next\n");
}

int lc_figure_entropy_frequency(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site", "feature", "frequency", "entropy_mean_bits", NULL};
    int64_t site[LC_PANELS_MAX];
    int panels = lc_panels_choose(v, has_both, site, &out->sentence, err);

    lc_table_begin(&out->table, columns);
    if (panels == 0) {
        lc_figure_leave_out(out, "no site has both sparsity and influence among the given results");
        return err->code;
    }
    lc_bytes_printf(&out->sentence, err,
                    "Whether features that are active more often reach further back: a cloud that rises to "
                    "the right (r > 0) says yes.");
    lc_panels_begin(&out->script, panels, err);
    lc_plot_tokens_axis(&out->script, 'y', err);
    for (int i = 0; i < panels; i++)
        frequency_panel(&v->site[site[i]], entropy_axis(v), out, err);
    lc_panels_end(&out->script, err);
    return err->code;
}

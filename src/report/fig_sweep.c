/* Figure 7 and its summary: entropy against the length of the context. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "figures.h"
#include "lightcone/order.h"
#include "lightcone/sweep.h"
#include "sweep.h"

enum { TRACKED = 10, LINES_MOST = 400, MARKS = 12 };

/* A sweep with something to draw: where no feature is active at the longest windows, it has none. */
static int has_curves(const struct lc_view_site *s)
{
    int64_t n = s->part[LC_VIEW_SWEEP] ? lc_view_count(s, LC_VIEW_SWEEP_FEATURE) * s->length.count : 0;

    for (int64_t i = 0; i < n; i++)
        if (isfinite(lc_view_f64(s, LC_VIEW_SWEEP_MEAN)[i]))
            return 1;
    return 0;
}

/* Sites with curves; what is without is named, and the figure left out when it is all. */
static int choose_sites(const struct lc_view *v, int64_t site[LC_PANELS_MAX], struct lc_figure_out *out,
                        struct lc_err *err)
{
    int64_t empty = 0;
    int n = lc_panels_choose(v, has_curves, site, &out->sentence, err);

    for (int64_t i = 0; i < v->n_sites; i++) {
        if (!v->site[i].part[LC_VIEW_SWEEP] || has_curves(&v->site[i]))
            continue;
        lc_bytes_printf(&out->sentence, err, "%s is not shown: no feature is active there at the longest windows.\n",
                        v->site[i].name);
        empty++;
    }
    if (n == 0 && empty > 0)
        lc_figure_leave_out(out, "no feature of a given sweep is active at its longest windows");
    else if (n == 0)
        lc_figure_leave_out(out, "no given result holds a sweep over window lengths");
    return n;
}

/* One feature of a sweep and its activation summed over the points. */
struct weighed {
    int64_t row;
    double activation;
};

static int by_activation(const void *a, const void *b)
{
    const struct weighed *x = a, *y = b;

    if (x->activation != y->activation)
        return x->activation < y->activation ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Add what one point's samples activate. */
static int weigh_point(const struct lc_view_site *s, struct weighed *w, struct lc_err *err)
{
    struct lc_array feature = {0}, activation = {0};
    const struct lc_array *of = &s->array[LC_VIEW_SWEEP_FEATURE];
    const struct lc_result *r = s->part[LC_VIEW_SWEEP];
    int rc;

    LC_TRY(rc, lc_result_get(r, "sites/SITE/influence/samples/feature", s->name, &feature, err));
    LC_TRY(rc, lc_result_get(r, "sites/SITE/influence/samples/activation", s->name, &activation, err));
    for (int64_t i = 0; i < feature.count && i < activation.count; i++) {
        int64_t at = lc_find_i32(of->data, of->count, ((const int32_t *)feature.data)[i]);
        if (at >= 0)
            w[at].activation += (double)((const float *)activation.data)[i];
    }
done:
    lc_array_release(&feature);
    lc_array_release(&activation);
    return rc;
}

/* Rows of the sweep's features, the most activated first; the caller frees them. */
static int weigh(const struct lc_view_site *s, struct weighed **out, struct lc_err *err)
{
    int64_t n = lc_view_count(s, LC_VIEW_SWEEP_FEATURE);
    int rc;

    LC_TRY(rc, LC_ALLOC(out, n, "features of a sweep", err));
    for (int64_t i = 0; i < n; i++)
        (*out)[i].row = i;
    for (int64_t k = 0; k < s->length.count && rc == LC_OK; k++) {
        lc_result_at(s->part[LC_VIEW_SWEEP], k);
        rc = weigh_point(s, *out, err);
    }
    lc_result_at(s->part[LC_VIEW_SWEEP], -1);
    qsort(*out, (size_t)n, sizeof **out, by_activation);
done:
    return rc;
}

static void add_feature(const struct lc_view_site *s, const struct weighed *w, const char *what, struct lc_table *t,
                        struct lc_err *err)
{
    const int64_t *length = s->length.data;
    int64_t n = s->length.count, at = w->row * n;

    for (int64_t k = 0; k < n; k++)
        if (isfinite(lc_view_f64(s, LC_VIEW_SWEEP_MEAN)[at + k]))
            lc_table_row(t, err, "ssiirrir", s->name, what, (int64_t)lc_view_i32(s, LC_VIEW_SWEEP_FEATURE)[w->row],
                         length[k], lc_view_f64(s, LC_VIEW_SWEEP_MEAN)[at + k],
                         lc_view_f64(s, LC_VIEW_SWEEP_SE)[at + k], lc_view_i64(s, LC_VIEW_SWEEP_SAMPLES)[at + k],
                         w->activation);
}

/* A feature's line in a data block, ended by an empty line. */
static void put_line(const struct lc_table *t, int64_t from, int64_t to, struct lc_bytes *out, struct lc_err *err)
{
    for (int64_t r = from; r < to; r++) {
        double mean = lc_table_number(t, r, 4), se = lc_table_number(t, r, 5);
        lc_bytes_printf(out, err, "%g %.5f %.5f\n", lc_table_number(t, r, 3), mean, isfinite(se) ? se : 0.0);
    }
    lc_bytes_printf(out, err, "\n");
}

static void plot_tracked(const struct lc_view_site *s, const struct weighed *w, int n, int key, struct lc_bytes *script,
                         struct lc_err *err)
{
    for (int i = 0; i < n; i++)
        lc_bytes_printf(script, err,
                        ", \\\n  $T%d using 1:($2-$3):($2+$3) with filledcurves fs transparent solid 0.15 noborder lc "
                        "rgb '%s' notitle",
                        i, lc_plot_color(i));
    for (int i = 0; i < n; i++) {
        lc_bytes_printf(script, err, ", \\\n  $T%d using 1:2 with linespoints pt %d ps 0.6 lw 1.8 lc rgb '%s' ", i,
                        4 + i % 10, lc_plot_color(i));
        if (key)
            lc_bytes_printf(script, err, "title (crowded ? '' : 'feature %" PRId32 "')",
                            lc_view_i32(s, LC_VIEW_SWEEP_FEATURE)[w[i].row]);
        else
            lc_bytes_printf(script, err, "notitle");
    }
}

/* Four tics or so, at round lengths. */
static int64_t tic_step(const struct lc_view_site *s)
{
    int64_t longest = s->length.count ? ((const int64_t *)s->length.data)[s->length.count - 1] : 4;

    return longest >= 32 ? (longest / 4 + 7) / 8 * 8 : (longest + 3) / 4;
}

/* One site: all lines grey, the most activated coloured, and the bound. */
static void panel(const struct lc_view_site *s, const struct weighed *w, int key, struct lc_figure_out *out,
                  struct lc_err *err)
{
    int64_t n = lc_view_count(s, LC_VIEW_SWEEP_FEATURE), shown = n < LINES_MOST ? n : LINES_MOST;
    int tracked = n < TRACKED ? (int)n : TRACKED;
    struct lc_bytes grey = {0};

    for (int64_t i = 0; i < n; i++) {
        int64_t from = lc_table_rows(&out->table);
        add_feature(s, &w[i], i < tracked ? "tracked" : "feature", &out->table, err);
        if (i < tracked) {
            lc_bytes_printf(&out->script, err, "$T%d << EOD\n", (int)i);
            put_line(&out->table, from, lc_table_rows(&out->table), &out->script, err);
            lc_bytes_printf(&out->script, err, "EOD\n");
        }
        if (i * shown / n != (i + 1) * shown / n)
            put_line(&out->table, from, lc_table_rows(&out->table), &grey, err);
    }
    lc_bytes_printf(&out->script, err, "$grey << EOD\n");
    lc_bytes_add(&out->script, grey.data, grey.size, err);
    lc_bytes_printf(&out->script, err,
                    "EOD\n$bound << EOD\n");
    for (int64_t k = 0; k < s->length.count; k++)
        lc_bytes_printf(&out->script, err, "%" PRId64 "\n", ((const int64_t *)s->length.data)[k]);
    lc_bytes_printf(&out->script, err,
                    "EOD\nset title \"%s\\nN = %" PRId64 " features\"\nset xtics %" PRId64
                    "\nset xlabel 'context length (tokens)'\n"
                    "set ylabel 'mean entropy H (bit)'\nset yrange [0:*]\n"
                    "plot $grey using 1:2 with lines lw 0.6 lc rgb '#c4c4c4' notitle",
                    s->name, n, tic_step(s));
    plot_tracked(s, w, tracked, key, &out->script, err);
    lc_bytes_printf(&out->script, err, ", \\\n  $bound using 1:(log($1)/log(2)) with lines dt 2 lw 2 lc rgb 'black' %s\n",
                    key ? "title 'log2 of the length'" : "notitle");
    lc_bytes_release(&grey);
}

int lc_figure_context_sweep(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site",         "what", "feature", "length", "entropy_bits",
                                          "entropy_se_bits", "n",  "activation_sum", NULL};
    int64_t site[LC_PANELS_MAX];
    int n = choose_sites(v, site, out, err);

    lc_table_begin(&out->table, columns);
    if (n == 0)
        return err->code;
    if (n == 1)
        lc_plot_begin(&out->script, 980, 560, 1, err);
    else
        lc_panels_begin(&out->script, n, err);
    if (n == 1)
        lc_bytes_printf(&out->script, err, "set key outside right top\nif (crowded) { set key below left Left reverse }\n");
    lc_plot_tokens_axis(&out->script, 'y', err);
    for (int i = 0; i < n && err->code == LC_OK; i++) {
        struct weighed *w = NULL;
        if (weigh(&v->site[site[i]], &w, err) == LC_OK)
            panel(&v->site[site[i]], w, n == 1, out, err);
        free(w);
    }
    if (n > 1)
        lc_panels_end(&out->script, err);
    lc_bytes_printf(&out->sentence, err,
                    "A line that levels off stops using what lies further back; one that follows the dashed bound uses "
                    "every token there is.");
    return err->code;
}

/* Where a site's curve saturates, as its result says. */
struct saturation {
    double share, length; /* NaN: not recorded, or never */
    int64_t features;     /* in the curve */
};

static void say_saturation(const struct lc_view_site *s, const struct saturation *x, double last, struct lc_bytes *out,
                           struct lc_err *err)
{
    const int64_t *length = s->length.data;

    if (isfinite(x->length))
        lc_bytes_printf(out, err,
                        "%s: mean entropy of the %" PRId64 " features with samples at every length reaches %.0f %% of its "
                        "value at %" PRId64 " tokens (%.3f bit) at %.0f tokens.\n",
                        s->name, x->features, 100 * x->share, length[s->length.count - 1], last, x->length);
}

/* The rows of one site: its curve, and beside it feature_mean. */
static void add_curve(const struct lc_view_site *s, struct lc_figure_out *out, struct lc_err *err)
{
    const struct lc_view_summary *m = s->point[LC_VIEW_FEATURE_MEAN];
    int64_t points = s->length.count;
    struct saturation x;
    double *curve = NULL;

    if (LC_ALLOC(&curve, points, "points of a sweep", err) != LC_OK)
        return;
    x.features = lc_sweep_curve(lc_view_i64(s, LC_VIEW_SWEEP_SAMPLES), lc_view_f64(s, LC_VIEW_SWEEP_MEAN),
                                lc_view_count(s, LC_VIEW_SWEEP_FEATURE), points, curve);
    x.share = lc_sweep_number(s, "saturation_share", err);
    x.length = lc_sweep_number(s, "saturation_length_site", err);
    for (int64_t k = 0; x.features > 0 && k < points; k++)
        lc_table_row(&out->table, err, "sirirrrirr", s->name, ((const int64_t *)s->length.data)[k], curve[k], x.features,
                     m[k].value, m[k].low, m[k].high, m[k].n, x.share, x.length);
    if (x.features > 0)
        say_saturation(s, &x, curve[points - 1], &out->sentence, err);
    else
        lc_bytes_printf(&out->sentence, err, "%s is not shown: no feature has samples at every length.\n", s->name);
    free(curve);
}

/* An open circle on the curve of rows [from, to). */
static void plot_saturation(const struct lc_table *t, int64_t from, int64_t to, int color, struct lc_bytes *script,
                            struct lc_err *err)
{
    double share = lc_table_number(t, to - 1, 8), length = lc_table_number(t, to - 1, 9);

    if (to > from && isfinite(share) && isfinite(length))
        lc_bytes_printf(script, err,
                        ", \\\n  '+' using (%.6g):(%.6g) every ::::0 with points pt 6 ps 1.8 lw 2 lc rgb '%s' notitle",
                        length, share * lc_table_number(t, to - 1, 2), lc_plot_color(color));
}

static void plot_curves(const struct lc_view *v, const int64_t *site, const int64_t *from, int n,
                        struct lc_figure_out *out, struct lc_err *err)
{
    const char *comma = "plot ";

    for (int i = 0; i < n; i++) {
        char block[16];
        snprintf(block, sizeof block, "S%d", i);
        if (from[i + 1] > from[i])
            lc_table_plot(&out->table, block, from[i], from[i + 1], &out->script, err);
    }
    for (int i = 0; i < n; i++) {
        if (from[i + 1] == from[i])
            continue;
        lc_bytes_printf(&out->script, err,
                        "%s$S%d using 2:6:7 with filledcurves fs transparent solid 0.15 noborder lc rgb '%s' notitle, \\\n"
                        "  $S%d using 2:5 with lines lw 0.8 dt 2 lc rgb '%s' notitle, \\\n"
                        "  $S%d using 2:3 with linespoints pt %d ps 0.6 lw 2.2 lc rgb '%s' title '%s'",
                        comma, i, lc_plot_color(i), i, lc_plot_color(i), i, 4 + i % MARKS, lc_plot_color(i),
                        v->site[site[i]].name);
        comma = ", \\\n  ";
    }
    for (int i = 0; i < n; i++)
        plot_saturation(&out->table, from[i], from[i + 1], i, &out->script, err);
    lc_bytes_printf(&out->script, err, "\n");
}

int lc_figure_saturation(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site",     "length",    "mean_bits",         "features",
                                          "feature_mean_bits",     "low_bits",          "high_bits",
                                          "active_features", "saturation_share", "saturation_length", NULL};
    int64_t site[LC_PANELS_MAX], from[LC_PANELS_MAX + 1] = {0};
    int n = choose_sites(v, site, out, err);

    lc_table_begin(&out->table, columns);
    for (int i = 0; i < n; i++) {
        add_curve(&v->site[site[i]], out, err);
        from[i + 1] = lc_table_rows(&out->table);
    }
    if (n > 0 && from[n] == 0)
        lc_figure_leave_out(out, "no feature of a given sweep has samples at every length");
    if (n == 0 || from[n] == 0)
        return err->code;
    lc_plot_begin(&out->script, 900, 520, 1, err);
    lc_bytes_printf(&out->script, err,
                    "set xlabel 'context length (tokens)'\nset ylabel 'mean entropy H (bit)'\nset yrange [0:*]\n"
                    "set key outside right top\nif (crowded) { set key below left Left reverse }\n");
    lc_plot_tokens_axis(&out->script, 'y', err);
    plot_curves(v, site, from, n, out, err);
    return err->code;
}

void lc_figure_saturation_verdict(const struct lc_view *v, struct lc_bytes *out, struct lc_err *err)
{
    const struct lc_view_site *least = NULL, *most = NULL;
    double low = INFINITY, high = 0;

    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        double at = s->part[LC_VIEW_SWEEP] ? lc_sweep_number(s, "saturation_length_site", err) : NAN;
        if (!isfinite(at))
            continue;
        least = at < low ? s : least;
        most = at >= high ? s : most;
        low = fmin(low, at);
        high = fmax(high, at);
    }
    if (!least)
        return;
    lc_bytes_printf(out, err,
                    "Mean entropy saturates with context: 95 %% of its value at %" PRId64
                    " tokens is reached with %.0f tokens at %s and %.0f at %s.\n",
                    ((const int64_t *)least->length.data)[least->length.count - 1], low, least->name, high, most->name);
}

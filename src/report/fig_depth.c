/* The headline: mean entropy at each site, under its three definitions, beside the token vectors. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"

static const char *const columns[] = {"index",     "site",    "definition", "entropy_bits",     "low_bits",
                                      "high_bits", "sd_bits", "n",          "effective_tokens", NULL};

enum { COLUMN_N = 7 }; /* counted from 0 */

/* Where the next site's mean lies below the one before: indices of the two sites, or 0. */
static int find_fall(const struct lc_view *v, enum lc_view_mean k, int64_t from, int64_t *a, int64_t *b)
{
    int64_t last = -1;

    for (int64_t i = from; i < v->n_sites; i++) {
        if (!v->site[i].mean[k].found)
            continue;
        if (last >= 0 && v->site[i].mean[k].value <= v->site[last].mean[k].value) {
            *a = last;
            *b = i;
            return 1;
        }
        last = i;
    }
    return 0;
}

static void say_fall(const struct lc_view *v, enum lc_view_mean k, int64_t a, int64_t b, struct lc_bytes *out,
                     struct lc_err *err)
{
    const struct lc_view_summary *x = &v->site[a].mean[k], *y = &v->site[b].mean[k];

    lc_bytes_printf(out, err, " %s (%.3f bit) is not above %s (%.3f bit)%s", v->site[b].name, y->value,
                    v->site[a].name, x->value, y->high >= x->low ? ", within their 95 % intervals" : "");
}

/* First and last site that have this mean; returns how many have it. */
static int64_t mean_ends(const struct lc_view *v, enum lc_view_mean k, int64_t *first, int64_t *last)
{
    int64_t sites = 0;

    for (int64_t i = 0; i < v->n_sites; i++) {
        if (!v->site[i].mean[k].found)
            continue;
        if (sites++ == 0)
            *first = i;
        *last = i;
    }
    return sites;
}

static void say_ends(const struct lc_view *v, enum lc_view_mean k, struct lc_bytes *out, struct lc_err *err)
{
    int64_t first = 0, last = 0;

    if (mean_ends(v, k, &first, &last) > 0)
        lc_bytes_printf(out, err, "%s %.3f bit at %s to %.3f bit at %s", lc_view_mean_names[k],
                        v->site[first].mean[k].value, v->site[first].name, v->site[last].mean[k].value,
                        v->site[last].name);
}

static void verdict_one(const struct lc_view *v, enum lc_view_mean k, struct lc_bytes *out,
                        struct lc_err *err)
{
    int64_t first = 0, last = 0, sites = mean_ends(v, k, &first, &last), a, b;

    if (sites == 0)
        return;
    if (sites == 1) {
        lc_bytes_printf(out, err, "%s: %.3f bit at %s; one site says nothing about depth.\n",
                        lc_view_mean_names[k], v->site[first].mean[k].value, v->site[first].name);
        return;
    }
    if (!find_fall(v, k, 0, &a, &b)) {
        lc_bytes_printf(out, err, "Mean entropy rises with depth at every step: ");
        say_ends(v, k, out, err);
        lc_bytes_printf(out, err, ".\n");
        return;
    }
    lc_bytes_printf(out, err,
                    "Mean entropy (%s) does not rise with depth at every step:", lc_view_mean_names[k]);
    for (int more = 0; find_fall(v, k, more ? b : 0, &a, &b); more = 1) {
        lc_bytes_printf(out, err, "%s", more ? ";" : "");
        say_fall(v, k, a, b, out, err);
    }
    lc_bytes_printf(out, err, ".\n");
}

/* All three definitions there, over several sites, and all rising? */
static int all_rise(const struct lc_view *v)
{
    int64_t a = 0, b = 0;

    for (int k = 0; k < LC_VIEW_MEANS; k++)
        if (mean_ends(v, (enum lc_view_mean)k, &a, &b) < 2 || find_fall(v, (enum lc_view_mean)k, 0, &a, &b))
            return 0;
    return 1;
}

/* The mean that the first result leads with comes first. */
static void order_means(const struct lc_view *v, enum lc_view_mean order[LC_VIEW_MEANS])
{
    static const enum lc_view_mean usual[] = {LC_VIEW_FEATURE_MEAN, LC_VIEW_WINDOW_MEAN, LC_VIEW_POOLED};
    struct lc_err ignored = LC_ERR_INIT;
    char *lead = NULL;
    int n = 0;

    for (int64_t i = 0; i < v->n_sites && !lead; i++)
        if (v->site[i].part[LC_VIEW_INFLUENCE])
            lc_result_get_text(v->site[i].part[LC_VIEW_INFLUENCE], NULL, NULL, "summary", &lead, &ignored);
    for (int k = 0; k < LC_VIEW_MEANS; k++)
        if (lead && strcmp(lead, lc_view_mean_names[usual[k]]) == 0)
            order[n++] = usual[k];
    for (int k = 0; k < LC_VIEW_MEANS; k++)
        if (n == 0 || usual[k] != order[0])
            order[n++] = usual[k];
    free(lead);
}

/* Sites at which mean k lies below the token vector, and above it with its whole interval; how many have both. */
static int64_t say_vector(const struct lc_view *v, enum lc_view_mean k, enum lc_view_id id, const char *name,
                       struct lc_bytes *out, struct lc_err *err)
{
    int64_t sites = 0, below = 0, above = 0;

    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        struct lc_view_stat y = lc_view_stat_f64(lc_view_f64(s, id), lc_view_count(s, id));
        if (y.n == 0 || !s->mean[k].found)
            continue;
        sites++;
        below += s->mean[k].value < y.mean;
        above += s->mean[k].low > y.mean;
    }
    if (sites == 0)
        return 0;
    lc_bytes_printf(out, err, "Features reach less far than the token vector (%s) at %" PRId64 " of %" PRId64 " sites by %s",
                    name, below, sites, lc_view_mean_names[k]);
    if (above > 0)
        lc_bytes_printf(out, err, "; at %" PRId64 " they reach further, with their whole interval", above);
    lc_bytes_printf(out, err, ".\n");
    return sites;
}

static void say_depth(const struct lc_view *v, const enum lc_view_mean *order, struct lc_bytes *out, struct lc_err *err)
{
    if (!all_rise(v)) {
        for (int k = 0; k < LC_VIEW_MEANS; k++)
            verdict_one(v, order[k], out, err);
        return;
    }
    lc_bytes_printf(out, err, "Mean entropy rises with depth at every step, under each definition: ");
    for (int k = 0; k < LC_VIEW_MEANS; k++) {
        say_ends(v, order[k], out, err);
        lc_bytes_printf(out, err, "%s", k < LC_VIEW_MEANS - 1 ? "; " : ".\n");
    }
}

void lc_figure_verdict(const struct lc_view *v, struct lc_bytes *out, struct lc_err *err)
{
    enum lc_view_mean order[LC_VIEW_MEANS];

    order_means(v, order);
    say_depth(v, order, out, err);
    if (say_vector(v, order[0], LC_VIEW_RESIDUAL_ENTROPY, "residual", out, err) == 0)
        say_vector(v, order[0], LC_VIEW_ESTIMATE_ENTROPY, "residual, estimated", out, err);
    say_vector(v, order[0], LC_VIEW_RECONSTRUCTION_ENTROPY, "reconstruction", out, err);
}

static int64_t add_means(const struct lc_view *v, enum lc_view_mean k, struct lc_table *t, struct lc_err *err)
{
    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_summary *m = &v->site[i].mean[k];
        if (m->found)
            lc_table_row(t, err, "issrrrrir", i, v->site[i].name, lc_view_mean_names[k], m->value, m->low,
                         m->high, m->sd, m->n, exp2(m->value));
    }
    return lc_table_rows(t);
}

static int64_t add_vector(const struct lc_view *v, enum lc_view_id id, const char *name, struct lc_table *t,
                          struct lc_err *err)
{
    for (int64_t i = 0; i < v->n_sites; i++) {
        struct lc_view_stat s =
            lc_view_stat_f64(lc_view_f64(&v->site[i], id), lc_view_count(&v->site[i], id));
        if (s.n > 0)
            lc_table_row(t, err, "issrrrrir", i, v->site[i].name, name, s.mean, (double)NAN, (double)NAN,
                         s.sd, s.n, exp2(s.mean));
    }
    return lc_table_rows(t);
}

/* The series, in the order of the key. */
static const struct series {
    const char *name, *label, *style, *of; /* of: what N counts */
    int mean;                              /* enum lc_view_mean, or -1: the token vector of `vector` */
    enum lc_view_id vector;
} series[] = {
    {"feature_mean", "feature_mean", "pt 7 ps 0.9 lw 2.5 lc rgb '" LC_BLUE "'", "features",
     LC_VIEW_FEATURE_MEAN, 0},
    {"window_mean", "window_mean", "pt 5 ps 0.8 lw 1.5 lc rgb '" LC_GREEN "'", "windows", LC_VIEW_WINDOW_MEAN,
     0},
    {"pooled", "pooled", "pt 9 ps 0.9 lw 1.5 lc rgb '" LC_ORANGE "'", "samples", LC_VIEW_POOLED, 0},
    {"token_vector_residual", "token vector, residual", "pt 13 ps 0.9 lw 1.5 dt 2 lc rgb '" LC_RED "'",
     "readouts", -1, LC_VIEW_RESIDUAL_ENTROPY},
    {"token_vector_reconstruction", "token vector, reconstruction",
     "pt 12 ps 0.9 lw 1.5 dt 3 lc rgb '" LC_PURPLE "'", "readouts", -1, LC_VIEW_RECONSTRUCTION_ENTROPY},
    {"token_vector_residual_estimate", "token vector, estimated",
     "pt 2 ps 0.9 lw 1.5 dt 4 lc rgb '" LC_RED "'", "readouts", -1, LC_VIEW_ESTIMATE_ENTROPY},
};
enum { SERIES = sizeof series / sizeof series[0] };

/* "name, N = 195-215 features": from the column n of rows [from, to). */
static void series_title(const struct series *s, const struct lc_table *t, int64_t from, int64_t to,
                         struct lc_bytes *script, struct lc_err *err)
{
    double low = INFINITY, high = 0;

    for (int64_t r = from; r < to; r++) {
        low = fmin(low, lc_table_number(t, r, COLUMN_N));
        high = fmax(high, lc_table_number(t, r, COLUMN_N));
    }
    lc_bytes_printf(script, err, " title '%s, N = %.0f", s->label, low);
    if (high > low)
        lc_bytes_printf(script, err, "-%.0f", high);
    lc_bytes_printf(script, err, " %s'", s->of);
}

/* Two columns below the figure, as high as they need to be. */
static void place_key(const int64_t *end, int64_t length, struct lc_bytes *script, struct lc_err *err)
{
    int entries = length > 1, rows;

    for (int k = 0; k < SERIES; k++)
        entries += end[k] > (k > 0 ? end[k - 1] : 0);
    rows = entries > 6 ? (entries + 1) / 2 : 3;
    lc_bytes_printf(script, err,
                    "set bmargin %d\nset key at screen 0.06,%g left top vertical maxrows %d width -12\n"
                    "if (crowded) { unset bmargin; set key below left Left reverse width 0 maxrows auto }\n",
                    6 + rows, 0.15 + 0.045 * (rows - 3), rows);
}

static void depth_script(const struct lc_view *v, const struct lc_table *t, const int64_t *end,
                         struct lc_bytes *script, struct lc_err *err)
{
    int64_t length = lc_figure_window_length(v), from = 0;
    const char *comma = "plot ";

    lc_plot_begin(script, 860, 560, 1, err);
    lc_site_axis(script, v, err);
    lc_bytes_printf(script, err, "set yrange [0:*]\nset ylabel 'mean entropy H (bit)'\n");
    place_key(end, length, script, err);
    lc_plot_tokens_axis(script, 'y', err);
    for (int k = 0; k < SERIES; from = end[k++])
        lc_table_plot(t, series[k].name, from, end[k], script, err);
    from = 0;
    for (int k = 0; k < SERIES; from = end[k++]) {
        double shift = 0.05 * (k - 1);
        if (end[k] == from)
            continue;
        lc_bytes_printf(script, err, "%s$%s using ($1+%g):4 with linespoints %s", comma, series[k].name,
                        shift, series[k].style);
        series_title(&series[k], t, from, end[k], script, err);
        comma = ", \\\n  ";
        if (series[k].mean >= 0)
            lc_bytes_printf(script, err, "%s$%s using ($1+%g):4:5:6 with yerrorbars %s notitle", comma,
                            series[k].name, shift, series[k].style);
    }
    if (length > 1)
        lc_bytes_printf(script, err,
                        "%s%.6g with lines dt 4 lc rgb '" LC_GREY "' title 'log2 of %" PRId64
                        " tokens: the most'",
                        comma, log2((double)length), length);
    lc_bytes_printf(script, err, "\n");
}

int lc_figure_depth(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    int64_t end[SERIES];

    lc_table_begin(&out->table, columns);
    for (int k = 0; k < SERIES; k++)
        end[k] = series[k].mean >= 0 ? add_means(v, (enum lc_view_mean)series[k].mean, &out->table, err)
                                     : add_vector(v, series[k].vector, series[k].name, &out->table, err);
    if (end[SERIES - 1] == 0) {
        lc_figure_leave_out(out, "no given result holds influence with mean entropies");
        return err->code;
    }
    depth_script(v, &out->table, end, &out->script, err);
    lc_bytes_printf(&out->sentence, err,
                    "Higher means that features draw on more tokens; bars that do not overlap are "
                    "differences that other windows "
                    "would show too.\n");
    lc_figure_verdict(v, &out->sentence, err);
    return err->code;
}

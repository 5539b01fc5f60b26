/* Figures of the sparsity job. */
#include <inttypes.h>
#include <math.h>

#include "figures.h"

enum { UNIQUE_BINS = 49, DENSITY_BINS = 50 };

static int has_unique(const struct lc_view_site *s)
{
    return lc_view_count(s, LC_VIEW_UNIQUE) > 0;
}

static int has_frequency(const struct lc_view_site *s)
{
    return lc_view_count(s, LC_VIEW_FREQUENCY) > 0;
}

static int64_t add_bins(struct lc_table *t, const char *site, const struct lc_bins *b, struct lc_err *err)
{
    for (int k = 0; k < b->n; k++)
        lc_table_row(t, err, "sirri", site, (int64_t)k, b->edge[k], b->edge[k + 1], b->count[k]);
    return lc_table_rows(t) - b->n;
}

static void unique_panel(const struct lc_view_site *s, struct lc_figure_out *out, int64_t *most,
                         struct lc_err *err)
{
    const int64_t *unique = lc_view_i64(s, LC_VIEW_UNIQUE);
    int64_t n = lc_view_count(s, LC_VIEW_UNIQUE), live = 0, maximum = 1, from;
    struct lc_bins b;

    for (int64_t i = 0; i < n; i++) {
        live += unique[i] > 0;
        maximum = unique[i] > maximum ? unique[i] : maximum;
    }
    lc_bins_init(&b, UNIQUE_BINS, 1, (double)maximum, 1);
    for (int64_t i = 0; i < n; i++)
        lc_bins_add(&b, (double)unique[i]);
    from = add_bins(&out->table, s->name, &b, err);
    *most = maximum > *most ? maximum : *most;
    lc_bytes_printf(&out->script, err,
                    "set title \"%s\\nN = %" PRId64 " live of %" PRId64 "\"\nset xlabel 'unique tokens u_i'\n"
                    "set ylabel 'live features'\nset logscale xy\nset xrange [1:%g]\nset yrange [0.7:*]\nset "
                    "format '%%g'\n",
                    s->name, live, n, b.edge[b.n]);
    lc_plot_boxes(&out->script, &out->table, from, from + b.n, 3, 0.7, LC_BLUE, err);
}

int lc_figure_unique_tokens(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site",     "bin", "unique_tokens_low", "unique_tokens_high",
                                          "features", NULL};
    int64_t site[LC_PANELS_MAX], most = 0;
    int panels = lc_panels_choose(v, has_unique, site, &out->sentence, err);

    lc_table_begin(&out->table, columns);
    if (panels == 0) {
        lc_figure_leave_out(out, "no given result holds sparsity");
        return err->code;
    }
    lc_panels_begin(&out->script, panels, err);
    for (int i = 0; i < panels; i++)
        unique_panel(&v->site[site[i]], out, &most, err);
    lc_panels_end(&out->script, err);
    lc_bytes_printf(
        &out->sentence, err,
        "How many different tokens a live feature answers to: bars at the left are features of one "
        "token or few, the tail reaches %" PRId64 " tokens.",
        most);
    return err->code;
}

static double lowest_density(const struct lc_view *v)
{
    double low = 0;

    for (int64_t i = 0; i < v->n_sites; i++) {
        const double *p = lc_view_f64(&v->site[i], LC_VIEW_FREQUENCY);
        for (int64_t k = 0; k < lc_view_count(&v->site[i], LC_VIEW_FREQUENCY); k++)
            if (p[k] > 0 && log10(p[k]) < low)
                low = log10(p[k]);
    }
    return low < -1 ? floor(low) : -1;
}

static void density_panel(const struct lc_view_site *s, double low, struct lc_figure_out *out,
                          struct lc_err *err)
{
    const double *p = lc_view_f64(s, LC_VIEW_FREQUENCY);
    int64_t n = lc_view_count(s, LC_VIEW_FREQUENCY), dead = 0, from;
    double active = 0;
    struct lc_bins b;

    lc_bins_init(&b, DENSITY_BINS, low, 0, 0);
    for (int64_t i = 0; i < n; i++) {
        dead += !(p[i] > 0);
        active += p[i] > 0 ? p[i] : 0;
        if (p[i] > 0)
            lc_bins_add(&b, log10(p[i]));
    }
    from = add_bins(&out->table, s->name, &b, err);
    lc_bytes_printf(&out->script, err,
                    "set title \"%s\\nN = %" PRId64 " live, L0 = %.1f\"\nset xlabel 'log10 of probability p_i'\n"
                    "set ylabel 'features'\nset xrange [%g:0]\nset yrange [0:*]\n",
                    s->name, n - dead, active, low);
    lc_plot_boxes(&out->script, &out->table, from, from + b.n, 3, 0, LC_GREEN, err);
}

int lc_figure_density(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site",     "bin", "log10_frequency_low", "log10_frequency_high",
                                          "features", NULL};
    int64_t site[LC_PANELS_MAX];
    int panels = lc_panels_choose(v, has_frequency, site, &out->sentence, err);
    double low = lowest_density(v);

    lc_table_begin(&out->table, columns);
    if (panels == 0) {
        lc_figure_leave_out(out, "no given result holds sparsity");
        return err->code;
    }
    lc_bytes_printf(&out->sentence, err,
                    "How often features are active: rare ones at the left, dense ones at the right.");
    lc_panels_begin(&out->script, panels, err);
    for (int i = 0; i < panels; i++)
        density_panel(&v->site[site[i]], low, out, err);
    lc_panels_end(&out->script, err);
    return err->code;
}

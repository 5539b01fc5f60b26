/* The distribution of correlations over all pairs, of matrices that need not fit into memory. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "figures.h"

enum { BINS = 60, CHUNK = 1 << 20 }; /* CHUNK: numbers read at once */

/* In order of preference. */
static const struct measure {
    const char *dataset, *name, *label;
} measures[] = {
    {"sites/SITE/correlation/pearson", "pearson", "Pearson r"},
    {"sites/SITE/correlation/conditional", "conditional", "conditional covariance"},
    {"sites/SITE/correlation/coactivation", "coactivation", "coactivation covariance"},
};

static const struct measure *measure_of(const struct lc_view_site *s)
{
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++)
        if (s->part[LC_VIEW_CORRELATION] && lc_result_has(s->part[LC_VIEW_CORRELATION], measures[i].dataset, s->name))
            return &measures[i];
    return NULL;
}

static int has_pairs(const struct lc_view_site *s)
{
    return lc_view_count(s, LC_VIEW_LEADING) > 1 && measure_of(s);
}

/* What two passes over the matrix find. */
struct pairs {
    int64_t n; /* finite */
    double sum, low, high, square;
    struct lc_bins bins;
};

static void see_ends(struct pairs *p, double x)
{
    p->n++;
    p->sum += x;
    p->low = fmin(p->low, x);
    p->high = fmax(p->high, x);
}

static void see_spread(struct pairs *p, double x)
{
    double d = x - p->sum / (double)p->n;

    p->square += d * d;
    lc_bins_add(&p->bins, x);
}

/* Call `see` on every finite entry right of the diagonal. */
static int pass(const struct lc_view_site *s, void (*see)(struct pairs *p, double x), struct pairs *p,
                struct lc_err *err)
{
    int64_t m = lc_view_count(s, LC_VIEW_LEADING), step = CHUNK / m > 0 ? CHUNK / m : 1;

    for (int64_t first = 0; first < m; first += step) {
        int64_t count = m - first < step ? m - first : step;
        struct lc_array rows;
        if (lc_view_matrix_rows(s, measure_of(s)->dataset, first, count, &rows, err) != LC_OK)
            return err->code;
        for (int64_t i = 0; i < count; i++) {
            const double *row = (const double *)rows.data + i * m;
            for (int64_t j = first + i + 1; j < m; j++)
                if (isfinite(row[j]))
                    see(p, row[j]);
        }
        lc_array_release(&rows);
    }
    return LC_OK;
}

static int pairs_read(struct pairs *p, const struct lc_view_site *s, struct lc_err *err)
{
    int rc;

    *p = (struct pairs){.low = INFINITY, .high = -INFINITY};
    LC_TRY(rc, pass(s, see_ends, p, err));
    if (p->n == 0)
        p->low = p->high = 0;
    lc_bins_init(&p->bins, BINS, p->low, p->high, 0);
    if (p->n > 0)
        rc = pass(s, see_spread, p, err);
done:
    return rc;
}

static int pairs_panel(const struct lc_view_site *s, struct lc_figure_out *out, struct lc_err *err)
{
    int64_t from = lc_table_rows(&out->table);
    const struct measure *m = measure_of(s);
    struct pairs p;
    double mean, sd;

    if (pairs_read(&p, s, err) != LC_OK)
        return err->code;
    mean = p.n ? p.sum / (double)p.n : NAN;
    sd = p.n ? sqrt(p.square / (double)p.n) : NAN;
    for (int k = 0; k < p.bins.n; k++)
        lc_table_row(&out->table, err, "ssirri", s->name, m->name, (int64_t)k, p.bins.edge[k], p.bins.edge[k + 1],
                     p.bins.count[k]);
    lc_table_row(&out->second, err, "ssirrrr", s->name, m->name, p.n, mean, sd, p.low, p.high);
    lc_bytes_printf(
        &out->script, err,
        "set title \"%s\\nN = %" PRId64 " pairs\"\n"
        "set label 1 \"mean %.2g\\nsd %.2g\" at graph 0.97, graph 0.9 right front\nset xlabel '%s'\n"
        "set ylabel 'pairs'\nset logscale y\nset yrange [0.7:*]\nset xrange [%.6g:%.6g]\n"
        "set xtics %.6g\nset arrow 1 from %.6g, graph 0 to %.6g, graph 1 nohead front dt 2 lw 2 lc rgb '" LC_RED "'\n",
        s->name, p.n, mean, sd, m->label, p.bins.edge[0], p.bins.edge[BINS],
        lc_plot_step((p.bins.edge[BINS] - p.bins.edge[0]) / 3.5), p.n ? mean : 0, p.n ? mean : 0);
    lc_plot_boxes(&out->script, &out->table, from, from + BINS, 4, 0.7, LC_BLUE, err);
    return err->code;
}

/* Read off the table of moments: the greatest and the least of all. */
static void say_tails(const struct lc_table *t, struct lc_bytes *sentence, struct lc_err *err)
{
    double low = INFINITY, high = -INFINITY;

    for (int64_t i = 0; i < lc_table_rows(t); i++) {
        low = fmin(low, lc_table_number(t, i, 5));
        high = fmax(high, lc_table_number(t, i, 6));
    }
    lc_bytes_printf(sentence, err,
                    "Most pairs of features are near independence, at 0; the tail at the right (to %.3g) are features "
                    "that go together, that at the left (to %.3g) features that avoid each other.",
                    high, low);
}

int lc_figure_correlation_distribution(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site", "measure", "bin", "low", "high", "pairs", NULL};
    static const char *const moments[] = {"site", "measure", "pairs", "mean", "sd", "least", "greatest", NULL};
    int64_t site[LC_PANELS_MAX];
    int panels = lc_panels_choose(v, has_pairs, site, &out->sentence, err);

    lc_table_begin(&out->table, columns);
    lc_table_begin(&out->second, moments);
    if (panels == 0) {
        lc_figure_leave_out(out, "no given result holds correlations of at least two features");
        return err->code;
    }
    lc_panels_begin(&out->script, panels, err);
    for (int i = 0; i < panels && err->code == LC_OK; i++)
        pairs_panel(&v->site[site[i]], out, err);
    lc_panels_end(&out->script, err);
    say_tails(&out->second, &out->sentence, err);
    return err->code;
}

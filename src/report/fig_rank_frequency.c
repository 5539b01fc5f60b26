/* How activation probability falls with rank, and the power law fitted to it. */
#include "lightcone/rank_frequency.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "figures.h"

enum { RANK = 1, FREQUENCY = 3 }; /* columns of the table, from 0 */

static int has_frequency(const struct lc_view_site *s)
{
    return lc_view_count(s, LC_VIEW_FREQUENCY) > 0;
}

struct ranked {
    double p;
    int64_t feature;
};

static int by_frequency(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->p != y->p)
        return x->p < y->p ? 1 : -1;
    return (x->feature > y->feature) - (x->feature < y->feature);
}

static int add_ranks(const struct lc_view_site *s, const struct lc_rank_fit *fit, struct lc_table *t,
                     struct lc_err *err)
{
    const double *p = lc_view_f64(s, LC_VIEW_FREQUENCY);
    int64_t n = lc_view_count(s, LC_VIEW_FREQUENCY), live = 0;
    struct ranked *order = NULL;

    if (LC_ALLOC(&order, n, "features by frequency", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < n; i++)
        if (p[i] > 0)
            order[live++] = (struct ranked){p[i], i};
    qsort(order, (size_t)live, sizeof *order, by_frequency);
    for (int64_t k = 0; k < live; k++)
        lc_table_row(t, err, "siirr", s->name, k + 1, order[k].feature, order[k].p,
                     pow(10, fit->intercept + fit->slope * log10((double)(k + 1))));
    free(order);
    return err->code;
}

static void rank_script(const struct lc_view_site *s, const struct lc_rank_fit *fit, const struct lc_table *t,
                        int64_t from, struct lc_bytes *script, struct lc_err *err)
{
    int64_t n = lc_table_rows(t) - from;
    struct lc_axis x = {1, n > 1 ? (double)n : 2, 1}, y = {1e-9, 1, 1};

    lc_plot_dots(script, t, from, RANK, &x, FREQUENCY, &y, err);
    lc_bytes_printf(script, err,
                    "set title \"%s\\nN = %" PRId64 " live features\"\n"
                    "set label 1 \"slope %.3f\\nintercept %.3f\\nR2 = %.3f\" at graph 0.05, graph 0.36 left\n"
                    "set xlabel 'rank'\nset ylabel 'probability p_i'\nset logscale xy\n"
                    "set format x '%%g'\nset format y '%%.0e'\nset xrange [1:%.6g]\nset yrange [*:1]\n",
                    s->name, n, fit->slope, fit->intercept, fit->r2, x.high);
    lc_bytes_printf(script, err, "%s",
                    n ? "plot $D using 1:2 with points pt 7 ps 0.35 lc rgb '" LC_BLUE "' notitle"
                      : "set multiplot next");
    if (n && isfinite(fit->slope))
        lc_bytes_printf(script, err,
                        ", \\\n  10**(%.9g + %.9g*log10(x)) with lines lw 2 dt 2 lc rgb '" LC_RED "' notitle",
                        fit->intercept, fit->slope);
    lc_bytes_printf(script, err, "\n");
}

static int rank_panel(const struct lc_view_site *s, struct lc_figure_out *out, struct lc_err *err)
{
    int64_t n = lc_view_count(s, LC_VIEW_FREQUENCY), from = lc_table_rows(&out->table);
    struct lc_rank_fit fit;
    double *sorted = NULL;

    if (LC_ALLOC(&sorted, n, "frequencies", err) != LC_OK)
        return err->code;
    lc_rank_frequency(lc_view_f64(s, LC_VIEW_FREQUENCY), n, sorted, &fit);
    free(sorted);
    if (add_ranks(s, &fit, &out->table, err) == LC_OK)
        rank_script(s, &fit, &out->table, from, &out->script, err);
    lc_table_row(&out->second, err, "sirrr", s->name, fit.n, fit.slope, fit.intercept, fit.r2);
    return err->code;
}

/* The worst of the fits, which says whether a power law describes them. */
static void say_fit(const struct lc_table *fits, struct lc_bytes *sentence, struct lc_err *err)
{
    double least = INFINITY, steep = INFINITY, flat = -INFINITY;

    for (int64_t i = 0; i < lc_table_rows(fits); i++) {
        steep = fmin(steep, lc_table_number(fits, i, 2));
        flat = fmax(flat, lc_table_number(fits, i, 2));
        least = fmin(least, lc_table_number(fits, i, 4));
    }
    lc_bytes_printf(
        sentence, err,
        "A power law would be a straight line: slopes from %.2f to %.2f, R2 at least %.3f; where the dots bend "
        "below the line, rare features are rarer than it says.",
        steep, flat, least);
}

int lc_figure_rank_frequency(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site", "rank", "feature", "frequency", "fit", NULL};
    static const char *const fits[] = {"site", "live", "slope", "intercept", "r2", NULL};
    int64_t site[LC_PANELS_MAX];
    int panels = lc_panels_choose(v, has_frequency, site, &out->sentence, err);

    lc_table_begin(&out->table, columns);
    lc_table_begin(&out->second, fits);
    if (panels == 0) {
        lc_figure_leave_out(out, "no given result holds sparsity");
        return err->code;
    }
    lc_panels_begin(&out->script, panels, err);
    for (int i = 0; i < panels && err->code == LC_OK; i++)
        rank_panel(&v->site[site[i]], out, err);
    lc_panels_end(&out->script, err);
    say_fit(&out->second, &out->sentence, err);
    return err->code;
}

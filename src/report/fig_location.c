/* Where features are active: mean position against its standard deviation, in the corpus and in the window. */
#include <inttypes.h>
#include <math.h>

#include "figures.h"

enum { SITES = LC_PANELS_MAX / 2 };

/* The two places a feature has, each a row of panels. Columns of the table, from 0. */
static const struct place {
    const char *name, *unit;
    enum lc_view_id mean, sd;
    int column;
} places[] = {
    {"corpus", "token of the corpus", LC_VIEW_CORPUS_MEAN, LC_VIEW_CORPUS_SD, 3},
    {"window", "position in the window", LC_VIEW_POSITION_MEAN, LC_VIEW_POSITION_SD, 5},
};
enum { PLACES = sizeof places / sizeof places[0] };

static int has_location(const struct lc_view_site *s)
{
    return lc_view_count(s, LC_VIEW_CORPUS_MEAN) > 0 || lc_view_count(s, LC_VIEW_POSITION_MEAN) > 0;
}

/* Positions behind the moments: all, or those that a published file kept. */
static int64_t positions_of(const struct lc_view_site *s, int64_t feature)
{
    const int64_t *n = lc_view_i64(s, LC_VIEW_RECORDS);

    n = n ? n : lc_view_i64(s, LC_VIEW_COUNT);
    return n ? n[feature] : 0;
}

static double moment(const struct lc_view_site *s, enum lc_view_id id, int64_t feature)
{
    return lc_view_count(s, id) > 0 ? lc_view_f64(s, id)[feature] : NAN;
}

/* Columns: site, feature, positions, then mean and sd of each place. */
static void add_features(const struct lc_view_site *s, struct lc_table *t, struct lc_err *err)
{
    int64_t n = lc_view_count(s, LC_VIEW_COUNT);

    for (int64_t i = 0; i < n; i++)
        if (positions_of(s, i) > 0)
            lc_table_row(t, err, "siirrrr", s->name, i, positions_of(s, i), moment(s, LC_VIEW_CORPUS_MEAN, i),
                         moment(s, LC_VIEW_CORPUS_SD, i), moment(s, LC_VIEW_POSITION_MEAN, i),
                         moment(s, LC_VIEW_POSITION_SD, i));
}

/* Tokens that a place has: of the corpus, or of a window. 0 when not recorded. */
static int64_t tokens_of(const struct lc_view_site *s, const struct place *p, struct lc_err *err)
{
    int64_t n = 0;
    int found;

    if (p->mean == LC_VIEW_CORPUS_MEAN)
        lc_result_get_int(s->part[LC_VIEW_SPARSITY], "sites/SITE/sparsity", s->name, "n_tokens", &n, &found, err);
    else
        lc_result_get_int(s->part[LC_VIEW_SPARSITY], NULL, NULL, "window_length", &n, &found, err);
    return n > 0 ? n : 0;
}

/* Ends that hold every dot and the cross. */
static void find_axes(const struct lc_table *t, int64_t from, const struct place *p, int64_t n, struct lc_axis *x,
                      struct lc_axis *y)
{
    *x = (struct lc_axis){0, n > 1 ? (double)(n - 1) : 1, 0};
    *y = (struct lc_axis){0, n > 1 ? (double)n * 0.32 : 1, 0};
    for (int64_t i = from; i < lc_table_rows(t); i++) {
        double mean = lc_table_number(t, i, p->column), sd = lc_table_number(t, i, p->column + 1);
        x->high = isfinite(mean) ? fmax(x->high, mean) : x->high;
        y->high = isfinite(sd) ? fmax(y->high, 1.05 * sd) : y->high;
    }
}

/* Features of one site with a mean position in this place. */
static int64_t count_dots(const struct lc_table *t, int64_t from, int64_t to, const struct place *p)
{
    int64_t n = 0;

    for (int64_t i = from; i < to; i++)
        n += isfinite(lc_table_number(t, i, p->column));
    return n;
}

static void location_panel(const struct lc_view_site *s, const struct place *p, struct lc_bytes *script,
                           struct lc_err *err)
{
    static const char *const columns[] = {"site", "feature", "positions", "a", "b", "c", "d", NULL};
    double n = (double)tokens_of(s, p, err);
    struct lc_table own;
    struct lc_axis x, y;

    lc_table_begin(&own, columns);
    add_features(s, &own, err);
    find_axes(&own, 0, p, (int64_t)n, &x, &y);
    lc_plot_dots(script, &own, 0, p->column, &x, p->column + 1, &y, err);
    lc_bytes_printf(script, err,
                    "set title \"%s, %s\\nN = %" PRId64 " live features\"\nset xlabel 'mean (%s)'\n"
                    "set ylabel 'sd (tokens)'\nset xrange [0:%.6g]\nset yrange [0:%.6g]\n"
                    "set xtics %.6g\nset ytics autofreq\n",
                    s->name, p->name, count_dots(&own, 0, lc_table_rows(&own), p), p->unit, x.high, y.high,
                    lc_plot_step(x.high / 3));
    lc_bytes_printf(script, err, "plot $D using 1:2 with points pt 7 ps 0.3 lc rgb '" LC_BLUE "' notitle");
    if (n > 1)
        lc_bytes_printf(script, err,
                        ", \\\n  '+' using (%.6g):(%.6g) every ::::0 with points pt 1 ps 2.2 lw 3 lc rgb '" LC_RED
                        "' notitle",
                        (n - 1) / 2, sqrt((n * n - 1) / 12));
    lc_bytes_printf(script, err, "\n");
    lc_table_release(&own);
}

/* How many live features are spread less than half as widely over the corpus as an even spread would be. */
static void say_location(const struct lc_view *v, struct lc_bytes *sentence, struct lc_err *err)
{
    int64_t narrow = 0, all = 0;

    for (int64_t k = 0; k < v->n_sites; k++) {
        const struct lc_view_site *s = &v->site[k];
        double n = s->part[LC_VIEW_SPARSITY] ? (double)tokens_of(s, &places[0], err) : 0, even = sqrt((n * n - 1) / 12);
        for (int64_t i = 0; n > 1 && i < lc_view_count(s, LC_VIEW_CORPUS_SD); i++) {
            if (positions_of(s, i) < 2)
                continue;
            all++;
            narrow += moment(s, LC_VIEW_CORPUS_SD, i) < even / 2;
        }
    }
    lc_bytes_printf(sentence, err,
                    "Features near the cross are active all over the text, those below it in one part only: %" PRId64
                    " of %" PRId64
                    " that are active more than once have less than half the standard deviation of an even "
                    "spread over the corpus.",
                    narrow, all);
}

int lc_figure_location(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site",      "feature",     "positions", "corpus_mean",
                                          "corpus_sd", "window_mean", "window_sd", NULL};
    int64_t site[SITES];
    int panels = lc_panels_choose_most(v, has_location, SITES, site, &out->sentence, err);

    lc_table_begin(&out->table, columns);
    if (panels == 0) {
        lc_figure_leave_out(out, "no given result holds positions of features");
        return err->code;
    }
    lc_panels_begin(&out->script, panels * PLACES, err);
    for (int p = 0; p < PLACES; p++)
        for (int i = 0; i < panels; i++)
            location_panel(&v->site[site[i]], &places[p], &out->script, err);
    lc_panels_end(&out->script, err);
    for (int i = 0; i < panels; i++)
        add_features(&v->site[site[i]], &out->table, err);
    say_location(v, &out->sentence, err);
    return err->code;
}

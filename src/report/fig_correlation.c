/* Figure 2: the covariance of the first leading features as a map. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "lightcone/order.h"

enum { SHOWN = 100, PERCENTILE = 99 };

/* The published scripts compute the first, the paper's text defines the second. */
static const struct measure {
    const char *dataset, *name;
} measures[] = {
    {"sites/SITE/correlation/conditional", "conditional"},
    {"sites/SITE/correlation/coactivation", "coactivation"},
};

/* A result that holds both says which one it was made for. */
static int is_second_wanted(const struct lc_result *r, const char *site)
{
    struct lc_err ignored = LC_ERR_INIT;
    char *wanted = NULL;
    int second = lc_result_get_text(r, "sites/SITE/correlation", site, "definition", &wanted, &ignored) == LC_OK &&
                 wanted && strcmp(wanted, measures[1].name) == 0;

    free(wanted);
    return second;
}

static const struct measure *measure_of(const struct lc_view_site *s)
{
    const struct lc_result *r = s->part[LC_VIEW_CORRELATION];
    int first = r ? is_second_wanted(r, s->name) : 0;

    for (int i = 0; r && i < 2; i++)
        if (lc_result_has(r, measures[(first + i) % 2].dataset, s->name))
            return &measures[(first + i) % 2];
    return NULL;
}

static int has_map(const struct lc_view_site *s)
{
    return lc_view_count(s, LC_VIEW_LEADING) > 0 && measure_of(s);
}

/* The corner of the matrix that is shown. */
struct map {
    const struct measure *measure;
    const int32_t *feature;
    double *c; /* [k,k], owned */
    int64_t k;
    double limit; /* of the colours */
};

static int find_limit(struct map *m, struct lc_err *err)
{
    double *size = NULL;
    int64_t n = 0;
    int rc;

    LC_TRY(rc, LC_ALLOC(&size, m->k * m->k, "a map of covariance", err));
    for (int64_t i = 0; i < m->k * m->k; i++)
        if (isfinite(m->c[i]))
            size[n++] = fabs(m->c[i]);
    lc_sort_f64(size, n);
    m->limit = n ? lc_percentile(size, n, PERCENTILE) : 0;
    if (!(m->limit > 0)) /* nearly all are 0: the greatest, or anything */
        m->limit = n && size[n - 1] > 0 ? size[n - 1] : 1;
done:
    free(size);
    return rc;
}

static int map_open(struct map *m, const struct lc_view_site *s, struct lc_err *err)
{
    int64_t all = lc_view_count(s, LC_VIEW_LEADING);
    struct lc_array rows = {0};
    int rc;

    *m = (struct map){.measure = measure_of(s), .feature = lc_view_i32(s, LC_VIEW_LEADING)};
    m->k = all < SHOWN ? all : SHOWN;
    LC_TRY(rc, lc_view_matrix_rows(s, m->measure->dataset, 0, m->k, &rows, err));
    LC_TRY(rc, LC_ALLOC(&m->c, m->k * m->k, "a map of covariance", err));
    for (int64_t i = 0; i < m->k * m->k; i++)
        m->c[i] = ((const double *)rows.data)[i / m->k * all + i % m->k];
    rc = find_limit(m, err);
done:
    lc_array_release(&rows);
    if (rc != LC_OK)
        free(m->c);
    return rc;
}

/* The pair off the diagonal with the greatest |C| of all sites. */
struct strongest {
    const char *site, *measure;
    int32_t a, b;
    double c;
};

static void add_pairs(const struct lc_view_site *s, const struct map *m, struct strongest *top, struct lc_table *t,
                      struct lc_err *err)
{
    for (int64_t i = 0; i < m->k; i++)
        for (int64_t j = i; j < m->k; j++) {
            double c = m->c[i * m->k + j];
            lc_table_row(t, err, "ssiir", s->name, m->measure->name, (int64_t)m->feature[i], (int64_t)m->feature[j], c);
            if (j > i && fabs(c) > fabs(top->c))
                *top = (struct strongest){s->name, m->measure->name, m->feature[i], m->feature[j], c};
        }
}

/* Numbers are drawn as multiples of a power of ten: the labels of the colour bar stay short. */
static void map_script(const struct lc_view_site *s, const struct map *m, struct lc_bytes *script, struct lc_err *err)
{
    int power = (int)fmax(floor(log10(m->limit)), -300);
    double unit = pow(10, power), limit = m->limit / unit, step = m->k > 5 ? lc_plot_step((double)m->k / 5) : 1;
    int64_t all = lc_view_count(s, LC_VIEW_LEADING);

    lc_bytes_printf(script, err, "$H << EOD\n");
    for (int64_t i = 0; i < m->k * m->k; i++) {
        double c = m->c[i] / unit;
        if (isfinite(c))
            lc_bytes_printf(script, err, "%.4g%s", c, (i + 1) % m->k ? " " : "\n");
        else
            lc_bytes_printf(script, err, "NaN%s", (i + 1) % m->k ? " " : "\n");
    }
    lc_bytes_printf(script, err,
                    "EOD\nset title \"%s\\n%s, N = %" PRId64
                    "\"\nset xlabel 'leading feature%s'\nset cblabel 'covariance C (1e%d)'\n"
                    "set xrange [-0.5:%" PRId64 ".5]\nset yrange [%" PRId64 ".5:-0.5]\nset cbrange [%.6g:%.6g]\n"
                    "set xtics crowded ? %.6g : %.6g\nset ytics crowded ? %.6g : %.6g\nplot $H matrix using 1:2:3 with "
                    "image notitle\n",
                    s->name, m->measure->name, all, m->k < all ? ", first 100" : "", power, m->k - 1, m->k - 1, -limit,
                    limit, 2 * step, step, 2 * step, step);
}

static int map_panel(const struct lc_view_site *s, struct strongest *top, struct lc_figure_out *out, struct lc_err *err)
{
    struct map m;

    if (map_open(&m, s, err) != LC_OK)
        return err->code;
    add_pairs(s, &m, top, &out->table, err);
    map_script(s, &m, &out->script, err);
    lc_table_row(&out->second, err, "ssiir", s->name, m.measure->name, lc_view_count(s, LC_VIEW_LEADING), m.k, m.limit);
    free(m.c);
    return err->code;
}

static void say_strongest(const struct strongest *top, struct lc_bytes *sentence, struct lc_err *err)
{
    lc_bytes_printf(sentence, err,
                    "Red pairs come together more often than independent features would, blue ones less often; on the "
                    "diagonal each with itself");
    if (top->site)
        lc_bytes_printf(sentence, err,
                        "; the strongest pair off it: features %" PRId32 " and %" PRId32 " at %s (%s C = %.3g)", top->a,
                        top->b, top->site, top->measure, top->c);
    lc_bytes_printf(sentence, err, ".");
}

int lc_figure_correlation_map(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site", "measure", "a", "b", "covariance", NULL};
    static const char *const limits[] = {"site", "measure", "features", "shown", "color_limit", NULL};
    struct strongest top = {0};
    int64_t site[LC_PANELS_MAX];
    int panels = lc_panels_choose(v, has_map, site, &out->sentence, err);

    lc_table_begin(&out->table, columns);
    lc_table_begin(&out->second, limits);
    if (panels == 0) {
        lc_figure_leave_out(out, "no given result holds a covariance of leading features");
        return err->code;
    }
    lc_panels_begin_tall(&out->script, panels, err);
    lc_bytes_printf(
        &out->script, err, /* ColorBrewer's RdBu, blue below 0 */
        "set palette defined (0 '#053061', 1 '#2166ac', 2 '#4393c3', 3 '#92c5de', 4 '#d1e5f0', 5 '#f7f7f7', "
        "6 '#fddbc7', 7 '#f4a582', 8 '#d6604d', 9 '#b2182b', 10 '#67001f')\n"
        "set size ratio 1\nset border 15\nunset grid\nset style fill solid 1 noborder\n"
        "set ylabel 'leading feature'\n");
    for (int i = 0; i < panels && err->code == LC_OK; i++)
        map_panel(&v->site[site[i]], &top, out, err);
    lc_panels_end(&out->script, err);
    say_strongest(&top, &out->sentence, err);
    return err->code;
}

/* Across a sweep: the numbers of the points of a merged file against an axis. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "points.h"

enum { LINES_MOST = 10, TICS_MOST = 8, MARKS = 12, TEXT_ROOM = 160, TITLE_WIDTH = 40 };

/* What is drawn of the points. */
struct drawing {
    struct lc_points p;
    const struct lc_result_axis *x;
    int64_t combination[LC_PANELS_MAX]; /* a point of each: the values of the axes that are neither x nor the sites */
    int combinations, all;              /* drawn; that there are */
    int64_t site[LINES_MOST];
    int sites;
    int value[LC_POINTS_VALUES]; /* the numbers drawn */
    int values;
    int by_site; /* lines are sites and panels combinations, or the other way round where there is one site */
    char definition[TEXT_ROOM];
};

static int is_sites(const struct lc_result_axis *a)
{
    return strcmp(a->key, "sites.layers") == 0;
}

/* The axis along x: of numbers before words, then of most values, then the first. */
static const struct lc_result_axis *choose_axis(const struct lc_axes *axes)
{
    const struct lc_result_axis *best = NULL;
    int64_t most = 0;

    for (int64_t i = 0; i < axes->count; i++) {
        const struct lc_result_axis *a = &axes->axis[i];
        int words = a->value.type == LC_RESULT_TEXT, best_words = best && best->value.type == LC_RESULT_TEXT;
        int64_t values = lc_axis_values(a, axes->points);
        if (is_sites(a) || (best && (words > best_words || (words == best_words && values <= most))))
            continue;
        best = a;
        most = values;
    }
    return best;
}

/* Do two points differ along x and in their sites alone? */
static int same_combination(const struct drawing *d, int64_t a, int64_t b)
{
    const struct lc_axes *axes = &d->p.file->axes;

    for (int64_t i = 0; i < axes->count; i++)
        if (&axes->axis[i] != d->x && !is_sites(&axes->axis[i]) && !lc_axis_is_same(&axes->axis[i], a, b))
            return 0;
    return 1;
}

/* Is no point before this one of its combination? */
static int is_first(const struct drawing *d, int64_t point)
{
    for (int64_t k = 0; k < point; k++)
        if (same_combination(d, k, point))
            return 0;
    return 1;
}

/* At most `most` of the combinations, evenly chosen. */
static void choose_combinations(struct drawing *d, int most)
{
    int64_t points = d->p.file->axes.points;
    int k = 0;

    for (int64_t i = 0; i < points; i++)
        d->all += is_first(d, i);
    most = most < d->all ? most : d->all;
    for (int64_t i = 0; i < points && d->combinations < most; i++) {
        if (!is_first(d, i))
            continue;
        if (k * most / d->all != (k + 1) * most / d->all)
            d->combination[d->combinations++] = i;
        k++;
    }
}

static int site_has_rows(const struct lc_points *p, int64_t site)
{
    for (int64_t k = 0; k < p->rows; k++)
        if (p->row[k].site == site)
            return 1;
    return 0;
}

static int choose_sites(struct drawing *d)
{
    int all = 0, k = 0, most;

    for (int64_t i = 0; i < d->p.sites; i++)
        all += site_has_rows(&d->p, i);
    most = all < LINES_MOST ? all : LINES_MOST;
    for (int64_t i = 0; i < d->p.sites && d->sites < most; i++) {
        if (!site_has_rows(&d->p, i))
            continue;
        if (k * most / all != (k + 1) * most / all)
            d->site[d->sites++] = i;
        k++;
    }
    return all;
}

/* Numbers that are drawn and that some point has. */
static void choose_values(struct drawing *d)
{
    const struct lc_points_value *value = lc_points_values[d->p.kind];

    for (int j = 0; j < LC_POINTS_VALUES && value[j].column; j++) {
        int64_t k = 0;
        while (k < d->p.rows && !isfinite(d->p.row[k].value[j]))
            k++;
        if (value[j].title && k < d->p.rows)
            d->value[d->values++] = j;
    }
}

/* What the lines or panels are: "threshold 0.1, windows.length 64". */
static const char *combination_name(char *out, size_t room, const struct drawing *d, int c)
{
    const struct lc_axes *axes = &d->p.file->axes;
    char text[TEXT_ROOM];
    size_t used = 0;

    *out = '\0';
    for (int64_t i = 0; i < axes->count && used < room; i++)
        if (&axes->axis[i] != d->x && !is_sites(&axes->axis[i]))
            used += (size_t)snprintf(out + used, room - used, "%s%s %s", used ? ", " : "", axes->axis[i].key,
                                     lc_axis_text(text, sizeof text, &axes->axis[i], d->combination[c]));
    for (char *p = out; *p; p++) /* in gnuplot's quotes */
        if (*p == '\'' || *p == '"' || *p == '\\' || (unsigned char)*p < ' ')
            *p = ' ';
    return out;
}

static const char *line_name(char *out, size_t room, const struct drawing *d, int line)
{
    if (!d->by_site)
        return combination_name(out, room, d, line);
    snprintf(out, room, "%s", d->p.site[d->site[line]]);
    return out;
}

/* Where a point stands along x: its number, or the place of its word among the words. */
static double place(const struct drawing *d, int64_t point)
{
    int64_t at = 0;

    if (d->x->value.type != LC_RESULT_TEXT)
        return lc_axis_number(d->x, point);
    for (int64_t k = 0; k < point && !lc_axis_is_same(d->x, k, point); k++) {
        int64_t i = 0;
        while (i < k && !lc_axis_is_same(d->x, i, k))
            i++;
        at += i == k;
    }
    return (double)at;
}

static int compare_rows(const void *a, const void *b)
{
    double x = ((const double *)a)[0], y = ((const double *)b)[0];

    return (x > y) - (x < y);
}

/* The data of one line: place, value, low, high, by ascending place. */
static void put_line(const struct drawing *d, int64_t site, int c, int j, const char *block, struct lc_bytes *script,
                     struct lc_err *err)
{
    int ends = lc_points_values[d->p.kind][j].interval;
    double(*at)[4] = NULL;
    int64_t n = 0;

    if (LC_ALLOC(&at, d->p.rows, "a line", err) != LC_OK)
        return;
    for (int64_t k = 0; k < d->p.rows; k++) {
        const struct lc_points_row *row = &d->p.row[k];
        double y = row->value[j];
        if (row->site != site || !isfinite(y) || !same_combination(d, row->point, d->combination[c]))
            continue;
        at[n][0] = place(d, row->point);
        at[n][1] = y;
        at[n][2] = ends && isfinite(row->value[j + 1]) ? row->value[j + 1] : y;
        at[n++][3] = ends && isfinite(row->value[j + 2]) ? row->value[j + 2] : y;
    }
    qsort(at, (size_t)n, sizeof *at, compare_rows);
    lc_bytes_printf(script, err, "$%s << EOD\n", block);
    for (int64_t k = 0; k < n; k++)
        lc_bytes_printf(script, err, "%.9g %.6g %.6g %.6g\n", at[k][0], at[k][1], at[k][2], at[k][3]);
    lc_bytes_printf(script, err, "%sEOD\n", n == 0 ? "NaN NaN NaN NaN\n" : "");
    free(at);
}

/* Tics at the points where they are few: at round numbers nothing was measured. */
static void put_axis(const struct drawing *d, struct lc_bytes *script, struct lc_err *err)
{
    int64_t points = d->p.file->axes.points, values = lc_axis_values(d->x, points), seen = 0;
    int words = d->x->value.type == LC_RESULT_TEXT;
    double low = INFINITY, high = -INFINITY;
    char text[TEXT_ROOM];

    for (int64_t k = 0; k < points; k++) {
        low = fmin(low, place(d, k));
        high = fmax(high, place(d, k));
    }
    if (!words && low > 0 && high >= 8 * low)
        lc_bytes_printf(script, err, "set logscale x\nset xrange [%.9g:%.9g]\n", low / 1.15, high * 1.15);
    else
        lc_bytes_printf(script, err, "set xrange [%.9g:%.9g]\n", low - 0.06 * (high - low) - 0.5 * words,
                        high + 0.06 * (high - low) + 0.5 * words);
    if (words || values <= TICS_MOST) {
        lc_bytes_printf(script, err, "set xtics (");
        for (int64_t k = 0; k < points; k++) {
            int64_t i = 0;
            while (i < k && !lc_axis_is_same(d->x, i, k))
                i++;
            if (i < k)
                continue;
            lc_axis_text(text, sizeof text, d->x, k);
            for (char *p = text; *p; p++)
                *p = *p == '\'' || *p == '\\' || (unsigned char)*p < ' ' ? ' ' : *p;
            lc_bytes_printf(script, err, "%s'%s' %.9g", seen++ ? ", " : "", text, place(d, k));
        }
        lc_bytes_printf(script, err, ")%s\n", words && values > 3 ? " rotate by -30" : "");
    }
    lc_bytes_printf(script, err, strcmp(d->x->units, "1") == 0 || words ? "set xlabel '%s'\n" : "set xlabel '%s (%s)'\n",
                    d->x->key, d->x->units);
}

static int lines_of(const struct drawing *d)
{
    return d->by_site ? d->sites : d->combinations;
}

/* All panels of one number are as high, so that eyes can compare them. */
static void put_height(const struct drawing *d, int j, struct lc_bytes *script, struct lc_err *err)
{
    int ends = lc_points_values[d->p.kind][j].interval;
    double most = 0;

    for (int64_t k = 0; k < d->p.rows; k++) {
        const double *y = &d->p.row[k].value[j];
        most = isfinite(y[0]) ? fmax(most, y[0]) : most;
        most = ends && isfinite(y[2]) ? fmax(most, y[2]) : most;
    }
    if (most > 0)
        lc_bytes_printf(script, err, "set yrange [0:%.6g]\nset ytics %g\n", 1.06 * most, lc_plot_step(most / 4));
    else
        lc_bytes_printf(script, err, "set yrange [0:1]\nset ytics 1\n");
}

/* Lines of a panel's width, in gnuplot's double quotes: each begins with a value of its own. */
static void break_lines(char *name)
{
    char *begin = name;

    for (char *comma = strstr(name, ", "); comma; comma = strstr(comma + 2, ", "))
        if (comma + 2 + strcspn(comma + 2, ",") - begin > TITLE_WIDTH) {
            memcpy(comma, "\\n", 2);
            begin = comma + 2;
        }
}

/* One panel: number j, and where lines are sites, combination c. */
static void panel(const struct drawing *d, int j, int c, int key, struct lc_bytes *script, struct lc_err *err)
{
    const struct lc_points_value *value = &lc_points_values[d->p.kind][j];
    char name[TEXT_ROOM];
    const char *comma = "plot ";

    for (int i = 0; i < lines_of(d); i++) {
        char block[16];
        snprintf(block, sizeof block, "L%d", i);
        put_line(d, d->site[d->by_site ? i : 0], d->by_site ? c : i, j, block, script, err);
    }
    if (!d->by_site)
        snprintf(name, sizeof name, "%s", d->p.site[d->site[0]]);
    else
        combination_name(name, sizeof name, d, c);
    break_lines(name);
    lc_bytes_printf(script, err, "set title \"%s%s%s\"\nset ylabel '%s'\n", value->title, name[0] ? "\\n" : "", name,
                    value->units);
    put_height(d, j, script, err);
    for (int i = 0; i < lines_of(d); i++, comma = ", \\\n  ") {
        if (value->interval)
            lc_bytes_printf(script, err, "%s$L%d using 1:2:3:4 with yerrorbars pt -1 lw 1.2 lc rgb '%s' notitle, \\\n  ", comma, i,
                            lc_plot_color(i));
        else
            lc_bytes_printf(script, err, "%s", comma);
        lc_bytes_printf(script, err, "$L%d using 1:2 with linespoints pt %d ps 0.7 lw 2 lc rgb '%s' ", i, 4 + i % MARKS,
                        lc_plot_color(i));
        if (key)
            lc_bytes_printf(script, err, "title '%s'", line_name(name, sizeof name, d, i));
        else
            lc_bytes_printf(script, err, "notitle");
    }
    lc_bytes_printf(script, err, "\n");
}

/* A panel of names alone, beside others that have no room for them. */
static void key_panel(const struct drawing *d, struct lc_bytes *script, struct lc_err *err)
{
    char name[TEXT_ROOM];

    lc_bytes_printf(script, err,
                    "set key on center center Left reverse\nunset logscale\nunset xtics\nunset ytics\nunset xlabel\n"
                    "unset ylabel\nunset border\nunset grid\nset title ''\nset xrange [0:1]\nset yrange [0:1]\n");
    for (int i = 0; i < lines_of(d); i++)
        lc_bytes_printf(script, err, "%sNaN with linespoints pt %d ps 0.7 lw 2 lc rgb '%s' title '%s'",
                        i ? ", \\\n  " : "plot ", 4 + i % MARKS, lc_plot_color(i), line_name(name, sizeof name, d, i));
    lc_bytes_printf(script, err, "\n");
}

static void draw_panels(const struct drawing *d, struct lc_bytes *script, struct lc_err *err)
{
    int columns = d->by_site ? d->combinations : 1, n = d->values * columns, named = lines_of(d) > 1;

    if (n == 1)
        lc_plot_begin(script, 860, 480, 1, err);
    else
        lc_panels_begin(script, n + named, err);
    if (n == 1)
        lc_bytes_printf(script, err, "set key outside right top\nif (crowded) { set key below left Left reverse }\n");
    put_axis(d, script, err);
    for (int v = 0; v < d->values; v++)
        for (int c = 0; c < columns; c++)
            panel(d, d->value[v], c, n == 1 && named, script, err);
    if (n > 1 && named)
        key_panel(d, script, err);
    if (n > 1)
        lc_panels_end(script, err);
}

/* Which files, axes and choices. */
static void say(const struct drawing *d, int all_sites, struct lc_bytes *out, struct lc_err *err)
{
    const struct lc_axes *axes = &d->p.file->axes;
    int64_t grid = 1;

    for (int64_t i = 0; i < axes->count; i++)
        grid *= lc_axis_values(&axes->axis[i], axes->points);
    lc_bytes_printf(out, err, "%" PRId64 " points", axes->points);
    if (grid != axes->points)
        lc_bytes_printf(out, err, " of a grid of %" PRId64, grid);
    lc_bytes_printf(out, err, " along");
    for (int64_t i = 0; i < axes->count; i++)
        lc_bytes_printf(out, err, "%s %s", i ? "," : "", axes->axis[i].key);
    lc_bytes_printf(out, err, ".");
    if (d->definition[0])
        lc_bytes_printf(out, err, " Mean entropy is %s.", d->definition);
    if (d->combinations < d->all)
        lc_bytes_printf(out, err, " %d of %d combinations of the axes beside %s are shown, evenly chosen.", d->combinations,
                        d->all, d->x->key);
    if (d->sites < all_sites)
        lc_bytes_printf(out, err, " %d of %d sites are shown, evenly chosen.", d->sites, all_sites);
    lc_bytes_printf(out, err, "\n");
}

static void name_definition(struct drawing *d)
{
    int same = 1;

    for (int64_t k = 0; k < d->p.rows; k++)
        same &= strcmp(d->p.row[k].definition, d->p.row[0].definition) == 0;
    snprintf(d->definition, sizeof d->definition, "%s",
             same ? d->p.row[0].definition : "the one that leads at each point (column definition)");
}

static void choose(struct drawing *d, struct lc_figure_out *out, struct lc_err *err)
{
    int all_sites = choose_sites(d);

    choose_values(d);
    d->by_site = d->sites > 1;
    choose_combinations(d, !d->by_site ? LINES_MOST : (LC_PANELS_MAX - 1) / (d->values ? d->values : 1));
    name_definition(d);
    say(d, all_sites, &out->sentence, err);
}

static int draw(const struct lc_view *v, enum lc_points_kind kind, struct lc_figure_out *out, struct lc_err *err)
{
    struct drawing d = {0};

    lc_points_read(&d.p, v, kind, err);
    if (!d.p.file) {
        lc_figure_leave_out(out, "no given result is merged of such points");
    } else if (!(d.x = choose_axis(&d.p.file->axes))) {
        lc_figure_leave_out(out, "the points of the given result differ in their sites alone");
    } else {
        lc_points_table(&d.p, &out->table, err);
        choose(&d, out, err);
        draw_panels(&d, &out->script, err);
    }
    lc_points_release(&d.p);
    return err->code;
}

int lc_figure_points_influence(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    return draw(v, LC_POINTS_INFLUENCE, out, err);
}

int lc_figure_points_sparsity(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    return draw(v, LC_POINTS_SPARSITY, out, err);
}

int lc_figure_points_correlation(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    return draw(v, LC_POINTS_CORRELATION, out, err);
}

int lc_figure_points_contexts(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    return draw(v, LC_POINTS_CONTEXTS, out, err);
}

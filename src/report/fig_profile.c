/* Figure 3: one feature's influence over the positions, over its windows, and over the text. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "escape.h"
#include "figures.h"
#include "tokens.h"

enum { HEATMAP_ROWS = 200, DECADES = 3 };

/* Columns: position, mean, low, high. The band stops at 0: J is never negative. */
static void add_profile(const struct lc_view_site *s, int64_t row, struct lc_table *t, struct lc_err *err)
{
    const struct lc_array *a = &s->array[LC_VIEW_F_PROFILE_MEAN], *d = &s->array[LC_VIEW_F_PROFILE_SD];
    const double *mean = a->data, *sd = d->data;

    for (int64_t i = 0; i < a->dim[1]; i++) {
        int64_t at = row * a->dim[1] + i;
        double spread = sd && d->dim[1] == a->dim[1] ? sd[at] : NAN;
        lc_table_row(t, err, "irrr", i, mean[at], spread, fmax(0, mean[at] - spread));
    }
}

/* log10 of J, no lower than DECADES below the greatest. */
static double depth_of(double j, double most)
{
    return j > most * pow(10, -DECADES) ? log10(j) : log10(most) - DECADES;
}

/* Is row `sample` of the profiles finite, and has it influence at all? Raises *most to its greatest. */
static int is_usable(const struct lc_array *profile, int64_t sample, double *most)
{
    const float *j = (const float *)profile->data + sample * profile->dim[1];
    double greatest = 0;

    for (int64_t i = 0; i < profile->dim[1]; i++) {
        if (!isfinite(j[i]))
            return 0;
        greatest = fmax(greatest, (double)j[i]);
    }
    *most = fmax(*most, greatest);
    return greatest > 0;
}

/* Of the feature's samples the first HEATMAP_ROWS that are usable, into row[]; returns how many. */
static int64_t choose_rows(const struct lc_tokens *t, int64_t *row, double *most)
{
    int64_t n = 0;

    *most = 0;
    for (int64_t k = 0; k < t->n && n < HEATMAP_ROWS; k++)
        if (is_usable(&t->profile, t->sample[k], most))
            row[n++] = t->sample[k];
    return n;
}

/* Their J as a matrix of log10 for the plot, and as rows of the second table. */
static void add_heatmap(const struct lc_tokens *t, const struct lc_view_site *s, const int64_t *row, int64_t n,
                        double most, struct lc_figure_out *out, struct lc_err *err)
{
    const int64_t *window = lc_view_i64(s, LC_VIEW_S_WINDOW), *position = lc_view_i64(s, LC_VIEW_S_POSITION);
    int64_t length = t->profile.dim[1];

    lc_bytes_printf(&out->script, err, "$H << EOD\n");
    for (int64_t k = 0; k < n && err->code == LC_OK; k++) {
        const float *j = (const float *)t->profile.data + row[k] * length;
        for (int64_t i = 0; i < length; i++) {
            lc_bytes_printf(&out->script, err, "%.3f ", depth_of((double)j[i], most));
            lc_table_row(&out->second, err, "iiir", window[row[k]], position[row[k]], i, (double)j[i]);
        }
        lc_bytes_printf(&out->script, err, "\n");
    }
    lc_bytes_printf(&out->script, err, "EOD\n");
}

static void line_script(const struct lc_table *t, struct lc_bytes *script, struct lc_err *err)
{
    lc_table_plot(t, "D", 0, lc_table_rows(t), script, err);
    lc_bytes_printf(script, err,
                    "set xlabel 'position t'' in the window'\nset ylabel 'influence J'\nset xtics %g\n"
                    "set xrange [-0.5:%" PRId64 ".5]\nset yrange [0:*]\nset format y '%%g'\nset key top left\n"
                    "plot $D using 1:4:($2+$3) with filledcurves fc rgb '" LC_SKY "' fs solid 0.45 title 'one sd', \\\n"
                    "  $D using 1:2 with linespoints pt 7 ps 0.4 lw 2 lc rgb '" LC_BLUE "' title 'mean'\n",
                    lc_table_rows(t) > 4 ? lc_plot_step((double)lc_table_rows(t) / 4) : 1, lc_table_rows(t) - 1);
}

static void heatmap_script(const struct lc_tokens *t, const struct lc_view_site *s, struct lc_figure_out *out,
                           struct lc_err *err)
{
    int64_t row[HEATMAP_ROWS], n;
    double most;

    n = choose_rows(t, row, &most);
    if (n == 0)
        return;
    add_heatmap(t, s, row, n, most, out, err);
    lc_bytes_printf(&out->script, err,
                    "set title \"influence J\\n%s%" PRId64 " of %" PRId64 " samples\"\nset ylabel 'sample, by window'\n"
                    "set xrange [-0.5:%" PRId64 ".5]\nset yrange [-0.5:%" PRId64 ".5]\nset key off\nunset grid\n"
                    "set palette defined (0 '#ffffff', 1 '#b9dbf0', 2 '" LC_SKY "', 3 '" LC_BLUE "', 4 '#00253d')\n",
                    n < t->n ? "first " : "", n, t->n, t->profile.dim[1] - 1, n - 1);
    lc_bytes_printf(&out->script, err,
                    "set cbrange [%.6g:%.6g]\nset cbtics 1\nset format cb '1e%%g'\nset style fill solid 1 noborder\n"
                    "plot $H matrix using 1:2:3 with image notitle\n",
                    log10(most) - DECADES, log10(most));
}

/* The window's tokens, each shaded by its share of the influence. */
static void shaded_text(const struct lc_tokens *t, const struct lc_view_site *s, int32_t feature,
                        struct lc_bytes *html, struct lc_err *err)
{
    int64_t n = lc_view_text_length(&t->text, t->window);
    double most = 0;

    if (n == 0 || !t->share)
        return;
    for (int64_t i = 0; i < t->length; i++)
        most = fmax(most, t->share[i]);
    lc_bytes_printf(html, err,
                    "<p class=\"small\">Feature %" PRId32 " at %s: window %" PRId64
                    ", read at position %" PRId64
                    ", activation %.3g, H = %.3f bit (%.1f tokens). Shade: %s. Outlined: the readout.</p>\n"
                    "<p class=\"tokens\">",
                    feature, s->name, t->window, t->position, t->activation, t->entropy, exp2(t->entropy),
                    t->own_profile ? "share P of this sample's influence"
                                   : "share of the feature's mean profile, as samples' own "
                                     "profiles are not kept");
    for (int64_t i = 0; i < n && err->code == LC_OK; i++) {
        size_t size;
        const void *token = lc_view_text_token(&t->text, t->window, i, &size);
        double p = i < t->length ? t->share[i] : 0, strength = most > 0 ? sqrt(p / most) : 0;
        lc_bytes_printf(html, err,
                        "<span%s style=\"background:rgba(230,159,0,%.3f)\" title=\"position %" PRId64
                        ", P = %.4f\">",
                        i == t->position ? " class=\"readout\"" : "", strength, i, p);
        lc_escape_bytes(html, LC_ESCAPE_HTML, token, size, err);
        lc_bytes_printf(html, err, "</span>");
    }
    lc_bytes_printf(html, err, "</p>\n");
}

static void say_profile(const struct lc_view_site *s, const struct lc_tokens *t, int64_t row,
                        const struct lc_table *table, struct lc_bytes *sentence, struct lc_err *err)
{
    const struct lc_array *a = &s->array[LC_VIEW_F_PROFILE_MEAN];
    const double *mean = (const double *)a->data + row * a->dim[1];
    double sum = 0, half = 0;
    int64_t reach = 0, n = lc_table_rows(table);

    for (int64_t i = 0; i < n; i++)
        sum += mean[i];
    while (reach < n && half < 0.5 * sum)
        half += mean[n - 1 - reach++];
    lc_bytes_printf(sentence, err,
                    "Feature %" PRId32 " at %s, the one with most samples (N = %" PRId64
                    "), mean H = %.3f bit: half of its mean "
                    "influence lies in the last %" PRId64 " of %" PRId64 " positions.",
                    lc_view_i32(s, LC_VIEW_F_FEATURE)[row], s->name, lc_view_i64(s, LC_VIEW_F_SAMPLES)[row],
                    lc_view_f64(s, LC_VIEW_F_MEAN) ? lc_view_f64(s, LC_VIEW_F_MEAN)[row] : t->entropy, reach,
                    n);
    if (!t->profile.data)
        lc_bytes_printf(
            sentence, err,
            " Windows by position are not drawn: the samples' own profiles are not kept in this result (keep: "
            "{profiles: true}).");
}

int lc_figure_profile(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"position", "influence_mean", "influence_sd", "band_low", NULL};
    static const char *const windows[] = {"window", "readout", "position", "influence", NULL};
    const struct lc_view_site *s = lc_figure_middle_site(v);
    struct lc_tokens t;
    int64_t row[1];
    int32_t feature;

    lc_table_begin(&out->table, columns);
    lc_table_begin(&out->second, windows);
    if (!s || !s->array[LC_VIEW_F_PROFILE_MEAN].data || lc_figure_top_features(s, 1, row) == 0) {
        lc_figure_leave_out(out, "no given result holds influence profiles of features with enough samples");
        return err->code;
    }
    feature = lc_view_i32(s, LC_VIEW_F_FEATURE)[row[0]];
    if (lc_tokens_open(&t, s, feature, err) != LC_OK)
        return err->code;
    add_profile(s, row[0], &out->table, err);
    if (t.profile.data)
        lc_plot_begin(&out->script, 1080, 420, 2, err);
    else
        lc_plot_begin(&out->script, 760, 420, 1, err);
    if (t.profile.data)
        lc_bytes_printf(&out->script, err, "set multiplot layout 1,2\n");
    lc_bytes_printf(&out->script, err, "set title \"%s\\nfeature %" PRId32 ", N = %" PRId64 "\"\n", s->name,
                    feature, lc_view_i64(s, LC_VIEW_F_SAMPLES)[row[0]]);
    line_script(&out->table, &out->script, err);
    if (t.profile.data) {
        heatmap_script(&t, s, out, err);
        lc_bytes_printf(&out->script, err, "unset multiplot\n");
    }
    say_profile(s, &t, row[0], &out->table, &out->sentence, err);
    shaded_text(&t, s, feature, &out->html, err);
    lc_tokens_close(&t);
    return err->code;
}

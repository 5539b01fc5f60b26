/* Mean entropy in classes of samples: by strength of activation and by readout position. */
#include <inttypes.h>
#include <math.h>

#include "figures.h"

/* The columns of one kind of class. */
struct classes {
    enum lc_view_id samples, mean, low, high;
    int (*has)(const struct lc_view_site *s);
    double (*at)(const struct lc_view_site *s, int64_t q);
    const char *axis, *setting, *bound; /* label; more for gnuplot; a further curve or "" */
    const char *missing, *say;
};

static int has_finite(const struct lc_view_site *s, enum lc_view_id mean)
{
    return lc_view_stat_f64(lc_view_f64(s, mean), lc_view_count(s, mean)).n > 0;
}

static int has_strength(const struct lc_view_site *s)
{
    return has_finite(s, LC_VIEW_STRENGTH_MEAN);
}

static int has_positions(const struct lc_view_site *s)
{
    return has_finite(s, LC_VIEW_READOUT_MEAN) && lc_view_count(s, LC_VIEW_READOUT_POSITION) > 1;
}

static double strength_of(const struct lc_view_site *s, int64_t q)
{
    return 0.5 * ((double)lc_view_f32(s, LC_VIEW_STRENGTH_LEAST)[q] + (double)lc_view_f32(s, LC_VIEW_STRENGTH_GREATEST)[q]);
}

static double position_of(const struct lc_view_site *s, int64_t q)
{
    return (double)lc_view_i64(s, LC_VIEW_READOUT_POSITION)[q];
}

static const struct classes strength = {
    LC_VIEW_STRENGTH_SAMPLES,
    LC_VIEW_STRENGTH_MEAN,
    LC_VIEW_STRENGTH_LOW,
    LC_VIEW_STRENGTH_HIGH,
    has_strength,
    strength_of,
    "activation f",
    "set logscale x\n",
    "",
    "no given result holds influence by activation",
    "Rising: strongly active features draw on more tokens than weakly active ones; falling: on fewer.",
};

static const struct classes position = {
    LC_VIEW_READOUT_SAMPLES,
    LC_VIEW_READOUT_MEAN,
    LC_VIEW_READOUT_LOW,
    LC_VIEW_READOUT_HIGH,
    has_positions,
    position_of,
    "readout position",
    "",
    ", \\\n  $D using 2:(log($2+1)/log(2)) with lines dt 2 lw 1.5 lc rgb 'black' notitle",
    "no given result holds influence at more than one readout position",
    "A curve that levels off says that features read later in the window do not look further back.",
};

static void panel(const struct lc_view_site *s, const struct classes *c, struct lc_figure_out *out, struct lc_err *err)
{
    const double *mean = lc_view_f64(s, c->mean), *low = lc_view_f64(s, c->low), *high = lc_view_f64(s, c->high);
    const int64_t *samples = lc_view_i64(s, c->samples);
    int64_t from = lc_table_rows(&out->table);
    double greatest = 0, all = 0;

    for (int64_t q = 0; q < lc_view_count(s, c->mean); q++) {
        if (!isfinite(mean[q]))
            continue;
        lc_table_row(&out->table, err, "srrrri", s->name, c->at(s, q), mean[q], low[q], high[q], samples[q]);
        all += (double)samples[q];
        greatest = fmax(greatest, c->at(s, q));
    }
    if (c->at == position_of && greatest > 4)
        lc_bytes_printf(&out->script, err, "set xtics %g\n", lc_plot_step(greatest / 4));
    lc_table_plot(&out->table, "D", from, lc_table_rows(&out->table), &out->script, err);
    lc_bytes_printf(&out->script, err,
                    "set title \"%s\\nN = %.0f samples\"\nset xlabel '%s'\nset ylabel 'mean entropy H (bit)'\n"
                    "set yrange [0:*]\n%splot $D using 2:3:4:5 with yerrorbars pt 7 ps 0.4 lw 1 lc rgb '" LC_SKY
                    "' notitle, \\\n  $D using 2:3 with linespoints pt 7 ps 0.5 lw 2 lc rgb '" LC_BLUE "' notitle%s\n",
                    s->name, all, c->axis, c->setting, c->bound);
}

static int draw(const struct lc_view *v, const struct classes *c, struct lc_figure_out *out, struct lc_err *err)
{
    static const char *const columns[] = {"site", "at", "entropy_bits", "low_bits", "high_bits", "samples", NULL};
    int64_t site[LC_PANELS_MAX];
    int n = lc_panels_choose(v, c->has, site, &out->sentence, err);

    lc_table_begin(&out->table, columns);
    if (n == 0) {
        lc_figure_leave_out(out, c->missing);
        return err->code;
    }
    lc_panels_begin(&out->script, n, err);
    lc_plot_tokens_axis(&out->script, 'y', err);
    for (int i = 0; i < n; i++)
        panel(&v->site[site[i]], c, out, err);
    lc_panels_end(&out->script, err);
    lc_bytes_printf(&out->sentence, err, "%s", c->say);
    return err->code;
}

int lc_figure_entropy_activation(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    return draw(v, &strength, out, err);
}

int lc_figure_entropy_position(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err)
{
    return draw(v, &position, out, err);
}

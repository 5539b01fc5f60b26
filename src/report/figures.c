#include "figures.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct lc_figure lc_figures[] = {
    {"depth", "", "Mean entropy against depth",
     "Entropy H of a feature's influence over the input tokens, in bits; 2^H is the effective number of "
     "tokens. pooled: mean over "
     "all samples (window, feature); window_mean: mean of the windows' means; feature_mean: mean of the "
     "features' means. Bars: "
     "bootstrap 95 % interval over windows. Token vector: mean over readouts.",
     lc_figure_depth, LC_VIEW_ACTIVE},
    {"unique_tokens", "1", "Unique tokens of live features",
     "u_i is the number of token ids on which feature i is active; live: active at least once. 49 "
     "logarithmic bins from 1 to the "
     "site's maximum.",
     lc_figure_unique_tokens, LC_VIEW_ACTIVE},
    {"density", "", "Density of features",
     "p_i is the share of positions where feature i is active; dead features have none. Mean L0 is the sum "
     "of p_i.",
     lc_figure_density, LC_VIEW_ACTIVE},
    {"profile", "3", "Influence of one feature over positions",
     "J(t') = sum over the embedding of (d f / d x[t'])^2; mean over the feature's samples, band of one "
     "population standard "
     "deviation. Share P = J / sum J.",
     lc_figure_profile, LC_VIEW_CHOSEN},
    {"feature_entropies", "4", "Entropies of the features with most samples",
     "Each histogram: H of every sample of one feature, 30 bins from its least to its greatest; dashed: the "
     "mean.",
     lc_figure_feature_entropies, LC_VIEW_CHOSEN},
    {"entropy_layers", "5", "Feature entropies at all sites",
     "Grey: mean H of every feature. Coloured lines: the ten feature indices with the greatest activation "
     "summed over windows and "
     "sites; sites have different SAEs, so an index joins features that have nothing else in common. Blue "
     "dashed: mean of the 20 "
     "highest. Red dashed: token vector.",
     lc_figure_entropy_layers, LC_VIEW_ACTIVE},
    {"entropy_histograms", "6", "Distribution of feature mean entropies",
     "Mean H of each feature over its samples, 20 bins from least to greatest at each site; dashed: the mean "
     "over features.",
     lc_figure_entropy_histograms, LC_VIEW_ACTIVE},
    {"context_sweep", "7", "Entropy against context length",
     "Mean H of a feature over the windows of each length that end on the same tokens, a line for each feature; "
     "coloured: the ten with the greatest activation summed over lengths. Band: standard error. Black dashed: log2 of "
     "the length, the most that H can be.",
     lc_figure_context_sweep, LC_VIEW_ACTIVE},
    {"saturation", "", "Saturation of entropy with context",
     "feature_mean of H at each length with its bootstrap 95 % interval over windows. Open circle: where it reaches "
     "95 % of its value at the longest windows, linear between lengths. Lengths differ in which features are active.",
     lc_figure_saturation, LC_VIEW_ACTIVE},
    {"entropy_frequency", "8", "Mean entropy against activation probability",
     "One dot a feature: mean H over its samples against p_i, the share of positions where it is active. r: "
     "Pearson's correlation "
     "of mean H with log10 p_i.",
     lc_figure_entropy_frequency, LC_VIEW_CHOSEN},
    {"entropy_activation", "", "Entropy by strength of activation",
     "Samples of a site in classes of equally many by activation f: mean H of each class at the mean of its ends. Bars: "
     "bootstrap 95 % interval over windows.",
     lc_figure_entropy_activation, LC_VIEW_ACTIVE},
    {"entropy_position", "", "Entropy by readout position",
     "Mean H of the features read at each position of the window. Bars: bootstrap 95 % interval over windows. Black "
     "dashed: log2 of the tokens up to there, the most that H can be.",
     lc_figure_entropy_position, LC_VIEW_ACTIVE},
};
const int lc_figures_count = sizeof lc_figures / sizeof lc_figures[0];

void lc_figure_leave_out(struct lc_figure_out *out, const char *why)
{
    snprintf(out->left_out, sizeof out->left_out, "%s", why);
}

void lc_bins_init(struct lc_bins *b, int n, double low, double high, int logarithmic)
{
    *b = (struct lc_bins){.n = n};
    if (!(high > low))
        high = logarithmic ? 2 * low : low + 1;
    for (int i = 0; i <= n; i++) {
        double share = (double)i / n;
        b->edge[i] = logarithmic ? low * pow(high / low, share) : low + (high - low) * share;
    }
    b->edge[n] = high;
}

void lc_bins_add(struct lc_bins *b, double x)
{
    int low = 0, high = b->n;

    if (!(x >= b->edge[0] && x <= b->edge[b->n]))
        return;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (x >= b->edge[middle])
            low = middle;
        else
            high = middle;
    }
    b->count[low]++;
}

void lc_bins_range(const double *x, int64_t n, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            continue;
        *low = fmin(*low, x[i]);
        *high = fmax(*high, x[i]);
    }
    if (*low > *high) {
        *low = 0;
        *high = 1;
    }
}

void lc_panels_begin(struct lc_bytes *script, int n, struct lc_err *err)
{
    int columns = n <= 1 ? 1 : n <= 4 ? 2 : 3, rows = (n + columns - 1) / columns;

    lc_plot_begin(script,
                  columns == 1   ? 720
                  : columns == 2 ? 900
                                 : 1080,
                  columns == 1 ? 440 : 305 * rows, err);
    lc_bytes_printf(script, err,
                    "set multiplot layout %d,%d\nset key off\nset title font ',14' offset 0,-0.5\n", rows,
                    columns);
}

void lc_panels_end(struct lc_bytes *script, struct lc_err *err)
{
    lc_bytes_printf(script, err, "unset multiplot\n");
}

enum { SITE_TICS = 24 }; /* more would run into one another */

/* The last number in a name: where it begins and ends; both 0 without one. */
struct digits {
    size_t from, to;
};

static struct digits last_digits(const char *name)
{
    struct digits d = {0, strlen(name)};

    while (d.to > 0 && !isdigit((unsigned char)name[d.to - 1]))
        d.to--;
    for (d.from = d.to; d.from > 0 && isdigit((unsigned char)name[d.from - 1]);)
        d.from--;
    return d;
}

/* Do two names differ in their last number only? */
static int names_match(const char *a, const char *b)
{
    struct digits x = last_digits(a), y = last_digits(b);

    return x.to > x.from && y.to > y.from && x.from == y.from && strncmp(a, b, x.from) == 0 &&
           strcmp(a + x.to, b + y.to) == 0;
}

void lc_site_axis(struct lc_bytes *script, const struct lc_view *v, struct lc_err *err)
{
    const char *first = v->n_sites ? v->site[0].name : "";
    struct digits d = last_digits(first);
    int alike = 1;

    for (int64_t i = 0; i < v->n_sites; i++)
        alike = alike && names_match(first, v->site[i].name);
    lc_bytes_printf(script, err, "set xrange [-0.5:%.1f]\nset xtics (", (double)v->n_sites - 0.5);
    for (int64_t i = 0; i < v->n_sites; i += 1 + v->n_sites / SITE_TICS) {
        const char *name = v->site[i].name;
        struct digits own = last_digits(name);
        lc_bytes_printf(script, err, "%s'%.*s' %" PRId64, i ? ", " : "",
                        alike ? (int)(own.to - own.from) : (int)strlen(name), name + (alike ? own.from : 0),
                        i);
    }
    lc_bytes_printf(script, err, ")%s\n", !alike && v->n_sites > 5 ? " rotate by -30" : "");
    if (alike)
        lc_bytes_printf(script, err, "set xlabel 'site: N of %.*sN%s'\n", (int)d.from, first, first + d.to);
    else
        lc_bytes_printf(script, err, "set xlabel 'site'\n");
}

int lc_panels_choose(const struct lc_view *v, int (*has)(const struct lc_view_site *),
                     int64_t site[LC_PANELS_MAX], struct lc_bytes *sentence, struct lc_err *err)
{
    int64_t all = 0, panels, k = 0;
    int n = 0;

    for (int64_t i = 0; i < v->n_sites; i++)
        all += has(&v->site[i]) != 0;
    panels = all < LC_PANELS_MAX ? all : LC_PANELS_MAX;
    for (int64_t i = 0; i < v->n_sites && n < panels; i++) {
        if (!has(&v->site[i]))
            continue;
        if (k * panels / all != (k + 1) * panels / all)
            site[n++] = i;
        k++;
    }
    if (n < all)
        lc_bytes_printf(sentence, err, "%d of %" PRId64 " sites are shown, evenly chosen. ", n, all);
    return n;
}

/* A step of 1, 2 or 5 times a power of ten, at least 1: counts have no halves. */
static double whole_step(double x)
{
    double power = x > 1 ? pow(10, floor(log10(x))) : 1, m = x / power;

    return power * (m <= 1.5 ? 1 : m <= 3.5 ? 2 : m <= 7.5 ? 5 : 10);
}

void lc_plot_boxes(struct lc_bytes *script, const struct lc_table *t, int64_t from, int64_t to,
                   int low_column, double base, const char *color, struct lc_err *err)
{
    int c = low_column;
    double most = 1;

    for (int64_t r = from; r < to; r++)
        most = fmax(most, lc_table_number(t, r, c + 1));
    if (base == 0)
        lc_bytes_printf(script, err, "set ytics %g\n", whole_step(most / 4));
    lc_table_plot(t, "D", from, to, script, err);
    lc_bytes_printf(
        script, err,
        "plot $D using (0.5*($%d+$%d)):%d:%d:%d:(%g):($%d>0?$%d:%g) with boxxyerror lc rgb '%s' notitle\n", c,
        c + 1, c + 2, c, c + 1, base, c + 2, c + 2, base, color);
}

const struct lc_view_site *lc_figure_middle_site(const struct lc_view *v)
{
    int64_t n = 0, k = 0;

    for (int64_t i = 0; i < v->n_sites; i++)
        n += lc_view_count(&v->site[i], LC_VIEW_F_FEATURE) > 0;
    for (int64_t i = 0; i < v->n_sites; i++)
        if (lc_view_count(&v->site[i], LC_VIEW_F_FEATURE) > 0 && k++ == n / 2)
            return &v->site[i];
    return NULL;
}

int lc_figure_top_features(const struct lc_view_site *s, int n, int64_t *row)
{
    const int64_t *samples = lc_view_i64(s, LC_VIEW_F_SAMPLES);
    int64_t m = samples ? lc_view_count(s, LC_VIEW_F_FEATURE) : 0;
    int have = 0;

    for (int64_t i = 0; i < m; i++) {
        int at = have;
        while (at > 0 && samples[row[at - 1]] < samples[i])
            at--;
        if (at == n)
            continue;
        have += have < n;
        memmove(row + at + 1, row + at, (size_t)(have - at - 1) * sizeof *row);
        row[at] = i;
    }
    return have;
}

int64_t lc_figure_window_length(const struct lc_view *v)
{
    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_array *a = &v->site[i].array[LC_VIEW_F_PROFILE_MEAN];
        struct lc_err ignored = LC_ERR_INIT;
        int64_t length = 0;
        int found;
        if (v->site[i].part[LC_VIEW_INFLUENCE] &&
            lc_result_get_int(v->site[i].part[LC_VIEW_INFLUENCE], NULL, NULL, "window_length", &length, &found, &ignored) ==
                LC_OK &&
            found)
            return length;
        if (a->data)
            return a->dim[1];
    }
    return 0;
}

#include "figures.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order of the page: the paper's, by number, then the others. */
const struct lc_figure lc_figures[] = {
    {.name = "unique_tokens",
     .number = "1",
     .title = "Unique tokens of live features",
     .caption = "u_i is the number of token ids on which feature i is active; live: active at least once. 49 "
                "logarithmic bins (50 edges) from 1 to the site's maximum.",
     .draw = lc_figure_unique_tokens},
    {.name = "correlation_map",
     .number = "2",
     .title = "Covariance of leading features",
     .caption =
         "C over the first 100 leading features, in ascending order of their index, diagonal included. conditional: "
         "C_ij = (1/N) sum_a N(i,a) N(j,a) / N(a) - p_i p_j over token ids a; coactivation: C_ij = M_ij / N - "
         "p_i p_j, M_ij the positions where both are active. Colours end, at both sides alike, at the 99th "
         "percentile of |C| over all entries shown (linear interpolation between order statistics, as numpy's). "
         "The table holds the pairs with a not above b.",
     .second = "correlation_map_limits",
     .draw = lc_figure_correlation_map},
    {.name = "profile",
     .number = "3",
     .title = "Influence of one feature over positions",
     .caption =
         "J(t') = sum over the embedding of (d f / d x[t'])^2; left: mean over the feature's samples, band of one "
         "population standard deviation, cut off at 0; right: J of each sample, three decades below the greatest.",
     .second = "profile_windows",
     .draw = lc_figure_profile,
     .choice = LC_VIEW_CHOSEN},
    {.name = "feature_entropies",
     .number = "4",
     .title = "Entropies of the features with most samples",
     .caption = "Each histogram: H of every sample of one feature, 30 bins from its least to its greatest; dashed: the "
                "mean. Upper axis: 2^H, the effective number of tokens.",
     .draw = lc_figure_feature_entropies,
     .choice = LC_VIEW_CHOSEN},
    {.name = "entropy_layers",
     .number = "5",
     .title = "Feature entropies at all sites",
     .caption =
         "Grey: mean H of every feature. Coloured lines: the ten feature indices with the greatest activation "
         "summed over windows and sites; sites have different SAEs, so an index joins features that have nothing "
         "else in common. Blue dashed: mean of the 20 highest. Red dashed: token vector.",
     .draw = lc_figure_entropy_layers},
    {.name = "entropy_histograms",
     .number = "6",
     .title = "Distribution of feature mean entropies",
     .caption =
         "Mean H of each feature over its samples, 20 bins from least to greatest at each site; dashed: the mean "
         "over features. Upper axis: 2^H, the effective number of tokens.",
     .draw = lc_figure_entropy_histograms},
    {.name = "context_sweep",
     .number = "7",
     .title = "Entropy against context length",
     .caption = "Mean H of a feature over the windows of each length, a line for each feature; windows of all lengths "
                "share their last token (windows.align: end) or their first (start). Coloured: the ten with the "
                "greatest activation summed over lengths. Band: standard error. Black dashed: log2 of the length, the "
                "most that H can be. Right axis: 2^H, the effective number of tokens.",
     .draw = lc_figure_context_sweep},
    {.name = "entropy_frequency",
     .number = "8",
     .title = "Mean entropy against activation probability",
     .caption = "One dot a feature: mean H over its samples against p_i, the share of positions where it is active. r: "
                "Pearson's correlation of mean H with log10 p_i. Right axis: 2^H, the effective number of tokens.",
     .draw = lc_figure_entropy_frequency,
     .choice = LC_VIEW_CHOSEN},
    {.name = "depth",
     .number = "",
     .title = "Mean entropy against depth",
     .caption = "Entropy H of a feature's influence over the input tokens, in bits; 2^H is the effective number of "
                "tokens. pooled: mean over all samples (window, feature); window_mean: mean of the windows' means; "
                "feature_mean: mean of the features' means. Bars: bootstrap 95 % interval over windows. Token vector: "
                "mean over readouts.",
     .draw = lc_figure_depth},
    {.name = "saturation",
     .number = "",
     .title = "Saturation of entropy with context",
     .caption = "Bold: mean over the features that have samples at every length, of their mean H. Open circle: where that "
                "reaches 95 % of its value at the longest windows, linear between lengths (saturation_length_site). Thin: "
                "feature_mean, over all features active at the length, with its bootstrap 95 % interval over windows.",
     .draw = lc_figure_saturation},
    {.name = "across_influence",
     .number = "",
     .title = "Influence across the sweep",
     .caption = "The points of a merged result against the axis of most values; other axes are panels, or lines where there "
                "is one site. Mean entropy H by the definition that leads there, with its bootstrap 95 % interval over "
                "windows; mean H of the token vectors over readouts.",
     .draw = lc_figure_points_influence,
     .across = 1},
    {.name = "across_sparsity",
     .number = "",
     .title = "Sparsity across the sweep",
     .caption = "The points of a merged result against the axis of most values; other axes are panels, or lines where there "
                "is one site. Live: active at least once; mean L0: activations per token; median frequency: of the "
                "activation probabilities p_i of live features.",
     .draw = lc_figure_points_sparsity,
     .across = 1},
    {.name = "across_correlation",
     .number = "",
     .title = "Correlation across the sweep",
     .caption = "The points of a merged result against the axis of most values; other axes are panels, or lines where there "
                "is one site. Participation ratio of the eigenvalues of Pearson's r: M^2 / ||r||_F^2 over M features, M "
                "where all are independent.",
     .draw = lc_figure_points_correlation,
     .across = 1},
    {.name = "across_contexts",
     .number = "",
     .title = "Contexts across the sweep",
     .caption = "The points of a merged result against the axis of most values; other axes are panels, or lines where there "
                "is one site. Median over features of their strongest activation.",
     .draw = lc_figure_points_contexts,
     .across = 1},
    {.name = "entropy_activation",
     .number = "",
     .title = "Entropy by strength of activation",
     .caption = "Samples of a site in classes of equally many by activation f: mean H of each class at the mean of its "
                "ends. Bars: bootstrap 95 % interval over windows. Right axis: 2^H, the effective number of tokens.",
     .draw = lc_figure_entropy_activation},
    {.name = "entropy_position",
     .number = "",
     .title = "Entropy by readout position",
     .caption = "Mean H of the features read at each position of the window. Bars: bootstrap 95 % interval over windows. "
                "Black dashed: log2 of the tokens up to there, the most that H can be. Right axis: 2^H, the "
                "effective number of tokens.",
     .draw = lc_figure_entropy_position},
    {.name = "density",
     .number = "",
     .title = "Density of features",
     .caption = "p_i is the share of positions where feature i is active; dead features have none. Mean L0 is the sum "
                "of p_i.",
     .draw = lc_figure_density},
    {.name = "rank_frequency",
     .number = "",
     .title = "Activation probability against rank",
     .caption =
         "p_i of the live features, the most frequent first, both axes logarithmic. Line: least squares of log10 p "
         "on log10 rank, every live feature with the same weight.",
     .second = "rank_frequency_fit",
     .draw = lc_figure_rank_frequency},
    {.name = "location",
     .number = "",
     .title = "Where in the corpus and in the window features are active",
     .caption =
         "One dot a live feature: mean and population standard deviation of the positions where it is active. "
         "Cross: a feature spread evenly, mean (n - 1) / 2 and standard deviation sqrt((n^2 - 1) / 12) over n tokens "
         "from 0 on.",
     .draw = lc_figure_location},
    {.name = "correlation_distribution",
     .number = "",
     .title = "Distribution of correlations",
     .caption = "All pairs i < j of leading features, 60 bins from least to greatest; dashed: the mean; counts on a "
                "logarithmic axis. Pearson's r of activity where the result has it, else the covariance.",
     .second = "correlation_moments",
     .draw = lc_figure_correlation_distribution},
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

static void panels_begin(struct lc_bytes *script, int n, const int width[3], const int height[3], struct lc_err *err)
{
    int columns = n <= 1 ? 1 : n <= 4 ? 2 : 3, rows = (n + columns - 1) / columns;

    lc_plot_begin(script, width[columns - 1], height[columns - 1] * rows, columns, err);
    lc_bytes_printf(script, err, "set multiplot layout %d,%d\nset key off\nset title offset 0,-0.5\n", rows, columns);
}

void lc_panels_begin(struct lc_bytes *script, int n, struct lc_err *err)
{
    panels_begin(script, n, (const int[]){720, 900, 1080}, (const int[]){440, 305, 305}, err);
}

void lc_panels_begin_tall(struct lc_bytes *script, int n, struct lc_err *err)
{
    panels_begin(script, n, (const int[]){640, 900, 1080}, (const int[]){560, 420, 365}, err);
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
    return lc_panels_choose_most(v, has, LC_PANELS_MAX, site, sentence, err);
}

int lc_panels_choose_most(const struct lc_view *v, int (*has)(const struct lc_view_site *), int most, int64_t *site,
                          struct lc_bytes *sentence, struct lc_err *err)
{
    int64_t all = 0, panels, k = 0;
    int n = 0;

    for (int64_t i = 0; i < v->n_sites; i++)
        all += has(&v->site[i]) != 0;
    panels = all < most ? all : most;
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

double lc_plot_step(double x)
{
    double power = pow(10, floor(log10(x))), m = x / power;

    return power * (m <= 1.5 ? 1 : m <= 3.5 ? 2 : m <= 7.5 ? 5 : 10);
}

void lc_plot_boxes(struct lc_bytes *script, const struct lc_table *t, int64_t from, int64_t to,
                   int low_column, double base, const char *color, struct lc_err *err)
{
    int c = low_column;
    double most = 1;

    for (int64_t r = from; r < to; r++)
        most = fmax(most, lc_table_number(t, r, c + 1));
    if (base == 0) /* counts have no halves */
        lc_bytes_printf(script, err, "set ytics %g\n", most > 4 ? lc_plot_step(most / 4) : 1);
    lc_table_plot(t, "D", from, to, script, err);
    lc_bytes_printf(
        script, err,
        "plot $D using (0.5*($%d+$%d)):%d:%d:%d:(%g):($%d>0?$%d:%g) with boxxyerror lc rgb '%s' notitle\n", c,
        c + 1, c + 2, c, c + 1, base, c + 2, c + 2, base, color);
}

/* Cell of a value on an axis of n cells; values beyond its ends are in the outermost. */
static int64_t cell_on(const struct lc_axis *a, double x, int64_t n)
{
    double share = a->logarithmic ? log(x / a->low) / log(a->high / a->low) : (x - a->low) / (a->high - a->low);

    return !(share > 0) ? 0 : share >= 1 ? n - 1 : (int64_t)(share * (double)n);
}

void lc_plot_dots(struct lc_bytes *script, const struct lc_table *t, int64_t from, int x_column,
                  const struct lc_axis *x, int y_column, const struct lc_axis *y, struct lc_err *err)
{
    enum { CELLS_X = 240, CELLS_Y = 150 };
    int64_t n = lc_table_rows(t);
    unsigned char *taken = NULL;

    if (LC_ALLOC(&taken, CELLS_X * CELLS_Y, "a grid of dots", err) != LC_OK)
        return;
    lc_bytes_printf(script, err, "$D << EOD\n");
    for (int64_t i = from; i < n; i++) {
        double a = lc_table_number(t, i, x_column), b = lc_table_number(t, i, y_column);
        int64_t cell = cell_on(x, a, CELLS_X) * CELLS_Y + cell_on(y, b, CELLS_Y);
        if (!taken[cell] && isfinite(a) && isfinite(b))
            lc_bytes_printf(script, err, "%.6g %.6g\n", a, b);
        taken[cell] = 1;
    }
    lc_bytes_printf(script, err, "EOD\n");
    free(taken);
}

void lc_plot_tokens_axis(struct lc_bytes *script, char axis, struct lc_err *err)
{
    lc_bytes_printf(script, err,
                    "set link %c2 via 2**%c inverse log(%c)/log(2)\nset %c2label '2^H (tokens)'%s\nset border %d\n"
                    "set %c2tics (1,2,4,8,16,32,64,128,256,512,1024,2048,4096)\n",
                    axis, axis, axis, axis, axis == 'x' ? " offset 0,-0.6" : "", axis == 'x' ? 7 : 11, axis);
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
        const struct lc_result *own = v->site[i].part[LC_VIEW_INFLUENCE], *r = own ? own : v->site[i].part[LC_VIEW_VECTOR];
        struct lc_err ignored = LC_ERR_INIT;
        int64_t length = 0;
        int found;
        if (r && lc_result_get_int(r, NULL, NULL, "window_length", &length, &found, &ignored) == LC_OK && found)
            return length;
        if (a->data)
            return a->dim[1];
    }
    return 0;
}

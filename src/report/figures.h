/* figures.h - the figures of a report as a table: one row and one function each. Private to src/report;
 * sticky errors. */
#ifndef LC_REPORT_FIGURES_H
#define LC_REPORT_FIGURES_H

#include "plot.h"
#include "table.h"
#include "view.h"

/* What a figure puts out. */
struct lc_figure_out {
    struct lc_bytes script;   /* for gnuplot */
    struct lc_table table;    /* the numbers behind it */
    struct lc_table second;   /* of a second panel of another shape, where the figure has a name for it */
    struct lc_bytes sentence; /* plain text: what to see */
    struct lc_bytes html;     /* more under the figure; already escaped */
    char left_out[256];       /* not empty: nothing to draw, and why */
};

struct lc_figure {
    const char *name;   /* of its files */
    const char *number; /* in the paper; "" for none */
    const char *title;
    const char *caption; /* definitions of what is drawn */
    const char *second;  /* name of its second table; NULL: none */
    int (*draw)(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
    enum lc_view_choice choice; /* which influence it looks at where there are two */
    int across;                 /* of merged results alone: nobody misses it on the page of others */
};

extern const struct lc_figure lc_figures[];
extern const int lc_figures_count;

/* A new figure: its function here, its row in figures.c. */
int lc_figure_correlation_distribution(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_correlation_map(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_location(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_rank_frequency(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_depth(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_unique_tokens(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_density(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_profile(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_feature_entropies(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_entropy_layers(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_entropy_histograms(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_entropy_frequency(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_context_sweep(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_saturation(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_entropy_activation(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_entropy_position(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_points_influence(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_points_sparsity(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_points_correlation(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);
int lc_figure_points_contexts(const struct lc_view *v, struct lc_figure_out *out, struct lc_err *err);

/* Does mean entropy rise with depth, and do features reach less far than the token vector? Sentences, each a line; none
 * without influence. */
void lc_figure_verdict(const struct lc_view *v, struct lc_bytes *out, struct lc_err *err);

/* Where entropy saturates with context, as a line; none without a sweep. */
void lc_figure_saturation_verdict(const struct lc_view *v, struct lc_bytes *out, struct lc_err *err);

/* Say why nothing can be drawn. */
void lc_figure_leave_out(struct lc_figure_out *out, const char *why);

/* --- helpers shared by the figures --- */

enum { LC_BINS_MAX = 64, LC_PANELS_MAX = 12 };

/* A histogram with numpy's rules: bin k is [edge k, edge k+1), the last one closed. */
struct lc_bins {
    int n;
    double edge[LC_BINS_MAX + 1];
    int64_t count[LC_BINS_MAX];
};
/* Equal bins on a linear or logarithmic axis; a range of no width gets one of 1 (or a factor 2). */
void lc_bins_init(struct lc_bins *b, int n, double low, double high, int logarithmic);
void lc_bins_add(struct lc_bins *b, double x); /* ignored outside and when not finite */
/* Range of the finite values; 0 and 1 when there is none. */
void lc_bins_range(const double *x, int64_t n, double *low, double *high);

/* Many small plots on one sheet. */
void lc_panels_begin(struct lc_bytes *script, int n, struct lc_err *err);
/* The same with more height, for square plots and for those with an axis above. */
void lc_panels_begin_tall(struct lc_bytes *script, int n, struct lc_err *err);
/* At most LC_PANELS_MAX of the sites for which `has` holds, evenly chosen, into site[]; returns how many, and says so
 * when they are not all. */
int lc_panels_choose(const struct lc_view *v, int (*has)(const struct lc_view_site *), int64_t site[LC_PANELS_MAX],
                     struct lc_bytes *sentence, struct lc_err *err);
/* The same with a limit of its own. */
int lc_panels_choose_most(const struct lc_view *v, int (*has)(const struct lc_view_site *), int most, int64_t *site,
                          struct lc_bytes *sentence, struct lc_err *err);
void lc_panels_end(struct lc_bytes *script, struct lc_err *err);

/* Sites along x at 0, 1, ...: range, tics and axis label. */
void lc_site_axis(struct lc_bytes *script, const struct lc_view *v, struct lc_err *err);

/* Boxes of rows [from, to) whose columns low, high, count (numbers from 1) are a histogram; `base` is where
 * boxes stand. */
void lc_plot_boxes(struct lc_bytes *script, const struct lc_table *t, int64_t from, int64_t to,
                   int low_column, double base, const char *color, struct lc_err *err);

/* A step between tics near x > 0: 1, 2 or 5 times a power of ten. */
double lc_plot_step(double x);

/* Ends of an axis. */
struct lc_axis {
    double low, high;
    int logarithmic;
};
/* Rows from `from` to the last as block $D of two columns, taken from columns x and y (numbers from 0). Dots that fall
 * on one another are written once: with 30,000 features a page would be megabytes. */
void lc_plot_dots(struct lc_bytes *script, const struct lc_table *t, int64_t from, int x_column,
                  const struct lc_axis *x, int y_column, const struct lc_axis *y, struct lc_err *err);

/* Beside axis 'x' or 'y', which shows H in bits, a second one with 2^H, the effective number of tokens. */
void lc_plot_tokens_axis(struct lc_bytes *script, char axis, struct lc_err *err);

/* The site in the middle of those with features that have samples; NULL for none. */
const struct lc_view_site *lc_figure_middle_site(const struct lc_view *v);
/* Rows of its features group with most samples, ties by index; returns how many (at most n). */
int lc_figure_top_features(const struct lc_view_site *s, int n, int64_t *row);

/* window_length of the result that a site came from; 0 when not recorded. */
int64_t lc_figure_window_length(const struct lc_view *v);

#endif

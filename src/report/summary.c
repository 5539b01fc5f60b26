#include "summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "points.h"
#include "sweep.h"

static double vector_mean(const struct lc_view_site *s, enum lc_view_id id)
{
    return lc_view_stat_f64(lc_view_f64(s, id), lc_view_count(s, id)).mean;
}

/* Standard error of the mean over readouts whose own errors are given, each from random probes of its own. */
static double error_of_mean(const struct lc_view_site *s, enum lc_view_id id)
{
    const double *error = lc_view_f64(s, id);
    int64_t n = lc_view_count(s, id), finite = 0;
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        if (isfinite(error[i])) {
            sum += error[i] * error[i];
            finite++;
        }
    return finite > 0 ? sqrt(sum) / (double)finite : (double)NAN;
}

static void summary_influence(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {
        "site", "samples", "degenerate",       "features",    "feature_mean_bits",
        "low",  "high",    "window_mean_bits", "pooled_bits", "effective_tokens",
        NULL};

    lc_table_begin(t, columns);
    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        const struct lc_view_summary *m = s->mean;
        if (s->part[LC_VIEW_INFLUENCE])
            lc_table_row(t, err, "siiirrrrrr", s->name, lc_view_count(s, LC_VIEW_S_ENTROPY), s->degenerate,
                         lc_view_count(s, LC_VIEW_F_MEAN), m[LC_VIEW_FEATURE_MEAN].value,
                         m[LC_VIEW_FEATURE_MEAN].low, m[LC_VIEW_FEATURE_MEAN].high,
                         m[LC_VIEW_WINDOW_MEAN].value, m[LC_VIEW_POOLED].value,
                         exp2(m[LC_VIEW_FEATURE_MEAN].value));
    }
}

static void summary_token_vector(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {
        "site",         "readouts", "residual_bits", "residual_estimate_bits", "estimate_se",     "reconstruction_bits",
        "share_explained", "share_low", "share_high",  "share_n",              "profile_overlap", "overlap_low",
        "overlap_high", "overlap_n", NULL};

    lc_table_begin(t, columns);
    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        int64_t a = lc_view_count(s, LC_VIEW_RESIDUAL_ENTROPY),
                b = lc_view_count(s, LC_VIEW_RECONSTRUCTION_ENTROPY), c = lc_view_count(s, LC_VIEW_ESTIMATE_ENTROPY);
        if (a > 0 || b > 0 || c > 0)
            lc_table_row(t, err, "sirrrrrrrirrri", s->name, a > 0 ? a : b > 0 ? b : c,
                         vector_mean(s, LC_VIEW_RESIDUAL_ENTROPY), vector_mean(s, LC_VIEW_ESTIMATE_ENTROPY),
                         error_of_mean(s, LC_VIEW_ESTIMATE_SE), vector_mean(s, LC_VIEW_RECONSTRUCTION_ENTROPY),
                         s->share.value, s->share.low, s->share.high, s->share.n, s->overlap.value, s->overlap.low,
                         s->overlap.high, s->overlap.n);
    }
}

static void summary_sparsity(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {"site",    "features", "live",      "dead", "activations",
                                          "mean_L0", "tokens",   "threshold", NULL};

    lc_table_begin(t, columns);
    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        const int64_t *count = lc_view_i64(s, LC_VIEW_COUNT);
        const double *p = lc_view_f64(s, LC_VIEW_FREQUENCY);
        int64_t n = lc_view_count(s, LC_VIEW_COUNT), live = 0, sum = 0, tokens = 0;
        double l0 = 0, threshold = NAN;
        int found;
        if (!s->part[LC_VIEW_SPARSITY])
            continue;
        for (int64_t k = 0; k < n; k++) {
            live += count[k] > 0;
            sum += count[k];
            l0 += p ? p[k] : NAN;
        }
        lc_result_get_int(s->part[LC_VIEW_SPARSITY], "sites/SITE/sparsity", s->name, "n_tokens", &tokens, &found, err);
        lc_result_get_real(s->part[LC_VIEW_SPARSITY], "sites/SITE/sparsity", s->name, "threshold", &threshold, &found, err);
        lc_table_row(t, err, "siiiirir", s->name, n, live, n - live, sum, l0, tokens, threshold);
    }
}

static void points_of(const struct lc_view *v, enum lc_points_kind kind, struct lc_table *t, struct lc_err *err)
{
    struct lc_points p;

    lc_points_read(&p, v, kind, err);
    lc_points_table(&p, t, err);
    lc_points_release(&p);
}

static void points_influence(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    points_of(v, LC_POINTS_INFLUENCE, t, err);
}

static void points_sparsity(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    points_of(v, LC_POINTS_SPARSITY, t, err);
}

static void points_correlation(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    points_of(v, LC_POINTS_CORRELATION, t, err);
}

static void points_contexts(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    points_of(v, LC_POINTS_CONTEXTS, t, err);
}

const struct lc_summary_table lc_summary_tables[] = {
    {"summary_influence", "Influence, by site",
     "Entropies in bits; low and high: bootstrap 95 % interval of feature_mean; effective tokens: "
     "2^feature_mean; degenerate samples "
     "(no influence, or not finite) are counted and never averaged in.",
     summary_influence},
    {"summary_token_vector", "Token vectors, by site",
     "Mean entropies in bits; estimate se: standard error of the estimated residual's mean, of its random probes; share explained: sum of the reconstruction's influence over the residual's; "
     "profile overlap: sum over "
     "positions of the lesser of the two shares; means over readouts; low and high: bootstrap 95 % interval over windows; "
     "n: readouts with both.",
     summary_token_vector},
    {"summary_sparsity", "Sparsity, by site", "Mean L0: sum of activation probabilities; dead: never active.",
     summary_sparsity},
    {"summary_sweep", "Sweep over window lengths, by site",
     "feature_mean of the entropy at each window length T, in bits, with its bootstrap 95 % interval; n: features.",
     lc_sweep_means},
    {"summary_saturation", "Saturation with context, by site",
     "Least window length, in tokens, at which mean entropy reaches 95 % of its value at the longest: of the mean over "
     "the features that have samples at every length, and of each feature, summarised over those that have such a length.",
     lc_sweep_saturation},
    {"points_influence", "Influence across the sweep",
     "At each point: the mean entropy that leads there, in bits, by its definition, with its bootstrap 95 % interval over "
     "windows; n: what it is a mean over; mean entropies of the token vectors over readouts.",
     points_influence},
    {"points_sparsity", "Sparsity across the sweep",
     "At each point: features that are ever active; mean L0: activations per token; median p: of the activation "
     "probabilities of live features.",
     points_sparsity},
    {"points_correlation", "Correlation across the sweep",
     "At each point: leading features, and the participation ratio of their Pearson matrix.", points_correlation},
    {"points_contexts", "Contexts across the sweep",
     "At each point: features that have contexts, contexts, and the median over features of their strongest activation.",
     points_contexts},
    {"comparison_definitions", "Side by side",
     "Results of one job and choice of features, each beside the first of its kind: by which definitions, and what comes "
     "out.",
     lc_compare_sides},
    {"comparison_pairs", "Paired differences",
     "Second minus first over what both have (the same windows, readouts and, with the same SAE, features): mean and sd "
     "over windows, low and high: bootstrap 95 % interval over windows.",
     lc_compare_pairs},
};
const int lc_summary_table_count = sizeof lc_summary_tables / sizeof lc_summary_tables[0];

/* Attributes of the file that readers must know. */
static const struct {
    const char *key;
    char kind; /* s text, i integer, r real */
    const char *what;
} keys[] = {
    {"job", 's', "job"},
    {"definitions", 's', "definitions"},
    {"threshold", 'r', "threshold: active is f > this"},
    {"sae_bias", 's', "bias of the SAE"},
    {"window_length", 'i', "window length T (tokens)"},
    {"readout", 's', "readout position"},
    {"features", 's', "which features"},
    {"summary", 's', "mean entropy that leads"},
    {"source", 's', "source"},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

const int lc_definition_count = KEYS;

const char *lc_definition_name(int k)
{
    return keys[k].what;
}

int lc_definition_is_long(int k)
{
    return strcmp(keys[k].key, "definitions") == 0;
}

char *lc_definition_text(const struct lc_result *r, int k, struct lc_err *err)
{
    char number[32] = "", *text = NULL;
    int64_t integer;
    double real;
    int found = 0;

    if (keys[k].kind == 's') {
        lc_result_get_text(r, NULL, NULL, keys[k].key, &text, err);
        return text;
    }
    if (keys[k].kind == 'i') {
        if (lc_result_get_int(r, NULL, NULL, keys[k].key, &integer, &found, err) == LC_OK && found)
            snprintf(number, sizeof number, "%" PRId64, integer);
    } else if (lc_result_get_real(r, NULL, NULL, keys[k].key, &real, &found, err) == LC_OK && found) {
        snprintf(number, sizeof number, "%.9g", real);
    }
    if (number[0])
        lc_strdup(&text, number, err);
    return text;
}

void lc_summary_definitions(const struct lc_result *r, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {"what", "value", NULL};

    lc_table_begin(t, columns);
    for (int k = 0; k < KEYS; k++) {
        char *text = lc_definition_text(r, k, err);
        if (text)
            lc_table_row(t, err, "ss", keys[k].what, text);
        free(text);
    }
}

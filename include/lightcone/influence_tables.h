/* influence_tables.h - the groups of an influence result from sorted samples: what a job finds and what published files
 * tell are written alike. Every function puts datasets or attributes of sites/SITE/influence and fails as
 * lc_result_put() does. */
#ifndef LC_INFLUENCE_TABLES_H
#define LC_INFLUENCE_TABLES_H

#include <stdint.h>

#include "lightcone/results.h"
#include "lightcone/samples.h"
#include "lightcone/sweep.h"

enum { LC_ENTROPY_BINS = 32, LC_BOOTSTRAP_ROUNDS = 1000 };

/* Statistics of the M features that have enough samples that are not degenerate. */
struct lc_feature_table {
    int64_t count, length;             /* M; T */
    int32_t *feature;                  /* [M] ascending */
    int64_t *samples;                  /* [M] */
    double *entropy_mean, *entropy_sd; /* [M] bits; population sd */
    int64_t *histogram;                /* [M, LC_ENTROPY_BINS] of entropy over [0, log2 T] */
    double *profile_mean, *profile_sd; /* [M, T] of J; 0 until the caller fills them */
};

/* Samples of features in [0, 2^31); those with fewer than `least` (and none) are left out. `length` is T. */
int lc_feature_table_init(struct lc_feature_table *t, const struct lc_samples *s, int64_t least, int64_t length,
                          struct lc_err *err);
void lc_feature_table_release(struct lc_feature_table *t);
/* Row of a feature, or -1. */
int64_t lc_feature_table_row(const struct lc_feature_table *t, int64_t feature);
/* Fill profile_mean and profile_sd (population) from the profiles that the samples kept. */
void lc_feature_table_profiles(struct lc_feature_table *t, const struct lc_samples *s);

/* samples/...; profile where the log keeps them. */
int lc_influence_put_samples(struct lc_result *r, const char *site, const struct lc_samples *s, struct lc_err *err);
/* features/... */
int lc_influence_put_features(struct lc_result *r, const char *site, const struct lc_feature_table *t,
                              struct lc_err *err);
/* windows/...: the samples of the table's features; window in [0, windows). */
int lc_influence_put_windows(struct lc_result *r, const char *site, const struct lc_samples *s,
                             const struct lc_feature_table *t, int64_t windows, struct lc_err *err);
/* Summaries of sorted samples of the table's features; position[positions] as in struct lc_summary_rule. Where the windows
 * are not known (all -1) the intervals mean nothing. On success release with lc_summaries_release(). */
int lc_influence_summarise(const struct lc_samples *s, const struct lc_feature_table *t, const int64_t *position,
                           int64_t positions, uint64_t seed, struct lc_summaries *out, struct lc_err *err);
/* Attributes NAME, NAME_sd, NAME_low, NAME_high and NAME_n; no _sd where values have none (a ratio of sums), no _low and
 * _high without `interval`. */
int lc_influence_put_summary(struct lc_result *r, const char *site, const char *name, const struct lc_summary *x,
                             unsigned interval, struct lc_err *err);
/* With the windows known: window_mean and all intervals. With spreads: participation_... and renyi2_... */
enum { LC_WITH_WINDOWS = 1, LC_WITH_SPREADS = 2 };
/* Attributes pooled, window_mean, feature_mean, participation_..., renyi2_..., and degenerate. */
int lc_influence_put_summaries(struct lc_result *r, const char *site, const struct lc_summaries *x, unsigned with,
                               struct lc_err *err);
/* by_activation/... and by_position/... */
int lc_influence_put_groups(struct lc_result *r, const char *site, const struct lc_summaries *x, struct lc_err *err);
/* token_vector/KIND/...: one sample a readout; KIND is residual, reconstruction or residual_estimate. */
int lc_influence_put_vector(struct lc_result *r, const char *site, const char *kind, const struct lc_samples *s,
                            struct lc_err *err);
/* The standard errors beside residual_estimate: profiles, and entropies in spread.entropy. */
int lc_influence_put_errors(struct lc_result *r, const char *site, const struct lc_samples *s, struct lc_err *err);
/* sweep/... of the site, and its attributes, at the root of a result of several points. */
int lc_influence_put_sweep(struct lc_result *r, const char *site, const struct lc_sweep *s, struct lc_err *err);

#endif

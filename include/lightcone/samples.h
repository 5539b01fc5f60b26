/* samples.h - a mergeable log of influence samples, and what is derived from it once it is complete and sorted. */
#ifndef LC_SAMPLES_H
#define LC_SAMPLES_H

#include <stdint.h>

#include "lightcone/bootstrap.h"
#include "lightcone/err.h"
#include "lightcone/memory.h"
#include "lightcone/spread.h"

/* One active feature at one readout. Plain data. */
struct lc_sample {
    int64_t window, position; /* key, with feature */
    int64_t feature;
    int64_t profile; /* index of its profile among those kept, or -1; set by the log */
    double activation;
    struct lc_spread spread;
};

/* Zeroed is empty and valid. With profile_length > 0 every sample brings J[profile_length]. */
struct lc_samples {
    struct lc_sample *item;
    int64_t count, room;
    float *profile; /* [count, profile_length] */
    int64_t profile_length;
};

void lc_samples_release(struct lc_samples *s);
/* j[n] is padded with zeros to the profile length; ignored when profiles are not kept. */
int lc_samples_add(struct lc_samples *s, const struct lc_sample *sample, const double *j, int64_t n,
                   struct lc_err *err);
/* Order by (window, position, feature); keys are unique. */
void lc_samples_sort(struct lc_samples *s);
/* In key order (sorts): the same bytes in whatever order the samples came. */
int lc_samples_save(struct lc_samples *s, struct lc_bytes *out, struct lc_err *err);
int lc_samples_merge(struct lc_samples *s, struct lc_reader *in, struct lc_err *err);

enum { LC_STRENGTHS = 10 }; /* classes of activation */

/* What takes part in the summaries of a log, and how often it is resampled. */
struct lc_summary_rule {
    const int32_t *feature; /* [features] those that take part, ascending; NULL: every one in [0, features) */
    int64_t features;
    const int64_t *position; /* [positions] every readout position of the log, ascending; none: no groups of them */
    int64_t positions;
    uint64_t seed;
    int64_t rounds;
};

/* Samples of one class of activation, or of one readout position. */
struct lc_sample_group {
    double least, greatest; /* activations; of a class */
    int64_t position;       /* of a readout position */
    struct lc_summary entropy;
};

/* Means of entropy over sorted samples, degenerate ones left out: pooled (samples), window_mean (window means),
 * feature_mean (feature means); of participation ratio and Renyi-2 entropy the first and the last. `strength`: samples by
 * ascending activation (ties in the order of the log), cut into LC_STRENGTHS classes, rank r of n into class
 * floor(r LC_STRENGTHS / n): sizes differ by one at most; with fewer samples than classes a class each. `readout`: samples
 * by position. All intervals are over the same seeded resamplings of the windows that have samples. */
struct lc_summaries {
    struct lc_summary pooled, window_mean, feature_mean;                  /* bits */
    struct lc_summary participation_pooled, participation_feature_mean;   /* tokens */
    struct lc_summary renyi2_pooled, renyi2_feature_mean;                 /* bits */
    int64_t degenerate;
    struct lc_sample_group *strength, *readout; /* owned */
    int64_t strengths, readouts;
};
/* On success release with lc_summaries_release(). */
int lc_samples_summarise(const struct lc_samples *s, const struct lc_summary_rule *rule, struct lc_summaries *out,
                         struct lc_err *err);
void lc_summaries_release(struct lc_summaries *s);

/* Over readouts: entropies of the token vectors; the share explained, sum R_reconstruction / sum R_residual, as mean of
 * every readout's ratio and as one ratio of sums (its sd is NaN); the overlap of the two profiles, sum_t' min(P, P'). */
struct lc_vector_summaries {
    struct lc_summary residual_entropy, reconstruction_entropy, estimate_entropy, share, share_of_sums, overlap;
};
/* Of sorted logs of the same readouts with their profiles; any may be empty (count 0 in what needs it).
 * `before`: places of a profile before position 0, 1 with a BOS. */
int lc_vectors_summarise(const struct lc_samples *residual, const struct lc_samples *reconstruction,
                         const struct lc_samples *estimate, int64_t before, uint64_t seed, int64_t rounds,
                         struct lc_vector_summaries *out, struct lc_err *err);

#endif

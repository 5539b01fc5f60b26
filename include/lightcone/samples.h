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
int lc_samples_save(const struct lc_samples *s, struct lc_bytes *out, struct lc_err *err);
int lc_samples_merge(struct lc_samples *s, struct lc_reader *in, struct lc_err *err);

/* The three means of entropy over sorted samples, degenerate ones left out: pooled (samples), window_mean (window
 * means), feature_mean (feature means). All NaN and count 0 when there is no sample. `kept[feature]`: take part in all;
 * NULL: every feature. The intervals: spread of the means over `rounds` seeded
 * resamplings of the windows that have samples, centred on the estimate. */
struct lc_summaries {
    struct lc_summary pooled, window_mean, feature_mean;
    int64_t degenerate;
};
int lc_samples_summarise(const struct lc_samples *s, const unsigned char *kept, int64_t features, uint64_t seed,
                         int64_t rounds, struct lc_summaries *out, struct lc_err *err);

#endif

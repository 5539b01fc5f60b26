/* positions.h - where features are active: mergeable counts, moments and histograms of the position in the window and
 * of the position in the corpus. Integers throughout. */
#ifndef LC_POSITIONS_H
#define LC_POSITIONS_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/memory.h"

enum { LC_POSITION_BINS = 64 }; /* a bit each in what is saved */

/* Of one feature that was seen. 128-bit sums as two words, least significant first. */
struct lc_position_count {
    int64_t count;
    uint64_t sum[2], squares[2];               /* position in the window */
    uint64_t corpus_sum[2], corpus_squares[2]; /* stream index */
    int64_t bin[LC_POSITION_BINS], corpus_bin[LC_POSITION_BINS];
};

struct lc_positions {
    int64_t features, length, bins;   /* bins = min(length, LC_POSITION_BINS) of equal width over [0, length) */
    int64_t first, last, corpus_bins; /* bins over the stream indices [first, last), by the same rule */
    struct lc_position_count **item;  /* [features], NULL until the feature is seen */
};

/* Positions are in [0, length), stream indices in [first, last); both ranges hold at least one. What is merged must have
 * been made with the same four numbers. */
int lc_positions_init(struct lc_positions *p, int64_t features, int64_t length, int64_t first, int64_t last,
                      struct lc_err *err);
void lc_positions_release(struct lc_positions *p);

int lc_positions_add(struct lc_positions *p, int32_t feature, int64_t position, int64_t stream_index,
                     struct lc_err *err);

/* Mean and population standard deviation, in the window and in the corpus; NaN for a feature never seen. */
void lc_positions_moments(const struct lc_positions *p, int64_t feature, double *mean, double *sd, double *corpus_mean,
                          double *corpus_sd);

int lc_positions_save(const struct lc_positions *p, struct lc_bytes *out, struct lc_err *err);
int lc_positions_merge(struct lc_positions *p, struct lc_reader *in, struct lc_err *err);

#endif

/* counts.h - a mergeable count of (feature, token) pairs, N(i,a), and the stream index at which each was first seen. */
#ifndef LC_COUNTS_H
#define LC_COUNTS_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/memory.h"

struct lc_count {
    uint64_t key;   /* feature << 32 | token */
    int64_t count;  /* > 0 in a used slot */
    int64_t first;  /* least stream index */
};

/* Zeroed is empty and valid; merging is associative and commutative. */
struct lc_counts {
    struct lc_count *slot; /* open addressing, room a power of two */
    int64_t used, room;
};

void lc_counts_release(struct lc_counts *c);
int lc_counts_add(struct lc_counts *c, int32_t feature, int32_t token, int64_t count, int64_t first,
                  struct lc_err *err);

/* All used slots by ascending key, in an array that the caller frees. */
int lc_counts_sorted(const struct lc_counts *c, struct lc_count **out, struct lc_err *err);

/* Entropy in bits of count[n] / sum, every count > 0: H_vocab of a feature's tokens. NaN for n 0. */
double lc_counts_entropy(const int64_t *count, int64_t n);

/* In no order that means anything. */
int lc_counts_save(const struct lc_counts *c, struct lc_bytes *out, struct lc_err *err);
/* Add what was saved. */
int lc_counts_merge(struct lc_counts *c, struct lc_reader *in, struct lc_err *err);

#endif

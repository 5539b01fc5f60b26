/* random.h - counter-based random numbers: value k of a stream is a function of (seed, stream, k) alone,
 * so the same draw comes out on any rank and in any order. */
#ifndef LC_RANDOM_H
#define LC_RANDOM_H

#include <stdint.h>

/* 64 uniform bits (Philox4x32-10: Salmon et al., SC 2011). */
uint64_t lc_random_bits(uint64_t seed, uint64_t stream, uint64_t counter);

/* Uniform in [0, n), n >= 1, by multiply-shift (bias below n / 2^64). */
uint64_t lc_random_below(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t n);

#endif

/* avx512.h - what kernels for AVX-512 share; private to linalg. */
#ifndef LC_LINALG_AVX512_H
#define LC_LINALG_AVX512_H

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

/* The first n of 16 numbers; none where n is not positive. */
static inline __mmask16 lc_mask16(int64_t n)
{
    return (__mmask16)(n >= 16 ? 0xffffu : n > 0 ? (1u << n) - 1u : 0u);
}
#endif

#endif

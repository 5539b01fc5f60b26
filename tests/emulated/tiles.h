/* tiles.h - Intel's AMX without the CPU: src/linalg/amx*.c are compiled a second time with -include of this, for the tests,
 * and run wherever AVX-512 does. Eight tiles in memory, which follow Intel's pseudo-code; the conversions to bfloat16 are
 * replaced as well, since AVX-512 is older than they are. Released programs hold none of this. */
#ifndef LC_TEST_TILES_H
#define LC_TEST_TILES_H

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

#define EMULATED __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

void emulated_loadconfig(const void *config);
void emulated_release(void);
void emulated_zero(int tile);
void emulated_loadd(int tile, const void *from, int64_t stride);
void emulated_stored(int tile, void *to, int64_t stride);
void emulated_dpbf16ps(int sum, int left, int right);

/* VCVTNEPS2BF16: to the nearest, ties to even; denormal numbers become zeros of their sign, what is no number stays so. */
EMULATED static inline __m256i emulated_cvtneps_pbh(__m512 x)
{
    __m512i bits = _mm512_castps_si512(x), odd = _mm512_and_epi32(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i near = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);

    near = _mm512_mask_and_epi32(near, _mm512_fpclass_ps_mask(x, 0x20), bits, _mm512_set1_epi32(INT32_MIN));
    near = _mm512_mask_or_epi32(near, _mm512_fpclass_ps_mask(x, 0x81), bits, _mm512_set1_epi32(1 << 22));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(near, 16));
}

EMULATED static inline __m512i emulated_cvtne2ps_pbh(__m512 high, __m512 low)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(emulated_cvtneps_pbh(low)), emulated_cvtneps_pbh(high), 1);
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stream_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _mm512_cvtneps_pbh
#undef _mm512_cvtne2ps_pbh
#define _tile_loadconfig emulated_loadconfig
#define _tile_release emulated_release
#define _tile_zero emulated_zero
#define _tile_loadd emulated_loadd
#define _tile_stream_loadd emulated_loadd
#define _tile_stored emulated_stored
#define _tile_dpbf16ps emulated_dpbf16ps
#define _mm512_cvtneps_pbh emulated_cvtneps_pbh
#define _mm512_cvtne2ps_pbh emulated_cvtne2ps_pbh
#endif

#endif

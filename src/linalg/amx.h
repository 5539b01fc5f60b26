/* amx.h - what the kernels for Intel's AMX share. Tiles are 16 rows of 64 bytes: 32 bfloat16 of a left factor, 16 pairs of a
 * right one (two consecutive numbers of one column stand together), 16 float32 of a sum. */
#ifndef LC_LINALG_AMX_H
#define LC_LINALG_AMX_H

#include "avx512.h"
#include "isa.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define LC_AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

/* Rows and columns of a block of four sums; width of a step; bytes of a tile, and of the two of one factor in a step. */
enum { LC_SIDE = 32, LC_STEP = 32, LC_TILE = 1024, LC_PAIR = 2 * LC_TILE };

static inline int64_t lc_amx_steps(int64_t width)
{
    return (width + LC_STEP - 1) / LC_STEP;
}

static inline int64_t lc_amx_blocks(int64_t n)
{
    return (n + LC_SIDE - 1) / LC_SIDE;
}

/* Does the CPU have it, and does the system let this process use it? */
int lc_amx_is_there(void);
/* All eight tiles. Follows every call of another library; lc_amx_end() when done. */
void lc_amx_begin(void);
void lc_amx_end(void);

/* The first n of 32 numbers, zeros behind them. */
LC_AMX static inline void lc_amx_load32(const float *x, int64_t n, __m512 out[2])
{
    out[0] = _mm512_maskz_loadu_ps(lc_mask16(n), x);
    out[1] = _mm512_maskz_loadu_ps(lc_mask16(n - 16), x + 16);
}

/* Rounded to bfloat16, which is returned; x becomes what is lost, rounded[] what is kept. */
LC_AMX static inline __m512i lc_amx_split32(__m512 x[2], __m512 rounded[2])
{
    __m512i packed = (__m512i)_mm512_cvtne2ps_pbh(x[1], x[0]);

    rounded[0] = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(packed)), 16));
    rounded[1] = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(packed, 1)), 16));
    x[0] = _mm512_sub_ps(x[0], rounded[0]);
    x[1] = _mm512_sub_ps(x[1], rounded[1]);
    return packed;
}

/* 32 numbers of one column into column i of the tiles of a step. */
LC_AMX static inline void lc_amx_put_column(uint8_t *step, int64_t i, __m512i packed)
{
    uint32_t pair[16];

    _mm512_storeu_si512(pair, packed);
    for (int64_t k = 0; k < 16; k++)
        __builtin_memcpy(step + i / 16 * LC_TILE + k * 64 + i % 16 * 4, &pair[k], 4);
}

/* The sums of a 32 x 32 block in tiles 0 to 3: from zero, and into sums[32, 32]. */
LC_AMX static inline void lc_amx_sum_begin(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

LC_AMX static inline void lc_amx_sum_end(float *sums)
{
    _tile_stored(0, sums, 4 * LC_SIDE);
    _tile_stored(1, sums + 16, 4 * LC_SIDE);
    _tile_stored(2, sums + 16 * LC_SIDE, 4 * LC_SIDE);
    _tile_stored(3, sums + 16 * LC_SIDE + 16, 4 * LC_SIDE);
    __asm__ volatile("" ::: "memory"); /* the intrinsics do not say what they write */
}

int64_t lc_amx_screen_packed_bytes(int64_t features, int64_t width);
void lc_amx_screen_pack(void *packed, const float *w, int64_t features, int64_t width);
int64_t lc_amx_screen_scratch_bytes(int64_t rows, int64_t width);
int lc_amx_screen(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err);

int64_t lc_amx_factor_bytes(int64_t depth, int64_t columns, int parts);
void lc_amx_factor_pack(void *packed, const struct lc_strided *b, int64_t depth, int64_t columns, int parts);
int64_t lc_amx_factor_scratch_bytes(void);
void lc_amx_factor(const struct lc_factor_call *p);
#endif

#endif

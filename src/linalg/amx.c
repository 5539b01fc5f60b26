/* amx.c - kernels for Intel's AMX: products of bfloat16 tiles, 16 x 32 by 32 x 16, summed in float32.
 *
 * Screening: weights stand as panels of 32 features, each a row of tile pairs over the width; rows x as blocks of 32 rows
 * likewise. A panel stays in L1 while the blocks pass by from L2, and the 32 x 32 sums are compared as they leave the
 * tiles. With x = x' + dx and w = w' + dw, primes the bfloat16 forms,
 *     |w.x - z'| <= |w||dx| + |dw||x'| + gamma |w'||x'| <= |w| (|dx| + ratio |x'| + gamma (1 + ratio) |x'|)
 * where z' is what the tiles sum up, in any order, and ratio the largest |dw| / |w| of any feature. Products and sums
 * below 2^-126 are flushed to zero, which the 2^-100 that the caller leaves in its floors covers. */
#define _DEFAULT_SOURCE /* syscall() */
#include "isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

enum { SIDE = 32, STEP = 32, TILE = 1024, PAIR = 2 * TILE }; /* rows of a block; width of a step; bytes of a tile, of two */
enum { L2_BYTES = 1 << 20 };                                  /* of x that is kept near */
enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

/* What stands before the packed weights. */
struct header {
    float ratio;
    char pad[60];
};

static int amx_is_there(void)
{
    unsigned a, b, c, d, e7a;

    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bf16"))
        return 0;
    __asm__("cpuid" : "=a"(e7a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
    a = d >> 22 & d >> 24 & 1; /* AMX-BF16 and AMX-TILE */
    return a && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

/* All eight tiles of 16 rows of 64 bytes. Constant: the intrinsic tells the compiler of its first bytes only. */
AMX static void configure(void)
{
    static const struct {
        uint8_t palette, start, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } all = {.palette = 1,
             .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
             .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

    _tile_loadconfig(&all);
}

static int64_t steps_of(int64_t width)
{
    return (width + STEP - 1) / STEP;
}

static int64_t blocks_of(int64_t n)
{
    return (n + SIDE - 1) / SIDE;
}

static int64_t amx_packed_bytes(int64_t features, int64_t width)
{
    return (int64_t)sizeof(struct header) + blocks_of(features) * steps_of(width) * PAIR;
}

static int64_t amx_scratch_bytes(int64_t rows, int64_t width)
{
    int64_t room = blocks_of(rows) * steps_of(width) * PAIR;

    return room + 2 * ((blocks_of(rows) * SIDE * (int64_t)sizeof(float) + 63) / 64 * 64) + 64;
}

/* 32 numbers to bfloat16, the last ones 0 where `n` is less; *error gains the squares of what was lost, *size those of what
 * is left. */
AMX static __m512i to_bf16(const float *x, int64_t n, __m512d *error, __m512d *size)
{
    __mmask16 low = n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1), high = n >= 32 ? 0xffff : n > 16 ? (__mmask16)((1u << (n - 16)) - 1) : 0;
    __m512 a = _mm512_maskz_loadu_ps(low, x), b = _mm512_maskz_loadu_ps(high, x + 16);
    __m512i packed = (__m512i)_mm512_cvtne2ps_pbh(b, a);
    __m512 a1 = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(packed)), 16));
    __m512 b1 = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(packed, 1)), 16));
    const __m512 part[2] = {a, b}, rounded[2] = {a1, b1};

    for (int k = 0; k < 2; k++)
        for (int half = 0; half < 2; half++) {
            __m512d x8 = _mm512_cvtps_pd(half ? _mm512_extractf32x8_ps(part[k], 1) : _mm512_castps512_ps256(part[k]));
            __m512d r8 = _mm512_cvtps_pd(half ? _mm512_extractf32x8_ps(rounded[k], 1) : _mm512_castps512_ps256(rounded[k]));
            __m512d lost = _mm512_sub_pd(x8, r8);
            *error = _mm512_fmadd_pd(lost, lost, *error);
            *size = _mm512_fmadd_pd(r8, r8, *size);
        }
    return packed;
}

/* A row of weights goes into column `i` of its panel's tiles: pairs of consecutive numbers stand together. */
AMX static double pack_row(uint8_t *panel, int64_t i, const float *w, int64_t width)
{
    __m512d error = _mm512_setzero_pd(), size = _mm512_setzero_pd();
    double lost, left;

    for (int64_t s = 0; s < steps_of(width); s++) {
        __m512i packed = to_bf16(w + s * STEP, width - s * STEP, &error, &size);
        uint32_t pair[16];
        _mm512_storeu_si512(pair, packed);
        for (int64_t k = 0; k < 16; k++)
            memcpy(panel + s * PAIR + i / 16 * TILE + k * 64 + i % 16 * 4, &pair[k], 4);
    }
    lost = sqrt(_mm512_reduce_add_pd(error));
    left = sqrt(_mm512_reduce_add_pd(size));
    return lost == 0.0 ? 0.0 : lost / fmax(left - lost, 0.0); /* |w| >= |w'| - |dw| */
}

static void amx_pack(void *packed, const float *w, int64_t features, int64_t width)
{
    int64_t bytes = steps_of(width) * PAIR;
    struct header *h = packed;
    uint8_t *panel = (uint8_t *)(h + 1);
    double ratio = 0.0;

    memset(panel, 0, (size_t)(blocks_of(features) * bytes));
    for (int64_t i = 0; i < features; i++)
        ratio = fmax(ratio, pack_row(panel + i / SIDE * bytes, i % SIDE, w + i * width, width));
    h->ratio = (float)(ratio * 1.000001);
}

/* Rows x as tiles, and what one unit of |w| may add to a sum: +inf where float32 might overflow. */
AMX static void pack_rows(const struct lc_screen *s, double ratio, double most, uint8_t *tiles, float *slack)
{
    int64_t d = s->width, steps = steps_of(d);
    double gamma = lc_sum_gamma(d);

    memset(tiles + (blocks_of(s->rows) - 1) * steps * PAIR, 0, (size_t)(steps * PAIR));
    for (int64_t r = 0; r < s->rows; r++) {
        __m512d error = _mm512_setzero_pd(), size = _mm512_setzero_pd();
        uint8_t *row = tiles + r / SIDE * steps * PAIR + r % SIDE / 16 * TILE + r % 16 * 64;
        double lost, left;
        for (int64_t k = 0; k < steps; k++)
            _mm512_store_si512(row + k * PAIR, to_bf16(s->x + r * d + k * STEP, d - k * STEP, &error, &size));
        lost = sqrt(_mm512_reduce_add_pd(error));
        left = sqrt(_mm512_reduce_add_pd(size));
        slack[r] = (float)((lost + ratio * left + gamma * (1.0 + ratio) * (left + lost) * 2.0) * 1.000001);
        if (!((left + lost) * most * (1.0 + ratio) < 1e37))
            slack[r] = INFINITY;
    }
    for (int64_t r = s->rows; r < blocks_of(s->rows) * SIDE; r++)
        slack[r] = -INFINITY;
}

/* sums[32, 32] = a block of rows times a panel of features. The panel shall stay in L1: rows come by stream loads, and
 * every other block goes the other way through the width, so that it begins with what was used last. */
AMX static inline void multiply(const uint8_t *rows, const uint8_t *panel, int64_t steps, int backwards, float *sums)
{
    int64_t step = backwards ? -PAIR : PAIR;

    rows += backwards ? (steps - 1) * PAIR : 0;
    panel += backwards ? (steps - 1) * PAIR : 0;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < steps; k++, rows += step, panel += step) {
        _tile_stream_loadd(4, rows, 64);
        _tile_loadd(6, panel, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, panel + TILE, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_stream_loadd(5, rows + TILE, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, 128);
    _tile_stored(1, sums + 16, 128);
    _tile_stored(2, sums + 16 * SIDE, 128);
    _tile_stored(3, sums + 16 * SIDE + 16, 128);
    __asm__ volatile("" ::: "memory"); /* the intrinsics do not say what they write */
}

struct sweep {
    const struct lc_screen *s;
    struct lc_candidates *out;
    const float *slack;
    __m512 norm[2], floor[2];
    int64_t feature; /* first of the panel */
};

/* Not "<=", so that what is no number is looked at as well. */
AMX static inline int compare(const struct sweep *w, const float *sums, int64_t row, int64_t rows, struct lc_err *err)
{
    struct lc_candidates *out = w->out;

    if (lc_candidates_reserve(out, SIDE * SIDE, err) != LC_OK)
        return err->code;
    for (int64_t r = 0; r < rows; r++) {
        __m512 slack = _mm512_set1_ps(w->slack[row + r]);
        __m512 low = _mm512_fmadd_ps(slack, w->norm[0], _mm512_load_ps(sums + r * SIDE));
        __m512 high = _mm512_fmadd_ps(slack, w->norm[1], _mm512_load_ps(sums + r * SIDE + 16));
        uint32_t above = _mm512_cmp_ps_mask(low, w->floor[0], _CMP_NLE_UQ) |
                         (uint32_t)_mm512_cmp_ps_mask(high, w->floor[1], _CMP_NLE_UQ) << 16;
        for (; above; above &= above - 1) {
            int64_t feature = w->feature + __builtin_ctz(above);
            if (feature < w->s->features)
                out->place[out->count++] = (row + r) * w->s->features + feature;
        }
    }
    return LC_OK;
}

/* The panel's features; those behind the last have no weight and no chance. */
AMX static void take_panel(struct sweep *w, int64_t panel)
{
    float norm[SIDE], floor[SIDE];

    w->feature = panel * SIDE;
    for (int64_t i = 0; i < SIDE; i++) {
        int there = w->feature + i < w->s->features;
        norm[i] = there ? w->s->norm[w->feature + i] : 0.0f;
        floor[i] = there ? w->s->floor[w->feature + i] : INFINITY;
    }
    for (int half = 0; half < 2; half++) {
        w->norm[half] = _mm512_loadu_ps(norm + 16 * half);
        w->floor[half] = _mm512_loadu_ps(floor + 16 * half);
    }
}

/* Blocks [begin, end) of rows against all panels. */
AMX static int sweep_blocks(struct sweep *w, const uint8_t *tiles, const uint8_t *panels, int64_t begin, int64_t end,
                            struct lc_err *err)
{
    int64_t steps = steps_of(w->s->width), bytes = steps * PAIR, count = blocks_of(w->s->features);
    _Alignas(64) float sums[SIDE * SIDE];

    for (int64_t p = 0; p < count; p++) {
        const uint8_t *panel = panels + p * bytes, *next = panels + (p + 1 < count ? p + 1 : p) * bytes;
        int64_t ahead = bytes / (end - begin);
        take_panel(w, p);
        for (int64_t b = begin; b < end; b++) {
            int64_t left = w->s->rows - b * SIDE;
            for (int64_t at = 0; at <= ahead; at += 64)
                _mm_prefetch((const char *)next + (b - begin) * ahead + at, _MM_HINT_T1);
            multiply(tiles + b * bytes, panel, steps, (b - begin) % 2 == 1, sums);
            if (compare(w, sums, b * SIDE, left < SIDE ? left : SIDE, err) != LC_OK)
                return err->code;
        }
    }
    return LC_OK;
}

AMX static int amx_screen(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err)
{
    const struct header *h = s->packed;
    int64_t bytes = steps_of(s->width) * PAIR, blocks = blocks_of(s->rows), near = L2_BYTES / bytes;
    uint8_t *tiles = s->scratch;
    float *slack = (float *)(void *)(tiles + blocks * bytes);
    struct sweep w = {.s = s, .out = out, .slack = slack};
    double most = 0.0;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->features; i++)
        most = fmax(most, (double)s->norm[i]);
    if (s->rows == 0)
        return LC_OK;
    pack_rows(s, (double)h->ratio, most, tiles, slack);
    near = near > 0 ? near : 1;
    configure();
    for (int64_t b = 0; b < blocks && rc == LC_OK; b += near)
        rc = sweep_blocks(&w, tiles, (const uint8_t *)(h + 1), b, b + near < blocks ? b + near : blocks, err);
    _tile_release();
    return rc;
}

const struct lc_kernels lc_kernels_amx = {
    .name = "amx",
    .is_there = amx_is_there,
    .packed_bytes = amx_packed_bytes,
    .pack = amx_pack,
    .scratch_bytes = amx_scratch_bytes,
    .screen = amx_screen,
};
#endif

/* amx_screen.c - screening with bfloat16 tiles, summed in float32.
 *
 * Weights stand as panels of 32 features, each a row of tile pairs over the width; rows x as blocks of 32 rows likewise. A
 * panel stays in L1 while the blocks pass by from L2, and the 32 x 32 sums are compared as they leave the tiles. With
 * x = x' + dx and w = w' + dw, primes the bfloat16 forms,
 *     |w.x - z'| <= |w||dx| + |dw||x'| + gamma |w'||x'| <= |w| (|dx| + ratio |x'| + gamma (1 + ratio) |x'|)
 * where z' is what the tiles sum up, in any order, and ratio the largest |dw| / |w| of any feature. Products and sums
 * below 2^-126 are flushed to zero, which the 2^-100 that the caller leaves in its floors covers. */
#include "amx.h"
#include "lightcone/linalg.h"

#if defined(__x86_64__)
#include <math.h>
#include <string.h>

enum { L2_BYTES = 1 << 20 }; /* of x that is kept near */

/* What stands before the packed weights: the largest |dw| / |w| and |w| of any feature, rounded up. */
struct header {
    float ratio, most;
    char pad[56];
};

int64_t lc_amx_screen_packed_bytes(int64_t features, int64_t width)
{
    return (int64_t)sizeof(struct header) + lc_amx_blocks(features) * lc_amx_steps(width) * LC_PAIR;
}

int64_t lc_amx_screen_scratch_bytes(int64_t rows, int64_t width)
{
    int64_t blocks = lc_amx_blocks(rows);

    return blocks * lc_amx_steps(width) * LC_PAIR + blocks * LC_SIDE * (int64_t)sizeof(float);
}

/* sum += the squares of 32 numbers. */
LC_AMX static inline __m512d add_squares(const __m512 x[2], __m512d sum)
{
    for (int k = 0; k < 2; k++) {
        __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(x[k])), high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x[k], 1));
        sum = _mm512_fmadd_pd(high, high, _mm512_fmadd_pd(low, low, sum));
    }
    return sum;
}

/* Numbers to bfloat16, the last ones 0 where n is less than 32; *error gains the squares of what was lost, *size those of
 * what is left. */
LC_AMX static __m512i to_bf16(const float *x, int64_t n, __m512d *error, __m512d *size)
{
    __m512 lost[2], left[2];
    __m512i packed;

    lc_amx_load32(x, n, lost);
    packed = lc_amx_split32(lost, left);
    *error = add_squares(lost, *error);
    *size = add_squares(left, *size);
    return packed;
}

/* A row of weights goes into column `i` of its panel's tiles: pairs of consecutive numbers stand together. */
LC_AMX static void pack_row(struct header *h, uint8_t *panel, int64_t i, const float *w, int64_t width)
{
    __m512d error = _mm512_setzero_pd(), size = _mm512_setzero_pd();
    double lost, left, ratio;

    for (int64_t s = 0; s < lc_amx_steps(width); s++)
        lc_amx_put_column(panel + s * LC_PAIR, i, to_bf16(w + s * LC_STEP, width - s * LC_STEP, &error, &size));
    lost = sqrt(_mm512_reduce_add_pd(error));
    left = sqrt(_mm512_reduce_add_pd(size));
    ratio = lost == 0.0 ? 0.0 : lost / fmax(left - lost, 0.0); /* |w| >= |w'| - |dw| */
    h->ratio = fmaxf(h->ratio, (float)(ratio * 1.000001));
    h->most = fmaxf(h->most, (float)((left + lost) * 1.000001));
}

void lc_amx_screen_pack(void *packed, const float *w, int64_t features, int64_t width)
{
    int64_t bytes = lc_amx_steps(width) * LC_PAIR;
    struct header *h = packed;
    uint8_t *panel = (uint8_t *)(h + 1);

    *h = (struct header){0};
    memset(panel, 0, (size_t)(lc_amx_blocks(features) * bytes));
    for (int64_t i = 0; i < features; i++)
        pack_row(h, panel + i / LC_SIDE * bytes, i % LC_SIDE, w + i * width, width);
}

/* Rows x as tiles, and what one unit of |w| may add to a sum: +inf where float32 might overflow. */
LC_AMX static void pack_rows(const struct lc_screen *s, const struct header *h, uint8_t *tiles, float *slack)
{
    int64_t d = s->width, steps = lc_amx_steps(d);
    double gamma = lc_sum_gamma(d), ratio = (double)h->ratio;

    memset(tiles + (lc_amx_blocks(s->rows) - 1) * steps * LC_PAIR, 0, (size_t)(steps * LC_PAIR));
    for (int64_t r = 0; r < s->rows; r++) {
        __m512d error = _mm512_setzero_pd(), size = _mm512_setzero_pd();
        uint8_t *row = tiles + r / LC_SIDE * steps * LC_PAIR + r % LC_SIDE / 16 * LC_TILE + r % 16 * 64;
        double lost, left;
        for (int64_t k = 0; k < steps; k++)
            _mm512_store_si512(row + k * LC_PAIR, to_bf16(s->x + r * d + k * LC_STEP, d - k * LC_STEP, &error, &size));
        lost = sqrt(_mm512_reduce_add_pd(error));
        left = sqrt(_mm512_reduce_add_pd(size));
        slack[r] = (float)((lost + ratio * left + gamma * (1.0 + ratio) * (left + lost) * 2.0) * 1.000001);
        if (!((left + lost) * (double)h->most * (1.0 + ratio) < 1e37))
            slack[r] = INFINITY;
    }
    for (int64_t r = s->rows; r < lc_amx_blocks(s->rows) * LC_SIDE; r++)
        slack[r] = -INFINITY;
}

/* sums[32, 32] = a block of rows times a panel of features. The panel shall stay in L1: rows come by stream loads, and
 * every other block goes the other way through the width, so that it begins with what was used last. */
LC_AMX static inline void multiply(const uint8_t *rows, const uint8_t *panel, int64_t steps, int backwards, float *sums)
{
    int64_t step = backwards ? -LC_PAIR : LC_PAIR;

    rows += backwards ? (steps - 1) * LC_PAIR : 0;
    panel += backwards ? (steps - 1) * LC_PAIR : 0;
    lc_amx_sum_begin();
    for (int64_t k = 0; k < steps; k++, rows += step, panel += step) {
        _tile_stream_loadd(4, rows, 64);
        _tile_loadd(6, panel, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, panel + LC_TILE, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_stream_loadd(5, rows + LC_TILE, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    lc_amx_sum_end(sums);
}

struct sweep {
    const struct lc_screen *s;
    struct lc_candidates *out;
    const float *slack;
    __m512 norm[2], floor[2];
    int64_t feature; /* first of the panel */
};

/* Not "<=", so that what is no number is looked at as well. */
LC_AMX static inline int compare(const struct sweep *w, const float *sums, int64_t row, int64_t rows, struct lc_err *err)
{
    struct lc_candidates *out = w->out;

    if (lc_candidates_reserve(out, LC_SIDE * LC_SIDE, err) != LC_OK)
        return err->code;
    for (int64_t r = 0; r < rows; r++) {
        __m512 slack = _mm512_set1_ps(w->slack[row + r]);
        __m512 low = _mm512_fmadd_ps(slack, w->norm[0], _mm512_load_ps(sums + r * LC_SIDE));
        __m512 high = _mm512_fmadd_ps(slack, w->norm[1], _mm512_load_ps(sums + r * LC_SIDE + 16));
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
LC_AMX static void take_panel(struct sweep *w, int64_t panel)
{
    float norm[LC_SIDE], floor[LC_SIDE];

    w->feature = panel * LC_SIDE;
    for (int64_t i = 0; i < LC_SIDE; i++) {
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
LC_AMX static int sweep_blocks(struct sweep *w, const uint8_t *tiles, const uint8_t *panels, int64_t begin, int64_t end,
                            struct lc_err *err)
{
    int64_t steps = lc_amx_steps(w->s->width), bytes = steps * LC_PAIR, count = lc_amx_blocks(w->s->features);
    _Alignas(64) float sums[LC_SIDE * LC_SIDE];

    for (int64_t p = 0; p < count; p++) {
        const uint8_t *panel = panels + p * bytes, *next = panels + (p + 1 < count ? p + 1 : p) * bytes;
        int64_t ahead = bytes / (end - begin);
        take_panel(w, p);
        for (int64_t b = begin; b < end; b++) {
            int64_t left = w->s->rows - b * LC_SIDE;
            for (int64_t at = 0; at <= ahead; at += 64)
                _mm_prefetch((const char *)next + (b - begin) * ahead + at, _MM_HINT_T1);
            multiply(tiles + b * bytes, panel, steps, (b - begin) % 2 == 1, sums);
            if (compare(w, sums, b * LC_SIDE, left < LC_SIDE ? left : LC_SIDE, err) != LC_OK)
                return err->code;
        }
    }
    return LC_OK;
}

LC_AMX int lc_amx_screen(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err)
{
    const struct header *h = s->packed;
    int64_t bytes = lc_amx_steps(s->width) * LC_PAIR, blocks = lc_amx_blocks(s->rows), near = L2_BYTES / bytes;
    uint8_t *tiles = s->scratch;
    float *slack = (float *)(void *)(tiles + blocks * bytes);
    struct sweep w = {.s = s, .out = out, .slack = slack};
    int rc = LC_OK;

    if (s->rows == 0)
        return LC_OK;
    pack_rows(s, h, tiles, slack);
    near = near > 0 ? near : 1;
    lc_amx_begin();
    for (int64_t b = 0; b < blocks && rc == LC_OK; b += near)
        rc = sweep_blocks(&w, tiles, (const uint8_t *)(h + 1), b, b + near < blocks ? b + near : blocks, err);
    lc_amx_end();
    return rc;
}
#endif

/* amx_factor.c - products of factors that are split into sums of bfloat16 numbers, see factor.h.
 *
 * The right factor stands as panels of 32 columns; in a panel steps of 32 rows follow each other, in a step the parts, in
 * a part two tiles. The left one is scaled, split and packed a block of rows and a slice of the depth at a time, so that
 * it stays in L2, and every panel passes by it. Sums leave the tiles for a strip of 32 columns, and from there are added
 * to C with the rows' scales. */
#include "amx.h"

#if defined(__x86_64__)
#include <math.h>
#include <string.h>

enum { ROWS = 256, DEPTH = 512 }; /* of a block of the left factor: three parts of it take 768 KB */
enum { MOST_PARTS = 3 };

int64_t lc_amx_factor_bytes(int64_t depth, int64_t columns, int parts)
{
    return lc_amx_blocks(columns) * lc_amx_steps(depth) * parts * LC_PAIR;
}

/* Columns whose numbers follow each other, `columns` of them, b->right apart: 32 numbers of one at a time. */
LC_AMX static void pack_columns(uint8_t *packed, const struct lc_strided *b, int64_t depth, int64_t columns, int parts)
{
    int64_t steps = lc_amx_steps(depth);

    for (int64_t n = 0; n < columns; n++)
        for (int64_t s = 0; s < steps; s++) {
            uint8_t *step = packed + (n / LC_SIDE * steps + s) * parts * LC_PAIR;
            __m512 x[2], kept[2];
            lc_amx_load32(b->at + n * b->right + s * LC_STEP, depth - s * LC_STEP, x);
            for (int p = 0; p < parts; p++)
                lc_amx_put_column(step + p * LC_PAIR, n % LC_SIDE, lc_amx_split32(x, kept));
        }
}

/* 16 numbers rounded to bfloat16, in the low halves; x becomes what is lost. */
LC_AMX static inline __m512i split16(__m512 *x)
{
    __m512i kept = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(*x));

    *x = _mm512_sub_ps(*x, _mm512_castsi512_ps(_mm512_slli_epi32(kept, 16)));
    return kept;
}

/* Rows whose numbers follow each other, b->down apart: pairs of two rows make one row of a tile, 16 columns at a time. */
LC_AMX static void pack_rows(uint8_t *packed, const struct lc_strided *b, int64_t depth, int64_t columns, int parts)
{
    int64_t steps = lc_amx_steps(depth);

    for (int64_t k = 0; k < depth; k += 2)
        for (int64_t n = 0; n < columns; n += 16) {
            uint8_t *to = packed + (n / LC_SIDE * steps + k / LC_STEP) * parts * LC_PAIR + n % LC_SIDE / 16 * LC_TILE +
                          k % LC_STEP / 2 * 64;
            __mmask16 there = lc_mask16(columns - n), next = k + 1 < depth ? there : 0;
            const float *at = b->at + k * b->down + n;
            __m512 even = _mm512_maskz_loadu_ps(there, at), odd = _mm512_maskz_loadu_ps(next, at + b->down);
            for (int p = 0; p < parts; p++) {
                __m512i low = split16(&even), high = split16(&odd);
                _mm512_store_si512(to + p * LC_PAIR, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
            }
        }
}

void lc_amx_factor_pack(void *packed, const struct lc_strided *b, int64_t depth, int64_t columns, int parts)
{
    memset(packed, 0, (size_t)lc_amx_factor_bytes(depth, columns, parts));
    if (b->down == 1)
        pack_columns(packed, b, depth, columns, parts);
    else
        pack_rows(packed, b, depth, columns, parts);
}

struct workspace {
    uint8_t tiles[ROWS * DEPTH * 2 * MOST_PARTS]; /* left: [blocks, steps, parts, two tiles] */
    float strip[ROWS * LC_SIDE];
    float up[ROWS], down[ROWS]; /* what a row is multiplied with before, and its sums after */
};

int64_t lc_amx_factor_scratch_bytes(void)
{
    return (int64_t)sizeof(struct workspace);
}

/* The power of two that brings the largest number of a row to between 1 and 2. */
LC_AMX static float scale_of(const float *a, int64_t n)
{
    __m512 most = _mm512_setzero_ps();
    int exponent;

    for (int64_t k = 0; k < n; k += LC_STEP) {
        __m512 x[2];
        lc_amx_load32(a + k, n - k, x);
        most = _mm512_max_ps(most, _mm512_max_ps(_mm512_abs_ps(x[0]), _mm512_abs_ps(x[1])));
    }
    frexpf(_mm512_reduce_max_ps(most), &exponent);
    exponent = 1 - exponent;
    return ldexpf(1.0f, exponent < -126 ? -126 : exponent > 126 ? 126 : exponent);
}

/* Depths [begin, begin + n) of `rows` rows into tiles. */
LC_AMX static void pack_left(const struct lc_factor_call *p, struct workspace *w, int64_t row, int64_t rows, int64_t begin, int64_t n)
{
    int64_t steps = lc_amx_steps(n);

    if (rows % LC_SIDE)
        memset(w->tiles + rows / LC_SIDE * steps * p->parts * LC_PAIR, 0, (size_t)(steps * p->parts * LC_PAIR));
    for (int64_t r = 0; r < rows; r++) {
        const float *a = p->a + (row + r) * p->lda + begin;
        __m512 up = _mm512_set1_ps(w->up[r]);
        for (int64_t s = 0; s < steps; s++) {
            uint8_t *to = w->tiles + (r / LC_SIDE * steps + s) * p->parts * LC_PAIR + r % LC_SIDE / 16 * LC_TILE + r % 16 * 64;
            __m512 x[2], kept[2];
            lc_amx_load32(a + s * LC_STEP, n - s * LC_STEP, x);
            x[0] = _mm512_mul_ps(x[0], up);
            x[1] = _mm512_mul_ps(x[1], up);
            for (int q = 0; q < p->parts; q++)
                _mm512_store_si512(to + q * LC_PAIR, lc_amx_split32(x, kept));
        }
    }
}

/* A panel is taken in slices that stay in L1 while the rows pass by from L2: 24 or 32 KB, depths of 512, 256 and 128. */
static const int64_t slice_steps[MOST_PARTS + 1] = {0, 16, 8, 4};

#define LOAD_LEFT(part)                          \
    _tile_loadd(4, left + (part) * LC_PAIR, 64); \
    _tile_loadd(5, left + (part) * LC_PAIR + LC_TILE, 64)
#define LOAD_RIGHT(part)                          \
    _tile_loadd(6, right + (part) * LC_PAIR, 64); \
    _tile_loadd(7, right + (part) * LC_PAIR + LC_TILE, 64)
#define MULTIPLY             \
    _tile_dpbf16ps(0, 4, 6); \
    _tile_dpbf16ps(1, 4, 7); \
    _tile_dpbf16ps(2, 5, 6); \
    _tile_dpbf16ps(3, 5, 7)

/* The tiles' sums of a slice, = at the first, += at the others: short sums that are added up round less than one long one. */
LC_AMX static inline void sum_leaves(int first, float *sums)
{
    _Alignas(64) float more[LC_SIDE * LC_SIDE];

    lc_amx_sum_end(first ? sums : more);
    for (int64_t i = 0; !first && i < LC_SIDE * LC_SIDE; i += 16)
        _mm512_store_ps(sums + i, _mm512_add_ps(_mm512_load_ps(sums + i), _mm512_load_ps(more + i)));
}

/* sums[32, 32] += 32 rows times a slice of a panel, = at the first: the parts in an order in which every load but one serves two products, and the
 * largest product comes last where it can. */
LC_AMX static void multiply6(const uint8_t *left, const uint8_t *right, int64_t steps, int first, float *sums)
{
    lc_amx_sum_begin();
    for (int64_t s = 0; s < steps; s++, left += 3 * LC_PAIR, right += 3 * LC_PAIR) {
        LOAD_LEFT(2);
        LOAD_RIGHT(0);
        MULTIPLY;
        LOAD_LEFT(1);
        MULTIPLY;
        LOAD_RIGHT(1);
        MULTIPLY;
        LOAD_LEFT(0);
        MULTIPLY;
        LOAD_RIGHT(2);
        MULTIPLY;
        LOAD_RIGHT(0);
        MULTIPLY;
    }
    sum_leaves(first, sums);
}

LC_AMX static void multiply3(const uint8_t *left, const uint8_t *right, int64_t steps, int first, float *sums)
{
    lc_amx_sum_begin();
    for (int64_t s = 0; s < steps; s++, left += 2 * LC_PAIR, right += 2 * LC_PAIR) {
        LOAD_LEFT(0);
        LOAD_RIGHT(1);
        MULTIPLY;
        LOAD_RIGHT(0);
        MULTIPLY;
        LOAD_LEFT(1);
        MULTIPLY;
    }
    sum_leaves(first, sums);
}

LC_AMX static void multiply1(const uint8_t *left, const uint8_t *right, int64_t steps, int first, float *sums)
{
    lc_amx_sum_begin();
    for (int64_t s = 0; s < steps; s++, left += LC_PAIR, right += LC_PAIR) {
        LOAD_LEFT(0);
        LOAD_RIGHT(0);
        MULTIPLY;
    }
    sum_leaves(first, sums);
}

static void (*const multiply[MOST_PARTS + 1])(const uint8_t *, const uint8_t *, int64_t, int, float *) = {
    NULL, multiply1, multiply3, multiply6};

/* C += the strip of columns n ..., with the rows' scales; `beta` as of the whole product. */
LC_AMX static void add_strip(const struct lc_factor_call *p, const struct workspace *w, int64_t row, int64_t rows, int64_t n,
                          float beta)
{
    int64_t width = p->columns - n < LC_SIDE ? p->columns - n : LC_SIDE;
    __mmask16 mask[2] = {lc_mask16(width), lc_mask16(width - 16)};

    for (int64_t r = 0; r < rows; r++) {
        float *c = p->c + (row + r) * p->ldc + n;
        __m512 down = _mm512_set1_ps(w->down[r]), old = _mm512_set1_ps(beta);
        for (int half = 0; half < 2; half++) {
            __m512 sum = _mm512_mul_ps(down, _mm512_load_ps(w->strip + r * LC_SIDE + 16 * half));
            if (beta != 0.0f)
                sum = _mm512_add_ps(sum, _mm512_mul_ps(old, _mm512_maskz_loadu_ps(mask[half], c + 16 * half)));
            _mm512_mask_storeu_ps(c + 16 * half, mask[half], sum);
        }
    }
}

/* Strip += rows times the slice of the panel that begins at step s; the next slice is fetched meanwhile. */
static void slice(const struct lc_factor_call *p, struct workspace *w, int64_t rows, int64_t s, int64_t steps,
                  const uint8_t *panel)
{
    int64_t bytes = (int64_t)p->parts * LC_PAIR, most = slice_steps[p->parts], n = steps - s < most ? steps - s : most;
    int64_t share = n * bytes / lc_amx_blocks(rows);
    const uint8_t *ahead = panel + (s + n) * bytes;

    for (int64_t r = 0; r < rows; r += LC_SIDE, ahead += share) {
        for (int64_t at = 0; at < share; at += 64)
            __builtin_prefetch(ahead + at, 0, 2);
        multiply[p->parts](w->tiles + (r / LC_SIDE * steps + s) * bytes, panel + s * bytes, n, s == 0, w->strip + r * LC_SIDE);
    }
}

/* One block of the left factor against all panels. */
static void block(const struct lc_factor_call *p, struct workspace *w, int64_t row, int64_t rows, int64_t begin)
{
    int64_t n = p->depth - begin < DEPTH ? p->depth - begin : DEPTH, steps = lc_amx_steps(n), all = lc_amx_steps(p->first + p->depth);
    int64_t bytes = (int64_t)p->parts * LC_PAIR;

    pack_left(p, w, row, rows, begin, n);
    for (int64_t j = 0; j < lc_amx_blocks(p->columns); j++) {
        const uint8_t *panel = (const uint8_t *)p->b + (j * all + (p->first + begin) / LC_STEP) * bytes;
        for (int64_t s = 0; s < steps; s += slice_steps[p->parts])
            slice(p, w, rows, s, steps, panel);
        add_strip(p, w, row, rows, j * LC_SIDE, begin == 0 ? p->beta : 1.0f);
    }
}

void lc_amx_factor(const struct lc_factor_call *p)
{
    struct workspace *w = p->scratch;

    lc_amx_begin();
    for (int64_t row = 0; row < p->m; row += ROWS) {
        int64_t rows = p->m - row < ROWS ? p->m - row : ROWS;
        for (int64_t r = 0; r < rows; r++) {
            if (p->making)
                p->making->make(p->making->arg, row + r, 1);
            w->up[r] = scale_of(p->a + (row + r) * p->lda, p->depth);
            w->down[r] = 1.0f / w->up[r];
        }
        for (int64_t begin = 0; begin < p->depth; begin += DEPTH)
            block(p, w, row, rows, begin);
    }
    lc_amx_end();
}
#endif

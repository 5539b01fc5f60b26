/* avx512_gemm.c - float32 products on AVX-512. The right factor is packed a block at a time as panels of 32 columns, which
 * stay in L2; the left one is read where it stands: a number of it is broadcast to 32 products. 14 rows of sums fill
 * the registers. An element is the sum of sums of RUN products, which go up by one product after the other: a row's bits do
 * not depend on the rows beside it, and shorter sums round less than one long one (of K numbers without order, the error
 * grows with the root of K, of such runs with that of RUN + K / RUN). */
#include "avx512.h"
#include "gemm.h"

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f")))

enum { ROWS = 14, SIDE = 32, DEPTH = 512, COLUMNS = 512, RUN = 128 };
enum { AHEAD = 8 }; /* rows of a panel that are fetched before they are needed */

int lc_avx512_gemm_is_there(void)
{
    return __builtin_cpu_supports("avx512f") != 0;
}

/* A panel of `width` columns whose rows stand at b, `down` apart. */
AVX512 static void pack_rows(float *panel, const float *b, int64_t down, int64_t depth, int64_t width)
{
    const __mmask16 left = lc_mask16(width), right = lc_mask16(width - 16);

    for (int64_t k = 0; k < depth; k++, panel += SIDE, b += down) {
        _mm512_store_ps(panel, _mm512_maskz_loadu_ps(left, b));
        _mm512_store_ps(panel + 16, _mm512_maskz_loadu_ps(right, b + 16));
    }
}

/* Four times, pairs of rows exchange the halves of ever shorter stretches: rows become columns. */
AVX512 static inline void transpose(__m512i x[16])
{
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);

#pragma GCC unroll 4
    for (int step = 8; step > 0; step /= 2) {
        const __m512i bit = _mm512_set1_epi32(step), high = _mm512_and_si512(lane, bit);
        /* lanes 0 to 15 are of the first row, 16 to 31 of the second */
        const __m512i even = _mm512_add_epi32(_mm512_andnot_si512(bit, lane),
                                              _mm512_mullo_epi32(high, _mm512_set1_epi32(16 / step)));
        const __m512i odd = _mm512_add_epi32(even, bit);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            if (!(i & step)) {
                __m512i one = _mm512_permutex2var_epi32(x[i], even, x[i + step]);
                x[i + step] = _mm512_permutex2var_epi32(x[i], odd, x[i + step]);
                x[i] = one;
            }
    }
}

/* A panel of `width` columns that stand at b, `right` apart. */
AVX512 static void pack_columns(float *panel, const float *b, int64_t right, int64_t depth, int64_t width)
{
    for (int64_t n = 0; n < SIDE; n += 16)
        for (int64_t k = 0; k < depth; k += 16) {
            __m512i x[16];
#pragma GCC unroll 16
            for (int64_t i = 0; i < 16; i++)
                x[i] = n + i < width ? _mm512_maskz_loadu_epi32(lc_mask16(depth - k), b + (n + i) * right + k) : _mm512_setzero_si512();
            transpose(x);
#pragma GCC unroll 16
            for (int64_t i = 0; i < 16; i++)
                _mm512_store_si512(panel + (k + i) * SIDE + n, x[i]);
        }
}

/* Rows of sums in registers. */
struct tile {
    int64_t depth;
    const float *a;
    int64_t down, right;
    const float *panel;
    float beta;
    float *c;
    int64_t ldc, width;
};

AVX512 static inline __attribute__((always_inline)) void multiply(const struct tile *t, int rows)
{
    const __mmask16 mask[2] = {lc_mask16(t->width), lc_mask16(t->width - 16)};
    const float *a = t->a, *b = t->panel;
    __m512 sum[ROWS][2], before[ROWS][2];

    for (int i = 0; i < rows; i++) {
        _mm_prefetch((const char *)(t->c + i * t->ldc), _MM_HINT_T0);
        _mm_prefetch((const char *)(t->c + i * t->ldc + 16), _MM_HINT_T0);
    }
    for (int64_t begin = 0;; begin += RUN) {
        const int64_t run = t->depth - begin < RUN ? t->depth - begin : RUN;
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++)
            sum[i][0] = sum[i][1] = _mm512_setzero_ps();
#pragma GCC unroll 4
        for (int64_t k = 0; k < run; k++, a += t->right, b += SIDE) {
            const __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + 16);
            _mm_prefetch((const char *)(b + AHEAD * SIDE), _MM_HINT_T0);
            _mm_prefetch((const char *)(b + AHEAD * SIDE + 16), _MM_HINT_T0);
#pragma GCC unroll 14
            for (int i = 0; i < rows; i++) {
                const __m512 x = _mm512_set1_ps(a[i * t->down]);
                sum[i][0] = _mm512_fmadd_ps(x, b0, sum[i][0]);
                sum[i][1] = _mm512_fmadd_ps(x, b1, sum[i][1]);
            }
        }
#pragma GCC unroll 14
        for (int i = 0; begin > 0 && i < rows; i++) {
            sum[i][0] = _mm512_add_ps(before[i][0], sum[i][0]);
            sum[i][1] = _mm512_add_ps(before[i][1], sum[i][1]);
        }
        if (begin + RUN >= t->depth)
            break;
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) {
            before[i][0] = sum[i][0];
            before[i][1] = sum[i][1];
        }
    }
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++) {
            float *c = t->c + i * t->ldc + 16 * half;
            if (t->beta != 0.0f)
                sum[i][half] = _mm512_fmadd_ps(_mm512_set1_ps(t->beta), _mm512_maskz_loadu_ps(mask[half], c), sum[i][half]);
            _mm512_mask_storeu_ps(c, mask[half], sum[i][half]);
        }
}

#define OF_ROWS(n)                                     \
    AVX512 static void multiply##n(const struct tile *t) \
    {                                                  \
        multiply(t, n);                                \
    }
OF_ROWS(1)
OF_ROWS(2)
OF_ROWS(3)
OF_ROWS(4)
OF_ROWS(5)
OF_ROWS(6)
OF_ROWS(7)
OF_ROWS(8)
OF_ROWS(9)
OF_ROWS(10)
OF_ROWS(11)
OF_ROWS(12)
OF_ROWS(13)
OF_ROWS(14)

static void (*const of_rows[ROWS + 1])(const struct tile *) = {
    NULL,      multiply1, multiply2, multiply3,  multiply4,  multiply5,  multiply6, multiply7,
    multiply8, multiply9, multiply10, multiply11, multiply12, multiply13, multiply14};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t panel_floats(int64_t depth)
{
    return (depth + 15) / 16 * 16 * SIDE;
}

int64_t lc_avx512_panels_floats(int64_t depth, int64_t columns)
{
    return (columns + SIDE - 1) / SIDE * panel_floats(depth);
}

void lc_avx512_panels(float *panels, const struct lc_strided *b, int64_t depth, int64_t columns)
{
    for (int64_t n = 0; n < columns; n += SIDE, panels += panel_floats(depth)) {
        const float *at = b->at + n * b->right;
        if (b->right == 1)
            pack_rows(panels, at, b->down, depth, least(SIDE, columns - n));
        else
            pack_columns(panels, at, b->right, depth, least(SIDE, columns - n));
    }
}

void lc_avx512_gemm_panels(const struct lc_gemm_call *p)
{
    for (int64_t m = 0; m < p->m; m += ROWS)
        for (int64_t n = 0; n < p->n; n += SIDE) {
            const struct tile t = {.depth = p->k,
                                   .a = p->a.at + m * p->a.down,
                                   .down = p->a.down,
                                   .right = p->a.right,
                                   .panel = p->b.at + n / SIDE * panel_floats(p->k),
                                   .beta = p->beta,
                                   .c = p->c + m * p->ldc + n,
                                   .ldc = p->ldc,
                                   .width = least(SIDE, p->n - n)};
            of_rows[least(ROWS, p->m - m)](&t);
        }
}

/* Rows [k, k + depth) and columns [n, n + columns) of the right factor. */
static void block(const struct lc_gemm_call *p, int64_t k, int64_t depth, int64_t n, int64_t columns)
{
    static _Alignas(4096) float panels[DEPTH * COLUMNS]; /* of the process, which has one thread */
    const struct lc_strided b = {p->b.at + k * p->b.down + n * p->b.right, p->b.down, p->b.right};
    struct lc_gemm_call part = *p;

    lc_avx512_panels(panels, &b, depth, columns);
    part.n = columns;
    part.k = depth;
    part.a.at += k * p->a.right;
    part.b.at = panels;
    part.beta = k == 0 ? p->beta : 1.0f;
    part.c += n;
    lc_avx512_gemm_panels(&part);
}

void lc_avx512_gemm(const struct lc_gemm_call *p)
{
    int64_t k = 0;

    do { /* once at least: without a depth C is still to be set */
        int64_t depth = least(DEPTH, p->k - k);
        for (int64_t n = 0; n < p->n; n += COLUMNS)
            block(p, k, depth, n, least(COLUMNS, p->n - n));
        k += depth;
    } while (k < p->k);
}
#else
int lc_avx512_gemm_is_there(void)
{
    return 0;
}

void lc_avx512_gemm(const struct lc_gemm_call *p)
{
    lc_blas_gemm(p);
}

int64_t lc_avx512_panels_floats(int64_t depth, int64_t columns)
{
    return depth * columns;
}

void lc_avx512_panels(float *panels, const struct lc_strided *b, int64_t depth, int64_t columns)
{
    (void)panels, (void)b, (void)depth, (void)columns;
}

void lc_avx512_gemm_panels(const struct lc_gemm_call *p)
{
    lc_blas_gemm(p);
}
#endif

/* avx512_screen.c - screening with 8-bit integers, four products an instruction (AVX-512 VNNI), summed exactly in 32 bits.
 *
 * A row of weights is w = s q + dw, q integers from -127 to 127 and s its scale; so is a row x = t p + dx. A few dimensions in
 * which all rows are large, of weights or of x, would take the range from the others: they stay out of q and p, and their
 * float32 products are added. With w', x' what the integers stand for,
 *     |w.x - z'| <= |w||dx| + |dw||x'| + gamma (|w| + |dw|) |x|
 * where z' = s t q.p and those products, and gamma bounds the rounding of the few float32 operations in it.
 *
 * Weights stand as panels of 64 features, four consecutive dimensions of one together, with 128 added since the instruction
 * wants one factor without a sign; sums begin with what takes that away. A panel stays in L1 while rows pass by from L2. */
#include "isa.h"
#include "lightcone/linalg.h"

#if defined(__x86_64__)
#include <assert.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

enum {
    WIDE = 64,          /* features of a panel */
    VECTORS = WIDE / 16,
    HIGH = 6,           /* rows of a block: its sums fill 24 of the 32 registers */
    STEP = 4 * WIDE,    /* bytes of a panel for four dimensions */
    APART = 32,         /* dimensions that are left out of the integers, at most */
    L2_BYTES = 1 << 20, /* of x that is kept near */
    WIDTH_MAX = 1 << 17, /* 127 * 127 times it fits in 32 bits */
    TRIAL = 16,         /* panels after which ... */
    SHARE = 16,         /* ... one candidate in so many pairs is too many */
};

/* A dimension is left out where the mean square of x / mean |x of its row| is above this: 1.6 is that of normal numbers. */
static const float large = 20.0f;

static int64_t blocks_of(int64_t n, int64_t each)
{
    return (n + each - 1) / each;
}

/* Width of a row of integers in bytes: whole steps, whole registers. */
static int64_t row_bytes(int64_t width)
{
    return blocks_of(width, 64) * 64;
}

static int64_t panel_bytes(int64_t width)
{
    return blocks_of(width, 4) * STEP;
}

/* What stands before the packed weights. */
struct header {
    float most; /* the largest |w|, rounded up */
    int32_t apart, dimension[APART];
    char pad[192 - 4 * (2 + APART)];
};

struct packed {
    struct header *header;
    float *scale, *lost; /* of every feature: s, |dw| rounded up */
    uint8_t *panels;
};

static struct packed packed_at(void *at, int64_t features)
{
    int64_t room = blocks_of(features, WIDE) * WIDE;
    struct packed p = {.header = at, .scale = (float *)(void *)((struct header *)at + 1)};

    p.lost = p.scale + room;
    p.panels = (uint8_t *)(p.lost + room);
    return p;
}

static int64_t packed_bytes(int64_t features, int64_t width)
{
    int64_t panels = blocks_of(features, WIDE);

    return (int64_t)sizeof(struct header) + panels * (2 * WIDE * (int64_t)sizeof(float) + panel_bytes(width));
}

/* A row x as t p, and what the bound wants of it. */
struct row {
    float scale;        /* t */
    float per_norm;     /* |dx| and rounding: what one unit of |w| may add */
    float per_lost;     /* |x'| and rounding: what one unit of |dw| may add */
    int32_t start;      /* -128 times the sum of p */
    float apart[APART]; /* x in the dimensions that are left out */
};

struct rows {
    int8_t *integers; /* [blocks of HIGH rows][row_bytes] */
    struct row *row;
};

static struct rows rows_at(void *scratch, int64_t rows, int64_t width)
{
    int64_t room = blocks_of(rows, HIGH) * HIGH;
    struct rows r = {.integers = scratch};

    r.row = (struct row *)(void *)(r.integers + room * row_bytes(width));
    return r;
}

static int64_t scratch_bytes(int64_t rows, int64_t width)
{
    int64_t own = blocks_of(rows, HIGH) * HIGH * (row_bytes(width) + (int64_t)sizeof(struct row));
    int64_t plain = lc_kernels_plain.scratch_bytes(rows, width);

    return own > plain ? own : plain;
}

static float round_up(double x)
{
    float y = (float)(x * (1.0 + 1e-9));

    return (double)y < x ? nextafterf(y, INFINITY) : y;
}

/* --- dimensions that are left out --- */

struct dimensions {
    uint16_t keep[WIDTH_MAX / 16]; /* a bit for each of 16 dimensions: 0 where it is left out, and behind the last */
    int32_t count, list[APART];
};

static void dimensions_init(struct dimensions *d, int64_t width)
{
    d->count = 0;
    for (int64_t j = 0; j < row_bytes(width); j += 16)
        d->keep[j / 16] = (uint16_t)(width - j >= 16 ? 0xffff : width > j ? (1 << (width - j)) - 1 : 0);
}

static void dimensions_add(struct dimensions *d, int32_t j)
{
    d->list[d->count++] = j;
    d->keep[j / 16] &= (uint16_t)~(1 << j % 16);
}

/* score[j] += (x[j] / mean |x|)^2 */
static void add_scores(const float *x, int64_t width, float *score)
{
    float sum = 0.0f, inverse;

#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; j++)
        sum += fabsf(x[j]);
    inverse = sum > 1e-30f && sum < INFINITY ? (float)width / sum : 0.0f;
    for (int64_t j = 0; j < width; j++)
        score[j] += x[j] * inverse * (x[j] * inverse);
}

/* Leaves out those in which rows x are large, as many as there is room for. Which they are decides about speed alone. */
static void leave_out_large(struct dimensions *d, const float *x, int64_t rows, int64_t width, float *score)
{
    memset(score, 0, (size_t)width * sizeof *score);
    for (int64_t r = 0; r < rows; r++)
        add_scores(x + r * width, width, score);
    for (int32_t k = 0; k < d->count; k++)
        score[d->list[k]] = 0.0f;
    while (d->count < APART) {
        int64_t best = 0;
        for (int64_t j = 1; j < width; j++)
            best = score[j] > score[best] ? j : best;
        if (!(score[best] > large * (float)rows))
            return;
        score[best] = 0.0f;
        dimensions_add(d, (int32_t)best);
    }
}

/* --- numbers to integers --- */

/* What became of a row without the dimensions that are left out. */
struct integers {
    float scale;
    int32_t sum;       /* of the integers */
    double lost, left; /* |x - scale p|, |scale p| */
};

VNNI static float largest(const float *x, int64_t width, const uint16_t *keep)
{
    __m512 most = _mm512_setzero_ps();

    for (int64_t j = 0; j < width; j += 16)
        most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_maskz_loadu_ps(keep[j / 16], x + j)));
    return _mm512_reduce_max_ps(most);
}

/* sum[0] += the squares of what eight numbers lose, sum[1] += those of what is left. */
VNNI static inline void add_squares(__m256 x, __m256i p, __m512d scale, __m512d sum[2])
{
    __m512d left = _mm512_mul_pd(scale, _mm512_cvtepi32_pd(p)), lost = _mm512_sub_pd(_mm512_cvtps_pd(x), left);

    sum[0] = _mm512_fmadd_pd(lost, lost, sum[0]);
    sum[1] = _mm512_fmadd_pd(left, left, sum[1]);
}

/* Four integers and four more go to places `apart` bytes from one another, each with the bits of `flip` turned. Any scale is
 * right; this one makes the largest 127, and has an inverse. */
VNNI static struct integers to_integers(const float *x, int64_t width, const uint16_t *keep, void *out, int64_t apart, int flip)
{
    float scale = fmaxf(largest(x, width, keep) / 127.0f, 0x1p-110f);
    __m512d squares[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()}, wide = _mm512_set1_pd((double)scale);
    __m512 inverse = _mm512_set1_ps(1.0f / scale);
    __m512i sum = _mm512_setzero_si512();

    for (int64_t j = 0; j < width; j += 16) {
        __m512 v = _mm512_maskz_loadu_ps(keep[j / 16], x + j);
        __m512i p = _mm512_cvtps_epi32(_mm512_mul_ps(v, inverse));
        int32_t four[4];
        add_squares(_mm512_castps512_ps256(v), _mm512_castsi512_si256(p), wide, squares);
        add_squares(_mm512_extractf32x8_ps(v, 1), _mm512_extracti64x4_epi64(p, 1), wide, squares);
        sum = _mm512_add_epi32(sum, p);
        _mm_storeu_si128((void *)four, _mm_xor_si128(_mm512_cvtepi32_epi8(p), _mm_set1_epi8((char)flip)));
        for (int64_t k = 0; k < 4 && j + 4 * k < width; k++)
            memcpy((uint8_t *)out + (j / 4 + k) * apart, &four[k], 4);
    }
    return (struct integers){.scale = scale,
                             .sum = _mm512_reduce_add_epi32(sum),
                             .lost = sqrt(_mm512_reduce_add_pd(squares[0])),
                             .left = sqrt(_mm512_reduce_add_pd(squares[1]))};
}

static void pack(void *at, const float *w, int64_t features, int64_t width)
{
    struct packed p = packed_at(at, features);
    struct header *h = p.header;
    struct dimensions d;

    assert(width <= WIDTH_MAX);
    memset(at, 0, (size_t)packed_bytes(features, width));
    dimensions_init(&d, width);
    leave_out_large(&d, w, features, width, (float *)(void *)p.panels);
    memset(p.panels, 0, (size_t)width * sizeof(float)); /* the scores */
    h->apart = d.count;
    memcpy(h->dimension, d.list, (size_t)d.count * sizeof *d.list);
    for (int64_t i = 0; i < features; i++) {
        uint8_t *column = p.panels + i / WIDE * panel_bytes(width) + i % WIDE * 4;
        struct integers n = to_integers(w + i * width, width, d.keep, column, STEP, 0x80);
        p.scale[i] = n.scale;
        p.lost[i] = round_up(n.lost);
        h->most = fmaxf(h->most, round_up(sqrt(lc_square_sum(w + i * width, width))));
    }
}

/* The bound of a row; +inf where float32 might overflow, so that all features are named. */
static void row_set(struct row *row, const struct integers *n, const float *x, double most, const struct dimensions *d)
{
    double all = n->left + n->lost, gamma = lc_sum_gamma(2 * (d->count + 8)), out = 0.0;

    for (int32_t k = 0; k < d->count; k++) {
        row->apart[k] = x[d->list[k]];
        out += (double)row->apart[k] * (double)row->apart[k];
    }
    all += sqrt(out);
    row->scale = n->scale;
    row->start = -128 * n->sum;
    row->per_norm = 4.0 * all * most < 1e37 ? round_up(n->lost + gamma * all) : INFINITY;
    row->per_lost = round_up(n->left + gamma * all);
}

static void pack_rows(struct rows *r, const struct lc_screen *s, const struct header *h, struct dimensions *d)
{
    int64_t bytes = row_bytes(s->width), room = blocks_of(s->rows, HIGH) * HIGH;

    dimensions_init(d, s->width);
    for (int32_t k = 0; k < h->apart; k++)
        dimensions_add(d, h->dimension[k]);
    leave_out_large(d, s->x, s->rows, s->width, (float *)(void *)r->integers);
    memset(r->integers, 0, (size_t)(room * bytes));
    memset(r->row, 0, (size_t)room * sizeof *r->row);
    for (int64_t i = 0; i < s->rows; i++) {
        const float *x = s->x + i * s->width;
        struct integers n = to_integers(x, s->width, d->keep, r->integers + i * bytes, 4, 0);
        row_set(&r->row[i], &n, x, (double)h->most, d);
    }
}

/* --- products --- */

/* sums[HIGH, WIDE] = a block of rows times a panel of features. */
VNNI static inline void multiply(const int8_t *x, int64_t bytes, const struct row *row, const uint8_t *panel, int64_t steps,
                                 int32_t *sums)
{
    __m512i sum[HIGH][VECTORS];

#pragma GCC unroll 8
    for (int r = 0; r < HIGH; r++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = _mm512_set1_epi32(row[r].start);
    for (int64_t k = 0; k < steps; k++, x += 4, panel += STEP) {
        __m512i w[VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            w[v] = _mm512_load_si512(panel + 64 * v);
#pragma GCC unroll 8
        for (int r = 0; r < HIGH; r++) {
            int32_t four;
            __m512i all;
            memcpy(&four, x + r * bytes, 4);
            all = _mm512_set1_epi32(four);
#pragma GCC unroll 8
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], w[v], all);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < HIGH; r++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            _mm512_store_si512(sums + r * WIDE + 16 * v, sum[r][v]);
}

struct sweep {
    const struct lc_screen *s;
    struct lc_candidates *out;
    struct packed packed;
    struct rows rows;
    struct dimensions left_out;
    /* of the panel at hand */
    int64_t feature; /* its first */
    _Alignas(64) float norm[WIDE], floor[WIDE], apart[APART][WIDE];
};

/* The panel's features; those behind the last have no weight and no chance. */
static void take_panel(struct sweep *w, int64_t panel)
{
    const struct lc_screen *s = w->s;

    w->feature = panel * WIDE;
    for (int64_t i = 0; i < WIDE; i++) {
        int there = w->feature + i < s->features;
        w->norm[i] = there ? s->norm[w->feature + i] : 0.0f;
        w->floor[i] = there ? s->floor[w->feature + i] : INFINITY;
        for (int32_t k = 0; k < w->left_out.count; k++)
            w->apart[k][i] = there ? s->w[(w->feature + i) * s->width + w->left_out.list[k]] : 0.0f;
    }
}

/* Which features of the panel may be above their floors. Not "<=", so that what is no number is looked at as well. */
VNNI static inline uint64_t above_floor(const struct sweep *w, const struct row *row, const int32_t *sums)
{
    const float *scale = w->packed.scale + w->feature, *lost = w->packed.lost + w->feature;
    __m512 per_norm = _mm512_set1_ps(row->per_norm), per_lost = _mm512_set1_ps(row->per_lost), t = _mm512_set1_ps(row->scale);
    __m512 z[VECTORS];
    uint64_t above = 0;

    for (int v = 0; v < VECTORS; v++) {
        __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums + 16 * v));
        z[v] = _mm512_mul_ps(_mm512_load_ps(lost + 16 * v), per_lost);
        z[v] = _mm512_fmadd_ps(_mm512_load_ps(w->norm + 16 * v), per_norm, z[v]);
        z[v] = _mm512_fmadd_ps(_mm512_mul_ps(sum, _mm512_load_ps(scale + 16 * v)), t, z[v]);
    }
    for (int32_t k = 0; k < w->left_out.count; k++)
        for (int v = 0; v < VECTORS; v++)
            z[v] = _mm512_fmadd_ps(_mm512_load_ps(w->apart[k] + 16 * v), _mm512_set1_ps(row->apart[k]), z[v]);
    for (int v = 0; v < VECTORS; v++)
        above |= (uint64_t)_mm512_cmp_ps_mask(z[v], _mm512_load_ps(w->floor + 16 * v), _CMP_NLE_UQ) << 16 * v;
    return above;
}

VNNI static inline int compare(const struct sweep *w, const int32_t *sums, int64_t row, int64_t rows, struct lc_err *err)
{
    int64_t left = w->s->features - w->feature;
    uint64_t there = left < WIDE ? (UINT64_C(1) << left) - 1 : ~UINT64_C(0);
    struct lc_candidates *out = w->out;

    if (lc_candidates_reserve(out, HIGH * WIDE, err) != LC_OK)
        return err->code;
    for (int64_t r = row; r < row + rows; r++, sums += WIDE) {
        uint64_t above = above_floor(w, &w->rows.row[r], sums) & there;
        for (; above; above &= above - 1)
            out->place[out->count++] = r * w->s->features + w->feature + __builtin_ctzll(above);
    }
    return LC_OK;
}

/* A share of what the next panel will want of far memory, its block `b` of `blocks`: integers, and weights that were left out. */
static void prefetch_panel(const struct sweep *w, int64_t panel, int64_t b, int64_t blocks)
{
    int64_t bytes = panel_bytes(w->s->width), each = blocks_of(bytes, blocks), first = panel * WIDE;
    const char *at = (const char *)w->packed.panels + panel * bytes + b * each;

    if (first >= w->s->features)
        return;
    for (int64_t k = 0; k < each; k += 64)
        _mm_prefetch(at + k, _MM_HINT_T1);
    for (int64_t i = first + b * WIDE / blocks; i < first + (b + 1) * WIDE / blocks && i < w->s->features; i++)
        for (int32_t k = 0; k < w->left_out.count; k++)
            _mm_prefetch((const char *)(w->s->w + i * w->s->width + w->left_out.list[k]), _MM_HINT_T1);
}

/* Blocks [begin, end) of rows against all panels, unless the first panels show that the bound is too loose to be of use: 1. */
VNNI static int sweep_blocks(struct sweep *w, int64_t begin, int64_t end, int *loose, struct lc_err *err)
{
    int64_t bytes = panel_bytes(w->s->width), steps = bytes / STEP, count = blocks_of(w->s->features, WIDE);
    int64_t apart = row_bytes(w->s->width);
    int64_t before = w->out->count, many = TRIAL * WIDE * (end - begin) * HIGH / SHARE;
    _Alignas(64) int32_t sums[HIGH * WIDE];

    for (int64_t p = 0; p < count && !*loose; p++) {
        take_panel(w, p);
        *loose = p == TRIAL && w->out->count - before > many;
        for (int64_t b = begin; b < end; b++) {
            int64_t row = b * HIGH, left = w->s->rows - row;
            prefetch_panel(w, p + 1, b - begin, end - begin);
            multiply(w->rows.integers + row * apart, apart, w->rows.row + row, w->packed.panels + p * bytes, steps, sums);
            if (compare(w, sums, row, left < HIGH ? left : HIGH, err) != LC_OK)
                return err->code;
        }
    }
    return LC_OK;
}

static int screen(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err)
{
    int64_t blocks = blocks_of(s->rows, HIGH), near = L2_BYTES / (HIGH * row_bytes(s->width));
    struct sweep w = {.s = s, .out = out, .packed = packed_at((void *)(uintptr_t)s->packed, s->features)};
    int rc = LC_OK, loose = 0;

    if (s->rows == 0)
        return LC_OK;
    w.rows = rows_at(s->scratch, s->rows, s->width);
    pack_rows(&w.rows, s, w.packed.header, &w.left_out);
    near = near > 0 ? near : 1;
    for (int64_t b = 0; b < blocks && rc == LC_OK && !loose; b += near)
        rc = sweep_blocks(&w, b, b + near < blocks ? b + near : blocks, &loose, err);
    if (rc != LC_OK || !loose)
        return rc;
    out->count = 0;
    return lc_kernels_plain.screen(s, out, err);
}

static int is_there(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

/* Products with the model's weights are the plain kernels'. */
const struct lc_kernels lc_kernels_avx512 = {
    .name = "avx512",
    .is_there = is_there,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .scratch_bytes = scratch_bytes,
    .screen = screen,
};
#endif

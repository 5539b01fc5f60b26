/* factor.c - products with weights that stand ready: split where the kernels in use multiply such, as float32 panels where our
 * own float32 products are in use, else as they are. */
#include "lightcone/factor.h"

#include "isa.h"

static int parts_of(enum lc_precision precision)
{
    return precision == LC_PRECISION_BF16X6 ? 3 : precision == LC_PRECISION_BF16X3 ? 2 : 1;
}

static int is_split(enum lc_precision precision)
{
    return precision != LC_PRECISION_FLOAT32 && lc_kernels()->product;
}

/* Every packed form begins with this. */
struct header {
    int32_t parts; /* 0: float32 panels */
    char pad[60];
};

/* Of a right factor of so many rows. */
static int64_t split_bytes(enum lc_precision precision, int64_t rows, int64_t columns)
{
    return (int64_t)sizeof(struct header) + lc_kernels()->factor_bytes(rows, columns, parts_of(precision));
}

int64_t lc_factor_nt_bytes(enum lc_precision precision, int64_t rows, int64_t columns)
{
    return is_split(precision) ? split_bytes(precision, columns, rows) : 0;
}

int64_t lc_factor_nn_bytes(enum lc_precision precision, int64_t rows, int64_t columns)
{
    if (is_split(precision))
        return split_bytes(precision, rows, columns);
    return lc_avx512_gemm_is_there()
               ? (int64_t)sizeof(struct header) + lc_avx512_packed_floats(rows, columns) * (int64_t)sizeof(float)
               : 0;
}

static void pack(void *out, const struct lc_strided *b, int64_t depth, int64_t columns, enum lc_precision precision)
{
    struct header *h = out;

    h->parts = is_split(precision) ? parts_of(precision) : 0;
    if (h->parts > 0)
        lc_kernels()->factor_pack(h + 1, b, depth, columns, h->parts);
    else
        lc_avx512_pack((float *)(void *)(h + 1), b, depth, columns);
}

void lc_factor_pack(const struct lc_factor *f, enum lc_precision precision)
{
    const struct lc_strided turned = {f->w, 1, f->columns}, straight = {f->w, f->columns, 1};

    if (f->nt)
        pack(f->nt, &turned, f->columns, f->rows, precision);
    if (f->nn)
        pack(f->nn, &straight, f->rows, f->columns, precision);
}

int64_t lc_factor_scratch_bytes(enum lc_precision precision)
{
    return is_split(precision) ? lc_kernels()->factor_scratch_bytes() : 0;
}

static void run_split(struct lc_factor_call p, const struct header *h)
{
    p.parts = h->parts;
    p.b = h + 1;
    lc_kernels()->product(&p);
}

void lc_factor_nt(int64_t m, const float *a, int64_t lda, const struct lc_factor *f, float beta, float *c, int64_t ldc,
                   void *scratch)
{
    if (!f->nt)
        lc_gemm_nt(m, f->rows, f->columns, a, lda, f->w, f->columns, beta, c, ldc);
    else
        run_split((struct lc_factor_call){.m = m, .columns = f->rows, .depth = f->columns, .a = a, .lda = lda, .beta = beta,
                                          .c = c, .ldc = ldc, .scratch = scratch},
                  f->nt);
}

void lc_factor_nn(int64_t m, const float *a, int64_t lda, const struct lc_factor *f, float beta, float *c, int64_t ldc,
                   void *scratch)
{
    lc_factor_nn_from(0, m, a, lda, f, beta, c, ldc, scratch);
}

void lc_factor_nn_from(int64_t first, int64_t m, const float *a, int64_t lda, const struct lc_factor *f, float beta, float *c,
                       int64_t ldc, void *scratch)
{
    const struct header *h = f->nn;
    const int64_t depth = f->rows - first;

    if (!h)
        lc_gemm_nn(m, f->columns, depth, a, lda, f->w + first * f->columns, f->columns, beta, c, ldc);
    else if (h->parts == 0)
        lc_avx512_gemm_packed(&(struct lc_gemm_call){.m = m, .n = f->columns, .k = depth, .a = {a, lda, 1}, .beta = beta,
                                                     .c = c, .ldc = ldc},
                              (const float *)(const void *)(h + 1), first);
    else
        run_split((struct lc_factor_call){.m = m, .columns = f->columns, .first = first, .depth = depth, .a = a, .lda = lda,
                                          .beta = beta, .c = c, .ldc = ldc, .scratch = scratch},
                  h);
}

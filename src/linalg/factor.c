/* factor.c - products with weights: by split factors where the kernels in use have them, else in float32. */
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

/* Every split form begins with this. */
struct header {
    int32_t parts;
    char pad[60];
};

int64_t lc_factor_bytes(enum lc_precision precision, int64_t rows, int64_t columns)
{
    int64_t nt, nn;

    if (!is_split(precision))
        return 0;
    nt = lc_kernels()->factor_bytes(columns, rows, parts_of(precision));
    nn = lc_kernels()->factor_bytes(rows, columns, parts_of(precision));
    return (int64_t)sizeof(struct header) + (nt > nn ? nt : nn);
}

static void split(void *out, const struct lc_strided *b, int64_t depth, int64_t columns, int parts)
{
    struct header *h = out;

    if (!h)
        return;
    h->parts = parts;
    lc_kernels()->factor_pack(h + 1, b, depth, columns, parts);
}

void lc_factor_split(const struct lc_factor *f, enum lc_precision precision)
{
    const struct lc_strided turned = {f->w, 1, f->columns}, straight = {f->w, f->columns, 1};

    if (!is_split(precision))
        return;
    split(f->nt, &turned, f->columns, f->rows, parts_of(precision));
    split(f->nn, &straight, f->rows, f->columns, parts_of(precision));
}

int64_t lc_factor_scratch_bytes(enum lc_precision precision)
{
    return is_split(precision) ? lc_kernels()->factor_scratch_bytes() : 0;
}

static void run(struct lc_factor_call p, const struct header *h)
{
    p.parts = h->parts;
    p.b = h + 1;
    lc_kernels()->product(&p);
}

static void make_all(const struct lc_making *making, int64_t m)
{
    if (making)
        making->make(making->arg, 0, m);
}

void lc_factor_nt(int64_t m, const float *a, int64_t lda, const struct lc_making *making, const struct lc_factor *f, float beta,
                  float *c, int64_t ldc, void *scratch)
{
    if (!f->nt) {
        make_all(making, m);
        lc_gemm_nt(m, f->rows, f->columns, a, lda, f->w, f->columns, beta, c, ldc);
    } else {
        run((struct lc_factor_call){.m = m, .columns = f->rows, .depth = f->columns, .a = a, .lda = lda, .making = making, .beta = beta,
                                .c = c, .ldc = ldc, .scratch = scratch},
            f->nt);
    }
}

void lc_factor_nn(int64_t m, const float *a, int64_t lda, const struct lc_making *making, const struct lc_factor *f, float beta,
                  float *c, int64_t ldc, void *scratch)
{
    lc_factor_nn_from(0, m, a, lda, making, f, beta, c, ldc, scratch);
}

void lc_factor_nn_from(int64_t first, int64_t m, const float *a, int64_t lda, const struct lc_making *making,
                       const struct lc_factor *f, float beta, float *c, int64_t ldc, void *scratch)
{
    if (!f->nn) {
        make_all(making, m);
        lc_gemm_nn(m, f->columns, f->rows - first, a, lda, f->w + first * f->columns, f->columns, beta, c, ldc);
    } else {
        run((struct lc_factor_call){.m = m, .columns = f->columns, .first = first, .depth = f->rows - first, .a = a, .lda = lda,
                                .making = making, .beta = beta, .c = c, .ldc = ldc, .scratch = scratch},
            f->nn);
    }
}

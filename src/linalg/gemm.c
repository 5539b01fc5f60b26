/* gemm.c - float32 products: our own kernel where the CPU has AVX-512, OpenBLAS elsewhere. The choice is the CPU's alone
 * and not LIGHTCONE_ISA's, since it changes last digits. */
#include "gemm.h"

#include <stdio.h>

#include "isa.h"
#include "lightcone/linalg.h"

static void gemm(int64_t m, int64_t n, int64_t k, struct lc_strided a, struct lc_strided b, float beta, float *c, int64_t ldc)
{
    const struct lc_gemm_call p = {.m = m, .n = n, .k = k, .a = a, .b = b, .beta = beta, .c = c, .ldc = ldc};

    if (lc_avx512_gemm_is_there())
        lc_avx512_gemm(&p);
    else
        lc_blas_gemm(&p);
}

void lc_gemm_nn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc)
{
    gemm(m, n, k, (struct lc_strided){a, lda, 1}, (struct lc_strided){b, ldb, 1}, beta, c, ldc);
}

void lc_gemm_nt(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc)
{
    gemm(m, n, k, (struct lc_strided){a, lda, 1}, (struct lc_strided){b, 1, ldb}, beta, c, ldc);
}

void lc_gemm_tn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc)
{
    gemm(m, n, k, (struct lc_strided){a, 1, lda}, (struct lc_strided){b, ldb, 1}, beta, c, ldc);
}

int64_t lc_panels_floats(int64_t k, int64_t n)
{
    return lc_avx512_gemm_is_there() ? lc_avx512_panels_floats(k, n) : k * n;
}

static void panels_of(float *panels, int64_t k, int64_t n, struct lc_strided b)
{
    if (lc_avx512_gemm_is_there()) {
        lc_avx512_panels(panels, &b, k, n);
        return;
    }
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++)
            panels[i * n + j] = b.at[i * b.down + j * b.right];
}

void lc_panels_nn(float *panels, int64_t k, int64_t n, const float *b, int64_t ldb)
{
    panels_of(panels, k, n, (struct lc_strided){b, ldb, 1});
}

void lc_panels_nt(float *panels, int64_t k, int64_t n, const float *b, int64_t ldb)
{
    panels_of(panels, k, n, (struct lc_strided){b, 1, ldb});
}

static void multiply(int64_t m, int64_t n, int64_t k, struct lc_strided a, const float *panels, float beta, float *c, int64_t ldc)
{
    const struct lc_gemm_call p = {.m = m, .n = n, .k = k, .a = a, .b = {panels, n, 1}, .beta = beta, .c = c, .ldc = ldc};

    if (lc_avx512_gemm_is_there())
        lc_avx512_gemm_panels(&p);
    else
        lc_blas_gemm(&p);
}

void lc_gemm_np(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *panels, float beta, float *c,
                int64_t ldc)
{
    multiply(m, n, k, (struct lc_strided){a, lda, 1}, panels, beta, c, ldc);
}

void lc_gemm_tp(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *panels, float beta, float *c,
                int64_t ldc)
{
    multiply(m, n, k, (struct lc_strided){a, 1, lda}, panels, beta, c, ldc);
}

void lc_kernel_class(char out[64])
{
#if defined(__AVX512F__)
    const char *build = "avx512";
#elif defined(__AVX2__)
    const char *build = "avx2";
#else
    const char *build = "baseline";
#endif
    snprintf(out, 64, "%s %s%s%s", build, lc_avx512_gemm_is_there() ? "own" : lc_blas_core(),
             lc_kernels()->product ? " " : "", lc_kernels()->product ? lc_kernels()->name : "");
}

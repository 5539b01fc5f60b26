/* blas.c - the one place that calls OpenBLAS. */
#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa.h"
#include "lightcone/linalg.h"

static int blas_int(int64_t n)
{
    assert(n >= 0 && n <= INT_MAX);
    return (int)n;
}

static void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                 const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    if (m == 0 || n == 0)
        return;
    cblas_sgemm(CblasRowMajor, ta, tb, blas_int(m), blas_int(n), blas_int(k), 1.0f, a, blas_int(lda), b, blas_int(ldb),
                beta, c, blas_int(ldc));
}

void lc_gemm_nn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc)
{
    gemm(CblasNoTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

void lc_gemm_nt(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc)
{
    gemm(CblasNoTrans, CblasTrans, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

void lc_gemm_tn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc)
{
    gemm(CblasTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

const char *lc_blas_core(void)
{
    return openblas_get_corename();
}

const char *lc_blas_config(void)
{
    return openblas_get_config();
}

void lc_blas_single_thread(void)
{
    openblas_set_num_threads(1);
}

#if defined(__x86_64__)
static int core_is_one_of(const char *const *names)
{
    const char *core = openblas_get_corename();

    for (; *names; names++)
        if (strcmp(core, *names) == 0)
            return 1;
    return 0;
}

const char *lc_blas_core_repair(void)
{
    static const char *const avx512[] = {"SkylakeX", "Cooperlake", "Sapphirerapids", NULL};
    static const char *const avx2[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake", "Sapphirerapids", NULL};

    __builtin_cpu_init();
    if (getenv("OPENBLAS_CORETYPE"))
        return NULL;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return core_is_one_of(avx512) ? NULL : "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return core_is_one_of(avx2) ? NULL : "Haswell";
    return NULL;
}
#else
const char *lc_blas_core_repair(void)
{
    return NULL;
}
#endif

void lc_kernel_class(char out[64])
{
#if defined(__AVX512F__)
    const char *build = "avx512";
#elif defined(__AVX2__)
    const char *build = "avx2";
#else
    const char *build = "baseline";
#endif
    snprintf(out, 64, "%s %s%s%s", build, openblas_get_corename(), lc_kernels()->product ? " " : "",
             lc_kernels()->product ? lc_kernels()->name : "");
}

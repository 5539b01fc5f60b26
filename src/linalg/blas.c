/* blas.c - the one place that calls OpenBLAS. */
#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gemm.h"
#include "lightcone/linalg.h"

static int blas_int(int64_t n)
{
    assert(n >= 0 && n <= INT_MAX);
    return (int)n;
}

/* A matrix of one row or column has both steps 1: then that way round is taken in which BLAS accepts its step. */
static int is_straight(struct lc_strided x, int64_t columns)
{
    return x.right == 1 && (x.down != 1 || columns <= 1);
}

void lc_blas_gemm(const struct lc_gemm_call *p)
{
    int straight_a = is_straight(p->a, p->k), straight_b = is_straight(p->b, p->n);

    if (p->m == 0 || p->n == 0)
        return;
    cblas_sgemm(CblasRowMajor, straight_a ? CblasNoTrans : CblasTrans, straight_b ? CblasNoTrans : CblasTrans,
                blas_int(p->m), blas_int(p->n), blas_int(p->k), 1.0f, p->a.at,
                blas_int(straight_a ? p->a.down : p->a.right), p->b.at, blas_int(straight_b ? p->b.down : p->b.right),
                p->beta, p->c, blas_int(p->ldc));
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

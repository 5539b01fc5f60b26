/* rate.c - how fast one core multiplies matrices. */
#include <stdlib.h>

#include "lightcone/clock.h"
#include "lightcone/linalg.h"
#include "lightcone/memory.h"
#include "lightcone/random.h"

/* Values that are neither zero nor special: the speed may depend on them. */
static int fill(float **out, int64_t count, uint64_t stream, struct lc_err *err)
{
    if (LC_ALLOC(out, count, "a matrix", err) != LC_OK)
        return err->code;
    for (int64_t k = 0; k < count; k++)
        (*out)[k] = (float)(lc_random_bits(1, stream, (uint64_t)k) >> 40) * 0x1p-23f - 1.0f;
    return LC_OK;
}

int lc_gemm_rate(double *gflops, double spend, struct lc_err *err)
{
    enum { M = 1024, N = 2048, K = 512 };
    float *a = NULL, *b = NULL, *c = NULL;
    double begin, start;
    int rc;

    *gflops = 0.0;
    LC_TRY(rc, fill(&a, M * K, 0, err));
    LC_TRY(rc, fill(&b, K * N, 1, err));
    LC_TRY(rc, fill(&c, M * N, 2, err));
    begin = lc_seconds();
    do {
        double rate;
        start = lc_seconds();
        lc_gemm_nn(M, N, K, a, K, b, N, 0.0f, c, N);
        rate = 2.0 * M * N * K / (lc_seconds() - start) * 1e-9;
        *gflops = rate > *gflops ? rate : *gflops;
    } while (lc_seconds() - begin < spend);
done:
    free(a);
    free(b);
    free(c);
    return rc;
}

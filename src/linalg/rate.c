/* rate.c - how fast one core multiplies matrices. */
#include <stdlib.h>

#include "lightcone/clock.h"
#include "lightcone/linalg.h"
#include "lightcone/memory.h"
#include "lightcone/factor.h"
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

int lc_best_rate(double *gflops, double flop, double spend, lc_rate_run *run, void *arg, struct lc_err *err)
{
    double begin = lc_seconds(), start, rate;

    *gflops = 0.0;
    do {
        start = lc_seconds();
        if (run(arg, err) != LC_OK)
            return err->code;
        rate = flop / (lc_seconds() - start) * 1e-9;
        *gflops = rate > *gflops ? rate : *gflops;
    } while (lc_seconds() - begin < spend);
    return LC_OK;
}

enum { M = 1024, N = 2048, K = 512 };

/* c[M, N] = a[M, K] times a factor [K, N]. */
struct product {
    float *a, *b, *c;
    struct lc_factor factor; /* of b */
    void *scratch;
};

static int multiply(void *arg, struct lc_err *err)
{
    const struct product *p = arg;

    lc_factor_nn(M, p->a, K, &p->factor, 0.0f, p->c, N, p->scratch);
    return err->code;
}

int lc_gemm_rate(double *gflops, enum lc_precision precision, double spend, struct lc_err *err)
{
    struct product p = {.factor = {.rows = K, .columns = N}};
    int rc;

    LC_TRY(rc, fill(&p.a, M * K, 0, err));
    LC_TRY(rc, fill(&p.b, K * N, 1, err));
    LC_TRY(rc, fill(&p.c, M * N, 2, err));
    LC_TRY(rc, lc_alloc(&p.scratch, lc_factor_scratch_bytes(precision), 1, "a product", err));
    p.factor.w = p.b;
    if (lc_factor_bytes(precision, K, N) > 0)
        LC_TRY(rc, lc_alloc(&p.factor.nn, lc_factor_bytes(precision, K, N), 1, "a split matrix", err));
    lc_factor_split(&p.factor, precision);
    rc = lc_best_rate(gflops, 2.0 * M * N * K, spend, multiply, &p, err);
done:
    free(p.a);
    free(p.b);
    free(p.c);
    free(p.factor.nn);
    free(p.scratch);
    return rc;
}

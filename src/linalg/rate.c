/* rate.c - how fast one core multiplies matrices, and screens. */
#include <stdlib.h>

#include "lightcone/clock.h"
#include "lightcone/linalg.h"
#include "lightcone/memory.h"
#include "lightcone/factor.h"
#include "lightcone/random.h"
#include "lightcone/screen.h"

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

    lc_factor_nn(M, p->a, K, NULL, &p->factor, 0.0f, p->c, N, p->scratch);
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

/* Screening whose floors nothing reaches. */
struct screening {
    float *x, *length, *w, *norm, *floor;
    void *packed, *scratch;
    struct lc_screen screen;
    struct lc_candidates found;
};

enum { ROWS = 1024, FEATURES = 4096, WIDTH = 512 };

static int screen(void *arg, struct lc_err *err)
{
    struct screening *s = arg;

    return lc_screen_run(&s->screen, &s->found, err);
}

/* Random rows and their lengths, or more than those. */
static int fill_rows(float **rows, float **length, int64_t count, uint64_t stream, struct lc_err *err)
{
    if (fill(rows, count * WIDTH, stream, err) != LC_OK || LC_ALLOC(length, count, "a matrix", err) != LC_OK)
        return err->code;
    for (int64_t r = 0; r < count; r++)
        (*length)[r] = (float)WIDTH;
    return LC_OK;
}

static void screening_release(struct screening *s)
{
    free(s->x);
    free(s->length);
    free(s->w);
    free(s->norm);
    free(s->floor);
    free(s->packed);
    free(s->scratch);
    lc_candidates_release(&s->found);
}

int lc_screen_rate(double *gflops, double spend, struct lc_err *err)
{
    struct screening s = {0};
    int rc;

    LC_TRY(rc, fill_rows(&s.x, &s.length, ROWS, 0, err));
    LC_TRY(rc, fill_rows(&s.w, &s.norm, FEATURES, 1, err));
    LC_TRY(rc, LC_ALLOC(&s.floor, FEATURES, "floors", err));
    for (int64_t i = 0; i < FEATURES; i++)
        s.floor[i] = 1e30f;
    LC_TRY(rc, lc_alloc(&s.packed, lc_screen_packed_bytes(FEATURES, WIDTH), 1, "an encoder", err));
    LC_TRY(rc, lc_alloc(&s.scratch, lc_screen_scratch_bytes(ROWS, WIDTH), 1, "screening", err));
    lc_screen_pack(s.packed, s.w, FEATURES, WIDTH);
    s.screen = (struct lc_screen){.rows = ROWS, .features = FEATURES, .width = WIDTH, .x = s.x, .length = s.length, .w = s.w,
                                  .norm = s.norm, .floor = s.floor, .packed = s.packed, .scratch = s.scratch};
    rc = lc_best_rate(gflops, 2.0 * ROWS * FEATURES * WIDTH, spend, screen, &s, err);
done:
    screening_release(&s);
    return rc;
}

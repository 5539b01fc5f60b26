/* peaks.c - what this machine can do: the roofs. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "lightcone/clock.h"
#include "lightcone/config.h"
#include "lightcone/linalg.h"
#include "lightcone/random.h"
#include "lightcone/screen.h"

int bench_precision(enum lc_precision *out, struct lc_err *err)
{
    static const char text[] = "job: influence\nmodel: {path: m}\nsae: {path: s}\ncorpus: {path: c}\noutput: o.h5\n";
    struct lc_config config;

    if (lc_config_parse(&config, "bench.yaml", text, sizeof text - 1, NULL, 0, err) != LC_OK)
        return err->code;
    *out = config.precision;
    lc_config_release(&config);
    return LC_OK;
}

static int random_rows(float **out, float **length, int64_t rows, int64_t width, uint64_t stream, struct lc_err *err)
{
    struct lc_comm alone = {.comm = MPI_COMM_NULL, .size = 1, .node_size = 1};
    int rc;

    LC_TRY(rc, LC_ALLOC(out, rows * width, "rows", err));
    LC_TRY(rc, LC_ALLOC(length, rows, "rows", err));
    bench_fill(&alone, *out, rows * width, 0.04f, 0.0f, stream);
    for (int64_t r = 0; r < rows; r++)
        (*length)[r] = (float)(lc_square_sum(*out + r * width, width) + 1.0); /* at least the length */
done:
    return rc;
}

struct screening {
    struct lc_screen screen;
    struct lc_candidates found;
};

static int screen_once(void *arg, struct lc_err *err)
{
    struct screening *s = arg;

    return lc_screen_run(&s->screen, &s->found, err);
}

/* Screening whose floors nothing reaches. */
static int screen_rate(double *gflops, double spend, struct lc_err *err)
{
    enum { ROWS = 1024, FEATURES = 4096, WIDTH = 512 };
    struct screening s = {.found = {0}};
    float *x = NULL, *length = NULL, *w = NULL, *norm = NULL, *floor = NULL;
    void *packed = NULL, *scratch = NULL;
    int rc;

    LC_TRY(rc, random_rows(&x, &length, ROWS, WIDTH, 1, err));
    LC_TRY(rc, random_rows(&w, &norm, FEATURES, WIDTH, 2, err));
    LC_TRY(rc, LC_ALLOC(&floor, FEATURES, "floors", err));
    for (int64_t i = 0; i < FEATURES; i++)
        floor[i] = 1e30f;
    LC_TRY(rc, lc_alloc(&packed, lc_screen_packed_bytes(FEATURES, WIDTH), 1, "an encoder", err));
    LC_TRY(rc, lc_alloc(&scratch, lc_screen_scratch_bytes(ROWS, WIDTH), 1, "screening", err));
    lc_screen_pack(packed, w, FEATURES, WIDTH);
    s.screen = (struct lc_screen){.rows = ROWS, .features = FEATURES, .width = WIDTH, .x = x, .length = length, .w = w,
                                  .norm = norm, .floor = floor, .packed = packed, .scratch = scratch};
    rc = lc_best_rate(gflops, 2.0 * ROWS * FEATURES * WIDTH, spend, screen_once, &s, err);
done:
    free(x);
    free(length);
    free(w);
    free(norm);
    free(floor);
    free(packed);
    free(scratch);
    lc_candidates_release(&s.found);
    return rc;
}

/* a = b + s c over arrays that no cache holds: GB/s of the three, as the best of a few passes. */
static int triad_rate(double *out, const struct lc_comm *par, struct lc_err *err)
{
    enum { COUNT = 1 << 25, PASSES = 4 };
    float *a = NULL, *b = NULL, *c = NULL;
    int rc;

    *out = 0.0;
    LC_TRY(rc, LC_ALLOC(&a, COUNT, "triad", err));
    LC_TRY(rc, LC_ALLOC(&b, COUNT, "triad", err));
    LC_TRY(rc, LC_ALLOC(&c, COUNT, "triad", err));
    for (int64_t i = 0; i < COUNT; i++) {
        b[i] = (float)(i & 1023);
        c[i] = (float)(i & 511) + 0.5f;
    }
    for (int pass = 0; pass < PASSES; pass++) {
        double start, rate;
        MPI_Barrier(par->comm);
        start = lc_seconds();
        for (int64_t i = 0; i < COUNT; i++)
            a[i] = b[i] + 0.5f * c[i];
        rate = 3.0 * sizeof *a * COUNT / (lc_seconds() - start) * 1e-9;
        b[pass] = a[COUNT - 1 - pass]; /* a is wanted */
        *out = rate > *out ? rate : *out;
    }
done:
    free(a);
    free(b);
    free(c);
    return rc;
}

int bench_peaks_measure(struct bench_peaks *p, const struct lc_comm *par, double spend, int triad, struct lc_err *err)
{
    enum lc_precision precision = LC_PRECISION_FLOAT32;
    struct bench_peaks mine = {0};

    bench_precision(&precision, err);
    MPI_Barrier(par->comm);
    lc_gemm_rate(&mine.float32, LC_PRECISION_FLOAT32, spend, err);
    MPI_Barrier(par->comm);
    mine.product = mine.float32;
    if (lc_factor_bytes(precision, 512, 512) > 0)
        lc_gemm_rate(&mine.product, precision, spend, err);
    MPI_Barrier(par->comm);
    screen_rate(&mine.screen, spend, err);
    if (lc_comm_agree(par, err) != LC_OK)
        return err->code;
    if (triad)
        triad_rate(&mine.triad, par, err);
    MPI_Allreduce(&mine, p, sizeof mine / sizeof(double), MPI_DOUBLE, MPI_SUM, par->comm);
    return lc_comm_agree(par, err);
}

int bench_peak_now(double *out, const char *peak, const struct lc_comm *par, struct lc_err *err)
{
    static const double spend = 0.15;
    enum lc_precision precision = LC_PRECISION_FLOAT32;
    double mine = 0.0;

    bench_precision(&precision, err);
    MPI_Barrier(par->comm);
    if (strcmp(peak, "screen") == 0)
        screen_rate(&mine, spend, err);
    else
        lc_gemm_rate(&mine, precision, spend, err);
    MPI_Allreduce(&mine, out, 1, MPI_DOUBLE, MPI_SUM, par->comm);
    return lc_comm_agree(par, err);
}

/* peaks.c - what this machine can do: the roofs. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "lightcone/clock.h"
#include "lightcone/config.h"
#include "lightcone/linalg.h"

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
    lc_screen_rate(&mine.screen, spend, err);
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
        lc_screen_rate(&mine, spend, err);
    else
        lc_gemm_rate(&mine, precision, spend, err);
    MPI_Allreduce(&mine, out, 1, MPI_DOUBLE, MPI_SUM, par->comm);
    return lc_comm_agree(par, err);
}

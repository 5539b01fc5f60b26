/* bench.h - what the files of the benchmark share. One program over the library's own functions on random weights, run by
 * several ranks that measure the same thing at the same time, since they share the memory's bandwidth as in a real run.
 * Letters as in model.h, F features of an SAE. All functions are collective but where they say otherwise. */
#ifndef LC_BENCH_H
#define LC_BENCH_H

#include <jansson.h>
#include <stdint.h>

#include "lightcone/comm.h"
#include "lightcone/err.h"
#include "lightcone/model.h"
#include "lightcone/sae.h"

enum { BENCH_LAYERS = 6, BENCH_HEAD = 64 };

/* Features of a token above 0 and above the threshold, as of real SAEs of Pythia-70m. */
#define BENCH_THRESHOLD 0.2
enum { BENCH_POSITIVE = 46, BENCH_ACTIVE = 27 };

/* What this machine can do, all ranks together at the same time: GFLOP/s, and GB/s for the triad. */
struct bench_peaks {
    double float32, product, screen; /* sgemm; products at the default precision; screening that finds nothing */
    double triad;                    /* 0: not measured */
};
int bench_peaks_measure(struct bench_peaks *p, const struct lc_comm *par, double spend, int triad, struct lc_err *err);
/* The one that a cell is compared with, "product" or "screen", in a moment: other work on the machine changes it. */
int bench_peak_now(double *out, const char *peak, const struct lc_comm *par, struct lc_err *err);
/* Of configurations that do not name one. Not collective. */
int bench_precision(enum lc_precision *out, struct lc_err *err);

/* --- random weights (weights.c) --- */

/* out[count] = near-normal numbers times `scale`, plus `shift`, of memory that the ranks of a node share. */
void bench_fill(const struct lc_comm *par, float *out, int64_t count, float scale, float shift, uint64_t stream);

struct bench_model {
    struct lc_shared memory;
    struct lc_model model;
};
/* BENCH_LAYERS blocks of width D, heads of BENCH_HEAD, hidden width 4 D. */
int bench_model_make(struct bench_model *m, const struct lc_comm *par, int64_t width, int64_t vocab,
                     enum lc_precision precision, struct lc_err *err);
void bench_model_release(struct bench_model *m);

/* Residual streams of 512 random tokens after every block, y[BENCH_LAYERS][512, D]. */
struct bench_probe {
    int64_t rows, width;
    float *y;
};
int bench_probe_make(struct bench_probe *p, const struct lc_comm *par, const struct lc_model *model, struct lc_err *err);
void bench_probe_release(struct bench_probe *p); /* not collective */

struct bench_sae {
    struct lc_shared memory;
    struct lc_sae sae;
};
/* Tuned on the probe's residual streams after block `layer`: BENCH_POSITIVE features of a token are above 0. */
int bench_sae_make(struct bench_sae *s, const struct lc_comm *par, int64_t features, int with_decoder,
                   const struct bench_probe *probe, int64_t layer, struct lc_err *err);
void bench_sae_release(struct bench_sae *s);

/* Write model and SAEs of the Pythia-70m shape as files: FOLDER/model, FOLDER/sae/resid_out_layerN. */
int bench_write_model(const struct lc_comm *par, const char *folder, struct lc_err *err);

/* --- what is measured --- */

/* One line of the table. */
struct bench_cell {
    const char *path;                 /* "forward", ... */
    const char *peak;                 /* which one it is compared with */
    int64_t length, features, width;  /* T, F, D; 0: no matter */
    int64_t windows, tokens;          /* of one repetition on one rank; windows 0: none */
    double flop;                      /* of one repetition, as expected; then of all that were timed */
    double bytes;                     /* that one repetition must move at least: weights, inputs, outputs */
    int64_t weights, buffers;         /* bytes, once a node and on every rank */
    int64_t repetitions;
    int64_t touched;                  /* bytes of memory that a rank used, shared weights included */
    double seconds, spread;           /* of all repetitions: mean over ranks, and largest less smallest */
    double rate, share;               /* GFLOP/s of all ranks, and over the peak */
};

/* One repetition adds what it computed to cell->flop. */
typedef int bench_repetition(void *arg, struct bench_cell *cell, struct lc_err *err);

struct bench {
    struct lc_comm par;
    enum lc_precision precision;
    struct bench_peaks before;
    double limit;   /* seconds that one repetition may take by the estimate */
    double least;   /* seconds of repetitions */
    json_t *root;     /* of rank 0: what is known so far, its "cells" among it */
    const char *path; /* where that stands after each cell, since all of them take hours */
};
/* How long one repetition should take on this rank; not collective. */
double bench_expected(const struct bench *b, const struct bench_cell *cell);
/* 1 when it would take too long, which then stands in the table. */
int bench_too_long(struct bench *b, const struct bench_cell *cell);
/* The table says why a cell is not there. */
void bench_leave_out(struct bench *b, const struct bench_cell *cell, const char *why);
/* Repeat until b->least is over, and add the cell to table and list. */
int bench_time(struct bench *b, struct bench_cell *cell, bench_repetition *run, void *arg, struct lc_err *err);

/* The axes of the grid, each ended by 0. */
struct bench_axes {
    int64_t length[5], features[4], width[4];
    int64_t job_features[4]; /* F of cells that run a job */
};
int bench_grid(struct bench *b, const struct bench_axes *axes, struct lc_err *err);

/* Bytes of one pass over the blocks' weights, and of an encoder, as the kernels in use read them. Not collective. */
double bench_block_traffic(const struct lc_model *model);
double bench_encoder_traffic(const struct lc_sae *sae);
/* Bytes that must move at least: forward of `tokens`, backward of `seeds` a site of one window. Not collective. */
double bench_forward_bytes(const struct lc_model *model, int64_t tokens);
double bench_backward_bytes(const struct lc_model *model, int64_t seeds, int64_t length);

/* Cells that run the influence job as the driver does, with SAEs of F features, on windows of `length` random tokens, ended
 * by 0 (jobs.c). */
int bench_jobs(struct bench *b, const struct bench_model *m, const struct bench_probe *probe, int64_t features,
               const int64_t *length, struct lc_err *err);

/* --- table and file (table.c); rank 0 prints --- */
void bench_table_head(const struct lc_comm *par);
void bench_table_cell(const struct bench_cell *cell);
void bench_table_skip(const struct bench_cell *cell, const char *why);
json_t *bench_cell_json(const struct bench_cell *cell); /* not collective */
json_t *bench_peaks_json(const struct bench_peaks *p, int ranks);
json_t *bench_machine_json(const struct lc_comm *par, enum lc_precision precision);
int bench_json_write(json_t *root, const char *path, struct lc_err *err); /* not collective */

/* One process each. */
int bench_job_row(const struct lc_comm *par, char **word, struct lc_err *err); /* see bench.c */
int bench_finish(const char *path, struct lc_err *err);
int bench_roofline(const json_t *root, const char *stem, struct lc_err *err);

#endif

/* passes.h - the forward pass to all sites and the backward pass of cotangents to the token embedding.
 * Letters as in model.h, and W windows of T tokens each, n = readout position + 1. */
#ifndef LC_PASSES_H
#define LC_PASSES_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/model.h"

/* What one block leaves behind for its backward pass; NULL arrays when the pass was run without `keep`. */
struct lc_block_trace {
    float *unit1, *unit2; /* [W T, D] normalised inputs of the two layer norms; the same array when parallel */
    float *rstd1, *rstd2; /* [W T] */
    float *qkv;           /* [W T, 3D] rotated queries, rotated keys, values */
    float *attention;     /* [W, H, T, T] softmax weights, zero above the diagonal */
    float *mixed;         /* [W T, D] sums of values by them */
    float *slope;         /* [W T, I] derivative of the activation function */
};

/* Workspace and results of a forward pass over up to `room` tokens. */
struct lc_forward {
    const struct lc_model *model; /* borrowed */
    int64_t room, context;        /* tokens in all; longest window */
    int keep;
    int64_t windows, length;      /* W, T of the last run */
    void (*breathe)(void *);      /* set by the caller before a run: called between blocks; may be NULL */
    void *breathe_arg;
    float *y;                     /* [depth + 1, room, D]: y[0] embeddings, y[l + 1] output of block l */
    struct lc_block_trace *trace; /* [depth] */
    float *storage;               /* everything above and the scratch below, one allocation */
    float *normed, *hidden, *rotation, *product;
};

/* Allocate for `room` tokens cut into windows of at most `context`; keep: for a backward pass to come. */
int lc_forward_init(struct lc_forward *f, const struct lc_model *model, int64_t room, int64_t context, int keep,
                    struct lc_err *err);
void lc_forward_release(struct lc_forward *f);
/* Bytes that lc_forward_init() would take. */
int64_t lc_forward_bytes(const struct lc_model *model, int64_t room, int64_t context, int keep);

/* Run W windows of T tokens (token[W T], every id below V). Afterwards lc_forward_site(f, layer) is the residual
 * stream after block `layer`. LC_E_NUMERIC names the layer and position of the first value that is not finite. */
int lc_forward_run(struct lc_forward *f, const int32_t *token, int64_t windows, int64_t length, struct lc_err *err);
const float *lc_forward_site(const struct lc_forward *f, int64_t layer);

/* One row of cotangents: d(scalar)/d y at a site and the readout position. */
struct lc_seed {
    int64_t layer;      /* site: output of this block */
    const float *value; /* [D], borrowed */
};

/* Called once for each seed, in the order given: gradient[n, D] = d(scalar)/d x[t'], valid during the call. */
typedef void lc_gradient_sink(void *arg, int64_t seed, const float *gradient, int64_t n);

struct lc_backward {
    const struct lc_model *model;
    int64_t room, batch, context; /* seeds in a chunk, of these in one product, longest window */
    void (*breathe)(void *);      /* set by the caller before a run: called every now and then; may be NULL */
    void *breathe_arg;
    float *storage;               /* one allocation for all below */
    float *g, *at, *hidden, *u1, *u2, *mixed, *dqkv, *attention, *own, *product, *jacobian; /* see backward.c */
};

/* Chunks of `room` seeds at a time descend the blocks, `batch` <= room of them in one product, but all of them in one where
 * they are so many that a Jacobian of the block at every position is worth its making (local_jacobian.h); windows at most
 * `context` long. What is done, and so the last digits, depends on these numbers, the model's shape and the seeds alone. */
int lc_backward_init(struct lc_backward *b, const struct lc_model *model, int64_t room, int64_t batch, int64_t context,
                     struct lc_err *err);
void lc_backward_release(struct lc_backward *b);
/* Whether chunks of so many seeds can gain by that. */
int lc_backward_gains(const struct lc_model_shape *shape, int64_t room);
/* Bytes that lc_backward_init() would take. */
int64_t lc_backward_bytes(const struct lc_model *model, int64_t room, int64_t batch, int64_t context);

/* Carry `count` seeds, ordered by layer from the deepest to the shallowest, down to the embedding of window `window` of
 * the last lc_forward_run() with keep, read out at `position`. */
void lc_backward_run(struct lc_backward *b, const struct lc_forward *f, int64_t window, int64_t position,
                     const struct lc_seed *seed, int64_t count, lc_gradient_sink *sink, void *sink_arg);

/* FLOP of these passes as their matrix products need them (2 per multiply-add; causal attention counted as such). Backward
 * of one seed alone; and of lc_backward_run() with seeds[depth] of each layer in chunks of `room`: the work that is done,
 * which is less where the MLP's Jacobian is used. */
double lc_forward_flop(const struct lc_model *model, int64_t tokens, int64_t length);
double lc_backward_flop(const struct lc_model *model, int64_t layer, int64_t n);
double lc_backward_run_flop(const struct lc_model *model, int64_t room, const int64_t *seeds, int64_t n);

#endif

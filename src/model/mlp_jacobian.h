/* mlp_jacobian.h - the MLP's Jacobian at a position as one matrix, M_s = W_down diag(slope[s]) W_up [D, D]. To make it costs
 * 2 D^2 I; a cotangent row times it costs 2 D^2, where W_down and W_up cost 4 D I: it pays where many rows pass a position. */
#ifndef LC_MLP_JACOBIAN_H
#define LC_MLP_JACOBIAN_H

#include "lightcone/model.h"

/* Whether it is faster for so many rows a position. A matter of the shape alone, so that every machine does the same. */
int lc_mlp_jacobian_pays(const struct lc_model_shape *shape, int64_t rows);

/* FLOP a position. */
double lc_mlp_jacobian_flop(const struct lc_model_shape *shape, int64_t rows);

/* Floats of scratch. */
int64_t lc_mlp_jacobian_floats(const struct lc_model *model);

/* The cotangents g[rows, n, D] of the MLP's output and u[rows, n, D], which gets those of its input. */
struct lc_mlp_pull {
    const struct lc_block *block;
    const float *slope; /* [n, I] */
    int64_t rows, n;
    const float *g;
    float *u;
    float *scratch; /* lc_mlp_jacobian_floats(), 64-byte aligned */
    void *product;  /* lc_factor_scratch_bytes() */
    void (*breathe)(void *); /* called at every position; may be NULL */
    void *breathe_arg;
};

void lc_mlp_jacobian_pull(const struct lc_mlp_pull *p, const struct lc_model *model);

#endif

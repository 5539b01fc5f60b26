/* local_jacobian.h - what a block does at a position alone, as one matrix: the Jacobian of its MLP and, mostly, where attention
 * and MLP stand side by side, that through the position's own query, since keys, values and weights are given:
 *     M_s = W_down diag(slope[s]) W_up diag(w2) + sum_h W_out,h A_sh R_s W_q,h diag(w1)          [D, D]
 *     A_sh = scale sum_k p_k (v_k - o_s) k_k^T           (o_s what the values are mixed to, R_s the turn back from rotation)
 * To make it costs 2 D^2 I (+ 2 D^3); a cotangent row times it costs 2 D^2, where W_down and W_up cost 4 D I (and W_q 2 D^2):
 * it pays where many rows pass a position. Private to model. */
#ifndef LC_MODEL_LOCAL_JACOBIAN_H
#define LC_MODEL_LOCAL_JACOBIAN_H

#include "view.h"

/* Whether M_s takes in the query's path: where the block is parallel and the products can begin at W_k (lc_factor_nn_from()). */
int lc_local_jacobian_has_query(const struct lc_model_shape *shape);

/* Whether it is faster for so many rows a position. A matter of the shape alone, so that every machine does the same. */
int lc_local_jacobian_pays(const struct lc_model_shape *shape, int64_t rows);

/* FLOP a position: of all that it stands for, and without it. */
double lc_local_jacobian_flop(const struct lc_model_shape *shape, int64_t rows);
double lc_local_plain_flop(const struct lc_model_shape *shape, int64_t rows);

/* Floats of scratch for windows of at most `context`. */
int64_t lc_local_jacobian_floats(const struct lc_model *model, int64_t context);

/* The cotangents g[rows, n, D] of the block's output and u[rows, n, D], which gets those of the layer norms' common unit output, or,
 * where M_s has no query, of the MLP's input (no diag(w2) then). */
struct lc_local_pull {
    const struct lc_model *model;
    const struct lc_view *view;
    int64_t rows;
    const float *g;
    float *u;
    float *scratch; /* lc_local_jacobian_floats(), 64-byte aligned */
    void *product;  /* lc_factor_scratch_bytes() */
    void (*breathe)(void *); /* called at every position; may be NULL */
    void *breathe_arg;
};

void lc_local_jacobian_pull(const struct lc_local_pull *p);

#endif

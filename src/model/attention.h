/* attention.h - cotangents through attention of one block, as one window sees it; private to model. */
#ifndef LC_MODEL_ATTENTION_H
#define LC_MODEL_ATTENTION_H

#include <stdint.h>

#include "lightcone/model.h"

struct lc_attention_pull {
    const struct lc_model_shape *shape;
    const float *qkv;    /* [n, 3D] rotated queries, rotated keys, values */
    const float *weight; /* [H, length, length] of the softmax */
    const float *mixed;  /* [n, D] what attention made of the values */
    int64_t length, n, seeds;
    const float *dmixed; /* [seeds, n, D] cotangents of that */
    float *dqkv;         /* [seeds, n, 3D]: set */
    float *scratch;      /* lc_attention_floats(), 64-byte aligned */
};

/* Floats of scratch for windows of at most `context`. */
int64_t lc_attention_floats(const struct lc_model_shape *shape, int64_t context);

void lc_attention_pull(const struct lc_attention_pull *p);

/* Gradient of the scores of `m` queries from that of their weights, in place, dp[m, keys]; rows of p with leading dimension
 * `lead`; along[t] = sum_s p dp, which is the dot product of what the query's value was mixed to and its cotangent:
 *     ds = scale p (dp - along). */
void lc_score_gradient(float *dp, const float *p, int64_t lead, const float *along, int64_t m, int64_t keys, float scale);

#endif

/* attention.h - cotangents through attention of one block, as one window sees it; private to model. */
#ifndef LC_MODEL_ATTENTION_H
#define LC_MODEL_ATTENTION_H

#include "view.h"

struct lc_attention_pull {
    const struct lc_view *view;
    int64_t seeds;
    const float *dmixed; /* [seeds, n, D] cotangents of view->mixed */
    float *dqkv;         /* [seeds, n, 3D]: set, */
    int queries;         /* the D of the queries only where this is not 0 */
    float *scratch;      /* lc_attention_floats(), 64-byte aligned */
};

/* Floats of scratch for windows of at most `context`. */
int64_t lc_attention_floats(const struct lc_model_shape *shape, int64_t context);

void lc_attention_pull(const struct lc_attention_pull *p);

/* Gradient of the scores of `m` queries from that of their weights, in place, dp[m, keys]; rows with leading dimensions:
 *     ds = scale p (dp - sum p dp).
 * The sum is that of the very dp: where one key has all the weight, they cancel to nothing. (It is also the product of the
 * cotangent and what the values were mixed to; but rounded apart, their difference would be noise times a large key.) */
void lc_score_gradient(float *dp, int64_t dp_lead, const float *p, int64_t p_lead, int64_t m, int64_t keys, float scale);

#endif

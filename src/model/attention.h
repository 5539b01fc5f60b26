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

/* Gradient of the scores of `m` queries from that of their weights, dp[m, keys]; rows of p with leading dimension `lead`:
 *     ds = scale p (dp - along), along = sum p dp
 * over all keys, which may come a part at a time: first the sums of all parts, added to along[m], then each part's ds in place.
 * The sum is that of the very dp: where one key has all the weight, they cancel to nothing. (It is also the product of the
 * cotangent and what the values were mixed to; but rounded apart, their difference would be noise times a large key.) */
void lc_score_sum(const float *dp, const float *p, int64_t lead, int64_t m, int64_t keys, float *along);
void lc_score_gradient(float *dp, const float *p, int64_t lead, const float *along, int64_t m, int64_t keys, float scale);

#endif

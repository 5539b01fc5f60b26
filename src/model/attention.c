/* attention.c - gradients of queries, keys and values, a square of queries and keys at a time: what a square needs stays in
 * the caches, and squares above the diagonal are left out. */
#include "attention.h"

#include <math.h>
#include <string.h>

#include "carve.h"
#include "lightcone/linalg.h"

enum { SIDE = 64 };

/* Of one head: keys and values of every square made ready as right factors, then what one row of squares needs. */
struct ready {
    float *key, *value; /* [squares] panels of K[SIDE, h] and of V[SIDE, h]^T */
    float *query;       /* panels of Q[SIDE, h] */
    float *cotangent;   /* panels of dO[SIDE, h] */
    float *along;       /* [SIDE] */
    float *score;       /* [squares] of a row of them, [SIDE, SIDE] each */
    int64_t key_step, value_step;
};

static int64_t squares(int64_t n)
{
    return (n + SIDE - 1) / SIDE;
}

static int64_t end_of(int64_t begin, int64_t n)
{
    return begin + SIDE < n ? begin + SIDE : n;
}

/* Lays out `r` in `at`; floats that it takes. */
static int64_t lay_out(struct ready *r, float *at, int64_t head, int64_t context)
{
    struct lc_carve c = {.at = at};

    r->key_step = lc_aligned_floats(lc_panels_floats(SIDE, head));
    r->value_step = lc_aligned_floats(lc_panels_floats(head, SIDE));
    r->key = lc_carve(&c, squares(context) * r->key_step);
    r->value = lc_carve(&c, squares(context) * r->value_step);
    r->query = lc_carve(&c, r->key_step);
    r->cotangent = lc_carve(&c, r->key_step);
    r->along = lc_carve(&c, SIDE);
    r->score = lc_carve(&c, squares(context) * SIDE * SIDE);
    return c.used;
}

int64_t lc_attention_floats(const struct lc_model_shape *shape, int64_t context)
{
    struct ready r;

    return lay_out(&r, NULL, shape->width / shape->heads, context);
}

void lc_score_sum(const float *dp, const float *p, int64_t lead, int64_t m, int64_t keys, float *along)
{
    for (int64_t t = 0; t < m; t++)
        along[t] += lc_dot(dp + t * keys, p + t * lead, keys);
}

void lc_score_gradient(float *dp, const float *p, int64_t lead, const float *along, int64_t m, int64_t keys, float scale)
{
    for (int64_t t = 0; t < m; t++)
        for (int64_t s = 0; s < keys; s++)
            dp[t * keys + s] = scale * p[t * lead + s] * (dp[t * keys + s] - along[t]);
}

/* Queries [begin, end) of one seed and head; dO and the gradients from the head's first column. */
static void pull_queries(const struct lc_attention_pull *p, const struct ready *r, int64_t h, int64_t begin, const float *dmixed,
                         float *dqkv)
{
    const struct lc_view *v = p->view;
    int64_t d = v->shape->width, head = d / v->shape->heads, end = end_of(begin, v->n), m = end - begin;
    const float *cotangent = dmixed + begin * d, *weight = v->attention + (h * v->length + begin) * v->length;
    float scale = (float)(1.0 / sqrt((double)head));

    lc_panels_nn(r->cotangent, m, head, cotangent, d);
    memset(r->along, 0, (size_t)m * sizeof *r->along);
    for (int64_t j = 0; j < end; j += SIDE) {
        int64_t keys = end_of(j, v->n) - j;
        float *score = r->score + j * SIDE;
        lc_gemm_np(m, keys, head, cotangent, d, r->value + j / SIDE * r->value_step, 0.0f, score, keys);
        lc_score_sum(score, weight + j, v->length, m, keys, r->along);
    }
    for (int64_t j = 0; j < end; j += SIDE) {
        int64_t keys = end_of(j, v->n) - j;
        float *score = r->score + j * SIDE, *dkey = dqkv + d + j * 3 * d, begun = j < begin ? 1.0f : 0.0f;
        lc_score_gradient(score, weight + j, v->length, r->along, m, keys, scale);
        if (p->queries)
            lc_gemm_np(m, head, keys, score, keys, r->key + j / SIDE * r->key_step, j > 0 ? 1.0f : 0.0f,
                       dqkv + begin * 3 * d, 3 * d);
        lc_gemm_tp(keys, head, m, score, keys, r->query, begun, dkey, 3 * d);
        lc_gemm_tp(keys, head, m, weight + j, v->length, r->cotangent, begun, dkey + d, 3 * d);
    }
}

/* One head of all seeds. */
static void pull_head(const struct lc_attention_pull *p, const struct ready *r, int64_t h)
{
    const struct lc_view *v = p->view;
    int64_t d = v->shape->width, head = d / v->shape->heads, n = v->n;
    const float *query = v->qkv + h * head, *key = query + d, *value = key + d;

    for (int64_t j = 0; j < n; j += SIDE) {
        int64_t keys = end_of(j, n) - j;
        if (p->queries)
            lc_panels_nn(r->key + j / SIDE * r->key_step, keys, head, key + j * 3 * d, 3 * d);
        lc_panels_nt(r->value + j / SIDE * r->value_step, head, keys, value + j * 3 * d, 3 * d);
    }
    for (int64_t begin = 0; begin < n; begin += SIDE) {
        lc_panels_nn(r->query, end_of(begin, n) - begin, head, query + begin * 3 * d, 3 * d);
        for (int64_t i = 0; i < p->seeds; i++)
            pull_queries(p, r, h, begin, p->dmixed + i * n * d + h * head, p->dqkv + i * n * 3 * d + h * head);
    }
}

void lc_attention_pull(const struct lc_attention_pull *p)
{
    const struct lc_model_shape *s = p->view->shape;
    struct ready r;

    lay_out(&r, p->scratch, s->width / s->heads, p->view->n);
    for (int64_t h = 0; h < s->heads; h++)
        pull_head(p, &r, h);
}

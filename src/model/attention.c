/* attention.c - gradients of queries, keys and values, SIDE queries at a time, whose products go by squares of SIDE keys: what
 * they need stays in the caches, and squares above the diagonal are left out. */
#include "attention.h"

#include <math.h>

#include "carve.h"
#include "lightcone/linalg.h"

enum { SIDE = 64 };

/* Of one head: keys and values of every square made ready as right factors, then what one row of squares needs. */
struct ready {
    float *key, *value; /* [squares] panels of K[SIDE, h] and of V[SIDE, h]^T */
    float *query;       /* panels of Q[SIDE, h] */
    float *cotangent;   /* panels of dO[SIDE, h] */
    float *score;       /* [SIDE, lead] */
    int64_t key_step, value_step, lead;
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
    r->lead = lc_aligned_floats(context) + 16; /* rows that a power of two lies between would meet in few sets of a cache */
    r->score = lc_carve(&c, SIDE * r->lead);
    return c.used;
}

int64_t lc_attention_floats(const struct lc_model_shape *shape, int64_t context)
{
    struct ready r;

    return lay_out(&r, NULL, shape->width / shape->heads, context);
}

void lc_score_gradient(float *dp, int64_t dp_lead, const float *p, int64_t p_lead, int64_t m, int64_t keys, float scale)
{
    for (int64_t t = 0; t < m; t++, dp += dp_lead, p += p_lead) {
        float along = lc_dot(dp, p, keys);
        for (int64_t s = 0; s < keys; s++)
            dp[s] = scale * p[s] * (dp[s] - along);
    }
}

/* Queries [begin, end) of one seed and head; dO and the gradients from the head's first column. */
static void pull_queries(const struct lc_attention_pull *p, const struct ready *r, int64_t h, int64_t begin, const float *dmixed,
                         float *dqkv)
{
    const struct lc_view *v = p->view;
    int64_t d = v->shape->width, head = d / v->shape->heads, end = end_of(begin, v->n), m = end - begin;
    const float *cotangent = dmixed + begin * d, *weight = v->attention + (h * v->length + begin) * v->length;

    lc_panels_nn(r->cotangent, m, head, cotangent, d);
    for (int64_t j = 0; j < end; j += SIDE)
        lc_gemm_np(m, end_of(j, v->n) - j, head, cotangent, d, r->value + j / SIDE * r->value_step, 0.0f, r->score + j, r->lead);
    lc_score_gradient(r->score, r->lead, weight, v->length, m, end, (float)(1.0 / sqrt((double)head)));
    for (int64_t j = 0; j < end; j += SIDE) {
        int64_t keys = end_of(j, v->n) - j;
        float *dkey = dqkv + d + j * 3 * d, begun = j < begin ? 1.0f : 0.0f;
        if (p->queries)
            lc_gemm_np(m, head, keys, r->score + j, r->lead, r->key + j / SIDE * r->key_step, j > 0 ? 1.0f : 0.0f,
                       dqkv + begin * 3 * d, 3 * d);
        lc_gemm_tp(keys, head, m, r->score + j, r->lead, r->query, begun, dkey, 3 * d);
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

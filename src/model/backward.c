/* backward.c - cotangents from the sites down to the token embedding. All seeds of all sites go down together, a chunk
 * at a time: at each block the seeds of deeper sites (full rows: every position) are joined by those of its own site,
 * whose cotangent still lives at the readout position alone. Every step is a product over (seeds x positions) rows, of a
 * batch of the chunk's seeds, or of all of them where a Jacobian of what the block does at
 * each position alone is worth its making. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attention.h"
#include "carve.h"
#include "lightcone/linalg.h"
#include "lightcone/passes.h"
#include "local_jacobian.h"
#include "rotary.h"

enum { STRIP = 16 }; /* positions whose key terms are held at once in a site's own block */

static struct lc_view view_of(const struct lc_forward *f, int64_t layer, int64_t window, int64_t n)
{
    const struct lc_model_shape *s = &f->model->shape;
    const struct lc_block_trace *t = &f->trace[layer];
    int64_t row = window * f->length, d = s->width;

    return (struct lc_view){.shape = s,
                            .w = &f->model->block[layer],
                            .unit1 = t->unit1 + row * d,
                            .unit2 = t->unit2 + row * d,
                            .rstd1 = t->rstd1 + row,
                            .rstd2 = t->rstd2 + row,
                            .qkv = t->qkv + row * 3 * d,
                            .attention = t->attention + window * s->heads * f->length * f->length,
                            .mixed = t->mixed + row * d,
                            .slope = t->slope + row * s->hidden,
                            .rotation = f->rotation,
                            .length = f->length,
                            .n = n};
}

static int64_t own_parts_floats(const struct lc_model_shape *s, int64_t seeds, int64_t context);

static void lay_out(struct lc_backward *b, struct lc_carve *c)
{
    const struct lc_model_shape *s = &b->model->shape;
    int64_t rows = b->batch * b->context, all = b->room * b->context, d = s->width;
    int pays = lc_local_jacobian_pays(s, b->room);

    b->g = lc_carve(c, all * d);
    b->at = lc_carve(c, b->batch * d);
    b->hidden = lc_carve(c, rows * s->hidden);
    b->u1 = lc_carve(c, rows * d);
    b->u2 = lc_carve(c, (pays ? all : rows) * d);
    b->mixed = lc_carve(c, rows * d);
    b->dqkv = lc_carve(c, rows * 3 * d);
    b->attention = lc_carve(c, lc_attention_floats(s, b->context));
    b->own = lc_carve(c, own_parts_floats(s, b->batch, b->context));
    b->product = lc_carve(c, lc_factor_scratch_bytes(b->model->precision) / (int64_t)sizeof *b->product);
    b->jacobian = lc_carve(c, pays ? lc_local_jacobian_floats(b->model, b->context) : 0);
}

int lc_backward_gains(const struct lc_model_shape *shape, int64_t room)
{
    return lc_local_jacobian_pays(shape, room);
}

int64_t lc_backward_bytes(const struct lc_model *model, int64_t room, int64_t batch, int64_t context)
{
    struct lc_backward b = {.model = model, .room = room, .batch = batch, .context = context};
    struct lc_carve c = {0};

    lay_out(&b, &c);
    return c.used * (int64_t)sizeof *b.storage;
}

int lc_backward_init(struct lc_backward *b, const struct lc_model *model, int64_t room, int64_t batch, int64_t context,
                     struct lc_err *err)
{
    struct lc_carve c = {0};

    *b = (struct lc_backward){.model = model, .room = room, .batch = batch, .context = context};
    if (lc_alloc((void **)&b->storage, lc_backward_bytes(model, room, batch, context), 1, "backward pass", err) != LC_OK)
        return err->code;
    c.at = b->storage;
    lay_out(b, &c);
    return LC_OK;
}

void lc_backward_release(struct lc_backward *b)
{
    free(b->storage);
    *b = (struct lc_backward){0};
}

static void breathe(const struct lc_backward *b)
{
    if (b->breathe)
        b->breathe(b->breathe_arg);
}

/* u = u * w (+ u2 * w2, or u2 alone where that has been done): the cotangent of the normalised input. */
static void weigh(float *u, const float *w, const float *u2, const float *w2, int64_t d)
{
    if (!u2)
        for (int64_t i = 0; i < d; i++)
            u[i] *= w[i];
    else if (!w2)
        for (int64_t i = 0; i < d; i++)
            u[i] = u[i] * w[i] + u2[i];
    else
        for (int64_t i = 0; i < d; i++)
            u[i] = u[i] * w[i] + u2[i] * w2[i];
}

/* g += the pull-back of u2 through LN2, for sequential blocks. */
static void pull_mlp(const struct lc_view *v, float *u2, float *g, int64_t seeds)
{
    int64_t d = v->shape->width;

    for (int64_t r = 0; r < seeds * v->n; r++) {
        weigh(u2 + r * d, v->w->norm2_w, NULL, NULL, d);
        lc_norm_row_backward(u2 + r * d, v->unit2 + r % v->n * d, v->rstd2[r % v->n], d, g + r * d);
    }
}

struct making {
    const struct lc_backward *b;
    const struct lc_view *v;
    int queries; /* dqkv has their columns */
};

/* Cotangents of the activation function's values into those of its arguments. */
static void make_hidden(void *arg, int64_t first, int64_t count)
{
    const struct making *m = arg;
    int64_t n = m->v->shape->hidden;

    for (int64_t r = first; r < first + count; r++)
        lc_multiply(m->b->hidden + r * n, m->v->slope + r % m->v->n * n, n);
}

/* Cotangents of rotated queries and keys into those of what is rotated. */
static void make_dqkv(void *arg, int64_t first, int64_t count)
{
    const struct making *m = arg;
    const struct lc_model_shape *s = m->v->shape;
    int64_t d = s->width;

    for (int64_t r = first; r < first + count; r++)
        lc_rotate(m->b->dqkv + r * 3 * d + (m->queries ? 0 : d), m->queries ? 2 * s->heads : s->heads, d / s->heads, s->rotary,
                  m->v->rotation + r % m->v->n * (s->rotary + 2), -1);
}

/* u2[seeds n, D] = cotangents g of the MLP's output pulled back to its input. */
static void pull_plain(struct lc_backward *b, const struct lc_view *v, const float *g, float *u2, int64_t seeds)
{
    int64_t d = v->shape->width, hidden = v->shape->hidden, rows = seeds * v->n;
    struct making making = {.b = b, .v = v};

    lc_factor_nn(rows, g, d, NULL, &v->w->down, 0.0f, b->hidden, hidden, b->product);
    lc_factor_nn(rows, b->hidden, hidden, &(struct lc_making){make_hidden, &making}, &v->w->up, 0.0f, u2, d, b->product);
}

/* A batch of seeds with cotangents g at all n positions through one block. u2 is pull_plain()'s, or, if `local`,
 * lc_local_jacobian_pull()'s. */
static void descend_batch(struct lc_backward *b, const struct lc_view *v, float *g, float *u2, int local, int64_t seeds)
{
    int64_t d = v->shape->width, n = v->n, rows = seeds * n;
    int queries = !(local && lc_local_jacobian_has_query(v->shape));
    int64_t first = queries ? 0 : d; /* of the columns of dqkv that are there */
    struct making making = {.b = b, .v = v, .queries = queries};
    const struct lc_attention_pull attention = {
        .view = v, .seeds = seeds, .dmixed = b->mixed, .dqkv = b->dqkv, .queries = queries, .scratch = b->attention};

    if (!v->shape->parallel)
        pull_mlp(v, u2, g, seeds);
    lc_factor_nn(rows, g, d, NULL, &v->w->out, 0.0f, b->mixed, d, b->product);
    lc_attention_pull(&attention);
    lc_factor_nn_from(first, rows, b->dqkv + first, 3 * d, &(struct lc_making){make_dqkv, &making}, &v->w->qkv, 0.0f, b->u1, d, b->product);
    for (int64_t r = 0; r < rows; r++) {
        weigh(b->u1 + r * d, v->w->norm1_w, v->shape->parallel ? u2 + r * d : NULL, queries ? v->w->norm2_w : NULL, d);
        lc_norm_row_backward(b->u1 + r * d, v->unit1 + r % n * d, v->rstd1[r % n], d, g + r * d);
    }
}

/* The first `seeds` seeds of the chunk, which have cotangents at all n positions, through one block. */
static void descend_full(struct lc_backward *b, const struct lc_view *v, int64_t seeds)
{
    int64_t each = v->n * v->shape->width;
    int local = lc_local_jacobian_pays(v->shape, seeds);
    const struct lc_local_pull pull = {.model = b->model,
                                       .view = v,
                                       .rows = seeds,
                                       .g = b->g,
                                       .u = b->u2,
                                       .scratch = b->jacobian,
                                       .product = b->product,
                                       .breathe = b->breathe,
                                       .breathe_arg = b->breathe_arg};

    if (local)
        lc_local_jacobian_pull(&pull);
    for (int64_t begin = 0; begin < seeds; begin += b->batch) {
        int64_t some = seeds - begin < b->batch ? seeds - begin : b->batch;
        float *g = b->g + begin * each, *u2 = local ? b->u2 + begin * each : b->u2;
        if (!local)
            pull_plain(b, v, g, u2, some);
        descend_batch(b, v, g, u2, local, some);
        breathe(b);
    }
}

/* The MLP of a site's own block: cotangents `at` [seeds, D] live at the readout row. u2 gets that of LN2's output. */
static void own_mlp(struct lc_backward *b, const struct lc_view *v, int64_t seeds)
{
    int64_t d = v->shape->width, hidden = v->shape->hidden, last = v->n - 1;

    lc_factor_nn(seeds, b->at, d, NULL, &v->w->down, 0.0f, b->hidden, hidden, b->product);
    for (int64_t i = 0; i < seeds; i++)
        lc_multiply(b->hidden + i * hidden, v->slope + last * hidden, hidden);
    lc_factor_nn(seeds, b->hidden, hidden, NULL, &v->w->up, 0.0f, b->u2, d, b->product);
    if (v->shape->parallel)
        return;
    for (int64_t i = 0; i < seeds; i++) {
        weigh(b->u2 + i * d, v->w->norm2_w, NULL, NULL, d);
        lc_norm_row_backward(b->u2 + i * d, v->unit2 + last * d, v->rstd2[last], d, b->at + i * d);
    }
}

/* Where a site's own block keeps what its low-rank form of attention needs. Only one query has a cotangent, so those of
 * keys and values are, at every position s, sums over heads of rank-one terms: with c = the cotangent of the mixed
 * values,
 *   u1[i, s] = sum_h p_h[s] (c_ih W_v,h) + ds_ih[s] (R_s^T q_h W_k,h),
 * which costs 4 H D operations a row and position where the plain products cost 4 D^2. */
struct own_parts {
    float *value;  /* [seeds, H, D] c_ih W_v,h */
    float *ds;     /* [n, seeds, H] gradients of the scores */
    float *p;      /* [n, H] softmax weights of the readout's query */
    float *key;    /* [STRIP, H, D] R_s^T q_h W_k,h of a strip of positions */
    float *turned; /* [STRIP, h] R_s^T q_h */
    float *dquery; /* [seeds, D] */
    float *score;  /* [seeds, n] of one head */
    float *along;  /* [seeds] see lc_score_gradient() */
};

/* Returns how many floats that takes; at NULL: no more than that. */
static int64_t own_parts_at(struct own_parts *o, float *at, const struct lc_model_shape *s, int64_t seeds, int64_t n)
{
    struct lc_carve c = {.at = at};

    o->value = lc_carve(&c, seeds * s->heads * s->width);
    o->ds = lc_carve(&c, n * seeds * s->heads);
    o->p = lc_carve(&c, n * s->heads);
    o->key = lc_carve(&c, STRIP * s->heads * s->width);
    o->turned = lc_carve(&c, STRIP * s->width / s->heads);
    o->dquery = lc_carve(&c, seeds * s->width);
    o->score = lc_carve(&c, seeds * n);
    o->along = lc_carve(&c, seeds);
    return c.used;
}

static int64_t own_parts_floats(const struct lc_model_shape *s, int64_t seeds, int64_t context)
{
    struct own_parts o;

    return own_parts_at(&o, NULL, s, seeds, context);
}

/* One head: gradients of the scores, of the readout's query, and the value term. */
static void own_head(struct lc_backward *b, const struct lc_view *v, int64_t h, int64_t seeds, struct own_parts *o)
{
    int64_t d = v->shape->width, heads = v->shape->heads, head = d / heads, n = v->n;
    const float *k = v->qkv + d + h * head, *value_w = v->w->qkv.w + (2 * d + h * head) * d;
    const float *p = v->attention + h * v->length * v->length + (n - 1) * v->length;

    lc_gemm_nt(seeds, n, head, b->mixed + h * head, d, k + d, 3 * d, 0.0f, o->score, n);
    memset(o->along, 0, (size_t)seeds * sizeof *o->along);
    lc_score_sum(o->score, p, 0, seeds, n, o->along);
    lc_score_gradient(o->score, p, 0, o->along, seeds, n, (float)(1.0 / sqrt((double)head)));
    lc_gemm_nn(seeds, head, n, o->score, n, k, 3 * d, 0.0f, o->dquery + h * head, d);
    lc_gemm_nn(seeds, d, head, b->mixed + h * head, d, value_w, d, 0.0f, o->value + h * d, heads * d);
    for (int64_t s = 0; s < n; s++) {
        o->p[s * heads + h] = p[s];
        for (int64_t i = 0; i < seeds; i++)
            o->ds[(s * seeds + i) * heads + h] = o->score[i * n + s];
    }
}

/* Key terms of positions [begin, end): the readout's queries turned back by each position, through W_k. */
static void own_keys(const struct lc_view *v, int64_t begin, int64_t end, struct own_parts *o)
{
    int64_t d = v->shape->width, heads = v->shape->heads, head = d / heads, rotary = v->shape->rotary;
    const float *q = v->qkv + (v->n - 1) * 3 * d;

    for (int64_t h = 0; h < heads; h++) {
        for (int64_t s = begin; s < end; s++) {
            float *row = o->turned + (s - begin) * head;
            memcpy(row, q + h * head, (size_t)head * sizeof *row);
            lc_rotate(row, 1, head, rotary, v->rotation + s * (rotary + 2), -1);
        }
        lc_gemm_nn(end - begin, d, head, o->turned, head, v->w->qkv.w + (d + h * head) * d, d, 0.0f, o->key + h * d,
                   heads * d);
    }
}

/* u1[seeds n, D] = cotangent of LN1's output, through keys and values everywhere and the query at the readout. */
static void own_attention(struct lc_backward *b, const struct lc_view *v, int64_t seeds)
{
    int64_t d = v->shape->width, heads = v->shape->heads, n = v->n, step = v->shape->rotary + 2;
    struct own_parts o;

    own_parts_at(&o, b->own, v->shape, seeds, n);
    lc_factor_nn(seeds, b->at, d, NULL, &v->w->out, 0.0f, b->mixed, d, b->product);
    for (int64_t h = 0; h < heads; h++)
        own_head(b, v, h, seeds, &o);
    for (int64_t begin = 0; begin < n; begin += STRIP) {
        int64_t end = begin + STRIP < n ? begin + STRIP : n;
        own_keys(v, begin, end, &o);
        for (int64_t s = begin; s < end; s++)
            lc_gemm_nn(seeds, d, heads, o.ds + s * seeds * heads, heads, o.key + (s - begin) * heads * d, d, 0.0f,
                       b->u1 + s * d, n * d);
    }
    for (int64_t i = 0; i < seeds; i++) {
        lc_gemm_nn(n, d, heads, o.p, heads, o.value + i * heads * d, d, 1.0f, b->u1 + i * n * d, d);
        lc_rotate(o.dquery + i * d, heads, d / heads, v->shape->rotary, v->rotation + (n - 1) * step, -1);
    }
    lc_gemm_nn(seeds, d, d, o.dquery, d, v->w->qkv.w, d, 1.0f, b->u1 + (n - 1) * d, n * d);
}

/* Seeds [first, first + seeds) of the chunk enter at their own block. */
static void descend_own(struct lc_backward *b, const struct lc_view *v, int64_t first, int64_t seeds,
                        const struct lc_seed *seed)
{
    int64_t d = v->shape->width, n = v->n;
    float *g = b->g + first * n * d;

    for (int64_t i = 0; i < seeds; i++)
        memcpy(b->at + i * d, seed[first + i].value, (size_t)d * sizeof *b->at);
    own_mlp(b, v, seeds);
    own_attention(b, v, seeds);
    memset(g, 0, (size_t)(seeds * n * d) * sizeof *g);
    for (int64_t r = 0; r < seeds * n; r++) {
        int64_t s = r % n, both = v->shape->parallel && s == n - 1;
        weigh(b->u1 + r * d, v->w->norm1_w, both ? b->u2 + r / n * d : NULL, v->w->norm2_w, d);
        lc_norm_row_backward(b->u1 + r * d, v->unit1 + s * d, v->rstd1[s], d, g + r * d);
        if (s == n - 1)
            lc_add_rows(g + r * d, b->at + r / n * d, 1, d);
    }
}

/* Seeds [first, first + own) of the chunk enter, a batch at a time. */
static void enter(struct lc_backward *b, const struct lc_view *v, int64_t first, int64_t own, const struct lc_seed *seed)
{
    for (int64_t begin = first; begin < first + own; begin += b->batch) {
        int64_t left = first + own - begin;
        descend_own(b, v, begin, left < b->batch ? left : b->batch, seed);
        breathe(b);
    }
}

static void descend_chunk(struct lc_backward *b, const struct lc_forward *f, int64_t window, int64_t n,
                          const struct lc_seed *seed, int64_t count)
{
    int64_t full = 0;

    for (int64_t layer = seed[0].layer; layer >= 0; layer--) {
        struct lc_view v = view_of(f, layer, window, n);
        int64_t own = 0;
        while (full + own < count && seed[full + own].layer == layer)
            own++;
        descend_full(b, &v, full);
        enter(b, &v, full, own, seed);
        full += own;
    }
}

void lc_backward_run(struct lc_backward *b, const struct lc_forward *f, int64_t window, int64_t position,
                     const struct lc_seed *seed, int64_t count, lc_gradient_sink *sink, void *sink_arg)
{
    int64_t n = position + 1, d = b->model->shape.width;

    for (int64_t begin = 0; begin < count; begin += b->room) {
        int64_t chunk = count - begin < b->room ? count - begin : b->room;
        descend_chunk(b, f, window, n, seed + begin, chunk);
        for (int64_t i = 0; i < chunk; i++)
            sink(sink_arg, begin + i, b->g + i * n * d, n);
    }
}

/* Of one seed in its own block. */
static double own_flop(const struct lc_model_shape *s, double n)
{
    double d = (double)s->width, i = (double)s->hidden, h = (double)s->heads;

    return n * 4.0 * d * h + 6.0 * d * d + 4.0 * d * i + 4.0 * d * n;
}

/* All but what lc_local_jacobian_flop() stands for. */
static double attention_flop(const struct lc_model_shape *s, double n)
{
    double d = (double)s->width;

    return n * ((lc_local_jacobian_has_query(s) ? 6.0 : 8.0) * d * d + 4.0 * d * (n + 1.0));
}

static double local_flop(const struct lc_model_shape *s, int64_t seeds, double n)
{
    return n * (lc_local_jacobian_pays(s, seeds) ? lc_local_jacobian_flop(s, seeds) : lc_local_plain_flop(s, seeds));
}

double lc_backward_flop(const struct lc_model *model, int64_t layer, int64_t n)
{
    const struct lc_model_shape *s = &model->shape;
    double positions = (double)n;

    return (double)layer * (attention_flop(s, positions) + positions * lc_local_plain_flop(s, 1)) + own_flop(s, positions);
}

static int64_t between(int64_t x, int64_t high)
{
    return x < 0 ? 0 : x > high ? high : x;
}

double lc_backward_run_flop(const struct lc_model *model, int64_t room, const int64_t *seeds, int64_t n)
{
    const struct lc_model_shape *s = &model->shape;
    double flop = 0.0, positions = (double)n;
    int64_t count = 0;

    for (int64_t layer = 0; layer < model->depth; layer++)
        count += seeds[layer];
    for (int64_t begin = 0; begin < count; begin += room) {
        int64_t above = 0; /* seeds of deeper sites */
        for (int64_t layer = model->depth - 1; layer >= 0; above += seeds[layer--]) {
            int64_t full = between(above - begin, room), own = between(above + seeds[layer] - begin, room) - full;
            flop += local_flop(s, full, positions) + (double)full * attention_flop(s, positions) +
                    (double)own * own_flop(s, positions);
        }
    }
    return flop;
}

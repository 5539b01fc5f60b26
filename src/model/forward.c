/* forward.c - embeddings through the blocks, all windows of a batch at once (equations: Hugging Face's GPT-NeoX). */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "carve.h"
#include "lightcone/linalg.h"
#include "lightcone/memory.h"
#include "lightcone/passes.h"
#include "rotary.h"

static void lay_out(struct lc_forward *f, struct lc_carve *c)
{
    const struct lc_model_shape *s = &f->model->shape;
    int64_t n = f->room, d = s->width, traces = f->keep ? f->model->depth : 1;

    f->y = lc_carve(c, (f->model->depth + 1) * n * d);
    f->normed = lc_carve(c, n * d);
    f->hidden = lc_carve(c, n * s->hidden);
    f->rotation = lc_carve(c, f->context * (s->rotary + 2));
    f->product = lc_carve(c, lc_factor_scratch_bytes(f->model->precision) / (int64_t)sizeof *f->product);
    for (int64_t l = 0; l < traces; l++) {
        struct lc_block_trace none, *t = f->trace ? &f->trace[l] : &none;
        t->qkv = lc_carve(c, n * 3 * d);
        t->attention = lc_carve(c, n * s->heads * f->context);
        t->mixed = lc_carve(c, n * d);
        if (!f->keep)
            continue;
        t->unit1 = lc_carve(c, n * d);
        t->rstd1 = lc_carve(c, n);
        t->unit2 = s->parallel ? t->unit1 : lc_carve(c, n * d);
        t->rstd2 = s->parallel ? t->rstd1 : lc_carve(c, n);
        t->slope = lc_carve(c, n * s->hidden);
    }
}

int64_t lc_forward_bytes(const struct lc_model *model, int64_t room, int64_t context, int keep)
{
    struct lc_forward f = {.model = model, .room = room, .context = context, .keep = keep};
    struct lc_carve c = {0};

    lay_out(&f, &c);
    return c.used * (int64_t)sizeof *f.storage;
}

int lc_forward_init(struct lc_forward *f, const struct lc_model *model, int64_t room, int64_t context, int keep,
                    struct lc_err *err)
{
    struct lc_carve c = {0};
    int rc;

    *f = (struct lc_forward){.model = model, .room = room, .context = context, .keep = keep};
    LC_TRY(rc, LC_ALLOC(&f->trace, model->depth, "block traces", err));
    LC_TRY(rc, lc_alloc((void **)&f->storage, lc_forward_bytes(model, room, context, keep), 1, "forward pass", err));
    c.at = f->storage;
    lay_out(f, &c);
    for (int64_t l = 1; !keep && l < model->depth; l++)
        f->trace[l] = f->trace[0]; /* nothing is kept: all blocks write to the same place */
    lc_rotary_table(f->rotation, &model->shape, context);
done:
    if (rc != LC_OK)
        lc_forward_release(f);
    return rc;
}

void lc_forward_release(struct lc_forward *f)
{
    free(f->trace);
    free(f->storage);
    *f = (struct lc_forward){0};
}

const float *lc_forward_site(const struct lc_forward *f, int64_t layer)
{
    return f->y + (layer + 1) * f->room * f->model->shape.width;
}

/* normed = layer norm of x; unit and rstd are kept for the backward pass. */
struct norm {
    const struct lc_forward *f;
    const float *x, *w, *b;
    float *unit, *rstd;
};

static void make_normed(void *arg, int64_t first, int64_t count)
{
    const struct norm *n = arg;
    int64_t d = n->f->model->shape.width;

    for (int64_t r = first; r < first + count; r++) {
        float inverse = lc_norm_row(n->x + r * d, n->w, n->b, n->f->model->shape.norm_eps, d, n->unit ? n->unit + r * d : NULL,
                                    n->f->normed + r * d);
        if (n->rstd)
            n->rstd[r] = inverse;
    }
}

/* hidden = GELU(hidden + bias), and its slope where that is kept. */
struct activation {
    const struct lc_forward *f;
    const float *bias;
    float *slope;
};

static void make_hidden(void *arg, int64_t first, int64_t count)
{
    const struct activation *a = arg;
    int64_t n = a->f->model->shape.hidden;
    float *hidden = a->f->hidden + first * n;

    lc_add_rows(hidden, a->bias, count, n);
    lc_gelu(hidden, a->slope ? a->slope + first * n : NULL, count * n);
}

/* Causal attention of one head in one window: weights into p[T, T], mixed values into out[T, h] (leading dimension D).
 * Tiles of queries see no key beyond their own last position. */
static void attend(const float *qkv, float *p, float *out, int64_t length, int64_t d, int64_t head)
{
    enum { TILE = 64 };
    double scale = 1.0 / sqrt((double)head);

    for (int64_t begin = 0; begin < length; begin += TILE) {
        int64_t end = begin + TILE < length ? begin + TILE : length;
        lc_gemm_nt(end - begin, end, head, qkv + begin * 3 * d, 3 * d, qkv + d, 3 * d, 0.0f, p + begin * length,
                   length);
        for (int64_t t = begin; t < end; t++) {
            lc_softmax(p + t * length, scale, t + 1);
            memset(p + t * length + t + 1, 0, (size_t)(length - t - 1) * sizeof *p);
        }
        lc_gemm_nn(end - begin, head, end, p + begin * length, length, qkv + 2 * d, 3 * d, 0.0f, out + begin * d, d);
    }
}

/* out = attention(LN1 x), through t->mixed. */
static void attention_step(struct lc_forward *f, const struct lc_block *w, struct lc_block_trace *t, const float *x,
                           float *out)
{
    const struct lc_model_shape *s = &f->model->shape;
    int64_t rows = f->windows * f->length, d = s->width, head = d / s->heads, square = f->length * f->length;
    struct norm norm = {f, x, w->norm1_w, w->norm1_b, t->unit1, t->rstd1};

    lc_factor_nt(rows, f->normed, d, &(struct lc_making){make_normed, &norm}, &w->qkv, 0.0f, t->qkv, 3 * d, f->product);
    lc_add_rows(t->qkv, w->qkv_b, rows, 3 * d);
    for (int64_t r = 0; r < rows; r++)
        lc_rotate(t->qkv + r * 3 * d, 2 * s->heads, head, s->rotary, f->rotation + r % f->length * (s->rotary + 2), 1);
    for (int64_t i = 0; i < f->windows; i++)
        for (int64_t h = 0; h < s->heads; h++)
            attend(t->qkv + i * f->length * 3 * d + h * head, t->attention + (i * s->heads + h) * square,
                   t->mixed + i * f->length * d + h * head, f->length, d, head);
    lc_factor_nt(rows, t->mixed, d, NULL, &w->out, 0.0f, out, d, f->product);
    lc_add_rows(out, w->out_b, rows, d);
}

/* mlp(LN2 x), in the place of LN2 x. */
static const float *mlp_step(struct lc_forward *f, const struct lc_block *w, struct lc_block_trace *t, const float *x)
{
    const struct lc_model_shape *s = &f->model->shape;
    int64_t rows = f->windows * f->length, d = s->width;
    struct norm norm = {f, x, w->norm2_w, w->norm2_b, t->unit2, t->rstd2};
    struct activation activation = {f, w->up_b, t->slope};

    lc_factor_nt(rows, f->normed, d, &(struct lc_making){make_normed, &norm}, &w->up, 0.0f, f->hidden, s->hidden, f->product);
    lc_factor_nt(rows, f->hidden, s->hidden, &(struct lc_making){make_hidden, &activation}, &w->down, 0.0f, f->normed, d, f->product);
    lc_add_rows(f->normed, w->down_b, rows, d);
    return f->normed;
}

/* out = block of x. What is small is added up before it meets the residual stream, where each sum is rounded at the
 * stream's magnitude. */
static void run_block(struct lc_forward *f, const struct lc_block *w, struct lc_block_trace *t, const float *x, float *out)
{
    int64_t n = f->windows * f->length * f->model->shape.width;
    int parallel = f->model->shape.parallel;

    attention_step(f, w, t, x, out);
    if (!parallel)
        lc_add_rows(out, x, 1, n);
    lc_add_rows(out, mlp_step(f, w, t, parallel ? x : out), 1, n);
    if (parallel)
        lc_add_rows(out, x, 1, n);
}

static int check_finite(const struct lc_forward *f, int64_t layer, struct lc_err *err)
{
    const float *y = lc_forward_site(f, layer);
    int64_t d = f->model->shape.width;

    for (int64_t r = 0; r < f->windows * f->length; r++)
        if (!isfinite(lc_square_sum(y + r * d, d)))
            return LC_FAIL(err, LC_E_NUMERIC,
                           "the residual stream after layer %" PRId64 " is not finite at position %" PRId64
                           " of a window: the model's weights do not fit float32 arithmetic",
                           layer, r % f->length);
    return LC_OK;
}

int lc_forward_run(struct lc_forward *f, const int32_t *token, int64_t windows, int64_t length, struct lc_err *err)
{
    const struct lc_model *m = f->model;
    int64_t d = m->shape.width, stride = f->room * d;

    f->windows = windows;
    f->length = length;
    for (int64_t r = 0; r < windows * length; r++) {
        if (token[r] < 0 || token[r] >= m->shape.vocab)
            return LC_FAIL(err, LC_E_FORMAT, "token id %d is outside the model's vocabulary of %" PRId64, token[r],
                           m->shape.vocab);
        memcpy(f->y + r * d, m->embedding + token[r] * d, (size_t)d * sizeof *f->y);
    }
    for (int64_t l = 0; l < m->depth; l++) {
        run_block(f, &m->block[l], &f->trace[l], f->y + l * stride, f->y + (l + 1) * stride);
        if (check_finite(f, l, err) != LC_OK)
            return err->code;
        if (f->breathe)
            f->breathe(f->breathe_arg);
    }
    return LC_OK;
}

double lc_forward_flop(const struct lc_model *model, int64_t tokens, int64_t length)
{
    double d = (double)model->shape.width, i = (double)model->shape.hidden;

    return (double)tokens * (double)model->depth * (8.0 * d * d + 4.0 * d * i + 2.0 * d * (double)(length + 1));
}

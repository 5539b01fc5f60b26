#include "local_jacobian.h"

#include <math.h>
#include <string.h>

#include "carve.h"
#include "lightcone/linalg.h"
#include "rotary.h"

/* Time of a multiply-add in percent of one in the plain products, as measured with float32 products at D = 512: M_s is made of
 * weights that are scaled first, and it meets rows that lie far apart. */
enum { MAKE_PERCENT = 115, APPLY_PERCENT = 115 };

int lc_local_jacobian_has_query(const struct lc_model_shape *s)
{
    return s->parallel && s->width % 32 == 0;
}

/* Rows of W_q that M_s takes in. */
static int64_t query_width(const struct lc_model_shape *s)
{
    return lc_local_jacobian_has_query(s) ? s->width : 0;
}

int lc_local_jacobian_pays(const struct lc_model_shape *s, int64_t rows)
{
    int64_t d = s->width, query = query_width(s);

    return d * (MAKE_PERCENT * (s->hidden + query) + APPLY_PERCENT * rows) < 100 * rows * (2 * s->hidden + query);
}

double lc_local_jacobian_flop(const struct lc_model_shape *s, int64_t rows)
{
    double d = (double)s->width;

    return 2.0 * d * d * (double)(s->hidden + query_width(s) + rows);
}

double lc_local_plain_flop(const struct lc_model_shape *s, int64_t rows)
{
    return 2.0 * (double)(s->width * (2 * s->hidden + query_width(s))) * (double)rows;
}

/* The scratch. */
struct parts {
    float *matrix;  /* [D, D] M_s */
    float *scaled;  /* [D, I] W_down diag(slope) */
    float *query;   /* [D, D] A_sh R_s W_q,h diag(w1) of all heads */
    float *values;  /* [n, h] p_k (v_k - o_s) of a head */
    float *turn;    /* [h, h] A_sh R_s */
    float *split;   /* a [D, D] right factor, as lc_factor_split() makes it; NULL: there is no such */
};

static int64_t lay_out(struct parts *p, float *at, const struct lc_model *model, int64_t context)
{
    const struct lc_model_shape *s = &model->shape;
    int64_t d = s->width, head = d / s->heads, query = query_width(s), split = lc_factor_bytes(model->precision, d, d);
    struct lc_carve c = {.at = at};

    p->matrix = lc_carve(&c, d * d);
    p->scaled = lc_carve(&c, d * s->hidden);
    p->query = lc_carve(&c, d * query);
    p->values = lc_carve(&c, query ? context * head : 0);
    p->turn = lc_carve(&c, head * head);
    p->split = split > 0 ? lc_carve(&c, split / (int64_t)sizeof(float)) : NULL;
    return c.used;
}

int64_t lc_local_jacobian_floats(const struct lc_model *model, int64_t context)
{
    struct parts p;

    return lay_out(&p, NULL, model, context);
}

static void scale_columns(float *x, const float *w, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++)
        lc_multiply(x + i * columns, w, columns);
}

/* One head at position s. */
static void query_path(const struct lc_view *v, const struct parts *t, int64_t s, int64_t h)
{
    int64_t d = v->shape->width, head = d / v->shape->heads, keys = s + 1, step = v->shape->rotary + 2;
    const float *weight = v->attention + (h * v->length + s) * v->length, *mixed = v->mixed + s * d + h * head;
    const float *key = v->qkv + d + h * head, *value = key + d;
    float scale = (float)(1.0 / sqrt((double)head));

    for (int64_t k = 0; k < keys; k++)
        for (int64_t i = 0; i < head; i++)
            t->values[k * head + i] = scale * weight[k] * (value[k * 3 * d + i] - mixed[i]);
    lc_gemm_tn(head, head, keys, t->values, head, key, 3 * d, 0.0f, t->turn, head);
    lc_rotate(t->turn, head, head, v->shape->rotary, v->rotation + s * step, -1);
    lc_gemm_nn(head, d, head, t->turn, head, v->w->qkv.w + h * head * d, d, 0.0f, t->query + h * head * d, d);
}

/* A factor of [D, D] numbers that have just been made. */
static struct lc_factor square(const struct lc_model *model, const float *w, float *split)
{
    struct lc_factor f = {.w = w, .rows = model->shape.width, .columns = model->shape.width, .nn = split};

    lc_factor_split(&f, model->precision);
    return f;
}

static void make(const struct lc_local_pull *p, const struct parts *t, int64_t s)
{
    const struct lc_view *v = p->view;
    int64_t d = v->shape->width, hidden = v->shape->hidden;
    struct lc_factor query;

    memcpy(t->scaled, v->w->down.w, (size_t)(d * hidden) * sizeof *t->scaled);
    scale_columns(t->scaled, v->slope + s * hidden, d, hidden);
    lc_factor_nn(d, t->scaled, hidden, NULL, &v->w->up, 0.0f, t->matrix, d, p->product);
    if (!lc_local_jacobian_has_query(v->shape))
        return;
    scale_columns(t->matrix, v->w->norm2_w, d, d);
    for (int64_t h = 0; h < v->shape->heads; h++)
        query_path(v, t, s, h);
    scale_columns(t->query, v->w->norm1_w, d, d);
    query = square(p->model, t->query, t->split);
    lc_factor_nn(d, v->w->out.w, d, NULL, &query, 1.0f, t->matrix, d, p->product);
}

void lc_local_jacobian_pull(const struct lc_local_pull *p)
{
    int64_t d = p->view->shape->width, n = p->view->n;
    struct parts t;

    lay_out(&t, p->scratch, p->model, n);
    for (int64_t s = 0; s < n; s++) {
        struct lc_factor jacobian;
        make(p, &t, s);
        jacobian = square(p->model, t.matrix, t.split);
        lc_factor_nn(p->rows, p->g + s * d, n * d, NULL, &jacobian, 0.0f, p->u + s * d, n * d, p->product);
        if (p->breathe)
            p->breathe(p->breathe_arg);
    }
}

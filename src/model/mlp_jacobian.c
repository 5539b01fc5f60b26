#include "mlp_jacobian.h"

#include <string.h>

#include "lightcone/linalg.h"
#include "lightcone/memory.h"

/* Time of a multiply-add in percent of one in the products of plain MLPs, as measured with float32 products at D = 512:
 * M_s is made of weights that are scaled first, and it meets rows that lie far apart. */
enum { MAKE_PERCENT = 115, APPLY_PERCENT = 115 };

int lc_mlp_jacobian_pays(const struct lc_model_shape *shape, int64_t rows)
{
    int64_t d = shape->width, hidden = shape->hidden;

    return d * (MAKE_PERCENT * hidden + APPLY_PERCENT * rows) < 200 * hidden * rows;
}

double lc_mlp_jacobian_flop(const struct lc_model_shape *shape, int64_t rows)
{
    double d = (double)shape->width;

    return 2.0 * d * d * (double)(shape->hidden + rows);
}

/* Parts of the scratch: M_s, the scaled weights, M_s split. */
static int64_t matrix_floats(const struct lc_model_shape *s)
{
    return lc_aligned_floats(s->width * s->width);
}

static int64_t scaled_floats(const struct lc_model_shape *s)
{
    return lc_aligned_floats(s->width * s->hidden);
}

static int64_t split_bytes(const struct lc_model *model)
{
    return lc_factor_bytes(model->precision, model->shape.width, model->shape.width);
}

int64_t lc_mlp_jacobian_floats(const struct lc_model *model)
{
    return matrix_floats(&model->shape) + scaled_floats(&model->shape) + split_bytes(model) / (int64_t)sizeof(float);
}

void lc_mlp_jacobian_pull(const struct lc_mlp_pull *p, const struct lc_model *model)
{
    const struct lc_model_shape *shape = &model->shape;
    int64_t d = shape->width, hidden = shape->hidden;
    float *matrix = p->scratch, *scaled = matrix + matrix_floats(shape), *split = scaled + scaled_floats(shape);
    const struct lc_factor jacobian = {
        .w = matrix, .rows = d, .columns = d, .nn = split_bytes(model) > 0 ? split : NULL};

    for (int64_t s = 0; s < p->n; s++) {
        memcpy(scaled, p->block->down.w, (size_t)(d * hidden) * sizeof *scaled);
        for (int64_t i = 0; i < d; i++)
            lc_multiply(scaled + i * hidden, p->slope + s * hidden, hidden);
        lc_factor_nn(d, scaled, hidden, &p->block->up, 0.0f, matrix, d, p->product);
        lc_factor_split(&jacobian, model->precision);
        lc_factor_nn(p->rows, p->g + s * d, p->n * d, &jacobian, 0.0f, p->u + s * d, p->n * d, p->product);
        if (p->breathe)
            p->breathe(p->breathe_arg);
    }
}

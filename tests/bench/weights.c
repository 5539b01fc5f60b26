/* weights.c - random models and SAEs in memory. */
#include <math.h>
#include <stdlib.h>

#include "bench.h"
#include "lightcone/linalg.h"
#include "lightcone/passes.h"
#include "lightcone/random.h"

enum { SEED = 7, PROBE_WINDOWS = 8, PROBE_LENGTH = 64, PROBE_VOCAB = 4096, PANEL = 256 };

/* Four uniform numbers of 16 bits, added up and scaled to variance 1: near enough, and quick to make by the hundred million. */
static float near_normal(uint64_t stream, uint64_t i)
{
    uint64_t bits = lc_random_bits(SEED, stream, i);
    int64_t sum = (int64_t)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));

    return (float)(sum - 131070) * 2.643e-5f;
}

/* This rank's share of n things. */
static int64_t share_begin(const struct lc_comm *par, int64_t n)
{
    return n * par->node_rank / par->node_size;
}

static int64_t share_end(const struct lc_comm *par, int64_t n)
{
    return n * (par->node_rank + 1) / par->node_size;
}

void bench_fill(const struct lc_comm *par, float *out, int64_t count, float scale, float shift, uint64_t stream)
{
    for (int64_t i = share_begin(par, count); i < share_end(par, count); i++)
        out[i] = scale * near_normal(stream, (uint64_t)i) + shift;
}

/* One tensor of a block: where it stands, and its numbers. */
struct tensor {
    const float *at;
    int64_t count;
    float scale, shift;
};

static void fill_block(const struct bench_model *m, const struct lc_comm *par, const struct lc_block *b, uint64_t stream)
{
    int64_t d = m->model.shape.width, hidden = m->model.shape.hidden;
    float in = 1.0f / sqrtf((float)d), across = 1.0f / sqrtf((float)hidden);
    const struct tensor part[] = {
        {b->norm1_w, d, 0.1f, 1.0f},
        {b->norm1_b, d, 0.1f, 0.0f},
        {b->norm2_w, d, 0.1f, 1.0f},
        {b->norm2_b, d, 0.1f, 0.0f},
        {b->qkv.w, 3 * d * d, 1.13f * in, 0.0f},
        {b->qkv_b, 3 * d, 0.02f, 0.0f},
        {b->out.w, d * d, 0.9f * in, 0.0f},
        {b->out_b, d, 0.02f, 0.0f},
        {b->up.w, hidden * d, 0.9f * in, 0.0f},
        {b->up_b, hidden, 0.02f, 0.0f},
        {b->down.w, d * hidden, 1.36f * across, 0.0f},
        {b->down_b, d, 0.02f, 0.0f},
    };
    float *base = m->memory.data;

    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        bench_fill(par, base + (part[i].at - base), part[i].count, part[i].scale, part[i].shift, stream + i);
}

int bench_model_make(struct bench_model *m, const struct lc_comm *par, int64_t width, int64_t vocab,
                     enum lc_precision precision, struct lc_err *err)
{
    const struct lc_model_shape shape = {.family = "gpt_neox",
                                         .layers = BENCH_LAYERS,
                                         .width = width,
                                         .heads = width / BENCH_HEAD,
                                         .hidden = 4 * width,
                                         .vocab = vocab,
                                         .context = 2048,
                                         .rotary = BENCH_HEAD / 4,
                                         .rotary_base = 10000.0,
                                         .norm_eps = 1e-5,
                                         .parallel = 1};
    int64_t plain = lc_model_floats(&shape, BENCH_LAYERS);
    int64_t split = lc_model_split_floats(&shape, BENCH_LAYERS, precision, 1);
    int rc;

    LC_TRY(rc, lc_shared_init(&m->memory, par, (plain + split) * (int64_t)sizeof(float), "random weights", err));
    lc_model_bind(&m->model, &shape, BENCH_LAYERS, m->memory.data, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_model_split_bind(&m->model, precision, 1, (float *)m->memory.data + plain);
    bench_fill(par, m->memory.data, vocab * width, 0.5f, 0.0f, 0);
    for (int64_t l = 0; l < BENCH_LAYERS; l++)
        fill_block(m, par, &m->model.block[l], (uint64_t)(100 * (l + 1)));
    MPI_Barrier(par->comm);
    lc_model_split(&m->model, par->node_rank, par->node_size);
    MPI_Barrier(par->comm);
done:
    return rc;
}

void bench_model_release(struct bench_model *m)
{
    lc_model_release(&m->model);
    lc_shared_release(&m->memory);
}

int bench_probe_make(struct bench_probe *p, const struct lc_comm *par, const struct lc_model *model, struct lc_err *err)
{
    int32_t token[PROBE_WINDOWS * PROBE_LENGTH];
    struct lc_forward forward = {0};
    int64_t n;
    int rc;

    *p = (struct bench_probe){.rows = PROBE_WINDOWS * PROBE_LENGTH, .width = model->shape.width};
    n = p->rows * p->width;
    for (int64_t i = 0; i < p->rows; i++)
        token[i] = (int32_t)lc_random_below(SEED, 99, (uint64_t)i, PROBE_VOCAB);
    LC_TRY(rc, LC_ALLOC(&p->y, BENCH_LAYERS * n, "residual streams", err));
    LC_TRY(rc, lc_forward_init(&forward, model, p->rows, PROBE_LENGTH, 0, err));
    LC_TRY(rc, lc_forward_run(&forward, token, PROBE_WINDOWS, PROBE_LENGTH, err));
    for (int64_t l = 0; l < BENCH_LAYERS; l++)
        for (int64_t i = 0; i < n; i++)
            p->y[l * n + i] = lc_forward_site(&forward, l)[i];
done:
    lc_forward_release(&forward);
    return lc_comm_agree(par, err);
}

void bench_probe_release(struct bench_probe *p)
{
    free(p->y);
    *p = (struct bench_probe){0};
}

/* x with the share `above` of a normal distribution beyond it. */
static double normal_quantile(double above)
{
    double low = 0.0, high = 20.0;

    for (int i = 0; i < 60; i++) {
        double x = 0.5 * (low + high);
        *(0.5 * erfc(x / sqrt(2.0)) > above ? &low : &high) = x;
    }
    return low;
}

/* Scale and bias of feature i, whose z[rows] (leading dimension PANEL) is near normal: the two rates fix them. */
static void tune_feature(const struct lc_sae *sae, int64_t i, const float *z, int64_t rows)
{
    int64_t d = sae->shape.width;
    double low = normal_quantile((double)BENCH_POSITIVE / (double)sae->shape.features);
    double high = normal_quantile((double)BENCH_ACTIVE / (double)sae->shape.features);
    double sum = 0.0, squares = 0.0, sd, scale;

    for (int64_t r = 0; r < rows; r++) {
        sum += (double)z[r * PANEL];
        squares += (double)z[r * PANEL] * (double)z[r * PANEL];
    }
    sum /= (double)rows;
    sd = sqrt(squares / (double)rows - sum * sum);
    scale = BENCH_THRESHOLD / ((high - low) * sd);
    for (int64_t k = 0; k < d; k++)
        sae->encoder[i * d + k] *= (float)scale;
    sae->encoder_bias[i] = (float)(-scale * sum - low * scale * sd);
    sae->norm[i] = (float)(sqrt(lc_square_sum(sae->encoder + i * d, d)) * 1.000001);
    sae->cut[i] = 0.0f;
}

static int tune(const struct lc_sae *sae, const struct lc_comm *par, const float *y, int64_t rows, struct lc_err *err)
{
    int64_t d = sae->shape.width, end = share_end(par, sae->shape.features);
    float *z = NULL;

    if (LC_ALLOC(&z, rows * PANEL, "features", err) != LC_OK)
        return err->code;
    for (int64_t first = share_begin(par, sae->shape.features); first < end; first += PANEL) {
        int64_t count = end - first < PANEL ? end - first : PANEL;
        lc_gemm_nt(rows, count, d, y, d, sae->encoder + first * d, d, 0.0f, z, PANEL);
        for (int64_t i = 0; i < count; i++)
            tune_feature(sae, first + i, z + i, rows);
    }
    free(z);
    return LC_OK;
}

int bench_sae_make(struct bench_sae *s, const struct lc_comm *par, int64_t features, int with_decoder,
                   const struct bench_probe *probe, int64_t layer, struct lc_err *err)
{
    const struct lc_sae_shape shape = {.kind = "random", .features = features, .width = probe->width, .prepend_bos = -1};
    uint64_t stream = (uint64_t)(1000 * (layer + 1));
    int rc;

    LC_TRY(rc, lc_shared_init(&s->memory, par, lc_sae_floats(&shape, with_decoder) * (int64_t)sizeof(float), "a random SAE", err));
    lc_sae_bind(&s->sae, &shape, with_decoder, s->memory.data);
    bench_fill(par, s->sae.encoder, features * probe->width, 1.0f, 0.0f, stream);
    if (with_decoder) {
        bench_fill(par, s->sae.decoder, features * probe->width, 1.0f / sqrtf((float)probe->width), 0.0f, stream + 1);
        bench_fill(par, s->sae.decoder_bias, probe->width, 0.1f, 0.0f, stream + 2);
    }
    MPI_Barrier(par->comm);
    tune(&s->sae, par, probe->y + layer * probe->rows * probe->width, probe->rows, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    if (par->node_rank == 0)
        lc_sae_pack(&s->sae);
    MPI_Barrier(par->comm);
done:
    return rc;
}

void bench_sae_release(struct bench_sae *s)
{
    lc_shared_release(&s->memory);
    s->sae = (struct lc_sae){0};
}

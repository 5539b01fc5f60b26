/* grid.c - cells: what is timed, how often, and the paths that are single functions of the library. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../jobs/influence.h"
#include "../../jobs/scan.h"
#include "bench.h"
#include "lightcone/activity.h"
#include "lightcone/clock.h"
#include "lightcone/linalg.h"
#include "lightcone/passes.h"
#include "lightcone/random.h"

enum { ENCODE_LENGTH = 128, VOCAB = 4096 };

/* --- timing --- */

static double peak_of(const struct bench *b, const struct bench_cell *cell)
{
    return strcmp(cell->peak, "screen") == 0 ? b->before.screen : b->before.product;
}

double bench_expected(const struct bench *b, const struct bench_cell *cell)
{
    return cell->flop / (0.7e9 * peak_of(b, cell) / b->par.size);
}

void bench_leave_out(struct bench *b, const struct bench_cell *cell, const char *why)
{
    if (b->par.rank == 0) {
        json_t *entry = bench_cell_json(cell);
        json_object_set_new(entry, "left_out", json_string(why));
        json_array_append_new(json_object_get(b->root, "cells"), entry);
        bench_table_skip(cell, why);
    }
}

int bench_too_long(struct bench *b, const struct bench_cell *cell)
{
    double expected = bench_expected(b, cell);
    char why[64];

    if (expected <= b->limit)
        return 0;
    snprintf(why, sizeof why, "left out: would take %.1f s, over %.1f s", expected, b->limit);
    bench_leave_out(b, cell, why);
    return 1;
}

/* The kernel forgets which pages this process has touched. */
static void forget_touched(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");

    if (f) {
        fputs("1", f);
        fclose(f);
    }
}

/* Bytes of pages that were touched since then, shared ones included; 0 where the kernel does not say. */
static int64_t touched(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    long long kib = 0;
    char line[256];

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Referenced: %lld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return 1024 * kib;
}

/* Repetitions on every rank at once; seconds: mean over ranks. */
static int repeat(struct bench *b, struct bench_cell *cell, int64_t times, bench_repetition *run, void *arg,
                  struct lc_err *err)
{
    double start, mine, least;

    cell->flop = 0.0;
    cell->repetitions = times;
    MPI_Barrier(b->par.comm);
    start = lc_seconds();
    for (int64_t i = 0; i < times && err->code == LC_OK; i++)
        run(arg, cell, err);
    mine = lc_seconds() - start;
    MPI_Allreduce(&mine, &cell->seconds, 1, MPI_DOUBLE, MPI_SUM, b->par.comm);
    MPI_Allreduce(&mine, &cell->spread, 1, MPI_DOUBLE, MPI_MAX, b->par.comm);
    MPI_Allreduce(&mine, &least, 1, MPI_DOUBLE, MPI_MIN, b->par.comm);
    cell->seconds /= b->par.size;
    cell->spread -= least;
    return lc_comm_agree(&b->par, err);
}

int bench_time(struct bench *b, struct bench_cell *cell, bench_repetition *run, void *arg, struct lc_err *err)
{
    double flop, before, after;

    if (bench_peak_now(&before, cell->peak, &b->par, err) != LC_OK)
        return err->code;
    forget_touched();
    if (repeat(b, cell, 1, run, arg, err) != LC_OK)
        return err->code;
    if (cell->seconds < b->least &&
        repeat(b, cell, (int64_t)ceil(b->least / fmax(cell->seconds, 1e-5)), run, arg, err) != LC_OK)
        return err->code;
    cell->touched = touched();
    MPI_Allreduce(MPI_IN_PLACE, &cell->touched, 1, MPI_INT64_T, MPI_MAX, b->par.comm);
    if (bench_peak_now(&after, cell->peak, &b->par, err) != LC_OK)
        return err->code;
    MPI_Allreduce(&cell->flop, &flop, 1, MPI_DOUBLE, MPI_SUM, b->par.comm);
    cell->rate = flop / cell->seconds * 1e-9;
    cell->share = cell->rate / (0.5 * (before + after));
    cell->flop = flop / (double)(cell->repetitions * b->par.size);
    cell->seconds /= (double)(cell->repetitions * b->par.size); /* a repetition, by all ranks together */
    if (b->par.rank == 0) {
        json_array_append_new(json_object_get(b->root, "cells"), bench_cell_json(cell));
        bench_table_cell(cell);
        bench_json_write(b->root, b->path, err);
    }
    return lc_comm_agree(&b->par, err);
}

/* --- what must move --- */

static double factor_traffic(const struct lc_factor *f, enum lc_precision precision)
{
    int64_t split = lc_factor_bytes(precision, f->rows, f->columns);

    return split > 0 ? (double)split : 4.0 * (double)f->rows * (double)f->columns;
}

double bench_block_traffic(const struct lc_model *model)
{
    const struct lc_block *b = &model->block[0];

    return factor_traffic(&b->qkv, model->precision) + factor_traffic(&b->out, model->precision) +
           factor_traffic(&b->up, model->precision) + factor_traffic(&b->down, model->precision);
}

double bench_encoder_traffic(const struct lc_sae *sae)
{
    int64_t packed = lc_screen_packed_bytes(sae->shape.features, sae->shape.width);

    return packed > 0 ? (double)packed : 4.0 * (double)sae->shape.features * (double)sae->shape.width;
}

double bench_forward_bytes(const struct lc_model *model, int64_t tokens)
{
    double layers = (double)model->depth;

    return layers * bench_block_traffic(model) + 4.0 * (double)tokens * (double)model->shape.width * (layers + 1.0);
}

/* Chunks of seeds read, from the site of their first down, every block's weights and what the forward pass left there;
 * the gradients go out. */
double bench_backward_bytes(const struct lc_model *model, int64_t seeds, int64_t length)
{
    double n = (double)length, d = (double)model->shape.width, h = (double)model->shape.heads;
    double trace = 4.0 * n * (4.0 * d + h * (n + 1.0) / 2.0 + (double)model->shape.hidden), bytes = 0.0;
    int64_t chunk = (LC_INFLUENCE_BATCH_ROWS + length - 1) / length, all = seeds * BENCH_LAYERS;

    for (int64_t begin = 0; begin < all; begin += chunk)
        bytes += (double)(BENCH_LAYERS - begin / seeds) * (bench_block_traffic(model) + trace);
    return bytes + 4.0 * (double)all * n * d;
}

/* --- forward --- */

struct passes {
    struct lc_forward forward;
    struct lc_backward backward;
    int32_t *token;
    int64_t windows, length;
    struct lc_seed *seed;
    float *seed_value;
    int64_t seeds;
    double sum; /* of J */
};

static void passes_release(struct passes *p)
{
    lc_forward_release(&p->forward);
    lc_backward_release(&p->backward);
    free(p->token);
    free(p->seed);
    free(p->seed_value);
}

static int passes_init(struct passes *p, const struct bench *b, const struct lc_model *model, int64_t windows,
                       int64_t length, int keep, struct lc_err *err)
{
    int rc;

    *p = (struct passes){.windows = windows, .length = length};
    LC_TRY(rc, LC_ALLOC(&p->token, windows * length, "tokens", err));
    for (int64_t i = 0; i < windows * length; i++)
        p->token[i] = (int32_t)lc_random_below(3, (uint64_t)b->par.rank, (uint64_t)i, VOCAB);
    LC_TRY(rc, lc_forward_init(&p->forward, model, windows * length, length, keep, err));
done:
    return lc_comm_agree(&b->par, err);
}

static int forward_once(void *arg, struct bench_cell *cell, struct lc_err *err)
{
    struct passes *p = arg;

    cell->flop += lc_forward_flop(p->forward.model, p->windows * p->length, p->length);
    return lc_forward_run(&p->forward, p->token, p->windows, p->length, err);
}

static int64_t model_bytes(const struct lc_model *m)
{
    return 4 * (lc_model_floats(&m->shape, m->depth) + lc_model_split_floats(&m->shape, m->depth, m->precision, 1));
}

static int time_forward(struct bench *b, const struct lc_model *model, int64_t length, struct lc_err *err)
{
    int64_t windows = length < LC_SCAN_UNIT_TOKENS ? LC_SCAN_UNIT_TOKENS / length : 1, tokens = windows * length;
    struct bench_cell cell = {.path = "forward",
                              .peak = "product",
                              .length = length,
                              .width = model->shape.width,
                              .windows = windows,
                              .tokens = tokens,
                              .flop = lc_forward_flop(model, tokens, length),
                              .bytes = bench_forward_bytes(model, tokens),
                              .weights = model_bytes(model),
                              .buffers = lc_forward_bytes(model, tokens, length, 0)};
    struct passes p = {0};
    int rc = LC_OK;

    if (bench_too_long(b, &cell))
        return LC_OK;
    LC_TRY(rc, passes_init(&p, b, model, windows, length, 0, err));
    rc = bench_time(b, &cell, forward_once, &p, err);
done:
    passes_release(&p);
    return rc;
}

/* --- backward of BENCH_ACTIVE features of every site of one window --- */

static void take(void *arg, int64_t seed, const float *gradient, int64_t n)
{
    struct passes *p = arg;
    int64_t d = p->forward.model->shape.width;

    (void)seed;
    for (int64_t t = 0; t < n; t++)
        p->sum += lc_square_sum(gradient + t * d, d);
}

static int backward_once(void *arg, struct bench_cell *cell, struct lc_err *err)
{
    struct passes *p = arg;

    (void)err;
    for (int64_t k = 0; k < p->seeds; k++)
        cell->flop += lc_backward_flop(p->forward.model, p->seed[k].layer, p->length);
    lc_backward_run(&p->backward, &p->forward, 0, p->length - 1, p->seed, p->seeds, take, p);
    return LC_OK;
}

static int seeds_init(struct passes *p, const struct lc_model *model, struct lc_err *err)
{
    const struct lc_comm alone = {.comm = MPI_COMM_NULL, .size = 1, .node_size = 1};
    int64_t d = model->shape.width;

    p->seeds = (int64_t)BENCH_ACTIVE * BENCH_LAYERS;
    if (LC_ALLOC(&p->seed, p->seeds, "seeds", err) != LC_OK || LC_ALLOC(&p->seed_value, p->seeds * d, "seeds", err) != LC_OK)
        return err->code;
    bench_fill(&alone, p->seed_value, p->seeds * d, 1.0f / sqrtf((float)d), 0.0f, 5);
    for (int64_t k = 0; k < p->seeds; k++)
        p->seed[k] = (struct lc_seed){.layer = BENCH_LAYERS - 1 - k / BENCH_ACTIVE, .value = p->seed_value + k * d};
    return LC_OK;
}

static int time_backward(struct bench *b, const struct lc_model *model, int64_t length, struct lc_err *err)
{
    int64_t chunk = (LC_INFLUENCE_BATCH_ROWS + length - 1) / length;
    struct bench_cell cell = {.path = "backward",
                              .peak = "product",
                              .length = length,
                              .width = model->shape.width,
                              .windows = 1,
                              .tokens = length,
                              .bytes = bench_backward_bytes(model, BENCH_ACTIVE, length),
                              .weights = model_bytes(model),
                              .buffers = lc_forward_bytes(model, length, length, 1) +
                                         lc_backward_bytes(model, chunk, chunk, length)};
    struct passes p = {0};
    int rc = LC_OK;

    for (int64_t l = 0; l < BENCH_LAYERS; l++)
        cell.flop += BENCH_ACTIVE * lc_backward_flop(model, l, length);
    if (bench_too_long(b, &cell))
        return LC_OK;
    LC_TRY(rc, passes_init(&p, b, model, 1, length, 1, err));
    seeds_init(&p, model, err);
    if (err->code == LC_OK && lc_backward_init(&p.backward, model, chunk, chunk, length, err) == LC_OK)
        lc_forward_run(&p.forward, p.token, 1, length, err);
    LC_TRY(rc, lc_comm_agree(&b->par, err));
    rc = bench_time(b, &cell, backward_once, &p, err);
done:
    passes_release(&p);
    return rc;
}

/* --- encode and screen one site's rows of a unit --- */

struct encoding {
    struct lc_active active;
    const struct lc_sae *sae;
    const float *y;
};

static int encode_once(void *arg, struct bench_cell *cell, struct lc_err *err)
{
    struct encoding *e = arg;

    cell->flop += 2.0 * LC_SCAN_UNIT_TOKENS * (double)e->sae->shape.features * (double)e->sae->shape.width;
    return lc_active_find(&e->active, e->sae, e->y, LC_SCAN_UNIT_TOKENS, BENCH_THRESHOLD, BENCH_THRESHOLD, err);
}

static int time_encode(struct bench *b, const struct lc_model *model, const struct bench_probe *probe, int64_t features,
                       struct lc_err *err)
{
    enum { SITE = BENCH_LAYERS / 2 };
    int64_t d = model->shape.width;
    struct bench_sae s = {.memory.window = MPI_WIN_NULL};
    struct encoding e = {.sae = &s.sae};
    struct passes p = {0};
    struct bench_cell cell = {.path = "encode", .peak = "screen", .features = features, .width = d, .tokens = LC_SCAN_UNIT_TOKENS,
                              .flop = 2.0 * LC_SCAN_UNIT_TOKENS * (double)features * (double)d,
                              .buffers = lc_active_bytes(LC_SCAN_UNIT_TOKENS, d)};
    int rc;

    LC_TRY(rc, bench_sae_make(&s, &b->par, features, 0, probe, SITE, err));
    cell.bytes = bench_encoder_traffic(&s.sae) + 4.0 * LC_SCAN_UNIT_TOKENS * (double)d;
    cell.weights = s.memory.size;
    LC_TRY(rc, passes_init(&p, b, model, LC_SCAN_UNIT_TOKENS / ENCODE_LENGTH, ENCODE_LENGTH, 0, err));
    if (lc_active_init(&e.active, LC_SCAN_UNIT_TOKENS, d, err) == LC_OK)
        lc_forward_run(&p.forward, p.token, p.windows, p.length, err);
    LC_TRY(rc, lc_comm_agree(&b->par, err));
    e.y = lc_forward_site(&p.forward, SITE);
    rc = bench_time(b, &cell, encode_once, &e, err);
done:
    lc_active_release(&e.active);
    passes_release(&p);
    bench_sae_release(&s);
    return rc;
}

static int grid_of_width(struct bench *b, const struct bench_axes *axes, int64_t width, struct lc_err *err)
{
    struct bench_model m = {.memory.window = MPI_WIN_NULL};
    struct bench_probe probe = {0};
    int rc;

    LC_TRY(rc, bench_model_make(&m, &b->par, width, VOCAB, b->precision, err));
    LC_TRY(rc, bench_probe_make(&probe, &b->par, &m.model, err));
    for (int i = 0; axes->length[i]; i++)
        LC_TRY(rc, time_forward(b, &m.model, axes->length[i], err));
    for (int i = 0; axes->features[i]; i++)
        LC_TRY(rc, time_encode(b, &m.model, &probe, axes->features[i], err));
    for (int i = 0; axes->length[i]; i++)
        LC_TRY(rc, time_backward(b, &m.model, axes->length[i], err));
    for (int i = 0; axes->job_features[i]; i++)
        LC_TRY(rc, bench_jobs(b, &m, &probe, axes->job_features[i], axes->length, err));
done:
    bench_probe_release(&probe);
    bench_model_release(&m);
    return rc;
}

int bench_grid(struct bench *b, const struct bench_axes *axes, struct lc_err *err)
{
    for (int i = 0; axes->width[i]; i++)
        if (grid_of_width(b, axes, axes->width[i], err) != LC_OK)
            return err->code;
    return LC_OK;
}

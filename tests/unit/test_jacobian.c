/* Jacobians of blocks at a position against the products one by one: the same gradients at every precision, whether all chunks
 * of seeds use them, none, or, where room is short, some blocks of some chunks. That the products one by one are right
 * test_reference says. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "lightcone/memory.h"
#include "lightcone/passes.h"
#include "lightcone/random.h"

enum { LAYERS = 4, VOCAB = 40, LENGTH = 20, POSITION = 17, OTHERS = 5 };

/* Seeds are the unit vectors and OTHERS more of these sites, deepest first. */
static const int64_t site[] = {LAYERS - 1, 1};
enum { SITES = sizeof site / sizeof site[0] };

struct kit {
    struct lc_model model;
    float *weights, *split, *value; /* value[seeds / SITES, D] */
    struct lc_forward forward;
    struct lc_seed *seed;
    int64_t seeds;
};

/* Uniform numbers of variance `spread` squared about `middle`. */
static void fill(const float *at, int64_t count, double spread, double middle, uint64_t stream)
{
    float *out = (float *)(uintptr_t)at;

    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(middle + spread * sqrt(12.0) * ((double)(lc_random_bits(8, stream, (uint64_t)i) >> 11) * 0x1p-53 - 0.5));
}

static void scale(const float *at, int64_t count, float by)
{
    for (int64_t i = 0; i < count; i++)
        ((float *)(uintptr_t)at)[i] *= by;
}

/* Weights and biases of queries and keys are `sharp` times what they would be. */
static void fill_model(const struct lc_model *m, float sharp)
{
    int64_t d = m->shape.width, hidden = m->shape.hidden;
    double in = 1.0 / sqrt((double)d), across = 1.0 / sqrt((double)hidden);

    fill(m->embedding, m->shape.vocab * d, 1.0, 0.0, 1);
    for (int64_t l = 0; l < m->depth; l++) {
        const struct lc_block *b = &m->block[l];
        uint64_t stream = 100 * (uint64_t)(l + 1);
        fill(b->norm1_w, d, 0.2, 1.0, stream);
        fill(b->norm1_b, d, 0.1, 0.0, stream + 1);
        fill(b->norm2_w, d, 0.2, 1.0, stream + 2);
        fill(b->norm2_b, d, 0.1, 0.0, stream + 3);
        fill(b->qkv.w, 3 * d * d, 1.5 * in, 0.0, stream + 4);
        fill(b->qkv_b, 3 * d, 0.1, 0.0, stream + 5);
        scale(b->qkv.w, 2 * d * d, sharp);
        scale(b->qkv_b, 2 * d, sharp);
        fill(b->out.w, d * d, in, 0.0, stream + 6);
        fill(b->out_b, d, 0.1, 0.0, stream + 7);
        fill(b->up.w, hidden * d, in, 0.0, stream + 8);
        fill(b->up_b, hidden, 0.1, 0.0, stream + 9);
        fill(b->down.w, d * hidden, across, 0.0, stream + 10);
        fill(b->down_b, d, 0.1, 0.0, stream + 11);
    }
}

static void make_seeds(struct kit *k)
{
    int64_t d = k->model.shape.width, each = d + OTHERS;
    struct lc_err err = LC_ERR_INIT;

    check(LC_ALLOC(&k->value, each * d, "seeds", &err), &err);
    check(LC_ALLOC(&k->seed, SITES * each, "seeds", &err), &err);
    for (int64_t i = 0; i < d; i++)
        k->value[i * d + i] = 1.0f;
    fill(k->value + d * d, OTHERS * d, 1.0, 0.0, 2);
    for (int s = 0; s < SITES; s++)
        for (int64_t i = 0; i < each; i++)
            k->seed[k->seeds++] = (struct lc_seed){.layer = site[s], .value = k->value + i * d};
}

static void make(struct kit *k, int64_t width, int parallel, enum lc_precision precision, float sharp)
{
    const struct lc_model_shape shape = {.family = "gpt_neox", .layers = LAYERS, .width = width, .heads = 4, .hidden = 4 * width,
                                         .vocab = VOCAB, .context = LENGTH, .rotary = width / 8, .rotary_base = 10000.0,
                                         .norm_eps = 1e-5, .parallel = parallel};
    struct lc_err err = LC_ERR_INIT;
    int32_t token[2 * LENGTH];

    *k = (struct kit){0};
    check(LC_ALLOC(&k->weights, lc_model_floats(&shape, LAYERS), "model", &err), &err);
    check(LC_ALLOC(&k->split, lc_model_split_floats(&shape, LAYERS, precision, 1) + 1, "split weights", &err), &err);
    check(lc_model_bind(&k->model, &shape, LAYERS, k->weights, &err), &err);
    fill_model(&k->model, sharp);
    lc_model_split_bind(&k->model, precision, 1, k->split);
    lc_model_split(&k->model, 0, 1);
    for (uint64_t t = 0; t < 2 * LENGTH; t++)
        token[t] = (int32_t)lc_random_below(8, 3, t, VOCAB);
    check(lc_forward_init(&k->forward, &k->model, 2 * LENGTH, LENGTH, 1, &err), &err);
    check(lc_forward_run(&k->forward, token, 2, LENGTH, &err), &err);
    make_seeds(k);
}

static void release(struct kit *k)
{
    lc_forward_release(&k->forward);
    lc_model_release(&k->model);
    free(k->weights);
    free(k->split);
    free(k->value);
    free(k->seed);
}

/* Blocks of chunks of `room` seeds that come by so many seeds from deeper ones that a Jacobian is used, and by fewer. */
static void count_blocks(const struct kit *k, int64_t room, int64_t *with, int64_t *without)
{
    *with = *without = 0;
    for (int64_t begin = 0; begin < k->seeds; begin += room) {
        int64_t end = begin + room < k->seeds ? begin + room : k->seeds;
        for (int64_t layer = 0; layer < LAYERS; layer++) {
            int64_t full = 0;
            for (int64_t i = begin; i < end; i++)
                full += k->seed[i].layer > layer;
            *with += full > 0 && lc_backward_gains(&k->model.shape, full);
            *without += full > 0 && !lc_backward_gains(&k->model.shape, full);
        }
    }
}

struct gradients {
    float *g; /* [seeds, n, D] */
    int64_t width;
};

static void take(void *arg, int64_t seed, const float *gradient, int64_t n)
{
    const struct gradients *x = arg;

    memcpy(x->g + seed * n * x->width, gradient, (size_t)(n * x->width) * sizeof *gradient);
}

static void descend(const struct kit *k, int64_t position, int64_t room, float *g)
{
    struct gradients x = {.g = g, .width = k->model.shape.width};
    struct lc_err err = LC_ERR_INIT;
    struct lc_backward b;

    check(lc_backward_init(&b, &k->model, room, room < 7 ? room : 7, LENGTH, &err), &err);
    lc_backward_run(&b, &k->forward, 1, position, k->seed, k->seeds, take, &x);
    lc_backward_release(&b);
}

/* | a - b | over | b |, of the seed that is worst. */
static double apart(const struct kit *k, const float *a, const float *b)
{
    int64_t each = (POSITION + 1) * k->model.shape.width;
    double worst = 0.0;

    for (int64_t s = 0; s < k->seeds; s++) {
        double difference = 0.0, length = 0.0, ratio;
        for (int64_t i = s * each; i < (s + 1) * each; i++) {
            difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
            length += (double)b[i] * (double)b[i];
        }
        ratio = sqrt(difference / length);
        worst = ratio <= worst ? worst : ratio; /* NaN is worst */
    }
    return worst;
}

static const struct {
    const char *name;
    enum lc_precision precision;
    double unit; /* of rounding of a product's factors */
} precisions[] = {{"float32", LC_PRECISION_FLOAT32, 0x1p-24},
                  {"bf16x6", LC_PRECISION_BF16X6, 0x1p-24},
                  {"bf16x3", LC_PRECISION_BF16X3, 0x1p-17},
                  {"bf16", LC_PRECISION_BF16, 0x1p-9}};

/* Some 5 products in each of 3 blocks one after the other, on both sides; each is off by about the unit of rounding, relative to
 * lengths of rows, and Jacobians are rounded once more: ROOM units. Plain kernels compute in float32 at every precision. */
enum { ROOM = 64 };

static void compare(int64_t width, int parallel, int p)
{
    double unit = lc_factor_bytes(precisions[p].precision, width, width) > 0 ? precisions[p].unit : 0x1p-24;
    int64_t enough = 1, with, without;
    struct lc_err err = LC_ERR_INIT;
    float *plain = NULL, *other = NULL;
    struct kit k;

    make(&k, width, parallel, precisions[p].precision, 1.0f);
    while (!lc_backward_gains(&k.model.shape, enough))
        enough++;
    const struct {
        int64_t room;
        int with, without;
    } chunks[] = {{enough - 1, 0, 1}, {enough + 5, 1, 1}, {k.seeds, 1, 0}};
    check(LC_ALLOC(&plain, k.seeds * (POSITION + 1) * width, "gradients", &err), &err);
    check(LC_ALLOC(&other, k.seeds * (POSITION + 1) * width, "gradients", &err), &err);
    descend(&k, POSITION, 3, plain);
    for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
        double error;
        count_blocks(&k, chunks[c].room, &with, &without);
        assert_int_equal(with > 0, chunks[c].with);
        assert_int_equal(without > 0, chunks[c].without);
        descend(&k, POSITION, chunks[c].room, other);
        error = apart(&k, other, plain);
        print_message("D %lld, %s, %-7s chunks of %3lld: %2lld blocks with Jacobians, %2lld without: %.1f units of rounding apart\n",
                      (long long)width, parallel ? "parallel  " : "sequential", precisions[p].name, (long long)chunks[c].room,
                      (long long)with, (long long)without, error / unit);
        assert_true(error <= ROOM * unit);
        assert_true(chunks[c].with == 0 || error > 0.0); /* they are not the same sums */
    }
    free(plain);
    free(other);
    release(&k);
}

static void jacobians_are_the_products_one_by_one(void **state)
{
    (void)state;
    for (size_t p = 0; p < sizeof precisions / sizeof precisions[0]; p++) {
        compare(64, 1, (int)p);
        compare(64, 0, (int)p);
        compare(72, 1, (int)p);
    }
}

/* The first position sees itself alone: however long queries and keys are, what comes down is what comes without them, to
 * the last bit, by Jacobians and by products one by one. */
static void blind_to_scores(int64_t width, int parallel)
{
    float *sharp = NULL, *without = NULL;
    struct lc_err err = LC_ERR_INIT;
    struct kit k, none;

    make(&k, width, parallel, LC_PRECISION_FLOAT32, 30.0f);
    make(&none, width, parallel, LC_PRECISION_FLOAT32, 0.0f);
    check(LC_ALLOC(&sharp, k.seeds * width, "gradients", &err), &err);
    check(LC_ALLOC(&without, k.seeds * width, "gradients", &err), &err);
    for (int64_t room = 3; room <= k.seeds; room += k.seeds - 3) {
        descend(&k, 0, room, sharp);
        descend(&none, 0, room, without);
        for (int64_t i = 0; i < k.seeds * width; i++)
            assert_true(sharp[i] == without[i]);
    }
    free(sharp);
    free(without);
    release(&k);
    release(&none);
}

static void nothing_comes_through_scores_of_one_key(void **state)
{
    (void)state;
    blind_to_scores(64, 1);
    blind_to_scores(64, 0);
    blind_to_scores(72, 1);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(jacobians_are_the_products_one_by_one),
                                       cmocka_unit_test(nothing_comes_through_scores_of_one_key)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_with_every_kernel(run);
}

/* The exact decision: encoders whose biases are tuned so that thousands of pre-activations lie within a few
 * units in the last place of a threshold, against brute force in long double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "lightcone/activity.h"
#include "lightcone/linalg.h"
#include "lightcone/memory.h"
#include "lightcone/random.h"

enum { ROWS = 70 };

/* RANDOM, or what rounding to 8 bits treats worst: the bound of the error is reached. */
enum pattern {
    RANDOM,
    WEIGHTS_LOSE, /* half of the weights just miss the first step of the others' scale, and x is there only */
    ROWS_LOSE,    /* the same with x and weights in each other's place */
    LARGEST,      /* all numbers of a row alike, so that sums are as large as they can be */
    SUMS_LOSE,    /* nothing is lost but in sums: each 32 products are just too small to be added to the first */
};

struct trial {
    int64_t features, width;
    int jump;
    double theta, mark;
    enum pattern pattern;
    int rare; /* only one in so many features may be active; 0: all */
};

/* An SAE, rows of a residual stream, and z of every (row, feature) in long double. */
struct bench {
    struct lc_sae sae;
    float *weights, *y;
    long double *z; /* [ROWS, F] */
};

static float uniform(uint64_t stream, int64_t i)
{
    return (float)((double)(lc_random_bits(11, stream, (uint64_t)i) >> 11) * 0x1p-52 - 1.0);
}

/* Within 2^-64 of the products' magnitude: 24-bit factors have exact products here. */
static long double product(const struct lc_sae *sae, const float *y, int64_t feature)
{
    const float *w = sae->encoder + feature * sae->shape.width;
    long double sum = 0.0L;

    for (int64_t j = 0; j < sae->shape.width; j++)
        sum += (long double)w[j] * ((long double)y[j] - (long double)sae->shift[j]);
    return sum;
}

static double level_of(const struct lc_sae *sae, int64_t feature, double theta)
{
    return fmax(theta, (double)sae->cut[feature]);
}

/* The bias that brings feature i to within a few units in the last place of its level at row i mod ROWS. */
static float tuned_bias(const struct bench *b, int64_t i, double theta, double mark)
{
    const float *y = b->y + i % ROWS * b->sae.shape.width;
    double level = level_of(&b->sae, i, i % 3 == 0 ? mark : theta);
    float bias = (float)((long double)level - product(&b->sae, y, i));

    for (int64_t k = i / ROWS % 4; k > 0; k--)
        bias = nextafterf(bias, i % 2 ? INFINITY : -INFINITY);
    return bias;
}

/* A number of row `row` of the weights or of x. */
static float pattern_value(enum pattern pattern, int is_weight, uint64_t stream, int64_t row, int64_t j, int64_t width)
{
    float sign = uniform(stream, row * width + j) < 0.0f ? -1.0f : 1.0f;
    float scale = pattern == LARGEST ? 1.0f : 1.0f + 0.5f * uniform(stream + 100, row);
    int loses = pattern == (is_weight ? WEIGHTS_LOSE : ROWS_LOSE);

    if (pattern == RANDOM)
        return uniform(stream, row * width + j);
    if (is_weight)
        scale *= 8.0f / (float)width;
    if (pattern == SUMS_LOSE)
        return !is_weight || j == 0 ? 1.0f : 1.5f * 0x1p-31f;
    if (pattern == LARGEST)
        return is_weight && row % 2 ? -scale : scale;
    if (j % 2)
        return loses ? 127.0f * sign * scale : 0.0f;
    return loses ? 0.499f * scale : scale;
}

static void fill_numbers(struct bench *b, enum pattern pattern)
{
    int64_t d = b->sae.shape.width;

    for (int64_t i = 0; i < ROWS * d; i++)
        b->y[i] = 3.0f * pattern_value(pattern, 0, 1, i / d, i % d, d);
    for (int64_t i = 0; i < b->sae.shape.features * d; i++)
        b->sae.encoder[i] = pattern_value(pattern, 1, 2, i / d, i % d, d);
    for (int64_t j = 0; j < d; j++)
        b->sae.shift[j] = pattern == RANDOM ? 0.3f * uniform(3, j) : 0.0f;
}

static void bench_init(struct bench *b, const struct trial *t)
{
    int64_t features = t->features, width = t->width;
    struct lc_sae_shape shape = {.kind = "test", .features = features, .width = width};
    struct lc_err err = LC_ERR_INIT;

    check(LC_ALLOC(&b->weights, lc_sae_floats(&shape, 0), "weights", &err), &err);
    check(LC_ALLOC(&b->y, ROWS * width, "rows", &err), &err);
    check(LC_ALLOC(&b->z, ROWS * features, "values", &err), &err);
    memset(b->weights, 0xff, (size_t)lc_sae_floats(&shape, 0) * sizeof(float)); /* what is packed begins as no numbers */
    lc_sae_bind(&b->sae, &shape, 0, b->weights);
    fill_numbers(b, t->pattern);
    for (int64_t i = 0; i < features; i++) {
        double norm = 0.0;
        for (int64_t j = 0; j < width; j++)
            norm += (double)b->sae.encoder[i * width + j] * (double)b->sae.encoder[i * width + j];
        b->sae.norm[i] = (float)(sqrt(norm) * 1.000001);
        b->sae.cut[i] = t->jump ? fmaxf(0.0f, 1.5f * uniform(4, i)) : 0.0f;
        b->sae.encoder_bias[i] = t->rare && i % t->rare ? -1000.0f : tuned_bias(b, i, t->theta, t->mark);
    }
    lc_sae_pack(&b->sae);
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t i = 0; i < features; i++)
            b->z[r * features + i] =
                product(&b->sae, b->y + r * width, i) + (long double)b->sae.encoder_bias[i];
}

static void bench_release(struct bench *b)
{
    free(b->weights);
    free(b->y);
    free(b->z);
}

/* What lc_active_find() found in the first `rows` rows is what the long double values say, feature by
 * feature. */
static void compare(const struct bench *b, const struct lc_active *a, int64_t rows, double theta, double mark)
{
    int64_t features = b->sae.shape.features, k = 0;

    assert_int_equal(a->rows, rows);
    for (int64_t r = 0; r < rows; r++) {
        assert_int_equal(a->indptr[r], k);
        for (int64_t i = 0; i < features; i++) {
            long double z = b->z[r * features + i];
            if (!(z > (long double)level_of(&b->sae, i, theta)))
                continue;
            if (k >= a->indptr[rows] || a->feature[k] != i)
                fail_msg("row %lld: feature %lld is missing: z - level = %Lg", (long long)r, (long long)i,
                         z - (long double)level_of(&b->sae, i, theta));
            assert_int_equal(a->above[k], z > (long double)level_of(&b->sae, i, mark));
            assert_true(fabsl((long double)a->activation[k] - z) < 1e-4L);
            k++;
        }
    }
    assert_int_equal(a->indptr[rows], k);
}

/* How often the straightforward float32 evaluation decides otherwise. */
static int64_t float32_errors(const struct bench *b, double theta)
{
    int64_t errors = 0, d = b->sae.shape.width, features = b->sae.shape.features;

    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t i = 0; i < features; i++) {
            float z = 0.0f;
            double level = level_of(&b->sae, i, theta);
            for (int64_t j = 0; j < d; j++)
                z += b->sae.encoder[i * d + j] * (b->y[r * d + j] - b->sae.shift[j]);
            z += b->sae.encoder_bias[i];
            errors += (z > (float)level) != (b->z[r * features + i] > (long double)level);
        }
    return errors;
}

static void run_trial(const struct trial *t, int64_t rows_step)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_active a;
    struct bench b;
    int64_t wrong;

    bench_init(&b, t);
    wrong = float32_errors(&b, t->theta);
    check(lc_active_init(&a, ROWS, t->width, &err), &err);
    for (int64_t rows = 1; rows <= ROWS; rows += rows_step) {
        check(lc_active_find(&a, &b.sae, b.y, rows, t->theta, t->mark, &err), &err);
        compare(&b, &a, rows, t->theta, t->mark);
    }
    print_message(
        "F %lld D %lld%s theta %g mark %g: %lld decisions in float64; plain float32 is wrong %lld times\n",
        (long long)t->features, (long long)t->width, t->jump ? " with cuts" : "", t->theta, t->mark,
        (long long)a.rechecked, (long long)wrong);
    assert_true(a.rechecked > 0);
    if (t->features >= 3000 && t->pattern == RANDOM && !t->rare)
        assert_true(wrong > 100);
    lc_active_release(&a);
    bench_release(&b);
}

static void values_near_the_threshold(void **state)
{
    static const struct trial trial[] = {
        {3000, 64, 0, 0.2, 0.2, RANDOM, 0}, {3000, 64, 0, 0.0, 0.2, RANDOM, 0}, {3000, 64, 0, 1.0, 1.0, RANDOM, 0},
        {3000, 64, 1, 0.2, 0.2, RANDOM, 0}, {3000, 64, 1, 0.0, 0.5, RANDOM, 0}, {3000, 64, 1, 0.3, 1.0, RANDOM, 0},
        {3000, 512, 1, 0.2, 0.4, RANDOM, 0}, {9000, 64, 1, 0.2, 0.4, RANDOM, 40},
    };

    (void)state;
    for (size_t i = 0; i < sizeof trial / sizeof trial[0]; i++)
        run_trial(&trial[i], i < 1 ? 1 : 23);
}

/* With few features active, so that no kernel may leave the case to another. */
static void rounding_at_its_worst(void **state)
{
    static const struct trial trial[] = {
        {9000, 64, 0, 0.2, 0.4, WEIGHTS_LOSE, 40}, {3000, 512, 1, 0.2, 0.4, WEIGHTS_LOSE, 40},
        {9000, 64, 0, 0.2, 0.4, ROWS_LOSE, 40},    {3000, 512, 1, 0.2, 0.4, ROWS_LOSE, 40},
        {3000, 2048, 0, 0.2, 0.2, LARGEST, 40},    {600, 2048, 0, 0.2, 0.2, SUMS_LOSE, 40},
        {13, 1 << 17, 0, 0.2, 0.2, LARGEST, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof trial / sizeof trial[0]; i++)
        run_trial(&trial[i], 23);
}

/* Panels and strips that are not full; widths down to one. */
static void odd_sizes(void **state)
{
    static const int64_t features[] = {1, 7, 63, 64, 65, 511, 512, 513, 1025}, width[] = {1, 2, 3, 17, 100};

    (void)state;
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
        for (size_t j = 0; j < sizeof width / sizeof width[0]; j++) {
            struct trial t = {features[i], width[j], (i + j) % 2 == 1, 0.25, 0.5, RANDOM, 0};
            run_trial(&t, 9);
        }
}

/* z = theta exactly, in numbers that binary holds: not active, since the rule is strict. One unit more is
 * active. */
static void ties_are_not_active(void **state)
{
    enum { F = 130, D = 8 };
    struct lc_sae_shape shape = {.kind = "test", .features = F, .width = D};
    struct lc_err err = LC_ERR_INIT;
    float y[D] = {1, 2, -1, 0.5f, 4, 0, 3, -2}, *weights;
    struct lc_active a;
    struct lc_sae sae;

    (void)state;
    check(LC_ALLOC(&weights, lc_sae_floats(&shape, 0), "weights", &err), &err);
    lc_sae_bind(&sae, &shape, 0, weights);
    for (int64_t i = 0; i < F; i++) {
        double dot = 0.0;
        for (int64_t j = 0; j < D; j++) {
            sae.encoder[i * D + j] = (float)((i * 7 + j * 5) % 9 - 4) / 8.0f;
            dot += (double)sae.encoder[i * D + j] * (double)y[j];
        }
        sae.norm[i] = 3.0f;
        sae.cut[i] = i % 2 ? 0.5f : 0.0f; /* the level from the cut or from theta */
        sae.encoder_bias[i] = (float)(0.5 - dot);
        if (i % 3 == 0)
            sae.encoder_bias[i] = nextafterf(sae.encoder_bias[i], INFINITY);
    }
    lc_sae_pack(&sae);
    check(lc_active_init(&a, 1, D, &err), &err);
    check(lc_active_find(&a, &sae, y, 1, 0.5, 0.5, &err), &err);
    assert_int_equal(a.indptr[1], (F + 2) / 3);
    for (int64_t k = 0; k < a.indptr[1]; k++)
        assert_int_equal(a.feature[k], 3 * k);
    lc_active_release(&a);
    free(weights);
}

/* z is above, below and at its level by 2^-80, which sums of doubles lose beside 2^30; -2^30 comes from y or from the shift. */
static void tell_apart(int shifted)
{
    enum { F = 130, D = 3 };
    static const float tiny[3] = {0x1p-40f, -0x1p-40f, 0.0f};
    const float y[D] = {0x1p-40f, 0x1p30f, shifted ? 0.0f : -0x1p30f};
    struct lc_sae_shape shape = {.kind = "test", .features = F, .width = D};
    struct lc_err err = LC_ERR_INIT;
    struct lc_active a;
    struct lc_sae sae;
    float *weights;

    check(LC_ALLOC(&weights, lc_sae_floats(&shape, 0), "weights", &err), &err);
    lc_sae_bind(&sae, &shape, 0, weights);
    sae.shift[D - 1] = shifted ? 0x1p30f : 0.0f;
    for (int64_t i = 0; i < F; i++) {
        const float w[D] = {tiny[i % 3], 1.0f, 1.0f};
        memcpy(sae.encoder + i * D, w, sizeof w);
        sae.norm[i] = 2.0f;
        sae.cut[i] = i % 2 ? 1.0f : 0.0f;
        sae.encoder_bias[i] = 1.0f;
    }
    lc_sae_pack(&sae);
    check(lc_active_init(&a, 1, D, &err), &err);
    check(lc_active_find(&a, &sae, y, 1, 1.0, 1.0, &err), &err);
    assert_int_equal(a.indptr[1], (F + 2) / 3);
    for (int64_t k = 0; k < a.indptr[1]; k++)
        assert_true(a.feature[k] == 3 * k && a.above[k] && a.activation[k] == 1.0f);
    lc_active_release(&a);
    free(weights);
}

static void what_float64_cannot_tell(void **state)
{
    (void)state;
    tell_apart(0);
    tell_apart(1);
}

/* One workspace serves SAEs of other sizes, from nothing active to everything. */
static void a_workspace_is_used_again(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_active a;
    struct bench small, large;

    (void)state;
    bench_init(&small, &(struct trial){100, 5, 0, 0.2, 0.2, RANDOM, 0});
    bench_init(&large, &(struct trial){3000, 64, 0, 0.2, 0.2, RANDOM, 0});
    check(lc_active_init(&a, ROWS, 64, &err), &err);
    check(lc_active_find(&a, &large.sae, large.y, ROWS, 1e6, 1e6, &err), &err);
    assert_int_equal(a.indptr[ROWS], 0);
    check(lc_active_find(&a, &small.sae, small.y, 3, 0.2, 0.2, &err), &err);
    compare(&small, &a, 3, 0.2, 0.2);
    for (int64_t i = 0; i < 3000; i++) {
        large.sae.encoder_bias[i] += 1000.0f;
        for (int64_t r = 0; r < ROWS; r++)
            large.z[r * 3000 + i] =
                product(&large.sae, large.y + r * 64, i) + (long double)large.sae.encoder_bias[i];
    }
    check(lc_active_find(&a, &large.sae, large.y, ROWS, 0.2, 0.2, &err), &err);
    assert_int_equal(a.indptr[ROWS], 3000 * ROWS);
    check(lc_active_find(&a, &small.sae, small.y, ROWS, 0.2, 0.2, &err), &err);
    compare(&small, &a, ROWS, 0.2, 0.2);
    lc_active_release(&a);
    bench_release(&small);
    bench_release(&large);
}

/* --- what residual streams and bounds may do at their worst: 10 million pairs (fewer where numbers are denormal, and slow), against float64 ------------------- */

enum { MANY_ROWS = 320, MANY_FEATURES = 32763, NARROW = 40 };

struct worst {
    const char *what;
    double theta;
    float row_scale, outlier; /* of all values; of every `step`-th row's `dimensions` from the third on */
    float bias, bias_spread;
    int zero_rows; /* every so manieth row is zero */
    int step, dimensions;
    float weight_outlier; /* of every third weight's last dimension */
    int64_t rows;
};

static void worst_init(struct bench *b, const struct worst *w)
{
    struct lc_sae_shape shape = {.kind = "test", .features = MANY_FEATURES, .width = NARROW};
    struct lc_err err = LC_ERR_INIT;

    *b = (struct bench){0};
    check(LC_ALLOC(&b->weights, lc_sae_floats(&shape, 0), "weights", &err), &err);
    check(LC_ALLOC(&b->y, MANY_ROWS * NARROW, "rows", &err), &err);
    lc_sae_bind(&b->sae, &shape, 0, b->weights);
    for (int64_t i = 0; i < MANY_ROWS * NARROW; i++)
        b->y[i] = w->zero_rows && i / NARROW % w->zero_rows == 0 ? 0.0f : w->row_scale * uniform(21, i);
    for (int64_t r = 0; w->outlier > 0.0f && r < MANY_ROWS; r += w->step)
        for (int64_t j = 3; j < 3 + w->dimensions; j++)
            b->y[r * NARROW + j] = w->outlier * (1.0f + 0.1f * uniform(24, r + j));
    for (int64_t i = 0; i < MANY_FEATURES * NARROW; i++)
        b->sae.encoder[i] = 0.5f * uniform(22, i);
    for (int64_t i = 0; w->weight_outlier > 0.0f && i < MANY_FEATURES; i += 3)
        b->sae.encoder[i * NARROW + NARROW - 1] = w->weight_outlier;
    for (int64_t i = 0; i < MANY_FEATURES; i++) {
        double norm = sqrt(lc_square_sum(b->sae.encoder + i * NARROW, NARROW));
        b->sae.norm[i] = (float)(norm * 1.000001);
        b->sae.encoder_bias[i] = w->bias + w->bias_spread * uniform(23, i);
    }
    lc_sae_pack(&b->sae);
}

/* z - level in float64, and in long double where that is not sure. */
static long double distance(const struct bench *b, int64_t row, int64_t i, double theta)
{
    const float *y = b->y + row * NARROW;
    double z = (double)b->sae.encoder_bias[i] + lc_dot_f64(b->sae.encoder + i * NARROW, y, NARROW);

    if (fabs(z - theta) > 1e-9 * (fabs(z) + fabs(theta) + 1.0) * fmax(1.0, fabs((double)y[3])))
        return (long double)(z - theta);
    return product(&b->sae, y, i) + (long double)b->sae.encoder_bias[i] - (long double)theta;
}

static void worst_case(const struct worst *w)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_active a;
    struct bench b;
    int64_t k = 0;

    worst_init(&b, w);
    check(lc_active_init(&a, w->rows, NARROW, &err), &err);
    check(lc_active_find(&a, &b.sae, b.y, w->rows, w->theta, w->theta, &err), &err);
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t i = 0; i < MANY_FEATURES; i++) {
            int found = k < a.indptr[r + 1] && a.feature[k] == i;
            if (found != (distance(&b, r, i, w->theta) > 0.0L))
                fail_msg("%s: row %lld, feature %lld: %s", w->what, (long long)r, (long long)i, found ? "extra" : "missing");
            k += found;
        }
    assert_int_equal(k, a.indptr[w->rows]);
    print_message("%s: %lld of %lld pairs active, %lld looked at\n", w->what, (long long)k,
                  (long long)w->rows * MANY_FEATURES, (long long)a.candidates.count);
    lc_active_release(&a);
    bench_release(&b);
}

static void worst_cases(void **state)
{
    static const struct worst worst[] = {
        {"few active", 0.2, 1.0f, 0.0f, -3.5f, 0.1f, 0, 1, 0, 0.0f, MANY_ROWS},
        {"an outlier dimension", 0.2, 1.0f, 3000.0f, -4.0f, 0.1f, 0, 8, 1, 0.0f, MANY_ROWS},
        {"outlier dimensions x 30", 0.2, 1.0f, 30.0f, -50.0f, 0.1f, 0, 1, 4, 0.0f, MANY_ROWS},
        {"outlier dimensions x 100", 0.2, 1.0f, 100.0f, -165.0f, 0.1f, 0, 1, 4, 0.0f, MANY_ROWS},
        {"more of them than can be left out", 0.2, 1.0f, 100.0f, -300.0f, 0.1f, 0, 1, 36, 0.0f, MANY_ROWS},
        {"outlier weights", 0.2, 1.0f, 0.0f, -45.0f, 0.1f, 0, 1, 0, 50.0f, MANY_ROWS},
        {"half of the features on every token", 0.0, 1.0f, 0.0f, 0.0f, 0.1f, 0, 1, 0, 0.0f, MANY_ROWS},
        {"zero rows, threshold 0", 0.0, 1.0f, 0.0f, -0.099f, 0.1f, 3, 1, 0, 0.0f, MANY_ROWS},
        {"zero rows, few active", 0.0, 1.0f, 0.0f, -3.5f, 0.1f, 3, 1, 0, 0.0f, MANY_ROWS},
        {"threshold 1e30", 1e30, 1e30f, 3e30f, 0.0f, 0.1f, 5, 8, 1, 0.0f, MANY_ROWS},
        {"threshold 1e30, few active", 4e30, 1e30f, 0.0f, 0.0f, 0.1f, 5, 1, 0, 0.0f, MANY_ROWS},
        {"near the end of float32", 1.0, 5e37f, 0.0f, 0.0f, 0.1f, 0, 1, 0, 0.0f, MANY_ROWS},
        {"sums that overflow on their way", 1.0, 1.0f, 1.5e38f, 0.0f, 0.1f, 0, 1, 36, 0.0f, 40},
        {"below the smallest normal numbers", 0.0, 1e-39f, 0.0f, 0.0f, 0.0f, 0, 1, 0, 0.0f, 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof worst / sizeof worst[0]; i++)
        worst_case(&worst[i]);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_near_the_threshold),
        cmocka_unit_test(rounding_at_its_worst),
        cmocka_unit_test(odd_sizes),
        cmocka_unit_test(ties_are_not_active),
        cmocka_unit_test(what_float64_cannot_tell),
        cmocka_unit_test(a_workspace_is_used_again),
        cmocka_unit_test(worst_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_with_every_kernel(run);
}

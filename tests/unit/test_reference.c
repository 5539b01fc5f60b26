/* The model's passes, active sets, influence and token vectors against float64 PyTorch: every case of
 * tests/reference/cases. Prints our largest error beside what PyTorch itself loses in float32. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "lightcone/activity.h"
#include "lightcone/factor.h"
#include "lightcone/json.h"
#include "lightcone/memory.h"
#include "lightcone/passes.h"
#include "lightcone/spread.h"
#include "lightcone/tensor.h"

#define CASES "tests/reference/cases"

enum { MAX_SITES = 8, TEXT = 512, MAX_ROWS = 256, PRECISIONS = LC_PRECISION_BF16 + 1 };

static enum lc_precision precision;
static const char *const precision_name[] = {"float32", "bf16x6", "bf16x3", "bf16"};

/* What is compared, in the order of the table that is printed. */
enum what { Y, J, ENTROPY, TOTAL, ACTIVATION, RESIDUAL, RECONSTRUCTION, TOKEN_ENTROPY, WHATS };
static const char *const what_name[WHATS] = {"y",          "J",        "entropy",        "total",
                                             "activation", "residual", "reconstruction", "token_entropy"};
static const double allowed[WHATS] = {2e-6, 2e-5, 1e-4, 2e-5, 1e-5, 2e-5, 2e-5, 1e-4};
/* Precisions that say they are worse may be off by so many times what is allowed. */
static const double times[PRECISIONS] = {1.0, 1.0, 20.0, 3e4};

struct reference {
    char folder[TEXT], name[TEXT];
    struct lc_json json;
    struct lc_tensors set;
    struct lc_model_shape shape;
    struct lc_model model;
    float *weights, *split;
    double threshold;
    struct lc_sae sae[MAX_SITES];
    float *sae_weights[MAX_SITES];
    double error[WHATS]; /* of the (T, rule) at hand */
    int64_t compared, differ; /* features that are active in both; in one only */
};

__attribute__((format(printf, 2, 3))) static const struct lc_tensor *tensor(const struct reference *c,
                                                                            const char *format, ...)
{
    const struct lc_tensor *t;
    char name[TEXT];
    va_list ap;

    va_start(ap, format);
    vsnprintf(name, sizeof name, format, ap);
    va_end(ap);
    t = lc_tensors_find(&c->set, name);
    if (!t)
        fail_msg("%s: expected.safetensors has no %s", c->folder, name);
    return t;
}

static double real_at(const struct lc_tensor *t, int64_t i)
{
    double x;

    assert_true(t->dtype == LC_F64 && i < t->count);
    memcpy(&x, t->data + (size_t)i * sizeof x, sizeof x);
    return x;
}

static int32_t integer_at(const struct lc_tensor *t, int64_t i)
{
    int32_t x;

    assert_true(t->dtype == LC_I32 && i < t->count);
    memcpy(&x, t->data + (size_t)i * sizeof x, sizeof x);
    return x;
}

/* The larger of two errors; one that is not a number is infinite. */
static double larger(double worst, double error)
{
    return isnan(error) ? INFINITY : fmax(worst, error);
}

static void worst(struct reference *c, enum what what, double error)
{
    c->error[what] = larger(c->error[what], error);
}

/* Largest difference of two profiles over the largest value of the expected one. */
static double profile_error(const double *ours, const struct lc_tensor *expected, int64_t offset, int64_t n)
{
    double difference = 0.0, largest = 0.0;

    for (int64_t t = 0; t < n; t++) {
        double e = real_at(expected, offset + t);
        difference = larger(difference, fabs(ours[t] - e));
        largest = fmax(largest, e);
    }
    return difference / largest;
}

static void compare_y(struct reference *c, const struct lc_forward *f, int64_t length)
{
    int64_t d = c->shape.width;

    for (int64_t layer = 0; layer < c->shape.layers; layer++) {
        const struct lc_tensor *y = tensor(c, "T%lld/y%lld", (long long)length, (long long)layer);
        const float *ours = lc_forward_site(f, layer) + length * d; /* the second window */
        assert_int_equal(y->count, length * d);
        for (int64_t t = 0; t < length; t++) {
            double difference = 0.0, norm = 0.0;
            for (int64_t i = 0; i < d; i++) {
                double e = real_at(y, t * d + i), delta = (double)ours[t * d + i] - e;
                difference += delta * delta;
                norm += e * e;
            }
            worst(c, Y, sqrt(difference / norm));
        }
    }
}

/* Everything that comes down in one backward pass: for each seed its gradient and J. */
struct descent {
    float *gradient; /* [seeds, n, D] */
    double *j;       /* [seeds, n] */
    int64_t next, n, width;
};

static void take(void *arg, int64_t k, const float *gradient, int64_t n)
{
    struct descent *x = arg;

    assert_int_equal(k, x->next++);
    assert_int_equal(n, x->n);
    memcpy(x->gradient + k * n * x->width, gradient, (size_t)(n * x->width) * sizeof *gradient);
    for (int64_t t = 0; t < n; t++) {
        x->j[k * n + t] = 0.0;
        for (int64_t i = 0; i < x->width; i++)
            x->j[k * n + t] += (double)gradient[t * x->width + i] * (double)gradient[t * x->width + i];
    }
}

/* The seeds of all sites at the readout: every f > 0 feature, then D unit vectors; deepest site first. */
struct seeds {
    struct lc_seed *seed;
    int64_t count, begin[MAX_SITES], units[MAX_SITES]; /* first seed and first unit vector of each site */
    float *identity;                                   /* [D, D] */
};

static void make_seeds(struct seeds *s, const struct reference *c, const struct lc_active *active)
{
    int64_t d = c->shape.width, room = 0;

    for (int64_t layer = 0; layer < c->shape.layers; layer++)
        room += active[layer].indptr[1] + d;
    *s = (struct seeds){.seed = calloc((size_t)room, sizeof *s->seed),
                        .identity = calloc((size_t)(d * d), sizeof(float))};
    assert_true(s->seed && s->identity);
    for (int64_t i = 0; i < d; i++)
        s->identity[i * d + i] = 1.0f;
    for (int64_t layer = c->shape.layers - 1; layer >= 0; layer--) {
        s->begin[layer] = s->count;
        for (int64_t k = 0; k < active[layer].indptr[1]; k++)
            s->seed[s->count++] =
                (struct lc_seed){layer, c->sae[layer].encoder + active[layer].feature[k] * d};
        s->units[layer] = s->count;
        for (int64_t i = 0; i < d; i++)
            s->seed[s->count++] = (struct lc_seed){layer, s->identity + i * d};
    }
}

static void descend(struct descent *x, const struct reference *c, const struct lc_forward *f,
                    const struct seeds *s, int64_t length, int64_t room)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_backward b;

    *x = (struct descent){.n = length, .width = c->shape.width};
    x->gradient = calloc((size_t)(s->count * length * x->width), sizeof *x->gradient);
    x->j = calloc((size_t)(s->count * length), sizeof *x->j);
    assert_true(x->gradient && x->j);
    check(lc_backward_init(&b, &c->model, room, room < 7 ? room : 7, length, &err), &err);
    lc_backward_run(&b, f, 1, length - 1, s->seed, s->count, take, x);
    assert_int_equal(x->next, s->count);
    lc_backward_release(&b);
}

static void descent_release(struct descent *x)
{
    free(x->gradient);
    free(x->j);
}

/* Chunks of other sizes must give the same J but for rounding: largest difference over the largest value of
 * the seed. */
static double chunk_error(const struct reference *c, const struct lc_forward *f, const struct seeds *s,
                          int64_t length, const struct descent *whole, int64_t room)
{
    struct descent part;
    double largest_error = 0.0;

    descend(&part, c, f, s, length, room);
    for (int64_t k = 0; k < s->count; k++) {
        double difference = 0.0, largest = 0.0;
        for (int64_t t = k * length; t < (k + 1) * length; t++) {
            difference = larger(difference, fabs(part.j[t] - whole->j[t]));
            largest = fmax(largest, whole->j[t]);
        }
        largest_error = fmax(largest_error, largest > 0.0 ? difference / largest : difference);
    }
    descent_release(&part);
    return largest_error;
}

/* One feature of one site against the reference. */
static void compare_feature(struct reference *c, const char *place, int64_t index, const double *j, int64_t n,
                            double activation)
{
    struct lc_spread s = lc_spread_of(j, n);
    double total = real_at(tensor(c, "%s/total", place), index);

    assert_false(s.degenerate);
    worst(c, J, profile_error(j, tensor(c, "%s/J", place), index * n, n));
    worst(c, TOTAL, fabs(s.total - total) / total);
    worst(c, ENTROPY, fabs(s.entropy - real_at(tensor(c, "%s/entropy", place), index)));
    worst(c, ENTROPY, fabs(s.renyi2 - real_at(tensor(c, "%s/renyi2", place), index)));
    worst(c, ENTROPY, fabs(log2(s.participation / real_at(tensor(c, "%s/participation", place), index))));
    worst(c, ACTIVATION, fabs(activation - real_at(tensor(c, "%s/activation", place), index)));
    c->compared++;
}

/* || W_d[:, S] G_t' ||_F^2 by way of the D x D Jacobian itself, in float64. */
static double reconstruction_at(const struct lc_sae *sae, const struct lc_active *a, const float *gradient,
                                int64_t stride)
{
    int64_t d = sae->shape.width;
    double sum = 0.0;

    for (int64_t row = 0; row < d; row++)
        for (int64_t column = 0; column < d; column++) {
            double x = 0.0;
            for (int64_t k = 0; k < a->indptr[1]; k++)
                x += (double)sae->decoder[a->feature[k] * d + row] * (double)gradient[k * stride + column];
            sum += x * x;
        }
    return sum;
}

static void compare_vectors(struct reference *c, const char *place, int64_t layer, const struct lc_active *a,
                            const struct seeds *s, const struct descent *x)
{
    int64_t n = x->n, d = x->width;
    double *r = calloc((size_t)n, sizeof *r);
    const struct lc_tensor *entropy = tensor(c, "%s/token_entropy", place);

    assert_non_null(r);
    for (int64_t t = 0; t < n; t++)
        for (int64_t i = 0; i < d; i++)
            r[t] += x->j[(s->units[layer] + i) * n + t];
    worst(c, RESIDUAL, profile_error(r, tensor(c, "%s/residual", place), 0, n));
    worst(c, TOKEN_ENTROPY, fabs(lc_spread_of(r, n).entropy - real_at(entropy, 0)));
    for (int64_t t = 0; t < n; t++)
        r[t] = reconstruction_at(&c->sae[layer], a, x->gradient + (s->begin[layer] * n + t) * d, n * d);
    worst(c, RECONSTRUCTION, profile_error(r, tensor(c, "%s/reconstruction", place), 0, n));
    worst(c, TOKEN_ENTROPY, fabs(lc_spread_of(r, n).entropy - real_at(entropy, 1)));
    free(r);
}

static void compare_site(struct reference *c, const char *rule, int64_t layer, const struct lc_active *a,
                         const struct seeds *s, const struct descent *x)
{
    const struct lc_tensor *feature;
    char place[TEXT];
    int64_t index = 0, differ;

    snprintf(place, sizeof place, "T%lld/%s/site%lld", (long long)x->n, rule, (long long)layer);
    feature = tensor(c, "%s/feature", place);
    differ = c->differ;
    for (int64_t k = 0; k < a->indptr[1]; k++) {
        if (!a->above[k])
            continue;
        for (; index < feature->count && integer_at(feature, index) < a->feature[k]; index++)
            c->differ++;
        if (index == feature->count || integer_at(feature, index) != a->feature[k])
            c->differ++;
        else
            compare_feature(c, place, index++, x->j + (s->begin[layer] + k) * x->n, x->n, (double)a->activation[k]);
    }
    c->differ += feature->count - index;
    if (c->differ > differ && precision != LC_PRECISION_BF16)
        fail_msg("%s %s: %lld features are active here only, or not here", c->folder, place, (long long)(c->differ - differ));
    compare_vectors(c, place, layer, a, s, x);
}

static void find_active(const struct reference *c, const struct lc_forward *f, int64_t length,
                        struct lc_active *active)
{
    struct lc_err err = LC_ERR_INIT;

    for (int64_t layer = 0; layer < c->shape.layers; layer++) {
        const float *row = lc_forward_site(f, layer) + (2 * length - 1) * c->shape.width;
        check(lc_active_init(&active[layer], 1, c->shape.width, &err), &err);
        check(lc_active_find(&active[layer], &c->sae[layer], row, 1, 0.0, c->threshold, &err), &err);
    }
}

/* The window of the case stands second, behind its own reverse: offsets of windows are tried too. */
static void run_forward(const struct reference *c, struct lc_forward *f, int64_t length)
{
    const struct lc_tensor *token = tensor(c, "T%lld/tokens", (long long)length);
    struct lc_err err = LC_ERR_INIT;
    int32_t *id = calloc((size_t)(2 * length), sizeof *id);

    assert_non_null(id);
    for (int64_t t = 0; t < length; t++)
        id[length + t] = id[length - 1 - t] = integer_at(token, t);
    check(lc_forward_init(f, &c->model, 2 * length, length, 1, &err), &err);
    check(lc_forward_run(f, id, 2, length, &err), &err);
    free(id);
}

/* What every precision lost in every row of the table with the kernels at hand, and what PyTorch did in float32. */
static double lost[PRECISIONS][MAX_ROWS][WHATS], torch_lost[MAX_ROWS][WHATS];
static int row;

/* float32 errors are chance as well: ours or PyTorch's, whichever is larger, bounds in one row what split products may lose. */
static void judge_split(const struct reference *c, const char *rule, int64_t length, const json_t *torch)
{
    assert_true(row < MAX_ROWS);
    for (int w = 0; w < WHATS; w++) {
        double float32;
        lost[precision][row][w] = c->error[w];
        torch_lost[row][w] = json_number_value(json_object_get(torch, what_name[w]));
        float32 = fmax(lost[LC_PRECISION_FLOAT32][row][w], torch_lost[row][w]);
        if (precision == LC_PRECISION_BF16X6 && !(c->error[w] <= 2.0 * float32 + 0.05 * allowed[w]))
            fail_msg("%s %s T %lld: %s is off by %.3e; with float32 products by %.3e", c->name, rule, (long long)length,
                     what_name[w], c->error[w], float32);
    }
    row++;
}

/* Print ours and PyTorch's; fail when ours is beyond the larger of the tolerance and twice PyTorch's. */
static void judge(const struct reference *c, const char *rule, int64_t length, double chunks)
{
    const json_t *torch;
    char key[32];

    snprintf(key, sizeof key, "T%lld", (long long)length);
    torch = json_object_get(json_object_get(c->json.root, "float32_error"), key);
    assert_non_null(torch);
    print_message("%-27s %-6s T %3lld:", c->name, rule, (long long)length);
    for (int w = 0; w < WHATS; w++)
        print_message("  %s %.1e (%.1e)", what_name[w], c->error[w],
                      json_number_value(json_object_get(torch, what_name[w])));
    print_message("  chunks %.1e\n", chunks);
    for (int w = 0; w < WHATS; w++) {
        double limit = times[precision] * fmax(allowed[w], 2.0 * json_number_value(json_object_get(torch, what_name[w])));
        if (!(c->error[w] <= limit))
            fail_msg("%s %s T %lld: %s is off by %.3e; allowed: %.3e", c->name, rule, (long long)length,
                     what_name[w], c->error[w], limit);
    }
    if (!(chunks <= times[precision] * fmax(allowed[J], 2.0 * json_number_value(json_object_get(torch, "J")))))
        fail_msg("%s %s T %lld: chunks of seeds change J by %.3e", c->name, rule, (long long)length, chunks);
    judge_split(c, rule, length, torch);
}

static void compare_window(struct reference *c, const char *rule, int64_t length)
{
    struct lc_active active[MAX_SITES] = {{0}};
    struct lc_forward f;
    struct descent x;
    struct seeds s;
    double chunks;

    memset(c->error, 0, sizeof c->error);
    run_forward(c, &f, length);
    compare_y(c, &f, length);
    find_active(c, &f, length, active);
    make_seeds(&s, c, active);
    assert_true(lc_backward_gains(&c->shape, s.begin[0]) && !lc_backward_gains(&c->shape, 3)); /* both ways are compared */
    descend(&x, c, &f, &s, length, s.count);
    chunks = fmax(chunk_error(c, &f, &s, length, &x, 1), chunk_error(c, &f, &s, length, &x, 3));
    for (int64_t layer = 0; layer < c->shape.layers; layer++)
        compare_site(c, rule, layer, &active[layer], &s, &x);
    judge(c, rule, length, chunks);
    descent_release(&x);
    free(s.seed);
    free(s.identity);
    lc_forward_release(&f);
    for (int64_t layer = 0; layer < c->shape.layers; layer++)
        lc_active_release(&active[layer]);
}

static void load_saes(struct reference *c, const char *rule)
{
    enum lc_bias_rule bias = strcmp(rule, "own") == 0 ? LC_BIAS_OWN : LC_BIAS_IGNORE;
    struct lc_err err = LC_ERR_INIT;
    char pattern[2 * TEXT], path[2 * TEXT];

    assert_true(bias == LC_BIAS_OWN || strcmp(rule, "ignore") == 0);
    snprintf(pattern, sizeof pattern, "%s/sae/resid_out_layer{layer}", c->folder);
    for (int64_t layer = 0; layer < c->shape.layers; layer++) {
        struct lc_sae_shape shape;
        check(lc_sae_path(path, sizeof path, pattern, layer, &err), &err);
        check(lc_sae_shape_read(&shape, path, &err), &err);
        assert_int_equal(shape.width, c->shape.width);
        free(c->sae_weights[layer]);
        check(LC_ALLOC(&c->sae_weights[layer], lc_sae_floats(&shape, 1), "SAE", &err), &err);
        lc_sae_bind(&c->sae[layer], &shape, 1, c->sae_weights[layer]);
        check(lc_sae_load(&c->sae[layer], path, bias, &err), &err);
        lc_sae_pack(&c->sae[layer]);
    }
}

static void open_case(struct reference *c, const char *name)
{
    struct lc_err err = LC_ERR_INIT;
    char path[2 * TEXT];

    *c = (struct reference){0};
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->folder, sizeof c->folder, CASES "/%.400s", name);
    snprintf(path, sizeof path, "%s/expected.json", c->folder);
    check(lc_json_open(&c->json, path, 1 << 20, &err), &err);
    check(lc_json_real(&c->json, NULL, "threshold", 1, 0.0, 1e9, &c->threshold, &err), &err);
    snprintf(path, sizeof path, "%s/expected.safetensors", c->folder);
    check(lc_safetensors_open(&c->set, path, &err), &err);
    check(lc_model_shape_read(&c->shape, c->folder, &err), &err);
    assert_true(c->shape.layers <= MAX_SITES);
    check(LC_ALLOC(&c->weights, lc_model_floats(&c->shape, c->shape.layers), "model", &err), &err);
    check(lc_model_bind(&c->model, &c->shape, c->shape.layers, c->weights, &err), &err);
    check(lc_model_load(&c->shape, c->shape.layers, c->folder, c->weights, &err), &err);
    check(lc_alloc((void **)&c->split, lc_model_split_floats(&c->shape, c->shape.layers, precision, 1) + 1, sizeof *c->split,
                   "split weights", &err),
          &err);
    lc_model_split_bind(&c->model, precision, 1, c->split);
    lc_model_split(&c->model, 0, 1);
}

static void close_case(struct reference *c)
{
    for (int i = 0; i < MAX_SITES; i++)
        free(c->sae_weights[i]);
    lc_model_release(&c->model);
    free(c->weights);
    free(c->split);
    lc_tensors_close(&c->set);
    lc_json_close(&c->json);
}

static int64_t compare_case(const char *name)
{
    struct reference c;
    json_t *rule, *length;
    size_t i, k;

    open_case(&c, name);
    json_array_foreach(json_object_get(c.json.root, "rules"), i, rule)
    {
        load_saes(&c, json_string_value(rule));
        json_array_foreach(json_object_get(c.json.root, "lengths"), k, length)
            compare_window(&c, json_string_value(rule), json_integer_value(length));
    }
    assert_true(20 * c.differ <= c.compared);
    close_case(&c);
    return c.compared;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_case(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void every_case_matches_float64(void **state)
{
    struct dirent **list;
    int64_t samples = 0;
    int n = scandir(CASES, &list, is_case, by_name);

    (void)state;
    assert_true(n >= 7);
    print_message("our largest error (PyTorch's own in float32):\n");
    for (int i = 0; i < n; i++) {
        samples += compare_case(list[i]->d_name);
        free(list[i]);
    }
    free(list);
    print_message("%d cases, %lld samples\n", n, (long long)samples);
    assert_true(samples > 500);
}

static double largest(double (*table)[WHATS], enum what what)
{
    double most = 0.0;

    for (int r = 0; r < row; r++)
        most = fmax(most, table[r][what]);
    return most;
}

/* Geometric mean over the rows of what is lost, over what float32 loses. */
static double typical(int p, enum what what)
{
    double sum = 0.0;
    int n = 0;

    for (int r = 0; r < row; r++) {
        double one = lost[LC_PRECISION_FLOAT32][r][what], other = lost[p][r][what];
        if (one > 0.0 && other > 0.0) {
            sum += log(other / one);
            n++;
        }
    }
    return exp(sum / fmax(n, 1));
}

/* The default, bf16x6, is as good as float32, and the next that is faster is not. */
static void compare_precisions(void **state)
{
    (void)state;
    print_message("largest error (and times that of float32, geometric mean)\n%-17s y                J                H (entropy)\n", "");
    for (int p = 0; p < PRECISIONS; p++)
        print_message("%-17s %.1e (%.2g)  %.1e (%.2g)  %.1e (%.2g)\n", precision_name[p], largest(lost[p], Y), typical(p, Y),
                      largest(lost[p], J), typical(p, J), largest(lost[p], ENTROPY), typical(p, ENTROPY));
    print_message("%-17s %.1e  %.1e  %.1e\n", "PyTorch float32", largest(torch_lost, Y), largest(torch_lost, J), largest(torch_lost, ENTROPY));
    for (enum what w = Y; w <= ENTROPY; w++) {
        double most = 2.0 * fmax(largest(lost[LC_PRECISION_FLOAT32], w), largest(torch_lost, w));
        assert_true(largest(lost[LC_PRECISION_BF16X6], w) <= most && typical(LC_PRECISION_BF16X6, w) <= 1.2);
        assert_true(largest(lost[LC_PRECISION_BF16X3], w) > most && typical(LC_PRECISION_BF16X3, w) > 2.0);
    }
}

static int run(void)
{
    const struct CMUnitTest cases[] = {cmocka_unit_test(every_case_matches_float64)};
    const struct CMUnitTest precisions[] = {cmocka_unit_test(compare_precisions)};
    int failed = 0, split = lc_factor_bytes(LC_PRECISION_BF16X6, 32, 32) > 0;

    for (int p = 0; p < (split ? PRECISIONS : 1); p++) {
        precision = (enum lc_precision)p;
        row = 0;
        failed += cmocka_run_group_tests_name(precision_name[p], cases, NULL, NULL);
    }
    return failed + (split ? cmocka_run_group_tests(precisions, NULL, NULL) : 0);
}

int main(void)
{
    return run_with_every_kernel(run);
}

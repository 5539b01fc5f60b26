/* Products with weights at every precision and with every kernel that this machine has, against float64. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "lightcone/memory.h"
#include "lightcone/factor.h"
#include "lightcone/random.h"

enum { BEHIND = 64 };

/* A product and what it is made of. */
struct bench {
    int64_t m, k, n, lda;
    float *a, *c;
    struct lc_factor factor; /* [k, n] for nn, [n, k] for nt */
    float *w;
    void *scratch;
};

static float uniform(uint64_t stream, int64_t i)
{
    return (float)((double)(lc_random_bits(5, stream, (uint64_t)i) >> 11) * 0x1p-52 - 1.0);
}

/* Row r of A is of size 10^-(r % 36): gradients that vanish. Behind its rows, behind the weights and in what these are split
 * into stands what is no number. */
static void bench_init(struct bench *b, int64_t m, int64_t k, int64_t n, int turned, enum lc_precision precision)
{
    struct lc_err err = LC_ERR_INIT;
    int64_t rows = turned ? n : k, columns = turned ? k : n, bytes = lc_factor_bytes(precision, rows, columns);
    void *split = NULL;

    *b = (struct bench){.m = m, .k = k, .n = n};
    b->lda = k + 3;
    check(LC_ALLOC(&b->a, m * b->lda, "left", &err), &err);
    check(LC_ALLOC(&b->w, k * n + BEHIND, "right", &err), &err);
    check(LC_ALLOC(&b->c, m * n, "sum", &err), &err);
    check(lc_alloc(&b->scratch, lc_factor_scratch_bytes(precision) + 1, 1, "scratch", &err), &err);
    for (int64_t i = 0; i < m * b->lda; i++)
        b->a[i] = i % b->lda < k ? uniform(1, i) * (float)pow(10.0, -(double)(i / b->lda % 36)) : NAN;
    for (int64_t i = 0; i < k * n + BEHIND; i++)
        b->w[i] = i < k * n ? uniform(2, i) : NAN;
    for (int64_t i = 0; i < m * n; i++)
        b->c[i] = 1e-3f * uniform(3, i);
    if (bytes > 0)
        check(lc_alloc(&split, bytes, 1, "split", &err), &err);
    if (split)
        memset(split, 0xff, (size_t)bytes);
    b->factor = (struct lc_factor){.w = b->w, .rows = rows, .columns = columns};
    *(turned ? &b->factor.nt : &b->factor.nn) = split;
    lc_factor_split(&b->factor, precision);
}

static void bench_release(struct bench *b)
{
    free(b->a);
    free(b->w);
    free(b->c);
    free(b->factor.nt);
    free(b->factor.nn);
    free(b->scratch);
}

static void multiply(const struct bench *b, int64_t first, int64_t m, int turned, float beta, float *c)
{
    (turned ? lc_factor_nt : lc_factor_nn)(m, b->a + first * b->lda, b->lda, NULL, &b->factor, beta, c, b->n, b->scratch);
}

static double exact(const struct bench *b, int turned, int64_t r, int64_t j, double *size)
{
    double sum = 0.0, a2 = 0.0, w2 = 0.0;

    for (int64_t k = 0; k < b->k; k++) {
        double a = (double)b->a[r * b->lda + k], w = (double)b->w[turned ? j * b->k + k : k * b->n + j];
        sum += a * w;
        a2 += a * a;
        w2 += w * w;
    }
    *size = sqrt(a2 * w2);
    return sum;
}

/* The largest error relative to |a||b|. */
static double worst_error(const struct bench *b, int turned, const float *c)
{
    double worst = 0.0;

    for (int64_t r = 0; r < b->m; r++)
        for (int64_t j = 0; j < b->n; j++) {
            double size, z = exact(b, turned, r, j, &size);
            if (size > 0.0)
                worst = isnan(c[r * b->n + j]) ? INFINITY : fmax(worst, fabs((double)c[r * b->n + j] - z) / size);
        }
    return worst;
}

static const double bounds[] = {[LC_PRECISION_FLOAT32] = 3e-7, [LC_PRECISION_BF16X6] = 3e-7, [LC_PRECISION_BF16X3] = 3e-6, [LC_PRECISION_BF16] = 6e-3};
/* Two parts keep 16 bits of a number: sums of few products have no other errors to average with. */
static const double few = 0x1p-15;
static const char *const names[] = {"float32", "bf16x6", "bf16x3", "bf16"};

static void errors_are_bounded(void **state)
{
    static const int64_t shape[][3] = {{1, 1, 1}, {3, 5, 7}, {33, 31, 32}, {64, 64, 33}, {40, 100, 65}, {70, 512, 96}, {300, 1100, 40}};

    (void)state;
    for (int p = LC_PRECISION_FLOAT32; p <= LC_PRECISION_BF16; p++) {
        double worst = 0.0;
        for (size_t i = 0; i < 2 * sizeof shape / sizeof shape[0]; i++) {
            const int64_t *s = shape[i / 2];
            int turned = i % 2 == 1;
            struct bench b;
            double error;
            bench_init(&b, s[0], s[1], s[2], turned, (enum lc_precision)p);
            multiply(&b, 0, b.m, turned, 0.0f, b.c);
            error = worst_error(&b, turned, b.c);
            worst = fmax(worst, error);
            if (error > (s[1] < 64 && p == LC_PRECISION_BF16X3 ? few : bounds[p]))
                fail_msg("%s, %lld x %lld x %lld: error %g", names[p], (long long)s[0], (long long)s[1], (long long)s[2], error);
            bench_release(&b);
        }
        print_message("%s: largest error %.2g of |a||b|\n", names[p], worst);
    }
}

/* Three parts lose no more than float32 where sums are long: root of the mean square of errors, over that of sums of float32 that
 * go up one by one. */
static void long_sums_of_three_parts(void **state)
{
    struct bench b;
    double split = 0.0, chain = 0.0;

    (void)state;
    if (lc_factor_bytes(LC_PRECISION_BF16X6, 40, 2048) == 0)
        skip(); /* the kernels in use have no split products */
    bench_init(&b, 33, 2048, 40, 1, LC_PRECISION_BF16X6);
    multiply(&b, 0, b.m, 1, 0.0f, b.c);
    for (int64_t r = 0; r < b.m; r++)
        for (int64_t j = 0; j < b.n; j++) {
            double size, z = exact(&b, 1, r, j, &size);
            float one = 0.0f;
            for (int64_t k = 0; k < b.k; k++)
                one = fmaf(b.a[r * b.lda + k], b.w[j * b.k + k], one);
            split += ((double)b.c[r * b.n + j] - z) * ((double)b.c[r * b.n + j] - z);
            chain += ((double)one - z) * ((double)one - z);
        }
    bench_release(&b);
    assert_true(split < 0.03 * chain);
}

struct copy {
    struct bench *b;
    const float *from;
    int64_t next;
};

static void make_copy(void *arg, int64_t first, int64_t count)
{
    struct copy *c = arg;

    assert_true(first == c->next && count > 0);
    c->next = first + count;
    memcpy(c->b->a + first * c->b->lda, c->from + first * c->b->lda, (size_t)(count * c->b->lda) * sizeof *c->from);
}

/* Rows that are made on the way: each once, in order, before it is read. */
static void rows_are_made_in_time(void **state)
{
    (void)state;
    for (int p = LC_PRECISION_FLOAT32; p <= LC_PRECISION_BF16; p++)
        for (int turned = 0; turned < 2; turned++) {
            struct bench b;
            struct copy copy = {.b = &b};
            const struct lc_making making = {make_copy, &copy};
            float *from, *there;
            bench_init(&b, 300, 600, 70, turned, (enum lc_precision)p);
            there = test_malloc((size_t)(b.m * b.n) * sizeof *there);
            from = test_malloc((size_t)(b.m * b.lda) * sizeof *from);
            copy.from = memcpy(from, b.a, (size_t)(b.m * b.lda) * sizeof *from);
            multiply(&b, 0, b.m, turned, 0.0f, there);
            memset(b.a, 0xff, (size_t)(b.m * b.lda) * sizeof *b.a);
            (turned ? lc_factor_nt : lc_factor_nn)(b.m, b.a, b.lda, &making, &b.factor, 0.0f, b.c, b.n, b.scratch);
            assert_true(copy.next == b.m);
            assert_memory_equal(there, b.c, (size_t)(b.m * b.n) * sizeof *there);
            test_free(there);
            test_free(from);
            bench_release(&b);
        }
}

/* beta C is added, and a row is the same bits alone as among others (in OpenBLAS it is not at fewer than 4 rows). */
static void rows_stand_alone(void **state)
{
    (void)state;
    for (int p = LC_PRECISION_FLOAT32; p <= LC_PRECISION_BF16; p++)
        for (int turned = 0; turned < 2; turned++) {
            float plain[300 * 70], one[5 * 70];
            struct bench b;
            bench_init(&b, 300, 600, 70, turned, (enum lc_precision)p);
            multiply(&b, 0, 300, turned, 0.0f, plain);
            for (int64_t r = 0; (b.factor.nt || b.factor.nn) && r + 5 <= 300; r += 59) {
                multiply(&b, r, 5, turned, 0.0f, one);
                assert_memory_equal(one, plain + r * 70, sizeof one);
            }
            for (int64_t i = 0; i < 300 * 70; i++)
                plain[i] += b.c[i];
            multiply(&b, 0, 300, turned, 1.0f, b.c);
            for (int64_t i = 0; i < 300 * 70; i++)
                assert_true(fabsf(b.c[i] - plain[i]) <= 1e-6f * fabsf(plain[i]) + 1e-9f * (float)600);
            bench_release(&b);
        }
}

/* The rows of the right factor from `first` on: as the whole one with a left factor that is zero before. */
static void factors_begin_at_a_row(void **state)
{
    static const int64_t first[] = {32, 64, 480};

    (void)state;
    for (int p = LC_PRECISION_FLOAT32; p <= LC_PRECISION_BF16; p++)
        for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
            enum { M = 9, K = 700, N = 70 };
            float part[M * N];
            struct bench b;
            double error;
            bench_init(&b, M, K, N, 0, (enum lc_precision)p);
            for (int64_t r = 0; r < M; r++)
                memset(b.a + r * b.lda, 0, (size_t)first[i] * sizeof *b.a);
            lc_factor_nn_from(first[i], M, b.a + first[i], b.lda, NULL, &b.factor, 0.0f, part, N, b.scratch);
            error = worst_error(&b, 0, part);
            if (error > bounds[p])
                fail_msg("%s, from row %lld: error %g", names[p], (long long)first[i], error);
            bench_release(&b);
        }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_bounded),
        cmocka_unit_test(long_sums_of_three_parts),
        cmocka_unit_test(rows_are_made_in_time),
        cmocka_unit_test(rows_stand_alone),
        cmocka_unit_test(factors_begin_at_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_with_every_kernel(run);
}

/* Kernels against libm in double precision and against plain loops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/linalg/gemm.h"
#include "lightcone/linalg.h"
#include "lightcone/random.h"

static float uniform(uint64_t stream, uint64_t i)
{
    return (float)((double)(lc_random_bits(3, stream, i) >> 11) * 0x1p-53 * 2.0 - 1.0);
}

static void gelu_and_slope_match_libm(void **state)
{
    float z[1600], slope[1600], plain[1600];
    double worst = 0.0, worst_slope = 0.0;

    (void)state;
    for (int i = 0; i < 1600; i++)
        z[i] = plain[i] = (float)(-8.0 + 0.01 * i);
    lc_gelu(z, slope, 1600);
    lc_gelu(plain, NULL, 1600);
    for (int i = 0; i < 1600; i++) {
        double x = (double)(float)(-8.0 + 0.01 * i), cdf = 0.5 * erfc(-x / sqrt(2.0));
        double pdf = exp(-0.5 * x * x) / sqrt(2.0 * acos(-1.0));
        worst = fmax(worst, fabs((double)z[i] - x * cdf) / fmax(1.0, fabs(x)));
        worst_slope = fmax(worst_slope, fabs((double)slope[i] - (cdf + x * pdf)));
        assert_true(fabsf(z[i] - plain[i]) <= 1e-6f);
    }
    print_message("GELU: worst %.2e, slope %.2e\n", worst, worst_slope);
    assert_true(worst < 1.5e-7 && worst_slope < 4e-7);
    z[0] = 1.0f; /* GELU(1) = Phi(1) */
    lc_gelu(z, NULL, 1);
    assert_true(fabs((double)z[0] - 0.8413447460685429) < 1.2e-7);
}

static void softmax_matches_libm(void **state)
{
    float p[37];
    double q[37], sum = 0.0;

    (void)state;
    for (int i = 0; i < 37; i++) {
        p[i] = 40.0f * uniform(1, (uint64_t)i);
        q[i] = exp(0.5 * (double)p[i]);
        sum += q[i];
    }
    lc_softmax(p, 0.5, 37);
    for (int i = 0; i < 37; i++)
        assert_true(fabs((double)p[i] - q[i] / sum) < 1e-6);
}

/* Scores of sharp attention: what the smaller weights are of the largest one. */
static void softmax_of_large_scores(void **state)
{
    const double scale = 1.0 / sqrt(8.0);
    float p[50], score[50];

    (void)state;
    for (int i = 0; i < 50; i++)
        p[i] = score[i] = i ? 1000.0f - 4.7f * (float)i + uniform(2, (uint64_t)i) : 1000.0f;
    lc_softmax(p, scale, 50);
    for (int i = 1; i < 50; i++) {
        double want = exp(scale * ((double)score[i] - (double)score[0]));
        assert_true(fabs((double)p[i] / (double)p[0] - want) <= 4e-7 * want);
    }
}

static void norm_backward_is_the_transpose(void **state)
{
    enum { N = 24 };
    float x[N], w[N], b[N], unit[N], out[N], v[N], back[N], moved[N], other[N];
    double worst = 0.0;
    float rstd;

    (void)state;
    for (int i = 0; i < N; i++) {
        x[i] = uniform(1, (uint64_t)i);
        v[i] = uniform(2, (uint64_t)i);
        w[i] = 1.0f;
        b[i] = back[i] = 0.0f;
    }
    rstd = lc_norm_row(x, w, b, 1e-5, N, unit, out);
    lc_norm_row_backward(v, unit, rstd, N, back);
    for (int j = 0; j < N; j++) { /* directional differences of sum v.unit along each x_j */
        double plus = 0.0, minus = 0.0;
        memcpy(moved, x, sizeof x);
        moved[j] = x[j] + 1e-2f;
        lc_norm_row(moved, w, b, 1e-5, N, other, out);
        for (int i = 0; i < N; i++)
            plus += (double)v[i] * (double)other[i];
        moved[j] = x[j] - 1e-2f;
        lc_norm_row(moved, w, b, 1e-5, N, other, out);
        for (int i = 0; i < N; i++)
            minus += (double)v[i] * (double)other[i];
        worst = fmax(worst, fabs((plus - minus) / 2e-2 - (double)back[j]));
    }
    assert_true(worst < 1e-3);
}

/* A product of random factors in all its forms: A[m,k] and B[k,n], their transposes, and B's panels; then those of BLAS, which
 * a CPU with kernels of our own does not take. */
enum { MOST = 70, DEEPEST = 1100, BLAS_FORMS = 6, FORMS = 9 };

static float left[MOST * DEEPEST], left_t[DEEPEST * MOST], right[DEEPEST * MOST], right_t[MOST * DEEPEST];

static void fill(int m, int n, int k)
{
    for (int i = 0; i < k; i++) {
        for (int r = 0; r < m; r++)
            left[r * k + i] = left_t[i * m + r] = uniform(1, (uint64_t)(r * k + i));
        for (int c = 0; c < n; c++)
            right[i * n + c] = right_t[c * k + i] = uniform(2, (uint64_t)(i * n + c));
    }
}

static void multiply_by_blas(int form, int m, int n, int k, float beta, float *c)
{
    const struct lc_gemm_call call = {
        .m = m, .n = n, .k = k, .beta = beta, .c = c, .ldc = MOST,
        .a = form == 2 ? (struct lc_strided){left_t, 1, m} : (struct lc_strided){left, k, 1},
        .b = form == 1 ? (struct lc_strided){right_t, 1, k} : (struct lc_strided){right, n, 1},
    };

    lc_blas_gemm(&call);
}

static void multiply(int form, int m, int n, int k, float beta, float *c)
{
    static _Alignas(64) float panels[(DEEPEST + 16) * (MOST + 32)];

    if (form >= BLAS_FORMS) {
        multiply_by_blas(form - BLAS_FORMS, m, n, k, beta, c);
        return;
    }
    assert_true(lc_panels_floats(k, n) <= (int64_t)(sizeof panels / sizeof *panels));
    if (form >= 4)
        lc_panels_nt(panels, k, n, right_t, k);
    else if (form == 3)
        lc_panels_nn(panels, k, n, right, n);
    switch (form) {
    case 0: lc_gemm_nn(m, n, k, left, k, right, n, beta, c, MOST); break;
    case 1: lc_gemm_nt(m, n, k, left, k, right_t, k, beta, c, MOST); break;
    case 2: lc_gemm_tn(m, n, k, left_t, m, right, n, beta, c, MOST); break;
    case 5: lc_gemm_tp(m, n, k, left_t, m, panels, beta, c, MOST); break;
    default: lc_gemm_np(m, n, k, left, k, panels, beta, c, MOST);
    }
}

static int own_kernel(void)
{
    char class[64];

    lc_kernel_class(class);
    return strstr(class, "own") != NULL;
}

/* What stands outside C[m,n] stays; a sum of k products errs by no more than gamma |a||b|. */
static void check_product(int form, int m, int n, int k, float beta)
{
    static float c[MOST * MOST], one[MOST * MOST];

    for (int i = 0; i < MOST * MOST; i++)
        c[i] = one[i] = beta != 0.0f ? uniform(3, (uint64_t)i) : NAN;
    multiply(form, m, n, k, beta, c);
    for (int r = 0; r < MOST; r++)
        for (int j = 0; j < MOST; j++) {
            float old = one[r * MOST + j], now = c[r * MOST + j];
            double sum = beta != 0.0f ? (double)(beta * old) : 0.0, size = fabs(sum);
            if (r >= m || j >= n) {
                assert_memory_equal(&now, &old, sizeof now);
                continue;
            }
            for (int i = 0; i < k; i++) {
                double term = (double)left[r * k + i] * (double)right[i * n + j];
                sum += term;
                size += fabs(term);
            }
            if (!(fabs(sum - (double)now) <= lc_sum_gamma(k) * size))
                fail_msg("form %d, %d x %d x %d, beta %g: C[%d, %d] is %.9g, not %.9g", form, m, n, k, (double)beta, r, j,
                         (double)now, sum);
        }
    multiply(form, form % 3 == 2 ? m : 1, n, k, beta, one);
    if (form < BLAS_FORMS && own_kernel()) /* a row's bits do not depend on the rows beside it */
        assert_memory_equal(one, c, (size_t)n * sizeof *c);
}

static void products_match_loops(void **state)
{
    static const int rows[] = {1, 2, 13, 14, 15, 37}, columns[] = {1, 15, 16, 31, 32, 33, 70}, depths[] = {0, 1, 9, 16, 33, 64};

    (void)state;
    for (size_t m = 0; m < sizeof rows / sizeof *rows; m++)
        for (size_t n = 0; n < sizeof columns / sizeof *columns; n++)
            for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) {
                fill(rows[m], columns[n], depths[k]);
                for (int form = 0; form < FORMS; form++)
                    check_product(form, rows[m], columns[n], depths[k], (float)form * 0.5f - 0.5f * (float)(n % 3));
            }
}

static void deep_products_match_loops(void **state)
{
    static const int depths[] = {511, 512, 513, 1040, DEEPEST};

    (void)state;
    for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) {
        fill(17, 40, depths[k]);
        for (int form = 0; form < FORMS; form++)
            for (int beta = 0; beta < 2; beta++)
                check_product(form, 17, 40, depths[k], (float)beta);
    }
}

/* Root of the mean square of errors, ours over those of sums that go up one by one. */
static void long_sums_are_made_of_short_ones(void **state)
{
    static float product[MOST * MOST];
    double ours = 0.0, chain = 0.0;

    (void)state;
    if (!own_kernel())
        skip(); /* how a BLAS sums up is its own matter */
    fill(17, 40, DEEPEST);
    multiply(0, 17, 40, DEEPEST, 0.0f, product);
    for (int r = 0; r < 17; r++)
        for (int j = 0; j < 40; j++) {
            double sum = 0.0;
            float one = 0.0f;
            for (int i = 0; i < DEEPEST; i++) {
                sum += (double)left[r * DEEPEST + i] * (double)right[i * 40 + j];
                one = fmaf(left[r * DEEPEST + i], right[i * 40 + j], one);
            }
            ours += (sum - (double)product[r * MOST + j]) * (sum - (double)product[r * MOST + j]);
            chain += (sum - (double)one) * (sum - (double)one);
        }
    assert_true(ours < 0.25 * chain);
}

/* Blocks of columns and their edges: one row of ones picks sums that are exact in float32. */
static void wide_products_are_exact(void **state)
{
    enum { N = 1100, K = 600 };
    static float a[K], b[K * N], bt[N * K], c[2][N];

    (void)state;
    for (int i = 0; i < K; i++) {
        a[i] = (float)(i % 3);
        for (int j = 0; j < N; j++)
            b[i * N + j] = bt[j * K + i] = (float)((i * 7 + j * 13) % 11);
    }
    lc_gemm_nn(1, N, K, a, K, b, N, 0.0f, c[0], N);
    lc_gemm_nt(1, N, K, a, K, bt, K, 0.0f, c[1], N);
    for (int j = 0; j < N; j++) {
        int sum = 0;
        for (int i = 0; i < K; i++)
            sum += i % 3 * ((i * 7 + j * 13) % 11);
        assert_true(c[0][j] == (float)sum && c[1][j] == (float)sum);
    }
}

/* Each of the products that are formed at once has the bits of the single one, whatever stands beside it. */
static void dots_have_the_bits_of_one(void **state)
{
    enum { N = 1100 };
    static float a[LC_DOTS][N], b[LC_DOTS][N];
    const float *x[LC_DOTS], *y[LC_DOTS];
    float out[LC_DOTS];

    (void)state;
    for (int k = 0; k < LC_DOTS; k++)
        for (int i = 0; i < N; i++) {
            a[k][i] = uniform(31, (uint64_t)(k * N + i)) * (i % 97 == k ? 1e4f : 1.0f);
            b[k][i] = uniform(32, (uint64_t)(k * N + i));
        }
    for (int n = 0; n <= N; n += n < 70 ? 1 : 103) {
        for (int k = 0; k < LC_DOTS; k++) {
            x[k] = a[(k + n) % LC_DOTS] + (n < N ? k % 2 : 0);
            y[k] = b[k];
        }
        lc_dots(x, y, n, out);
        for (int k = 0; k < LC_DOTS; k++) {
            float one = lc_dot(x[k], y[k], n);
            assert_memory_equal(&one, &out[k], sizeof one);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_and_slope_match_libm),
        cmocka_unit_test(softmax_matches_libm),
        cmocka_unit_test(softmax_of_large_scores),
        cmocka_unit_test(norm_backward_is_the_transpose),
        cmocka_unit_test(products_match_loops),
        cmocka_unit_test(deep_products_match_loops),
        cmocka_unit_test(long_sums_are_made_of_short_ones),
        cmocka_unit_test(wide_products_are_exact),
        cmocka_unit_test(dots_have_the_bits_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Kernels against libm in double precision and against plain loops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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
    lc_softmax(p, 0.5f, 37);
    for (int i = 0; i < 37; i++)
        assert_true(fabs((double)p[i] - q[i] / sum) < 1e-6);
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

static void products_match_loops(void **state)
{
    enum { M = 5, N = 7, K = 9 };
    float a[M * K], at[K * M], b[K * N], bt[N * K], c[3][M * N];

    (void)state;
    for (int m = 0; m < M; m++)
        for (int k = 0; k < K; k++)
            a[m * K + k] = at[k * M + m] = uniform(1, (uint64_t)(m * K + k));
    for (int k = 0; k < K; k++)
        for (int n = 0; n < N; n++)
            b[k * N + n] = bt[n * K + k] = uniform(2, (uint64_t)(k * N + n));
    lc_gemm_nn(M, N, K, a, K, b, N, 0.0f, c[0], N);
    lc_gemm_nt(M, N, K, a, K, bt, K, 0.0f, c[1], N);
    lc_gemm_tn(M, N, K, at, M, b, N, 0.0f, c[2], N);
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++)
            for (int form = 0; form < 3; form++) {
                double sum = 0.0;
                for (int k = 0; k < K; k++)
                    sum += (double)a[m * K + k] * (double)b[k * N + n];
                assert_true(fabs(sum - (double)c[form][m * N + n]) < 1e-5);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_and_slope_match_libm),
        cmocka_unit_test(softmax_matches_libm),
        cmocka_unit_test(norm_backward_is_the_transpose),
        cmocka_unit_test(products_match_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* R of the reconstruction against its definition in float64: few features and many, and decoder rows that nearly cancel. */
#include <math.h>

#include "check.h"
#include "lightcone/random.h"
#include "lightcone/reconstruction.h"

enum { D = 24, F = 80, N = 5 };

static float decoder[F * D], gradient[F * N * D];

static float uniform(uint64_t stream, int i)
{
    return (float)((double)(lc_random_bits(7, stream, (uint64_t)i) >> 11) * 0x1p-52 - 1.0);
}

static double defined(const int64_t *feature, int count, int t)
{
    double sum = 0.0;

    for (int row = 0; row < D; row++)
        for (int column = 0; column < D; column++) {
            double x = 0.0;
            for (int k = 0; k < count; k++)
                x += (double)decoder[feature[k] * D + row] * (double)gradient[(k * N + t) * D + column];
            sum += x * x;
        }
    return sum;
}

/* Largest error of R, of R itself. */
static double worst(int count)
{
    const struct lc_sae sae = {.shape = {.features = F, .width = D}, .decoder = decoder};
    struct lc_err err = LC_ERR_INIT;
    int64_t feature[F];
    double r[N], most = 0.0;

    for (int k = 0; k < count; k++)
        feature[k] = (7 * k + 3) % F;
    check(lc_reconstruction_influence(r, &sae, feature, count, gradient, N, &err), &err);
    for (int t = 0; t < N; t++)
        most = fmax(most, fabs(r[t] - defined(feature, count, t)) / fmax(defined(feature, count, t), 1e-300));
    return most;
}

static void any_number_of_features(void **state)
{
    (void)state;
    for (int i = 0; i < F * D; i++)
        decoder[i] = uniform(1, i);
    for (int i = 0; i < F * N * D; i++)
        gradient[i] = uniform(2, i);
    for (int count = 0; count <= F; count++)
        assert_true(worst(count) < 2e-6);
}

/* Pairs of one gradient whose rows are opposite but for a thousandth: what is left is a millionth of what each gives. */
static void opposite_rows_cancel(void **state)
{
    (void)state;
    for (int k = 0; k < F; k += 2)
        for (int i = 0; i < D; i++) {
            decoder[(7 * k + 3) % F * D + i] = uniform(3, k * D + i);
            decoder[(7 * k + 10) % F * D + i] = -uniform(3, k * D + i) * (1.0f + 1e-3f * uniform(4, k * D + i));
        }
    for (int k = 0; k < F; k += 2)
        for (int i = 0; i < N * D; i++)
            gradient[k * N * D + i] = gradient[(k + 1) * N * D + i] = uniform(5, k * N * D + i);
    assert_true(worst(F) < 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_features),
        cmocka_unit_test(opposite_rows_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

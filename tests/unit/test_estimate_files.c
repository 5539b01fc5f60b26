/* residual_estimate beside the exact residual, of results of the program: tests/jobs/test_estimate.sh makes them, with 32
 * random probes beside the exact one and with 128 alone; LC_ESTIMATE is their folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "result_fixture.h"

#define VECTOR "sites/SITE/influence/token_vector/"

enum { SITES = 6 };

static const char *folder;

/* How estimates lie about what is exact. */
struct deviation {
    double worst, within, n;       /* greatest |z|, z in standard errors; |z| below 1, all */
    double estimate, exact, error; /* sums over all positions */
    double variance;               /* of the first less the second, from readouts and sites */
};

static void add(struct deviation *d, double estimate, double exact, double error)
{
    double z = fabs(estimate - exact) / error;

    assert_true(error > 0.0 && isfinite(z));
    d->worst = fmax(d->worst, z);
    d->within += z <= 1.0;
    d->n++;
    d->estimate += estimate;
    d->exact += exact;
    d->error += error;
}

/* Positions at which something is to be estimated: all up to the readout, which is the window's last. */
static void add_profiles(struct deviation *d, const struct lc_result *r, const struct lc_result *from, int layer)
{
    struct lc_array estimate = array_of_layer(r, VECTOR "residual_estimate/profile", layer);
    struct lc_array error = array_of_layer(r, VECTOR "residual_estimate/profile_se", layer);
    struct lc_array exact = array_of_layer(from, VECTOR "residual/profile", layer);

    assert_true(estimate.dim[0] == 8 && estimate.dim[1] == 64);
    assert_true(estimate.count == exact.count && error.count == exact.count);
    for (int64_t i = 0; i < exact.count; i++)
        add(d, number_at(&estimate, i), number_at(&exact, i), number_at(&error, i));
    for (int64_t i = 0; i < exact.dim[0]; i++) { /* positions of a readout share their probes */
        double off = 0.0;
        for (int64_t t = 0; t < exact.dim[1]; t++)
            off += number_at(&estimate, i * exact.dim[1] + t) - number_at(&exact, i * exact.dim[1] + t);
        d->variance += off * off;
    }
    lc_array_release(&estimate);
    lc_array_release(&error);
    lc_array_release(&exact);
}

static void add_entropies(struct deviation *d, const struct lc_result *r, const struct lc_result *from, int layer)
{
    struct lc_array a = array_of_layer(r, VECTOR "residual_estimate/entropy", layer);
    struct lc_array e = array_of_layer(r, VECTOR "residual_estimate/entropy_se", layer);
    struct lc_array b = array_of_layer(from, VECTOR "residual/entropy", layer);

    assert_true(a.count == 8 && b.count == 8 && e.count == 8);
    for (int64_t i = 0; i < a.count; i++)
        add(d, number_at(&a, i), number_at(&b, i), number_at(&e, i));
    lc_array_release(&a);
    lc_array_release(&b);
    lc_array_release(&e);
}

static struct deviation profiles_of(const char *name)
{
    struct lc_result *r = result_in(folder, name), *from = result_in(folder, "k32");
    struct deviation d = {0};
    double off;

    for (int layer = 0; layer < SITES; layer++)
        add_profiles(&d, r, from, layer);
    lc_result_close(r);
    lc_result_close(from);
    off = (d.estimate - d.exact) / sqrt(d.variance);
    print_message("%s: %.0f positions, %.3f within one standard error, the worst off by %.2f; sum off by %+.2f of its own, "
                  "ratio %.4f; mean error / mean %.4f\n",
                  name, d.n, d.within / d.n, d.worst, off, d.estimate / d.exact, d.error / d.exact);
    assert_true(fabs(off) < 3.0);
    assert_true(fabs(d.estimate / d.exact - 1.0) < 0.05);
    return d;
}

static void errors_tell_how_far_off(void **state)
{
    struct deviation d = profiles_of("k32");

    (void)state;
    assert_true(d.within > 0.6 * d.n && d.within < 0.75 * d.n);
    assert_true(d.worst < 6.0);
}

static void four_times_the_probes_halve_them(void **state)
{
    struct deviation few = profiles_of("k32"), many = profiles_of("k128");

    (void)state;
    assert_true(fabs(many.error / few.error - 0.5) < 0.025);
    assert_true(sqrt(many.variance / few.variance) < 0.75);
}

/* Against the exact entropy: its error and a bias of the order of 1 / K. */
static void entropies_have_theirs(void **state)
{
    struct deviation d[2] = {0};

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct lc_result *r = result_in(folder, k ? "k128" : "k32"), *from = result_in(folder, "k32");
        for (int layer = 0; layer < SITES; layer++)
            add_entropies(&d[k], r, from, layer);
        lc_result_close(r);
        lc_result_close(from);
        print_message("entropies: %.3f of %.0f within one standard error, the worst off by %.2f; mean off by %+.4f bit, mean "
                      "error %.4f bit\n",
                      d[k].within / d[k].n, d[k].n, d[k].worst, (d[k].estimate - d[k].exact) / d[k].n, d[k].error / d[k].n);
        assert_true(d[k].within > 0.5 * d[k].n && d[k].within < 0.85 * d[k].n && d[k].worst < 5.0);
    }
    assert_true(fabs(d[1].error / d[0].error - 0.5) < 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_tell_how_far_off),
        cmocka_unit_test(four_times_the_probes_halve_them),
        cmocka_unit_test(entropies_have_theirs),
    };

    folder = results_folder("LC_ESTIMATE", "test_estimate.sh");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The arithmetic behind `plan`: distinct things among repeated ones, sizes of buffers, working ranks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lightcone/activity.h"
#include "lightcone/cost.h"
#include "lightcone/handout.h"
#include "lightcone/job.h"
#include "lightcone/linalg.h"

static struct lc_site_assumed plain_site(void)
{
    return (struct lc_site_assumed){
        .active = 30.0, .selected = 30.0, .positive = 42.0, .cells = 1024.0, .pairs_scale = LC_PAIRS_SCALE};
}

static void distinct_grows_and_is_bounded(void **state)
{
    struct lc_site_assumed site = plain_site();
    const struct lc_assumed a = {.site = &site};
    double before = 0.0;

    (void)state;
    for (double rows = 1.0; rows < 1e9; rows *= 4.0) {
        double seen = lc_assumed_features(&a, 0, rows), pairs = lc_assumed_pairs(&a, 0, rows, 1024, 4096);
        assert_true(seen >= before && seen <= 1024.0 && seen <= 30.0 * rows);
        assert_true(pairs >= seen && pairs <= 1024.0 * 4096.0 && pairs <= 30.0 * rows);
        before = seen;
    }
    assert_true(lc_assumed_features(&a, 0, 1e9) == 1024.0);
    assert_true(lc_assumed_features(&a, 0, 0.0) == 0.0);
}

/* Counts of Pythia-70m at resid_out_layer3, threshold 1.0, as published: a million tokens, 3,890,980 activations of 4,867
 * features, 504,003 distinct pairs. */
static void distinct_meets_published_counts(void **state)
{
    struct lc_site_assumed site = {.active = 3.89098, .selected = 3.89098, .cells = 32768.0, .pairs_scale = LC_PAIRS_SCALE};
    const struct lc_assumed a = {.site = &site};

    (void)state;
    assert_true(fabs(lc_assumed_pairs(&a, 0, 1e6, 32768, 50254) / 504003.0 - 1.0) < 0.1);
    assert_true(fabs(lc_assumed_features(&a, 0, 1e6) / 4867.0 - 1.0) < 0.15);
}

static void pairs_scale_is_the_inverse(void **state)
{
    struct lc_site_assumed site = plain_site();
    const struct lc_assumed a = {.site = &site};

    (void)state;
    site.pairs_scale = lc_pairs_scale(30.0 * 5000.0, 61234.0);
    assert_true(fabs(lc_assumed_pairs(&a, 0, 5000.0, 1024, 4096) - 61234.0) < 1e-6 * 61234.0);
    /* nothing to learn from: none, or every pair once */
    assert_true(lc_pairs_scale(0.0, 0.0) == LC_PAIRS_SCALE);
    assert_true(lc_pairs_scale(10.0, 10.0) == LC_PAIRS_SCALE);
}

/* Three features: one at every token, one at every tenth, one that the rule does not take. */
static void measured_frequencies_tell_who_is_seen(void **state)
{
    double frequency[] = {1.0, 0.1, 0.0};
    struct lc_site_assumed site = {.active = 1.6, .selected = 1.1, .cells = 3.0, .frequency = frequency};
    const struct lc_assumed a = {.site = &site};

    (void)state;
    assert_true(fabs(lc_assumed_features(&a, 0, 5.0) - (2.0 - exp(-5.0) - exp(-0.5))) < 1e-12);
    assert_true(fabs(lc_assumed_features(&a, 0, 1e4) - 2.0) < 1e-12);
}

static void datasets_add_their_bytes(void **state)
{
    struct lc_cost c = {0};

    (void)state;
    lc_cost_dataset(&c, 1000.0, 8.0);
    lc_cost_dataset(&c, 0.0, 8.0);
    assert_true(c.result_bytes >= 8000.0 && c.result_bytes < 10000.0);
}

static void rank_0_only_hands_out_where_ranks_are_many(void **state)
{
    (void)state;
    assert_int_equal(lc_handout_workers(1), 1);
    assert_int_equal(lc_handout_workers(8), 8);
    assert_int_equal(lc_handout_workers(9), 8);
    assert_int_equal(lc_handout_workers(4096), 4095);
}

static void buffers_of_active_features(void **state)
{
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_int_equal(lc_isa_choose(0, &err), LC_OK);
    /* indptr, shifted rows, panels of 512 values with the plain kernels, norms */
    assert_int_equal(lc_active_bytes(16, 128), 17 * 8 + 16 * 128 * 4 + 16 * 512 * 4 + 16 * 4);
    assert_int_equal(lc_isa_choose(-1, &err), LC_OK);
}

static void products_and_screening_have_a_rate(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    double rate = 0.0;

    (void)state;
    assert_int_equal(lc_gemm_rate(&rate, LC_PRECISION_FLOAT32, 0.02, &err), LC_OK);
    assert_true(rate > 0.1 && rate < 1e5);
    assert_int_equal(lc_screen_rate(&rate, 0.02, &err), LC_OK);
    assert_true(rate > 0.1 && rate < 1e5);
}

static void every_job_can_be_planned(void **state)
{
    (void)state;
    for (const struct lc_job *const *job = lc_jobs; *job; job++)
        assert_true((*job)->buffers != NULL && (*job)->cost != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_grows_and_is_bounded),
        cmocka_unit_test(distinct_meets_published_counts),
        cmocka_unit_test(pairs_scale_is_the_inverse),
        cmocka_unit_test(measured_frequencies_tell_who_is_seen),
        cmocka_unit_test(datasets_add_their_bytes),
        cmocka_unit_test(rank_0_only_hands_out_where_ranks_are_many),
        cmocka_unit_test(buffers_of_active_features),
        cmocka_unit_test(products_and_screening_have_a_rate),
        cmocka_unit_test(every_job_can_be_planned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

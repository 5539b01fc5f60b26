/* The sweep over context lengths: where a curve saturates, what several logs of samples say together, and which jobs
 * take a list of lengths. Expected values by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lightcone/job.h"
#include "lightcone/sweep.h"

static void near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-12 * fmax(1.0, fabs(b))))
        fail_msg("%.17g is not %.17g", a, b);
}

static void where_a_curve_saturates(void **state)
{
    enum { MOST = 5 };
    static const struct {
        int64_t points;
        int64_t t[MOST];
        double h[MOST], expected;
    } row[] = {
        {3, {10, 20, 30}, {1.0, 1.8, 2.0}, 25.0},            /* 1.9 half way between 1.8 and 2.0 */
        {2, {8, 16}, {0.0, 4.0}, 15.6},                      /* 3.8 of 4 */
        {3, {10, 20, 30}, {1.0, 1.9, 2.0}, 20.0},            /* exactly at a point */
        {3, {10, 20, 30}, {1.95, 1.0, 2.0}, 10.0},           /* the first time counts, from the start */
        {4, {10, 20, 30, 40}, {1.0, 2.9, 1.0, 2.0}, 20.0 - 10.0 * (2.9 - 1.9) / 1.9}, /* above the end on the way */
        {3, {10, 20, 30}, {3.0, 2.5, 2.0}, 10.0},            /* a falling one */
        {3, {10, 20, 30}, {0.0, (double)NAN, 2.0}, 29.0},    /* linear over a point without samples */
        {3, {10, 20, 30}, {(double)NAN, 1.0, 2.0}, 29.0},    /* begins at the first that has some */
        {3, {10, 20, 30}, {(double)NAN, 1.99, 2.0}, 20.0},
        {3, {10, 20, 30}, {1.0, 2.0, (double)NAN}, (double)NAN}, /* no value to compare with */
        {3, {10, 20, 30}, {1.0, 2.0, 0.0}, (double)NAN},
        {3, {10, 20, 30}, {1.0, 2.0, (double)INFINITY}, (double)NAN},
        {3, {10, 20, 30}, {(double)NAN, (double)NAN, 2.0}, (double)NAN}, /* one length says nothing */
        {1, {10}, {2.0}, (double)NAN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        double found = lc_saturation_length(row[i].t, row[i].h, row[i].points, 0.95);
        if (isnan(row[i].expected) ? !isnan(found) : !(fabs(found - row[i].expected) < 1e-12))
            fail_msg("row %zu: %.17g, expected %.17g", i, found, row[i].expected);
    }
    assert_true(isnan(lc_saturation_length(NULL, NULL, 0, 0.95)));
    near(lc_saturation_length((int64_t[]){0, 100}, (double[]){0.0, 1.0}, 2, 0.5), 50.0);
}

static void add(struct lc_samples *log, int64_t window, int64_t feature, double h)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_sample x = {
        .window = window, .position = 9, .feature = feature, .spread = {.entropy = h, .degenerate = isnan(h)}};

    assert_int_equal(lc_samples_add(log, &x, NULL, 0, &err), LC_OK);
}

/* Three lengths; feature 1 at all of them, 3 not at the first, 4 only at the last, 6 not at the last. */
static void fill(struct lc_samples log[3])
{
    add(&log[0], 0, 1, 1.0);
    add(&log[0], 1, 1, 2.0);
    add(&log[0], 1, 6, 2.0);
    add(&log[1], 0, 1, 2.0);
    add(&log[1], 0, 3, 1.0);
    add(&log[1], 0, 6, 2.0);
    add(&log[2], 0, 1, 2.0);
    add(&log[2], 0, 3, 2.0);
    add(&log[2], 1, 1, 4.0);
    add(&log[2], 1, 3, (double)NAN);
    add(&log[2], 2, 1, 3.0);
    add(&log[2], 2, 4, 1.0);
}

static void release(struct lc_samples log[3])
{
    for (int k = 0; k < 3; k++)
        lc_samples_release(&log[k]);
}

static void what_samples_say_together(void **state)
{
    const int64_t t[] = {8, 16, 24};
    struct lc_samples log[3] = {{0}};
    const struct lc_samples *logs[] = {&log[0], &log[1], &log[2]};
    struct lc_err err = LC_ERR_INIT;
    struct lc_sweep s;

    (void)state;
    fill(log);
    assert_int_equal(lc_sweep_init(&s, logs, t, 3, 8, 0, &err), LC_OK);
    assert_int_equal(s.points, 3);
    assert_int_equal(s.count, 3);
    assert_memory_equal(s.feature, ((int32_t[]){1, 3, 4}), 3 * sizeof *s.feature);
    assert_memory_equal(s.samples, ((int64_t[]){2, 1, 3, 0, 1, 1, 0, 0, 1}), 9 * sizeof *s.samples);
    near(s.mean[0], 1.5);
    near(s.mean[1], 2.0);
    near(s.mean[2], 3.0);
    assert_true(isnan(s.mean[3]) && isnan(s.mean[6]) && isnan(s.mean[7]));
    near(s.mean[5], 2.0);                            /* the degenerate sample is none */
    near(s.se[0], 0.5);                              /* sd 0.5 / sqrt(1) */
    near(s.se[2], sqrt(2.0 / 3.0) / sqrt(2.0));      /* sd of 2, 4, 3 over sqrt(2) */
    assert_true(isnan(s.se[1]) && isnan(s.se[3]) && isnan(s.se[8]));
    near(s.saturation_length[0], 16.0 + 8.0 * 0.85); /* 2.85 between 2 and 3 */
    near(s.saturation_length[1], 16.0 + 8.0 * 0.9);
    assert_true(isnan(s.saturation_length[2]));
    assert_int_equal(s.saturated, 2);
    near(s.saturation_mean, 16.0 + 8.0 * 0.875);
    near(s.saturation_median, 16.0 + 8.0 * 0.875);
    assert_int_equal(s.complete, 1); /* feature 1 */
    near(s.saturation_site, 16.0 + 8.0 * 0.85);
    lc_sweep_release(&s);
    assert_int_equal(lc_sweep_init(&s, logs, t, 3, 8, 2, &err), LC_OK); /* at least two samples at the last */
    assert_int_equal(s.count, 1);
    assert_int_equal(s.feature[0], 1);
    near(s.saturation_median, 16.0 + 8.0 * 0.85);
    lc_sweep_release(&s);
    assert_int_equal(lc_sweep_init(&s, logs, t, 1, 8, 0, &err), LC_OK); /* a list of one length */
    assert_int_equal(s.count, 2);
    assert_int_equal(s.saturated, 0);
    assert_int_equal(s.complete, 2);
    assert_true(isnan(s.saturation_mean) && isnan(s.saturation_median) && isnan(s.saturation_site));
    lc_sweep_release(&s);
    release(log);
}

static void nothing_is_no_error(void **state)
{
    const int64_t t[] = {8, 16, 24};
    struct lc_samples log[3] = {{0}};
    const struct lc_samples *logs[] = {&log[0], &log[1], &log[2]};
    struct lc_err err = LC_ERR_INIT;
    struct lc_sweep s;

    (void)state;
    assert_int_equal(lc_sweep_init(&s, logs, t, 3, 8, 0, &err), LC_OK);
    assert_int_equal(s.count, 0);
    assert_int_equal(s.complete, 0);
    assert_true(isnan(s.saturation_mean) && isnan(s.saturation_median) && isnan(s.saturation_site));
    lc_sweep_release(&s);
    lc_sweep_release(&s);
}

static void a_job_of_one_length_refuses_a_list(void **state)
{
    const struct lc_job one = {.name = "single", .one_length = 1}, any = {.name = "any"};
    int64_t lengths[] = {8};
    struct lc_config config = {.source = "c.yaml"};
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_int_equal(lc_job_check(&one, &config, &err), LC_OK);
    config.windows.lengths = (struct lc_int_list){.value = lengths, .count = 1};
    assert_int_equal(lc_job_check(&any, &config, &err), LC_OK);
    assert_int_equal(lc_job_check(&one, &config, &err), LC_E_CONFIG);
    assert_non_null(strstr(err.msg, "c.yaml: key 'windows.length' is a list; job 'single' takes an integer"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_a_curve_saturates),
        cmocka_unit_test(what_samples_say_together),
        cmocka_unit_test(nothing_is_no_error),
        cmocka_unit_test(a_job_of_one_length_refuses_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

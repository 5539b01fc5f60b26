/* Windows cut into units: every window once, in order, and short units at the end, so that ranks end together. */
#include <stdio.h>

#include "check.h"
#include "lightcone/units.h"

enum { WINDOWS = 10000, T = 64, EACH = 8 };

static int64_t length[WINDOWS];

static int64_t likes(const struct lc_study *study)
{
    (void)study;
    return EACH;
}

static int64_t buffers(const struct lc_study *study, int64_t windows, int least)
{
    (void)study;
    (void)least;
    return windows;
}

static const struct lc_job job = {.unit_windows = likes, .buffers = buffers};

/* A study of `count` windows, the last one of `last` tokens. */
static struct lc_study study_of(int64_t count, int64_t last, int64_t unit_windows)
{
    struct lc_study study = {0};

    for (int64_t w = 0; w < count; w++)
        length[w] = w < count - 1 ? T : last;
    study.config.windows.length = T;
    study.config.unit_windows = unit_windows;
    study.windows.count = count;
    study.windows.length = length;
    return study;
}

static void every_window_once_and_shorter_at_the_end(void **state)
{
    const int64_t counts[] = {1, 2, 7, 8, 9, 63, 64, 65, 511, 512, 513, 1000, WINDOWS};

    (void)state;
    for (int k = 0; k < 13; k++)
        for (int64_t short_last = 0; short_last < 2; short_last++) {
            struct lc_study study = study_of(counts[k], short_last ? T - 1 : T, 0);
            struct lc_err err = LC_ERR_INIT;
            int64_t at = 0, before = EACH;
            struct lc_cut cut;
            assert_int_equal(lc_cut_make(&cut, &job, &study, &study, &err), LC_OK);
            for (int64_t u = 0; u < cut.units; u++) {
                struct lc_unit unit = lc_cut_unit(&cut, &study, u);
                assert_int_equal(unit.first, at);
                assert_in_range(unit.count, 1, before);
                assert_true(!short_last || unit.count == 1 || unit.first + unit.count < counts[k]);
                at += unit.count;
                before = unit.count;
            }
            assert_int_equal(at, counts[k]);
        }
}

static void unit_windows_is_obeyed(void **state)
{
    struct lc_study study = study_of(1000, T, 7);
    struct lc_err err = LC_ERR_INIT;
    struct lc_cut cut;

    (void)state;
    assert_int_equal(lc_cut_make(&cut, &job, &study, &study, &err), LC_OK);
    assert_int_equal(cut.units, 143);
    for (int64_t u = 0; u < 143; u++)
        assert_int_equal(lc_cut_unit(&cut, &study, u).count, u < 142 ? 7 : 6);
}

/* Windows of one cost, each unit to the worker that is free first: when are all done, over the even share? */
static double tail(const struct lc_cut *cut, const struct lc_study *study, int workers)
{
    int64_t free_at[100] = {0}, last = 0;

    for (int64_t u = 0; u < cut->units; u++) {
        int first = 0;
        for (int w = 1; w < workers; w++)
            if (free_at[w] < free_at[first])
                first = w;
        free_at[first] += lc_cut_unit(cut, study, u).count;
        if (free_at[first] > last)
            last = free_at[first];
    }
    return (double)last * workers / (double)study->windows.count - 1.0;
}

static void ranks_end_together(void **state)
{
    struct lc_study study = study_of(WINDOWS, T, 0), even = study_of(WINDOWS, T, EACH);
    struct lc_err err = LC_ERR_INIT;
    struct lc_cut cut, same;

    (void)state;
    assert_int_equal(lc_cut_make(&cut, &job, &study, &study, &err), LC_OK);
    assert_int_equal(lc_cut_make(&same, &job, &even, &even, &err), LC_OK);
    for (int workers = 2; workers <= 64; workers++) {
        double shrinking = tail(&cut, &study, workers), constant = tail(&same, &even, workers);
        if (workers % 31 == 0)
            printf("%d workers: the tail is %.2f %% of the time, of equal units %.2f %%\n", workers, 100.0 * shrinking,
                   100.0 * constant);
        assert_true(shrinking * WINDOWS / workers < 2.0 + 1e-9); /* one of the shortest units */
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_window_once_and_shorter_at_the_end),
    cmocka_unit_test(unit_windows_is_obeyed),
    cmocka_unit_test(ranks_end_together),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The choice of windows by its rules, and an exact count of what random selection may draw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lightcone/windows.h"

static struct lc_windows make(struct lc_window_config config, int64_t tokens, int keep_short)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_windows w;

    if (lc_windows_make(&w, &config, tokens, keep_short, &err) != LC_OK)
        fail_msg("%s", err.msg);
    return w;
}

static void refused(struct lc_window_config config, int64_t tokens, int keep_short, const char *message)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_windows w;

    assert_int_equal(lc_windows_make(&w, &config, tokens, keep_short, &err), LC_E_CONFIG);
    if (!strstr(err.msg, message))
        fail_msg("'%s' is not in '%s'", message, err.msg);
}

static void sequential_windows(void **state)
{
    static const struct {
        int64_t tokens, length, count;
        int keep_short;
        int64_t windows, last_start, last_length;
    } row[] = {
        {100, 10, 0, 0, 10, 90, 10}, {109, 10, 0, 0, 10, 90, 10}, {109, 10, 0, 1, 11, 100, 9},
        {100, 10, 0, 1, 10, 90, 10}, {109, 10, 3, 1, 3, 20, 10},  {109, 10, 11, 1, 11, 100, 9},
        {7, 10, 0, 1, 1, 0, 7},      {10, 10, 0, 0, 1, 0, 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct lc_windows w = make((struct lc_window_config){.length = row[i].length, .count = row[i].count},
                                   row[i].tokens, row[i].keep_short);
        assert_int_equal(w.count, row[i].windows);
        for (int64_t k = 0; k < w.count; k++) {
            assert_int_equal(w.start[k], k * row[i].length);
            assert_int_equal(w.length[k], k < w.count - 1 ? row[i].length : row[i].last_length);
        }
        assert_int_equal(w.start[w.count - 1], row[i].last_start);
        lc_windows_release(&w);
    }
}

static void random_windows_are_distinct_multiples(void **state)
{
    struct lc_window_config config = {.length = 64, .choice = LC_CHOICE_RANDOM, .count = 50, .seed = 7};
    struct lc_windows a = make(config, 100000, 1), b = make(config, 100000, 0), c;

    (void)state;
    assert_int_equal(a.count, 50);
    for (int64_t i = 0; i < a.count; i++) {
        assert_int_equal(a.start[i] % 64, 0);
        assert_true(a.start[i] + 64 <= 100000);
        assert_int_equal(a.length[i], 64);
        assert_true(i == 0 || a.start[i] > a.start[i - 1]);
    }
    assert_memory_equal(a.start, b.start, 50 * sizeof *a.start);
    config.seed = 8;
    c = make(config, 100000, 0);
    assert_memory_not_equal(a.start, c.start, 50 * sizeof *a.start);
    lc_windows_release(&a);
    lc_windows_release(&b);
    lc_windows_release(&c);
}

/* 2 of 5 windows: each of the 10 pairs about 1000 times in 10000 seeds (standard deviation 30). */
static void every_subset_is_equally_likely(void **state)
{
    int seen[25] = {0};

    (void)state;
    for (int64_t seed = 0; seed < 10000; seed++) {
        struct lc_windows w =
            make((struct lc_window_config){.length = 3, .choice = LC_CHOICE_RANDOM, .count = 2, .seed = seed},
                 17, 0);
        seen[w.start[0] / 3 * 5 + w.start[1] / 3]++;
        lc_windows_release(&w);
    }
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++)
            assert_in_range(seen[i * 5 + k], i < k ? 850 : 0, i < k ? 1150 : 0);
}

static void random_count_may_be_all(void **state)
{
    struct lc_windows w =
        make((struct lc_window_config){.length = 3, .choice = LC_CHOICE_RANDOM, .count = 5}, 17, 0);

    (void)state;
    assert_int_equal(w.count, 5);
    assert_int_equal(w.start[4], 12);
    lc_windows_release(&w);
    w = make((struct lc_window_config){.length = 3, .choice = LC_CHOICE_RANDOM}, 17, 0);
    assert_int_equal(w.count, 5);
    lc_windows_release(&w);
}

static void listed_starts(void **state)
{
    int64_t start[] = {0, 5, 90};
    struct lc_window_config config = {
        .length = 10, .choice = LC_CHOICE_STARTS, .starts = {.value = start, .count = 3}};
    struct lc_windows w = make(config, 100, 1);

    (void)state;
    assert_int_equal(w.count, 3);
    assert_memory_equal(w.start, start, sizeof start);
    assert_int_equal(w.length[2], 10);
    lc_windows_release(&w);
    refused(config, 99, 1, "windows.choice.starts[2] is 90; allowed: 0 to 89");
    start[2] = 5;
    refused(config, 100, 0, "windows.choice.starts[2] is 5 after 5; allowed: ascending");
    start[0] = -1;
    refused(config, 100, 0, "windows.choice.starts[0] is -1");
    start[0] = INT64_MAX;
    refused(config, 100, 0, "windows.choice.starts[0] is 9223372036854775807");
    start[0] = 0;
    config.count = 2; /* the first two of three: the third, which is out of order, is not looked at */
    w = make(config, 100, 1);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.start[1], 5);
    lc_windows_release(&w);
    config.count = config.starts.count = 0;
    refused(config, 100, 0, "windows.choice.starts is empty");
}

static void impossible_windows(void **state)
{
    (void)state;
    refused((struct lc_window_config){.length = 0}, 100, 0, "windows.length is 0");
    refused((struct lc_window_config){.length = 101}, 100, 0,
            "windows.length is 101, and the corpus has 100 tokens");
    refused((struct lc_window_config){.length = 10, .count = 11}, 100, 0,
            "windows.count is 11; allowed: 1 to 10");
    refused((struct lc_window_config){.length = 10, .count = -1}, 100, 0, "windows.count is -1");
    refused((struct lc_window_config){.length = 10, .choice = LC_CHOICE_RANDOM, .count = 11}, 109, 1,
            "windows.count is 11");
    refused((struct lc_window_config){.length = 10}, 0, 1,
            "windows.length is 10, and the corpus has 0 tokens");
    refused((struct lc_window_config){.length = 10, .choice = (enum lc_window_choice)9}, 100, 0,
            "windows.choice is 9");
}

/* Windows of a sweep: those of the longest length, and of `length` beside them. */
static struct lc_windows shorten(const struct lc_windows *longest, int64_t most, int64_t length,
                                 enum lc_window_align align)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_windows w;

    if (lc_windows_shorten(&w, longest, most, length, align, &err) != LC_OK)
        fail_msg("%s", err.msg);
    return w;
}

static struct lc_window_config sweep_config(int64_t lengths[3], enum lc_window_align align)
{
    return (struct lc_window_config){
        .length = lengths[2], .lengths = {.value = lengths, .count = 3}, .align = align};
}

static void windows_of_a_sweep_share_an_end(void **state)
{
    int64_t lengths[] = {4, 7, 10};

    (void)state;
    for (int align = LC_ALIGN_START; align <= LC_ALIGN_END; align++) {
        struct lc_window_config config = sweep_config(lengths, (enum lc_window_align)align);
        struct lc_windows longest;
        config.choice = LC_CHOICE_RANDOM;
        config.count = 5;
        longest = make(config, 109, 0);
        for (int k = 0; k < 3; k++) {
            struct lc_windows w = shorten(&longest, 10, lengths[k], config.align);
            assert_int_equal(w.count, 5);
            for (int64_t i = 0; i < w.count; i++) {
                assert_int_equal(w.length[i], lengths[k]);
                assert_int_equal(longest.start[i] % 10, 0);
                if (align == LC_ALIGN_START)
                    assert_int_equal(w.start[i], longest.start[i]);
                else
                    assert_int_equal(w.start[i] + w.length[i], longest.start[i] + 10);
            }
            lc_windows_release(&w);
        }
        lc_windows_release(&longest);
    }
}

/* 109 tokens in windows of 10: the last has 9, and only the longest length may have it. */
static void short_window_of_a_sweep(void **state)
{
    int64_t lengths[] = {4, 7, 10};
    struct lc_windows longest = make(sweep_config(lengths, LC_ALIGN_START), 109, 1);
    struct lc_windows w = shorten(&longest, 10, 10, LC_ALIGN_START);
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_int_equal(longest.count, 11);
    assert_int_equal(w.count, 11);
    assert_int_equal(w.length[10], 9);
    lc_windows_release(&w);
    w = shorten(&longest, 10, 7, LC_ALIGN_START);
    assert_int_equal(w.count, 10);
    assert_int_equal(w.start[9], 90);
    lc_windows_release(&w);
    lc_windows_release(&longest);
    longest = make(sweep_config(lengths, LC_ALIGN_END), 109, 1);
    assert_int_equal(longest.count, 10);
    lc_windows_release(&longest);
    longest = make(sweep_config(lengths, LC_ALIGN_START), 9, 1);
    assert_int_equal(lc_windows_shorten(&w, &longest, 10, 4, LC_ALIGN_START, &err), LC_E_CONFIG);
    assert_non_null(strstr(err.msg, "windows.length holds 10, and the corpus has 9 tokens"));
    lc_windows_release(&longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequential_windows),
        cmocka_unit_test(random_windows_are_distinct_multiples),
        cmocka_unit_test(every_subset_is_equally_likely),
        cmocka_unit_test(random_count_may_be_all),
        cmocka_unit_test(listed_starts),
        cmocka_unit_test(impossible_windows),
        cmocka_unit_test(windows_of_a_sweep_share_an_end),
        cmocka_unit_test(short_window_of_a_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

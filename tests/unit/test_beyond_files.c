/* Results of the program against float64 PyTorch where more is derived than single samples: contexts, means by activation
 * and by position with their intervals, token vectors' shares, readouts of strongest activations. The expected values are
 * tests/reference/make_beyond.py's; tests/jobs/test_beyond.sh makes the results; LC_BEYOND is their folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/tensor.h"
#include "result_fixture.h"

enum { SITES = 2, NAME = 128, T = 20 };

static const char *const sites[SITES] = {"resid_out_layer1", "resid_out_layer4"};
static struct lc_tensors reference;
static const char *folder;

static const struct lc_tensor *tensor(int site, const char *name)
{
    const struct lc_tensor *t;
    char full[NAME];

    snprintf(full, sizeof full, "%s/%s", sites[site], name);
    t = lc_tensors_find(&reference, full);
    if (!t)
        fail_msg("expected.safetensors has no %s", full);
    assert_int_equal(t->dtype, LC_F64);
    return t;
}

/* Column `column` of row `row` of an expected table of `columns`; a plain list has one row. */
static double value(int site, const char *name, int64_t row, int64_t columns, int64_t column)
{
    const struct lc_tensor *t = tensor(site, name);
    int64_t i = row * columns + column;
    double x;

    assert_true(i < t->count);
    memcpy(&x, t->data + (size_t)i * sizeof x, sizeof x);
    return x;
}

static int64_t rows_of(int site, const char *name, int64_t columns)
{
    int64_t count = tensor(site, name)->count;

    assert_int_equal(count % columns, 0);
    return count / columns;
}

static struct lc_array get(const struct lc_result *r, const char *name, int site)
{
    return array_of(r, name, site < 0 ? NULL : sites[site]);
}

/* Number i of a dataset, whatever its type. */
static double number(const struct lc_result *r, const char *name, int site, int64_t i)
{
    struct lc_array a = get(r, name, site);
    double x = number_at(&a, i);

    lc_array_release(&a);
    return x;
}

static int64_t count_of(const struct lc_result *r, const char *name, int site)
{
    struct lc_array a = get(r, name, site);
    int64_t count = a.count;

    lc_array_release(&a);
    return count;
}

static double real(const struct lc_result *r, const char *key, int site, int *found)
{
    struct lc_err err = LC_ERR_INIT;
    double x = NAN;

    check(lc_result_get_real(r, "sites/SITE/influence", sites[site], key, &x, found, &err), &err);
    return x;
}

static int64_t integer(const struct lc_result *r, const char *key, int site)
{
    struct lc_err err = LC_ERR_INIT;
    int64_t x = -1;
    int found = 0;

    check(lc_result_get_int(r, "sites/SITE/influence", sites[site], key, &x, &found, &err), &err);
    if (!found)
        fail_msg("%s has no attribute %s", sites[site], key);
    return x;
}

static void near(const char *what, double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%s: %.12g, expected %.12g", what, found, expected);
}

/* --- contexts -------------------------------------------------------------------------------------------------------- */

static void strongest_contexts(void **state)
{
    static const char *const column[] = {"feature", "window", "position", "value"};
    struct lc_result *r = result_in(folder, "contexts");

    (void)state;
    for (int site = 0; site < SITES; site++) {
        int64_t rows = rows_of(site, "contexts", 4);
        double worst = 0.0;
        for (int c = 0; c < 4; c++) {
            char name[NAME];
            snprintf(name, sizeof name, "sites/SITE/contexts/%s", column[c]);
            assert_int_equal(count_of(r, name, site), rows);
            for (int64_t i = 0; i < rows; i++) {
                double found = number(r, name, site, i), expected = value(site, "contexts", i, 4, c);
                near(name, found, expected, c == 3 ? 2e-5 * fmax(1.0, expected) : 0.0);
                worst = c == 3 ? fmax(worst, fabs(found - expected) / expected) : worst;
            }
        }
        print_message("%s: %lld contexts, the same; values differ by %.1e of them\n", sites[site], (long long)rows,
                      worst);
    }
    lc_result_close(r);
}

/* --- summaries ------------------------------------------------------------------------------------------------------- */

enum { MEASURES = 11 };

static const char *const measures[MEASURES] = {"pooled",
                                               "feature_mean",
                                               "participation_pooled",
                                               "participation_feature_mean",
                                               "renyi2_pooled",
                                               "renyi2_feature_mean",
                                               "residual_entropy",
                                               "reconstruction_entropy",
                                               "share_explained",
                                               "share_explained_of_sums",
                                               "profile_overlap"};

/* Mean, sd, low and high of one measure within 1e-4 of the larger of 1 and the mean. */
static double compare_measure(const struct lc_result *r, int site, const char *name)
{
    static const char *const suffix[] = {"", "_sd", "_low", "_high"};
    double scale = fmax(1.0, value(site, name, 0, 5, 0)), worst = 0.0;
    char key[NAME];

    for (int k = 0; k < 4; k++) {
        double expected = value(site, name, 0, 5, k), found;
        int there = 0;
        snprintf(key, sizeof key, "%s%s", name, suffix[k]);
        found = real(r, key, site, &there);
        assert_int_equal(there, !isnan(expected)); /* a ratio of sums has no sd */
        if (!there)
            continue;
        near(key, found, expected, 1e-4 * scale);
        worst = fmax(worst, fabs(found - expected) / scale);
    }
    snprintf(key, sizeof key, "%s_n", name);
    assert_int_equal(integer(r, key, site), (int64_t)value(site, name, 0, 5, 4));
    return worst;
}

static void summaries_with_their_intervals(void **state)
{
    struct lc_result *r = result_in(folder, "influence");

    (void)state;
    for (int site = 0; site < SITES; site++) {
        double worst = 0.0;
        assert_int_equal(count_of(r, "sites/SITE/influence/samples/feature", site),
                         (int64_t)value(site, "samples", 0, 1, 0));
        for (int k = 0; k < MEASURES; k++)
            worst = fmax(worst, compare_measure(r, site, measures[k]));
        print_message("%s: %d means, sds and intervals: off by %.1e\n", sites[site], MEASURES, worst);
    }
    lc_result_close(r);
}

/* Columns of one folder of groups against columns of the expected table; n stands last in the table. */
static double compare_groups(const struct lc_result *r, int site, const char *group, const char *const *column,
                             int64_t columns)
{
    int64_t rows = rows_of(site, group, columns);
    double worst = 0.0;
    char name[NAME];

    for (int64_t c = 0; c < columns; c++) {
        snprintf(name, sizeof name, "sites/SITE/influence/%s/%s", group, column[c]);
        assert_int_equal(count_of(r, name, site), rows);
        for (int64_t q = 0; q < rows; q++) {
            double found = number(r, name, site, q), expected = value(site, group, q, columns, c);
            near(name, found, expected, c + 1 < columns ? 1e-4 * fmax(1.0, expected) : 0.0);
            worst = fmax(worst, fabs(found - expected));
        }
    }
    return worst;
}

static void groups_with_their_intervals(void **state)
{
    static const char *const by_activation[] = {"least",       "greatest",     "entropy_mean", "entropy_sd",
                                                "entropy_low", "entropy_high", "samples"};
    static const char *const by_position[] = {"position",     "entropy_mean", "entropy_sd", "entropy_low",
                                              "entropy_high", "samples"};
    struct lc_result *r = result_in(folder, "influence");

    (void)state;
    for (int site = 0; site < SITES; site++) {
        double a = compare_groups(r, site, "by_activation", by_activation, 7);
        double p = compare_groups(r, site, "by_position", by_position, 6);
        assert_int_equal(rows_of(site, "by_activation", 7), 10);
        print_message("%s: by activation off by %.1e, by position %.1e\n", sites[site], a, p);
    }
    lc_result_close(r);
}

/* --- readouts of strongest activations ----------------------------------------------------------------------------- */

static void windows_that_end_on_contexts(void **state)
{
    struct lc_result *r = result_in(folder, "top");
    struct lc_array start = get(r, "windows/start", -1);

    (void)state;
    for (int64_t w = 1; w < start.count; w++)
        assert_true(((const int64_t *)start.data)[w - 1] < ((const int64_t *)start.data)[w]);
    for (int site = 0; site < SITES; site++) {
        int64_t rows = rows_of(site, "top", 3);
        double worst = 0.0;
        assert_int_equal(count_of(r, "sites/SITE/influence/samples/window", site), rows);
        for (int64_t i = 0; i < rows; i++) {
            int64_t w = (int64_t)number(r, "sites/SITE/influence/samples/window", site, i);
            double h = number(r, "sites/SITE/influence/samples/entropy", site, i);
            assert_int_equal(((const int64_t *)start.data)[w] + T - 1, (int64_t)value(site, "top", i, 3, 0));
            assert_int_equal((int64_t)number(r, "sites/SITE/influence/samples/position", site, i), T - 1);
            near("feature", number(r, "sites/SITE/influence/samples/feature", site, i), value(site, "top", i, 3, 1), 0);
            near("entropy", h, value(site, "top", i, 3, 2), 1e-4);
            worst = fmax(worst, fabs(h - value(site, "top", i, 3, 2)));
        }
        assert_int_equal(integer(r, "left_out", site), (int64_t)value(site, "top_counts", 0, 2, 0));
        assert_int_equal(integer(r, "inactive", site), (int64_t)value(site, "top_counts", 0, 2, 1));
        assert_int_equal(integer(r, "contexts", site), rows + integer(r, "inactive", site));
        assert_true(integer(r, "left_out", site) > 0 && integer(r, "inactive", site) > 0);
        print_message("%s: %lld readouts of strongest activations: H off by %.1e\n", sites[site], (long long)rows,
                      worst);
    }
    lc_array_release(&start);
    lc_result_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strongest_contexts),
        cmocka_unit_test(summaries_with_their_intervals),
        cmocka_unit_test(groups_with_their_intervals),
        cmocka_unit_test(windows_that_end_on_contexts),
    };
    struct lc_err err = LC_ERR_INIT;
    int failed;

    folder = results_folder("LC_BEYOND", "test_beyond.sh");
    if (lc_safetensors_open(&reference, "tests/data/beyond/expected.safetensors", &err) != LC_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lc_tensors_close(&reference);
    return failed;
}

/* Every point of a sweep against an ordinary run over the same windows: the same bits; and the sweep's own table against
 * its points. tests/jobs/test_sweep.sh makes the results; LC_SWEEP is their folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "result_fixture.h"

#define INFLUENCE "sites/SITE/influence/"
#define SPARSITY  "sites/SITE/sparsity/"
#define SWEEP     "sites/SITE/sweep/"

static const char *folder;

static const char *const of_file[] = {"windows/start",   "windows/length",    "windows/token_id",
                                      "windows/indptr",  "readouts/window",   "readouts/position",
                                      "corpus/token_count"};
static const char *const of_site[] = {
    INFLUENCE "samples/window", INFLUENCE "samples/position", INFLUENCE "samples/feature",
    INFLUENCE "samples/activation", INFLUENCE "samples/entropy", INFLUENCE "samples/total",
    INFLUENCE "samples/participation", INFLUENCE "samples/renyi2", INFLUENCE "samples/profile",
    INFLUENCE "token_vector/residual/entropy", INFLUENCE "token_vector/residual/profile",
    INFLUENCE "token_vector/reconstruction/entropy", INFLUENCE "token_vector/reconstruction/profile",
    INFLUENCE "features/feature", INFLUENCE "features/samples", INFLUENCE "features/entropy_mean",
    INFLUENCE "features/entropy_histogram", INFLUENCE "features/profile_mean", INFLUENCE "features/profile_sd",
    INFLUENCE "windows/samples", INFLUENCE "windows/entropy_mean",
    SPARSITY "count", SPARSITY "frequency", SPARSITY "unique_tokens", SPARSITY "token_indptr", SPARSITY "token_id",
    SPARSITY "token_count", SPARSITY "token_first", SPARSITY "vocab_entropy", SPARSITY "position/mean",
    SPARSITY "position/sd", SPARSITY "position/histogram",
};
static const char *const means[] = {"pooled",       "pooled_low",       "window_mean",
                                    "feature_mean", "feature_mean_low", "feature_mean_high"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static size_t size_of(const struct lc_array *a)
{
    static const size_t size[] = {[LC_RESULT_I64] = 8, [LC_RESULT_I32] = 4, [LC_RESULT_F64] = 8, [LC_RESULT_F32] = 4,
                                  [LC_RESULT_U8] = 1};

    return (size_t)a->count * size[a->type];
}

/* Bytes compared; 0 when neither has the dataset. */
static size_t same(const struct lc_result *point, const struct lc_result *alone, const char *name, const char *site)
{
    struct lc_array a, b;
    size_t size;

    assert_int_equal(lc_result_has(point, name, site), lc_result_has(alone, name, site));
    if (!lc_result_has(point, name, site))
        return 0;
    a = array_of(point, name, site);
    b = array_of(alone, name, site);
    size = size_of(&a);
    for (int i = 0; i < a.rank; i++)
        if (a.dim[i] != b.dim[i])
            fail_msg("%s %s: dimension %d is %lld, alone %lld", name, site ? site : "", i, (long long)a.dim[i],
                     (long long)b.dim[i]);
    if (memcmp(a.data, b.data, size) != 0)
        fail_msg("%s %s differs", name, site ? site : "");
    lc_array_release(&a);
    lc_array_release(&b);
    return size;
}

static double mean_of(const struct lc_result *r, const char *site, const char *key)
{
    struct lc_err err = LC_ERR_INIT;
    double x = -1.0;
    int found;

    check(lc_result_get_real(r, "sites/SITE/influence", site, key, &x, &found, &err), &err);
    return found ? x : -1.0;
}

static void points_are_ordinary_runs(void **state)
{
    static const struct {
        const char *sweep;
        int64_t point;
        const char *alone;
    } pair[] = {
        {"influence", 0, "influence_4"}, {"influence", 1, "influence_16"}, {"influence", 2, "influence_64"},
        {"random", 0, "random_48"},      {"counts", 0, "counts_16"},       {"counts", 1, "counts_96"},
        {"bos", 0, "bos_8"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(pair); i++) {
        struct lc_result *point = result_in(folder, pair[i].sweep), *alone = result_in(folder, pair[i].alone);
        const char *const *site;
        int64_t sites = lc_result_sites(alone, &site);
        size_t bytes = 0;
        lc_result_at(point, pair[i].point);
        for (size_t k = 0; k < COUNT(of_file); k++)
            bytes += same(point, alone, of_file[k], NULL);
        assert_true(bytes > 0 && sites > 0);
        for (int64_t s = 0; s < sites; s++) {
            size_t before = bytes;
            for (size_t k = 0; k < COUNT(of_site); k++)
                bytes += same(point, alone, of_site[k], site[s]);
            assert_true(bytes > before);
            for (size_t k = 0; k < COUNT(means); k++)
                assert_true(mean_of(point, site[s], means[k]) == mean_of(alone, site[s], means[k]));
        }
        print_message("%s, point %lld: %zu bytes are those of %s\n", pair[i].sweep, (long long)pair[i].point, bytes,
                      pair[i].alone);
        lc_result_close(point);
        lc_result_close(alone);
    }
}

/* Row of a feature in the point's own table of features, or -1. */
static int64_t row_of(const struct lc_array *feature, int32_t wanted)
{
    for (int64_t i = 0; i < feature->count; i++)
        if (((const int32_t *)feature->data)[i] == wanted)
            return i;
    return -1;
}

static void compare_column(struct lc_result *r, const char *site, int64_t k, int64_t *cells)
{
    struct lc_array feature = array_of(r, SWEEP "feature", site), samples = array_of(r, SWEEP "samples", site);
    struct lc_array mean = array_of(r, SWEEP "entropy_mean", site), own, own_samples, own_mean;
    int64_t points = mean.dim[1];

    lc_result_at(r, k);
    own = array_of(r, INFLUENCE "features/feature", site);
    own_samples = array_of(r, INFLUENCE "features/samples", site);
    own_mean = array_of(r, INFLUENCE "features/entropy_mean", site);
    lc_result_at(r, -1);
    for (int64_t m = 0; m < feature.count; m++) {
        int64_t row = row_of(&own, ((const int32_t *)feature.data)[m]), n = ((int64_t *)samples.data)[m * points + k];
        double h = ((double *)mean.data)[m * points + k];
        assert_int_equal(n, row < 0 ? 0 : ((int64_t *)own_samples.data)[row]);
        assert_true(row < 0 ? isnan(h) : h == ((double *)own_mean.data)[row]);
        *cells += row >= 0;
    }
    if (k == points - 1)
        assert_int_equal(feature.count, own.count);
    lc_array_release(&feature);
    lc_array_release(&samples);
    lc_array_release(&mean);
    lc_array_release(&own);
    lc_array_release(&own_samples);
    lc_array_release(&own_mean);
}

static void the_table_is_that_of_the_points(void **state)
{
    struct lc_result *r = result_in(folder, "influence");
    const char *const *site;
    int64_t sites = lc_result_sites(r, &site), cells = 0;

    (void)state;
    for (int64_t s = 0; s < sites; s++)
        for (int64_t k = 0; k < lc_result_points(r); k++)
            compare_column(r, site[s], k, &cells);
    assert_true(cells > 20);
    lc_result_close(r);
}

/* Of jobs that say nothing across points. */
static void counts_have_points_only(void **state)
{
    struct lc_result *r = result_in(folder, "counts");
    const char *const *site;
    int64_t sites = lc_result_sites(r, &site);

    (void)state;
    assert_int_equal(lc_result_points(r), 2);
    assert_true(sites > 0);
    for (int64_t s = 0; s < sites; s++)
        assert_false(lc_result_has(r, SWEEP "feature", site[s]) || lc_result_has(r, SPARSITY "count", site[s]));
    lc_result_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_ordinary_runs),
        cmocka_unit_test(the_table_is_that_of_the_points),
        cmocka_unit_test(counts_have_points_only),
    };

    folder = results_folder("LC_SWEEP", "test_sweep.sh");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

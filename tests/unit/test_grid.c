/* A grid's points are what the same file with their values set is, in an order that does not depend on the spelling. */
#include "lightcone/grid.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

#define BASE "job: sparsity\nmodel: {path: m}\nsae: {path: s}\ncorpus: {path: c}\noutput: o/r.h5\n"

static void canonical_of(const char *text, const char *const *set, int64_t sets, int64_t point, struct lc_bytes *out)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_config config;
    struct lc_grid grid;

    assert_int_equal(lc_grid_init(&grid, "runs/a.yaml", text, strlen(text), set, sets, &err), LC_OK);
    assert_int_equal(lc_grid_config(&grid, point, &config, &err), LC_OK);
    assert_int_equal(lc_config_canonical(&config, out, &err), LC_OK);
    assert_int_equal(lc_bytes_add(out, "", 1, &err), LC_OK);
    lc_config_release(&config);
    lc_grid_release(&grid);
}

static void same(const char *a, const char *b)
{
    assert_string_equal(a, b);
}

/* Point `point` of a sweep is the file with `set` over it. */
static void point_is(const char *sweep, int64_t point, const char *const *set, int64_t sets)
{
    struct lc_bytes swept = {0}, alone = {0};

    canonical_of(sweep, NULL, 0, point, &swept);
    canonical_of(BASE, set, sets, 0, &alone);
    same((const char *)swept.data, (const char *)alone.data);
    lc_bytes_release(&swept);
    lc_bytes_release(&alone);
}

static void points_are_configurations(void **state)
{
    static const char text[] = BASE "threshold: 0.7\nsweep:\n  threshold: [0.1, 1.0]\n  windows:\n    count: [3, 5, 7]\n"
                                    "  token_vector: [[], [residual]]\n  features: [active, [1, 2], {top: 4, from: f}]\n";
    static const char *const values[3] = {"3", "5", "7"}, *const thresholds[2] = {"0.1", "1.0"};
    static const char *const features[3] = {"active", "[1, 2]", "{top: 4, from: f}"}, *const vectors[2] = {"[]", "[residual]"};
    char set[4][64];
    const char *const sets[4] = {set[0], set[1], set[2], set[3]};

    (void)state;
    for (int64_t p = 0; p < 36; p++) { /* windows.count, threshold, features, token_vector: the last is fastest */
        snprintf(set[0], sizeof set[0], "windows.count=%s", values[p / 12]);
        snprintf(set[1], sizeof set[1], "threshold=%s", thresholds[p / 6 % 2]);
        snprintf(set[2], sizeof set[2], "features=%s", features[p / 2 % 3]);
        snprintf(set[3], sizeof set[3], "token_vector=%s", vectors[p % 2]);
        point_is(text, p, sets, 4);
    }
}

static void describes(const char *text, const char *const *set, int64_t sets, int64_t points, int64_t point, const char *what)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_bytes out = {0};
    struct lc_grid grid;

    assert_int_equal(lc_grid_init(&grid, "a.yaml", text, strlen(text), set, sets, &err), LC_OK);
    assert_int_equal(grid.points, points);
    assert_int_equal(lc_grid_describe(&grid, point, &out, &err), LC_OK);
    assert_int_equal(lc_bytes_add(&out, "", 1, &err), LC_OK);
    same((const char *)out.data, what);
    lc_bytes_release(&out);
    lc_grid_release(&grid);
}

static void spelling_does_not_matter(void **state)
{
    static const char *const over[] = {"sweep.sites.layers=[[0], [2, 1]]", "sweep.threshold=[0.1, 0.2]"};
    static const char *const whole[] = {"sweep={threshold: [0.1, 0.2], sites.layers: [[0], [2, 1]]}"};
    static const char *const off[] = {"sweep={}"};

    (void)state;
    describes(BASE "sweep: {threshold: [0.1, 0.2], sites.layers: [[0], [2, 1]]}\n", NULL, 0, 4, 2,
              "sites.layers=[2,1] threshold=0.1");
    describes(BASE "sweep: {sites: {layers: [[0], [2, 1]]}, threshold: [0.1, 0.2]}\n", NULL, 0, 4, 2,
              "sites.layers=[2,1] threshold=0.1");
    describes(BASE, over, 2, 4, 1, "sites.layers=[0] threshold=0.2");
    describes(BASE "sweep: {threshold: [3, 4, 5], sites.layers: [[1]]}\n", over, 2, 4, 3, "sites.layers=[2,1] threshold=0.2");
    describes(BASE "sweep: {windows.count: [1]}\n", whole, 1, 4, 3, "sites.layers=[2,1] threshold=0.2");
    describes(BASE "sweep: {threshold: [3, 4]}\n", off, 1, 1, 0, "");
    describes(BASE "sweep: {model.path: ['a b', \"c'd\"]}\n", NULL, 0, 2, 1, "model.path='c''d'");
}

/* A list of lengths is a sweep within each point. */
static void lengths_stay_within_points(void **state)
{
    static const char *const set[] = {"windows.length=[8, 16]", "threshold=0.2"};

    (void)state;
    describes(BASE "sweep: {windows.length: [8, 16]}\n", NULL, 0, 1, 0, "");
    point_is(BASE "sweep: {windows.length: [8, 16]}\n", 0, set, 1);
    point_is(BASE "sweep: {threshold: [0.1, 0.2], windows.length: [8, 16]}\n", 1, set, 2);
}

static void too_many_points_are_refused(void **state)
{
    static const char *const set[] = {"sweep={windows.seed: [1,2,3,4,5,6,7,8,9,10,11], windows.count: [1,2,3,4,5,6,7,8,9,10], "
                                      "threshold: [1,2,3,4,5,6,7,8,9,10]}"};
    struct lc_err err = LC_ERR_INIT;
    struct lc_grid grid;

    (void)state;
    assert_int_equal(lc_grid_init(&grid, "a.yaml", BASE, strlen(BASE), set, 1, &err), LC_E_CONFIG);
    assert_non_null(strstr(err.msg, "1100 points of the sweep; allowed: at most 1000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_configurations),
        cmocka_unit_test(spelling_does_not_matter),
        cmocka_unit_test(lengths_stay_within_points),
        cmocka_unit_test(too_many_points_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

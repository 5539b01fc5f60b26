/* Axes and order of the points of a merge, against counting and a plain order of the same configurations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/merge/merge_points.h"
#include "check.h"

#define BASE                                                                                                               \
    "job: sparsity\nmodel:\n  path: m\nsae:\n  path: 'resid_out_layer{layer}'\n  bias: own\ncorpus:\n  path: c.txt\n"         \
    "windows:\n  length: 64\n"
#define FILES "00aa  10  model  config.json\n11bb  20  sae:resid_out_layer1  ae.pt\n22cc  30  corpus  c.txt\n"

struct source {
    const char *text, *files; /* after BASE; NULL: FILES */
};

static int order(struct lc_merge_points *p, const struct source *s, int64_t n, struct lc_err *err)
{
    char name[16], config[2048];
    int rc;

    *err = (struct lc_err)LC_ERR_INIT;
    check(lc_merge_points_init(p, n, err), err);
    for (int64_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%lld.h5", (long long)i);
        snprintf(config, sizeof config, "%s%s", BASE, s[i].text);
        check(lc_merge_points_add_source(p, name, config, s[i].files ? s[i].files : FILES, err), err);
        rc = lc_merge_points_add(p, -1, NULL, 0, err);
        check(rc, err);
    }
    return lc_merge_points_order(p, err);
}

static const char *key(const struct lc_merge_points *p, int axis)
{
    static struct lc_column c;

    assert_true(axis < p->axes);
    assert_true(lc_column_get(p->axis[axis], &c));
    return c.key;
}

static const char *text(const struct lc_merge_points *p, int64_t point, int axis)
{
    return p->point[point].value[p->axis[axis]].text;
}

/* Every order of the inputs gives the one that counting gives: thresholds as numbers, slower than layers. */
static void a_grid_is_ordered(void **state)
{
    static const double thresholds[] = {0.05, 2, 10};
    static const int layers[] = {2, 10};
    static const int orders[][6] = {{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {3, 0, 5, 1, 4, 2}};

    (void)state;
    for (int o = 0; o < 3; o++) {
        struct lc_err err = LC_ERR_INIT;
        char texts[6][80];
        struct source s[6] = {0};
        struct lc_merge_points p;
        for (int i = 0; i < 6; i++) {
            int k = orders[o][i];
            snprintf(texts[i], sizeof texts[i], "sites:\n  layers: [%d]\nthreshold: %g\n", layers[k / 3], thresholds[k % 3]);
            s[i].text = texts[i];
        }
        check(order(&p, s, 6, &err), &err);
        assert_int_equal(p.axes, 2);
        assert_string_equal(key(&p, 0), "sites.layers");
        assert_string_equal(key(&p, 1), "threshold");
        for (int k = 0; k < 6; k++) {
            assert_int_equal(orders[o][p.point[k].source], k);
            assert_true(p.point[k].value[p.axis[1]].real == thresholds[k % 3]);
        }
        lc_merge_points_release(&p);
    }
}

static void words_maps_and_what_is_absent(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_merge_points p;

    (void)state;
    /* one key, whatever is below it, where only some are maps */
    check(order(&p, (const struct source[]){{"features: active\n", NULL}, {"features: {min_unique: 3, from: s.h5}\n", NULL}}, 2,
                &err),
          &err);
    assert_int_equal(p.axes, 1);
    assert_string_equal(key(&p, 0), "features");
    assert_string_equal(text(&p, 0, 0), "active");
    assert_string_equal(text(&p, 1, 0), "{min_unique: 3, min_samples: 0, from: s.h5}");
    lc_merge_points_release(&p);
    /* the keys below it, where all are */
    check(order(&p,
                (const struct source[]){{"features: {min_unique: 30, from: s.h5}\n", NULL},
                                        {"features: {min_unique: 4, from: s.h5}\n", NULL}},
                2, &err),
          &err);
    assert_int_equal(p.axes, 1);
    assert_string_equal(key(&p, 0), "features.min_unique");
    assert_int_equal(p.point[0].value[p.axis[0]].number, 4);
    lc_merge_points_release(&p);
    /* what is not given comes last and is -1 */
    check(order(&p, (const struct source[]){{"threshold: 1\n", NULL}, {"memory_per_rank: 5\nthreshold: 1\n", NULL}}, 2, &err),
          &err);
    assert_string_equal(key(&p, 0), "memory_per_rank");
    assert_int_equal(p.point[0].value[p.axis[0]].number, 5);
    assert_int_equal(p.point[1].value[p.axis[0]].number, -1);
    assert_string_equal(text(&p, 1, 0), "no limit");
    lc_merge_points_release(&p);
}

/* Names are what a configuration keeps of a path: where they hide a difference, the files tell. */
static void files_tell_apart(void **state)
{
    static const char other[] = "00aa  10  model  config.json\n99ff  20  sae:resid_out_layer1  ae.pt\n22cc  30  corpus  c.txt\n";
    static const char elsewhere[] = "00aa  10  model  config.json\n99ff  20  sae:resid_out_layer4  ae.pt\n22cc  30  corpus  c.txt\n";
    struct lc_bytes out = {0};
    struct lc_err err = LC_ERR_INIT;
    struct lc_merge_points p;
    char first[128];

    (void)state;
    check(order(&p, (const struct source[]){{"", NULL}, {"", other}}, 2, &err), &err);
    assert_int_equal(p.axes, 1);
    assert_string_equal(key(&p, 0), "sae.path");
    snprintf(first, sizeof first, "%s", text(&p, 0, 0));
    assert_int_equal(strncmp(first, "resid_out_layer{layer} (sha256 ", 31), 0);
    assert_true(strcmp(first, text(&p, 1, 0)) < 0);
    check(lc_merge_points_provenance(&p, &out, &err), &err); /* every line once */
    assert_int_equal(out.size, strlen(FILES) + strlen("99ff  20  sae:resid_out_layer1  ae.pt\n"));
    lc_bytes_release(&out);
    lc_merge_points_release(&p);
    /* files of other sites say nothing about the suite */
    assert_int_equal(order(&p, (const struct source[]){{"", NULL}, {"", elsewhere}}, 2, &err), LC_E_USAGE);
    lc_merge_points_release(&p);
    /* and where a key differs, names stay as they are */
    check(order(&p, (const struct source[]){{"threshold: 2\n", NULL}, {"threshold: 1\n", other}}, 2, &err), &err);
    assert_int_equal(p.axes, 1);
    assert_string_equal(p.point[0].value[lc_column_find("sae.path")].text, "resid_out_layer{layer}");
    lc_merge_points_release(&p);
}

static void what_does_not_go_together(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_merge_points p;

    (void)state;
    assert_int_equal(order(&p, (const struct source[]){{"threshold: 1\n", NULL}, {"threshold: 1.0\n", NULL}}, 2, &err), LC_E_USAGE);
    assert_non_null(strstr(err.msg, "0.h5"));
    assert_non_null(strstr(err.msg, "1.h5"));
    lc_merge_points_release(&p);
}

/* The points of a file that has a table of them; its configuration is that of all, with the axes at its end. */
static void points_of_a_point(void **state)
{
    static const char *const set[][2] = {{"threshold=0.5", "windows.length=[8]"}, {"threshold=0.5", "windows.length=[128]"}};
    static const char shared[] = "windows:\n  align: end\nsweep:\n  windows.length: [8, 128]\n  threshold: [0.5]\n";
    struct lc_err err = LC_ERR_INIT;
    struct lc_bytes out = {0};
    struct lc_merge_points p;
    char config[2048];

    (void)state;
    snprintf(config, sizeof config, "%.*s%s", (int)(strstr(BASE, "windows:") - BASE), BASE, shared);
    check(lc_merge_points_init(&p, 1, &err), &err);
    check(lc_merge_points_add_source(&p, "m.h5", config, FILES, &err), &err);
    check(lc_merge_points_add(&p, 0, set[1], 2, &err), &err);
    check(lc_merge_points_add(&p, 1, set[0], 2, &err), &err);
    check(lc_merge_points_order(&p, &err), &err);
    assert_int_equal(p.axes, 1);
    assert_string_equal(key(&p, 0), "windows.length");
    assert_int_equal(p.point[0].at, 1);
    assert_int_equal(p.point[0].value[p.axis[0]].number, 8);
    assert_int_equal(p.point[1].value[p.axis[0]].number, 128);
    check(lc_merge_points_config(&p, &out, &err), &err);
    check(lc_bytes_add(&out, "", 1, &err), &err);
    assert_non_null(strstr((const char *)out.data, "  align: end\n"));
    assert_non_null(strstr((const char *)out.data, "\nthreshold: 0.5\n"));
    assert_non_null(strstr((const char *)out.data, "\nsweep:\n  windows.length: [8, 128]\n"));
    assert_null(strstr((const char *)out.data, "  length:"));
    lc_bytes_release(&out);
    lc_merge_points_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grid_is_ordered),     cmocka_unit_test(words_maps_and_what_is_absent),
        cmocka_unit_test(files_tell_apart),      cmocka_unit_test(what_does_not_go_together),
        cmocka_unit_test(points_of_a_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

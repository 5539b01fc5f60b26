/* The correlation job against the covariances that the published script wrote on the same inputs, against joint counts
 * made in float64 (both from tests/reference/make_published.py), and its matrices against each other.
 * tests/jobs/test_published.sh makes the result; LC_PUBLISHED is its folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/tensor.h"
#include "result_fixture.h"

enum { SITES = 3, NAME = 128 };

#define PAIRS "sites/SITE/correlation/"

static struct lc_tensors published;
static struct lc_result *pairs, *spectrum;

static const unsigned char *tensor(int site, const char *name, int64_t count)
{
    const struct lc_tensor *t;
    char full[NAME];

    snprintf(full, sizeof full, "resid_out_layer%d/%s", site, name);
    t = lc_tensors_find(&published, full);
    if (!t)
        fail_msg("correlation.safetensors has no %s", full);
    assert_int_equal(t->count, count);
    return t->data;
}

static int64_t integer(int site, const char *name, int64_t count, int64_t i)
{
    int32_t value;

    memcpy(&value, tensor(site, name, count) + (size_t)i * sizeof value, sizeof value);
    return value;
}

static double attribute(int site, const char *key)
{
    struct lc_err err = LC_ERR_INIT;
    char site_name[NAME];
    double x = NAN;
    int found = 0;

    snprintf(site_name, sizeof site_name, "resid_out_layer%d", site);
    check(lc_result_get_real(pairs, "sites/SITE/correlation", site_name, key, &x, &found, &err), &err);
    assert_true(found);
    return x;
}

static int64_t whole(int site, const char *key)
{
    struct lc_err err = LC_ERR_INIT;
    char site_name[NAME];
    int64_t x = -1;
    int found = 0;

    snprintf(site_name, sizeof site_name, "resid_out_layer%d", site);
    check(lc_result_get_int(pairs, "sites/SITE/correlation", site_name, key, &x, &found, &err), &err);
    assert_true(found);
    return x;
}

/* The script works in float32: its error is that of the two terms whose difference C is, C + p_i p_j and p_i p_j. */
static void published_covariances(void **state)
{
    (void)state;
    for (int site = 0; site < SITES; site++) {
        struct lc_array feature = array_of_layer(pairs, PAIRS "feature", site), c = array_of_layer(pairs, PAIRS "conditional", site);
        struct lc_array count = array_of_layer(pairs, PAIRS "count", site);
        int64_t m = feature.count;
        const unsigned char *theirs = tensor(site, "conditional", m * m);
        double worst = 0.0, largest = 0.0, relative = 0.0, of_terms = 0.0;
        for (int64_t k = 0; k < m; k++)
            assert_int_equal(((const int32_t *)feature.data)[k], integer(site, "feature", m, k));
        for (int64_t k = 0; k < m * m; k++) {
            const int64_t *n = count.data;
            double ours = ((const double *)c.data)[k], product = (double)(n[k / m] * n[k % m]) / 25600.0 / 25600.0;
            double terms = ours + 2.0 * product, off;
            float value;
            memcpy(&value, theirs + (size_t)k * sizeof value, sizeof value);
            off = fabs(ours - (double)value);
            assert_true(off >= 0.0 && terms > 0.0);
            worst = fmax(worst, off);
            largest = fmax(largest, fabs((double)value));
            relative = fmax(relative, off / fabs(ours));
            of_terms = fmax(of_terms, off / terms);
        }
        print_message("layer %d: %lld x %lld conditional covariances up to %.2e, diagonal included: worst difference "
                      "%.2e, relative %.2e; of the terms %.2e (allowed 1e-06)\n",
                      site, (long long)m, (long long)m, largest, worst, relative, of_terms);
        assert_true(of_terms <= 1e-6);
        lc_array_release(&feature);
        lc_array_release(&count);
        lc_array_release(&c);
    }
}

static void joint_counts_in_float64(void **state)
{
    (void)state;
    for (int site = 0; site < SITES; site++) {
        struct lc_array count = array_of_layer(pairs, PAIRS "count", site), joint = array_of_layer(pairs, PAIRS "joint_count", site);
        const int64_t *ours = joint.data, *n = count.data;
        int64_t m = count.count, off = 0, near = 0;
        assert_int_equal(whole(site, "n_tokens"), 25600);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < m; j++) {
                int64_t theirs = integer(site, "joint_count", m * m, i * m + j);
                int64_t allowed = integer(site, "near", m, i) + integer(site, "near", m, j);
                assert_true(llabs(ours[i * m + j] - theirs) <= allowed);
                assert_true(ours[i * m + j] == ours[j * m + i]);
                assert_true(ours[i * m + j] <= n[i] && ours[i * m + j] <= n[j]);
                assert_true(i != j || ours[i * m + j] == n[i]);
                off += llabs(ours[i * m + j] - theirs);
                near += i == j ? integer(site, "near", m, i) : 0;
            }
        print_message("layer %d: joint counts differ by %lld in all; %lld decisions are near the threshold\n", site,
                      (long long)off, (long long)near);
        lc_array_release(&count);
        lc_array_release(&joint);
    }
}

/* From the joint counts, as the definitions are written. */
static void measures_follow_from_counts(void **state)
{
    (void)state;
    for (int site = 0; site < SITES; site++) {
        struct lc_array count = array_of_layer(pairs, PAIRS "count", site), joint = array_of_layer(pairs, PAIRS "joint_count", site);
        struct lc_array c = array_of_layer(pairs, PAIRS "coactivation", site), r = array_of_layer(pairs, PAIRS "pearson", site);
        struct lc_array jaccard = array_of_layer(pairs, PAIRS "jaccard", site);
        int64_t m = count.count;
        double n = 25600.0, squares = 0.0;
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < m; j++) {
                int64_t k = i * m + j;
                double pi = (double)((const int64_t *)count.data)[i] / n,
                       pj = (double)((const int64_t *)count.data)[j] / n;
                double both = (double)((const int64_t *)joint.data)[k] / n, rij = ((const double *)r.data)[k];
                assert_true(fabs(((const double *)c.data)[k] - (both - pi * pj)) < 1e-15);
                assert_true(fabs(rij - (both - pi * pj) / sqrt(pi * (1 - pi) * pj * (1 - pj))) < 1e-12);
                assert_true(fabs(((const double *)jaccard.data)[k] - both / (pi + pj - both)) < 1e-13);
                assert_true(i != j || rij == 1.0);
                squares += rij * rij;
            }
        assert_true(fabs(attribute(site, "participation_ratio") - (double)(m * m) / squares) < 1e-11);
        assert_int_equal(whole(site, "participation_ratio_n"), m);
        assert_int_equal(whole(site, "degenerate"), 0);
        lc_array_release(&count);
        lc_array_release(&joint);
        lc_array_release(&c);
        lc_array_release(&r);
        lc_array_release(&jaccard);
    }
}

static int64_t place_of(const struct lc_array *feature, int32_t wanted)
{
    for (int64_t i = 0; i < feature->count; i++)
        if (((const int32_t *)feature->data)[i] == wanted)
            return i;
    fail_msg("%d is no leading feature", wanted);
    return -1;
}

static void top_pairs_of(const char *measure, int site)
{
    struct lc_array feature = array_of_layer(pairs, PAIRS "feature", site), matrix, a, b, value;
    char name[NAME];
    int64_t m = feature.count, above = 0;
    double last;

    snprintf(name, sizeof name, PAIRS "%s", measure);
    matrix = array_of_layer(pairs, name, site);
    snprintf(name, sizeof name, PAIRS "top_pairs/%s/a", measure);
    a = array_of_layer(pairs, name, site);
    snprintf(name, sizeof name, PAIRS "top_pairs/%s/b", measure);
    b = array_of_layer(pairs, name, site);
    snprintf(name, sizeof name, PAIRS "top_pairs/%s/value", measure);
    value = array_of_layer(pairs, name, site);
    assert_int_equal(value.count, m * (m - 1) / 2 < 100 ? m * (m - 1) / 2 : 100);
    for (int64_t k = 0; k < value.count; k++) {
        int64_t i = place_of(&feature, ((const int32_t *)a.data)[k]),
                j = place_of(&feature, ((const int32_t *)b.data)[k]);
        assert_true(i < j && ((const double *)value.data)[k] == ((const double *)matrix.data)[i * m + j]);
        assert_true(k == 0 || ((const double *)value.data)[k] <= ((const double *)value.data)[k - 1]);
    }
    last = ((const double *)value.data)[value.count - 1];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = i + 1; j < m; j++)
            above += ((const double *)matrix.data)[i * m + j] > last;
    assert_true(above < value.count);
    lc_array_release(&feature);
    lc_array_release(&matrix);
    lc_array_release(&a);
    lc_array_release(&b);
    lc_array_release(&value);
}

static void top_pairs_are_the_greatest(void **state)
{
    (void)state;
    for (int site = 0; site < SITES; site++) {
        top_pairs_of("conditional", site);
        top_pairs_of("coactivation", site);
        top_pairs_of("pearson", site);
        top_pairs_of("jaccard", site);
    }
}

/* sum l = M, M^2 / sum l^2 = the participation ratio; and r v = l v. */
static void spectrum_of_pearson(void **state)
{
    (void)state;
    for (int site = 0; site < SITES; site++) {
        struct lc_array l = array_of_layer(spectrum, "sites/SITE/spectrum/eigenvalue", site);
        struct lc_array v = array_of_layer(spectrum, "sites/SITE/spectrum/eigenvector", site),
                        r = array_of_layer(pairs, PAIRS "pearson", site);
        const double *value = l.data, *vector = v.data, *matrix = r.data;
        int64_t m = l.count;
        double sum = 0.0, squares = 0.0, worst = 0.0;
        assert_true(m > 0 && r.dim[0] == m && v.dim[0] == m);
        for (int64_t k = 0; k < m; k++) {
            sum += value[k];
            squares += value[k] * value[k];
            assert_true(k == 0 || value[k] >= value[k - 1]);
            for (int64_t i = 0; i < m; i++) {
                double residue = -value[k] * vector[k * m + i];
                for (int64_t j = 0; j < m; j++)
                    residue += matrix[i * m + j] * vector[k * m + j];
                worst = fmax(worst, fabs(residue));
            }
        }
        assert_true(fabs(sum - (double)m) < 1e-11 && worst < 1e-12 * value[m - 1]);
        assert_true(fabs((double)(m * m) / squares - attribute(site, "participation_ratio")) < 1e-10);
        lc_array_release(&l);
        lc_array_release(&v);
        lc_array_release(&r);
    }
}

static void open_both(const char *folder, struct lc_err *err)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/correlation.h5", folder);
    if (lc_result_open(&pairs, path, err) != LC_OK)
        return;
    snprintf(path, sizeof path, "%s/correlation.spectrum.h5", folder);
    if (lc_result_open(&spectrum, path, err) == LC_OK)
        lc_safetensors_open(&published, "tests/data/published/correlation.safetensors", err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_covariances),       cmocka_unit_test(joint_counts_in_float64),
        cmocka_unit_test(measures_follow_from_counts), cmocka_unit_test(top_pairs_are_the_greatest),
        cmocka_unit_test(spectrum_of_pearson),
    };
    const char *folder = results_folder("LC_PUBLISHED", "test_published.sh");
    struct lc_err err = LC_ERR_INIT;
    int failed;

    open_both(folder, &err);
    if (err.code != LC_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lc_result_close(pairs);
    lc_result_close(spectrum);
    lc_tensors_close(&published);
    return failed;
}

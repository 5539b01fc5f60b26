/* Results of the program against the data files that the published scripts wrote on the same inputs, as
 * extracted by tests/reference/make_published.py. tests/jobs/test_published.sh makes the results;
 * LC_PUBLISHED is their folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/tensor.h"
#include "result_fixture.h"

enum { SITES = 3, T = 64, NAME = 128 };

static struct lc_tensors published, swept;
static const char *folder;

/* Value i of the published tensor resid_out_layerSITE/NAME. */
static const struct lc_tensor *tensor(int site, const char *name)
{
    const struct lc_tensor *t;
    char full[NAME];

    snprintf(full, sizeof full, "resid_out_layer%d/%s", site, name);
    t = lc_tensors_find(&published, full);
    if (!t)
        fail_msg("expected.safetensors has no %s", full);
    return t;
}

static int64_t count_of(int site, const char *name)
{
    return tensor(site, name)->count;
}

static double value(int site, const char *name, int64_t i)
{
    const struct lc_tensor *t = tensor(site, name);
    int16_t i16;
    int32_t i32;
    float f32;
    double f64;

    assert_true(i < t->count);
    switch (t->dtype) {
    case LC_I16:
        memcpy(&i16, t->data + (size_t)i * sizeof i16, sizeof i16);
        return i16;
    case LC_I32:
        memcpy(&i32, t->data + (size_t)i * sizeof i32, sizeof i32);
        return i32;
    case LC_F32:
        memcpy(&f32, t->data + (size_t)i * sizeof f32, sizeof f32);
        return (double)f32;
    default:
        assert_int_equal(t->dtype, LC_F64);
        memcpy(&f64, t->data + (size_t)i * sizeof f64, sizeof f64);
        return f64;
    }
}

static int64_t integer(int site, const char *name, int64_t i)
{
    return (int64_t)value(site, name, i);
}

static double attribute(const struct lc_result *r, const char *key, int site)
{
    struct lc_err err = LC_ERR_INIT;
    char site_name[NAME];
    double x = 0.0;
    int found = 0;

    snprintf(site_name, sizeof site_name, "resid_out_layer%d", site);
    check(lc_result_get_real(r, "sites/SITE/influence", site_name, key, &x, &found, &err), &err);
    assert_true(found);
    return x;
}

/* Value i of the published context sweep of layer 2. */
static double swept_value(const char *name, int64_t i)
{
    char full[NAME];
    const struct lc_tensor *t;
    int32_t i32;
    float f32;

    snprintf(full, sizeof full, "resid_out_layer2/%s", name);
    t = lc_tensors_find(&swept, full);
    if (!t || i >= t->count)
        fail_msg("sweep.safetensors has no %s[%lld]", full, (long long)i);
    if (t->dtype == LC_F32) {
        memcpy(&f32, t->data + (size_t)i * sizeof f32, sizeof f32);
        return (double)f32;
    }
    assert_int_equal(t->dtype, LC_I32);
    memcpy(&i32, t->data + (size_t)i * sizeof i32, sizeof i32);
    return i32;
}

/* The larger of two differences; one that is not a number is infinite. */
static double larger(double worst, double difference)
{
    return isnan(difference) ? INFINITY : fmax(worst, difference);
}

/* max |a - b| / max |b| over n values of ours and of the published tensor from `at` on. */
static double relative(const float *ours, int site, const char *name, int64_t at, int64_t n)
{
    double difference = 0.0, largest = 0.0;

    for (int64_t i = 0; i < n; i++) {
        double e = value(site, name, at + i);
        difference = larger(difference, fabs((double)ours[i] - e));
        largest = fmax(largest, fabs(e));
    }
    return difference / largest;
}

static double relative_f64(const double *ours, int site, const char *name, int64_t at, double largest)
{
    double difference = 0.0;

    for (int64_t i = 0; i < T; i++)
        difference = larger(difference, fabs(ours[i] - value(site, name, at + i)));
    return difference / largest;
}

static void within(const char *what, int site, double found, double allowed)
{
    print_message("layer %d: %-44s worst difference %.2e (allowed %.0e)\n", site, what, found, allowed);
    if (!(found <= allowed))
        fail_msg("layer %d: %s is off by %g; allowed: %g", site, what, found, allowed);
}

/* Sum over tokens of |N(i,a) - published| for one feature. */
static int64_t token_difference(const struct lc_array *indptr, const struct lc_array *id,
                                const struct lc_array *count, int site, int64_t feature)
{
    const int64_t *ours_end = indptr->data, *ours = count->data;
    const int32_t *token = id->data;
    int64_t i = ours_end[feature], k = integer(site, "token_indptr", feature), sum = 0;
    int64_t i_end = ours_end[feature + 1], k_end = integer(site, "token_indptr", feature + 1);

    while (i < i_end || k < k_end) {
        int64_t mine = i < i_end ? token[i] : INT64_MAX,
                theirs = k < k_end ? integer(site, "token_id", k) : INT64_MAX;
        int64_t a = mine <= theirs ? ours[i++] : 0,
                b = theirs <= mine ? integer(site, "token_count", k++) : 0;
        sum += a > b ? a - b : b - a;
    }
    return sum;
}

static void counts_of_stage_1(void **state)
{
    struct lc_result *r = result_in(folder, "sparsity");

    (void)state;
    for (int site = 0; site < SITES; site++) {
        struct lc_array count = array_of_layer(r, "sites/SITE/sparsity/count", site);
        struct lc_array indptr = array_of_layer(r, "sites/SITE/sparsity/token_indptr", site);
        struct lc_array id = array_of_layer(r, "sites/SITE/sparsity/token_id", site);
        struct lc_array tokens = array_of_layer(r, "sites/SITE/sparsity/token_count", site);
        int64_t off = 0, total = 0, near = 0;
        assert_int_equal(count.count, count_of(site, "count"));
        for (int64_t f = 0; f < count.count; f++) {
            int64_t ours = ((const int64_t *)count.data)[f], theirs = integer(site, "count", f);
            int64_t by_token = token_difference(&indptr, &id, &tokens, site, f),
                    allowed = integer(site, "near", f);
            if (llabs(ours - theirs) > allowed || by_token > allowed)
                fail_msg("layer %d feature %lld: count %lld, published %lld; N(i,a) off by %lld; %lld "
                         "decisions are near",
                         site, (long long)f, (long long)ours, (long long)theirs, (long long)by_token,
                         (long long)allowed);
            off += by_token;
            total += theirs;
            near += allowed;
        }
        assert_true(total > 10000);
        print_message("layer %d: %lld active positions, N(i,a) differs at %lld; %lld decisions are near the "
                      "threshold\n",
                      site, (long long)total, (long long)off, (long long)near);
        lc_array_release(&count);
        lc_array_release(&indptr);
        lc_array_release(&id);
        lc_array_release(&tokens);
    }
    lc_result_close(r);
}

/* Place of a feature among the kept ones, or -1. */
static int64_t place_of(const struct lc_array *feature, int64_t wanted)
{
    for (int64_t i = 0; i < feature->count; i++)
        if (((const int32_t *)feature->data)[i] == wanted)
            return i;
    return -1;
}

/* Samples of one feature, window by window, against the published list that begins at row `first`. */
static double compare_samples(const struct lc_array *feature, const struct lc_array *profile, int site,
                              int64_t wanted, int64_t first, int64_t samples)
{
    double worst = 0.0;
    int64_t k = 0;

    for (int64_t i = 0; i < feature->count; i++) {
        if (((const int32_t *)feature->data)[i] != wanted)
            continue;
        assert_true(k < samples);
        worst = fmax(
            worst, relative((const float *)profile->data + i * T, site, "influence/J", (first + k++) * T, T));
    }
    assert_int_equal(k, samples);
    return worst;
}

static void features_of_influence(void **state)
{
    struct lc_result *r = result_in(folder, "influence");

    (void)state;
    for (int site = 0; site < SITES; site++) {
        struct lc_array feature = array_of_layer(r, "sites/SITE/influence/features/feature", site);
        struct lc_array samples = array_of_layer(r, "sites/SITE/influence/features/samples", site);
        struct lc_array mean = array_of_layer(r, "sites/SITE/influence/features/profile_mean", site);
        struct lc_array sd = array_of_layer(r, "sites/SITE/influence/features/profile_sd", site);
        struct lc_array of = array_of_layer(r, "sites/SITE/influence/samples/feature", site);
        struct lc_array profile = array_of_layer(r, "sites/SITE/influence/samples/profile", site);
        int64_t kept = count_of(site, "influence/feature"), first = 0;
        double worst[3] = {0};
        assert_int_equal(feature.count, kept);
        for (int64_t m = 0; m < kept; m++) {
            int64_t wanted = integer(site, "influence/feature", m), n = integer(site, "influence/samples", m);
            int64_t place = place_of(&feature, wanted);
            double largest = 0.0;
            assert_int_equal(place, m);
            assert_int_equal(((const int64_t *)samples.data)[place], n);
            for (int64_t t = 0; t < T; t++)
                largest = fmax(largest, value(site, "influence/mean", m * T + t));
            worst[0] = larger(worst[0], relative_f64((const double *)mean.data + m * T, site,
                                                     "influence/mean", m * T, largest));
            worst[1] = larger(worst[1], relative_f64((const double *)sd.data + m * T, site, "influence/sd",
                                                     m * T, largest));
            worst[2] = larger(worst[2], compare_samples(&of, &profile, site, wanted, first, n));
            first += n;
        }
        print_message("layer %d: %lld features, %lld samples\n", site, (long long)kept, (long long)first);
        within("influence: mean J over its maximum", site, worst[0], 1e-4);
        within("influence: sd of J over the mean's maximum", site, worst[1], 1e-4);
        within("influence: J of samples over its maximum", site, worst[2], 1e-4);
        lc_array_release(&feature);
        lc_array_release(&samples);
        lc_array_release(&mean);
        lc_array_release(&sd);
        lc_array_release(&of);
        lc_array_release(&profile);
    }
    lc_result_close(r);
}

/* Token vectors of one kind of one result against expected rows and entropies. */
static void compare_vectors(const struct lc_result *r, int site, const char *kind, const char *rows,
                            const char *entropies)
{
    char name[NAME], what[NAME];
    struct lc_array profile, entropy;
    double worst[2] = {0};

    snprintf(name, sizeof name, "sites/SITE/influence/token_vector/%s/profile", kind);
    profile = array_of_layer(r, name, site);
    snprintf(name, sizeof name, "sites/SITE/influence/token_vector/%s/entropy", kind);
    entropy = array_of_layer(r, name, site);
    assert_int_equal(entropy.count, count_of(site, entropies));
    for (int64_t w = 0; w < entropy.count; w++) {
        worst[0] = larger(worst[0], relative((const float *)profile.data + w * T, site, rows, w * T, T));
        worst[1] = larger(worst[1], fabs(((const double *)entropy.data)[w] - value(site, entropies, w)));
    }
    snprintf(what, sizeof what, "%s: R over its maximum", kind);
    within(what, site, worst[0], 1e-4);
    snprintf(what, sizeof what, "%s: entropy, bits", kind);
    within(what, site, worst[1], 1e-5);
    lc_array_release(&profile);
    lc_array_release(&entropy);
}

static void token_vector_of_80_windows(void **state)
{
    struct lc_result *r = result_in(folder, "influence");

    (void)state;
    compare_vectors(r, 2, "residual", "vector/R", "vector/entropy");
    lc_result_close(r);
}

static void compare_entropies(const struct lc_result *r, int site)
{
    struct lc_array window = array_of_layer(r, "sites/SITE/influence/samples/window", site);
    struct lc_array feature = array_of_layer(r, "sites/SITE/influence/samples/feature", site);
    struct lc_array activation = array_of_layer(r, "sites/SITE/influence/samples/activation", site);
    struct lc_array entropy = array_of_layer(r, "sites/SITE/influence/samples/entropy", site);
    struct lc_array profile = array_of_layer(r, "sites/SITE/influence/samples/profile", site);
    double worst[3] = {0};

    assert_int_equal(feature.count, count_of(site, "entropies/feature"));
    for (int64_t i = 0; i < feature.count; i++) {
        int64_t w = ((const int64_t *)window.data)[i];
        assert_true(i >= integer(site, "entropies/indptr", w) &&
                    i < integer(site, "entropies/indptr", w + 1));
        assert_int_equal(((const int32_t *)feature.data)[i], integer(site, "entropies/feature", i));
        worst[0] = larger(worst[0], fabs((double)((const float *)activation.data)[i] -
                                         value(site, "entropies/activation", i)));
        worst[1] = larger(
            worst[1], fabs((double)((const float *)entropy.data)[i] - value(site, "entropies/entropy", i)));
        worst[2] =
            larger(worst[2], relative((const float *)profile.data + i * T, site, "entropies/J", i * T, T));
    }
    print_message("layer %d: the same %lld active features in %lld windows\n", site, (long long)feature.count,
                  (long long)count_of(site, "entropies/start"));
    within("entropies: activation", site, worst[0], 1e-5);
    within("entropies: entropy of features, bits", site, worst[1], 1e-5);
    within("entropies: J over its maximum", site, worst[2], 1e-4);
    lc_array_release(&window);
    lc_array_release(&feature);
    lc_array_release(&activation);
    lc_array_release(&entropy);
    lc_array_release(&profile);
}

static void compare_summary(const struct lc_result *r, int site)
{
    struct lc_array entropy = array_of_layer(r, "sites/SITE/influence/token_vector/residual/entropy", site);
    double mean = 0.0;

    for (int64_t w = 0; w < entropy.count; w++)
        mean += ((const double *)entropy.data)[w] / (double)entropy.count;
    within("mean_feature_entropy is window_mean, bits", site,
           fabs(attribute(r, "window_mean", site) - value(site, "entropies/summary", 0)), 1e-5);
    within("mean_token_vector_entropy, bits", site, fabs(mean - value(site, "entropies/summary", 1)), 1e-5);
    lc_array_release(&entropy);
}

static void entropies_of_six_windows(void **state)
{
    struct lc_result *r = result_in(folder, "entropies");
    struct lc_array start = array_of_layer(r, "windows/start", -1);

    (void)state;
    for (int site = 0; site < SITES; site++) {
        assert_int_equal(start.count, count_of(site, "entropies/start"));
        for (int64_t w = 0; w < start.count; w++)
            assert_int_equal(((const int64_t *)start.data)[w], integer(site, "entropies/start", w));
        compare_entropies(r, site);
        compare_vectors(r, site, "residual", "entropies/vector_R", "entropies/vector_entropy");
        compare_vectors(r, site, "reconstruction", "entropies/reconstruction_R",
                        "entropies/reconstruction_entropy");
        compare_summary(r, site);
    }
    lc_array_release(&start);
    lc_result_close(r);
}

/* Positions count from the first token of the window; profiles have a place for the BOS before it. */
static void readouts_behind_a_bos(void **state)
{
    enum { ROW = T + 1 };
    struct lc_result *r = result_in(folder, "bos");

    (void)state;
    for (int site = 0; site < SITES; site++) {
        struct lc_array position = array_of_layer(r, "sites/SITE/influence/samples/position", site);
        struct lc_array feature = array_of_layer(r, "sites/SITE/influence/samples/feature", site);
        struct lc_array profile = array_of_layer(r, "sites/SITE/influence/samples/profile", site);
        double worst = 0.0;
        assert_int_equal(feature.count, count_of(site, "bos/feature"));
        assert_int_equal(profile.dim[1], ROW);
        for (int64_t i = 0; i < feature.count; i++) {
            assert_int_equal(((const int64_t *)position.data)[i], integer(site, "bos/position", i));
            assert_int_equal(((const int32_t *)feature.data)[i], integer(site, "bos/feature", i));
            worst =
                larger(worst, relative((const float *)profile.data + i * ROW, site, "bos/J", i * ROW, ROW));
        }
        print_message("layer %d: the same %lld active features at two positions\n", site,
                      (long long)feature.count);
        within("behind a BOS: J over its maximum", site, worst, 2e-5);
        lc_array_release(&position);
        lc_array_release(&feature);
        lc_array_release(&profile);
    }
    lc_result_close(r);
}

/* max |a - b| / max |b| over the n values of a profile, the published one at *at, which moves on. */
static double swept_profile(const float *ours, int64_t n, int64_t *at)
{
    double difference = 0.0, largest = 0.0;

    for (int64_t i = 0; i < n; i++) {
        double e = swept_value("J", (*at)++);
        difference = larger(difference, fabs((double)ours[i] - e));
        largest = fmax(largest, fabs(e));
    }
    return difference / largest;
}

/* One length: the same features, in the same order, from row `first` on; worst[] of activation, entropy, J. */
static void compare_point(const struct lc_result *r, int64_t first, int64_t last, int64_t length, int64_t *at,
                          double worst[3])
{
    struct lc_array feature = array_of_layer(r, "sites/SITE/influence/samples/feature", 2);
    struct lc_array activation = array_of_layer(r, "sites/SITE/influence/samples/activation", 2);
    struct lc_array entropy = array_of_layer(r, "sites/SITE/influence/samples/entropy", 2);
    struct lc_array profile = array_of_layer(r, "sites/SITE/influence/samples/profile", 2);

    assert_int_equal(feature.count, last - first);
    assert_int_equal(profile.dim[1], length);
    for (int64_t i = 0; i < feature.count; i++) {
        assert_int_equal(((const int32_t *)feature.data)[i], (int64_t)swept_value("feature", first + i));
        worst[0] = larger(worst[0], fabs((double)((const float *)activation.data)[i] -
                                         swept_value("activation", first + i)));
        worst[1] =
            larger(worst[1], fabs((double)((const float *)entropy.data)[i] - swept_value("entropy", first + i)));
        worst[2] = larger(worst[2], swept_profile((const float *)profile.data + i * length, length, at));
    }
    lc_array_release(&feature);
    lc_array_release(&activation);
    lc_array_release(&entropy);
    lc_array_release(&profile);
}

static void context_sweep_of_one_window(void **state)
{
    enum { POINTS = 16, LONGEST = 128 };
    struct lc_result *r = result_in(folder, "sweep");
    struct lc_array length = array_of_layer(r, "points/windows.length", -1);
    double worst[3] = {0};
    int64_t at = 0;

    (void)state;
    assert_int_equal(lc_result_points(r), POINTS);
    assert_int_equal(length.count, POINTS);
    for (int64_t k = 0; k < POINTS; k++) {
        int64_t T_k = ((const int64_t *)length.data)[k];
        struct lc_array start;
        lc_result_at(r, k);
        start = array_of_layer(r, "windows/start", -1);
        assert_int_equal(T_k, (int64_t)swept_value("length", k));
        assert_int_equal(start.count, 1);
        assert_int_equal(*(const int64_t *)start.data, (int64_t)swept_value("start", 0) + LONGEST - T_k);
        compare_point(r, (int64_t)swept_value("indptr", k), (int64_t)swept_value("indptr", k + 1), T_k, &at, worst);
        lc_array_release(&start);
    }
    print_message("layer 2: the same %lld active features at %d lengths\n", (long long)swept_value("indptr", POINTS),
                  POINTS);
    within("sweep: activation", 2, worst[0], 1e-5);
    within("sweep: entropy of features, bits", 2, worst[1], 1e-5);
    within("sweep: J over its maximum", 2, worst[2], 1e-4);
    lc_array_release(&length);
    lc_result_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_stage_1),          cmocka_unit_test(features_of_influence),
        cmocka_unit_test(token_vector_of_80_windows), cmocka_unit_test(entropies_of_six_windows),
        cmocka_unit_test(readouts_behind_a_bos),      cmocka_unit_test(context_sweep_of_one_window),
    };
    struct lc_err err = LC_ERR_INIT;
    int failed;

    folder = results_folder("LC_PUBLISHED", "test_published.sh");
    if (lc_safetensors_open(&published, "tests/data/published/expected.safetensors", &err) != LC_OK ||
        lc_safetensors_open(&swept, "tests/data/published/sweep.safetensors", &err) != LC_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lc_tensors_close(&published);
    lc_tensors_close(&swept);
    return failed;
}

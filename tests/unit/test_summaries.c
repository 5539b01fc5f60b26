/* Groups of samples, ratios and token vectors with their bootstrap intervals: against plain loops over the definitions,
 * which draw the same windows one resampling at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "lightcone/memory.h"
#include "lightcone/random.h"
#include "lightcone/samples.h"

enum { WINDOWS = 23, POSITIONS = 4, FEATURES = 17, ROUNDS = 203, SEED = 5 };

static const int64_t position_of[POSITIONS] = {0, 3, 7, 8};

static double uniform(uint64_t stream, int64_t i)
{
    return (double)(lc_random_bits(7, stream, (uint64_t)i) >> 11) * 0x1p-53;
}

static void near(double x, double expected, double tolerance)
{
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g", x, expected);
}

/* A log with ties of activation, degenerate samples, a window without samples and a position that few reach. */
static void make_log(struct lc_samples *log)
{
    struct lc_err err = LC_ERR_INIT;

    *log = (struct lc_samples){0};
    for (int64_t i = WINDOWS * POSITIONS * FEATURES - 1; i >= 0; i--) {
        int64_t window = i / (POSITIONS * FEATURES), at = i / FEATURES % POSITIONS;
        double h = 6.0 * uniform(1, i), d = 1.0 + 20.0 * uniform(2, i);
        struct lc_sample s = {.window = window,
                              .position = position_of[at],
                              .feature = i % FEATURES,
                              .activation = floor(40.0 * uniform(3, i)) / 8.0,
                              .spread = {.total = 1, .entropy = h, .participation = d, .renyi2 = log2(d)}};
        if (window == 11 || uniform(4, i) < (at == 2 ? 0.995 : 0.6))
            continue;
        if (uniform(5, i) < 0.05)
            s.spread = (struct lc_spread){
                .entropy = NAN, .participation = NAN, .renyi2 = NAN, .degenerate = 1};
        check(lc_samples_add(log, &s, NULL, 0, &err), &err);
    }
    lc_samples_sort(log);
}

/* --- by definition ---------------------------------------------------------------------------------------------- */

/* A value that takes part; `skip` leaves it out. */
struct value {
    int64_t window, group;
    double a, b; /* the mean is sum a / sum b */
};

static double mean_of_group(const struct value *v, int64_t n, int64_t group, const double *times)
{
    double a = 0.0, b = 0.0;

    for (int64_t i = 0; i < n; i++)
        if (v[i].group == group) {
            a += times[v[i].window] * v[i].a;
            b += times[v[i].window] * v[i].b;
        }
    return b > 0.0 ? a / b : NAN;
}

static double mean_of_means(const struct value *v, int64_t n, int64_t groups, const double *times)
{
    double sum = 0.0, count = 0.0;

    for (int64_t g = 0; g < groups; g++) {
        double m = mean_of_group(v, n, g, times);
        sum += isnan(m) ? 0.0 : m;
        count += !isnan(m);
    }
    return sum / count;
}

/* group -1: the mean over the means of `groups` groups. */
static double plain_mean(const struct value *v, int64_t n, int64_t group, int64_t groups, const double *times)
{
    return group < 0 ? mean_of_means(v, n, groups, times) : mean_of_group(v, n, group, times);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void check_interval(const struct lc_summary *s, const struct value *v, int64_t n, int64_t group, int64_t groups)
{
    double *mean = malloc(ROUNDS * sizeof *mean), *times = malloc((WINDOWS + 1) * sizeof *times), sum = 0.0, q[2];
    int64_t windows = 0, valid = 0;

    assert_true(mean && times);
    for (int64_t i = 0; i < n; i++)
        windows = v[i].window >= windows ? v[i].window + 1 : windows;
    for (int64_t i = 0; i < windows; i++)
        times[i] = 1.0;
    near(s->mean, plain_mean(v, n, group, groups, times), 1e-12);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        memset(times, 0, (size_t)windows * sizeof *times);
        for (int64_t i = 0; i < windows; i++)
            times[lc_random_below(SEED, round, (uint64_t)i, (uint64_t)windows)]++;
        mean[valid] = plain_mean(v, n, group, groups, times);
        sum += isnan(mean[valid]) ? 0.0 : mean[valid];
        valid += !isnan(mean[valid]);
    }
    qsort(mean, (size_t)valid, sizeof *mean, ascending);
    for (int k = 0; k < 2; k++) {
        double at = (k ? 0.975 : 0.025) * (double)(valid - 1), whole = floor(at);
        double next = (int64_t)whole + 1 < valid ? mean[(int64_t)whole + 1] : mean[(int64_t)whole];
        q[k] = mean[(int64_t)whole] + (at - whole) * (next - mean[(int64_t)whole]) - sum / (double)valid;
    }
    near(s->low, s->mean + q[0], 1e-12);
    near(s->high, s->mean + q[1], 1e-12);
    free(mean);
    free(times);
}

/* Count and sd of the values of a group. */
static void check_moments(const struct lc_summary *s, const struct value *v, int64_t n, int64_t group)
{
    double mean = 0.0, variance = 0.0;
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        if (v[i].group == group) {
            mean += v[i].a;
            count++;
        }
    mean /= (double)count;
    for (int64_t i = 0; i < n; i++)
        if (v[i].group == group)
            variance += (v[i].a - mean) * (v[i].a - mean);
    assert_int_equal(s->count, count);
    near(s->mean, mean, 1e-12);
    near(s->sd, sqrt(variance / (double)count), 1e-9);
}

/* --- samples ------------------------------------------------------------------------------------------------------ */

static int64_t position_index(int64_t position)
{
    int64_t k = 0;

    while (position_of[k] != position)
        k++;
    return k;
}

/* How many samples come before sample i: by activation, then by place in the log. */
static int64_t rank_of(const struct lc_samples *log, const unsigned char *kept, int64_t i)
{
    int64_t rank = 0;

    for (int64_t k = 0; k < log->count; k++) {
        const struct lc_sample *x = &log->item[k];
        if (!x->spread.degenerate && kept[x->feature] &&
            (x->activation < log->item[i].activation || (x->activation == log->item[i].activation && k < i)))
            rank++;
    }
    return rank;
}

enum column { BY_CLASS, BY_POSITION, BY_FEATURE, BY_FEATURE_D, BY_FEATURE_R, POOLED_D, POOLED_R };

/* The samples that take part as values of one kind, windows renumbered. */
static int64_t list_values(const struct lc_samples *log, const unsigned char *kept, enum column column,
                           struct value *v)
{
    int64_t n = 0, total = 0, window = -1, last = -1;

    for (int64_t i = 0; i < log->count; i++)
        total += !log->item[i].spread.degenerate && kept[log->item[i].feature];
    for (int64_t i = 0; i < log->count; i++) {
        const struct lc_sample *x = &log->item[i];
        if (x->spread.degenerate || !kept[x->feature])
            continue;
        window += x->window != last;
        last = x->window;
        v[n] = (struct value){.window = window, .a = x->spread.entropy, .b = 1.0};
        v[n].group = column == BY_CLASS      ? rank_of(log, kept, i) * LC_STRENGTHS / total
                     : column == BY_POSITION ? position_index(x->position)
                     : column < POOLED_D     ? x->feature
                                             : 0;
        if (column == BY_FEATURE_D || column == POOLED_D)
            v[n].a = x->spread.participation;
        if (column == BY_FEATURE_R || column == POOLED_R)
            v[n].a = x->spread.renyi2;
        n++;
    }
    return n;
}

static void check_classes(const struct lc_summaries *sum, const struct lc_samples *log, const unsigned char *kept,
                          struct value *v)
{
    int64_t n = list_values(log, kept, BY_CLASS, v), least = n, most = 0;

    assert_int_equal(sum->strengths, LC_STRENGTHS);
    for (int64_t q = 0; q < sum->strengths; q++) {
        const struct lc_sample_group *class = &sum->strength[q];
        check_moments(&class->entropy, v, n, q);
        check_interval(&class->entropy, v, n, q, 0);
        least = class->entropy.count < least ? class->entropy.count : least;
        most = class->entropy.count > most ? class->entropy.count : most;
        assert_true(class->least <= class->greatest);
        assert_true(q == 0 || class[-1].greatest <= class->least);
    }
    assert_true(most - least <= 1 && least > 0);
    assert_true(sum->strength[0].least == 0.0 && sum->strength[LC_STRENGTHS - 1].greatest == 39.0 / 8.0);
}

static void groups_match_brute_force(void **state)
{
    static const unsigned char kept[FEATURES] = {1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const int32_t feature[] = {0, 1, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16}; /* the same as a list */
    const struct lc_summary_rule rule = {.feature = feature,
                                         .features = sizeof feature / sizeof *feature,
                                         .position = position_of,
                                         .positions = POSITIONS,
                                         .seed = SEED,
                                         .rounds = ROUNDS};
    struct lc_err err = LC_ERR_INIT;
    struct lc_summaries sum;
    struct lc_samples log;
    struct value *v;
    int64_t n;

    (void)state;
    make_log(&log);
    v = malloc((size_t)log.count * sizeof *v);
    assert_non_null(v);
    check(lc_samples_summarise(&log, &rule, &sum, &err), &err);
    check_classes(&sum, &log, kept, v);
    n = list_values(&log, kept, BY_POSITION, v);
    assert_int_equal(sum.readouts, POSITIONS);
    for (int64_t q = 0; q < POSITIONS; q++) {
        assert_int_equal(sum.readout[q].position, position_of[q]);
        check_moments(&sum.readout[q].entropy, v, n, q);
        check_interval(&sum.readout[q].entropy, v, n, q, 0);
    }
    assert_true(sum.readout[2].entropy.count < 15); /* some resamplings have none of these */
    check_interval(&sum.feature_mean, v, list_values(&log, kept, BY_FEATURE, v), -1, FEATURES);
    check_interval(&sum.participation_feature_mean, v, list_values(&log, kept, BY_FEATURE_D, v), -1, FEATURES);
    check_interval(&sum.renyi2_feature_mean, v, list_values(&log, kept, BY_FEATURE_R, v), -1, FEATURES);
    n = list_values(&log, kept, POOLED_D, v);
    check_moments(&sum.participation_pooled, v, n, 0);
    check_interval(&sum.participation_pooled, v, n, 0, 0);
    n = list_values(&log, kept, POOLED_R, v);
    check_moments(&sum.renyi2_pooled, v, n, 0);
    check_interval(&sum.renyi2_pooled, v, n, 0, 0);
    free(v);
    lc_summaries_release(&sum);
    lc_samples_release(&log);
}

/* Equal activations only: the order of the log cuts the classes. Fewer samples than classes: a class each. */
static void classes_of_ties_and_of_few(void **state)
{
    const int64_t position = 2;
    const struct lc_summary_rule rule = {
        .features = 1, .position = &position, .positions = 1, .seed = 1, .rounds = 20};
    static const int64_t counts[] = {1, 4, 10, 23};

    (void)state;
    for (int k = 0; k < 4; k++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_samples log = {0};
        struct lc_summaries sum;
        int64_t seen = 0;
        for (int64_t i = 0; i < counts[k]; i++) {
            struct lc_sample s = {.window = i, .position = 2, .activation = 1.5, .spread = {.entropy = (double)i}};
            check(lc_samples_add(&log, &s, NULL, 0, &err), &err);
        }
        check(lc_samples_summarise(&log, &rule, &sum, &err), &err);
        assert_int_equal(sum.strengths, counts[k] < 10 ? counts[k] : 10);
        for (int64_t q = 0; q < sum.strengths; q++) {
            int64_t n = sum.strength[q].entropy.count;
            assert_true(n == counts[k] / sum.strengths || n == counts[k] / sum.strengths + 1);
            near(sum.strength[q].entropy.mean, (double)(2 * seen + n - 1) / 2.0, 1e-12);
            assert_true(sum.strength[q].least == 1.5 && sum.strength[q].greatest == 1.5);
            seen += n;
        }
        assert_int_equal(seen, counts[k]);
        near(sum.readout[0].entropy.low, sum.pooled.low, 0.0);
        lc_summaries_release(&sum);
        lc_samples_release(&log);
    }
}

/* --- token vectors ------------------------------------------------------------------------------------------------- */

static void overlap_by_hand(void **state)
{
    const float a[] = {1, 0, 3}, b[] = {2, 2, 0}, zero[] = {0, 0, 0}, inf[] = {1, INFINITY, 0}, nan[] = {1, NAN, 1};

    (void)state;
    near(lc_overlap_of(a, b, 3), 0.25, 1e-11);
    near(lc_overlap_of(a, a, 3), 1.0, 1e-15);
    near(lc_overlap_of(a, b, 1), 1.0, 1e-15);
    assert_true(isnan(lc_overlap_of(a, zero, 3)) && isnan(lc_overlap_of(inf, a, 3)) && isnan(lc_overlap_of(nan, a, 3)));
}

enum { READOUTS = 2, LENGTH = 9 };

/* Readout i of a token vector behind a BOS: position 3 or 7, so 5 or 9 places of the profile. */
static void add_readout(struct lc_samples *log, int64_t i, uint64_t stream, double *j)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_sample s = {.window = i / READOUTS, .position = i % READOUTS ? 7 : 3};

    for (int64_t t = 0; t < LENGTH; t++)
        j[t] = t <= s.position + 1 ? (double)(float)uniform(stream, LENGTH * i + t) : 0.0; /* profiles are float32 */
    if (stream == 20 && i == 6)
        memset(j, 0, LENGTH * sizeof *j);
    s.spread = lc_spread_of(j, s.position + 2);
    check(lc_samples_add(log, &s, j, s.position + 2, &err), &err);
}

static double sum_of(const double *j)
{
    double sum = 0.0;

    for (int64_t t = 0; t < LENGTH; t++)
        sum += j[t];
    return sum;
}

static void vectors_match_brute_force(void **state)
{
    enum { N = WINDOWS * READOUTS };
    struct lc_samples residual = {.profile_length = LENGTH}, reconstruction = {.profile_length = LENGTH}, none = {0};
    struct value share[N], sums[N], overlap[N], entropy[N];
    struct lc_vector_summaries sum;
    struct lc_err err = LC_ERR_INIT;
    int64_t n = 0, places;

    (void)state;
    for (int64_t i = 0; i < N; i++) {
        double a[LENGTH], b[LENGTH], x, y, common = 0.0;
        add_readout(&residual, i, 20, a);
        add_readout(&reconstruction, i, 21, b);
        x = sum_of(a);
        y = sum_of(b);
        places = residual.item[i].position + 2;
        for (int64_t t = 0; t < places; t++)
            common += fmin((a[t] + 1e-12) / (x + (double)places * 1e-12), (b[t] + 1e-12) / (y + (double)places * 1e-12));
        entropy[i] = (struct value){i / READOUTS, 0, reconstruction.item[i].spread.entropy, 1.0};
        if (i == 6)
            continue;
        share[n] = (struct value){i / READOUTS, 0, y / x, 1.0};
        sums[n] = (struct value){i / READOUTS, 0, y, x};
        overlap[n++] = (struct value){i / READOUTS, 0, common, 1.0};
    }
    check(lc_vectors_summarise(&residual, &reconstruction, &residual, 1, SEED, ROUNDS, &sum, &err), &err);
    check_moments(&sum.share, share, n, 0);
    check_interval(&sum.share, share, n, 0, 0);
    check_interval(&sum.share_of_sums, sums, n, 0, 0);
    assert_true(isnan(sum.share_of_sums.sd) && sum.share_of_sums.count == n);
    check_moments(&sum.overlap, overlap, n, 0);
    check_interval(&sum.overlap, overlap, n, 0, 0);
    check_moments(&sum.reconstruction_entropy, entropy, N, 0);
    check_interval(&sum.reconstruction_entropy, entropy, N, 0, 0);
    assert_int_equal(sum.residual_entropy.count, N - 1);
    assert_memory_equal(&sum.estimate_entropy, &sum.residual_entropy, sizeof sum.residual_entropy);
    check(lc_vectors_summarise(&none, &reconstruction, &none, 1, SEED, ROUNDS, &sum, &err), &err);
    check_interval(&sum.reconstruction_entropy, entropy, N, 0, 0);
    assert_true(sum.share.count == 0 && isnan(sum.share.mean) && isnan(sum.overlap.low) &&
                sum.residual_entropy.count == 0 && sum.estimate_entropy.count == 0);
    check(lc_vectors_summarise(&none, &none, &reconstruction, 1, SEED, ROUNDS, &sum, &err), &err);
    check_interval(&sum.estimate_entropy, entropy, N, 0, 0);
    lc_samples_release(&residual);
    lc_samples_release(&reconstruction);
}

/* A million samples are a matter of seconds, not minutes. */
static void a_million_samples(void **state)
{
    enum { MANY = 1000000, EACH = 500, SAE = 8192 };
    struct lc_err err = LC_ERR_INIT;
    struct lc_samples log = {0};
    struct lc_summaries sum;
    clock_t start;

    (void)state;
    for (int64_t i = 0; i < MANY; i++) {
        double h = uniform(8, i);
        struct lc_sample s = {.window = i / EACH,
                              .feature = i % EACH * (SAE / EACH) + i / EACH % (SAE / EACH),
                              .activation = uniform(9, i),
                              .spread = {.entropy = h, .participation = 1 + h, .renyi2 = h}};
        check(lc_samples_add(&log, &s, NULL, 0, &err), &err);
    }
    start = clock();
    check(lc_samples_summarise(&log,
                               &(struct lc_summary_rule){.features = SAE, .seed = 1, .rounds = 1000}, &sum, &err),
          &err);
    print_message("%d samples, 1000 resamplings: %.1f s\n", MANY, (double)(clock() - start) / CLOCKS_PER_SEC);
    near(sum.pooled.mean, 0.5, 0.01);
    near(sum.pooled.high - sum.pooled.low, 2 * 1.96 * sqrt(1.0 / 12.0 / MANY), 2e-4);
    lc_summaries_release(&sum);
    lc_samples_release(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_match_brute_force),
        cmocka_unit_test(classes_of_ties_and_of_few),
        cmocka_unit_test(overlap_by_hand),
        cmocka_unit_test(vectors_match_brute_force),
        cmocka_unit_test(a_million_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

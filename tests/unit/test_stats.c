/* Accumulators and what is derived from them: against hand values, brute force and exact fractions; the same
 * bytes in whatever order things are added and merged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lightcone/counts.h"
#include "lightcone/exact.h"
#include "lightcone/positions.h"
#include "lightcone/rank_frequency.h"
#include "lightcone/profiles.h"
#include "lightcone/random.h"
#include "lightcone/samples.h"
#include "lightcone/spread.h"

static int64_t below(uint64_t stream, int64_t i, int64_t n)
{
    return (int64_t)lc_random_below(5, stream, (uint64_t)i, (uint64_t)n);
}

static double uniform(uint64_t stream, int64_t i)
{
    return (double)(lc_random_bits(5, stream, (uint64_t)i) >> 11) * 0x1p-53;
}

/* A permutation of 0 .. n-1, another for every seed. */
static void shuffle(int64_t *order, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = below(100 + seed, i, i + 1), x = order[i];
        order[i] = order[k];
        order[k] = x;
    }
}

static void assert_same_bytes(const struct lc_bytes *a, const struct lc_bytes *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
}

static struct lc_reader reader_of(const struct lc_bytes *b)
{
    return (struct lc_reader){.data = b->data, .size = b->size};
}

static void near(double x, double expected, double tolerance)
{
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g", x, expected);
}

static void spread_by_hand(void **state)
{
    const double j[] = {1, 0, 3}, equal[8] = {2, 2, 2, 2, 2, 2, 2, 2}, one = 7e-9, tiny[] = {1e-9, 3e-9};
    struct lc_spread s = lc_spread_of(j, 3);
    double p;

    (void)state;
    near(s.entropy, 0.8112781244699546, 1e-10); /* e = 1e-12 moves the 11th digit */
    near(s.total, 4.0, 0);
    near(s.participation, 1.6, 1e-11);
    near(s.renyi2, log2(1.6), 1e-11);
    assert_int_equal(s.degenerate, 0);
    s = lc_spread_of(equal, 8);
    near(s.entropy, 3.0, 1e-14);
    near(s.participation, 8.0, 1e-13);
    near(s.renyi2, 3.0, 1e-14);
    s = lc_spread_of(&one, 1);
    assert_true(s.entropy == 0.0 && s.renyi2 == 0.0 && s.participation == 1.0 && s.degenerate == 0);
    s = lc_spread_of(tiny, 2); /* here e counts: P is of J + e */
    p = (1e-9 + 1e-12) / (4e-9 + 2e-12);
    near(s.entropy, -p * log2(p) - (1 - p) * log2(1 - p), 1e-12);
}

static void spread_of_degenerate_profiles(void **state)
{
    const double zero[] = {0, 0, 0}, inf[] = {1, INFINITY}, nan[] = {1, NAN};
    struct lc_spread s = lc_spread_of(zero, 3);

    (void)state;
    assert_true(s.degenerate && s.total == 0.0 && isnan(s.entropy) && isnan(s.participation) &&
                isnan(s.renyi2));
    s = lc_spread_of(inf, 2);
    assert_true(s.degenerate && isnan(s.entropy));
    s = lc_spread_of(nan, 2);
    assert_true(s.degenerate && isnan(s.entropy));
}

static void means_of_probes_by_hand(void **state)
{
    const double two[] = {3, 1, 1, 3}, apart[] = {1, 1, 0, 3}, three[] = {1, 2, 6}, zero[] = {0, 0, 1, 1}, nan[] = {1, NAN, 1, 2};
    double mean[2], error[2], entropy;

    (void)state;
    lc_probes_finish(two, 2, 2, mean, error, &entropy); /* without either the entropy is the same */
    near(mean[0], 2.0, 0);
    near(mean[1], 2.0, 0);
    near(error[0], 1.0, 1e-15); /* variance 2, over two */
    near(error[1], 1.0, 1e-15);
    near(entropy, 0.0, 1e-15);
    lc_probes_finish(apart, 2, 2, mean, error, &entropy); /* 0 bits without the first, 1 without the second */
    near(mean[1], 2.0, 0);
    near(error[0], 0.5, 1e-15);
    near(entropy, 0.5, 1e-9);
    lc_probes_finish(three, 3, 1, mean, error, &entropy);
    near(mean[0], 3.0, 1e-15);
    near(error[0], sqrt(7.0 / 3.0), 1e-15); /* variance (4 + 1 + 9) / 2 */
    lc_probes_finish(zero, 2, 2, mean, error, &entropy);
    assert_true(mean[0] == 0.5 && isnan(entropy));
    lc_probes_finish(nan, 2, 2, mean, error, &entropy);
    assert_true(mean[0] == 1.0 && isnan(mean[1]) && error[0] == 0.0 && isnan(error[1]) && isnan(entropy));
}

static void sums_do_not_depend_on_order(void **state)
{
    enum { N = 2000 };
    static double x[N];
    static int64_t order[N];
    struct lc_exact first = {{0}}, again, part[3];

    (void)state;
    for (int64_t i = 0; i < N; i++) /* magnitudes over 150 powers of two, both signs */
        x[i] = ldexp(uniform(1, i) - 0.5, (int)below(2, i, 150) - 100);
    for (int64_t i = 0; i < N; i++)
        lc_exact_add(&first, x[i]);
    for (uint64_t seed = 0; seed < 5; seed++) {
        shuffle(order, N, seed);
        memset(part, 0, sizeof part);
        for (int64_t i = 0; i < N; i++)
            lc_exact_add(&part[i * 7 % 3], x[order[i]]);
        again = (struct lc_exact){{0}};
        for (int64_t k = 0; k < 3; k++)
            lc_exact_merge(&again, &part[((uint64_t)k + seed) % 3]);
        assert_memory_equal(&first, &again, sizeof first);
    }
}

__extension__ typedef __int128 wide;

/* A sum of integers times 2^shift as an integer: under valgrind long double has no more bits than double. */
static wide integer_of(const struct lc_exact *sum, int shift)
{
    double value = ldexp(lc_exact_value(sum), -shift);

    assert_true(floor(value) == value);
    return (wide)value;
}

/* Integers times one power of two: 128-bit arithmetic holds their sum exactly. */
static void sums_are_exact(void **state)
{
    static const int shift[] = {-160, -120, -63, -1, 0, 5};

    (void)state;
    for (size_t k = 0; k < sizeof shift / sizeof shift[0]; k++) {
        struct lc_exact sum = {{0}};
        wide expected = 0;
        for (int64_t i = 0; i < 3000; i++) {
            int64_t x = (int64_t)(lc_random_bits(5, 3, (uint64_t)i) >> (22 + i % 30)) * (i % 3 == 0 ? -1 : 1);
            lc_exact_add(&sum, ldexp((double)x, shift[k]));
            expected += x;
            if (i % 500 == 0) {
                wide off = integer_of(&sum, shift[k]) - expected;
                assert_true((off < 0 ? -off : off) << 52 <= (expected < 0 ? -expected : expected));
            }
        }
        lc_exact_add(&sum,
                     -ldexp((double)(int64_t)expected, shift[k])); /* what is left is what double drops */
        assert_true(integer_of(&sum, shift[k]) == expected - (wide)(double)(int64_t)expected);
    }
}

static void sums_of_large_and_small(void **state)
{
    struct lc_exact sum = {{0}};

    (void)state;
    lc_exact_add(&sum, LC_EXACT_MAX);
    lc_exact_add(&sum, 0x1p-150);
    lc_exact_add(&sum, -0x1p-152);
    lc_exact_add(&sum, -LC_EXACT_MAX);
    assert_true(lc_exact_value(&sum) == 0x1p-150 - 0x1p-152);
    lc_exact_add(&sum, -0x1p-149);
    assert_true(lc_exact_value(&sum) == 0x1p-150 - 0x1p-152 - 0x1p-149);
    sum = (struct lc_exact){{0}};
    lc_exact_add(&sum, 0x1p-161); /* below the unit: dropped */
    lc_exact_add(&sum, 0.0);
    lc_exact_add(&sum, -0.0);
    lc_exact_add(&sum, 5e-324);
    lc_exact_add(&sum, -5e-324);
    assert_true(lc_exact_value(&sum) == 0.0);
    lc_exact_add(&sum, -3.0);
    assert_true(lc_exact_value(&sum) == -3.0);
    sum = (struct lc_exact){{0}};
    for (int i = 0; i < 10; i++)
        lc_exact_add(&sum, 0.1);
    near(lc_exact_value(&sum), 1.0, 0); /* exactly 1 + 5.6e-17; adding in double gives 1 - 1.1e-16 */
}

enum { EVENTS = 20000, FEATURES = 50, TOKENS = 97 };

static int32_t event_feature(int64_t i)
{
    return (int32_t)(below(7, i, FEATURES) * below(8, i, FEATURES) / FEATURES);
}

static int32_t event_token(int64_t i)
{
    return (int32_t)below(9, i, TOKENS);
}

static void counts_match_brute_force(void **state)
{
    static int64_t count[FEATURES][TOKENS], first[FEATURES][TOKENS], order[EVENTS];
    struct lc_err err = LC_ERR_INIT;
    struct lc_counts c = {0};
    struct lc_count *list;
    int64_t k = 0;

    (void)state;
    shuffle(order, EVENTS, 9);
    for (int64_t i = 0; i < EVENTS; i++) {
        int32_t f = event_feature(order[i]), t = event_token(order[i]);
        if (count[f][t] == 0 || order[i] < first[f][t])
            first[f][t] = order[i];
        count[f][t]++;
        check(lc_counts_add(&c, f, t, 1, order[i], &err), &err);
    }
    check(lc_counts_sorted(&c, &list, &err), &err);
    for (int64_t f = 0; f < FEATURES; f++)
        for (int64_t t = 0; t < TOKENS; t++) {
            if (count[f][t] == 0)
                continue;
            assert_true(k < c.used && list[k].key == ((uint64_t)f << 32 | (uint64_t)t));
            assert_int_equal(list[k].count, count[f][t]);
            assert_int_equal(list[k++].first, first[f][t]);
        }
    assert_int_equal(k, c.used);
    free(list);
    lc_counts_release(&c);
}

/* Features and tokens of every size. */
static void large_keys_are_sorted(void **state)
{
    enum { KEYS = 5000 };
    struct lc_err err = LC_ERR_INIT;
    struct lc_counts c = {0};
    struct lc_count *list;

    (void)state;
    for (int64_t i = 0; i < KEYS; i++)
        check(lc_counts_add(&c, (int32_t)(below(41, i, INT64_C(1) << 31) >> i % 31),
                            (int32_t)(below(42, i, INT64_C(1) << 31) >> i % 29), 1, i, &err), &err);
    check(lc_counts_sorted(&c, &list, &err), &err);
    assert_true(c.used > KEYS / 2);
    for (int64_t k = 1; k < c.used; k++)
        assert_true(list[k - 1].key < list[k].key);
    free(list);
    lc_counts_release(&c);
    check(lc_counts_sorted(&c, &list, &err), &err);
    free(list);
}

/* The events in `parts` accumulators, by a seeded order, saved and merged: in ascending order as bytes. */
static void sorted_counts(struct lc_bytes *out, int64_t parts, uint64_t seed)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_counts part[4] = {{0}};
    struct lc_count *list = NULL;
    static int64_t order[EVENTS];

    shuffle(order, EVENTS, seed);
    for (int64_t i = 0; i < EVENTS; i++)
        check(lc_counts_add(&part[i % parts], event_feature(order[i]), event_token(order[i]), 1, order[i],
                            &err),
              &err);
    for (int64_t p = 1; p < parts; p++) {
        struct lc_bytes bytes = {0};
        struct lc_reader in;
        check(lc_counts_save(&part[p], &bytes, &err), &err);
        in = reader_of(&bytes);
        check(lc_counts_merge(&part[0], &in, &err), &err);
        assert_int_equal(in.at, in.size);
        lc_bytes_release(&bytes);
    }
    check(lc_counts_sorted(&part[0], &list, &err), &err);
    check(lc_bytes_add(out, list, (size_t)part[0].used * sizeof *list, &err), &err);
    free(list);
    for (int64_t p = 0; p < parts; p++)
        lc_counts_release(&part[p]);
}

static void counts_merge_in_any_order(void **state)
{
    struct lc_bytes one = {0};

    (void)state;
    sorted_counts(&one, 1, 0);
    for (int64_t parts = 2; parts <= 4; parts++) {
        struct lc_bytes other = {0};
        sorted_counts(&other, parts, (uint64_t)parts);
        assert_same_bytes(&one, &other);
        lc_bytes_release(&other);
    }
    lc_bytes_release(&one);
}

static int64_t event_position(int64_t i, int64_t length)
{
    return below(11, i, length);
}

static void check_moments(const struct lc_positions *p, int64_t feature, int64_t offset)
{
    long double n = 0, sum[2] = {0}, squares[2] = {0};
    double mean[2], sd[2];

    for (int64_t i = 0; i < EVENTS; i++)
        if (event_feature(i) == feature) {
            n++;
            sum[0] += (long double)event_position(i, p->length);
            sum[1] += (long double)(offset + i);
        }
    for (int64_t i = 0; i < EVENTS; i++)
        if (event_feature(i) == feature) {
            squares[0] += powl((long double)event_position(i, p->length) - sum[0] / n, 2);
            squares[1] += powl((long double)(offset + i) - sum[1] / n, 2);
        }
    lc_positions_moments(p, feature, &mean[0], &sd[0], &mean[1], &sd[1]);
    for (int k = 0; k < 2; k++) {
        if (n == 0) {
            assert_true(isnan(mean[k]) && isnan(sd[k]));
            continue;
        }
        near(mean[k], (double)(sum[k] / n), 1e-15 * (double)(sum[k] / n));
        near(sd[k], (double)sqrtl(squares[k] / n), 1e-12 * (double)sqrtl(squares[k] / n) + 1e-12);
    }
}

static void check_histogram(const struct lc_positions *p, int64_t feature, int64_t offset)
{
    int64_t bin[LC_POSITION_BINS] = {0}, corpus_bin[LC_POSITION_BINS] = {0}, count = 0;

    for (int64_t i = 0; i < EVENTS; i++)
        if (event_feature(i) == feature) {
            bin[(int64_t)floorl((long double)event_position(i, p->length) / (long double)p->length *
                                (long double)p->bins)]++;
            corpus_bin[(int64_t)floorl((long double)(offset + i - p->first) / (long double)(p->last - p->first) *
                                       (long double)p->corpus_bins)]++;
            count++;
        }
    if (!p->item[feature]) {
        assert_int_equal(count, 0);
        return;
    }
    assert_int_equal(p->item[feature]->count, count);
    for (int64_t b = 0; b < p->bins; b++)
        assert_int_equal(p->item[feature]->bin[b], bin[b]);
    for (int64_t b = 0; b < p->corpus_bins; b++)
        assert_int_equal(p->item[feature]->corpus_bin[b], corpus_bin[b]);
}

static void positions_match_brute_force(void **state)
{
    static const int64_t length[] = {1, 7, 64, 100, 128, 1000},
                         offset[] = {0, 0, 1000000, INT64_C(1) << 31, INT64_C(1) << 40, 5};

    (void)state;
    for (int k = 0; k < 6; k++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_positions p;
        /* the events' indices, or a stretch of the stream that begins before and ends after them */
        check(lc_positions_init(&p, FEATURES, length[k], k % 2 ? offset[k] : offset[k] - 3,
                                offset[k] + EVENTS + 77 * (k % 3), &err),
              &err);
        assert_int_equal(p.corpus_bins, LC_POSITION_BINS);
        for (int64_t i = 0; i < EVENTS; i++)
            check(lc_positions_add(&p, event_feature(i), event_position(i, length[k]), offset[k] + i, &err),
                  &err);
        for (int64_t f = 0; f < FEATURES; f++) {
            check_moments(&p, f, offset[k]);
            check_histogram(&p, f, offset[k]);
        }
        lc_positions_release(&p);
    }
}

/* A stream shorter than the bins has one for each token. */
static void short_streams_have_few_bins(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_positions p;

    (void)state;
    check(lc_positions_init(&p, FEATURES, 2, 100, 105, &err), &err);
    assert_int_equal(p.corpus_bins, 5);
    for (int64_t i = 100; i < 105; i++)
        check(lc_positions_add(&p, 1, i % 2, i, &err), &err);
    check(lc_positions_add(&p, 1, 0, 104, &err), &err);
    for (int b = 0; b < 5; b++)
        assert_int_equal(p.item[1]->corpus_bin[b], b == 4 ? 2 : 1);
    lc_positions_release(&p);
}

static void saved_positions(struct lc_bytes *out, int64_t parts, uint64_t seed)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_positions part[4];
    static int64_t order[EVENTS];

    shuffle(order, EVENTS, seed);
    for (int64_t p = 0; p < parts; p++)
        check(lc_positions_init(&part[p], FEATURES, 64, 0, EVENTS, &err), &err);
    for (int64_t i = 0; i < EVENTS; i++)
        check(lc_positions_add(&part[i % parts], event_feature(order[i]), event_position(order[i], 64),
                               order[i], &err),
              &err);
    for (int64_t p = 1; p < parts; p++) {
        struct lc_bytes bytes = {0};
        struct lc_reader in;
        check(lc_positions_save(&part[p], &bytes, &err), &err);
        in = reader_of(&bytes);
        check(lc_positions_merge(&part[0], &in, &err), &err);
        lc_bytes_release(&bytes);
    }
    check(lc_positions_save(&part[0], out, &err), &err);
    for (int64_t p = 0; p < parts; p++)
        lc_positions_release(&part[p]);
}

static void positions_merge_in_any_order(void **state)
{
    struct lc_bytes one = {0};

    (void)state;
    saved_positions(&one, 1, 0);
    for (int64_t parts = 2; parts <= 4; parts++) {
        struct lc_bytes other = {0};
        saved_positions(&other, parts, (uint64_t)parts);
        assert_same_bytes(&one, &other);
        lc_bytes_release(&other);
    }
    lc_bytes_release(&one);
}

enum { SAMPLES = 600, LENGTH = 9, WINDOWS = 40, SAMPLED = 12 };

/* Sample i: unique (window, position, feature), a profile of n <= LENGTH values over many magnitudes. */
static struct lc_sample sample_at(int64_t i, double j[LENGTH], int64_t *n)
{
    struct lc_sample s = {.window = i % WINDOWS, .position = LENGTH - 1 - i / WINDOWS % 2};

    s.feature = i / WINDOWS * SAMPLED / (SAMPLES / WINDOWS) % SAMPLED;
    *n = s.position + 1;
    for (int64_t t = 0; t < *n; t++)
        j[t] = ldexp(uniform(20 + (uint64_t)t, i), (int)below(21, i, 60) - 50);
    if (i % 101 == 5)
        memset(j, 0, LENGTH * sizeof *j);
    s.activation = uniform(22, i);
    s.spread = lc_spread_of(j, *n);
    return s;
}

/* Gradients far above 1 are samples like any others: tiny embeddings behind a small eps make them. */
static void profiles_of_large_gradients(void **state)
{
    const double j[2][2] = {{0x1p90, 0x1p-40}, {0x1.8p91, 0x1.8p-39}};
    struct lc_err err = LC_ERR_INIT;
    struct lc_profiles p;
    double mean[2], sd[2];

    (void)state;
    check(lc_profiles_init(&p, 1, 2, &err), &err);
    for (int i = 0; i < 2; i++)
        check(lc_profiles_add(&p, 0, j[i], 2, &err), &err);
    lc_profiles_moments(&p, 0, mean, sd);
    assert_true(mean[0] == 0x1p91 && sd[0] == 0x1p90);
    assert_true(mean[1] == 0x1p-39 && sd[1] == 0x1p-40);
    lc_profiles_release(&p);
}

static void profiles_match_brute_force(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    long double sum[SAMPLED][LENGTH] = {{0}}, squares[SAMPLED][LENGTH] = {{0}}, count[SAMPLED] = {0};
    double mean[LENGTH], sd[LENGTH], j[LENGTH];
    struct lc_profiles p;
    int64_t n;

    (void)state;
    check(lc_profiles_init(&p, SAMPLED + 1, LENGTH, &err), &err);
    for (int64_t i = 0; i < SAMPLES; i++) {
        struct lc_sample s = sample_at(i, j, &n);
        check(lc_profiles_add(&p, s.feature, j, n, &err), &err);
        count[s.feature]++;
        for (int64_t t = 0; t < n; t++) {
            sum[s.feature][t] += (long double)j[t];
            squares[s.feature][t] += (long double)j[t] * (long double)j[t];
        }
    }
    for (int64_t f = 0; f < SAMPLED; f++) {
        assert_true(p.samples[f] == (int64_t)count[f]);
        if (p.samples[f] == 0)
            continue;
        lc_profiles_moments(&p, f, mean, sd);
        for (int64_t t = 0; t < LENGTH; t++) {
            long double m = sum[f][t] / count[f], v = squares[f][t] / count[f] - m * m;
            near(mean[t], (double)m, 1e-15 * (double)m);
            near(sd[t], (double)sqrtl(v > 0 ? v : 0), 1e-9 * (double)m);
        }
    }
    assert_int_equal(p.samples[SAMPLED], 0);
    lc_profiles_release(&p);
}

/* Profiles and samples from `parts` ranks, added in a seeded order. */
static void gather(struct lc_profiles *profiles, struct lc_samples *samples, int64_t parts, uint64_t seed)
{
    struct lc_err err = LC_ERR_INIT;
    int64_t order[SAMPLES], n;
    double j[LENGTH];

    shuffle(order, SAMPLES, seed);
    check(lc_profiles_init(profiles, SAMPLED, LENGTH, &err), &err);
    *samples = (struct lc_samples){.profile_length = LENGTH};
    for (int64_t p = parts - 1; p >= 0; p--) {
        struct lc_samples some = {.profile_length = LENGTH};
        struct lc_profiles part;
        struct lc_bytes bytes = {0};
        struct lc_reader in;
        check(lc_profiles_init(&part, SAMPLED, LENGTH, &err), &err);
        for (int64_t i = p; i < SAMPLES; i += parts) {
            struct lc_sample s = sample_at(order[i], j, &n);
            check(lc_samples_add(&some, &s, j, n, &err), &err);
            check(lc_profiles_add(&part, s.feature, j, n, &err), &err);
        }
        check(lc_samples_save(&some, &bytes, &err), &err);
        check(lc_profiles_save(&part, &bytes, &err), &err);
        in = reader_of(&bytes);
        check(lc_samples_merge(samples, &in, &err), &err);
        check(lc_profiles_merge(profiles, &in, &err), &err);
        assert_int_equal(in.at, in.size);
        lc_bytes_release(&bytes);
        lc_samples_release(&some);
        lc_profiles_release(&part);
    }
}

static void assert_same_samples(const struct lc_samples *a, const struct lc_samples *b)
{
    assert_int_equal(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++) {
        struct lc_sample x = a->item[i], y = b->item[i];
        assert_memory_equal(a->profile + x.profile * LENGTH, b->profile + y.profile * LENGTH,
                            LENGTH * sizeof(float));
        assert_true(x.window == y.window && x.position == y.position && x.feature == y.feature);
        assert_memory_equal(&x.activation, &y.activation, sizeof x.activation);
        assert_memory_equal(&x.spread, &y.spread,
                            offsetof(struct lc_spread, degenerate) + sizeof x.spread.degenerate);
    }
}

static void samples_and_profiles_merge_in_any_order(void **state)
{
    struct lc_profiles one, other;
    struct lc_samples log, another;

    (void)state;
    gather(&one, &log, 1, 0);
    lc_samples_sort(&log);
    for (int64_t i = 1; i < log.count; i++)
        assert_true(log.item[i - 1].window < log.item[i].window ||
                    (log.item[i - 1].window == log.item[i].window &&
                     (log.item[i - 1].position < log.item[i].position ||
                      (log.item[i - 1].position == log.item[i].position &&
                       log.item[i - 1].feature < log.item[i].feature))));
    for (int64_t parts = 2; parts <= 5; parts++) {
        struct lc_bytes a = {0}, b = {0};
        struct lc_err err = LC_ERR_INIT;
        gather(&other, &another, parts, (uint64_t)parts);
        lc_samples_sort(&another);
        assert_same_samples(&log, &another);
        check(lc_profiles_save(&one, &a, &err), &err);
        check(lc_profiles_save(&other, &b, &err), &err);
        check(lc_samples_save(&log, &a, &err), &err);
        check(lc_samples_save(&another, &b, &err), &err);
        assert_same_bytes(&a, &b);
        lc_bytes_release(&a);
        lc_bytes_release(&b);
        lc_samples_release(&another);
        lc_profiles_release(&other);
    }
    lc_samples_release(&log);
    lc_profiles_release(&one);
}

static int64_t sample_by_key(const struct lc_samples *log, const struct lc_sample *s)
{
    for (int64_t i = 0; i < log->count; i++)
        if (log->item[i].window == s->window && log->item[i].position == s->position &&
            log->item[i].feature == s->feature && log->item[i].activation == s->activation)
            return i;
    fail_msg("a sample is lost");
    return -1;
}

static void profiles_are_padded_and_found(void **state)
{
    double j[LENGTH];
    struct lc_profiles profiles;
    struct lc_samples log;
    int64_t n;

    (void)state;
    gather(&profiles, &log, 3, 8);
    assert_int_equal(log.count, SAMPLES);
    for (int64_t i = 0; i < SAMPLES; i++) {
        struct lc_sample s = sample_at(i, j, &n), *found = &log.item[sample_by_key(&log, &s)];
        for (int64_t t = 0; t < LENGTH; t++)
            assert_true(log.profile[found->profile * LENGTH + t] == (t < n ? (float)j[t] : 0.0f));
    }
    lc_samples_release(&log);
    lc_profiles_release(&profiles);
}

/* Mean and population sd of `n` values. */
static void moments(const double *x, int64_t n, double *mean, double *sd)
{
    long double sum = 0, squares = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (long double)x[i];
    for (int64_t i = 0; i < n; i++)
        squares += powl((long double)x[i] - sum / (long double)n, 2);
    *mean = (double)(sum / (long double)n);
    *sd = (double)sqrtl(squares / (long double)n);
}

/* The three summaries by their definitions; key 0 groups by window, 1 by feature. */
static void brute_summary(const struct lc_samples *s, const unsigned char *kept, int key, double *mean,
                          double *sd, int64_t *count)
{
    double x[SAMPLES], group[SAMPLES];
    int64_t n = 0;

    for (int64_t g = 0; g < (key < 0 ? 1 : key ? SAMPLED : WINDOWS); g++) {
        int64_t members = 0;
        double unused;
        for (int64_t i = 0; i < s->count; i++) {
            const struct lc_sample *a = &s->item[i];
            if (a->spread.degenerate || (kept && !kept[a->feature]) || (key == 0 && a->window != g) ||
                (key == 1 && a->feature != g))
                continue;
            x[members++] = a->spread.entropy;
        }
        if (key < 0) {
            moments(x, members, mean, sd);
            *count = members;
            return;
        }
        if (members > 0)
            moments(x, members, &group[n++], &unused);
    }
    moments(group, n, mean, sd);
    *count = n;
}

static void check_summary(const struct lc_summary *s, const struct lc_samples *log, const unsigned char *kept,
                          int key)
{
    double mean, sd;
    int64_t count;

    brute_summary(log, kept, key, &mean, &sd, &count);
    assert_int_equal(s->count, count);
    near(s->mean, mean, 1e-13);
    near(s->sd, sd, 1e-10);
    assert_true(s->low < s->mean && s->mean < s->high);
    assert_true(s->high - s->low < 6 * s->sd); /* an interval of the mean, not of the values */
}

static void summaries_match_brute_force(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    unsigned char kept[SAMPLED] = {1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1};
    const int32_t list[] = {0, 2, 3, 5, 6, 7, 8, 10, 11}; /* the same features */
    struct lc_profiles profiles;
    struct lc_summaries sum, again, reseeded;
    struct lc_samples log;

    (void)state;
    gather(&profiles, &log, 1, 3);
    lc_samples_sort(&log);
    for (int round = 0; round < 2; round++) {
        const unsigned char *keep = round ? kept : NULL;
        struct lc_summary_rule rule = {.features = SAMPLED, .seed = 1, .rounds = 1000};
        if (round) {
            rule.feature = list;
            rule.features = sizeof list / sizeof *list;
        }
        check(lc_samples_summarise(&log, &rule, &sum, &err), &err);
        check(lc_samples_summarise(&log, &rule, &again, &err), &err);
        rule.seed = 2;
        check(lc_samples_summarise(&log, &rule, &reseeded, &err), &err);
        check_summary(&sum.pooled, &log, keep, -1);
        check_summary(&sum.window_mean, &log, keep, 0);
        check_summary(&sum.feature_mean, &log, keep, 1);
        assert_memory_equal(&sum, &again, offsetof(struct lc_summaries, strength));
        assert_memory_equal(sum.strength, again.strength, (size_t)sum.strengths * sizeof *sum.strength);
        assert_true(sum.pooled.low != reseeded.pooled.low && sum.pooled.mean == reseeded.pooled.mean);
        assert_int_equal(sum.degenerate, (SAMPLES + 95) / 101);
        lc_summaries_release(&sum);
        lc_summaries_release(&again);
        lc_summaries_release(&reseeded);
    }
    lc_samples_release(&log);
    lc_profiles_release(&profiles);
}

/* Windows that each hold one sample, plain numbers: the interval is close to mean +- 1.96 sd / sqrt(n). */
static void bootstrap_interval_has_the_right_width(void **state)
{
    enum { N = 400 };
    struct lc_err err = LC_ERR_INIT;
    struct lc_samples log = {0};
    struct lc_summaries sum;
    double width;

    (void)state;
    for (int64_t i = 0; i < N; i++) {
        struct lc_sample s = {
            .window = 3 * i, .feature = 0, .spread = {.total = 1, .entropy = uniform(30, i)}};
        check(lc_samples_add(&log, &s, NULL, 0, &err), &err);
    }
    check(lc_samples_summarise(&log, &(struct lc_summary_rule){.features = 1, .seed = 1, .rounds = 4000}, &sum, &err),
          &err);
    width = 1.96 * sum.pooled.sd / sqrt((double)N);
    near(sum.pooled.high - sum.pooled.mean, width, 0.1 * width);
    near(sum.pooled.mean - sum.pooled.low, width, 0.1 * width);
    near(sum.window_mean.low, sum.pooled.low, 1e-13);
    assert_int_equal(sum.feature_mean.count, 1);
    near(sum.feature_mean.high, sum.pooled.high, 1e-13);
    lc_summaries_release(&sum);
    lc_samples_release(&log);
}

static void nothing_to_summarise(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_samples log = {0};
    struct lc_sample s = {.spread = {.total = 0, .entropy = NAN, .degenerate = 1}};
    const struct lc_summary_rule rule = {.features = 3, .seed = 1, .rounds = 100};
    struct lc_summaries sum;

    (void)state;
    check(lc_samples_summarise(&log, &rule, &sum, &err), &err);
    assert_true(isnan(sum.pooled.mean) && isnan(sum.feature_mean.low) && sum.window_mean.count == 0 &&
                sum.degenerate == 0 && sum.strengths == 0);
    lc_summaries_release(&sum);
    check(lc_samples_add(&log, &s, NULL, 0, &err), &err);
    check(lc_samples_summarise(&log, &rule, &sum, &err), &err);
    assert_true(isnan(sum.pooled.mean) && sum.pooled.count == 0 && sum.degenerate == 1);
    lc_summaries_release(&sum);
    lc_samples_release(&log);
}

/* Values of numpy.polyfit(log10 rank, log10 p, 1) and of numpy.corrcoef. */
static void rank_fit_is_numpys(void **state)
{
    double p[200], sorted[200];
    struct lc_rank_fit fit;

    (void)state;
    for (int k = 0; k < 200; k++)
        p[k] = k % 17 ? (k * 7919 % 1009 + 1) / 5000.0 : 0;
    lc_rank_frequency(p, 200, sorted, &fit);
    assert_int_equal(fit.n, 188);
    near(fit.slope, -0.68083446351870547, 1e-13);
    near(fit.intercept, 0.13900537149706829, 1e-13);
    near(fit.r2, 0.47766677360142801, 1e-13);
    for (int k = 1; k < 188; k++)
        assert_true(sorted[k] <= sorted[k - 1]);
    assert_true(sorted[0] == 0.2012 && sorted[187] == 0.002);
}

static void rank_fit_of_few(void **state)
{
    const double law[] = {0.005, 0, 0.01, NAN, 0.0025}, same[] = {0.5, 0.5}, dead[] = {0, 0};
    double sorted[5];
    struct lc_rank_fit fit;

    (void)state;
    lc_rank_frequency((const double[]){0.01, 0.0025, 0.005}, 2, sorted, &fit); /* two points: exactly */
    near(fit.slope, -2, 1e-14);
    near(fit.intercept, -2, 1e-14);
    near(fit.r2, 1, 1e-14);
    lc_rank_frequency(law, 5, sorted, &fit);
    assert_int_equal(fit.n, 3);
    lc_rank_frequency(same, 2, sorted, &fit);
    assert_true(fabs(fit.slope) < 1e-15 && isnan(fit.r2));
    lc_rank_frequency(law, 1, sorted, &fit);
    assert_true(fit.n == 1 && isnan(fit.slope) && isnan(fit.intercept) && isnan(fit.r2));
    lc_rank_frequency(dead, 2, sorted, &fit);
    assert_true(fit.n == 0 && isnan(fit.slope));
}

/* What was saved and cut short is an error, never a read past the end. */
static void cut_short(void **state)
{
    struct lc_bytes all = {0};

    (void)state;
    saved_positions(&all, 1, 0);
    for (size_t size = 0; size < all.size; size += 1 + all.size / 97) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_reader in = {.data = all.data, .size = size};
        struct lc_positions p;
        check(lc_positions_init(&p, FEATURES, 64, 0, EVENTS, &err), &err);
        assert_int_equal(lc_positions_merge(&p, &in, &err), LC_E_FORMAT);
        lc_positions_release(&p);
    }
    lc_bytes_release(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spread_by_hand),
        cmocka_unit_test(spread_of_degenerate_profiles),
        cmocka_unit_test(means_of_probes_by_hand),
        cmocka_unit_test(sums_do_not_depend_on_order),
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(sums_of_large_and_small),
        cmocka_unit_test(counts_match_brute_force),
        cmocka_unit_test(large_keys_are_sorted),
        cmocka_unit_test(counts_merge_in_any_order),
        cmocka_unit_test(positions_match_brute_force),
        cmocka_unit_test(short_streams_have_few_bins),
        cmocka_unit_test(rank_fit_is_numpys),
        cmocka_unit_test(rank_fit_of_few),
        cmocka_unit_test(positions_merge_in_any_order),
        cmocka_unit_test(profiles_match_brute_force),
        cmocka_unit_test(profiles_of_large_gradients),
        cmocka_unit_test(samples_and_profiles_merge_in_any_order),
        cmocka_unit_test(profiles_are_padded_and_found),
        cmocka_unit_test(summaries_match_brute_force),
        cmocka_unit_test(bootstrap_interval_has_the_right_width),
        cmocka_unit_test(nothing_to_summarise),
        cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

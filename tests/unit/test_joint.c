/* Pairs of features: counts from sparse lists against counting by hand, definitions against their formulas, layouts
 * index by index. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lightcone/blockcyclic.h"
#include "lightcone/joint.h"
#include "lightcone/leading.h"
#include "lightcone/memory.h"
#include "lightcone/pairs.h"
#include "lightcone/random.h"

enum { F = 40, V = 23, POSITIONS = 700 };

/* A made corpus: token of every position, and which features are active there. */
static int32_t token[POSITIONS];
static unsigned char active[POSITIONS][F];
static int64_t token_count[V];

static int make_corpus(void **state)
{
    (void)state;
    for (int p = 0; p < POSITIONS; p++) {
        token[p] = (int32_t)lc_random_below(5, 1, (uint64_t)p, V - 1); /* the last token never */
        token_count[token[p]]++;
        for (int f = 0; f < F; f++) /* feature 0 never, the last one always, the others more or less often */
            active[p][f] = f == F - 1 ||
                           (f > 0 && (int)lc_random_below(6, (uint64_t)p, (uint64_t)f, F + 5) < (f + token[p]) % F / 2);
    }
    return 0;
}

/* Positions first ... first + n - 1 as lists, n places apart in an order that is not theirs. */
static struct lc_lists lists_of(int first, int n)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_lists l = {.width = 1};

    for (int k = 0; k < n; k++) {
        int p = first + (int)((int64_t)k * 11 % n), count = 0;
        int32_t entry[F];
        for (int f = 0; f < F; f++)
            if (active[p][f])
                entry[count++] = f;
        check(lc_lists_add(&l, token[p], entry, count, &err), &err);
    }
    return l;
}

/* N(i,a) by counting. */
static int64_t count_of(int feature, int32_t a)
{
    int64_t n = 0;

    for (int p = 0; p < POSITIONS; p++)
        n += token[p] == a && active[p][feature];
    return n;
}

static void check_tally(const struct lc_lists *t)
{
    int64_t at = 0;

    for (int32_t a = 0; a < V; a++) {
        int n = 0;
        for (int f = 0; f < F; f++)
            n += count_of(f, a) > 0;
        if (n == 0)
            continue;
        assert_int_equal(t->word[at], a);
        assert_int_equal(t->word[at + 1], n);
        at += 2;
        for (int f = 0; f < F; f++)
            if (count_of(f, a) > 0) {
                assert_int_equal(t->word[at++], f);
                assert_int_equal(t->word[at++], count_of(f, a));
            }
    }
    assert_int_equal(at, t->used);
}

static void append(struct lc_lists *to, const struct lc_lists *from)
{
    struct lc_err err = LC_ERR_INIT;

    for (int64_t at = 0; at < from->used; at = lc_lists_cut(from, at, 0))
        check(lc_lists_add(to, from->word[at], from->word + at + 2, from->word[at + 1], &err), &err);
}

/* Of all positions at once, and of three parts' tallies in any order. */
static void tally_counts_tokens(void **state)
{
    struct lc_lists all = lists_of(0, POSITIONS), whole, parts = {.width = 2}, joined;
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    check(lc_lists_tally(&whole, &all, V, F, &err), &err);
    check_tally(&whole);
    for (int k = 2; k >= 0; k--) {
        struct lc_lists some = lists_of(k * 200, k == 2 ? POSITIONS - 400 : 200), part;
        check(lc_lists_tally(&part, &some, V, F, &err), &err);
        append(&parts, &part);
        lc_lists_release(&some);
        lc_lists_release(&part);
    }
    check(lc_lists_tally(&joined, &parts, V, F, &err), &err);
    check_tally(&joined);
    assert_memory_equal(joined.word, whole.word, (size_t)whole.used * sizeof *whole.word);
    lc_lists_release(&all);
    lc_lists_release(&whole);
    lc_lists_release(&parts);
    lc_lists_release(&joined);
}

static void pieces_end_with_records(void **state)
{
    struct lc_lists l = lists_of(0, POSITIONS);

    (void)state;
    for (int64_t most = 0; most < 200; most += 13) {
        int64_t at = 0, end;
        for (; at < l.used; at = end) {
            int64_t one = 2 + l.word[at + 1];
            end = lc_lists_cut(&l, at, most);
            assert_true(end - at <= most || end - at == one);
            assert_true(end == l.used || end - at + 2 + l.word[end + 1] > most);
        }
        assert_int_equal(at, l.used);
    }
    lc_lists_release(&l);
}

static void restricting_drops_and_renumbers(void **state)
{
    static const int32_t entry[] = {1, 4, 5, 9}, none[] = {2, 3}, pairs[] = {1, 10, 4, 40, 9, 90};
    static const int32_t place[10] = {-1, 0, -1, -1, -1, 1, -1, -1, -1, 2};
    static const int32_t expected[] = {7, 3, 0, 1, 2}, expected_pairs[] = {8, 2, 0, 10, 2, 90};
    struct lc_lists l = {.width = 1}, t = {.width = 2};
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    check(lc_lists_add(&l, 6, none, 2, &err), &err);
    check(lc_lists_add(&l, 7, entry, 4, &err), &err);
    check(lc_lists_add(&l, 6, none, 2, &err), &err);
    lc_lists_restrict(&l, place);
    assert_int_equal(l.used, 5);
    assert_memory_equal(l.word, expected, sizeof expected);
    check(lc_lists_add(&t, 8, pairs, 3, &err), &err);
    lc_lists_restrict(&t, place);
    assert_int_equal(t.used, 6);
    assert_memory_equal(t.word, expected_pairs, sizeof expected_pairs);
    lc_lists_release(&l);
    lc_lists_release(&t);
}

/* Joint counts and conditional sums of one rank's part of a layout. */
struct part {
    struct lc_layout layout;
    struct lc_tile tile;
    int32_t row_of[F], col_of[F];
    uint32_t *joint;
    double *shared;
};

static void part_make(struct part *p, int ranks, int rank, int64_t block)
{
    struct lc_err err = LC_ERR_INIT;

    lc_layout_init(&p->layout, F, block, ranks, rank);
    for (int f = 0; f < F; f++) {
        const struct lc_deal *row = &p->layout.row, *col = &p->layout.col;
        p->row_of[f] = lc_deal_owner(row, f) == row->mine ? (int32_t)lc_deal_local(row, f) : -1;
        p->col_of[f] = lc_deal_owner(col, f) == col->mine ? (int32_t)lc_deal_local(col, f) : -1;
    }
    p->tile = (struct lc_tile){p->layout.rows, p->layout.cols, p->row_of, p->col_of};
    check(LC_ALLOC(&p->joint, p->layout.rows * p->layout.cols, "test", &err), &err);
    check(LC_ALLOC(&p->shared, p->layout.rows * p->layout.cols, "test", &err), &err);
}

static void part_fill(struct part *p, const struct lc_lists *positions, const struct lc_lists *tally, int64_t most)
{
    struct lc_err err = LC_ERR_INIT;

    for (int64_t at = 0, end; at < positions->used; at = end) {
        struct lc_lists piece = {.word = positions->word + at, .width = 1};
        end = lc_lists_cut(positions, at, most);
        piece.used = end - at;
        check(lc_tile_count(&p->tile, &piece, p->joint, &err), &err);
    }
    for (int64_t at = 0, end; at < tally->used; at = end) {
        struct lc_lists piece = {.word = tally->word + at, .width = 2};
        end = lc_lists_cut(tally, at, most);
        piece.used = end - at;
        check(lc_tile_share(&p->tile, &piece, token_count, p->shared, &err), &err);
    }
}

static int64_t brute_joint(int i, int j)
{
    int64_t n = 0;

    for (int p = 0; p < POSITIONS; p++)
        n += active[p][i] && active[p][j];
    return n;
}

static double brute_shared(int i, int j)
{
    double sum = 0.0;

    for (int32_t a = 0; a < V; a++)
        if (token_count[a] > 0)
            sum += (double)count_of(i, a) * (double)count_of(j, a) / (double)token_count[a];
    return sum;
}

/* Every layout finds the same numbers, the conditional sum to its last bit. */
static void pairs_against_brute_force(void **state)
{
    static double first[F][F];
    struct lc_lists positions = lists_of(0, POSITIONS), tally;
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    check(lc_lists_tally(&tally, &positions, V, F, &err), &err);
    for (int ranks = 1; ranks <= 7; ranks++)
        for (int rank = 0; rank < ranks; rank++) {
            struct part p;
            part_make(&p, ranks, rank, 1 + ranks % 4);
            part_fill(&p, &positions, &tally, ranks == 1 ? 1 << 20 : 50 * rank);
            for (int64_t r = 0; r < p.layout.rows; r++)
                for (int64_t c = 0; c < p.layout.cols; c++) {
                    int i = (int)lc_deal_global(&p.layout.row, r), j = (int)lc_deal_global(&p.layout.col, c);
                    double shared = p.shared[r * p.layout.cols + c];
                    if (ranks == 1)
                        first[i][j] = shared;
                    assert_int_equal(p.joint[r * p.layout.cols + c], brute_joint(i, j));
                    assert_true(fabs(shared - brute_shared(i, j)) <= 1e-13 * (brute_shared(i, j) + 1.0));
                    assert_true(ranks == 1 || (shared == first[i][j] && shared == first[j][i]));
                }
            free(p.joint);
            free(p.shared);
        }
    lc_lists_release(&positions);
    lc_lists_release(&tally);
}

/* N = 10, N_i = 4, N_j = 5, M_ij = 3, sum_a ... = 2.5: by hand. */
static void measures_by_hand(void **state)
{
    const struct lc_pair p = {10, 4, 5, 3, 2.5}, same = {10, 4, 4, 4, 2.0}, dead = {10, 0, 5, 0, 0.0},
                         always = {10, 10, 5, 5, 5.0}, both_dead = {10, 0, 0, 0, 0.0};
    const struct lc_pair large = {INT32_MAX, 1500000000, 1700000001, 1200000000, 0.0};
    long double n = INT32_MAX, pi = 1500000000 / n, pj = 1700000001 / n;

    (void)state;
    assert_true(fabs(lc_pair_measure(LC_CONDITIONAL, &p) - 0.05) < 1e-16);
    assert_true(fabs(lc_pair_measure(LC_COACTIVATION, &p) - 0.1) < 1e-16);
    assert_true(fabs(lc_pair_measure(LC_PEARSON, &p) - 0.1 / sqrt(0.24 * 0.25)) < 1e-15);
    assert_true(lc_pair_measure(LC_JACCARD, &p) == 0.5);
    assert_true(lc_pair_measure(LC_PEARSON, &same) == 1.0 && lc_pair_measure(LC_JACCARD, &same) == 1.0);
    assert_true(isnan(lc_pair_measure(LC_PEARSON, &dead)) && lc_pair_measure(LC_JACCARD, &dead) == 0.0);
    assert_true(isnan(lc_pair_measure(LC_PEARSON, &always)) && lc_pair_measure(LC_COACTIVATION, &always) == 0.0);
    assert_true(isnan(lc_pair_measure(LC_JACCARD, &both_dead)));
    assert_true(fabs(lc_pair_measure(LC_COACTIVATION, &large) - (double)(1200000000 / n - pi * pj)) < 1e-16);
    assert_true(fabs(lc_pair_measure(LC_PEARSON, &large) -
                     (double)((1200000000 / n - pi * pj) / sqrtl(pi * (1 - pi) * pj * (1 - pj)))) < 1e-14);
    assert_true(lc_pair_is_degenerate(0, 10) && lc_pair_is_degenerate(10, 10) && !lc_pair_is_degenerate(9, 10));
}

static void top_pairs_in_any_order(void **state)
{
    enum { N = 500, KEPT = 20 };

    (void)state;
    for (int64_t room = 0; room <= KEPT; room += 5)
        for (uint64_t order = 1; order < 4; order++) {
            struct lc_err err = LC_ERR_INIT;
            struct lc_top t;
            check(lc_top_init(&t, room, &err), &err);
            for (int k = 0; k < N; k++) { /* values 0 ... 49, ten pairs of each; ties by (a, b) */
                int x = (int)((uint64_t)k * (2 * order + 5) * 9 % N), a = x % 10 / 5, b = 100 - x % 5;
                lc_top_add(&t, x / 10, a, b);
                lc_top_add(&t, NAN, 0, 1);
            }
            lc_top_sort(&t);
            assert_int_equal(t.count, room);
            for (int64_t k = 0; k < room; k++) {
                assert_true(t.pair[k].value == (double)(49 - k / 10));
                assert_int_equal(t.pair[k].a, k % 10 / 5);
                assert_int_equal(t.pair[k].b, 96 + k % 5);
            }
            lc_top_release(&t);
        }
}

static void leading_features(void **state)
{
    static const double frequency[] = {0.5, 0.1, 0.1, 0.3, 0.0, 0.1, 0.2};
    static const int64_t unique[] = {1, 9, 9, 9, 0, 9, 3};
    static const struct {
        struct lc_feature_config rule;
        const char *expected;
    } cases[] = {
        {{.min_frequency = -1, .min_unique = -1}, "1111011"},
        {{.min_frequency = 0.1, .min_unique = -1}, "1001001"}, /* above, strictly */
        {{.min_frequency = -1, .min_unique = 3}, "0111010"},
        {{.min_frequency = -1, .min_unique = -1, .top = 4}, "1101001"}, /* of equals the lowest */
        {{.min_frequency = -1, .min_unique = 3, .top = 2}, "0101000"},
        {{.min_frequency = 0.9, .min_unique = 3, .top = 2}, "0000000"},
    };

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct lc_err err = LC_ERR_INIT;
        unsigned char selected[7] = {0};
        check(lc_leading_select(&cases[k].rule, 7, frequency, unique, selected, &err), &err);
        for (int f = 0; f < 7; f++)
            assert_int_equal(selected[f], cases[k].expected[f] - '0');
    }
}

/* Every index has one owner and one place there, and comes back from it. */
static void deals(void **state)
{
    (void)state;
    for (int64_t n = 0; n <= 40; n++)
        for (int64_t block = 1; block <= 9; block++)
            for (int procs = 1; procs <= 8; procs++) {
                int64_t next[8] = {0};
                for (int64_t g = 0; g < n; g++) {
                    struct lc_deal d = {.n = n, .block = block, .procs = procs};
                    d.mine = lc_deal_owner(&d, g);
                    assert_true(d.mine >= 0 && d.mine < procs);
                    assert_int_equal(d.mine, g / block % procs);
                    assert_int_equal(lc_deal_local(&d, g), next[d.mine]);
                    assert_int_equal(lc_deal_global(&d, next[d.mine]++), g);
                }
                for (int p = 0; p < procs; p++) {
                    struct lc_deal d = {.n = n, .block = block, .procs = procs, .mine = p};
                    assert_int_equal(lc_deal_count(&d), next[p]);
                }
            }
}

static void layouts_cover_the_matrix(void **state)
{
    static const int high[] = {0, 1, 1, 1, 2, 1, 2, 1, 2, 3, 2, 1, 3};

    (void)state;
    for (int ranks = 1; ranks <= 12; ranks++)
        for (int64_t n = 0; n <= 30; n += 3) {
            unsigned char owned[30 * 30] = {0};
            for (int rank = 0; rank < ranks; rank++) {
                struct lc_layout l;
                lc_layout_init(&l, n, 4, ranks, rank);
                assert_int_equal(l.row.procs, high[ranks]);
                assert_int_equal(l.row.procs * l.col.procs, ranks);
                assert_int_equal(l.row.mine * l.col.procs + l.col.mine, rank);
                for (int64_t r = 0; r < l.rows; r++)
                    for (int64_t c = 0; c < l.cols; c++)
                        owned[lc_deal_global(&l.row, r) * n + lc_deal_global(&l.col, c)]++;
            }
            for (int64_t k = 0; k < n * n; k++)
                assert_int_equal(owned[k], 1);
        }
}

static void bytes_fall_with_ranks(void **state)
{
    struct lc_joint_size s = {.features = 32768,
                              .sites = 1,
                              .ranks = 1,
                              .tokens = 1000000,
                              .mean_active = 50,
                              .spectrum = LC_SPECTRUM_VALUES};
    int64_t one = lc_joint_bytes(&s), many;

    (void)state;
    s.ranks = 64;
    many = lc_joint_bytes(&s);
    assert_true(one > INT64_C(24) << 30 && one < INT64_C(28) << 30);
    assert_true(many < one / 40);
    s.features = INT64_C(1) << 40;
    assert_true(lc_joint_bytes(&s) == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tally_counts_tokens),
        cmocka_unit_test(pieces_end_with_records),
        cmocka_unit_test(restricting_drops_and_renumbers),
        cmocka_unit_test(pairs_against_brute_force),
        cmocka_unit_test(measures_by_hand),
        cmocka_unit_test(top_pairs_in_any_order),
        cmocka_unit_test(leading_features),
        cmocka_unit_test(deals),
        cmocka_unit_test(layouts_cover_the_matrix),
        cmocka_unit_test(bytes_fall_with_ranks),
    };

    return cmocka_run_group_tests(tests, make_corpus, NULL);
}

/* The strongest contexts of every feature: against a sort of everything, with many ties, in any order of adding and
 * merging. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lightcone/random.h"
#include "lightcone/top_contexts.h"

enum { EVENTS = 6000, FEATURES = 9, WINDOWS = 60, POSITIONS = 8, MOST = 70 };

static int64_t below(uint64_t stream, int64_t i, int64_t n)
{
    return (int64_t)lc_random_below(11, stream, (uint64_t)i, (uint64_t)n);
}

/* Event i: few values, so that ties of every kind are common; feature 7 is never seen, 8 is rare. */
static int64_t event(int64_t i, struct lc_context *out)
{
    int64_t feature = below(1, i, 7);

    *out = (struct lc_context){.window = below(2, i, WINDOWS),
                               .position = below(3, i, POSITIONS),
                               .value = (double)(1 + below(4, i, 12)) / 4.0};
    return i % 1000 == 17 ? 8 : feature;
}

static void shuffle(int64_t *order, uint64_t seed)
{
    for (int64_t i = 0; i < EVENTS; i++)
        order[i] = i;
    for (int64_t i = EVENTS - 1; i > 0; i--) {
        int64_t k = below(100 + seed, i, i + 1), x = order[i];
        order[i] = order[k];
        order[k] = x;
    }
}

static int strongest_first(const void *a, const void *b)
{
    const struct lc_context *x = a, *y = b;

    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    if (x->window != y->window)
        return x->window < y->window ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

/* The definition: the first of each window in the sorted list of all activations, as many as `top`. */
static int64_t brute_force(int64_t feature, int64_t top, struct lc_context *out)
{
    static struct lc_context all[EVENTS];
    int64_t n = 0, kept = 0;

    for (int64_t i = 0; i < EVENTS; i++)
        if (event(i, &all[n]) == feature)
            n++;
    qsort(all, (size_t)n, sizeof *all, strongest_first);
    for (int64_t i = 0; i < n && kept < top; i++) {
        int seen = 0;
        for (int64_t k = 0; k < kept; k++)
            seen |= out[k].window == all[i].window;
        if (!seen)
            out[kept++] = all[i];
    }
    return kept;
}

static void lists_match_brute_force(void **state)
{
    static const int64_t tops[] = {1, 2, 3, 10, 59, 60, 61, MOST};

    (void)state;
    for (size_t k = 0; k < sizeof tops / sizeof tops[0]; k++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_top_contexts t;
        struct lc_context context, expected[MOST];
        check(lc_top_contexts_init(&t, FEATURES, tops[k], &err), &err);
        for (int64_t i = 0; i < EVENTS; i++) {
            int64_t feature = event(i, &context);
            check(lc_top_contexts_add(&t, feature, &context, &err), &err);
        }
        assert_null(t.list[7]);
        for (int64_t f = 0; f < FEATURES; f++) {
            int64_t n = brute_force(f, tops[k], expected);
            assert_int_equal(t.list[f] ? t.list[f]->count : 0, n);
            if (n > 0)
                assert_memory_equal(t.list[f]->item, expected, (size_t)n * sizeof *expected);
        }
        lc_top_contexts_release(&t);
    }
}

/* The events of `parts` ranks in a seeded order, merged and saved. */
static void saved(struct lc_bytes *out, int64_t top, int64_t parts, uint64_t seed)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_top_contexts part[4];
    struct lc_context context;
    static int64_t order[EVENTS];

    shuffle(order, seed);
    for (int64_t p = 0; p < parts; p++)
        check(lc_top_contexts_init(&part[p], FEATURES, top, &err), &err);
    for (int64_t i = 0; i < EVENTS; i++) {
        int64_t feature = event(order[i], &context);
        check(lc_top_contexts_add(&part[i % parts], feature, &context, &err), &err);
    }
    for (int64_t p = 1; p < parts; p++) {
        struct lc_bytes bytes = {0};
        struct lc_reader in;
        check(lc_top_contexts_save(&part[p], &bytes, &err), &err);
        in = (struct lc_reader){.data = bytes.data, .size = bytes.size};
        check(lc_top_contexts_merge(&part[0], &in, &err), &err);
        assert_int_equal(in.at, in.size);
        lc_bytes_release(&bytes);
    }
    check(lc_top_contexts_save(&part[0], out, &err), &err);
    for (int64_t p = 0; p < parts; p++)
        lc_top_contexts_release(&part[p]);
}

static void lists_merge_in_any_order(void **state)
{
    static const int64_t tops[] = {1, 5, 60};

    (void)state;
    for (int k = 0; k < 3; k++) {
        struct lc_bytes one = {0};
        saved(&one, tops[k], 1, 0);
        for (int64_t parts = 1; parts <= 4; parts++) {
            struct lc_bytes other = {0};
            saved(&other, tops[k], parts, (uint64_t)parts);
            assert_int_equal(one.size, other.size);
            assert_memory_equal(one.data, other.data, one.size);
            lc_bytes_release(&other);
        }
        lc_bytes_release(&one);
    }
}

static void saved_lists_that_are_cut_or_wrong(void **state)
{
    struct lc_bytes all = {0};
    int64_t feature = FEATURES;

    (void)state;
    saved(&all, 5, 1, 0);
    for (size_t size = 0; size < all.size; size += 7) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_reader in = {.data = all.data, .size = size};
        struct lc_top_contexts t;
        check(lc_top_contexts_init(&t, FEATURES, 5, &err), &err);
        assert_int_equal(lc_top_contexts_merge(&t, &in, &err), LC_E_FORMAT);
        lc_top_contexts_release(&t);
    }
    for (int wrong = 0; wrong < 2; wrong++, feature = -1) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_reader in = {.data = all.data, .size = all.size};
        struct lc_top_contexts t;
        memcpy(all.data + 8, &feature, sizeof feature);
        check(lc_top_contexts_init(&t, FEATURES, 5, &err), &err);
        assert_int_equal(lc_top_contexts_merge(&t, &in, &err), LC_E_FORMAT);
        assert_non_null(strstr(err.msg, "is not one of 9"));
        lc_top_contexts_release(&t);
    }
    lc_bytes_release(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_match_brute_force),
        cmocka_unit_test(lists_merge_in_any_order),
        cmocka_unit_test(saved_lists_that_are_cut_or_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

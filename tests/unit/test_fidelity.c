/* Every number of every file that the published scripts wrote for a small model, SAEs and text, as `lightcone import`
 * reads it, against what the program finds from the same inputs. tests/jobs/test_published.sh makes both; LC_FIDELITY
 * is their folder. Prints the worst difference behind each figure of the paper. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"
#include "result_fixture.h"

#define SPARSITY "sites/SITE/sparsity/"
#define INFLUENCE "sites/SITE/influence/"
#define J_TOLERANCE 2e-3 /* relative to the profile's largest value */
#define H_TOLERANCE 1e-3 /* bits */

static const char *folder;

/* The two sides: what the program found, what was published. */
struct sides {
    struct lc_result *r[2];
};

static struct sides open_sides(const char *own, const char *published)
{
    const char *const names[2] = {own, published};
    struct lc_err err = LC_ERR_INIT;
    struct sides s;
    char path[4096];

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s.h5", folder, names[i]);
        check(lc_result_open(&s.r[i], path, &err), &err);
    }
    return s;
}

static void close_sides(struct sides *s)
{
    lc_result_close(s->r[0]);
    lc_result_close(s->r[1]);
}

/* Rows of a dataset in an order of its own; order NULL: as they stand. */
struct rows {
    struct lc_array a;
    const int64_t *order;
    int64_t width; /* values of a row */
};

static struct rows rows_of(struct lc_result *r, const char *name, const char *site, const int64_t *order)
{
    struct rows x = {.a = array_of(r, name, site), .order = order};

    x.width = x.a.dim[0] > 0 ? x.a.count / x.a.dim[0] : 0;
    return x;
}

static double row_value(const struct rows *x, int64_t row, int64_t k)
{
    return number_at(&x->a, (x->order ? x->order[row] : row) * x->width + k);
}

/* How a difference is measured. */
enum measure { EXACT, ABSOLUTE, OF_ROW };

/* The worst of each measure behind each figure, for the closing lines. */
static struct worst {
    const char *figure;
    int64_t values[3]; /* by measure */
    double difference[3];
} figures[16];

static void note(const char *figure, enum measure measure, int64_t values, double difference)
{
    int i = 0;

    while (figures[i].figure && strcmp(figures[i].figure, figure) != 0)
        i++;
    assert_true(i < 16);
    figures[i].figure = figure;
    figures[i].values[measure] += values;
    figures[i].difference[measure] = fmax(figures[i].difference[measure], difference);
}

static void print_figures(void)
{
    for (int i = 0; i < 16 && figures[i].figure; i++)
        print_message("%-14s %7lld values exact; %7lld within %.1e of their row's largest; %5lld within %.1e (bits, positions)\n",
                      figures[i].figure, (long long)figures[i].values[EXACT], (long long)figures[i].values[OF_ROW],
                      figures[i].difference[OF_ROW], (long long)figures[i].values[ABSOLUTE],
                      figures[i].difference[ABSOLUTE]);
}

/* The worst difference between two datasets of equal shape; not a number on both sides is none. */
static double worst_difference(const struct rows *own, const struct rows *published, enum measure measure)
{
    double worst = 0.0;

    for (int64_t i = 0; i < own->a.dim[0]; i++) {
        double difference = 0.0, largest = 0.0;
        for (int64_t k = 0; k < own->width; k++) {
            double x = row_value(own, i, k), y = row_value(published, i, k);
            largest = fmax(largest, fabs(y));
            if (isnan(x) != isnan(y))
                return INFINITY;
            if (!isnan(x))
                difference = fmax(difference, fabs(x - y));
        }
        worst = fmax(worst, measure == OF_ROW && difference > 0.0 ? difference / largest : difference);
    }
    return worst;
}

static void compare_rows(const char *figure, const struct sides *s, const char *name, const char *site,
                         int64_t *const order[2], enum measure measure, double tolerance)
{
    struct rows own = rows_of(s->r[0], name, site, order[0]), published = rows_of(s->r[1], name, site, order[1]);
    double worst;

    if (own.a.count != published.a.count || own.a.dim[0] != published.a.dim[0])
        fail_msg("%s: %s of %s: %lld values, published %lld", figure, name, site ? site : "the file",
                 (long long)own.a.count, (long long)published.a.count);
    worst = worst_difference(&own, &published, measure);
    note(figure, measure, own.a.count, worst);
    if (!(worst <= tolerance))
        fail_msg("%s: %s of %s: worst difference %g; allowed: %g", figure, name, site ? site : "the file", worst, tolerance);
    lc_array_release(&own.a);
    lc_array_release(&published.a);
}

static void compare(const char *figure, const struct sides *s, const char *name, const char *site, enum measure measure,
                    double tolerance)
{
    compare_rows(figure, s, name, site, (int64_t *const[]){NULL, NULL}, measure, tolerance);
}

static void compare_attribute(const char *figure, const struct sides *s, const char *group, const char *site, const char *key,
                              double tolerance)
{
    struct lc_err err = LC_ERR_INIT;
    double value[2] = {0};
    int found;

    for (int i = 0; i < 2; i++) {
        check(lc_result_get_real(s->r[i], group, site, key, &value[i], &found, &err), &err);
        assert_true(found);
    }
    note(figure, ABSOLUTE, 1, fabs(value[0] - value[1]));
    assert_true(fabs(value[0] - value[1]) <= tolerance);
}

/* The order in which a feature's tokens first appeared: ours by stream index, the published one as the Counter had it. */
static void compare_order(const struct sides *s, const char *site)
{
    struct lc_array indptr = array_of(s->r[0], SPARSITY "token_indptr", site), first = array_of(s->r[0], SPARSITY "token_first", site),
                    place = array_of(s->r[1], SPARSITY "token_order", site);
    const int64_t *p = indptr.data, *index = first.data;
    const int32_t *order = place.data;
    int64_t *by_place = NULL;
    struct lc_err err = LC_ERR_INIT;

    assert_int_equal(first.count, place.count);
    check(LC_ALLOC(&by_place, first.count, "order", &err), &err);
    for (int64_t f = 0; f + 1 < indptr.count; f++) {
        for (int64_t k = p[f]; k < p[f + 1]; k++) {
            assert_in_range(order[k], 0, p[f + 1] - p[f] - 1);
            by_place[p[f] + order[k]] = index[k];
        }
        for (int64_t k = p[f] + 1; k < p[f + 1]; k++)
            assert_true(by_place[k - 1] < by_place[k]);
    }
    free(by_place);
    lc_array_release(&indptr);
    lc_array_release(&first);
    lc_array_release(&place);
}

static void compare_counts(const char *figure, const struct sides *s, const char *site)
{
    compare(figure, s, SPARSITY "count", site, EXACT, 0);
    compare(figure, s, SPARSITY "unique_tokens", site, EXACT, 0);
    compare(figure, s, SPARSITY "token_indptr", site, EXACT, 0);
    compare(figure, s, SPARSITY "token_id", site, EXACT, 0);
    compare(figure, s, SPARSITY "token_count", site, EXACT, 0);
    compare(figure, s, SPARSITY "frequency", site, OF_ROW, 6e-8); /* float32 there */
    compare_attribute(figure, s, "sites/SITE/sparsity", site, "threshold", 0);
    compare_order(s, site);
}

static const char *const sites[] = {"resid_out_layer0", "resid_out_layer1", "resid_out_layer2"};
enum { SITES = 3 };

static void figure_1_counts(void **state)
{
    struct sides s = open_sides("sparsity", "published_sparsity");

    (void)state;
    for (int i = 0; i < SITES; i++)
        compare_counts("figure 1", &s, sites[i]);
    close_sides(&s);
}

static void location(void **state)
{
    struct sides s = open_sides("sparsity", "published_location");

    (void)state;
    compare_counts("location", &s, sites[2]);
    compare("location", &s, SPARSITY "position/mean", sites[2], ABSOLUTE, 1e-9);
    compare("location", &s, SPARSITY "position/sd", sites[2], ABSOLUTE, 1e-9);
    compare("location", &s, SPARSITY "position/corpus_mean", sites[2], ABSOLUTE, 1e-6);
    compare("location", &s, SPARSITY "position/corpus_sd", sites[2], ABSOLUTE, 1e-6);
    compare("location", &s, SPARSITY "position/histogram", sites[2], EXACT, 0);
    close_sides(&s);
}

static void figure_2_covariance(void **state)
{
    struct sides s = open_sides("correlation", "published_correlation");

    (void)state;
    for (int i = 0; i < SITES; i++) {
        compare("figure 2", &s, "sites/SITE/correlation/feature", sites[i], EXACT, 0);
        compare("figure 2", &s, "sites/SITE/correlation/conditional", sites[i], OF_ROW, 1e-5);
    }
    close_sides(&s);
}

/* Samples of a result by feature, then window: the published ones do not tell their window, but stand in its order. */
struct keyed {
    int64_t feature, window, row;
};

static int by_feature(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    if (x->feature != y->feature)
        return x->feature < y->feature ? -1 : 1;
    if (x->window != y->window)
        return x->window < y->window ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int kept(const struct lc_array *features, int64_t feature)
{
    for (int64_t i = 0; i < features->count; i++)
        if (((const int32_t *)features->data)[i] == feature)
            return 1;
    return 0;
}

/* Rows of the samples of features that were kept; *count of them. The caller frees it. */
static int64_t *order_of(struct lc_result *r, const char *site, int64_t *count)
{
    struct lc_array feature = array_of(r, INFLUENCE "samples/feature", site), window = array_of(r, INFLUENCE "samples/window", site),
                    features = array_of(r, INFLUENCE "features/feature", site);
    struct lc_err err = LC_ERR_INIT;
    struct keyed *list = NULL;
    int64_t *order = NULL, n = 0;

    check(LC_ALLOC(&list, feature.count, "samples", &err), &err);
    check(LC_ALLOC(&order, feature.count, "samples", &err), &err);
    for (int64_t i = 0; i < feature.count; i++)
        if (kept(&features, ((const int32_t *)feature.data)[i]))
            list[n++] = (struct keyed){((const int32_t *)feature.data)[i], ((const int64_t *)window.data)[i], i};
    qsort(list, (size_t)n, sizeof *list, by_feature);
    for (int64_t i = 0; i < n; i++)
        order[i] = list[i].row;
    free(list);
    lc_array_release(&feature);
    lc_array_release(&window);
    lc_array_release(&features);
    *count = n;
    return order;
}

/* Samples that are in another order on the two sides, and of which ours has more features. */
static void compare_samples(const char *figure, const struct sides *s, const char *site)
{
    int64_t count[2], *order[2], width[2];
    struct rows j[2], h[2];
    double worst_j = 0.0, worst_h = 0.0;

    for (int i = 0; i < 2; i++) {
        order[i] = order_of(s->r[i], site, &count[i]);
        j[i] = rows_of(s->r[i], INFLUENCE "samples/profile", site, order[i]);
        h[i] = rows_of(s->r[i], INFLUENCE "samples/entropy", site, order[i]);
        width[i] = j[i].width;
        j[i].a.dim[0] = h[i].a.dim[0] = count[i];
    }
    assert_int_equal(count[0], count[1]);
    assert_int_equal(width[0], width[1]);
    worst_j = worst_difference(&j[0], &j[1], OF_ROW);
    worst_h = worst_difference(&h[0], &h[1], ABSOLUTE);
    note(figure, OF_ROW, count[0] * width[0], worst_j);
    note(figure, ABSOLUTE, count[0], worst_h);
    assert_true(worst_j <= J_TOLERANCE && worst_h <= H_TOLERANCE);
    for (int i = 0; i < 2; i++) {
        lc_array_release(&j[i].a);
        lc_array_release(&h[i].a);
        free(order[i]);
    }
}

static void figures_3_4_8_influence(void **state)
{
    struct sides s = open_sides("influence", "published_influence");

    (void)state;
    for (int i = 0; i < SITES; i++) {
        compare("figure 4", &s, INFLUENCE "features/feature", sites[i], EXACT, 0);
        compare("figure 4", &s, INFLUENCE "features/samples", sites[i], EXACT, 0);
        compare("figure 3", &s, INFLUENCE "features/profile_mean", sites[i], OF_ROW, J_TOLERANCE);
        compare("figure 3", &s, INFLUENCE "features/profile_sd", sites[i], OF_ROW, J_TOLERANCE);
        compare_samples("figure 3", &s, sites[i]);
        compare("figure 8", &s, INFLUENCE "features/entropy_mean", sites[i], ABSOLUTE, H_TOLERANCE);
    }
    close_sides(&s);
}

static void compare_vectors(const char *figure, const struct sides *s, const char *site)
{
    compare(figure, s, INFLUENCE "token_vector/residual/entropy", site, ABSOLUTE, H_TOLERANCE);
    compare(figure, s, INFLUENCE "token_vector/residual/profile", site, OF_ROW, J_TOLERANCE);
}

static void token_vectors(void **state)
{
    struct sides s = open_sides("influence", "published_vector");

    (void)state;
    compare_vectors("token vector", &s, sites[2]);
    close_sides(&s);
}

/* Samples that are the same, in the same order, on both sides. */
static void compare_entropies(const char *figure, const struct sides *s, const char *site)
{
    compare(figure, s, INFLUENCE "samples/window", site, EXACT, 0);
    compare(figure, s, INFLUENCE "samples/position", site, EXACT, 0);
    compare(figure, s, INFLUENCE "samples/feature", site, EXACT, 0);
    compare(figure, s, INFLUENCE "samples/activation", site, OF_ROW, J_TOLERANCE);
    compare(figure, s, INFLUENCE "samples/entropy", site, ABSOLUTE, H_TOLERANCE);
    compare(figure, s, INFLUENCE "samples/profile", site, OF_ROW, J_TOLERANCE);
}

static void figures_5_6_entropies(void **state)
{
    struct sides s = open_sides("entropies", "published_entropies");

    (void)state;
    compare("figure 5", &s, "windows/start", NULL, EXACT, 0);
    for (int i = 0; i < SITES; i++) {
        compare_entropies("figure 5", &s, sites[i]);
        compare_vectors("figure 5", &s, sites[i]);
        compare("figure 6", &s, INFLUENCE "features/entropy_mean", sites[i], ABSOLUTE, H_TOLERANCE);
        compare_attribute("figure 6", &s, "sites/SITE/influence", sites[i], "window_mean", H_TOLERANCE);
    }
    close_sides(&s);
}

static void figure_7_sweep(void **state)
{
    struct sides s = open_sides("sweep", "published_sweep");

    (void)state;
    assert_int_equal(lc_result_points(s.r[0]), 16);
    assert_int_equal(lc_result_points(s.r[1]), 16);
    compare("figure 7", &s, "points/windows.length", NULL, EXACT, 0);
    for (int64_t k = 0; k < 16; k++) {
        lc_result_at(s.r[0], k);
        lc_result_at(s.r[1], k);
        compare("figure 7", &s, "windows/start", NULL, EXACT, 0);
        compare_entropies("figure 7", &s, sites[2]);
    }
    lc_result_at(s.r[0], -1);
    lc_result_at(s.r[1], -1);
    compare("figure 7", &s, "sites/SITE/sweep/feature", sites[2], EXACT, 0);
    compare("figure 7", &s, "sites/SITE/sweep/samples", sites[2], EXACT, 0);
    compare("figure 7", &s, "sites/SITE/sweep/entropy_mean", sites[2], ABSOLUTE, H_TOLERANCE);
    close_sides(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figure_1_counts),         cmocka_unit_test(location),      cmocka_unit_test(figure_2_covariance),
        cmocka_unit_test(figures_3_4_8_influence), cmocka_unit_test(token_vectors), cmocka_unit_test(figures_5_6_entropies),
        cmocka_unit_test(figure_7_sweep),
    };
    int failed;

    folder = results_folder("LC_FIDELITY", "test_published.sh");
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    print_figures();
    return failed;
}

/* A report on made-up results: every file is there, numbers are the data's, text from data is harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lightcone/file.h"
#include "lightcone/report.h"
#include "report_fixture.h"

static char folder[] = "/tmp/lc-report-XXXXXX";
static const char *const all_figures[] = {
    "unique_tokens",  "correlation_map",    "profile",
    "feature_entropies", "entropy_layers",  "entropy_histograms",
    "context_sweep",  "entropy_frequency",  "depth",
    "saturation",     "entropy_activation", "entropy_position",
    "density",        "rank_frequency",     "location",
    "correlation_distribution"};
enum { FIGURES = sizeof all_figures / sizeof all_figures[0] };

static char paths[8][LC_PATH_MAX];

static const char *at(int slot, const char *name)
{
    snprintf(paths[slot], LC_PATH_MAX, "%s/%s", folder, name);
    return paths[slot];
}

/* A whole file as text; the caller frees it. */
static char *slurp(const char *name)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map map;
    char *text = NULL;

    assert_int_equal(lc_map_open(&map, at(7, name), &err), LC_OK);
    assert_int_equal(LC_ALLOC(&text, map.size + 1, "text", &err), LC_OK);
    memcpy(text, map.data, map.size);
    lc_map_close(&map);
    return text;
}

static int count_of(const char *text, const char *what)
{
    int n = 0;

    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

/* Enough of XML for what is written here: tags nest, attributes are quoted, entities are known, one root. */
static void assert_xml(const char *p)
{
    char open[64][64];
    int depth = 0, roots = 0;

    for (; *p; p++) {
        const char *end;
        if (*p == '&')
            assert_true(strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&lt;", 4) == 0 ||
                        strncmp(p, "&gt;", 4) == 0 || strncmp(p, "&quot;", 6) == 0 ||
                        strncmp(p, "&#", 2) == 0);
        if (*p != '<')
            continue;
        end = strchr(p, '>');
        assert_non_null(end);
        if (p[1] == '/') {
            assert_true(depth > 0);
            assert_int_equal(strncmp(open[depth - 1], p + 2, (size_t)(end - p - 2)), 0);
            depth--;
        } else if (p[1] != '?' && p[1] != '!' && end[-1] != '/') {
            assert_true(depth < 64);
            snprintf(open[depth], sizeof open[0], "%.*s", (int)strcspn(p + 1, " \n\t>"), p + 1);
            roots += depth++ == 0;
        }
        p = end;
    }
    assert_int_equal(depth, 0);
    assert_int_equal(roots, 1);
}

static void everything_is_there(void **state)
{
    char name[128];

    (void)state;
    for (int i = 0; i < FIGURES; i++) {
        char *text;
        snprintf(name, sizeof name, "both/figures/%s.svg", all_figures[i]);
        text = slurp(name);
        assert_xml(text);
        assert_null(strstr(text, "NaN"));
        free(text);
        snprintf(name, sizeof name, "both/tables/%s.csv", all_figures[i]);
        text = slurp(name);
        assert_true(count_of(text, "\r\n") > 5);
        assert_int_equal(count_of(text, "\n"), count_of(text, "\r\n"));
        free(text);
    }
}

static void page_holds_the_figures(void **state)
{
    char *page = slurp("both/index.html");

    (void)state;
    assert_int_equal(count_of(page, "<svg"), FIGURES);
    assert_int_equal(count_of(page, "</svg>"), FIGURES);
    assert_null(strstr(page, "Figures left out"));
    assert_null(strstr(page, "http-equiv"));
    assert_int_equal(count_of(page, "http"), count_of(page, "xmlns"));
    assert_non_null(strstr(page, "Mean entropy rises with depth at every step"));
    assert_non_null(strstr(page, "0123abcd  10  corpus  corpus.txt"));
    free(page);
}

static void text_from_data_is_escaped(void **state)
{
    char *page = slurp("both/index.html");

    (void)state;
    assert_null(strstr(page, "<script"));
    assert_non_null(strstr(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_non_null(strstr(page, "# &lt;b&gt;&amp;"));
    assert_null(strchr(page, '\x1b'));
    assert_null(strchr(page, '\xff'));
    assert_non_null(strstr(page, "\xEF\xBF\xBD"));
    free(page);
}

/* The line of a table that begins with `start`. */
static const char *line_with(const char *csv, const char *start)
{
    const char *line = strstr(csv, start);

    assert_non_null(line);
    return line;
}

static void tables_are_the_data(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct fx_site *s = fx_make_site(3, &err);
    double mean = 0, got;
    char start[64], *csv;
    long feature;
    int n = 0;

    (void)state;
    assert_non_null(s);
    for (int64_t i = 0; i < s->m; i++)
        mean += s->f_mean[i] / (double)s->m;
    csv = slurp("both/tables/depth.csv");
    assert_int_equal(sscanf(line_with(csv, "3,resid_out_layer3,feature_mean,"),
                            "3,resid_out_layer3,feature_mean,%lf", &got),
                     1);
    assert_true(fabs(got - mean) < 1e-12);
    free(csv);
    csv = slurp("both/tables/entropy_layers.csv");
    for (const char *p = csv; (p = strstr(p, "3,resid_out_layer3,feature,")); p++, n++) {
        assert_int_equal(sscanf(p, "3,resid_out_layer3,feature,%ld,%lf", &feature, &got), 2);
        assert_int_equal(feature, s->f_feature[n]);
        assert_true(got == s->f_mean[n]);
    }
    assert_int_equal(n, s->m);
    free(csv);
    csv = slurp("both/tables/profile.csv");
    for (int64_t best = 0, i = 0; i < s->m; i++) {
        best = s->f_samples[i] > s->f_samples[best] ? i : best;
        if (i < s->m - 1)
            continue;
        snprintf(start, sizeof start, "\r\n%d,", FX_T - 1);
        assert_int_equal(sscanf(line_with(csv, start), "\r\n63,%lf", &got), 1);
        assert_true(got == s->f_profile_mean[best * FX_T + FX_T - 1]);
    }
    free(csv);
    free(s);
}

/* A coloured line of figure 5 passes through dots: where a feature has too few samples for one, it has no point. */
static void tracked_lines_pass_through_dots(void **state)
{
    char *csv = slurp("both/tables/entropy_layers.csv"), line[128];
    int points = 0;

    (void)state;
    for (const char *p = csv; (p = strstr(p, ",tracked,")); p++, points++) {
        const char *from = p;
        while (from[-1] != '\n')
            from--;
        snprintf(line, sizeof line, "\r\n%.*s,feature,%.*s\r\n", (int)(p - from), from,
                 (int)strcspn(p + 9, "\r"), p + 9);
        assert_non_null(strstr(csv, line));
    }
    assert_true(points > 10);
    free(csv);
}

/* Share explained and overlap are the result's, with their intervals. */
static void token_vectors_are_compared(void **state)
{
    char *csv = slurp("both/tables/summary_token_vector.csv");
    double residual, reconstruction, x[6];
    int share = 0, overlap = 0;

    (void)state;
    assert_int_equal(sscanf(line_with(csv, "resid_out_layer4,60,"),
                            "resid_out_layer4,60,%lf,,,%lf,%lf,%lf,%lf,%d,%lf,%lf,%lf,%d", &residual, &reconstruction, &x[0],
                            &x[1], &x[2], &share, &x[3], &x[4], &x[5], &overlap),
                     10);
    assert_true(residual == reconstruction && x[0] == 0.625 && x[3] == 0.9375);
    assert_true(fabs(x[2] - x[1] - 2 * 1.96 * 0.125 / sqrt(FX_N)) < 1e-12);
    assert_true(fabs(x[5] - x[4] - 2 * 1.96 * 0.0625 / sqrt(FX_N)) < 1e-12);
    assert_true(share == 2 && overlap == 2);
    free(csv);
}

/* Every histogram over features counts each of them once. */
static void histograms_count_everyone(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct fx_site *s = fx_make_site(2, &err);
    char *csv = slurp("both/tables/entropy_histograms.csv");
    long bin, features, sum = 0;
    double low, high;

    (void)state;
    for (const char *p = csv; (p = strstr(p, "resid_out_layer2,")); p++) {
        assert_int_equal(sscanf(p, "resid_out_layer2,%ld,%lf,%lf,%ld", &bin, &low, &high, &features), 4);
        assert_true(high > low);
        sum += features;
    }
    assert_int_equal(sum, s->m);
    free(csv);
    free(s);
}

static void same_bytes_twice(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(0, "i.h5"), at(1, "s.h5"), at(3, "w.h5"), at(4, "corr.h5")};
    char *a = slurp("both/index.html"), *b;

    (void)state;
    assert_int_equal(lc_report_write(results, 4, at(2, "both"), NULL, &err), LC_OK);
    b = slurp("both/index.html");
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void sparsity_alone_gives_a_page(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(1, "s.h5")};
    char *page;

    (void)state;
    assert_int_equal(lc_report_write(results, 1, at(2, "alone"), NULL, &err), LC_OK);
    page = slurp("alone/index.html");
    assert_int_equal(count_of(page, "<svg"), 4);
    assert_non_null(strstr(page, "Figures left out"));
    assert_non_null(strstr(page, "no given result holds a covariance of leading features"));
    assert_non_null(strstr(page, "no given result holds influence"));
    assert_false(lc_path_is_file(at(3, "alone/figures/depth.svg")));
    free(page);
}

/* A site that breaks the rise is named; one site says nothing about depth. */
static void put_means(struct lc_result *r, const double *means, int sites, struct lc_err *err)
{
    char site[32];

    for (int i = 0; i < sites; i++) {
        snprintf(site, sizeof site, "resid_out_layer%d", i);
        lc_result_put(r, "sites/SITE/influence/samples/entropy", site, (int64_t[]){0}, NULL, err);
        lc_result_put_real(r, "sites/SITE/influence", site, "feature_mean", means[i], err);
        lc_result_put_real(r, "sites/SITE/influence", site, "feature_mean_low", means[i] - 0.2, err);
        lc_result_put_real(r, "sites/SITE/influence", site, "feature_mean_high", means[i] + 0.2, err);
    }
}

static char *page_of_means(const double *means, int sites)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    const char *results[] = {at(0, "m.h5")};

    assert_int_equal(lc_result_create(&r, results[0], &err), LC_OK);
    put_means(r, means, sites, &err);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
    assert_int_equal(lc_report_write(results, 1, at(1, "means"), NULL, &err), LC_OK);
    return slurp("means/index.html");
}

static void a_fall_is_said_plainly(void **state)
{
    char *page = page_of_means((double[]){1, 3, 2.9, 2}, 4);

    (void)state;
    assert_non_null(strstr(
        page,
        "Mean entropy (feature_mean) does not rise with depth at every step: resid_out_layer2 (2.900 bit) is "
        "not above resid_out_layer1 (3.000 bit), within their 95 % intervals; resid_out_layer3 (2.000 bit) "
        "is not above resid_out_layer2 (2.900 bit)."));
    free(page);
    page = page_of_means((double[]){1}, 1);
    assert_non_null(strstr(page, "one site says nothing about depth"));
    free(page);
}

static void no_gnuplot_is_an_error(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(1, "s.h5")};
    char *old = strdup(getenv("PATH"));

    (void)state;
    setenv("PATH", "", 1);
    assert_int_equal(lc_report_write(results, 1, at(2, "none"), NULL, &err), LC_E_LIBRARY);
    setenv("PATH", old, 1);
    free(old);
    assert_non_null(strstr(err.msg, "gnuplot is not on PATH"));
    assert_false(lc_path_is_folder(at(2, "none")));
}

/* --- correlations: reference values by numpy, which made the same matrices
 * -------------------------------------------- */

static void map_is_the_matrix(void **state)
{
    char *csv = slurp("both/tables/correlation_map.csv"), start[96];
    double c;

    (void)state;
    assert_int_equal(count_of(csv, "resid_out_layer1,coactivation,"), 100 * 101 / 2);
    assert_int_equal(count_of(csv, "resid_out_layer3,conditional,"), 37 * 38 / 2);
    for (int64_t i = 0; i < 100; i += 9)
        for (int64_t j = i; j < 100; j += 11) {
            snprintf(start, sizeof start, "resid_out_layer1,coactivation,%d,%d,", fx_leading(i), fx_leading(j));
            assert_int_equal(sscanf(line_with(csv, start) + strlen(start), "%lf", &c), 1);
            assert_true(c == fx_covariance(i, j));
        }
    free(csv);
}

static void colors_end_at_the_percentile(void **state)
{
    char *csv = slurp("both/tables/correlation_map_limits.csv");
    double limit;

    (void)state; /* numpy.percentile(abs(C[:100, :100]), 99) and of the 37 features */
    assert_int_equal(sscanf(line_with(csv, "resid_out_layer1,coactivation,130,100,"),
                            "resid_out_layer1,coactivation,130,100,%lf", &limit),
                     1);
    assert_true(fabs(limit - 0.00049355797819623391) < 1e-18);
    assert_int_equal(
        sscanf(line_with(csv, "resid_out_layer3,conditional,37,37,"), "resid_out_layer3,conditional,37,37,%lf", &limit),
        1);
    assert_true(fabs(limit - 0.00048987115956392448) < 1e-18);
    free(csv);
}

static void distribution_counts_all_pairs(void **state)
{
    static const int first[8] = {125, 138, 132, 142, 137, 141, 125, 126}; /* numpy.histogram(r, 60) */
    char *csv = slurp("both/tables/correlation_distribution.csv"), start[64];
    double mean, sd, low, high;
    long n, sum = 0;

    (void)state;
    for (int k = 0; k < 60; k++) {
        snprintf(start, sizeof start, "resid_out_layer1,pearson,%d,", k);
        assert_int_equal(sscanf(line_with(csv, start) + strlen(start), "%lf,%lf,%ld", &low, &high, &n), 3);
        sum += n;
        if (k < 8)
            assert_int_equal(n, first[k]);
        if (k == 7)
            assert_true(fabs(low + 0.38289210789210792) < 1e-15 && fabs(high + 0.36623376623376624) < 1e-15);
    }
    assert_int_equal(sum, 8256); /* of 130 features one has no correlation */
    free(csv);
    csv = slurp("both/tables/correlation_moments.csv");
    assert_int_equal(sscanf(line_with(csv, "resid_out_layer1,pearson,8256,"),
                            "resid_out_layer1,pearson,8256,%lf,%lf,%lf,%lf", &mean, &sd, &low, &high),
                     4);
    assert_true(fabs(mean + 0.00031920598781063844) < 1e-15 && fabs(sd - 0.28703158138199858) < 1e-15);
    assert_true(low == -1000 / 2002.0 && high == 0.5);
    assert_non_null(strstr(csv, "resid_out_layer3,conditional,666,"));
    free(csv);
}

/* Nothing, one thing and what is not a number are drawn too. */
static void odd_matrices_are_drawn(void **state)
{
    const double c[4][9] = {{0, 0, 0, 0, 0, 0, 0, 0, 0},
                            {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
                            {INFINITY, 1, -INFINITY, 1, NAN, 5e-324, -INFINITY, 5e-324, 2},
                            {1e-320, 1e-320, 1e-320, 1e-320, 1e-320, 1e-320, 1e-320, 1e-320, 1e-320}};
    const char *results[] = {at(0, "odd.h5")};
    const int32_t feature[3] = {1, 2, 3};
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    char *csv;

    (void)state;
    assert_int_equal(lc_result_create(&r, results[0], &err), LC_OK);
    for (int k = 0; k < 4; k++) {
        char site[16];
        snprintf(site, sizeof site, "l%d", k);
        lc_result_put(r, "sites/SITE/correlation/feature", site, (int64_t[]){3}, feature, &err);
        lc_result_put(r, "sites/SITE/correlation/conditional", site, (int64_t[]){3, 3}, c[k], &err);
    }
    lc_result_put(r, "sites/SITE/correlation/feature", "l4", (int64_t[]){1}, feature, &err);
    lc_result_put(r, "sites/SITE/correlation/conditional", "l4", (int64_t[]){1, 1}, c[2] + 8, &err);
    lc_result_put(r, "sites/SITE/correlation/feature", "l5", (int64_t[]){0}, NULL, &err);
    lc_result_put(r, "sites/SITE/correlation/conditional", "l5", (int64_t[]){0, 0}, NULL, &err);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
    if (lc_report_write(results, 1, at(1, "odd"), NULL, &err) != LC_OK)
        fail_msg("%s", err.msg);
    csv = slurp("odd/tables/correlation_moments.csv");
    assert_non_null(strstr(csv, "l0,conditional,3,0,0,0,0\r\n"));
    assert_non_null(strstr(csv, "l1,conditional,0,,,0,0\r\n"));
    assert_non_null(strstr(csv, "l2,conditional,2,0.5,0.5,"));
    assert_null(strstr(csv, "l4"));
    free(csv);
}

/* A matrix that is not that of its features. */
static void matrix_of_another_shape_is_refused(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(0, "shape.h5")};
    const int32_t feature[3] = {1, 2, 3};
    const double c[6] = {0};
    struct lc_result *r;

    (void)state;
    assert_int_equal(lc_result_create(&r, results[0], &err), LC_OK);
    lc_result_put(r, "sites/SITE/correlation/feature", "l0", (int64_t[]){3}, feature, &err);
    lc_result_put(r, "sites/SITE/correlation/conditional", "l0", (int64_t[]){3, 2}, c, &err);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
    assert_int_equal(lc_report_write(results, 1, at(1, "shape"), NULL, &err), LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "shape.h5"));
    assert_non_null(strstr(err.msg, "2 columns; it has 3 features"));
}

/* --- where and how often
 * ------------------------------------------------------------------------------------------------ */

static void locations_are_the_data(void **state)
{
    char *csv = slurp("both/tables/location.csv"), *density = slurp("both/tables/rank_frequency.csv"), start[64];
    double moment[4], got[4];
    long count;
    int n = 0;

    (void)state;
    for (int64_t i = 0; i < FX_F; i += 37) {
        const char *line;
        snprintf(start, sizeof start, "resid_out_layer4,%d,", (int)i);
        if (!(line = strstr(csv, start)))
            continue;
        fx_moments(i, moment);
        assert_int_equal(
            sscanf(line + strlen(start), "%ld,%lf,%lf,%lf,%lf", &count, &got[0], &got[1], &got[2], &got[3]), 5);
        for (int k = 0; k < 4; k++)
            assert_true(got[k] == moment[k]);
        n++;
    }
    assert_true(n > 30);
    /* the live features are those that have a rank */
    assert_int_equal(count_of(csv, "resid_out_layer4,"), count_of(density, "resid_out_layer4,"));
    free(csv);
    free(density);
}

/* Least squares over the rows of the table, by the normal equations. */
static void rank_fit_is_least_squares(void **state)
{
    char *csv = slurp("both/tables/rank_frequency.csv"), *fits;
    long double x = 0, y = 0, xx = 0, xy = 0, n = 0, last = 2, slope;
    double p, fit, got[3];
    long rank, feature, live;

    (void)state;
    for (const char *at_line = csv; (at_line = strstr(at_line, "resid_out_layer2,")); at_line++) {
        assert_int_equal(sscanf(at_line, "resid_out_layer2,%ld,%ld,%lf,%lf", &rank, &feature, &p, &fit), 4);
        assert_true(p > 0 && (long double)p <= last && rank == (long)n + 1);
        last = p;
        n++;
        x += log10l(rank);
        y += log10l(p);
        xx += log10l(rank) * log10l(rank);
        xy += log10l(rank) * log10l(p);
    }
    free(csv);
    fits = slurp("both/tables/rank_frequency_fit.csv");
    assert_int_equal(sscanf(line_with(fits, "resid_out_layer2,"), "resid_out_layer2,%ld,%lf,%lf,%lf", &live, &got[0],
                            &got[1], &got[2]),
                     4);
    slope = (n * xy - x * y) / (n * xx - x * x);
    assert_int_equal(live, (long)n);
    assert_true(fabsl((long double)got[0] - slope) < 1e-12L);
    assert_true(fabsl((long double)got[1] - (y - slope * x) / n) < 1e-12L);
    assert_true(got[2] > 0.5 && got[2] <= 1);
    free(fits);
}

/* J of every sample of the feature, as many rows as samples times positions. */
static void windows_of_the_profile_are_the_samples(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct fx_site *s = fx_make_site(3, &err);
    char *csv = slurp("both/tables/profile_windows.csv"), start[64];
    int64_t best = 0, rows = 0;
    double got;

    (void)state;
    for (int64_t i = 0; i < s->m; i++)
        best = s->f_samples[i] > s->f_samples[best] ? i : best;
    for (int64_t i = 0; i < s->n; i++) {
        if (s->feature[i] != s->f_feature[best] || isnan(s->entropy[i]))
            continue;
        rows += FX_T;
        snprintf(start, sizeof start, "\n%d,%d,17,", (int)s->window[i], FX_T - 1);
        assert_int_equal(sscanf(line_with(csv, start) + strlen(start), "%lf", &got), 1);
        assert_true((float)got == s->profile[i * FX_T + 17]);
    }
    assert_int_equal(count_of(csv, "\n"), rows + 1);
    free(csv);
    free(s);
}

/* --- what a report is asked for
 * ----------------------------------------------------------------------------------------- */

static int report_of(const char *const *figure, int64_t figures, const char *const *format, int64_t formats,
                     const char *size, const char *name, struct lc_err *err)
{
    const char *results[] = {at(0, "i.h5"), at(1, "s.h5"), at(3, "corr.h5")};
    const struct lc_report_options options = {
        .figure = figure, .figures = figures, .format = format, .formats = formats, .size = size};

    *err = (struct lc_err)LC_ERR_INIT;
    return lc_report_write(results, 3, at(2, name), &options, err);
}

static void figures_are_chosen(void **state)
{
    static const char *const figures[] = {"2,density", "5"};
    struct lc_err err;
    char *page;

    (void)state;
    assert_int_equal(report_of(figures, 2, NULL, 0, NULL, "wanted", &err), LC_OK);
    page = slurp("wanted/index.html");
    assert_int_equal(count_of(page, "<svg"), 3);
    assert_true(strstr(page, "id=\"correlation_map\"") < strstr(page, "id=\"entropy_layers\""));
    assert_true(strstr(page, "id=\"entropy_layers\"") < strstr(page, "id=\"density\""));
    assert_null(strstr(page, "Figures left out"));
    assert_false(lc_path_is_file(at(4, "wanted/figures/depth.svg")));
    free(page);
}

/* The page has the paper's order, then the others. */
static void page_is_in_order(void **state)
{
    char *page = slurp("both/index.html"), id[64], *last = page;

    (void)state;
    for (int i = 0; i < FIGURES; i++) {
        snprintf(id, sizeof id, "<figure id=\"%s\">", all_figures[i]);
        assert_non_null(strstr(page, id));
        assert_true(strstr(page, id) > last);
        last = strstr(page, id);
    }
    free(page);
}

static void assert_usage(int rc, const struct lc_err *err, const char *text)
{
    assert_int_equal(rc, LC_E_USAGE);
    if (!strstr(err->msg, text))
        fail_msg("'%s' lacks '%s'", err->msg, text);
}

static void wrong_wishes_are_named(void **state)
{
    static const char *const sizes[] = {"85",
                                        "85mm",
                                        "x",
                                        "85mmx",
                                        "85mmx60",
                                        "85x60mmm",
                                        "-85mmx60mm",
                                        "0x55mmx60mm",
                                        "85mmx60mmx2mm",
                                        "1e3x800",
                                        "12..5mmx60mm",
                                        "19mmx60mm",
                                        "85mmx601mm",
                                        "99x800",
                                        "1200x8001",
                                        "infx800",
                                        "",
                                        "1200 x 800",
                                        "99999999999999999999x800"};
    struct lc_err err;

    (void)state;
    assert_usage(report_of((const char *[]){"9"}, 1, NULL, 0, NULL, "no", &err), &err,
                 "--figure '9': no such figure; allowed: 1 unique_tokens, 2 correlation_map, 3 profile, 4 "
                 "feature_entropies, 5 entropy_layers, 6 entropy_histograms, 7 context_sweep, 8 "
                 "entropy_frequency, depth, saturation, ");
    assert_usage(report_of((const char *[]){"depth,"}, 1, NULL, 0, NULL, "no", &err), &err, "--figure ''");
    assert_usage(report_of((const char *[]){"dept"}, 1, NULL, 0, NULL, "no", &err), &err, "--figure 'dept'");
    assert_usage(report_of(NULL, 0, (const char *[]){"pdf,tiff"}, 1, NULL, "no", &err), &err,
                 "--format 'tiff': allowed: svg, pdf, png");
    assert_usage(report_of(NULL, 0, NULL, 0, "85mmx60mm", "no", &err), &err, "--size needs --format");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_usage(report_of(NULL, 0, (const char *[]){"pdf"}, 1, sizes[i], "no", &err), &err,
                     "allowed: WIDTHxHEIGHT such as 85mmx60mm");
    assert_false(lc_path_is_folder(at(2, "no")));
}

/* A figure that was asked for by name and has no data is an error, not a gap on the page. */
static void named_figure_without_data(void **state)
{
    static const char *const figure[] = {"2"};
    const struct lc_report_options options = {.figure = figure, .figures = 1};
    const char *results[] = {at(1, "s.h5")};
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_usage(lc_report_write(results, 1, at(2, "gap"), &options, &err), &err,
                 "--figure correlation_map cannot be drawn: no given result holds a covariance");
}

static unsigned big_endian(const unsigned char *b)
{
    return (unsigned)b[0] << 24 | (unsigned)b[1] << 16 | (unsigned)b[2] << 8 | b[3];
}

static void assert_png(const char *name, unsigned width, unsigned height)
{
    static const unsigned char magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    struct lc_err err = LC_ERR_INIT;
    struct lc_map map;

    assert_int_equal(lc_map_open(&map, at(7, name), &err), LC_OK);
    assert_true(map.size > 1000);
    assert_memory_equal(map.data, magic, sizeof magic);
    assert_int_equal(big_endian((const unsigned char *)map.data + 16), width);
    assert_int_equal(big_endian((const unsigned char *)map.data + 20), height);
    lc_map_close(&map);
}

/* The page of a PDF, in points. */
static void assert_pdf(const char *name, int width, int height)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map map;
    double box[4] = {0};
    char *text = NULL;

    assert_int_equal(lc_map_open(&map, at(7, name), &err), LC_OK);
    assert_memory_equal(map.data, "%PDF-", 5);
    assert_int_equal(LC_ALLOC(&text, map.size + 1, "text", &err), LC_OK);
    for (size_t i = 0; i < map.size; i++) /* as text, which a PDF is but for its streams */
        text[i] = ((const char *)map.data)[i] ? ((const char *)map.data)[i] : ' ';
    assert_int_equal(
        sscanf(line_with(text, "/MediaBox"), "/MediaBox [ %lf %lf %lf %lf", &box[0], &box[1], &box[2], &box[3]), 4);
    assert_true(fabs(box[2] - width) <= 1 && fabs(box[3] - height) <= 1);
    free(text);
    lc_map_close(&map);
}

static void files_for_papers(void **state)
{
    static const char *const figure[] = {"2", "profile,depth"}, *const format[] = {"pdf", "png,svg"};
    struct lc_err err;
    char *page;

    (void)state;
    assert_int_equal(report_of(figure, 2, format, 2, "85mmx60mm", "print", &err), LC_OK);
    assert_pdf("print/figures/correlation_map.pdf", 241, 170);
    assert_png("print/figures/profile.png", 1004, 709); /* 300 to the inch */
    page = slurp("print/index.html");
    assert_non_null(strstr(page, "<a href=\"figures/depth.pdf\">PDF</a>, <a href=\"figures/depth.png\">PNG</a>"));
    free(page);
    assert_int_equal(report_of(figure, 1, format, 2, "3.4x2.4in", "print", &err), LC_OK);
    assert_pdf("print/figures/correlation_map.pdf", 245, 173);
    assert_int_equal(report_of(figure, 1, format, 2, "1200x800", "print", &err), LC_OK);
    assert_png("print/figures/correlation_map.png", 1200, 800);
    assert_pdf("print/figures/correlation_map.pdf", 900, 600);
    assert_int_equal(report_of(figure + 1, 1, format, 1, NULL, "print", &err), LC_OK);
    assert_pdf("print/figures/depth.pdf", 645, 420); /* its own 860 by 560 pixels */
}

static void pdf_is_the_same_at_any_time(void **state)
{
    static const char *const figure[] = {"density"}, *const format[] = {"pdf"};
    struct lc_err err = LC_ERR_INIT, ignored;
    struct lc_map one, two;

    (void)state;
    assert_int_equal(report_of(figure, 1, format, 1, NULL, "early", &ignored), LC_OK);
    sleep(1);
    assert_int_equal(report_of(figure, 1, format, 1, NULL, "late", &ignored), LC_OK);
    assert_int_equal(lc_map_open(&one, at(4, "early/figures/density.pdf"), &err), LC_OK);
    assert_int_equal(lc_map_open(&two, at(5, "late/figures/density.pdf"), &err), LC_OK);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.data, two.data, one.size);
    lc_map_close(&one);
    lc_map_close(&two);
}

/* A gnuplot built without cairo says so when it is asked for its terminals. */
static void gnuplot_without_cairo_is_an_error(void **state)
{
    static const char script[] = "#!/bin/sh\necho ' dumb svg x11 '\n", *const format[] = {"png"};
    char *old = strdup(getenv("PATH"));
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_int_equal(lc_folder_make(at(5, "bin"), &err), LC_OK);
    assert_int_equal(lc_file_write(at(6, "bin/gnuplot"), script, sizeof script - 1, &err), LC_OK);
    assert_int_equal(chmod(paths[6], 0755), 0);
    setenv("PATH", paths[5], 1);
    assert_int_equal(report_of(NULL, 0, format, 1, NULL, "cairo", &err), LC_E_LIBRARY);
    setenv("PATH", old, 1);
    free(old);
    assert_non_null(strstr(err.msg, "no terminal pngcairo, which draws --format png"));
    assert_false(lc_path_is_folder(at(2, "cairo")));
}

static char *shown(const char *result, const struct lc_show *what, struct lc_err *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    lc_show(at(0, result), what, out, err);
    fclose(out);
    return text;
}

static void terminal_shows_the_result(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct fx_site *s = fx_make_site(2, &err);
    struct lc_show what = {.feature = -1, .top = 5};
    char *text = shown("i.h5", &what, &err), line[128];
    int64_t best = 0;

    (void)state;
    assert_int_equal(err.code, LC_OK);
    assert_non_null(strstr(text, "window length T (tokens)"));
    assert_int_equal(count_of(text, "features by influence"), FX_SITES);
    free(text);
    for (int64_t i = 0; i < s->m; i++)
        best = s->f_mean[i] > s->f_mean[best] ? i : best;
    what = (struct lc_show){.site = "resid_out_layer2", .feature = -1, .top = 1, .by = "entropy_mean"};
    text = shown("i.h5", &what, &err);
    snprintf(line, sizeof line, "%d ", s->f_feature[best]);
    assert_non_null(strstr(text, line));
    free(text);
    what = (struct lc_show){.site = "resid_out_layer2", .feature = s->f_feature[best], .top = 5};
    text = shown("i.h5", &what, &err);
    assert_non_null(strstr(text, "influence over the text of its strongest sample"));
    assert_null(strchr(text, '\x1b'));
    free(text);
    what = (struct lc_show){.site = "resid_out_layer2", .feature = 1, .top = 5};
    text = shown("s.h5", &what, &err);
    assert_int_equal(err.code, LC_OK);
    assert_non_null(strstr(text, "Tokens it is active on"));
    assert_non_null(strstr(text, "'<script>alert(1)</script>'"));
    free(text);
    free(s);
}

static void terminal_shows_pairs(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_show what = {.feature = -1, .top = 3};
    char *text = shown("corr.h5", &what, &err), line[64];

    (void)state;
    assert_int_equal(err.code, LC_OK);
    assert_non_null(strstr(text, "resid_out_layer1: strongest pairs, by pearson"));
    assert_non_null(strstr(text, "(3 of 12 rows)"));
    snprintf(line, sizeof line, "%d  %d  0.4900\n", fx_leading(1), fx_leading(8));
    assert_non_null(strstr(text, line));
    free(text);
    what = (struct lc_show){.feature = fx_leading(8), .top = 9}; /* second of one pair, first of another */
    text = shown("corr.h5", &what, &err);
    assert_int_equal(err.code, LC_OK);
    assert_non_null(strstr(text, "strongest pairs with feature 25, by pearson"));
    assert_int_equal(count_of(text, "0.4"), 2);
    free(text);
}

#define VECTORS "sites/SITE/influence/token_vector/"

/* Token vectors without any feature, as a published file can hold them: they are shown, and do not stand in the way of
 * an influence of features. */
static void token_vectors_alone_are_shown(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(4, "v.h5"), at(5, "i.h5")};
    struct lc_show what = {.feature = -1, .top = 5};
    double entropy[4] = {1, 2, 3, 4};
    struct lc_result *r;
    char *text;

    (void)state;
    assert_int_equal(lc_result_create(&r, results[0], &err), LC_OK);
    lc_result_put_text(r, NULL, NULL, "job", "influence", &err);
    lc_result_put_int(r, NULL, NULL, "window_length", FX_T, &err);
    lc_result_put(r, VECTORS "residual/entropy", "resid_out_layer1", (int64_t[]){4}, entropy, &err);
    lc_result_put(r, VECTORS "reconstruction/entropy", "resid_out_layer8", (int64_t[]){2}, entropy + 2, &err);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
    text = shown("v.h5", &what, &err);
    assert_int_equal(err.code, LC_OK);
    assert_non_null(strstr(text, "Token vectors, by site"));
    assert_non_null(strstr(text, "2.500"));
    assert_non_null(strstr(text, "3.500"));
    free(text);
    assert_int_equal(lc_report_write(results, 1, at(2, "vector"), NULL, &err), LC_OK);
    text = slurp("vector/tables/depth.csv");
    assert_non_null(strstr(text, "0,resid_out_layer1,token_vector_residual,2.5,"));
    assert_non_null(strstr(text, "1,resid_out_layer8,token_vector_reconstruction,3.5,"));
    assert_int_equal(count_of(text, "\r\n"), 3);
    free(text);
    assert_int_equal(lc_report_write(results, 2, at(2, "beside"), NULL, &err), LC_OK);
    text = slurp("beside/tables/depth.csv");
    assert_non_null(strstr(text, "1,resid_out_layer1,feature_mean,"));
    assert_non_null(strstr(text, "1,resid_out_layer1,token_vector_residual,2.5,"));
    free(text);
}

static void terminal_names_what_is_wrong(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_show what = {.site = "mlp0", .feature = -1, .top = 5};

    (void)state;
    free(shown("i.h5", &what, &err));
    assert_int_equal(err.code, LC_E_USAGE);
    assert_non_null(strstr(err.msg, "no site 'mlp0'; it has: resid_out_layer0"));
    err = (struct lc_err)LC_ERR_INIT;
    what = (struct lc_show){.feature = -1, .top = 5, .by = "colour"};
    free(shown("i.h5", &what, &err));
    assert_int_equal(err.code, LC_E_USAGE);
    err = (struct lc_err)LC_ERR_INIT;
    what = (struct lc_show){.feature = 1999999, .top = 5};
    free(shown("i.h5", &what, &err));
    assert_int_equal(err.code, LC_E_USAGE);
}

/* Rows of one group that do not agree, and an index that leads outside. */
static void inconsistent_results_are_refused(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r;
    struct lc_show what = {.feature = -1, .top = 5};
    const float x[3] = {0};

    (void)state;
    assert_int_equal(lc_result_create(&r, at(0, "bad.h5"), &err), LC_OK);
    lc_result_put(r, "sites/SITE/influence/samples/entropy", "l0", (int64_t[]){3}, x, &err);
    lc_result_put(r, "sites/SITE/influence/samples/activation", "l0", (int64_t[]){2}, x, &err);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
    free(shown("bad.h5", &what, &err));
    assert_int_equal(err.code, LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "bad.h5"));
}

/* Without kept profiles the text is shaded by the feature's mean profile, and says so. */
static void mean_profile_stands_in(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(0, "n.h5")};
    char *page;

    (void)state;
    assert_int_equal(fx_influence(results[0], 0, &err), LC_OK);
    assert_int_equal(lc_report_write(results, 1, at(1, "mean"), NULL, &err), LC_OK);
    page = slurp("mean/index.html");
    assert_non_null(strstr(page, "share of the feature's mean profile"));
    assert_non_null(strstr(page, "class=\"readout\""));
    assert_non_null(strstr(page, "own profiles are not kept in this result (keep: {profiles: true})"));
    free(page);
}

/* The line of a feature of the sweep at a length, all its numbers. */
static void sweeps_are_drawn(void **state)
{
    char *csv = slurp("both/tables/context_sweep.csv"), line[128];
    double mean, se, activation, x[4], curve = 0, all = 0;
    long n, active;

    (void)state;
    snprintf(line, sizeof line, "resid_out_layer1,tracked,110,32,"); /* the most activated */
    assert_non_null(strstr(csv, line));
    assert_int_equal(sscanf(strstr(csv, line) + strlen(line), "%lf,%lf,%ld,%lf", &mean, &se, &n, &activation), 4);
    assert_true(fabs(mean - fx_swept_entropy(11, 32)) < 1e-15);
    assert_true(se == 0.0625);
    assert_int_equal(n, 12);
    assert_true(activation == 12);
    assert_non_null(strstr(csv, "resid_out_layer0,feature,0,64,"));  /* the least activated of twelve */
    assert_null(strstr(csv, "tracked,30,8,"));                       /* no sample there */
    assert_int_equal(count_of(csv, "\r\n"), 1 + 2 * (FX_SWEPT * FX_POINTS - 1));
    free(csv);
    csv = slurp("both/tables/saturation.csv");
    for (int f = 0; f < FX_SWEPT; f++) {
        all += fx_swept_entropy(f, 8) / FX_SWEPT;
        curve += f == 3 ? 0 : fx_swept_entropy(f, 8) / (FX_SWEPT - 1); /* the one without a sample there */
    }
    assert_int_equal(sscanf(strstr(csv, "resid_out_layer1,8,"), "resid_out_layer1,8,%lf,%ld,%lf,%*f,%*f,%ld,%lf,%lf", &x[0],
                            &n, &x[1], &active, &x[2], &x[3]),
                     6);
    assert_true(n == FX_SWEPT - 1 && active == FX_SWEPT);
    assert_true(fabs(x[0] - curve) < 1e-12 && fabs(x[1] - all) < 1e-12);
    assert_true(x[2] == FX_SHARE && x[3] == FX_SATURATION); /* as the result says */
    free(csv);
    csv = slurp("both/index.html");
    assert_non_null(strstr(csv, "resid_out_layer1: mean entropy of the 11 features with samples at every length reaches 75 % of "
                                "its value at 64 tokens (2.422 bit) at 16 tokens."));
    free(csv);
}

/* At the second site no feature is active at the longest windows; then at none. */
static void sweeps_without_features_are_named(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(4, "z.h5")};
    char *page;

    (void)state;
    for (int some = 1; some >= 0; some--) {
        assert_int_equal(fx_sweep(results[0], some, 1, &err), LC_OK);
        assert_int_equal(lc_report_write(results, 1, at(2, "empty"), NULL, &err), LC_OK);
        page = slurp("empty/index.html");
        assert_int_equal(count_of(page, "is not shown: no feature is active there at the longest windows."), some ? 2 : 0);
        assert_int_equal(count_of(page, "no feature of a given sweep is active at its longest windows"), some ? 0 : 2);
        free(page);
    }
}

static void classes_are_drawn(void **state)
{
    char *csv = slurp("both/tables/entropy_activation.csv");

    (void)state;
    assert_non_null(strstr(csv, "resid_out_layer5,0.875,2,1.75,2.25,900\r\n"));
    free(csv);
    csv = slurp("both/tables/entropy_position.csv");
    assert_non_null(strstr(csv, "resid_out_layer0,63,2.625,2.5,2.75,50\r\n"));
    free(csv);
}

/* Of two influences of a site, figures of chosen features take the one whose features were chosen. */
static void chosen_features_have_their_figures(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(0, "i.h5"), at(4, "c.h5")};
    struct lc_result *r;
    struct fx_site *s = fx_make_site(2, &err);
    char *csv;

    (void)state;
    assert_int_equal(lc_result_create(&r, results[1], &err), LC_OK);
    lc_result_put_text(r, NULL, NULL, "job", "influence", &err);
    lc_result_put_text(r, NULL, NULL, "features", "select", &err);
    s->m = 1; /* one feature is enough to tell them apart */
    assert_int_equal(fx_put_site(r, "resid_out_layer4", s, 1, &err), LC_OK);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
    free(s);
    assert_int_equal(lc_report_write(results, 2, at(2, "chosen"), NULL, &err), LC_OK);
    csv = slurp("chosen/tables/feature_entropies.csv");
    assert_non_null(strstr(csv, "resid_out_layer4"));
    assert_null(strstr(csv, "resid_out_layer3")); /* which only the other file has */
    free(csv);
    csv = slurp("chosen/tables/entropy_histograms.csv"); /* of all features: from the other file */
    assert_non_null(strstr(csv, "resid_out_layer3"));
    assert_true(count_of(csv, "resid_out_layer4") >= 20);
    free(csv);
}

/* The same site once more, every window a quarter bit and every sample half a bit higher; window 7 stands elsewhere. */
static void differences_are_paired(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[] = {at(0, "i.h5"), at(4, "d.h5")};
    static int64_t start[FX_N], length[FX_N];
    struct lc_result *r;
    struct fx_site *s = fx_make_site(4, &err);
    double first, second, difference, sd, low, high;
    long pairs, windows;
    char *csv, *row;

    (void)state;
    for (int w = 0; w < FX_N; w++) {
        start[w] = w == 7 ? 1000000 : w * FX_T;
        length[w] = FX_T;
        s->w_mean[w] += 0.25 + (w % 2 ? 0.125 : -0.125);
    }
    for (int64_t i = 0; i < s->n; i++)
        s->entropy[i] += 0.5f;
    assert_int_equal(lc_result_create(&r, results[1], &err), LC_OK);
    lc_result_put_text(r, NULL, NULL, "job", "influence", &err);
    lc_result_put_text(r, NULL, NULL, "features", "active", &err);
    lc_result_put(r, "windows/start", NULL, (int64_t[]){FX_N}, start, &err);
    lc_result_put(r, "windows/length", NULL, (int64_t[]){FX_N}, length, &err);
    assert_int_equal(fx_put_site(r, "resid_out_layer4", s, 0, &err), LC_OK);
    assert_int_equal(lc_result_commit(r, &err), LC_OK);
    assert_int_equal(lc_report_write(results, 2, at(2, "pairs"), NULL, &err), LC_OK);
    csv = slurp("pairs/tables/comparison_pairs.csv");
    row = strstr(csv, "resid_out_layer4,window_mean,");
    assert_non_null(row);
    assert_int_equal(sscanf(row, "resid_out_layer4,window_mean,%lf,%lf,%lf,%lf,%lf,%lf,%ld,%ld", &first, &second,
                            &difference, &sd, &low, &high, &pairs, &windows), 8);
    assert_int_equal(windows, FX_N - 1);
    assert_true(fabs(difference - (0.25 - 0.125 / (FX_N - 1))) < 1e-12); /* 30 even windows, 29 odd ones */
    assert_true(fabs(second - first - difference) < 1e-12 && fabs(sd - 0.125) < 1e-3);
    assert_true(low < difference && difference < high && high - low < 4.5 * sd / sqrt(FX_N - 1));
    row = strstr(csv, "resid_out_layer4,same_window_and_feature,");
    assert_int_equal(sscanf(row, "resid_out_layer4,same_window_and_feature,%*f,%*f,%lf,%lf,%*f,%*f,%ld,%ld", &difference,
                            &sd, &pairs, &windows), 4);
    assert_true(fabs(difference - 0.5) < 1e-6 && sd < 1e-6);
    assert_true(pairs > windows && windows == FX_N - 1);
    assert_null(strstr(csv, "resid_out_layer3"));
    free(csv);
    csv = slurp("pairs/tables/comparison_definitions.csv");
    assert_non_null(strstr(csv, "degenerate,resid_out_layer4,"));
    free(csv);
    free(s);
}

static int make_results(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    const char *results[4];

    (void)state;
    if (!mkdtemp(folder))
        return 1;
    results[0] = at(0, "i.h5");
    results[1] = at(1, "s.h5");
    results[2] = at(3, "w.h5");
    results[3] = at(4, "corr.h5");
    if (fx_influence(results[0], 1, &err) != LC_OK || fx_sparsity(results[1], &err) != LC_OK ||
        fx_sweep(results[2], 2, 0, &err) != LC_OK || fx_correlation(results[3], &err) != LC_OK ||
        lc_report_write(results, 4, at(2, "both"), NULL, &err) != LC_OK) {
        print_error("%s\n", err.msg);
        return 1;
    }
    return 0;
}

static int remove_results(void **state)
{
    char command[128];

    (void)state;
    if (getenv("LC_KEEP"))
        return 0;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_is_the_matrix),
        cmocka_unit_test(colors_end_at_the_percentile),
        cmocka_unit_test(distribution_counts_all_pairs),
        cmocka_unit_test(odd_matrices_are_drawn),
        cmocka_unit_test(matrix_of_another_shape_is_refused),
        cmocka_unit_test(locations_are_the_data),
        cmocka_unit_test(rank_fit_is_least_squares),
        cmocka_unit_test(windows_of_the_profile_are_the_samples),
        cmocka_unit_test(figures_are_chosen),
        cmocka_unit_test(page_is_in_order),
        cmocka_unit_test(wrong_wishes_are_named),
        cmocka_unit_test(named_figure_without_data),
        cmocka_unit_test(files_for_papers),
        cmocka_unit_test(pdf_is_the_same_at_any_time),
        cmocka_unit_test(gnuplot_without_cairo_is_an_error),
        cmocka_unit_test(terminal_shows_pairs),
        cmocka_unit_test(everything_is_there),
        cmocka_unit_test(page_holds_the_figures),
        cmocka_unit_test(text_from_data_is_escaped),
        cmocka_unit_test(tables_are_the_data),
        cmocka_unit_test(tracked_lines_pass_through_dots),
        cmocka_unit_test(histograms_count_everyone),
        cmocka_unit_test(same_bytes_twice),
        cmocka_unit_test(sparsity_alone_gives_a_page),
        cmocka_unit_test(a_fall_is_said_plainly),
        cmocka_unit_test(no_gnuplot_is_an_error),
        cmocka_unit_test(terminal_shows_the_result),
        cmocka_unit_test(terminal_names_what_is_wrong),
        cmocka_unit_test(inconsistent_results_are_refused),
        cmocka_unit_test(mean_profile_stands_in),
        cmocka_unit_test(token_vectors_are_compared),
        cmocka_unit_test(token_vectors_alone_are_shown),
        cmocka_unit_test(sweeps_are_drawn),
        cmocka_unit_test(sweeps_without_features_are_named),
        cmocka_unit_test(classes_are_drawn),
        cmocka_unit_test(chosen_features_have_their_figures),
        cmocka_unit_test(differences_are_paired),
    };
    return cmocka_run_group_tests(tests, make_results, remove_results);
}

/* A report on made-up results: every file is there, numbers are the data's, text from data is harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "lightcone/file.h"
#include "lightcone/report.h"
#include "report_fixture.h"

static char folder[] = "/tmp/lc-report-XXXXXX";
static const char *const all_figures[] = {
    "depth",          "unique_tokens",      "density",          "profile", "feature_entropies",
    "entropy_layers", "entropy_histograms", "entropy_frequency",  "context_sweep",
    "saturation",     "entropy_activation", "entropy_position"};
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

/* The made-up reconstruction is half the residual: it explains a half, and its profile is the same. */
static void token_vectors_are_compared(void **state)
{
    char *csv = slurp("both/tables/summary_token_vector.csv");
    double residual, reconstruction, share, overlap;

    (void)state;
    assert_int_equal(sscanf(line_with(csv, "resid_out_layer4,60,"), "resid_out_layer4,60,%lf,%lf,%lf,%lf",
                            &residual, &reconstruction, &share, &overlap),
                     4);
    assert_true(residual == reconstruction && fabs(share - 0.5) < 1e-12 && fabs(overlap - 1) < 1e-6);
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
    const char *results[] = {at(0, "i.h5"), at(1, "s.h5"), at(3, "w.h5")};
    char *a = slurp("both/index.html"), *b;

    (void)state;
    assert_int_equal(lc_report_write(results, 3, at(2, "both"), &err), LC_OK);
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
    assert_int_equal(lc_report_write(results, 1, at(2, "alone"), &err), LC_OK);
    page = slurp("alone/index.html");
    assert_int_equal(count_of(page, "<svg"), 2);
    assert_non_null(strstr(page, "Figures left out"));
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
    assert_int_equal(lc_report_write(results, 1, at(1, "means"), &err), LC_OK);
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
    assert_int_equal(lc_report_write(results, 1, at(2, "none"), &err), LC_E_LIBRARY);
    setenv("PATH", old, 1);
    free(old);
    assert_non_null(strstr(err.msg, "gnuplot is not on PATH"));
    assert_false(lc_path_is_folder(at(2, "none")));
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
    assert_int_equal(lc_report_write(results, 1, at(1, "mean"), &err), LC_OK);
    page = slurp("mean/index.html");
    assert_non_null(strstr(page, "share of the feature's mean profile"));
    assert_non_null(strstr(page, "class=\"readout\""));
    free(page);
}

/* The line of a feature of the sweep at a length, all its numbers. */
static void sweeps_are_drawn(void **state)
{
    char *csv = slurp("both/tables/context_sweep.csv"), line[128];
    double mean, se, activation, at;
    long n;

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
    assert_int_equal(sscanf(strstr(csv, "resid_out_layer1,8,"), "resid_out_layer1,8,%*f,%*f,%*f,%ld,%lf", &n, &at), 2);
    assert_int_equal(n, FX_SWEPT);
    /* 1 - 2^(-T/8) is 0.75 at 16, 0.9375 at 32 and 255/256 at 64; 95 % of the last is 0.9462890625 */
    assert_true(fabs(at - (32 + 32 * (0.95 * 255 / 256 - 0.9375) / (255.0 / 256 - 0.9375))) < 1e-9);
    free(csv);
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
    assert_int_equal(lc_report_write(results, 2, at(2, "chosen"), &err), LC_OK);
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
    assert_int_equal(lc_report_write(results, 2, at(2, "pairs"), &err), LC_OK);
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
    const char *results[3];

    (void)state;
    if (!mkdtemp(folder))
        return 1;
    results[0] = at(0, "i.h5");
    results[1] = at(1, "s.h5");
    results[2] = at(3, "w.h5");
    if (fx_influence(results[0], 1, &err) != LC_OK || fx_sparsity(results[1], &err) != LC_OK ||
        fx_sweep(results[2], 2, &err) != LC_OK || lc_report_write(results, 3, at(2, "both"), &err) != LC_OK) {
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
        cmocka_unit_test(everything_is_there),          cmocka_unit_test(page_holds_the_figures),
        cmocka_unit_test(text_from_data_is_escaped),    cmocka_unit_test(tables_are_the_data),
        cmocka_unit_test(histograms_count_everyone),    cmocka_unit_test(same_bytes_twice),
        cmocka_unit_test(sparsity_alone_gives_a_page),  cmocka_unit_test(a_fall_is_said_plainly),
        cmocka_unit_test(no_gnuplot_is_an_error),       cmocka_unit_test(terminal_shows_the_result),
        cmocka_unit_test(terminal_names_what_is_wrong), cmocka_unit_test(inconsistent_results_are_refused),
        cmocka_unit_test(mean_profile_stands_in),       cmocka_unit_test(token_vectors_are_compared),
        cmocka_unit_test(sweeps_are_drawn),             cmocka_unit_test(classes_are_drawn),
        cmocka_unit_test(chosen_features_have_their_figures), cmocka_unit_test(differences_are_paired),
    };
    return cmocka_run_group_tests(tests, make_results, remove_results);
}

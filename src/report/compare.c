/* Two results side by side, and the paired differences between them. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/bootstrap.h"
#include "summary.h"

enum { ROUNDS = 1000, SEED = 1 };

#define INFLUENCE "sites/SITE/influence"

/* Two results of one kind. */
struct pair {
    const struct lc_result *side[2];
    const char *name[2]; /* of their files, as given */
};

static int same_text(const struct pair *p, const char *key)
{
    struct lc_err ignored = LC_ERR_INIT;
    char *text[2] = {NULL, NULL};
    int same;

    for (int i = 0; i < 2; i++)
        lc_result_get_text(p->side[i], NULL, NULL, key, &text[i], &ignored);
    same = text[0] && text[1] && strcmp(text[0], text[1]) == 0;
    free(text[0]);
    free(text[1]);
    return same;
}

/* Has some site such a dataset? */
static int has_dataset(const struct lc_result *r, const char *name)
{
    const char *const *sites;
    int64_t n = lc_result_sites(r, &sites);

    for (int64_t i = 0; i < n; i++)
        if (lc_result_has(r, name, sites[i]))
            return 1;
    return 0;
}

/* Of one job and choice of features; a sweep with a sweep, a spectrum with a spectrum. */
static int same_kind(const struct pair *p)
{
    const struct lc_result *a = p->side[0], *b = p->side[1];

    return same_text(p, "job") && same_text(p, "features") && !lc_result_points(a) == !lc_result_points(b) &&
           has_dataset(a, "sites/SITE/spectrum/eigenvalue") == has_dataset(b, "sites/SITE/spectrum/eigenvalue");
}

/* Pair `n` of the results given: each result with the first one of its kind. 0 when there is no such. */
static int pair_at(const struct lc_view *v, int64_t n, struct pair *p)
{
    for (int64_t b = 1; b < v->n_results; b++)
        for (int64_t a = 0; a < b; a++) {
            *p = (struct pair){{v->result[a], v->result[b]}, {v->paths[a], v->paths[b]}};
            if (v->paths[a] == v->paths[b] || !same_kind(p)) /* points of one merged file are not two results */
                continue;
            if (n-- == 0)
                return 1;
            break; /* with the first only */
        }
    return 0;
}

/* --- side by side --- */

static void side_row(struct lc_table *t, const struct pair *p, const char *what, const char *site, const char *const text[2],
                     struct lc_err *err)
{
    if (text[0][0] || text[1][0])
        lc_table_row(t, err, "sssssss", what, site, text[0], text[1], strcmp(text[0], text[1]) == 0 ? "yes" : "no",
                     p->name[0], p->name[1]);
}

/* Attributes of a site's groups that two definitions can change. */
static const struct {
    const char *group, *key;
    char kind; /* s text, i integer, r real */
} numbers[] = {
    {INFLUENCE, "feature_mean", 'r'},
    {INFLUENCE, "window_mean", 'r'},
    {INFLUENCE, "pooled", 'r'},
    {INFLUENCE, "pooled_n", 'i'},
    {INFLUENCE, "degenerate", 'i'},
    {INFLUENCE, "share_explained", 'r'},
    {"sites/SITE/sparsity", "n_tokens", 'i'},
    {"sites/SITE/correlation", "definition", 's'},
    {"sites/SITE/correlation", "participation_ratio", 'r'},
    {"sites/SITE/sweep", "saturation_length_site", 'r'},
};

static void number_text(const struct lc_result *r, const char *site, int k, char out[32], struct lc_err *err)
{
    int64_t whole = 0;
    double real = 0;
    int found = 0;

    out[0] = '\0';
    if (numbers[k].kind == 's') {
        char *text = NULL;
        if (lc_result_get_text(r, numbers[k].group, site, numbers[k].key, &text, err) == LC_OK && text)
            snprintf(out, 32, "%s", text);
        free(text);
    } else if (numbers[k].kind == 'i') {
        if (lc_result_get_int(r, numbers[k].group, site, numbers[k].key, &whole, &found, err) == LC_OK && found)
            snprintf(out, 32, "%lld", (long long)whole);
    } else if (lc_result_get_real(r, numbers[k].group, site, numbers[k].key, &real, &found, err) == LC_OK && found) {
        snprintf(out, 32, "%.6g", real);
    }
}

/* Live features and mean L0, which are counts and no attributes. */
static void sparsity_text(const struct lc_result *r, const char *site, char live[32], char l0[32], struct lc_err *err)
{
    struct lc_array p = {0};
    int64_t n = 0;
    double sum = 0;

    live[0] = l0[0] = '\0';
    if (!lc_result_has(r, "sites/SITE/sparsity/frequency", site) ||
        lc_result_get(r, "sites/SITE/sparsity/frequency", site, &p, err) != LC_OK)
        return;
    for (int64_t i = 0; i < p.count; i++) {
        n += ((const double *)p.data)[i] > 0;
        sum += ((const double *)p.data)[i];
    }
    snprintf(live, 32, "%lld", (long long)n);
    snprintf(l0, 32, "%.6g", sum);
    lc_array_release(&p);
}

static int has_site(const struct lc_result *r, const char *site)
{
    const char *const *names;
    int64_t n = lc_result_sites(r, &names);

    for (int64_t i = 0; i < n; i++)
        if (strcmp(names[i], site) == 0)
            return 1;
    return 0;
}

static void side_site(const struct pair *p, const char *site, struct lc_table *t, struct lc_err *err)
{
    char text[2][32], more[2][32];

    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
        for (int i = 0; i < 2; i++)
            number_text(p->side[i], site, (int)k, text[i], err);
        side_row(t, p, numbers[k].key, site, (const char *const[]){text[0], text[1]}, err);
    }
    for (int i = 0; i < 2; i++)
        sparsity_text(p->side[i], site, text[i], more[i], err);
    side_row(t, p, "live_features", site, (const char *const[]){text[0], text[1]}, err);
    side_row(t, p, "mean_L0", site, (const char *const[]){more[0], more[1]}, err);
}

void lc_compare_sides(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {"what", "site", "first", "second", "same", "first_file", "second_file", NULL};
    const char *const *sites;
    struct pair p;

    lc_table_begin(t, columns);
    for (int64_t k = 0; pair_at(v, k, &p); k++) {
        char *text[2];
        for (int key = 0; key < lc_definition_count; key++) {
            if (lc_definition_is_long(key))
                continue;
            for (int i = 0; i < 2; i++)
                text[i] = lc_definition_text(p.side[i], key, err);
            side_row(t, &p, lc_definition_name(key), "", (const char *const[]){text[0] ? text[0] : "", text[1] ? text[1] : ""},
                     err);
            free(text[0]);
            free(text[1]);
        }
        for (int64_t i = 0, n = lc_result_sites(p.side[0], &sites); i < n; i++)
            if (has_site(p.side[1], sites[i]))
                side_site(&p, sites[i], t, err);
    }
}

/* --- paired differences --- */

/* The provenance lines of one role, one after the other; empty when the result does not tell. */
static int role_lines(struct lc_bytes *out, const struct lc_result *r, const char *role, struct lc_err *err)
{
    struct lc_array files = {0};
    const char *line, *end, *newline;
    int rc;

    if (!lc_result_has(r, "provenance/files", NULL))
        return LC_OK;
    LC_TRY(rc, lc_result_get(r, "provenance/files", NULL, &files, err));
    line = files.data;
    for (end = line + files.count; line < end && (newline = memchr(line, '\n', (size_t)(end - line))); line = newline + 1) {
        char text[512];
        snprintf(text, sizeof text, "%.*s", (int)(newline - line), line);
        if (strstr(text, role))
            LC_TRY(rc, lc_bytes_add(out, line, (size_t)(newline - line), err));
    }
done:
    lc_array_release(&files);
    return rc;
}

/* 0 when both results tell what they were made from and it differs. */
static int same_inputs(const struct pair *p, const char *role, struct lc_err *err)
{
    struct lc_bytes lines[2] = {{0}};
    int same = 1;

    for (int i = 0; i < 2; i++)
        role_lines(&lines[i], p->side[i], role, err);
    if (lines[0].size > 0 && lines[1].size > 0)
        same = lines[0].size == lines[1].size && memcmp(lines[0].data, lines[1].data, lines[0].size) == 0;
    lc_bytes_release(&lines[0]);
    lc_bytes_release(&lines[1]);
    return same;
}

/* One value of a result with the key under which its partner is found. */
struct keyed {
    int64_t start, length, position, feature;
    double value;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int64_t p[] = {x->start, x->length, x->position, x->feature}, q[] = {y->start, y->length, y->position, y->feature};

    for (int i = 0; i < 4; i++)
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    return 0;
}

/* Everything of one kind in one result, by key. */
struct values {
    struct keyed *item;
    int64_t count;
};

/* Where windows stand in the text. */
struct places {
    struct lc_array start, length;
};

static int places_read(struct places *w, const struct lc_result *r, struct lc_err *err)
{
    if (lc_result_get(r, "windows/start", NULL, &w->start, err) != LC_OK ||
        lc_result_get(r, "windows/length", NULL, &w->length, err) != LC_OK)
        return err->code;
    if (w->start.count != w->length.count)
        return LC_FAIL(err, LC_E_FORMAT, "windows/start and windows/length differ in size");
    return LC_OK;
}

static void add(struct values *v, const struct places *w, int64_t window, int64_t position, int64_t feature, double value)
{
    if (window < 0 || window >= w->start.count || !isfinite(value))
        return;
    v->item[v->count++] = (struct keyed){((const int64_t *)w->start.data)[window], ((const int64_t *)w->length.data)[window],
                                         position, feature, value};
}

static int read_windows(struct values *v, const struct lc_result *r, const char *site, const struct places *w,
                        struct lc_err *err)
{
    struct lc_array mean = {0};
    int rc;

    LC_TRY(rc, lc_result_get(r, INFLUENCE "/windows/entropy_mean", site, &mean, err));
    LC_TRY(rc, LC_ALLOC(&v->item, mean.count, "windows", err));
    for (int64_t i = 0; i < mean.count; i++)
        add(v, w, i, 0, 0, ((const double *)mean.data)[i]);
done:
    lc_array_release(&mean);
    return rc;
}

static int read_samples(struct values *v, const struct lc_result *r, const char *site, const struct places *w,
                        struct lc_err *err)
{
    struct lc_array window = {0}, position = {0}, feature = {0}, entropy = {0};
    int rc;

    LC_TRY(rc, lc_result_get(r, INFLUENCE "/samples/window", site, &window, err));
    LC_TRY(rc, lc_result_get(r, INFLUENCE "/samples/position", site, &position, err));
    LC_TRY(rc, lc_result_get(r, INFLUENCE "/samples/feature", site, &feature, err));
    LC_TRY(rc, lc_result_get(r, INFLUENCE "/samples/entropy", site, &entropy, err));
    if (position.count != window.count || feature.count != window.count || entropy.count != window.count)
        LC_TRY(rc, LC_FAIL(err, LC_E_FORMAT, "site %s: columns of samples differ in size", site));
    LC_TRY(rc, LC_ALLOC(&v->item, window.count, "samples", err));
    for (int64_t i = 0; i < window.count; i++)
        add(v, w, ((const int64_t *)window.data)[i], ((const int64_t *)position.data)[i],
            ((const int32_t *)feature.data)[i], (double)((const float *)entropy.data)[i]);
done:
    lc_array_release(&window);
    lc_array_release(&position);
    lc_array_release(&feature);
    lc_array_release(&entropy);
    return rc;
}

static int read_vector(struct values *v, const struct lc_result *r, const char *name, const char *site,
                       const struct places *w, struct lc_err *err)
{
    struct lc_array window = {0}, position = {0}, entropy = {0};
    int rc;

    if (!lc_result_has(r, "readouts/window", NULL))
        return LC_OK; /* then nothing can be paired */
    LC_TRY(rc, lc_result_get(r, "readouts/window", NULL, &window, err));
    LC_TRY(rc, lc_result_get(r, "readouts/position", NULL, &position, err));
    LC_TRY(rc, lc_result_get(r, name, site, &entropy, err));
    if (position.count != window.count || entropy.count != window.count)
        LC_TRY(rc, LC_FAIL(err, LC_E_FORMAT, "site %s: token vectors and readouts differ in number", site));
    LC_TRY(rc, LC_ALLOC(&v->item, window.count, "readouts", err));
    for (int64_t i = 0; i < window.count; i++)
        add(v, w, ((const int64_t *)window.data)[i], ((const int64_t *)position.data)[i], 0,
            ((const double *)entropy.data)[i]);
done:
    lc_array_release(&window);
    lc_array_release(&position);
    lc_array_release(&entropy);
    return rc;
}

static int read_residual(struct values *v, const struct lc_result *r, const char *site, const struct places *w,
                         struct lc_err *err)
{
    return read_vector(v, r, INFLUENCE "/token_vector/residual/entropy", site, w, err);
}

static int read_reconstruction(struct values *v, const struct lc_result *r, const char *site, const struct places *w,
                               struct lc_err *err)
{
    return read_vector(v, r, INFLUENCE "/token_vector/reconstruction/entropy", site, w, err);
}

static int read_estimate(struct values *v, const struct lc_result *r, const char *site, const struct places *w,
                         struct lc_err *err)
{
    return read_vector(v, r, INFLUENCE "/token_vector/residual_estimate/entropy", site, w, err);
}

/* What can be paired: each row has its dataset in both results. */
static const struct pairing {
    const char *what, *dataset;
    int of_features; /* means something only when both have the same SAE */
    int (*read)(struct values *v, const struct lc_result *r, const char *site, const struct places *w, struct lc_err *err);
} pairings[] = {
    {"window_mean", INFLUENCE "/windows/entropy_mean", 0, read_windows},
    {"same_window_and_feature", INFLUENCE "/samples/entropy", 1, read_samples},
    {"token_vector_residual", INFLUENCE "/token_vector/residual/entropy", 0, read_residual},
    {"token_vector_reconstruction", INFLUENCE "/token_vector/reconstruction/entropy", 0, read_reconstruction},
    {"token_vector_residual_estimate", INFLUENCE "/token_vector/residual_estimate/entropy", 0, read_estimate},
};

/* Means of both sides over the partners, and of the differences in each window. */
struct differences {
    double sum[2], *window; /* [windows] */
    int64_t count, windows;
};

static int subtract(struct differences *d, const struct values v[2], struct lc_err *err)
{
    double sum = 0;
    int64_t in_window = 0, last = 0;

    *d = (struct differences){0};
    if (LC_ALLOC(&d->window, v[0].count, "differences", err) != LC_OK)
        return err->code;
    for (int64_t i = 0, k = 0; i < v[0].count && k < v[1].count;) {
        const struct keyed *x = &v[0].item[i], *y = &v[1].item[k];
        int order = by_key(x, y);
        i += order <= 0;
        k += order >= 0;
        if (order != 0)
            continue;
        if (in_window > 0 && x->start != last) {
            d->window[d->windows++] = sum / (double)in_window;
            sum = 0;
            in_window = 0;
        }
        last = x->start;
        d->sum[0] += x->value;
        d->sum[1] += y->value;
        sum += y->value - x->value;
        in_window++;
        d->count++;
    }
    if (in_window > 0)
        d->window[d->windows++] = sum / (double)in_window;
    return LC_OK;
}

static int pair_row(const struct pair *p, const struct pairing *what, const char *site, const struct places w[2],
                    struct lc_table *t, struct lc_err *err)
{
    struct values v[2] = {{0}};
    struct differences d = {0};
    struct lc_summary s;
    int rc = LC_OK;

    for (int i = 0; i < 2; i++) {
        LC_TRY(rc, what->read(&v[i], p->side[i], site, &w[i], err));
        if (v[i].count > 0)
            qsort(v[i].item, (size_t)v[i].count, sizeof *v[i].item, by_key);
    }
    LC_TRY(rc, subtract(&d, v, err));
    LC_TRY(rc, lc_bootstrap_mean(d.window, d.windows, SEED, ROUNDS, &s, err));
    if (d.count > 0)
        lc_table_row(t, err, "ssrrrrrriiss", site, what->what, d.sum[0] / (double)d.count, d.sum[1] / (double)d.count, s.mean,
                     s.sd, s.low, s.high, d.count, d.windows, p->name[0], p->name[1]);
done:
    free(v[0].item);
    free(v[1].item);
    free(d.window);
    return rc;
}

/* Every pairing of one site. */
static int pair_site(const struct pair *p, const char *site, const struct places w[2], struct lc_table *t,
                     struct lc_err *err)
{
    char role[64];
    int rc = LC_OK;

    snprintf(role, sizeof role, "  sae:%s  ", site);
    for (size_t k = 0; k < sizeof pairings / sizeof pairings[0]; k++) {
        const struct pairing *what = &pairings[k];
        if (!lc_result_has(p->side[0], what->dataset, site) || !lc_result_has(p->side[1], what->dataset, site) ||
            (what->of_features && !same_inputs(p, role, err)))
            continue;
        LC_TRY(rc, pair_row(p, what, site, w, t, err));
    }
done:
    return rc;
}

static int pair_rows(const struct pair *p, struct lc_table *t, struct lc_err *err)
{
    struct places w[2] = {{.start = {0}}, {.start = {0}}};
    const char *const *sites;
    int rc = LC_OK;

    if (!same_inputs(p, "  corpus  ", err))
        return err->code;
    for (int i = 0; i < 2; i++) {
        if (!lc_result_has(p->side[i], "windows/start", NULL))
            goto done; /* published files need not tell */
        LC_TRY(rc, places_read(&w[i], p->side[i], err));
    }
    for (int64_t i = 0, n = lc_result_sites(p->side[0], &sites); i < n; i++)
        LC_TRY(rc, pair_site(p, sites[i], w, t, err));
done:
    for (int i = 0; i < 2; i++) {
        lc_array_release(&w[i].start);
        lc_array_release(&w[i].length);
    }
    return rc;
}

void lc_compare_pairs(const struct lc_view *v, struct lc_table *t, struct lc_err *err)
{
    static const char *const columns[] = {"site", "what", "first_bits", "second_bits", "difference_bits", "sd", "low",
                                          "high", "pairs", "windows", "first_file", "second_file", NULL};
    struct pair p;

    lc_table_begin(t, columns);
    for (int64_t k = 0; pair_at(v, k, &p); k++)
        if (pair_rows(&p, t, err) != LC_OK) {
            lc_err_prefix(err, p.name[1]);
            return;
        }
}

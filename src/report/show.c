/* `lightcone show`: a result in the terminal. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "escape.h"
#include "lightcone/report.h"
#include "summary.h"
#include "sweep.h"
#include "tokens.h"

enum { BAR = 32 };

/* Columns of the two tables of features; --by names one. */
static const char *const influence_columns[] = {
    "feature", "samples", "entropy_mean", "entropy_sd", "effective_tokens", "activation_sum", NULL};
static const char *const sparsity_columns[] = {"feature", "count", "frequency", "unique_tokens", NULL};

static int print_titled(const char *title, struct lc_table *t, int64_t top, FILE *out, struct lc_err *err)
{
    if (err->code == LC_OK && lc_table_rows(t) > 0) {
        fprintf(out, "\n%s\n", title);
        lc_table_print(t, top, out, err);
        if (lc_table_rows(t) > top)
            fprintf(out, "(%" PRId64 " of %" PRId64 " rows)\n", top, lc_table_rows(t));
    }
    lc_table_release(t);
    return err->code;
}

static int show_overview(const struct lc_view *v, FILE *out, struct lc_err *err)
{
    struct lc_table t;

    if (v->notes.size > 0)
        fwrite(v->notes.data, 1, v->notes.size, out);
    lc_summary_definitions(v->result[0], &t, err);
    print_titled("Definitions", &t, INT64_MAX, out, err);
    for (int i = 0; i < lc_summary_table_count; i++) {
        lc_summary_tables[i].make(v, &t, err);
        print_titled(lc_summary_tables[i].title, &t, INT64_MAX, out, err);
    }
    return err->code;
}

/* Features by influence: the default order is the number of samples. */
static int show_influence(const struct lc_view_site *s, const struct lc_show *what, FILE *out,
                          struct lc_err *err)
{
    const double *mean = lc_view_f64(s, LC_VIEW_F_MEAN), *sd = lc_view_f64(s, LC_VIEW_F_SD);
    const int64_t *samples = lc_view_i64(s, LC_VIEW_F_SAMPLES);
    const int32_t *feature = lc_view_i32(s, LC_VIEW_F_FEATURE);
    struct lc_table t;
    char title[128];

    lc_table_begin(&t, influence_columns);
    for (int64_t i = 0; mean && sd && samples && feature && i < lc_view_count(s, LC_VIEW_F_FEATURE); i++) {
        const struct lc_view_feature *f = lc_view_find(s, feature[i]);
        lc_table_row(&t, err, "iirrrr", (int64_t)feature[i], samples[i], mean[i], sd[i], exp2(mean[i]),
                     f ? f->activation : (double)NAN);
    }
    if (err->code == LC_OK && lc_table_rows(&t) > 0)
        lc_table_sort(&t, what->by ? what->by : "samples", err);
    snprintf(title, sizeof title, "%.64s: features by influence (entropies in bits)", s->name);
    return print_titled(title, &t, what->top, out, err);
}

static int show_sparsity(const struct lc_view_site *s, const struct lc_show *what, FILE *out,
                         struct lc_err *err)
{
    const int64_t *count = lc_view_i64(s, LC_VIEW_COUNT), *unique = lc_view_i64(s, LC_VIEW_UNIQUE);
    const double *p = lc_view_f64(s, LC_VIEW_FREQUENCY);
    struct lc_table t;
    char title[128];

    lc_table_begin(&t, sparsity_columns);
    for (int64_t i = 0; count && unique && p && i < lc_view_count(s, LC_VIEW_COUNT); i++)
        if (count[i] > 0)
            lc_table_row(&t, err, "iiri", i, count[i], p[i], unique[i]);
    if (err->code == LC_OK && lc_table_rows(&t) > 0)
        lc_table_sort(&t, what->by ? what->by : "count", err);
    snprintf(title, sizeof title, "%.64s: live features by sparsity", s->name);
    return print_titled(title, &t, what->top, out, err);
}

static const char *const measures[] = {"conditional", "coactivation", "pearson", "jaccard"};
enum { MEASURES = sizeof measures / sizeof measures[0] };

/* The list of one measure's strongest pairs. */
struct pairs {
    struct lc_array a, b, value; /* of equal length */
};

static void pairs_close(struct pairs *p)
{
    lc_array_release(&p->a);
    lc_array_release(&p->b);
    lc_array_release(&p->value);
}

/* *p stays empty where the result has no such list. */
static int pairs_open(struct pairs *p, const struct lc_view_site *s, const char *measure, struct lc_err *err)
{
    static const char *const parts[] = {"a", "b", "value"};
    struct lc_array *into[] = {&p->a, &p->b, &p->value};
    int rc = LC_OK;

    *p = (struct pairs){0};
    for (int i = 0; i < 3; i++) {
        char name[96];
        snprintf(name, sizeof name, "sites/SITE/correlation/top_pairs/%s/%s", measure, parts[i]);
        if (lc_result_has(s->part[LC_VIEW_CORRELATION], name, s->name))
            LC_TRY(rc, lc_result_get(s->part[LC_VIEW_CORRELATION], name, s->name, into[i], err));
    }
    if (p->a.count != p->b.count || p->a.count != p->value.count)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: the parts of top_pairs/%s of site %s differ in length", s->path[LC_VIEW_CORRELATION],
                     measure, s->name);
done:
    if (rc != LC_OK)
        pairs_close(p);
    return rc;
}

/* Strongest pairs of one measure: all of them, or those of one feature (-1: all). */
static int show_measure(const struct lc_view_site *s, const char *measure, const struct lc_show *what, int *known,
                        FILE *out, struct lc_err *err)
{
    static const char *const columns[] = {"a", "b", "value", NULL};
    char title[160], of[48] = "";
    struct lc_table t;
    struct pairs p;

    if (pairs_open(&p, s, measure, err) != LC_OK)
        return err->code;
    lc_table_begin(&t, columns);
    for (int64_t i = 0; i < p.a.count; i++) {
        int64_t a = ((int32_t *)p.a.data)[i], b = ((int32_t *)p.b.data)[i];
        if (what->feature < 0 || a == what->feature || b == what->feature)
            lc_table_row(&t, err, "iir", a, b, ((double *)p.value.data)[i]);
    }
    pairs_close(&p);
    *known |= lc_table_rows(&t) > 0;
    if (what->feature >= 0)
        snprintf(of, sizeof of, " with feature %" PRId64, what->feature);
    snprintf(title, sizeof title, "%.64s: strongest pairs%s, by %s", s->name, of, measure);
    return print_titled(title, &t, what->top, out, err);
}

static int show_pairs(const struct lc_view_site *s, const struct lc_show *what, int *known, FILE *out,
                      struct lc_err *err)
{
    int rc = LC_OK;

    for (int i = 0; s->part[LC_VIEW_CORRELATION] && i < MEASURES && rc == LC_OK; i++)
        rc = show_measure(s, measures[i], what, known, out, err);
    return rc;
}

/* The lists of a contexts job at one site, and the words of its windows. */
struct contexts {
    struct lc_array feature, window, position, value; /* of equal length */
    struct lc_view_text text;
};

static void contexts_close(struct contexts *c)
{
    lc_array_release(&c->feature);
    lc_array_release(&c->window);
    lc_array_release(&c->position);
    lc_array_release(&c->value);
    lc_view_text_close(&c->text);
}

/* The result that has the contexts of a site; NULL: none. */
static const struct lc_result *contexts_of(const struct lc_view *v, const char *site)
{
    for (int64_t i = 0; i < v->n_results; i++)
        if (lc_result_has(v->result[i], "sites/SITE/contexts/feature", site))
            return v->result[i];
    return NULL;
}

static int contexts_open(struct contexts *c, const struct lc_view *v, const char *site, struct lc_err *err)
{
    const struct lc_result *r = contexts_of(v, site);
    int found, rc;

    *c = (struct contexts){0};
    LC_TRY(rc, lc_result_get(r, "sites/SITE/contexts/feature", site, &c->feature, err));
    LC_TRY(rc, lc_result_get(r, "sites/SITE/contexts/window", site, &c->window, err));
    LC_TRY(rc, lc_result_get(r, "sites/SITE/contexts/position", site, &c->position, err));
    LC_TRY(rc, lc_result_get(r, "sites/SITE/contexts/value", site, &c->value, err));
    LC_TRY(rc, lc_view_text_open(&c->text, r, v->paths[0], &found, err));
    if (c->window.count != c->feature.count || c->position.count != c->feature.count || c->value.count != c->feature.count)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: the contexts of site %s differ in length", v->paths[0], site);
done:
    if (rc != LC_OK)
        contexts_close(c);
    return rc;
}

/* The words up to the activation, harmless in a terminal. */
static const char *context_text(struct lc_bytes *scratch, const struct contexts *c, int64_t window, int64_t position,
                                struct lc_err *err)
{
    enum { WORDS = 12 };

    scratch->size = 0;
    if (position >= lc_view_text_length(&c->text, window))
        return "";
    for (int64_t i = position < WORDS ? 0 : position - WORDS + 1; i <= position; i++) {
        size_t size;
        const void *bytes = lc_view_text_token(&c->text, window, i, &size);
        lc_escape_bytes(scratch, LC_ESCAPE_PLAIN, bytes, size, err);
    }
    lc_bytes_add(scratch, "", 1, err);
    return err->code == LC_OK ? (const char *)scratch->data : "";
}

/* Of one feature all its contexts, else the strongest of each. */
static int show_contexts(const struct lc_view *v, const char *site, const struct lc_show *what, int *known, FILE *out,
                         struct lc_err *err)
{
    static const char *const columns[] = {"feature", "activation", "window", "position", "text", NULL};
    struct lc_bytes scratch = {0};
    struct contexts c;
    struct lc_table t;
    char title[128];

    if (what->by || !contexts_of(v, site))
        return LC_OK;
    if (contexts_open(&c, v, site, err) != LC_OK)
        return err->code;
    lc_table_begin(&t, columns);
    for (int64_t i = 0; i < c.feature.count; i++) {
        const int32_t *feature = (const int32_t *)c.feature.data + i;
        int64_t window = ((const int64_t *)c.window.data)[i], position = ((const int64_t *)c.position.data)[i];
        if (what->feature >= 0 ? *feature == what->feature : i == 0 || feature[0] != feature[-1])
            lc_table_row(&t, err, "iriis", (int64_t)*feature, (double)((const float *)c.value.data)[i], window, position,
                         context_text(&scratch, &c, window, position, err));
    }
    contexts_close(&c);
    lc_bytes_release(&scratch);
    if (err->code == LC_OK && lc_table_rows(&t) > 0)
        lc_table_sort(&t, "activation", err);
    *known |= lc_table_rows(&t) > 0;
    snprintf(title, sizeof title, "%.64s: %s, with the words up to it", site,
             what->feature >= 0 ? "strongest activations" : "strongest activation of each feature");
    return print_titled(title, &t, what->top, out, err);
}

static int show_sweep(const struct lc_view_site *s, const struct lc_show *what, FILE *out, struct lc_err *err)
{
    struct lc_table t;
    char title[128];

    lc_sweep_features(s, &t, err);
    if (err->code == LC_OK && lc_table_rows(&t) > 0)
        lc_table_sort(&t, what->by ? what->by : "samples", err);
    snprintf(title, sizeof title, "%.64s: features at the longest windows, and their saturation", s->name);
    return print_titled(title, &t, what->top, out, err);
}

/* --by names a column of one of the tables: the others are left out rather than refused. */
static int wants(const struct lc_show *what, const char *const *columns)
{
    if (!what->by)
        return 1;
    for (; *columns; columns++)
        if (strcmp(*columns, what->by) == 0)
            return 1;
    return 0;
}

static int check_by(const struct lc_show *what, struct lc_err *err)
{
    if (wants(what, influence_columns) || wants(what, sparsity_columns) || wants(what, lc_sweep_feature_columns))
        return LC_OK;
    return LC_FAIL(err, LC_E_USAGE,
                   "--by '%.64s': no such column; allowed: feature samples entropy_mean entropy_sd "
                   "effective_tokens activation_sum count frequency unique_tokens entropy_se saturation_length",
                   what->by);
}

static int show_features(const struct lc_view_site *s, const struct lc_show *what, FILE *out,
                         struct lc_err *err)
{
    int rc = LC_OK, known = 0;

    if (s->part[LC_VIEW_INFLUENCE] && wants(what, influence_columns))
        LC_TRY(rc, show_influence(s, what, out, err));
    if (s->part[LC_VIEW_SPARSITY] && wants(what, sparsity_columns))
        LC_TRY(rc, show_sparsity(s, what, out, err));
    if (s->part[LC_VIEW_SWEEP] && wants(what, lc_sweep_feature_columns))
        LC_TRY(rc, show_sweep(s, what, out, err));
    if (!what->by)
        rc = show_pairs(s, what, &known, out, err);
done:
    return rc;
}

/* A token in quotes, harmless in a terminal, ended by NUL. */
static const char *token_quoted(struct lc_bytes *scratch, const void *bytes, size_t size, struct lc_err *err)
{
    scratch->size = 0;
    lc_bytes_add(scratch, "'", 1, err);
    lc_escape_bytes(scratch, LC_ESCAPE_PLAIN, bytes, size, err);
    lc_bytes_add(scratch, "'", 2, err);
    return err->code == LC_OK ? (const char *)scratch->data : "";
}

static int add_top_tokens(const struct lc_view_site *s, const struct lc_view_text *text, int64_t feature,
                          struct lc_table *t, struct lc_err *err)
{
    struct lc_array indptr = {0}, id = {0}, count = {0};
    struct lc_bytes scratch = {0};
    int64_t from, to;
    int rc;

    LC_TRY(rc, lc_result_get(s->part[LC_VIEW_SPARSITY], "sites/SITE/sparsity/token_indptr", s->name, &indptr, err));
    LC_TRY(rc, lc_result_get(s->part[LC_VIEW_SPARSITY], "sites/SITE/sparsity/token_id", s->name, &id, err));
    LC_TRY(rc, lc_result_get(s->part[LC_VIEW_SPARSITY], "sites/SITE/sparsity/token_count", s->name, &count, err));
    if (feature + 1 >= indptr.count)
        goto done;
    from = ((int64_t *)indptr.data)[feature];
    to = ((int64_t *)indptr.data)[feature + 1];
    if (from < 0 || from > to || to > id.count || to > count.count) {
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: token_indptr of site %s is out of range at feature %" PRId64,
                     s->path[LC_VIEW_SPARSITY], s->name, feature);
        goto done;
    }
    for (int64_t i = from; i < to; i++) {
        size_t size;
        int64_t token = ((int32_t *)id.data)[i];
        const void *bytes = lc_view_text_word(text, token, &size);
        lc_table_row(t, err, "sii", token_quoted(&scratch, bytes, size, err), token,
                     ((int64_t *)count.data)[i]);
    }
    rc = err->code;
done:
    lc_bytes_release(&scratch);
    lc_array_release(&indptr);
    lc_array_release(&id);
    lc_array_release(&count);
    return rc;
}

static int show_top_tokens(const struct lc_view_site *s, const struct lc_show *what, FILE *out,
                           struct lc_err *err)
{
    static const char *const columns[] = {"token", "id", "count", NULL};
    struct lc_view_text text = {0};
    struct lc_table t;
    int found, rc;

    if (!s->part[LC_VIEW_SPARSITY] || !lc_result_has(s->part[LC_VIEW_SPARSITY], "sites/SITE/sparsity/token_indptr", s->name))
        return LC_OK;
    lc_table_begin(&t, columns);
    LC_TRY(rc, lc_view_text_open(&text, s->part[LC_VIEW_SPARSITY], s->path[LC_VIEW_SPARSITY], &found, err));
    LC_TRY(rc, add_top_tokens(s, &text, what->feature, &t, err));
    if (lc_table_rows(&t) > 0)
        LC_TRY(rc, lc_table_sort(&t, "count", err));
    rc = print_titled("Tokens it is active on", &t, what->top, out, err);
    t = (struct lc_table){0};
done:
    lc_table_release(&t);
    lc_view_text_close(&text);
    return rc;
}

static void bar(char text[3 * BAR + 1], double share, double most)
{
    int n = most > 0 ? (int)lround(share / most * BAR) : 0;

    text[0] = '\0';
    for (int i = 0; i < n && i < BAR; i++)
        memcpy(text + 3 * i, "\xE2\x96\x88", 4); /* a full block and the NUL after it */
}

/* One line a token: position, share, bar, text. */
static int show_profile(const struct lc_view_site *s, const struct lc_tokens *tokens, FILE *out,
                        struct lc_err *err)
{
    static const char *const columns[] = {"position", "share", "influence", "token", NULL};
    struct lc_bytes scratch = {0};
    struct lc_table t;
    double most = 0;
    char title[256];

    lc_table_begin(&t, columns);
    for (int64_t i = 0; i < tokens->length; i++)
        most = fmax(most, tokens->share[i]);
    for (int64_t i = 0; i < tokens->length && i <= tokens->position; i++) {
        char blocks[3 * BAR + 1];
        size_t size;
        const void *bytes = lc_view_text_token(&tokens->text, tokens->window, i, &size);
        bar(blocks, tokens->share[i], most);
        lc_table_row(&t, err, "irss", i, tokens->share[i], blocks, token_quoted(&scratch, bytes, size, err));
    }
    lc_bytes_release(&scratch);
    if (tokens->window < 0) /* a published file does not name the windows */
        snprintf(title, sizeof title, "%.64s: influence in one of its samples (H = %.3f bit)", s->name, tokens->entropy);
    else
        snprintf(title, sizeof title,
                 "%.64s: %s over the text of its strongest sample (window %" PRId64 ", H = %.3f bit)", s->name,
                 tokens->own_profile ? "influence" : "mean influence (samples' own profiles are not kept)",
                 tokens->window, tokens->entropy);
    return print_titled(title, &t, INT64_MAX, out, err);
}

/* Where it is active. */
static const struct {
    const char *what;
    enum lc_view_id id;
} moments[] = {{"mean position in the window", LC_VIEW_POSITION_MEAN},
               {"sd of the position in the window", LC_VIEW_POSITION_SD},
               {"mean index in the corpus", LC_VIEW_CORPUS_MEAN},
               {"sd of the index in the corpus", LC_VIEW_CORPUS_SD}};
enum { MOMENTS = sizeof moments / sizeof moments[0] };

/* What is known of one feature at one site, as name and value. */
static int show_numbers(const struct lc_view_site *s, int64_t feature, const struct lc_tokens *tokens,
                        int *known, FILE *out, struct lc_err *err)
{
    static const char *const columns[] = {"what", "value", NULL};
    const struct lc_view_feature *f = lc_view_find(s, (int32_t)feature);
    struct lc_table t;
    char title[128];

    lc_table_begin(&t, columns);
    if (feature < lc_view_count(s, LC_VIEW_COUNT))
        lc_table_row(&t, err, "si", "active positions N_i", lc_view_i64(s, LC_VIEW_COUNT)[feature]);
    if (feature < lc_view_count(s, LC_VIEW_FREQUENCY))
        lc_table_row(&t, err, "sr", "activation probability p_i", lc_view_f64(s, LC_VIEW_FREQUENCY)[feature]);
    if (feature < lc_view_count(s, LC_VIEW_UNIQUE))
        lc_table_row(&t, err, "si", "unique tokens u_i", lc_view_i64(s, LC_VIEW_UNIQUE)[feature]);
    for (int i = 0; i < MOMENTS; i++)
        if (feature < lc_view_count(s, moments[i].id) && isfinite(lc_view_f64(s, moments[i].id)[feature]))
            lc_table_row(&t, err, "sr", moments[i].what, lc_view_f64(s, moments[i].id)[feature]);
    if (f) {
        lc_table_row(&t, err, "si", "samples", f->samples);
        lc_table_row(&t, err, "sr", "mean entropy (bit)", f->entropy);
        lc_table_row(&t, err, "sr", "effective tokens", exp2(f->entropy));
        lc_table_row(&t, err, "sr", "sum of activations", f->activation);
        lc_table_row(&t, err, "sr", "strongest activation",
                     tokens->strongest < 0 ? (double)NAN : tokens->activation);
    }
    *known |= lc_table_rows(&t) > 0;
    snprintf(title, sizeof title, "%.64s: feature %" PRId64, s->name, feature);
    return print_titled(title, &t, INT64_MAX, out, err);
}

/* One feature over the lengths of a sweep. */
static int show_lengths(const struct lc_view_site *s, const struct lc_show *what, int *known, FILE *out,
                        struct lc_err *err)
{
    double at = lc_sweep_feature_saturation(s, (int32_t)what->feature);
    struct lc_table t;
    char title[160];

    lc_sweep_feature(s, (int32_t)what->feature, &t, err);
    *known |= lc_table_rows(&t) > 0;
    snprintf(title, sizeof title, "%.64s: entropy (bit) over window length T; saturation length %.4g tokens", s->name, at);
    return print_titled(title, &t, INT64_MAX, out, err);
}

static int show_feature(const struct lc_view_site *s, const struct lc_show *what, int *known, FILE *out,
                        struct lc_err *err)
{
    struct lc_tokens tokens = {.strongest = -1};
    int rc;

    if (s->part[LC_VIEW_INFLUENCE])
        LC_TRY(rc, lc_tokens_open(&tokens, s, (int32_t)what->feature, err));
    LC_TRY(rc, show_numbers(s, what->feature, &tokens, known, out, err));
    LC_TRY(rc, show_top_tokens(s, what, out, err));
    LC_TRY(rc, show_pairs(s, what, known, out, err));
    if (tokens.share)
        LC_TRY(rc, show_profile(s, &tokens, out, err));
    if (s->part[LC_VIEW_SWEEP])
        rc = show_lengths(s, what, known, out, err);
done:
    lc_tokens_close(&tokens);
    return rc;
}

static int site_fail(const struct lc_view *v, const char *site, struct lc_err *err)
{
    char names[512] = "";
    size_t used = 0;

    for (int64_t i = 0; i < v->n_sites && used < sizeof names - 1; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "", v->site[i].name);
    return LC_FAIL(err, LC_E_USAGE, "%s: no site '%.64s'; it has: %s", v->paths[0], site, names);
}

static int show_sites(const struct lc_view *v, const struct lc_show *what, FILE *out, struct lc_err *err)
{
    int shown = 0, known = 0, rc = LC_OK;

    for (int64_t i = 0; i < v->n_sites; i++) {
        const struct lc_view_site *s = &v->site[i];
        if (what->site && strcmp(what->site, s->name) != 0)
            continue;
        shown++;
        rc = what->feature >= 0 ? show_feature(s, what, &known, out, err) : show_features(s, what, out, err);
        if (rc == LC_OK)
            rc = show_contexts(v, s->name, what, &known, out, err);
        if (rc != LC_OK)
            return rc;
    }
    if (what->site && !shown)
        return site_fail(v, what->site, err);
    if (what->feature >= 0 && !known)
        return LC_FAIL(err, LC_E_USAGE, "%s: feature %" PRId64 " has no samples, counts, contexts or strongest pairs here",
                       v->paths[0], what->feature);
    return LC_OK;
}

int lc_show(const char *path, const struct lc_show *what, FILE *out, struct lc_err *err)
{
    struct lc_view v;
    int rc;

    if (what->feature > INT32_MAX)
        return LC_FAIL(err, LC_E_USAGE, "--feature %" PRId64 ": allowed: 0 to %" PRId32, what->feature,
                       INT32_MAX);
    LC_TRY(rc, check_by(what, err));
    LC_TRY(rc, lc_view_open(&v, &path, 1, LC_VIEW_ACTIVE, what->point, err));
    if (what->feature < 0 && !what->site)
        rc = show_overview(&v, out, err);
    if (rc == LC_OK)
        rc = show_sites(&v, what, out, err);
    lc_view_close(&v);
    if (rc == LC_OK && ferror(out))
        rc = LC_FAIL(err, LC_E_IO, "the tables cannot be written");
done:
    return rc;
}

/* correlation_results.c - what a correlation leaves: small parts from rank 0, matrices from all ranks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "correlation.h"
#include "lightcone/exchange.h"
#include "lightcone/file.h"
#include "lightcone/job.h"

#define GROUP    "sites/SITE/correlation"
#define SPECTRUM "sites/SITE/spectrum"

enum { STRIPE_BYTES = 1 << 23, JOINT = LC_MEASURES }; /* bytes that a rank writes at a time */

static const char *const measure_name[] = {[LC_CONDITIONAL] = "conditional",
                                           [LC_COACTIVATION] = "coactivation",
                                           [LC_PEARSON] = "pearson",
                                           [LC_JACCARD] = "jaccard",
                                           [JOINT] = "joint_count"};

static const enum lc_measure by_config[] = {
    [LC_COVARIANCE_CONDITIONAL] = LC_CONDITIONAL, [LC_COVARIANCE_COACTIVATION] = LC_COACTIVATION};

/* "sites/SITE/correlation/NAME" */
static void name_matrix(char out[64], int which)
{
    snprintf(out, 64, GROUP "/%s", measure_name[which]);
}

/* --- rank 0 --- */

static int write_column(const char *measure, const char *column, const char *site, int64_t count, const void *data,
                        struct lc_result *r, struct lc_err *err)
{
    char name[96];

    snprintf(name, sizeof name, GROUP "/top_pairs/%s/%s", measure, column);
    return lc_result_put(r, name, site, &count, data, err);
}

static int write_top(const struct lc_top *top, const char *measure, const char *site, struct lc_result *r,
                     struct lc_err *err)
{
    int32_t *a = NULL, *b = NULL;
    double *value = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&a, top->count, "top pairs", err));
    LC_TRY(rc, LC_ALLOC(&b, top->count, "top pairs", err));
    LC_TRY(rc, LC_ALLOC(&value, top->count, "top pairs", err));
    for (int64_t k = 0; k < top->count; k++) {
        a[k] = top->pair[k].a;
        b[k] = top->pair[k].b;
        value[k] = top->pair[k].value;
    }
    LC_TRY(rc, write_column(measure, "a", site, top->count, a, r, err));
    LC_TRY(rc, write_column(measure, "b", site, top->count, b, r, err));
    LC_TRY(rc, write_column(measure, "value", site, top->count, value, r, err));
done:
    free(a);
    free(b);
    free(value);
    return rc;
}

/* The rule in words. */
static int describe_rule(const struct lc_feature_config *rule, struct lc_bytes *out, struct lc_err *err)
{
    int rc;

    if (rule->rule == LC_FEATURES_ACTIVE)
        return lc_bytes_printf(out, err, "all that are ever active");
    if (rule->rule == LC_FEATURES_LIST)
        return lc_bytes_printf(out, err, "as listed");
    LC_TRY(rc, lc_bytes_printf(out, err, "ever active"));
    if (rule->min_frequency >= 0.0)
        LC_TRY(rc, lc_bytes_printf(out, err, ", frequency > %.17g", rule->min_frequency));
    if (rule->min_unique >= 0)
        LC_TRY(rc, lc_bytes_printf(out, err, ", unique tokens > %" PRId64, rule->min_unique));
    if (rule->top > 0)
        LC_TRY(rc, lc_bytes_printf(out, err, ", the %" PRId64 " most frequent", rule->top));
    LC_TRY(rc,
           lc_bytes_printf(out, err, "; by the counts of %s", rule->from[0] ? lc_path_name(rule->from) : "this job"));
done:
    return rc;
}

static int write_attributes(const struct lc_correlation *s, const struct lc_site_pairs *site, const char *name,
                            struct lc_result *r, struct lc_err *err)
{
    struct lc_bytes rule = {0};
    int rc;

    LC_TRY(rc, lc_result_put_int(r, GROUP, name, "n_tokens", s->n_tokens, err));
    LC_TRY(rc, lc_result_put_real(r, GROUP, name, "threshold", s->study->config.threshold, err));
    LC_TRY(rc, describe_rule(&s->study->config.features, &rule, err));
    LC_TRY(rc, lc_result_put_text(r, GROUP, name, "feature_rule", (const char *)rule.data, err));
    LC_TRY(rc,
           lc_result_put_text(r, GROUP, name, "definition", measure_name[by_config[s->study->config.covariance]], err));
    LC_TRY(rc, lc_result_put_int(r, GROUP, name, "degenerate", site->degenerate, err));
    LC_TRY(rc, lc_result_put_real(r, GROUP, name, "participation_ratio", site->participation, err));
    LC_TRY(rc, lc_result_put_int(r, GROUP, name, "participation_ratio_n", site->features - site->degenerate, err));
done:
    lc_bytes_release(&rule);
    return rc;
}

static int write_site(const struct lc_correlation *s, const struct lc_site_pairs *site, const char *name,
                      struct lc_result *r, struct lc_err *err)
{
    int64_t m = site->features, shape[] = {m, m};
    char matrix[64];
    int rc;

    LC_TRY(rc, lc_result_put(r, GROUP "/feature", name, &m, site->feature, err));
    LC_TRY(rc, lc_result_put(r, GROUP "/count", name, &m, site->count, err));
    LC_TRY(rc, write_attributes(s, site, name, r, err));
    for (int k = 0; k < LC_MEASURES; k++)
        LC_TRY(rc, write_top(&site->top[k], measure_name[k], name, r, err));
    for (int k = 0; k <= JOINT; k++) {
        name_matrix(matrix, k);
        LC_TRY(rc, lc_result_reserve(r, matrix, name, shape, err));
    }
done:
    return rc;
}

int lc_correlation_finish(void *arg, struct lc_result *r, struct lc_err *err)
{
    const struct lc_correlation *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites && rc == LC_OK; i++)
        rc = write_site(s, &s->site[i], s->study->site[i].name, r, err);
    return rc;
}

/* --- all ranks --- */

/* Matrices go to the file by stripes of rows: computed in blocks, exchanged, written as whole rows. */
struct writer {
    const struct lc_comm *par;
    struct lc_result *r;
    const char *site;
    const struct lc_layout *layout;
    int64_t stripe; /* rows */
    int64_t *blocks, *rows, *scratch;
    int *word;
};

static void writer_release(struct writer *w)
{
    free(w->blocks);
    free(w->rows);
    free(w->scratch);
    free(w->word);
    *w = (struct writer){0};
}

/* Local: allocates. Stripes of about STRIPE_BYTES a rank, and of whole rounds of blocks. */
static int writer_init(struct writer *w, const struct lc_comm *par, struct lc_result *r, const char *site,
                       const struct lc_layout *l, struct lc_err *err)
{
    int64_t round = l->row.procs * l->row.block, bytes = round * (l->row.n + 1) * (int64_t)sizeof(int64_t) / par->size;
    int64_t rounds = STRIPE_BYTES / bytes > 0 ? STRIPE_BYTES / bytes : 1, share;
    int rc;

    *w = (struct writer){.par = par, .r = r, .site = site, .layout = l, .stripe = rounds * round};
    w->stripe = w->stripe < l->row.n ? w->stripe : l->row.n;
    share = (w->stripe / par->size + 1) * l->row.n;
    LC_TRY(rc, LC_ALLOC(&w->blocks, (w->stripe / l->row.procs + l->row.block) * l->cols, "a stripe of a matrix", err));
    LC_TRY(rc, LC_ALLOC(&w->rows, share, "a stripe of a matrix", err));
    LC_TRY(rc, LC_ALLOC(&w->scratch, share, "a stripe of a matrix", err));
    LC_TRY(rc, LC_ALLOC(&w->word, 4 * (int64_t)par->size, "a stripe of a matrix", err));
done:
    if (rc != LC_OK)
        writer_release(w);
    return rc;
}

/* Numbers of this rank's local rows from ... from + rows - 1 into out[rows, layout->cols]. */
typedef void compute_rows(const void *arg, int64_t from, int64_t rows, int64_t *out);

static int write_matrix(struct writer *w, const char *name, compute_rows *compute, const void *arg, struct lc_err *err)
{
    int64_t n = w->layout->row.n;
    struct lc_rows rows;

    for (int64_t first = 0; first < n && err->code == LC_OK; first += w->stripe) {
        lc_rows_init(&rows, w->par, w->layout, first, n - first < w->stripe ? n - first : w->stripe);
        compute(arg, rows.local_first, rows.local, w->blocks);
        lc_rows_exchange(&rows, w->par, w->blocks, w->rows, w->scratch, w->word);
        lc_result_fill(w->r, name, w->site, n, rows.mine_first, rows.mine, w->rows, err);
        lc_comm_agree(w->par, err);
    }
    return err->code;
}

struct matrix {
    const struct lc_correlation *s;
    const struct lc_site_pairs *site;
    int which;
};

static void compute_measure(const void *arg, int64_t from, int64_t rows, int64_t *out)
{
    const struct matrix *m = arg;

    for (int64_t r = from; r < from + rows; r++)
        for (int64_t c = 0; c < m->site->layout.cols; c++, out++) {
            struct lc_pair pair = lc_site_pair(m->s, m->site, r, c);
            double value = m->which == JOINT ? 0.0 : lc_pair_measure((enum lc_measure)m->which, &pair);
            if (m->which == JOINT)
                *out = pair.joint;
            else
                memcpy(out, &value, sizeof value);
        }
}

static int fill_site(const struct lc_correlation *s, int64_t index, const struct lc_comm *par, struct lc_result *r,
                     struct lc_err *err)
{
    struct matrix m = {.s = s, .site = &s->site[index]};
    struct writer w = {0};
    char name[64];

    writer_init(&w, par, r, s->study->site[index].name, &m.site->layout, err);
    if (lc_comm_agree(par, err) == LC_OK)
        for (m.which = 0; m.which <= JOINT && err->code == LC_OK; m.which++) {
            name_matrix(name, m.which);
            write_matrix(&w, name, compute_measure, &m, err);
        }
    writer_release(&w);
    return err->code;
}

int lc_correlation_fill(void *arg, const struct lc_comm *par, struct lc_result *r, struct lc_err *err)
{
    const struct lc_correlation *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites && rc == LC_OK; i++)
        rc = fill_site(s, i, par, r, err);
    return rc;
}

/* --- RESULT.spectrum.h5 --- */

static int is_wanted(const struct lc_study *study)
{
    return study->config.spectrum != LC_SPECTRUM_NONE;
}

static int write_spectrum(const struct lc_correlation *s, const struct lc_site_pairs *site, const char *name,
                          struct lc_result *r, struct lc_err *err)
{
    int64_t m = site->regular.row.n, shape[] = {m, m}, k = 0;
    int32_t *feature;
    int rc = LC_ALLOC(&feature, m, "spectrum", err);

    if (rc != LC_OK)
        return rc;
    for (int64_t i = 0; i < site->features; i++)
        if (!lc_pair_is_degenerate(site->count[i], s->n_tokens))
            feature[k++] = site->feature[i];
    LC_TRY(rc, lc_result_put(r, SPECTRUM "/feature", name, &m, feature, err));
    LC_TRY(rc, lc_result_put(r, SPECTRUM "/eigenvalue", name, &m, site->eigenvalue, err));
    LC_TRY(rc, lc_result_put_int(r, SPECTRUM, name, "n_tokens", s->n_tokens, err));
    LC_TRY(rc, lc_result_put_int(r, SPECTRUM, name, "degenerate", site->degenerate, err));
    if (s->study->config.spectrum == LC_SPECTRUM_VECTORS)
        LC_TRY(rc, lc_result_reserve(r, SPECTRUM "/eigenvector", name, shape, err));
done:
    free(feature);
    return rc;
}

static int finish_spectrum(void *arg, struct lc_result *r, struct lc_err *err)
{
    const struct lc_correlation *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites && rc == LC_OK; i++)
        rc = write_spectrum(s, &s->site[i], s->study->site[i].name, r, err);
    return rc;
}

static void copy_vectors(const void *arg, int64_t from, int64_t rows, int64_t *out)
{
    const struct lc_site_pairs *site = arg;
    int64_t cols = site->regular.cols;

    if (rows * cols > 0)
        memcpy(out, site->eigenvector + from * cols, (size_t)(rows * cols) * sizeof *out);
}

static int fill_spectrum(void *arg, const struct lc_comm *par, struct lc_result *r, struct lc_err *err)
{
    const struct lc_correlation *s = arg;

    for (int64_t i = 0; i < s->study->sites && err->code == LC_OK; i++) {
        const struct lc_site_pairs *site = &s->site[i];
        struct writer w = {0};
        writer_init(&w, par, r, s->study->site[i].name, &site->regular, err);
        if (lc_comm_agree(par, err) == LC_OK)
            write_matrix(&w, SPECTRUM "/eigenvector", copy_vectors, site, err);
        writer_release(&w);
    }
    return err->code;
}

const struct lc_job_beside lc_correlation_spectrum = {
    .suffix = "spectrum", .wanted = is_wanted, .finish = finish_spectrum, .fill = fill_spectrum};

/* correlation_results.c - what a correlation leaves: small parts from rank 0, matrices from all ranks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "correlation.h"
#include "lightcone/file.h"
#include "lightcone/job.h"

#define GROUP "sites/SITE/correlation"
#define SPECTRUM "sites/SITE/spectrum"

enum { STRIPE_BYTES = 1 << 24, JOINT = LC_MEASURES }; /* bytes that a rank writes at a time */

static const char *const measure_name[] = {[LC_CONDITIONAL] = "conditional", [LC_COACTIVATION] = "coactivation",
                                           [LC_PEARSON] = "pearson", [LC_JACCARD] = "jaccard",
                                           [JOINT] = "joint_count"};

/* "sites/SITE/correlation/NAME" */
static void name_matrix(char out[64], int which)
{
    snprintf(out, 64, GROUP "/%s", measure_name[which]);
}

/* --- rank 0 ---------------------------------------------------------------------------------------------------------- */

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
    LC_TRY(rc, lc_bytes_printf(out, err, "; by the counts of %s", rule->from[0] ? lc_path_name(rule->from) : "this job"));
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

/* --- all ranks --------------------------------------------------------------------------------------------------------- */

/* Rows of blocks first ... first + blocks - 1 that this rank owns: *from, and how many. */
static int64_t stripe_rows(const struct lc_layout *l, int64_t first, int64_t blocks, int64_t *from)
{
    int64_t to = (first + blocks) * l->row.block;

    *from = first * l->row.block;
    to = to < l->rows ? to : l->rows;
    return to > *from ? to - *from : 0;
}

/* Blocks of rows in one stripe, and in all: the same on every rank. */
static int64_t stripe_blocks(const struct lc_layout *l, int64_t *all)
{
    int64_t cols = l->col.n / l->col.procs + l->col.block, bytes = cols * l->row.block * (int64_t)sizeof(double);
    int64_t dealt = l->row.procs * l->row.block;

    *all = (l->row.n + dealt - 1) / dealt;
    return STRIPE_BYTES / bytes > 0 ? STRIPE_BYTES / bytes : 1;
}

static void compute_stripe(const struct lc_correlation *s, const struct lc_site_pairs *site, int which, int64_t from,
                           int64_t rows, void *out)
{
    double *real = out;
    int64_t *integer = out, k = 0;

    for (int64_t r = from; r < from + rows; r++)
        for (int64_t c = 0; c < site->layout.cols; c++, k++) {
            struct lc_pair pair = lc_site_pair(s, site, r, c);
            if (which == JOINT)
                integer[k] = pair.joint;
            else
                real[k] = lc_pair_measure((enum lc_measure)which, &pair);
        }
}

static int fill_matrix(const struct lc_correlation *s, int64_t index, int which, const struct lc_comm *par,
                       struct lc_result *r, void *buffer, struct lc_err *err)
{
    const struct lc_site_pairs *site = &s->site[index];
    int64_t all, blocks = stripe_blocks(&site->layout, &all), from;
    char name[64];

    name_matrix(name, which);
    for (int64_t first = 0; first < all && err->code == LC_OK; first += blocks) {
        int64_t rows = stripe_rows(&site->layout, first, blocks, &from);
        compute_stripe(s, site, which, from, rows, buffer);
        lc_result_fill(r, name, s->study->site[index].name, &site->layout, first, blocks, buffer, err);
        lc_comm_agree(par, err);
    }
    return err->code;
}

static int64_t stripe_bytes(const struct lc_layout *l)
{
    int64_t all, blocks = stripe_blocks(l, &all);

    return (blocks < all ? blocks : all) * l->row.block * l->cols * (int64_t)sizeof(double);
}

int lc_correlation_fill(void *arg, const struct lc_comm *par, struct lc_result *r, struct lc_err *err)
{
    const struct lc_correlation *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites && rc == LC_OK; i++) {
        void *buffer = NULL;
        lc_alloc(&buffer, stripe_bytes(&s->site[i].layout), 1, "a stripe of a matrix", err);
        rc = lc_comm_agree(par, err);
        for (int k = 0; k <= JOINT && rc == LC_OK; k++)
            rc = fill_matrix(s, i, k, par, r, buffer, err);
        free(buffer);
    }
    return rc;
}

/* --- RESULT.spectrum.h5 ----------------------------------------------------------------------------------------------- */

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

static int fill_spectrum(void *arg, const struct lc_comm *par, struct lc_result *r, struct lc_err *err)
{
    const struct lc_correlation *s = arg;
    int64_t from, all;

    for (int64_t i = 0; i < s->study->sites && err->code == LC_OK; i++) {
        const struct lc_layout *l = &s->site[i].regular;
        int64_t blocks = stripe_blocks(l, &all);
        for (int64_t first = 0; first < all && err->code == LC_OK; first += blocks) {
            stripe_rows(l, first, blocks, &from);
            from = from < l->rows ? from : l->rows;
            lc_result_fill(r, SPECTRUM "/eigenvector", s->study->site[i].name, l, first, blocks,
                           s->site[i].eigenvector + from * l->cols, err);
            lc_comm_agree(par, err);
        }
    }
    return err->code;
}

const struct lc_job_beside lc_correlation_spectrum = {
    .suffix = "spectrum", .wanted = is_wanted, .finish = finish_spectrum, .fill = fill_spectrum};

/* sparsity - how often each feature is active, on which tokens and where. */
#include <math.h>
#include <stdlib.h>

#include "lightcone/counts.h"
#include "lightcone/positions.h"
#include "lightcone/rank_frequency.h"
#include "lightcone/sparsity_tables.h"
#include "scan.h"

extern const struct lc_job lc_job_sparsity;

#define GROUP "sites/SITE/sparsity"

/* Accumulators of one site. */
struct site_counts {
    struct lc_counts tokens;       /* N(i,a) */
    struct lc_positions positions; /* N_i and where */
};

struct sums {
    const struct lc_study *study;
    struct site_counts *site; /* [sites] */
    int64_t n_tokens;         /* N */
};

static struct lc_needs needs(const struct lc_config *config)
{
    (void)config;
    return (struct lc_needs){.keep_short = 1};
}

static void end(void *arg)
{
    struct sums *s = arg;

    for (int64_t i = 0; s->site && i < s->study->sites; i++) {
        lc_counts_release(&s->site[i].tokens);
        lc_positions_release(&s->site[i].positions);
    }
    free(s->site);
    free(s);
}

/* Stream index behind the last token that is processed. */
static int64_t end_of_windows(const struct lc_windows *w)
{
    return w->start[w->count - 1] + w->length[w->count - 1];
}

static int begin(void **out, const struct lc_study *study, struct lc_err *err)
{
    int64_t length = study->config.windows.length;
    struct sums *s = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&s, 1, "sparsity", err));
    s->study = study;
    LC_TRY(rc, LC_ALLOC(&s->site, study->sites, "sparsity", err));
    for (int64_t i = 0; i < study->sites; i++)
        LC_TRY(rc, lc_positions_init(&s->site[i].positions, study->site[i].sae.shape.features, length,
                                     study->windows.start[0], end_of_windows(&study->windows), err));
    *out = s;
done:
    if (rc != LC_OK && s)
        end(s);
    return rc;
}

static int see(void *arg, const struct lc_sighting *x, struct lc_err *err)
{
    struct site_counts *site = &((struct sums *)arg)->site[x->site];
    int rc;

    LC_TRY(rc, lc_counts_add(&site->tokens, x->feature, x->token, 1, x->index, err));
    LC_TRY(rc, lc_positions_add(&site->positions, x->feature, x->position, x->index, err));
done:
    return rc;
}

static int observe(void *work, void *sums, const struct lc_unit *unit, struct lc_err *err)
{
    struct sums *s = sums;

    return lc_scan_run(work, s->study, unit, see, s, &s->n_tokens, err);
}

static int save(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    struct sums *s = arg;
    int rc;

    LC_TRY(rc, lc_bytes_add(out, &s->n_tokens, sizeof s->n_tokens, err));
    for (int64_t i = 0; i < s->study->sites; i++) {
        LC_TRY(rc, lc_counts_save(&s->site[i].tokens, out, err));
        LC_TRY(rc, lc_positions_save(&s->site[i].positions, out, err));
    }
done:
    return rc;
}

static int merge(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct sums *s = arg;
    int64_t n_tokens = 0;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &n_tokens, sizeof n_tokens, err));
    s->n_tokens += n_tokens;
    for (int64_t i = 0; i < s->study->sites; i++) {
        LC_TRY(rc, lc_counts_merge(&s->site[i].tokens, in, err));
        LC_TRY(rc, lc_positions_merge(&s->site[i].positions, in, err));
    }
done:
    return rc;
}

/* N(i,a) as rows of a sparse matrix, with what follows from it for each feature. */
struct token_table {
    struct lc_count *list;
    int64_t *indptr, *unique, *count, *first; /* [F+1], [F], [nnz], [nnz] */
    int32_t *id;                              /* [nnz] */
    double *entropy;                          /* [F] H_vocab, bits; NaN for a dead feature */
};

static void token_table_release(struct token_table *t)
{
    free(t->list);
    free(t->indptr);
    free(t->unique);
    free(t->count);
    free(t->first);
    free(t->id);
    free(t->entropy);
}

static int token_table_make(struct token_table *t, const struct lc_counts *counts, int64_t features, struct lc_err *err)
{
    int rc;

    *t = (struct token_table){0};
    LC_TRY(rc, lc_counts_sorted(counts, &t->list, err));
    LC_TRY(rc, LC_ALLOC(&t->indptr, features + 1, "token counts", err));
    LC_TRY(rc, LC_ALLOC(&t->unique, features, "token counts", err));
    LC_TRY(rc, LC_ALLOC(&t->count, counts->used, "token counts", err));
    LC_TRY(rc, LC_ALLOC(&t->first, counts->used, "token counts", err));
    LC_TRY(rc, LC_ALLOC(&t->id, counts->used, "token counts", err));
    LC_TRY(rc, LC_ALLOC(&t->entropy, features, "token counts", err));
    for (int64_t k = 0; k < counts->used; k++) {
        t->unique[t->list[k].key >> 32]++;
        t->id[k] = (int32_t)(t->list[k].key & UINT32_MAX);
        t->count[k] = t->list[k].count;
        t->first[k] = t->list[k].first;
    }
    for (int64_t f = 0; f < features; f++) {
        t->indptr[f + 1] = t->indptr[f] + t->unique[f];
        t->entropy[f] = lc_counts_entropy(t->count + t->indptr[f], t->unique[f]);
    }
done:
    if (rc != LC_OK)
        token_table_release(t);
    return rc;
}

static int write_tokens(const struct site_counts *site, struct lc_result *r, const char *name, int64_t features,
                        struct lc_err *err)
{
    int64_t ends = features + 1, nnz = site->tokens.used;
    struct token_table t;
    int rc = token_table_make(&t, &site->tokens, features, err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_result_put(r, GROUP "/unique_tokens", name, &features, t.unique, err));
    LC_TRY(rc, lc_result_put(r, GROUP "/vocab_entropy", name, &features, t.entropy, err));
    LC_TRY(rc, lc_result_put(r, GROUP "/token_indptr", name, &ends, t.indptr, err));
    LC_TRY(rc, lc_result_put(r, GROUP "/token_id", name, &nnz, t.id, err));
    LC_TRY(rc, lc_result_put(r, GROUP "/token_count", name, &nnz, t.count, err));
    LC_TRY(rc, lc_result_put(r, GROUP "/token_first", name, &nnz, t.first, err));
done:
    token_table_release(&t);
    return rc;
}

static int write_counts(const struct sums *s, const struct site_counts *site, struct lc_result *r, const char *name,
                        struct lc_err *err)
{
    const struct lc_positions *p = &site->positions;
    int64_t *count = NULL;
    double *frequency = NULL, *sorted = NULL;
    struct lc_rank_fit fit;
    int rc;

    LC_TRY(rc, LC_ALLOC(&count, p->features, "counts", err));
    LC_TRY(rc, LC_ALLOC(&frequency, p->features, "counts", err));
    LC_TRY(rc, LC_ALLOC(&sorted, p->features, "counts", err));
    for (int64_t f = 0; f < p->features; f++) {
        count[f] = p->item[f] ? p->item[f]->count : 0;
        frequency[f] = (double)count[f] / (double)s->n_tokens;
    }
    LC_TRY(rc, lc_result_put(r, GROUP "/count", name, &p->features, count, err));
    LC_TRY(rc, lc_result_put(r, GROUP "/frequency", name, &p->features, frequency, err));
    lc_rank_frequency(frequency, p->features, sorted, &fit);
    LC_TRY(rc, lc_result_put_real(r, GROUP, name, "rank_slope", fit.slope, err));
    LC_TRY(rc, lc_result_put_real(r, GROUP, name, "rank_intercept", fit.intercept, err));
    LC_TRY(rc, lc_result_put_real(r, GROUP, name, "rank_r2", fit.r2, err));
    LC_TRY(rc, lc_result_put_int(r, GROUP, name, "rank_n", fit.n, err));
done:
    free(count);
    free(frequency);
    free(sorted);
    return rc;
}

static int finish(void *arg, struct lc_result *r, struct lc_err *err)
{
    struct sums *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites; i++) {
        const struct lc_site *site = &s->study->site[i];
        LC_TRY(rc, write_counts(s, &s->site[i], r, site->name, err));
        LC_TRY(rc, lc_sparsity_put_positions(r, site->name, &s->site[i].positions, err));
        LC_TRY(rc, write_tokens(&s->site[i], r, site->name, site->sae.shape.features, err));
        LC_TRY(rc, lc_result_put_int(r, GROUP, site->name, "n_tokens", s->n_tokens, err));
        LC_TRY(rc,
               lc_result_put_real(r, GROUP, site->name, "threshold", s->study->config.threshold, err));
    }
done:
    return rc;
}

/* Bytes of the accumulators of one site after so many tokens. */
static double site_bytes(double pairs, double seen, int64_t features)
{
    double slots = pairs > 512.0 ? exp2(ceil(log2(2.0 * pairs))) : 1024.0;

    return slots * (double)sizeof(struct lc_count) + seen * (double)sizeof(struct lc_position_count) +
           (double)features * (double)sizeof(struct lc_position_count *);
}

static void cost_site(const struct lc_study *study, const struct lc_assumed *assumed, int64_t i, double tokens,
                      double ranks, struct lc_cost *out)
{
    int64_t length = study->config.windows.length, bins = length < LC_POSITION_BINS ? length : LC_POSITION_BINS;
    int64_t features = study->site[i].sae.shape.features;
    double pairs = lc_assumed_pairs(assumed, i, tokens, features, study->vocab), f = (double)features;
    double share = lc_assumed_pairs(assumed, i, tokens / ranks, features, study->vocab);

    out->updates += 2.0 * tokens * assumed->site[i].active;
    out->rank_bytes += site_bytes(share, lc_assumed_features(assumed, i, tokens / ranks), features);
    out->merged_bytes += site_bytes(pairs, lc_assumed_features(assumed, i, tokens), features);
    for (int column = 0; column < 8; column++) /* count, frequency, four moments, unique_tokens, vocab_entropy */
        lc_cost_dataset(out, f, 8.0);
    lc_cost_dataset(out, f * (double)bins, 8.0);
    lc_cost_dataset(out, f * fmin(LC_POSITION_BINS, tokens), 8.0); /* over the corpus */
    lc_cost_dataset(out, f + 1.0, 8.0);
    lc_cost_dataset(out, pairs, 4.0);
    lc_cost_dataset(out, pairs, 8.0);
    lc_cost_dataset(out, pairs, 8.0);
}

static void cost(const struct lc_study *study, const struct lc_assumed *assumed, int64_t ranks, struct lc_cost *out)
{
    double tokens = lc_scan_cost(study, out);

    for (int64_t i = 0; i < study->sites; i++)
        cost_site(study, assumed, i, tokens, (double)ranks, out);
}

const struct lc_job lc_job_sparsity = {
    .name = "sparsity",
    .summary = "how often each feature is active, on which tokens and where in the window",
    .needs = needs,
    .unit_windows = lc_scan_unit_windows,
    .buffers = lc_scan_buffers,
    .open = lc_scan_open,
    .close = lc_scan_close,
    .begin = begin,
    .end = end,
    .observe = observe,
    .save = save,
    .merge = merge,
    .finish = finish,
    .flop = lc_scan_flop,
    .cost = cost,
};

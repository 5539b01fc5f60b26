/* correlation - which features are active together. Every rank keeps the short lists of active features of the
 * positions it saw; then the lists go round, and each rank counts in them the pairs of its part of the matrices. */
#include <inttypes.h>
#include <stdlib.h>

#include "correlation.h"
#include "lightcone/activity.h"
#include "lightcone/job.h"
#include "lightcone/passes.h"

extern const struct lc_job lc_job_correlation;

enum { UNIT_TOKENS = 1024 }; /* rows of one matrix product: enough to reach full speed */

struct work {
    struct lc_forward forward;
    struct lc_active active;
    int32_t *token; /* of the unit */
    double flop;
};

/* A selection without `from` is by this job's own counts. */
static struct lc_needs needs(const struct lc_config *config)
{
    int own = config->features.rule == LC_FEATURES_SELECT && !config->features.from[0];

    return (struct lc_needs){.keep_short = 1, .selection = !own};
}

static int64_t unit_windows(const struct lc_study *study)
{
    int64_t windows = UNIT_TOKENS / study->config.windows.length, limit = study->config.memory_per_rank;
    int64_t length = lc_study_longest_run(study);

    while (limit > 0 && windows > 1 && lc_forward_bytes(&study->model, windows * length, length, 0) > limit)
        windows--;
    return windows > 0 ? windows : 1;
}

static void close(void *arg)
{
    struct work *w = arg;

    free(w->token);
    lc_active_release(&w->active);
    lc_forward_release(&w->forward);
    free(w);
}

static int open(void **out, const struct lc_study *study, int64_t windows, struct lc_err *err)
{
    int64_t length = lc_study_longest_run(study), limit = study->config.memory_per_rank;
    int64_t bytes = lc_forward_bytes(&study->model, windows * length, length, 0);
    struct work *w = NULL;
    int rc;

    if (limit > 0 && bytes > limit)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: key 'memory_per_rank' is %" PRId64 " bytes; the forward pass over a unit needs %" PRId64,
                       study->config.source, limit, bytes);
    LC_TRY(rc, LC_ALLOC(&w, 1, "correlation", err));
    LC_TRY(rc, LC_ALLOC(&w->token, windows * length, "correlation", err));
    LC_TRY(rc, lc_forward_init(&w->forward, &study->model, windows * length, length, 0, err));
    LC_TRY(rc, lc_active_init(&w->active, windows * length, study->model.shape.width, err));
    *out = w;
done:
    if (rc != LC_OK && w)
        close(w);
    return rc;
}

static void release_site(struct lc_site_pairs *site)
{
    lc_lists_release(&site->positions);
    free(site->feature);
    free(site->count);
    free(site->joint);
    free(site->shared);
    for (int k = 0; k < LC_MEASURES; k++)
        lc_top_release(&site->top[k]);
    free(site->eigenvalue);
    free(site->eigenvector);
}

static void end(void *arg)
{
    struct lc_correlation *s = arg;

    for (int64_t i = 0; s->site && i < s->study->sites; i++)
        release_site(&s->site[i]);
    free(s->site);
    free(s->token_count);
    free(s);
}

/* N(a): every rank knows all windows. A BOS is no token of the corpus. */
static int count_tokens(struct lc_correlation *s, struct lc_err *err)
{
    const struct lc_windows *w = &s->study->windows;
    int64_t total = 0;

    for (int64_t k = 0; k < w->count; k++) {
        total += w->length[k];
        for (int64_t t = 0; t < w->length[k]; t++)
            s->token_count[s->study->token[w->start[k] + t]]++;
    }
    if (total > INT32_MAX)
        return LC_FAIL(err, LC_E_CONFIG, "%s: job correlation over %" PRId64 " tokens; allowed: below 2^31",
                       s->study->config.source, total);
    return LC_OK;
}

static int begin(void **out, const struct lc_study *study, struct lc_err *err)
{
    struct lc_correlation *s = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&s, 1, "correlation", err));
    s->study = study;
    LC_TRY(rc, LC_ALLOC(&s->site, study->sites, "correlation", err));
    for (int64_t i = 0; i < study->sites; i++)
        s->site[i].positions.width = 1;
    LC_TRY(rc, LC_ALLOC(&s->token_count, study->vocab, "token counts", err));
    LC_TRY(rc, count_tokens(s, err));
    *out = s;
done:
    if (rc != LC_OK && s)
        end(s);
    return rc;
}

/* A BOS at position 0 is no token of the corpus. */
static int keep_lists(const struct work *w, const struct lc_study *study, struct lc_site_pairs *site, int64_t length,
                      struct lc_err *err)
{
    const struct lc_active *a = &w->active;

    for (int64_t row = 0; row < a->rows; row++) {
        int64_t n = a->indptr[row + 1] - a->indptr[row];
        if (n == 0 || (study->bos >= 0 && row % length == 0))
            continue;
        if (lc_lists_add(&site->positions, w->token[row], a->feature + a->indptr[row], n, err) != LC_OK)
            return err->code;
        site->active += n;
    }
    return LC_OK;
}

static int observe(void *work, void *sums, const struct lc_unit *unit, struct lc_err *err)
{
    struct work *w = work;
    struct lc_correlation *s = sums;
    const struct lc_study *study = s->study;
    int64_t length = lc_study_run_length(study, unit->first), rows = unit->count * length;
    int rc;

    lc_study_tokens(study, unit->first, unit->count, w->token);
    LC_TRY(rc, lc_forward_run(&w->forward, w->token, unit->count, length, err));
    w->flop += lc_forward_flop(&study->model, rows, length);
    for (int64_t i = 0; i < study->sites; i++) {
        const struct lc_sae *sae = &study->site[i].sae;
        LC_TRY(rc, lc_active_find(&w->active, sae, lc_forward_site(&w->forward, study->site[i].layer), rows,
                                  study->config.threshold, study->config.threshold, err));
        LC_TRY(rc, keep_lists(w, study, &s->site[i], length, err));
        w->flop += 2.0 * (double)rows * (double)sae->shape.features * (double)sae->shape.width;
        if (unit->breathe)
            unit->breathe(unit->breathe_arg);
    }
    s->n_tokens += rows - unit->count * (study->bos >= 0);
done:
    return rc;
}

static int save(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    struct lc_correlation *s = arg;
    int rc;

    LC_TRY(rc, lc_bytes_add(out, &s->n_tokens, sizeof s->n_tokens, err));
    for (int64_t i = 0; i < s->study->sites; i++) {
        const struct lc_lists *l = &s->site[i].positions;
        LC_TRY(rc, lc_bytes_add(out, &l->used, sizeof l->used, err));
        LC_TRY(rc, lc_bytes_add(out, l->word, (size_t)l->used * sizeof *l->word, err));
    }
done:
    return rc;
}

static int merge_site(struct lc_site_pairs *site, struct lc_reader *in, struct lc_err *err)
{
    struct lc_lists other = {.width = 1};
    int rc;

    LC_TRY(rc, lc_reader_take(in, &other.used, sizeof other.used, err));
    LC_TRY(rc, LC_ALLOC(&other.word, other.used, "lists of active features", err));
    LC_TRY(rc, lc_reader_take(in, other.word, (size_t)other.used * sizeof *other.word, err));
    for (int64_t at = 0; at < other.used; at += 2 + other.word[at + 1]) {
        LC_TRY(rc, lc_lists_add(&site->positions, other.word[at], other.word + at + 2, other.word[at + 1], err));
        site->active += other.word[at + 1];
    }
done:
    lc_lists_release(&other);
    return rc;
}

static int merge(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct lc_correlation *s = arg;
    int64_t n_tokens = 0;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &n_tokens, sizeof n_tokens, err));
    s->n_tokens += n_tokens;
    for (int64_t i = 0; i < s->study->sites; i++)
        LC_TRY(rc, merge_site(&s->site[i], in, err));
done:
    return rc;
}

static double flop(const void *arg)
{
    return ((const struct work *)arg)->flop;
}

const struct lc_job lc_job_correlation = {
    .name = "correlation",
    .summary = "which features are active together: joint counts, covariances, Pearson, Jaccard, spectrum",
    .needs = needs,
    .unit_windows = unit_windows,
    .open = open,
    .close = close,
    .begin = begin,
    .end = end,
    .observe = observe,
    .save = save,
    .merge = merge,
    .gather = lc_correlation_gather,
    .finish = lc_correlation_finish,
    .fill = lc_correlation_fill,
    .beside = &lc_correlation_spectrum,
    .one_length = 1,
    .flop = flop,
};

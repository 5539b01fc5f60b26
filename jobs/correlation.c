/* correlation - which features are active together. Every rank keeps the short lists of active features of the
 * positions it saw; then the lists go round, and each rank counts in them the pairs of its part of the matrices. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "correlation.h"
#include "scan.h"

extern const struct lc_job lc_job_correlation;

/* A selection without `from` is by this job's own counts. */
static struct lc_needs needs(const struct lc_config *config)
{
    int own = config->features.rule == LC_FEATURES_SELECT && !config->features.from[0];

    return (struct lc_needs){.keep_short = 1, .selection = !own};
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
    free(s->entry);
    free(s);
}

static int check_tokens(const struct lc_study *study, struct lc_err *err)
{
    int64_t total = 0;

    for (int64_t k = 0; k < study->windows.count; k++)
        total += study->windows.length[k];
    if (total > INT32_MAX)
        return LC_FAIL(err, LC_E_CONFIG, "%s: job correlation over %" PRId64 " tokens; allowed: below 2^31",
                       study->config.source, total);
    return LC_OK;
}

static int begin(void **out, const struct lc_study *study, struct lc_err *err)
{
    struct lc_correlation *s = NULL;
    int64_t widest = 0;
    int rc;

    LC_TRY(rc, LC_ALLOC(&s, 1, "correlation", err));
    s->study = study;
    LC_TRY(rc, LC_ALLOC(&s->site, study->sites, "correlation", err));
    for (int64_t i = 0; i < study->sites; i++) {
        int64_t features = study->site[i].sae.shape.features;
        s->site[i].positions.width = 1;
        widest = features > widest ? features : widest;
    }
    LC_TRY(rc, LC_ALLOC(&s->entry, widest, "correlation", err));
    LC_TRY(rc, check_tokens(study, err));
    *out = s;
done:
    if (rc != LC_OK && s)
        end(s);
    return rc;
}

/* The features seen at the last token become a record. */
static int close_record(struct lc_correlation *s, struct lc_err *err)
{
    struct lc_site_pairs *site = &s->site[s->last.site];
    int64_t n = s->entries;

    s->entries = 0;
    site->active += n;
    return n > 0 ? lc_lists_add(&site->positions, s->last.token, s->entry, n, err) : LC_OK;
}

static int see(void *arg, const struct lc_sighting *x, struct lc_err *err)
{
    struct lc_correlation *s = arg;

    if ((x->site != s->last.site || x->window != s->last.window || x->position != s->last.position) &&
        close_record(s, err) != LC_OK)
        return err->code;
    s->last = (struct lc_place){.site = x->site, .window = x->window, .position = x->position, .token = x->token};
    s->entry[s->entries++] = x->feature;
    return LC_OK;
}

static int observe(void *work, void *sums, const struct lc_unit *unit, struct lc_err *err)
{
    struct lc_correlation *s = sums;

    if (lc_scan_run(work, s->study, unit, see, s, &s->n_tokens, err) != LC_OK)
        return err->code;
    return close_record(s, err);
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

/* Features of a site's matrices: at most those that are active as measured, or all when nothing is measured, for of a
 * rule by this job's own counts only `top` is known beforehand. */
static double leading(const struct lc_study *study, const struct lc_assumed *assumed, int64_t i, double tokens)
{
    const struct lc_site_assumed *site = &assumed->site[i];
    double most = site->frequency ? lc_assumed_features(assumed, i, tokens) : site->cells;

    return study->config.features.top > 0 ? fmin(most, (double)study->config.features.top) : most;
}

static void cost_site(const struct lc_study *study, const struct lc_assumed *assumed, int64_t i, double tokens,
                      int64_t ranks, struct lc_cost *out)
{
    double m = leading(study, assumed, i, tokens), active = assumed->site[i].active;
    struct lc_joint_size size = {.features = (int64_t)m,
                                 .sites = 1,
                                 .ranks = ranks,
                                 .tokens = (int64_t)tokens,
                                 .mean_active = active,
                                 .spectrum = study->config.spectrum};

    out->updates += tokens * (2.0 * active + assumed->site[i].selected * assumed->site[i].selected);
    /* the room for pieces serves one site after the other */
    out->rank_bytes += (double)lc_joint_bytes(&size) - (i > 0 ? 16.0 * (double)LC_JOINT_PIECE : 0.0);
    lc_cost_dataset(out, m, 12.0);
    lc_cost_dataset(out, m * m, 5.0 * 8.0);
    out->filled_bytes += m * m * 5.0 * 8.0;
    out->leading = fmax(out->leading, m);
}

/* Nothing is merged into rank 0. */
static void cost(const struct lc_study *study, const struct lc_assumed *assumed, int64_t ranks, struct lc_cost *out)
{
    double tokens = lc_scan_cost(study, out);

    for (int64_t i = 0; i < study->sites; i++)
        cost_site(study, assumed, i, tokens, ranks, out);
}

const struct lc_job lc_job_correlation = {
    .name = "correlation",
    .summary = "which features are active together: joint counts, covariances, Pearson, Jaccard, spectrum",
    .apart = 1,
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
    .gather = lc_correlation_gather,
    .finish = lc_correlation_finish,
    .fill = lc_correlation_fill,
    .beside = &lc_correlation_spectrum,
    .one_length = 1,
    .flop = lc_scan_flop,
    .cost = cost,
};

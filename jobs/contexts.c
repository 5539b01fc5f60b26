/* contexts - the windows in which each feature is most strongly active, and where in them. */
#include <stdlib.h>

#include "lightcone/activity.h"
#include "lightcone/job.h"
#include "lightcone/passes.h"
#include "lightcone/top_contexts.h"

extern const struct lc_job lc_job_contexts;

enum { UNIT_TOKENS = 1024 }; /* rows of one matrix product: enough to reach full speed */

struct sums {
    const struct lc_study *study;
    struct lc_top_contexts *site; /* [sites] */
};

struct work {
    struct lc_forward forward;
    struct lc_active active;
    int32_t *token; /* of the unit */
    double flop;
};

/* Every token of the corpus takes part, a short last window's too: the same windows as sparsity's. */
static struct lc_needs needs(const struct lc_config *config)
{
    (void)config;
    return (struct lc_needs){.keep_short = 1, .selection = 1};
}

static int64_t unit_windows(const struct lc_study *study)
{
    int64_t windows = UNIT_TOKENS / study->config.windows.length, limit = study->config.memory_per_rank;
    int64_t length = lc_study_longest_run(study);

    while (limit > 0 && windows > 1 && lc_forward_bytes(&study->model, windows * length, length, 0) > limit)
        windows--;
    return windows > 0 ? windows : 1;
}

static int check_memory(const struct lc_study *study, int64_t rows, int64_t length, struct lc_err *err)
{
    int64_t bytes = lc_forward_bytes(&study->model, rows, length, 0), limit = study->config.memory_per_rank;

    if (limit > 0 && bytes > limit)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: key 'memory_per_rank' is %lld bytes; the forward pass over %lld tokens needs %lld",
                       study->config.source, (long long)limit, (long long)rows, (long long)bytes);
    return LC_OK;
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
    int64_t length = lc_study_longest_run(study);
    struct work *w = NULL;
    int rc;

    LC_TRY(rc, check_memory(study, windows * length, length, err));
    LC_TRY(rc, LC_ALLOC(&w, 1, "contexts", err));
    LC_TRY(rc, LC_ALLOC(&w->token, windows * length, "contexts", err));
    LC_TRY(rc, lc_forward_init(&w->forward, &study->model, windows * length, length, 0, err));
    LC_TRY(rc, lc_active_init(&w->active, windows * length, study->model.shape.width, err));
    *out = w;
done:
    if (rc != LC_OK && w)
        close(w);
    return rc;
}

static void end(void *arg)
{
    struct sums *s = arg;

    for (int64_t i = 0; s->site && i < s->study->sites; i++)
        lc_top_contexts_release(&s->site[i]);
    free(s->site);
    free(s);
}

static int begin(void **out, const struct lc_study *study, struct lc_err *err)
{
    struct sums *s = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&s, 1, "contexts", err));
    s->study = study;
    LC_TRY(rc, LC_ALLOC(&s->site, study->sites, "contexts", err));
    for (int64_t i = 0; i < study->sites; i++)
        LC_TRY(rc, lc_top_contexts_init(&s->site[i], study->site[i].sae.shape.features, study->config.contexts_top,
                                        err));
    *out = s;
done:
    if (rc != LC_OK && s)
        end(s);
    return rc;
}

/* What one site saw in the rows of the unit; a BOS at position 0 is no token of the corpus. */
static int note_site(const struct lc_active *a, const struct lc_site *site, struct lc_top_contexts *top,
                     const struct lc_unit *unit, int64_t length, int64_t bos, struct lc_err *err)
{
    for (int64_t row = 0; row < a->rows; row++) {
        struct lc_context context = {.window = unit->first + row / length, .position = row % length - bos};
        if (context.position < 0)
            continue;
        for (int64_t k = a->indptr[row]; k < a->indptr[row + 1]; k++) {
            context.value = (double)a->activation[k];
            if ((!site->selected || site->selected[a->feature[k]]) &&
                lc_top_contexts_add(top, a->feature[k], &context, err) != LC_OK)
                return err->code;
        }
    }
    return LC_OK;
}

static int observe(void *work, void *sums, const struct lc_unit *unit, struct lc_err *err)
{
    struct work *w = work;
    struct sums *s = sums;
    const struct lc_study *study = s->study;
    int64_t length = lc_study_run_length(study, unit->first), rows = unit->count * length;
    int rc;

    lc_study_tokens(study, unit->first, unit->count, w->token);
    LC_TRY(rc, lc_forward_run(&w->forward, w->token, unit->count, length, err));
    w->flop += lc_forward_flop(&study->model, rows, length);
    for (int64_t i = 0; i < study->sites; i++) {
        const struct lc_site *site = &study->site[i];
        LC_TRY(rc, lc_active_find(&w->active, &site->sae, lc_forward_site(&w->forward, site->layer), rows,
                                  study->config.threshold, study->config.threshold, err));
        LC_TRY(rc, note_site(&w->active, site, &s->site[i], unit, length, study->bos >= 0, err));
        w->flop += 2.0 * (double)rows * (double)site->sae.shape.features * (double)site->sae.shape.width;
        if (unit->breathe)
            unit->breathe(unit->breathe_arg);
    }
done:
    return rc;
}

static int save(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    struct sums *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites && rc == LC_OK; i++)
        rc = lc_top_contexts_save(&s->site[i], out, err);
    return rc;
}

static int merge(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct sums *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites && rc == LC_OK; i++)
        rc = lc_top_contexts_merge(&s->site[i], in, err);
    return rc;
}

/* The lists of all features, one after the other. */
struct columns {
    int64_t count, *window, *position;
    int32_t *feature;
    float *value;
};

static void columns_release(struct columns *c)
{
    free(c->feature);
    free(c->window);
    free(c->position);
    free(c->value);
}

static int columns_make(struct columns *c, const struct lc_top_contexts *t, struct lc_err *err)
{
    int64_t total = 0;
    int rc;

    *c = (struct columns){0};
    for (int64_t f = 0; f < t->features; f++)
        total += t->list[f] ? t->list[f]->count : 0;
    LC_TRY(rc, LC_ALLOC(&c->feature, total, "contexts", err));
    LC_TRY(rc, LC_ALLOC(&c->window, total, "contexts", err));
    LC_TRY(rc, LC_ALLOC(&c->position, total, "contexts", err));
    LC_TRY(rc, LC_ALLOC(&c->value, total, "contexts", err));
    for (int64_t f = 0; f < t->features; f++)
        for (int64_t i = 0; t->list[f] && i < t->list[f]->count; i++) {
            const struct lc_context *x = &t->list[f]->item[i];
            c->feature[c->count] = (int32_t)f;
            c->window[c->count] = x->window;
            c->position[c->count] = x->position;
            c->value[c->count++] = (float)x->value;
        }
done:
    if (rc != LC_OK)
        columns_release(c);
    return rc;
}

static int write_site(const struct lc_top_contexts *t, struct lc_result *r, const char *name, double threshold,
                      struct lc_err *err)
{
    struct columns c;
    int rc = columns_make(&c, t, err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_result_put(r, "sites/SITE/contexts/feature", name, &c.count, c.feature, err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/contexts/window", name, &c.count, c.window, err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/contexts/position", name, &c.count, c.position, err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/contexts/value", name, &c.count, c.value, err));
    LC_TRY(rc, lc_result_put_int(r, "sites/SITE/contexts", name, "top", t->top, err));
    LC_TRY(rc, lc_result_put_real(r, "sites/SITE/contexts", name, "threshold", threshold, err));
done:
    columns_release(&c);
    return rc;
}

static int finish(void *arg, struct lc_result *r, struct lc_err *err)
{
    struct sums *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites && rc == LC_OK; i++)
        rc = write_site(&s->site[i], r, s->study->site[i].name, s->study->config.threshold, err);
    return rc;
}

static double flop(const void *arg)
{
    return ((const struct work *)arg)->flop;
}

const struct lc_job lc_job_contexts = {
    .name = "contexts",
    .summary = "the windows in which each feature is most strongly active, and where in them",
    .one_length = 1,
    .needs = needs,
    .unit_windows = unit_windows,
    .open = open,
    .close = close,
    .begin = begin,
    .end = end,
    .observe = observe,
    .save = save,
    .merge = merge,
    .finish = finish,
    .flop = flop,
};

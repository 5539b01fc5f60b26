/* contexts - the windows in which each feature is most strongly active, and where in them. */
#include <math.h>
#include <stdlib.h>

#include "lightcone/top_contexts.h"
#include "scan.h"

extern const struct lc_job lc_job_contexts;

struct sums {
    const struct lc_study *study;
    struct lc_top_contexts *site; /* [sites] */
};

/* Every token of the corpus takes part, a short last window's too: the same windows as sparsity's. */
static struct lc_needs needs(const struct lc_config *config)
{
    (void)config;
    return (struct lc_needs){.keep_short = 1, .selection = 1};
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

static int see(void *arg, const struct lc_sighting *x, struct lc_err *err)
{
    struct sums *s = arg;
    const struct lc_site *site = &s->study->site[x->site];
    const struct lc_context context = {.window = x->window, .position = x->position, .value = (double)x->activation};

    if (site->selected && !site->selected[x->feature])
        return LC_OK;
    return lc_top_contexts_add(&s->site[x->site], x->feature, &context, err);
}

static int observe(void *work, void *sums, const struct lc_unit *unit, struct lc_err *err)
{
    struct sums *s = sums;
    int64_t tokens = 0;

    return lc_scan_run(work, s->study, unit, see, s, &tokens, err);
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

static void cost(const struct lc_study *study, const struct lc_assumed *assumed, int64_t ranks, struct lc_cost *out)
{
    double tokens = lc_scan_cost(study, out), each = (double)study->config.contexts_top;

    for (int64_t i = 0; i < study->sites; i++) {
        double seen = tokens * assumed->site[i].selected, lists = lc_assumed_features(assumed, i, tokens);
        double mine = lc_assumed_features(assumed, i, tokens / (double)ranks);
        double kept = fmin(seen, lists * each), features = (double)study->site[i].sae.shape.features;
        out->updates += seen;
        out->rank_bytes += 8.0 * features + mine * (sizeof(struct lc_context_list) + each * sizeof(struct lc_context));
        out->merged_bytes += 8.0 * features + lists * (sizeof(struct lc_context_list) + each * sizeof(struct lc_context));
        lc_cost_dataset(out, kept, 4.0);
        lc_cost_dataset(out, kept, 8.0);
        lc_cost_dataset(out, kept, 8.0);
        lc_cost_dataset(out, kept, 4.0);
    }
}

const struct lc_job lc_job_contexts = {
    .name = "contexts",
    .summary = "the windows in which each feature is most strongly active, and where in them",
    .one_length = 1,
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

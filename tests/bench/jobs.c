/* jobs.c - the influence job on windows in memory: its own callbacks, as the driver calls them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../jobs/influence.h"
#include "bench.h"
#include "lightcone/cost.h"
#include "lightcone/job.h"
#include "lightcone/passes.h"
#include "lightcone/random.h"

static const struct {
    const char *path, *token_vector;
} variants[] = {{"reconstruction", "reconstruction"}, {"residual", "residual"}};

struct task {
    const struct lc_job *job;
    struct lc_study study;
    int32_t *token;
    void *work, *sums;
    int64_t first, windows, turn; /* of this rank */
};

static int study_make(struct task *t, const struct bench *b, const struct lc_model *model, const struct bench_sae *saes,
                      const char *vector, int64_t length, struct lc_err *err)
{
    int64_t tokens = (LC_INFLUENCE_UNIT_WINDOWS * b->par.size + 1) * length;
    char text[512];
    int rc, n = snprintf(text, sizeof text,
                         "job: influence\nmodel: {path: m}\nsae: {path: s}\ncorpus: {path: c}\noutput: o.h5\n"
                         "windows: {length: %lld}\nthreshold: %g\ntoken_vector: [%s]\n",
                         (long long)length, BENCH_THRESHOLD, vector);

    t->job = lc_job_find("influence");
    LC_TRY(rc, lc_config_parse(&t->study.config, "bench.yaml", text, (size_t)n, NULL, 0, err));
    LC_TRY(rc, LC_ALLOC(&t->token, tokens, "tokens", err));
    for (int64_t i = 0; i < tokens; i++)
        t->token[i] = (int32_t)lc_random_below(3, 17, (uint64_t)i, (uint64_t)model->shape.vocab);
    t->study.token = t->token;
    t->study.tokens = tokens;
    t->study.vocab = model->shape.vocab;
    t->study.bos = -1;
    t->study.model = *model;
    LC_TRY(rc, lc_windows_make(&t->study.windows, &t->study.config.windows, tokens, 0, err));
    LC_TRY(rc, LC_ALLOC(&t->study.site, BENCH_LAYERS, "sites", err));
    t->study.sites = BENCH_LAYERS;
    for (int64_t l = 0; l < BENCH_LAYERS; l++) {
        t->study.site[l] = (struct lc_site){.layer = l, .sae = saes[l].sae};
        lc_site_name(t->study.site[l].name, l);
    }
done:
    return rc;
}

static void task_release(struct task *t)
{
    if (t->sums)
        t->job->end(t->sums);
    if (t->work)
        t->job->close(t->work);
    lc_windows_release(&t->study.windows);
    lc_config_release(&t->study.config);
    free(t->study.site);
    free(t->token);
}

/* FLOP of one window by the job's own account, were the SAEs of so many features. */
static double window_flop(const struct lc_study *study)
{
    struct lc_site_assumed site[BENCH_LAYERS];
    const struct lc_assumed assumed = {.site = site};
    struct lc_cost cost = {0};
    double sum = 0.0;

    for (int64_t l = 0; l < BENCH_LAYERS; l++)
        site[l] = (struct lc_site_assumed){.active = BENCH_ACTIVE,
                                           .selected = BENCH_ACTIVE,
                                           .positive = BENCH_POSITIVE,
                                           .cells = (double)study->site[l].sae.shape.features,
                                           .pairs_scale = LC_PAIRS_SCALE};
    lc_job_find("influence")->cost(study, &assumed, 1, &cost);
    for (int part = 0; part < LC_PARTS; part++)
        sum += cost.flop[part];
    return sum / (double)study->windows.count;
}

static int observe_once(void *arg, struct bench_cell *cell, struct lc_err *err)
{
    struct task *t = arg;
    /* never the windows that the forward pass still holds: every unit comes once */
    const struct lc_unit unit = {.first = t->first + (t->turn++ & 1), .count = t->windows};
    double before = t->job->flop(t->work);

    t->job->observe(t->work, t->sums, &unit, err);
    cell->flop += t->job->flop(t->work) - before;
    return err->code;
}

static void describe(struct bench_cell *cell, const struct task *t, const char *vector)
{
    const struct lc_model *model = &t->study.model;
    int residual = strcmp(vector, "residual") == 0;
    int64_t seeds = residual ? BENCH_ACTIVE + model->shape.width : BENCH_POSITIVE;

    cell->windows = t->windows;
    cell->tokens = t->windows * cell->length;
    cell->bytes = bench_forward_bytes(model, cell->tokens) +
                  (double)t->windows * bench_backward_bytes(model, seeds, cell->length);
    for (int64_t l = 0; l < BENCH_LAYERS; l++) {
        cell->bytes += bench_encoder_traffic(&t->study.site[l].sae);
        cell->weights += 4 * lc_sae_floats(&t->study.site[l].sae.shape, 1);
    }
    cell->weights += 4 * (lc_model_floats(&model->shape, model->depth) +
                          lc_model_split_floats(&model->shape, model->depth, model->precision, 1));
    cell->buffers = t->job->buffers(&t->study, t->windows, 0);
}

static int time_job(struct bench *b, const struct lc_model *model, const struct bench_sae *saes, int variant,
                    int64_t length, struct lc_err *err)
{
    struct task t = {0};
    struct bench_cell cell = {.path = variants[variant].path,
                              .peak = "product",
                              .length = length,
                              .features = saes[0].sae.shape.features,
                              .width = model->shape.width};
    int rc;

    study_make(&t, b, model, saes, variants[variant].token_vector, length, err);
    LC_TRY(rc, lc_comm_agree(&b->par, err));
    cell.flop = window_flop(&t.study);
    if (bench_too_long(b, &cell))
        goto done;
    t.windows = (int64_t)(b->least / bench_expected(b, &cell));
    t.windows = t.windows < 1 ? 1 : t.windows > LC_INFLUENCE_UNIT_WINDOWS ? LC_INFLUENCE_UNIT_WINDOWS : t.windows;
    t.first = b->par.rank * t.windows;
    describe(&cell, &t, variants[variant].token_vector);
    if (t.job->open(&t.work, &t.study, t.windows, err) == LC_OK)
        t.job->begin(&t.sums, &t.study, err);
    LC_TRY(rc, lc_comm_agree(&b->par, err));
    rc = bench_time(b, &cell, observe_once, &t, err);
done:
    task_release(&t);
    return rc;
}

int bench_jobs(struct bench *b, const struct bench_model *m, const struct bench_probe *probe, int64_t features,
               const int64_t *length, struct lc_err *err)
{
    const struct bench_cell none = {.path = "jobs", .features = features, .width = m->model.shape.width};
    struct bench_sae saes[BENCH_LAYERS] = {0};
    int rc = LC_OK;

    for (int64_t l = 0; l < BENCH_LAYERS; l++)
        saes[l].memory.window = MPI_WIN_NULL;
    for (int64_t l = 0; l < BENCH_LAYERS && rc == LC_OK; l++)
        rc = bench_sae_make(&saes[l], &b->par, features, 1, probe, l, err);
    if (rc == LC_E_MEMORY) { /* as all ranks agreed */
        bench_leave_out(b, &none, err->msg);
        *err = (struct lc_err)LC_ERR_INIT;
        rc = LC_OK;
        goto done;
    }
    for (int v = 0; v < (int)(sizeof variants / sizeof variants[0]) && rc == LC_OK; v++)
        for (int i = 0; length[i] && rc == LC_OK; i++)
            rc = time_job(b, &m->model, saes, v, length[i], err);
done:
    for (int64_t l = 0; l < BENCH_LAYERS; l++)
        bench_sae_release(&saes[l]);
    return rc;
}

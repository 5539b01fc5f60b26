/* plan.c - sizes, memory and time of a run by arithmetic on what its inputs' headers say. */
#include "plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/handout.h"
#include "lightcone/linalg.h"
#include "run.h"
#include "tasks.h"

enum { FILE_BYTES = 4096, RATE_TRIES_MS = 200 }; /* of a result's own header and attributes; of the timing */

static double flop_of(const struct lc_cost *c)
{
    double sum = 0.0;

    for (int i = 0; i < LC_PARTS; i++)
        sum += c->flop[i];
    return sum;
}

/* On one core. */
static double seconds_of(const struct lc_cost *c, double width, double gflops)
{
    double seconds = c->updates * LC_PLAN_UPDATE_SECONDS;

    for (int i = 0; i < LC_PARTS; i++)
        seconds += c->flop[i] * 1e-9 / gflops /
                   (i < LC_PART_FEATURES ? LC_PLAN_FORWARD_SHARE(width) : LC_PLAN_BACKWARD_SHARE(width));
    return seconds;
}

/* The datasets that every job's result has of a study's windows. */
static void cost_windows(const struct lc_study *s, struct lc_cost *out)
{
    double windows = (double)s->windows.count, seen = 0.0;

    for (int64_t w = 0; w < s->windows.count; w++)
        seen += (double)lc_study_run_length(s, w);
    lc_cost_dataset(out, windows, 8.0);
    lc_cost_dataset(out, windows, 8.0);
    lc_cost_dataset(out, windows + 1.0, 8.0);
    lc_cost_dataset(out, seen, 4.0);
    lc_cost_dataset(out, (double)s->vocab, 8.0);
}

/* And once: configuration, provenance, vocabulary. */
static int cost_common(const struct lc_study *s, struct lc_cost *out, struct lc_err *err)
{
    struct lc_bytes text = {0};
    double vocabulary = 0.0;

    if (lc_config_canonical(&s->config, &text, err) != LC_OK)
        return err->code;
    for (int64_t v = 0; v < s->vocab; v++) {
        size_t size;
        lc_tokenizer_bytes(s->tokenizer, (int32_t)v, &size);
        vocabulary += (double)size;
    }
    lc_cost_dataset(out, (double)text.size, 1.0);
    lc_cost_dataset(out, (double)s->provenance.size + 64.0 * (double)(s->sites + 2), 1.0); /* the hashes are left out */
    lc_cost_dataset(out, vocabulary, 1.0);
    lc_cost_dataset(out, (double)s->vocab + 1.0, 8.0);
    out->result_bytes += FILE_BYTES;
    lc_bytes_release(&text);
    return LC_OK;
}

static int plan_point(struct lc_plan *plan, struct lc_plan_point *p, const struct lc_study *study, struct lc_err *err)
{
    p->study = study;
    if (lc_cut_make(&p->cut, plan->job, &plan->study, study, err) != LC_OK)
        return err->code;
    for (int64_t w = 0; w < study->windows.count; w++)
        p->tokens += study->windows.length[w];
    plan->job->cost(study, &plan->assumed, plan->ranks, &p->cost);
    cost_windows(study, &p->cost);
    p->seconds = seconds_of(&p->cost, (double)study->model.shape.width, plan->gflops);
    p->unit_seconds = p->seconds * fmin(1.0, (double)p->cut.each / (double)study->windows.count);
    return LC_OK;
}

/* Ranks merge in pairs, then pairs of pairs; what a rank passes on grows up to the whole. */
static double merge_bytes(double one, double all, int64_t ranks)
{
    double sum = 0.0;

    for (int64_t step = 1; step < ranks; step *= 2)
        sum += fmin(all, one * (double)step);
    return sum;
}

/* Units are handed out one by one, so that ranks end within one unit of each other. */
void lc_plan_time_on(const struct lc_plan *plan, int64_t ranks, struct lc_plan_time *t)
{
    double workers = (double)lc_handout_workers(ranks), seconds = 0.0, last = 0.0, units = 0.0;
    double merged = 0.0;

    for (int64_t k = 0; k < plan->points; k++) {
        const struct lc_plan_point *p = &plan->point[k];
        seconds += p->seconds;
        units += (double)p->cut.units;
        last = fmax(last, p->unit_seconds);
        merged += merge_bytes(p->cost.rank_bytes, p->cost.merged_bytes, ranks);
    }
    *t = (struct lc_plan_time){.ranks = ranks, .load = plan->file_bytes / LC_PLAN_LOAD_RATE};
    t->compute = plan->points == 1 ? fmin(seconds, ceil(units / workers) * last)
                                   : fmin(seconds, seconds / workers + last * (1.0 - 1.0 / workers));
    t->compute = fmax(t->compute, seconds / workers);
    t->tail = t->compute - seconds / workers;
    t->write = plan->result_bytes / LC_PLAN_WRITE_RATE + merged / LC_PLAN_MERGE_RATE;
    t->total = t->load + t->compute + t->write;
}

/* Sizes of the input files, from the lines "hash  size  role  name". */
static double input_bytes(const struct lc_bytes *provenance)
{
    const char *line = (const char *)provenance->data, *end = line + provenance->size;
    double sum = 0.0;

    while (line && line < end) {
        const char *size = memchr(line, ' ', (size_t)(end - line));
        sum += size ? strtod(size, NULL) : 0.0;
        line = memchr(line, '\n', (size_t)(end - line));
        line = line ? line + 1 : NULL;
    }
    return sum;
}

double lc_plan_node_bytes(const struct lc_plan *plan, int64_t ranks)
{
    return plan->weight_bytes + plan->token_bytes + fmax(plan->root_bytes, plan->rank_bytes) +
           (double)(ranks - 1) * plan->rank_bytes;
}

static void add_memory(struct lc_plan *plan, const struct lc_needs *needs)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE), cores = sysconf(_SC_NPROCESSORS_ONLN);
    double buffers = plan->buffer_bytes, merged = 0.0, filled = 0.0;

    for (int64_t k = 0; k < plan->points; k++) {
        plan->rank_bytes += plan->point[k].cost.rank_bytes;
        merged += plan->point[k].cost.merged_bytes;
        filled += plan->point[k].cost.filled_bytes;
    }
    plan->rank_bytes += buffers + LC_PLAN_PROGRAM_BYTES;
    plan->root_bytes = LC_PLAN_PROGRAM_BYTES + buffers + merged + plan->result_bytes - filled;
    plan->weight_bytes = (double)lc_study_weights(&plan->study, needs->decoder) * (double)sizeof(float);
    plan->token_bytes = (double)plan->study.tokens * (double)sizeof(int32_t);
    plan->node_ranks = cores > 0 && plan->ranks > cores ? cores : plan->ranks;
    plan->node_bytes = lc_plan_node_bytes(plan, plan->node_ranks);
    plan->machine_bytes = pages > 0 && page > 0 ? (double)pages * (double)page : 0.0;
}

static void warn_memory(const struct lc_plan *plan)
{
    char text[200];

    if (plan->machine_bytes == 0.0 || plan->node_bytes <= plan->machine_bytes)
        return;
    snprintf(text, sizeof text, "a node with %lld ranks needs %.1f GB; this machine has %.1f GB",
             (long long)plan->node_ranks, plan->node_bytes * 1e-9, plan->machine_bytes * 1e-9);
    lc_run_warn(text);
}

/* The buffers are made once, for the longest windows; memory_per_rank makes them smaller. */
static int size_buffers(struct lc_plan *plan, struct lc_err *err)
{
    double limit = (double)plan->study.config.memory_per_rank;
    struct lc_cut cut;

    if (lc_cut_make(&cut, plan->job, &plan->study, &plan->study, err) != LC_OK)
        return err->code;
    plan->buffer_bytes = (double)plan->job->buffers(&plan->study, cut.each, 0);
    if (limit > 0.0 && plan->buffer_bytes > limit)
        plan->buffer_bytes = limit;
    return LC_OK;
}

/* Everything of an outlined study. */
static int make(struct lc_plan *plan, const struct lc_plan_options *options, const struct lc_needs *needs,
                struct lc_err *err)
{
    struct lc_cost common = {0};
    double flop = 0.0, seconds = 0.0;
    int rc;

    plan->points = plan->study.points > 0 ? plan->study.points : 1;
    LC_TRY(rc, size_buffers(plan, err));
    LC_TRY(rc, LC_ALLOC(&plan->point, plan->points, "points", err));
    LC_TRY(rc, lc_assume(&plan->assumed, &plan->study, options->like, &plan->assumed_from, err));
    if (plan->measured)
        LC_TRY(rc, lc_gemm_rate(&plan->gflops, RATE_TRIES_MS * 1e-3, err));
    LC_TRY(rc, cost_common(&plan->study, &common, err));
    plan->result_bytes = common.result_bytes;
    for (int64_t k = 0; k < plan->points; k++) {
        const struct lc_study *part = plan->study.points > 0 ? &plan->study.point[k] : &plan->study;
        LC_TRY(rc, plan_point(plan, &plan->point[k], part, err));
        plan->result_bytes += plan->point[k].cost.result_bytes;
        flop += flop_of(&plan->point[k].cost);
        seconds += plan->point[k].seconds;
    }
    plan->reached = seconds > 0.0 ? flop * 1e-9 / seconds / plan->gflops : 0.0;
    plan->file_bytes = input_bytes(&plan->study.provenance);
    add_memory(plan, needs);
    lc_plan_time_on(plan, 1, &plan->one);
    lc_plan_time_on(plan, plan->ranks, &plan->asked);
done:
    return rc;
}

void lc_plan_close(struct lc_plan *plan)
{
    lc_assume_release(&plan->assumed, &plan->study);
    free(plan->point);
    lc_study_close(&plan->study);
}

int lc_plan_open(struct lc_plan *plan, const struct lc_tasks *tasks, int64_t task, const struct lc_plan_options *options,
                 struct lc_err *err)
{
    struct lc_task_inputs in;
    struct lc_inputs inputs;
    struct lc_needs needs;
    int rc;

    if (lc_tasks_inputs(tasks, task, &in, err) != LC_OK)
        return err->code;
    *plan = (struct lc_plan){
        .job = in.job, .ranks = options->ranks, .gflops = options->gflops, .measured = options->gflops == 0.0};
    needs = plan->job->needs(&in.all);
    inputs = (struct lc_inputs){
        .config = &in.all, .member = in.member, .members = in.members, .needs = &needs, .warn = lc_run_warn};
    LC_TRY(rc, lc_study_outline(&plan->study, &inputs, NULL, err));
    rc = make(plan, options, &needs, err);
    if (rc != LC_OK)
        lc_plan_close(plan);
done:
    lc_task_inputs_release(&in);
    return rc;
}

static int plan_task(const struct lc_tasks *tasks, int64_t task, const struct lc_plan_options *options, FILE *out,
                     struct lc_err *err)
{
    struct lc_plan plan;
    int rc = lc_plan_open(&plan, tasks, task, options, err);

    if (rc != LC_OK)
        return rc;
    warn_memory(&plan);
    if (options->json)
        rc = lc_plan_json(&plan, out, err);
    else
        lc_plan_print(&plan, out);
    lc_plan_close(&plan);
    return rc;
}

int lc_plan(const struct lc_comm *par, const char *config_path, const char *const *overrides, int64_t override_count,
            const struct lc_plan_options *options, FILE *out, struct lc_err *err)
{
    struct lc_tasks tasks;
    struct lc_bytes list = {0};
    int rc;

    if (lc_tasks_open(&tasks, par, config_path, overrides, override_count, err) != LC_OK)
        return err->code;
    if (options->tasks) {
        rc = lc_tasks_list(&tasks, &list, err);
        if (rc == LC_OK)
            fwrite(list.data, 1, list.size, out);
        lc_bytes_release(&list);
    } else
        rc = plan_task(&tasks, 0, options, out, err);
    lc_tasks_release(&tasks);
    return rc;
}

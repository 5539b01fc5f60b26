/* plan.c - sizes, memory and time of a run by arithmetic on what its inputs' headers say. */
#include "lightcone/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/handout.h"
#include "lightcone/linalg.h"
#include "lightcone/prepare.h"
#include "lightcone/tasks.h"
#include "scale.h"

enum { FILE_BYTES = 4096, RATE_TRIES_MS = 200 }; /* of a result's own header and attributes; of the timing */

/* On one core. */
static double seconds_of(const struct lc_cost *c, double width, const struct lc_plan_speed *speed)
{
    const double forward = speed->product * LC_PLAN_FORWARD_SHARE(width), backward = speed->product * LC_PLAN_BACKWARD_SHARE(width);
    const double rate[LC_PARTS] = {[LC_PART_FORWARD] = forward,
                                   [LC_PART_ENCODER] = speed->screen * LC_PLAN_ENCODER_SHARE(width),
                                   [LC_PART_FEATURES] = backward,
                                   [LC_PART_RECONSTRUCTION] = backward,
                                   [LC_PART_RESIDUAL] = backward};
    double seconds = c->updates * LC_PLAN_UPDATE_SECONDS;

    for (int i = 0; i < LC_PARTS; i++)
        seconds += c->flop[i] * 1e-9 / rate[i];
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

/* One length of a member, or of all there is. The first member's windows go forward for all, down to the deepest layer. */
static int plan_point(struct lc_plan *plan, int64_t m, int64_t k, struct lc_err *err)
{
    struct lc_plan_point *p = &plan->point[m * plan->lengths + k];
    const struct lc_study *all = plan->study.points > 0 ? &plan->study.point[k] : &plan->study, *own = all;
    struct lc_cost together = {0};

    if (plan->study.members > 0)
        own = plan->study.points > 0 ? &plan->study.member[m].point[k] : &plan->study.member[m];
    p->study = own;
    p->assumed = plan->member ? &plan->member[m] : &plan->assumed;
    if (lc_cut_make(&p->cut, plan->job, &plan->study, all, err) != LC_OK)
        return err->code;
    for (int64_t w = 0; w < own->windows.count; w++)
        p->tokens += own->windows.length[w];
    plan->job->cost(own, p->assumed, plan->ranks, &p->cost);
    if (plan->study.members > 0 && m == 0)
        plan->job->cost(all, &plan->assumed, plan->ranks, &together);
    if (plan->study.members > 0)
        p->cost.flop[LC_PART_FORWARD] = together.flop[LC_PART_FORWARD];
    cost_windows(own, &p->cost);
    p->seconds = seconds_of(&p->cost, (double)own->model.shape.width, &plan->speed);
    p->unit_seconds = p->seconds * fmin(1.0, (double)p->cut.each / (double)own->windows.count);
    return LC_OK;
}

/* What is assumed of the sites of each member. */
static int assume_members(struct lc_plan *plan, struct lc_err *err)
{
    const struct lc_study *s = &plan->study;
    int rc = LC_OK;

    if (s->members > 0)
        LC_TRY(rc, LC_ALLOC(&plan->member, s->members, "assumptions", err));
    for (int64_t m = 0; m < s->members; m++) {
        int64_t count = 0;
        LC_TRY(rc, LC_ALLOC(&plan->member[m].site, s->member[m].sites, "assumptions", err));
        for (int64_t i = 0; i < s->sites && count < s->member[m].sites; i++)
            if (s->site[i].layer == s->member[m].site[count].layer)
                plan->member[m].site[count++] = plan->assumed.site[i];
    }
done:
    return rc;
}

/* Ranks merge in pairs, then pairs of pairs; what a rank passes on grows up to the whole. */
static double merge_bytes(double one, double all, int64_t ranks)
{
    double sum = 0.0;

    for (int64_t step = 1; step < ranks; step *= 2)
        sum += fmin(all, one * (double)step);
    return sum;
}

/* Units are handed out one by one, so that ranks end within one of the last units of each other. */
void lc_plan_time_on(const struct lc_plan *plan, int64_t ranks, struct lc_plan_time *t)
{
    double workers = (double)lc_handout_workers(ranks), seconds = 0.0, last = 0.0, units = 0.0;
    double merged = 0.0, first = 0.0, end;
    const struct lc_cut *cut = &plan->point[0].cut; /* of what is handed out last */

    for (int64_t k = 0; k < plan->lengths; k++) {
        double step = 0.0; /* a unit's windows in all members */
        for (int64_t i = k; i < plan->points; i += plan->lengths) {
            const struct lc_plan_point *p = &plan->point[i];
            seconds += p->seconds;
            step += p->unit_seconds;
            merged += merge_bytes(p->cost.rank_bytes, p->cost.merged_bytes, ranks);
        }
        units += (double)plan->point[k].cut.units;
        first = k == 0 ? step : first;
        last = fmax(last, step);
    }
    *t = (struct lc_plan_time){.ranks = ranks, .load = plan->file_bytes / LC_PLAN_LOAD_RATE};
    end = first * (double)cut->least / (double)cut->each;
    t->compute = plan->lengths == 1 && cut->least == cut->each
                     ? ceil(units / workers) * last
                     : fmax(last, seconds / workers + end * (1.0 - 1.0 / workers));
    t->compute = fmax(fmin(t->compute, seconds), seconds / workers);
    t->tail = t->compute - seconds / workers;
    t->write = plan->result_bytes / LC_PLAN_WRITE_RATE + merged / LC_PLAN_MERGE_RATE;
    t->total = t->load + t->compute + t->write;
}

void lc_plan_on(const struct lc_plan *plan, int64_t ranks, int64_t node_ranks, struct lc_plan_at *at)
{
    double shared = plan->weight_bytes + plan->token_bytes, here = (double)(node_ranks < ranks ? node_ranks : ranks);

    *at = (struct lc_plan_at){.root_bytes = plan->result_bytes};
    for (int64_t k = 0; k < plan->points; k++) {
        const struct lc_plan_point *p = &plan->point[k];
        struct lc_cost c = {0};
        plan->job->cost(p->study, p->assumed, ranks, &c);
        at->sums_bytes += c.rank_bytes;
        at->root_bytes += c.merged_bytes - c.filled_bytes;
        at->tree_bytes += merge_bytes(c.rank_bytes, c.merged_bytes, ranks);
    }
    at->rank_bytes = at->sums_bytes + plan->buffer_bytes + LC_PLAN_PROGRAM_BYTES;
    at->root_bytes += plan->buffer_bytes + LC_PLAN_PROGRAM_BYTES;
    at->node_bytes = shared + here * at->rank_bytes;
    at->root_node_bytes = shared + fmax(at->root_bytes, at->rank_bytes) + (here - 1.0) * at->rank_bytes;
}

static void add_memory(struct lc_plan *plan, const struct lc_needs *needs)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE), cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct lc_plan_at at;

    plan->weight_bytes = (double)lc_study_weights(&plan->study, needs) * (double)sizeof(float);
    plan->token_bytes = (double)plan->study.tokens * (double)sizeof(int32_t);
    plan->node_ranks = cores > 0 && plan->ranks > cores ? cores : plan->ranks;
    lc_plan_on(plan, plan->ranks, plan->node_ranks, &at);
    plan->rank_bytes = at.rank_bytes;
    plan->root_bytes = at.root_bytes;
    plan->node_bytes = at.root_node_bytes;
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

static int measure_speed(struct lc_plan *plan, struct lc_err *err)
{
    double each = 0.5e-3 * RATE_TRIES_MS;

    if (lc_gemm_rate(&plan->speed.product, plan->study.config.precision, each, err) != LC_OK)
        return err->code;
    return lc_screen_rate(&plan->speed.screen, each, err);
}

/* Everything of an outlined study. */
static int make(struct lc_plan *plan, const struct lc_plan_options *options, const struct lc_needs *needs,
                struct lc_err *err)
{
    struct lc_cost common = {0};
    int rc;

    plan->lengths = plan->study.points > 0 ? plan->study.points : 1;
    plan->points = plan->lengths * (plan->study.members > 0 ? plan->study.members : 1);
    LC_TRY(rc, size_buffers(plan, err));
    LC_TRY(rc, LC_ALLOC(&plan->point, plan->points, "points", err));
    LC_TRY(rc, lc_assume(&plan->assumed, &plan->study, options->like, &plan->assumed_from, err));
    LC_TRY(rc, assume_members(plan, err));
    if (plan->measured)
        LC_TRY(rc, measure_speed(plan, err));
    LC_TRY(rc, cost_common(&plan->study, &common, err));
    plan->result_bytes = common.result_bytes * (double)(plan->points / plan->lengths);
    for (int64_t k = 0; k < plan->points; k++) {
        LC_TRY(rc, plan_point(plan, k / plan->lengths, k % plan->lengths, err));
        plan->result_bytes += plan->point[k].cost.result_bytes;
    }
    plan->file_bytes = lc_study_input_bytes(&plan->study);
    add_memory(plan, needs);
    lc_plan_time_on(plan, 1, &plan->one);
    lc_plan_time_on(plan, plan->ranks, &plan->asked);
done:
    return rc;
}

void lc_plan_close(struct lc_plan *plan)
{
    for (int64_t m = 0; plan->member && m < plan->study.members; m++)
        free(plan->member[m].site);
    free(plan->member);
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
        .job = in.job, .ranks = options->ranks, .speed = options->speed, .measured = options->speed.product == 0.0};
    needs = plan->job->needs(&in.all);
    inputs = (struct lc_inputs){
        .config = &in.all, .member = in.member, .members = in.members, .needs = &needs, .warn = lc_run_warn};
    LC_TRY(rc, lc_study_outline(&plan->study, &inputs, NULL, err));
    rc = make(plan, options, &needs, err);
    if (rc != LC_OK)
        lc_plan_close(plan);
done:
    lc_task_inputs_release(&in);
    return rc == LC_OK ? rc : lc_tasks_name(tasks, task, err);
}

static int plan_one(const struct lc_tasks *tasks, const struct lc_plan_options *options, FILE *out, struct lc_err *err)
{
    struct lc_scale scale = {0};
    struct lc_plan plan;

    if (lc_plan_open(&plan, tasks, 0, options, err) != LC_OK)
        return err->code;
    warn_memory(&plan);
    if (options->simulate)
        lc_scale_make(&scale, &plan, options, err);
    if (err->code == LC_OK && options->json)
        lc_plan_json(&plan, options->simulate ? &scale : NULL, out, err);
    else if (err->code == LC_OK)
        lc_plan_print(&plan, out);
    if (err->code == LC_OK && options->simulate && !options->json)
        lc_scale_print(&scale, &plan, out);
    lc_scale_release(&scale);
    lc_plan_close(&plan);
    return err->code;
}

/* A sweep: what each task takes, and all one after the other. */
static int plan_sweep(const struct lc_tasks *tasks, const struct lc_plan_options *options, FILE *out, struct lc_err *err)
{
    struct lc_plan_sum sum = {.ranks = options->ranks, .tasks = tasks->count, .points = tasks->grid.points};
    struct lc_plan_options how = *options;
    struct lc_bytes values = {0};

    if (options->simulate)
        return LC_FAIL(err, LC_E_USAGE, "--simulate takes one configuration, and %s is a sweep of %" PRId64 " points; give its "
                       "keys one value each with --set sweep={}", tasks->output, tasks->grid.points);
    lc_plan_print_begin(&sum, tasks->output, options->json, out);
    for (int64_t k = 0; k < tasks->count && err->code == LC_OK; k++) {
        struct lc_plan plan;
        if (lc_plan_open(&plan, tasks, k, &how, err) != LC_OK)
            break;
        warn_memory(&plan);
        plan.measured = options->speed.product == 0.0;
        how.speed = plan.speed; /* measured once */
        values.size = 0;
        lc_tasks_describe(tasks, k, &values, err);
        lc_plan_print_task(&sum, &plan, k, (const char *)values.data, options->json, out, err);
        lc_plan_close(&plan);
    }
    if (err->code == LC_OK)
        lc_plan_print_end(&sum, options->json, out);
    lc_bytes_release(&values);
    return err->code;
}

static int print_tasks(const struct lc_tasks *tasks, FILE *out, struct lc_err *err)
{
    struct lc_bytes list = {0};

    if (lc_tasks_list(tasks, &list, err) == LC_OK)
        fwrite(list.data, 1, list.size, out);
    lc_bytes_release(&list);
    return err->code;
}

int lc_plan(const struct lc_comm *par, const char *config_path, const char *const *overrides, int64_t override_count,
            const struct lc_plan_options *options, FILE *out, struct lc_err *err)
{
    struct lc_tasks tasks;
    int rc;

    if (lc_tasks_open(&tasks, par, config_path, overrides, override_count, err) != LC_OK)
        return err->code;
    rc = options->tasks        ? print_tasks(&tasks, out, err)
         : tasks.grid.axes > 0 ? plan_sweep(&tasks, options, out, err)
                               : plan_one(&tasks, options, out, err);
    lc_tasks_release(&tasks);
    return rc;
}

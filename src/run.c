/* run.c - the driver of every job: configuration, inputs, units, merging, the result file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "finished.h"
#include "keeper.h"
#include "lightcone/file.h"
#include "lightcone/handout.h"
#include "lightcone/job.h"
#include "product.h"
#include "record.h"
#include "run.h"
#include "tasks.h"

struct run {
    const struct lc_comm *par;
    const struct lc_job *job;
    struct lc_study study;
    void *work; /* the job's buffers */
    const unsigned char *over; /* [points] 1: its result is there */
    struct lc_keeper keeper;
    struct lc_run_record record;
    double begun, started, printed; /* of the program; of the units; of the last line of progress */
    double longest;                 /* unit so far, seconds */
};

/* What each point makes of one step's windows. */
static int work(void *arg, int64_t index, void (*breathe)(void *), void *breathe_arg, struct lc_err *err)
{
    struct run *run = arg;
    struct lc_parts *p = &run->keeper.fresh;
    int64_t step = run->keeper.todo[index], place = step, length = lc_parts_length(p, &place);
    struct lc_unit windows = lc_cut_unit(&p->cut[length], p->part[length].study, place);
    double start = lc_seconds(), spent;
    int rc = LC_OK;

    windows.breathe = breathe;
    windows.breathe_arg = breathe_arg;
    for (int64_t i = 0; i < p->points && rc == LC_OK; i++) {
        int64_t unit = step * p->points + i;
        if (run->keeper.done[unit])
            continue;
        rc = run->job->observe(run->work, p->part[i * p->lengths + length].sums, &windows, err);
        if (rc == LC_OK)
            rc = lc_keeper_note(&run->keeper, unit, err);
        else
            run->keeper.spoilt = 1;
    }
    spent = lc_seconds() - start;
    run->longest = spent > run->longest ? spent : run->longest;
    run->record.mine.units++;
    run->record.mine.busy_seconds += spent;
    return rc;
}

/* Would another unit, and the checkpoint after it, run over the deadline? */
static int stop(void *arg, struct lc_err *err)
{
    const struct run *run = arg;
    double deadline = (double)run->study.config.deadline, now = lc_seconds() - run->begun;

    if (run->study.config.deadline == 0 || now + run->longest + run->keeper.longest < deadline)
        return LC_OK;
    return LC_FAIL(err, LC_E_STOPPED, "%s: key 'deadline': %.0f of %.0f seconds have passed, and a unit took %.1f",
                   run->study.config.source, now, deadline, run->longest);
}

/* On a terminal a bar that is redrawn, in a log a line a minute. */
static void progress(void *arg, int64_t done, int64_t units)
{
    enum { WIDTH = 30 };
    struct run *run = arg;
    double now = lc_seconds(), spent = now - run->started, left = spent / (double)done * (double)(units - done);
    double rate = (double)done / spent;
    int terminal = isatty(STDERR_FILENO), bar;

    done += run->keeper.steps - units; /* those of earlier runs */
    units = run->keeper.steps;
    bar = (int)(done * WIDTH / units);

    if (now - run->printed < (terminal ? 0.1 : 60.0) && done < units)
        return;
    run->printed = now;
    if (terminal)
        fprintf(stderr, "\r%-10s [%.*s%*s] %" PRId64 "/%" PRId64 " units  %.1f/s  ETA %.0f s  %s", run->job->name, bar,
                "##############################", WIDTH - bar, "", done, units, rate, left,
                done == units ? "\n" : "");
    else
        fprintf(stderr, "%s: %" PRId64 " of %" PRId64 " units, %.2f/s, ETA %.0f s\n", run->job->name, done, units,
                rate, left);
}

/* All ranks' accumulators of a point. */
static int merge_point(struct run *run, struct lc_parts *point, struct lc_err *err)
{
    const struct lc_mergeable mergeable = {.save = lc_parts_save, .merge = lc_parts_merge, .arg = point};
    double start = lc_seconds();
    int rc = LC_OK;

    if (!run->job->gather)
        rc = lc_comm_merge(run->par, &mergeable, err);
    for (int64_t k = 0; run->job->gather && k < point->lengths && rc == LC_OK; k++)
        rc = run->job->gather(point->part[k].sums, run->par, err);
    run->record.merge_seconds += lc_seconds() - start;
    return rc;
}

/* From merged accumulators to files, point by point, and then the run record. */
static int write_files(struct run *run, double start, struct lc_err *err)
{
    struct lc_parts *all = &run->keeper.fresh;
    int rc = LC_OK;

    for (int64_t i = 0; i < all->points; i++) {
        struct lc_parts point = lc_parts_of(all, i);
        if (run->over[i])
            continue;
        LC_TRY(rc, merge_point(run, &point, err));
        LC_TRY(rc, lc_product_write(&point, run->par, err));
        if (all->points > 1)
            lc_parts_clear(&point);
    }
    run->record.write_seconds = lc_seconds() - start;
    rc = lc_record_write(run->par, &run->study, &run->record, err);
    for (int64_t i = 0; rc != LC_OK && i < all->points; i++) {
        const struct lc_parts point = lc_parts_of(all, i);
        if (!run->over[i])
            lc_product_remove(&point, run->par);
    }
done:
    return rc;
}

static void print_end(const struct run *run)
{
    const struct lc_study *first = lc_parts_study(&run->keeper.fresh, 0);
    int64_t points = run->keeper.fresh.points;
    char lengths[48] = "", all[48] = "";

    if (run->study.points > 0)
        snprintf(lengths, sizeof lengths, " at %" PRId64 " lengths", run->study.points);
    if (points > 1)
        snprintf(all, sizeof all, " and %" PRId64 " more points", points - 1);
    fprintf(stderr, "%s: %" PRId64 " windows%s, %" PRId64 " sites, %.1f s of computing, %s%s\n", run->job->name,
            run->study.windows.count, lengths, run->study.sites, run->record.compute_seconds, first->config.output, all);
}

static int conclude(struct run *run, struct lc_err *err)
{
    int rc = write_files(run, lc_seconds(), err);

    if (rc == LC_OK && run->par->rank == 0)
        print_end(run);
    return rc;
}

/* All units, or as many as there is time for. What is finished is on disk when this returns an error, if the disk lets it,
 * and when more than an interval went by, since writing a result can take long too. */
static int do_units(struct run *run, struct lc_err *err)
{
    const struct lc_handout handout = {.units = run->keeper.todos,
                                       .work = work,
                                       .arg = run,
                                       .progress = progress,
                                       .progress_arg = run,
                                       .stop = stop};
    struct lc_err ignored = LC_ERR_INIT;

    run->started = run->printed = lc_seconds();
    lc_handout_run(run->par, &handout, err);
    run->record.compute_seconds = lc_seconds() - run->started;
    run->record.mine.flop = run->job->flop(run->work);
    if (err->code != LC_OK || run->record.compute_seconds > run->keeper.every)
        lc_keeper_flush(&run->keeper, &ignored);
    if (run->keeper.store)
        lc_checkpoint_cost(run->keeper.store, &run->record.mine.checkpoint);
    run->record.mine.checkpoint.seconds = run->keeper.spent; /* what the disk took, and what went before */
    if (err->code == LC_E_STOPPED && run->par->rank == 0 && run->keeper.store)
        fprintf(stderr, "%s: what is finished is in the checkpoint; the same command continues\n", run->job->name);
    return err->code;
}

static void sweep_drafts(const struct run *run)
{
    struct lc_err ignored = LC_ERR_INIT;
    char record[LC_PATH_MAX];

    for (int64_t i = 0; i < run->keeper.fresh.points; i++)
        lc_product_sweep(run->job, lc_parts_study(&run->keeper.fresh, i)->config.output);
    if (lc_record_path(record, run->study.config.output, "run", "json", &ignored) == LC_OK)
        lc_draft_sweep(record);
}

static int compute(struct run *run, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, do_units(run, err));
    lc_keeper_collect(&run->keeper, err);
    rc = lc_comm_agree(run->par, err);
done:
    return rc;
}

/* Rank 0: can the files beside the results be put where they shall go? */
static int check_beside(const struct run *run, struct lc_err *err)
{
    int64_t members = run->study.members;
    char path[LC_PATH_MAX];

    for (int64_t i = 0; i < (members > 0 ? members : 1); i++)
        if (lc_product_beside(run->job, members > 0 ? &run->study.member[i] : &run->study, path, err) == LC_OK && path[0])
            lc_result_check(path, err);
    return err->code;
}

static int run_study(struct run *run, int fresh, struct lc_err *err)
{
    struct lc_cut cut;
    int rc, opened = 0;

    if (run->par->rank == 0)
        check_beside(run, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
    opened = lc_cut_make(&cut, run->job, &run->study, &run->study, err) == LC_OK &&
             run->job->open(&run->work, &run->study, cut.each, err) == LC_OK;
    LC_TRY(rc, lc_comm_agree(run->par, err));
    LC_TRY(rc, lc_keeper_open(&run->keeper, run->par, run->job, &run->study, run->over, run->record.version, fresh,
                              lc_run_warn, err));
    if (run->par->rank == 0 && run->keeper.store)
        sweep_drafts(run);
    if (run->par->rank == 0 && run->keeper.taken > 0)
        fprintf(stderr, "%s: %" PRId64 " of %" PRId64 " units are in the checkpoint\n", run->job->name,
                run->keeper.steps - run->keeper.todos, run->keeper.steps);
    LC_TRY(rc, compute(run, err));
    LC_TRY(rc, conclude(run, err));
done:
    lc_keeper_close(&run->keeper, rc == LC_OK);
    if (opened)
        run->job->close(run->work);
    return rc;
}

/* The last words of a sweep: its points in one file, or where they are. */
static int conclude_tasks(const struct lc_comm *par, const struct lc_tasks *tasks, const struct lc_run_options *options,
                          struct lc_err *err)
{
    if (!tasks->folder[0])
        return LC_OK;
    if (par->rank == 0 && options->task >= 0)
        fprintf(stderr, "task %" PRId64 " of %" PRId64 " is done, in %s; when all are, the same command without --task joins "
                "them\n", options->task, tasks->count, tasks->folder);
    if (par->rank == 0 && options->task < 0 && lc_tasks_join(tasks, err) == LC_OK)
        fprintf(stderr, "%" PRId64 " points in %s\n", tasks->grid.points, tasks->output);
    return lc_comm_agree(par, err);
}

/* A task from its inputs to its results; over[points] are those that are finished. */
static int run_task(const struct lc_comm *par, struct lc_task_inputs *in, const unsigned char *over, struct lc_kept *kept,
                    const struct lc_run_options *options, double begun, struct lc_err *err)
{
    struct run run = {.par = par, .job = in->job, .over = over, .record.version = options->version, .begun = begun};
    const struct lc_needs needs = in->job->needs(&in->all);
    const struct lc_inputs inputs = {
        .config = &in->all, .member = in->member, .members = in->members, .needs = &needs, .warn = lc_run_warn};
    double start = lc_seconds();

    if (lc_study_open(&run.study, par, &inputs, kept, err) != LC_OK)
        return err->code;
    run.record.load_seconds = lc_seconds() - start;
    run_study(&run, options->fresh, err);
    lc_study_close(&run.study);
    return err->code;
}

static int run_tasks(const struct lc_comm *par, struct lc_tasks *tasks, const struct lc_run_options *options,
                     double begun, struct lc_err *err)
{
    int64_t first = options->task >= 0 ? options->task : 0, end = options->task >= 0 ? first + 1 : tasks->count;
    struct lc_kept kept;
    int rc = LC_OK;

    if (first >= tasks->count)
        return LC_FAIL(err, LC_E_USAGE, "--task is %" PRId64 "; allowed: 0 to %" PRId64, first, tasks->count - 1);
    lc_kept_init(&kept);
    LC_TRY(rc, lc_finished_find(tasks, par, first, end, options->fresh, &kept, err));
    for (int64_t k = first; k < end; k++) {
        struct lc_task_inputs in;
        if (lc_task_is_over(&tasks->task[k]))
            continue;
        lc_tasks_inputs(tasks, k, &in, err);
        LC_TRY(rc, lc_comm_agree(par, err));
        rc = run_task(par, &in, tasks->task[k].over, &kept, options, begun, err);
        lc_task_inputs_release(&in);
        if (rc != LC_OK) {
            lc_tasks_name(tasks, k, err);
            goto done;
        }
    }
    rc = conclude_tasks(par, tasks, options, err);
done:
    lc_kept_release(&kept);
    return rc;
}

int lc_run(const struct lc_comm *par, const char *config_path, const struct lc_run_options *options, struct lc_err *err)
{
    double begun = lc_seconds();
    struct lc_tasks tasks;
    int rc;

    lc_handout_catch_signals();
    LC_TRY(rc, lc_record_check_class(par, err));
    LC_TRY(rc, lc_tasks_open(&tasks, par, config_path, options->set, options->sets, err));
    rc = run_tasks(par, &tasks, options, begun, err);
    lc_tasks_release(&tasks);
done:
    return rc;
}

/* run.c - the driver of every job: configuration, inputs, units, merging, the result file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "finished.h"
#include "lightcone/alone.h"
#include "lightcone/file.h"
#include "lightcone/handout.h"
#include "lightcone/job.h"
#include "lightcone/keeper.h"
#include "lightcone/log.h"
#include "lightcone/monitor.h"
#include "lightcone/outcome.h"
#include "lightcone/prepare.h"
#include "lightcone/record.h"
#include "lightcone/tasks.h"
#include "lightcone/trace.h"
#include "lightcone/usage.h"
#include "point_files.h"

struct run {
    const struct lc_comm *par;
    const struct lc_job *job;
    struct lc_study study;
    void *work; /* the job's buffers */
    const unsigned char *over; /* [points] 1: its result is there */
    struct lc_keeper keeper;
    struct lc_run_record record;
    struct lc_timeline time;
    struct lc_monitor monitor;
    double begun;   /* of the program */
    int computing;  /* units were begun */
    double longest; /* unit so far, seconds */
    double wrote;   /* keeper.spent, when the timeline last took it in */
};

/* The timeline goes over to another phase; segments that were written in the meantime do not count as the last one's. */
static void note_segments(struct run *run)
{
    lc_timeline_wrote(&run->time, run->keeper.spent - run->wrote);
    run->wrote = run->keeper.spent;
}

static double enter(struct run *run, enum lc_phase phase)
{
    note_segments(run);
    return lc_timeline_enter(&run->time, phase);
}

/* What one point makes of a step's windows. */
static int observe(struct run *run, int64_t unit, const struct lc_unit *windows, double *spent, struct lc_err *err)
{
    void *sums;
    int rc;

    LC_TRY(rc, lc_keeper_begin(&run->keeper, unit, &sums, err));
    rc = run->job->observe(run->work, sums, windows, err);
    *spent += enter(run, LC_CHECKPOINT);
    if (rc == LC_OK)
        rc = lc_keeper_add(&run->keeper, unit, err);
done:
    return rc;
}

/* One step: all points, one after the other. */
static int work(void *arg, int64_t index, void (*breathe)(void *), void *breathe_arg, struct lc_err *err)
{
    struct run *run = arg;
    int64_t step = run->keeper.todo[index], points = run->keeper.fresh.points, place = step;
    int64_t length = lc_parts_length(&run->keeper.fresh, &place);
    const struct lc_study *study = run->keeper.fresh.part[length].study;
    struct lc_unit windows = lc_cut_unit(&run->keeper.fresh.cut[length], study, place);
    double spent = 0.0, tokens = (double)(windows.count * study->windows.length[windows.first]);
    int rc = LC_OK;

    windows.breathe = breathe;
    windows.breathe_arg = breathe_arg;
    note_segments(run);
    for (int64_t unit = step * points; unit < (step + 1) * points && rc == LC_OK; unit++) {
        if (run->keeper.done[unit])
            continue;
        lc_timeline_unit(&run->time, step, length, windows.first, windows.count);
        rc = observe(run, unit, &windows, &spent, err);
    }
    if (rc == LC_OK) {
        run->longest = spent > run->longest ? spent : run->longest;
        run->record.mine.units++;
        lc_tally_add(&run->record.unit_seconds[length], spent);
        lc_tally_add(&run->record.token_seconds[length], spent / tokens);
    }
    enter(run, LC_WAIT);
    return rc;
}

/* Would another unit, and the checkpoint after it, run over the deadline? */
static int stop(void *arg, struct lc_err *err)
{
    const struct run *run = arg;
    double deadline = (double)run->study.config.deadline, now = lc_seconds() - run->begun;

    if (run->study.config.deadline == 0 || now + run->longest + run->keeper.longest < deadline)
        return LC_OK;
    return LC_FAIL(err, LC_E_STOPPED, "%s: key 'deadline': %.0f of %.0f seconds have passed, and a unit took %.1f: no other was begun",
                   run->study.config.source, now, deadline, run->longest);
}

/* Launchers leave little time after a signal: what is finished is written at once, and not after the unit under way. */
static void tend(void *arg)
{
    struct run *run = arg;

    if (lc_handout_signalled())
        lc_keeper_hurry(&run->keeper);
    lc_keeper_tend(&run->keeper);
}

/* All ranks' accumulators of a point. */
static int merge_point(struct run *run, struct lc_parts *point, struct lc_err *err)
{
    const struct lc_mergeable mergeable = {.save = lc_parts_save, .merge = lc_parts_merge, .arg = point};
    int rc = LC_OK;

    enter(run, LC_MERGE);
    if (!run->job->gather)
        rc = lc_comm_merge(run->par, &mergeable, err);
    for (int64_t k = 0; run->job->gather && k < point->lengths && rc == LC_OK; k++)
        rc = run->job->gather(point->part[k].sums, run->par, err);
    return rc;
}

static int write_record(struct run *run, struct lc_err *err)
{
    const struct lc_parts *all = &run->keeper.fresh;
    int rc;

    run->record.total_seconds = lc_seconds() - run->time.begun;
    enter(run, LC_WRITE); /* all up to here */
    rc = lc_record_write(run->par, &run->study, &run->record, &run->time, err);
    for (int64_t i = 0; rc != LC_OK && i < all->points; i++) {
        const struct lc_parts point = lc_parts_of(all, i);
        if (!run->over[i])
            lc_point_files_remove(&point, run->par);
    }
    return rc;
}

/* From accumulators to files, point by point, and then the run record. */
static int write_files(struct run *run, struct lc_err *err)
{
    struct lc_parts *all = &run->keeper.fresh;
    int rc = LC_OK;

    for (int64_t i = 0; i < all->points; i++) {
        struct lc_parts point = lc_parts_of(all, i);
        if (run->over[i])
            continue;
        lc_monitor_phase(&run->monitor, "merging");
        LC_TRY(rc, merge_point(run, &point, err));
        lc_monitor_phase(&run->monitor, "writing");
        enter(run, LC_WRITE);
        LC_TRY(rc, lc_point_files_write(&point, run->par, err));
        if (all->points > 1)
            lc_parts_clear(&point);
    }
    rc = write_record(run, err);
done:
    return rc;
}

/* A trace that cannot be written is no failure of the job. A stopped run's has the run's number in its name, so that the
 * next one does not overwrite it. */
static void write_trace(struct run *run, int code)
{
    struct lc_err err = LC_ERR_INIT;
    char path[LC_PATH_MAX] = "", suffix[32] = "trace";

    if (!run->time.span)
        return;
    lc_timeline_enter(&run->time, LC_WRITE);
    if (code != LC_OK)
        snprintf(suffix, sizeof suffix, "trace-%" PRId64, run->record.mine.checkpoint.restarts + 1);
    lc_record_path(path, run->study.config.output, suffix, "json", &err);
    lc_trace_write(run->par, &run->time, path, run->job->name, &err);
    if (run->par->rank != 0)
        return;
    if (err.code == LC_OK)
        lc_log("%s: trace in %.1000s; open it at ui.perfetto.dev or chrome://tracing", run->job->name, path);
    else if (lc_err_prefix(&err, "no trace") != LC_OK)
        lc_run_warn(err.msg);
}

static int conclude(struct run *run, struct lc_err *err)
{
    int rc = write_files(run, err);

    if (rc == LC_OK && run->par->rank == 0)
        lc_outcome_done(&run->monitor, &run->study, &run->record);
    return rc;
}

/* On a rank that is alive when another is silent. */
static void rescue(void *arg)
{
    struct run *run = arg;

    lc_monitor_abandon(&run->monitor);
    lc_keeper_flush(&run->keeper);
}

/* All units, or as many as there is time for. What is finished is on disk when this returns an error, if the disk lets it,
 * and when more than an interval went by, since writing a result can take long too. */
static int do_units(struct run *run, struct lc_err *err)
{
    const struct lc_handout handout = {.units = run->keeper.todos,
                                       .work = work,
                                       .arg = run,
                                       .progress = lc_monitor_show,
                                       .progress_arg = &run->monitor,
                                       .stop = stop,
                                       .tend = tend,
                                       .patience = (double)run->study.config.patience,
                                       .number = run->keeper.todo,
                                       .warn = lc_run_warn,
                                       .rescue = run->keeper.store ? rescue : NULL};
    double started = lc_seconds();

    run->computing = 1;
    run->wrote = run->keeper.spent; /* what a resume wrote counts there */
    enter(run, LC_WAIT);
    run->record.mine.compute_cpu = lc_usage_cpu();
    lc_handout_run(run->par, &handout, err);
    run->record.mine.compute_cpu = lc_usage_cpu() - run->record.mine.compute_cpu;
    enter(run, LC_CHECKPOINT);
    run->record.mine.flop = run->job->flop(run->work);
    if (err->code != LC_OK || lc_seconds() - started > run->keeper.every)
        lc_keeper_flush(&run->keeper);
    if (run->keeper.store)
        lc_checkpoint_cost(run->keeper.store, &run->record.mine.checkpoint);
    lc_record_note_memory(&run->record);
    enter(run, LC_MERGE);
    run->record.compute_seconds = lc_seconds() - started;
    return err->code;
}

static void sweep_drafts(const struct run *run)
{
    struct lc_err ignored = LC_ERR_INIT;
    char record[LC_PATH_MAX];

    for (int64_t i = 0; i < run->keeper.fresh.points; i++)
        lc_point_files_sweep(run->job, lc_parts_study(&run->keeper.fresh, i)->config.output);
    if (lc_record_path(record, run->study.config.output, "run", "json", &ignored) == LC_OK)
        lc_draft_sweep(record);
}

static int compute(struct run *run, struct lc_err *err)
{
    int rc;

    run->record.units = run->keeper.steps;
    run->record.resumed = run->keeper.steps - run->keeper.todos;
    run->record.points = run->keeper.fresh.lengths;
    if (LC_ALLOC(&run->record.unit_seconds, run->record.points, "run record", err) == LC_OK &&
        LC_ALLOC(&run->record.token_seconds, run->record.points, "run record", err) == LC_OK)
        lc_monitor_units(&run->monitor, &run->keeper, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
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
        if (lc_point_files_beside(run->job, members > 0 ? &run->study.member[i] : &run->study, path, err) == LC_OK && path[0])
            lc_result_check(path, err);
    return err->code;
}

static int run_study(struct run *run, int fresh, struct lc_err *err)
{
    struct lc_cut cut;
    int rc, opened = 0;

    if (run->par->rank == 0 && lc_alone_confirm(run->study.config.output, &run->monitor.alive, err) == LC_OK)
        check_beside(run, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
    opened = lc_cut_make(&cut, run->job, &run->study, &run->study, err) == LC_OK &&
             run->job->open(&run->work, &run->study, cut.each, err) == LC_OK;
    LC_TRY(rc, lc_comm_agree(run->par, err));
    lc_timeline_enter(&run->time, LC_RESUME);
    lc_monitor_phase(&run->monitor, "resuming");
    LC_TRY(rc, lc_keeper_open(&run->keeper, run->par, run->job, &run->study, run->over, run->record.version, fresh,
                              lc_run_warn, err));
    if (run->par->rank == 0 && run->keeper.store)
        sweep_drafts(run);
    LC_TRY(rc, compute(run, err));
    LC_TRY(rc, conclude(run, err));
done:
    if (rc != LC_OK && run->computing)
        lc_outcome_ended(&run->monitor, &run->keeper, &run->record, rc);
    if (rc == LC_OK || (rc == LC_E_STOPPED && run->computing))
        write_trace(run, rc);
    free(run->record.unit_seconds);
    free(run->record.token_seconds);
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
        lc_log("task %" PRId64 " (of 0 to %" PRId64 ") is done, in %.1000s; when all are, the same command without --task joins "
               "them", options->task, tasks->count - 1, tasks->folder);
    if (par->rank == 0 && options->task < 0 && lc_tasks_join(tasks, err) == LC_OK)
        lc_log("%" PRId64 " points are joined in %.1000s", tasks->grid.points, tasks->output);
    return lc_comm_agree(par, err);
}

/* The clocks of a run start, at a moment that all ranks share. Collective; agrees on errors. */
static int start_clocks(struct run *run, int trace, struct lc_err *err)
{
    lc_timeline_begin(&run->time);
    if (lc_comm_agree(run->par, err) == LC_OK && trace)
        lc_timeline_trace(&run->time, lc_trace_most(run->par->size), err);
    return lc_comm_agree(run->par, err);
}

/* A task from its inputs to its results; over[points] are those that are finished. */
static int run_task(const struct lc_comm *par, struct lc_task_inputs *in, const unsigned char *over, struct lc_kept *kept,
                    const struct lc_run_options *options, double begun, struct lc_err *err)
{
    struct run run = {.par = par, .job = in->job, .over = over, .record.version = options->version, .begun = begun};
    const struct lc_needs needs = in->job->needs(&in->all);
    const struct lc_inputs inputs = {
        .config = &in->all, .member = in->member, .members = in->members, .needs = &needs, .warn = lc_run_warn};
    int rc;

    LC_TRY(rc, start_clocks(&run, options->trace, err));
    if (lc_monitor_begin(&run.monitor, par, &in->all, options, err) == LC_OK &&
        lc_study_open(&run.study, par, &inputs, kept, err) == LC_OK) {
        run_study(&run, options->fresh, err);
        lc_study_close(&run.study);
    }
    rc = err->code;
    lc_monitor_end(&run.monitor);
done:
    lc_timeline_release(&run.time);
    return rc;
}

/* Which of a sweep's tasks the lines that follow are of. */
static void announce_task(const struct lc_comm *par, const struct lc_tasks *tasks, int64_t index, struct lc_err *err)
{
    struct lc_bytes values = {0};

    if (par->rank == 0 && tasks->folder[0] && lc_tasks_describe(tasks, index, &values, err) == LC_OK)
        lc_log("task %" PRId64 " (of 0 to %" PRId64 "): %.1000s", index, tasks->count - 1, (const char *)values.data);
    lc_bytes_release(&values);
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
    if (par->rank == 0)
        lc_tasks_note(tasks, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    for (int64_t k = first; k < end; k++) {
        struct lc_task_inputs in;
        if (lc_task_is_over(&tasks->task[k]))
            continue;
        lc_signal_check(err); /* before hours of loading */
        LC_TRY(rc, lc_comm_agree(par, err));
        announce_task(par, tasks, k, err);
        if (err->code == LC_OK)
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

    LC_TRY(rc, lc_record_check_class(par, err));
    LC_TRY(rc, lc_tasks_open(&tasks, par, config_path, options->set, options->sets, err));
    rc = run_tasks(par, &tasks, options, begun, err);
    lc_tasks_release(&tasks);
done:
    return rc;
}

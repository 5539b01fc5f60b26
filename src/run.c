/* run.c - the driver of every job: configuration, inputs, units, merging, the result file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alone.h"
#include "contents.h"
#include "keeper.h"
#include "lightcone/file.h"
#include "lightcone/handout.h"
#include "lightcone/job.h"
#include "log.h"
#include "outcome.h"
#include "monitor.h"
#include "record.h"
#include "run.h"
#include "tasks.h"
#include "trace.h"

struct run {
    const struct lc_comm *par;
    const struct lc_job *job;
    struct lc_study study;
    void *work; /* the job's buffers */
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

static int work(void *arg, int64_t index, void (*breathe)(void *), void *breathe_arg, struct lc_err *err)
{
    struct run *run = arg;
    int64_t unit = run->keeper.todo[index], place = unit;
    const struct lc_point *part = lc_parts_at(&run->keeper.fresh, &place);
    struct lc_unit windows = lc_cut_unit(&part->cut, part->study, place);
    int64_t point = part - run->keeper.fresh.part;
    double spent;
    void *sums;
    int rc;

    windows.breathe = breathe;
    windows.breathe_arg = breathe_arg;
    note_segments(run);
    lc_timeline_unit(&run->time, unit, point, windows.first, windows.count);
    LC_TRY(rc, lc_keeper_begin(&run->keeper, unit, &sums, err));
    rc = run->job->observe(run->work, sums, &windows, err);
    spent = enter(run, LC_CHECKPOINT);
    if (rc == LC_OK) {
        run->longest = spent > run->longest ? spent : run->longest;
        run->record.mine.units++;
        lc_tally_add(&run->record.unit_seconds[point], spent);
        lc_tally_add(&run->record.token_seconds[point],
                     spent / (double)(windows.count * part->study->windows.length[windows.first]));
        rc = lc_keeper_add(&run->keeper, unit, err);
    }
done:
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

/* Everything of one point, and then what all say together. */
static int write_points(struct run *run, struct lc_result *r, struct lc_err *err)
{
    const struct lc_int_list *lengths = &run->study.config.windows.lengths;
    void **sums = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&sums, run->keeper.fresh.count, "points", err));
    LC_TRY(rc, lc_result_put(r, "points/window_length", NULL, &lengths->count, lengths->value, err));
    for (int64_t k = 0; k < run->keeper.fresh.count; k++) {
        lc_result_at(r, k);
        sums[k] = run->keeper.fresh.part[k].sums;
        LC_TRY(rc, lc_contents_put_definitions(run->keeper.fresh.part[k].study, r, err));
        LC_TRY(rc, lc_contents_put_windows(run->keeper.fresh.part[k].study, r, err));
        LC_TRY(rc, run->job->finish(sums[k], r, err));
    }
    lc_result_at(r, -1);
    if (run->job->sweep)
        rc = run->job->sweep(sums, run->keeper.fresh.count, r, err);
done:
    free(sums);
    return rc;
}

static int write_contents(struct run *run, struct lc_result *r, struct lc_err *err)
{
    int sweep = run->study.points > 0, rc;

    if (!sweep)
        LC_TRY(rc, lc_contents_put_windows(&run->study, r, err));
    LC_TRY(rc, lc_result_put_vocabulary(r, run->study.tokenizer, run->study.vocab, err));
    rc = sweep ? write_points(run, r, err) : run->job->finish(run->keeper.fresh.part[0].sums, r, err);
done:
    return rc;
}

/* Rank 0: one of the job's files, but for what all ranks fill. The second one leaves out what only the first needs. */
static int build_file(struct run *run, const struct lc_job_beside *beside, const char *path, struct lc_result **out,
                      struct lc_err *err)
{
    struct lc_result *r = NULL;
    int rc;

    LC_TRY(rc, lc_result_create(&r, path, err));
    LC_TRY(rc, lc_contents_put_definitions(&run->study, r, err));
    LC_TRY(rc, lc_contents_put_config(&run->study, r, err));
    LC_TRY(rc, beside ? beside->finish(run->keeper.fresh.part[0].sums, r, err) : write_contents(run, r, err));
    *out = r;
done:
    if (rc != LC_OK)
        lc_result_abandon(r);
    return rc;
}

struct filler {
    struct run *run;
    int (*fill)(void *sums, const struct lc_comm *par, struct lc_result *result, struct lc_err *err);
};

static int fill(void *arg, struct lc_result *r, struct lc_err *err)
{
    const struct filler *f = arg;

    return f->fill(f->run->keeper.fresh.part[0].sums, f->run->par, r, err);
}

static int write_file(struct run *run, const struct lc_job_beside *beside, const char *path, struct lc_err *err)
{
    struct filler filler = {.run = run, .fill = beside ? beside->fill : run->job->fill};
    struct lc_result *r = NULL;

    if (run->par->rank == 0)
        build_file(run, beside, path, &r, err);
    if (lc_comm_agree(run->par, err) != LC_OK) {
        lc_result_abandon(r);
        return err->code;
    }
    return lc_result_publish(r, run->par, path, fill, &filler, err);
}

/* The path of the file beside the result, "" where there is none. */
static int second_path(const struct run *run, char out[LC_PATH_MAX], struct lc_err *err)
{
    const struct lc_job_beside *beside = run->job->beside;

    out[0] = '\0';
    return beside && beside->wanted(&run->study)
               ? lc_record_path(out, run->study.config.output, beside->suffix, "h5", err)
               : LC_OK;
}

/* The result, after the file beside it, if there is one, and before the run record. What fails leaves none of them. */
static int write_files(struct run *run, struct lc_err *err)
{
    const struct lc_job_beside *beside = run->job->beside;
    const char *output = run->study.config.output;
    char second[LC_PATH_MAX] = "";
    int rc;

    LC_TRY(rc, second_path(run, second, err));
    if (second[0])
        LC_TRY(rc, write_file(run, beside, second, err));
    LC_TRY(rc, write_file(run, NULL, output, err));
    run->record.total_seconds = lc_seconds() - run->time.begun;
    lc_timeline_enter(&run->time, LC_WRITE); /* all up to here */
    rc = lc_record_write(run->par, &run->study, &run->record, &run->time, err);
    if (rc != LC_OK && run->par->rank == 0)
        unlink(output);
done:
    if (rc != LC_OK && second[0] && run->par->rank == 0)
        unlink(second);
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

/* From merged accumulators to files. */
static int conclude(struct run *run, struct lc_err *err)
{
    int rc;

    lc_timeline_enter(&run->time, LC_WRITE);
    lc_monitor_phase(&run->monitor, "writing");
    rc = write_files(run, err);
    if (rc == LC_OK && run->par->rank == 0)
        lc_outcome_done(&run->monitor, &run->study, &run->record);
    return rc;
}

static int merge_parts(struct run *run, struct lc_err *err)
{
    struct lc_parts *all = &run->keeper.fresh;
    const struct lc_mergeable mergeable = {.save = lc_parts_save, .merge = lc_parts_merge, .arg = all};
    int rc = LC_OK;

    lc_keeper_collect(&run->keeper, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
    if (!run->job->gather)
        return lc_comm_merge(run->par, &mergeable, err);
    for (int64_t k = 0; k < all->count && rc == LC_OK; k++)
        rc = run->job->gather(all->part[k].sums, run->par, err);
done:
    return rc;
}

/* On a rank that is alive when another is silent. */
static int rescue(void *arg, struct lc_err *err)
{
    struct run *run = arg;

    (void)err;
    lc_monitor_abandon(&run->monitor);
    lc_keeper_flush(&run->keeper);
    return LC_OK;
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
    lc_handout_run(run->par, &handout, err);
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

/* A run that was killed while it wrote its results left them half written. */
static void sweep_drafts(const struct run *run)
{
    const struct lc_job_beside *beside = run->job->beside;
    const char *output = run->study.config.output;
    struct lc_err ignored = LC_ERR_INIT;
    char other[LC_PATH_MAX];

    lc_draft_sweep(output);
    if (beside && lc_record_path(other, output, beside->suffix, "h5", &ignored) == LC_OK)
        lc_draft_sweep(other);
    if (lc_record_path(other, output, "run", "json", &ignored) == LC_OK)
        lc_draft_sweep(other);
}

static int compute(struct run *run, struct lc_err *err)
{
    int rc;

    run->record.units = run->keeper.units;
    run->record.resumed = run->keeper.units - run->keeper.todos;
    run->record.points = run->keeper.fresh.count;
    if (LC_ALLOC(&run->record.unit_seconds, run->record.points, "run record", err) == LC_OK &&
        LC_ALLOC(&run->record.token_seconds, run->record.points, "run record", err) == LC_OK)
        lc_monitor_units(&run->monitor, &run->keeper, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
    LC_TRY(rc, do_units(run, err));
    lc_monitor_phase(&run->monitor, "merging");
    rc = merge_parts(run, err);
done:
    return rc;
}

static int run_study(struct run *run, int fresh, struct lc_err *err)
{
    char second[LC_PATH_MAX];
    struct lc_cut cut;
    int rc, opened = 0;

    if (run->par->rank == 0 && lc_alone_confirm(run->study.config.output, &run->monitor.alive, err) == LC_OK &&
        second_path(run, second, err) == LC_OK && second[0])
        lc_result_check(second, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
    opened = lc_cut_make(&cut, run->job, &run->study, &run->study, err) == LC_OK &&
             run->job->open(&run->work, &run->study, cut.each, err) == LC_OK;
    LC_TRY(rc, lc_comm_agree(run->par, err));
    lc_timeline_enter(&run->time, LC_RESUME);
    lc_monitor_phase(&run->monitor, "resuming");
    LC_TRY(rc, lc_keeper_open(&run->keeper, run->par, run->job, &run->study, run->record.version, fresh, lc_run_warn,
                              err));
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

/* The clocks of a run start, at a moment that all ranks share. Collective; agrees on errors. */
static int start_clocks(struct run *run, int trace, struct lc_err *err)
{
    lc_timeline_begin(&run->time);
    if (lc_comm_agree(run->par, err) == LC_OK && trace)
        lc_timeline_trace(&run->time, lc_trace_most(run->par->size), err);
    return lc_comm_agree(run->par, err);
}

/* One point of a task, as a run of its configuration alone. */
static int run_point(const struct lc_comm *par, const struct lc_tasks *tasks, int64_t point,
                     const struct lc_run_options *options, double begun, struct lc_err *err)
{
    struct run run = {.par = par, .record.version = options->version, .begun = begun};
    struct lc_config config = {0};
    struct lc_needs needs;
    int rc;

    LC_TRY(rc, start_clocks(&run, options->trace, err));
    lc_tasks_config(tasks, point, &config, &run.job, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    if (lc_monitor_begin(&run.monitor, par, &config, options, err) != LC_OK) {
        lc_config_release(&config);
        goto ended;
    }
    needs = run.job->needs(&config);
    if (lc_study_open(&run.study, par, &config, &needs, lc_run_warn, err) != LC_OK)
        goto ended;
    run_study(&run, options->fresh, err);
    lc_study_close(&run.study);
ended:
    rc = err->code;
    lc_monitor_end(&run.monitor);
done:
    lc_timeline_release(&run.time);
    return rc;
}

static int run_tasks(const struct lc_comm *par, const struct lc_tasks *tasks, const struct lc_run_options *options,
                     double begun, struct lc_err *err)
{
    int64_t first = options->task >= 0 ? options->task : 0, end = options->task >= 0 ? first + 1 : tasks->count;

    if (first >= tasks->count)
        return LC_FAIL(err, LC_E_USAGE, "--task is %" PRId64 "; allowed: 0 to %" PRId64, first, tasks->count - 1);
    for (int64_t k = first; k < end; k++)
        for (int64_t i = 0; i < tasks->task[k].points; i++)
            if (run_point(par, tasks, tasks->task[k].point[i], options, begun, err) != LC_OK)
                return err->code;
    return LC_OK;
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

/* run.c - the driver of every job: configuration, inputs, units, merging, the result file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contents.h"
#include "keeper.h"
#include "lightcone/file.h"
#include "lightcone/handout.h"
#include "lightcone/job.h"
#include "record.h"
#include "run.h"
#include "tasks.h"

struct run {
    const struct lc_comm *par;
    const struct lc_job *job;
    struct lc_study study;
    void *work; /* the job's buffers */
    struct lc_keeper keeper;
    struct lc_run_record record;
    double begun, started, printed; /* of the program; of the units; of the last line of progress */
    double longest;                 /* unit so far, seconds */
};

static int work(void *arg, int64_t index, void (*breathe)(void *), void *breathe_arg, struct lc_err *err)
{
    struct run *run = arg;
    int64_t unit = run->keeper.todo[index], place = unit;
    struct lc_point *part = lc_parts_at(&run->keeper.fresh, &place);
    struct lc_unit windows = lc_cut_unit(&part->cut, part->study, place);
    double start = lc_seconds(), spent;

    windows.breathe = breathe;
    windows.breathe_arg = breathe_arg;
    if (run->job->observe(run->work, part->sums, &windows, err) != LC_OK) {
        run->keeper.spoilt = 1;
        return err->code;
    }
    spent = lc_seconds() - start;
    run->longest = spent > run->longest ? spent : run->longest;
    run->record.mine.units++;
    run->record.mine.busy_seconds += spent;
    return lc_keeper_note(&run->keeper, unit, err);
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

    done += run->keeper.units - units; /* those of earlier runs */
    units = run->keeper.units;
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
static int write_files(struct run *run, double start, struct lc_err *err)
{
    const struct lc_job_beside *beside = run->job->beside;
    const char *output = run->study.config.output;
    char second[LC_PATH_MAX] = "";
    int rc;

    LC_TRY(rc, second_path(run, second, err));
    if (second[0])
        LC_TRY(rc, write_file(run, beside, second, err));
    LC_TRY(rc, write_file(run, NULL, output, err));
    run->record.write_seconds = lc_seconds() - start;
    rc = lc_record_write(run->par, &run->study, &run->record, err);
    if (rc != LC_OK && run->par->rank == 0)
        unlink(output);
done:
    if (rc != LC_OK && second[0] && run->par->rank == 0)
        unlink(second);
    return rc;
}

static void print_end(const struct run *run)
{
    char lengths[48] = "";

    if (run->study.points > 0)
        snprintf(lengths, sizeof lengths, " at %" PRId64 " lengths", run->study.points);
    fprintf(stderr, "%s: %" PRId64 " windows%s, %" PRId64 " sites, %.1f s of computing, %s\n", run->job->name,
            run->study.windows.count, lengths, run->study.sites, run->record.compute_seconds, run->study.config.output);
}

/* From merged accumulators to files. */
static int conclude(struct run *run, struct lc_err *err)
{
    int rc = write_files(run, lc_seconds(), err);

    if (rc == LC_OK && run->par->rank == 0)
        print_end(run);
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
    double start;
    int rc;

    LC_TRY(rc, do_units(run, err));
    start = lc_seconds();
    LC_TRY(rc, merge_parts(run, err));
    run->record.merge_seconds = lc_seconds() - start;
done:
    return rc;
}

static int run_study(struct run *run, int fresh, struct lc_err *err)
{
    char second[LC_PATH_MAX];
    struct lc_cut cut;
    int rc, opened = 0;

    if (run->par->rank == 0 && second_path(run, second, err) == LC_OK && second[0])
        lc_result_check(second, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
    opened = lc_cut_make(&cut, run->job, &run->study, &run->study, err) == LC_OK &&
             run->job->open(&run->work, &run->study, cut.each, err) == LC_OK;
    LC_TRY(rc, lc_comm_agree(run->par, err));
    LC_TRY(rc, lc_keeper_open(&run->keeper, run->par, run->job, &run->study, run->record.version, fresh, lc_run_warn,
                              err));
    if (run->par->rank == 0 && run->keeper.store)
        sweep_drafts(run);
    if (run->par->rank == 0 && run->keeper.todos < run->keeper.units)
        fprintf(stderr, "%s: %" PRId64 " of %" PRId64 " units are in the checkpoint\n", run->job->name,
                run->keeper.units - run->keeper.todos, run->keeper.units);
    LC_TRY(rc, compute(run, err));
    LC_TRY(rc, conclude(run, err));
done:
    lc_keeper_close(&run->keeper, rc == LC_OK);
    if (opened)
        run->job->close(run->work);
    return rc;
}

/* One point of a task, as a run of its configuration alone. */
static int run_point(const struct lc_comm *par, const struct lc_tasks *tasks, int64_t point,
                     const struct lc_run_options *options, double begun, struct lc_err *err)
{
    struct run run = {.par = par, .record.version = options->version, .begun = begun};
    struct lc_config config = {0};
    struct lc_needs needs;
    double start = lc_seconds();
    int rc;

    lc_tasks_config(tasks, point, &config, &run.job, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    needs = run.job->needs(&config);
    LC_TRY(rc, lc_study_open(&run.study, par, &config, &needs, lc_run_warn, err));
    run.record.load_seconds = lc_seconds() - start;
    rc = run_study(&run, options->fresh, err);
    lc_study_close(&run.study);
done:
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

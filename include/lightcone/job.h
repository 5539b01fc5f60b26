/* job.h - what a job is: callbacks around one driver (src/driver/run.c) that owns units, hand-out, merging and the result
 * file. A job is one file in jobs/ and one row of jobs/jobs.def; it holds no loop over units and no MPI. */
#ifndef LC_JOB_H
#define LC_JOB_H

#include <stdint.h>

#include "lightcone/cost.h"
#include "lightcone/err.h"
#include "lightcone/memory.h"
#include "lightcone/results.h"
#include "lightcone/study.h"

/* Windows of one unit of work: consecutive, of equal length. */
struct lc_unit {
    int64_t first, count;
    void (*breathe)(void *); /* call now and then in long work; may be NULL */
    void *breathe_arg;
};

/* A second file, RESULT.SUFFIX.h5, for what cannot keep the promise of equal bytes at any number of ranks; written before
 * the result, and gone again when the result fails. */
struct lc_job_beside {
    const char *suffix;
    int (*wanted)(const struct lc_study *study);
    int (*finish)(void *sums, struct lc_result *result, struct lc_err *err); /* both as in struct lc_job */
    int (*fill)(void *sums, const struct lc_comm *par, struct lc_result *result, struct lc_err *err);
};

struct lc_job {
    const char *name;    /* `job:` in the YAML */
    const char *summary; /* one line, for help */
    int one_length;      /* windows.length may not be a list */
    int apart;           /* units are long and their sums small: each has its own until it is finished (keeper.h) */
    struct lc_needs (*needs)(const struct lc_config *config);
    /* Windows of a full unit: from configuration and corpus alone, never from ranks or the machine. Of a sweep's point
     * the driver takes as many, or as few as have no more tokens than a unit of the longest windows. */
    int64_t (*unit_windows)(const struct lc_study *study);
    /* Bytes that open() takes for units of so many windows, as it likes best; least: as little as it can do with. The
     * driver cuts units with it so that they fit memory_per_rank. Needs no more of the study than its outline. */
    int64_t (*buffers)(const struct lc_study *study, int64_t unit_windows, int least);
    /* This rank's buffers for units of at most `unit_windows` windows of the study's length, and in a sweep for its
     * points' units, see unit_windows. close() follows exactly when it succeeds. */
    int (*open)(void **work, const struct lc_study *study, int64_t unit_windows, struct lc_err *err);
    void (*close)(void *work);
    /* This rank's empty accumulators, of a sweep one for each point, with that point's study. end() follows exactly
     * when it succeeds. */
    int (*begin)(void **sums, const struct lc_study *study, struct lc_err *err);
    void (*end)(void *sums);
    /* Add one unit to the accumulators. */
    int (*observe)(void *work, void *sums, const struct lc_unit *unit, struct lc_err *err);
    /* Accumulators as bytes, and the sum of one's own with saved ones; any order of merging gives the same sum. */
    int (*save)(void *sums, struct lc_bytes *out, struct lc_err *err);
    int (*merge)(void *sums, struct lc_reader *in, struct lc_err *err);
    /* In place of merging along the tree, for what no rank can hold whole: NULL, or all ranks' accumulators become one
     * distributed outcome. Collective; agrees on errors. */
    int (*gather)(void *sums, const struct lc_comm *par, struct lc_err *err);
    /* Rank 0, all merged: write the job's groups, and reserve what is filled by all. */
    int (*finish)(void *sums, struct lc_result *result, struct lc_err *err);
    /* NULL, or all ranks fill what was reserved (lc_result_fill). Collective; agrees on errors. */
    int (*fill)(void *sums, const struct lc_comm *par, struct lc_result *result, struct lc_err *err);
    const struct lc_job_beside *beside; /* NULL: one file */
    /* Rank 0, after finish() of every point of a sweep: what all sums[points], at ascending lengths, say together. May be
     * NULL. */
    int (*sweep)(void *const *sums, int64_t points, struct lc_result *result, struct lc_err *err);
    /* Useful FLOP of all that was observed on this rank, for the run record. */
    double (*flop)(const void *work);
    /* What all windows cost on so many ranks, added to the zeroed *out, from the outline of a study alone. */
    void (*cost)(const struct lc_study *study, const struct lc_assumed *assumed, int64_t ranks, struct lc_cost *out);
};

extern const struct lc_job *const lc_jobs[]; /* the table; NULL at its end */

/* NULL when there is none of that name. */
const struct lc_job *lc_job_find(const char *name);

/* Whether the job can run the configuration; LC_E_CONFIG when not. */
int lc_job_check(const struct lc_job *job, const struct lc_config *config, struct lc_err *err);

/* Run a configuration from start to RESULT.h5: the whole of `lightcone run`. Collective; agrees on errors. */
struct lc_run_options {
    const char *const *set; /* overrides, "key.path=value" */
    int64_t sets;
    int fresh;           /* begin anew where a checkpoint or a point's result stands */
    int64_t task;        /* of a sweep this task alone, and its points are not joined; -1: all that are not finished */
    int trace;           /* write RESULT.trace.json, of a stopped run RESULT.trace-N.json */
    const char *version; /* of the program */
};
int lc_run(const struct lc_comm *par, const char *config_path, const struct lc_run_options *options,
           struct lc_err *err);

#endif

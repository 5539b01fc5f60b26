/* plan.h - what a configuration would do, without doing it. */
#ifndef LC_PLAN_H
#define LC_PLAN_H

#include <stdio.h>

#include "lightcone/assume.h"
#include "lightcone/comm.h"
#include "lightcone/job.h"
#include "lightcone/tasks.h"
#include "lightcone/units.h"

/* GFLOP/s of one core: in products, and in screening encoders. */
struct lc_plan_speed {
    double product, screen;
};

struct lc_plan_options {
    int64_t ranks;
    int json;
    int tasks; /* the list of a sweep's tasks, and nothing else */
    struct lc_plan_speed speed; /* 0: measured here */
    const char *like; /* a sparsity result that tells how many features are active; NULL: none */
    int simulate;     /* the hand-out on 1, 2, 4, ... ranks as well */
    const char *like_run;       /* for that: a run record that tells what units take; NULL: none */
    const char *const *assume;  /* and what is assumed of the cluster, "key=value" */
    int64_t assumes;
};

/* Seconds of one core: FLOP / (its speed x the share of it that a part reaches) + updates x LC_PLAN_UPDATE_SECONDS. Shares
 * as measured at widths 128 and 512: narrow rows leave more to norms, sums and looking again at what was screened. */
#define LC_PLAN_FORWARD_SHARE(width)  ((width) / ((width) + 64.0))
#define LC_PLAN_ENCODER_SHARE(width)  ((width) / ((width) + 250.0))
#define LC_PLAN_BACKWARD_SHARE(width) (0.9 * (width) / ((width) + 16.0))
#define LC_PLAN_UPDATE_SECONDS        50e-9
/* Bytes a second: of inputs read and checked, of accumulators merged, of a result made and written; and what a rank
 * takes before its work. */
#define LC_PLAN_LOAD_RATE         0.45e9
#define LC_PLAN_MERGE_RATE        0.25e9
#define LC_PLAN_WRITE_RATE        0.12e9
#define LC_PLAN_PROGRAM_BYTES     40e6

/* One set of windows, all there is or one length of several, and of a task's points one. */
struct lc_plan_point {
    const struct lc_study *study; /* borrowed */
    const struct lc_assumed *assumed; /* of its sites; borrowed */
    int64_t tokens;               /* of its windows */
    struct lc_cut cut;
    struct lc_cost cost;
    double seconds, unit_seconds; /* on one core: of all units, of one */
};

struct lc_plan_time {
    int64_t ranks;
    double load, compute, tail, write, total; /* tail: the part of compute in which some rank has nothing to do */
};

struct lc_plan {
    const struct lc_job *job;
    struct lc_study study;
    struct lc_assumed assumed;
    const char *assumed_from; /* path, or NULL: the constants */
    struct lc_assumed *member;           /* [members] the same for each point of a task; its members are borrowed */
    struct lc_plan_point *point;         /* [members][lengths] */
    int64_t points, lengths;
    int64_t ranks;
    struct lc_plan_speed speed;
    int measured; /* it was, here */
    double file_bytes, result_bytes;
    double buffer_bytes;                 /* of a rank, for units of any point */
    double rank_bytes, root_bytes;       /* of one rank at work; of rank 0 at the end */
    double weight_bytes, token_bytes;    /* once per node */
    double node_bytes, machine_bytes;    /* with this machine's cores at work; this machine's memory */
    int64_t node_ranks;                  /* the ranks in node_bytes */
    struct lc_plan_time one, asked;      /* on 1 and on `ranks` ranks */
};

/* What depends on the number of ranks, in bytes. */
struct lc_plan_at {
    double sums_bytes;                  /* accumulators of one rank when its units are done */
    double rank_bytes, root_bytes;      /* of one rank at work; of rank 0 at the end */
    double root_node_bytes, node_bytes; /* of rank 0's node, of another one, with so many ranks at work */
    double tree_bytes;                  /* what rank 0 receives when accumulators are merged */
};
void lc_plan_on(const struct lc_plan *plan, int64_t ranks, int64_t node_ranks, struct lc_plan_at *at);

/* Plan one task of a configuration. Not collective, needs no MPI. On success release with lc_plan_close(). */
int lc_plan_open(struct lc_plan *plan, const struct lc_tasks *tasks, int64_t task, const struct lc_plan_options *options,
                 struct lc_err *err);
void lc_plan_close(struct lc_plan *plan);

/* Its time on so many ranks. */
void lc_plan_time_on(const struct lc_plan *plan, int64_t ranks, struct lc_plan_time *t);

/* Plan a configuration and print it to `out`: the whole of `lightcone plan`. Not collective, needs no MPI. */
int lc_plan(const struct lc_comm *par, const char *config_path, const char *const *overrides, int64_t override_count,
            const struct lc_plan_options *options, FILE *out, struct lc_err *err);

/* Three digits and a prefix: "1.62 T" of FLOP, "34.1 M" of bytes. And a time in the unit that suits it. */
struct lc_amount {
    char text[24];
};
struct lc_amount lc_amount(double x);
struct lc_amount lc_duration(double seconds);

/* Its two forms; `scale` may be NULL. */
struct lc_scale;
void lc_plan_print(const struct lc_plan *plan, FILE *out);
int lc_plan_json(const struct lc_plan *plan, const struct lc_scale *scale, FILE *out, struct lc_err *err);

/* The same of a sweep, task by task; `values` are those of the task's keys. As JSON a list of the tasks' plans. */
struct lc_plan_sum {
    int64_t ranks, tasks, points;
    double one, asked; /* seconds of all tasks so far, on 1 and on `ranks` ranks */
};
void lc_plan_print_begin(const struct lc_plan_sum *sum, const char *output, int json, FILE *out);
int lc_plan_print_task(struct lc_plan_sum *sum, const struct lc_plan *plan, int64_t task, const char *values, int json,
                       FILE *out, struct lc_err *err);
void lc_plan_print_end(const struct lc_plan_sum *sum, int json, FILE *out);

#endif

/* scale.h - a plan on 1, 2, 4, ... ranks of a cluster that is described, not there: the hand-out simulated, the rest by
 * arithmetic. Private to src/plan. */
#ifndef LC_SCALE_H
#define LC_SCALE_H

#include <jansson.h>
#include <stdio.h>

#include "lightcone/plan.h"
#include "simulate.h"

/* What is assumed of the cluster; see the table in scale.c. */
struct lc_scale_assumed {
    double latency_us, bandwidth_gbs,
        service_us;                 /* of a message; between two nodes; of rank 0 for a message and its answer */
    double disk_gbs, disk_rank_gbs; /* of the shared file system, for all ranks and for one */
    double node_ranks, node_cores;
};

/* On so many ranks. */
struct lc_scale_row {
    int64_t ranks, nodes;
    double load, compute, flush, merge, write, total; /* seconds */
    double efficiency;                                /* of one rank's total, shared evenly, in this total */
    double busy; /* share of the ranks' time in `compute` that is spent inside units */
    double coordinator,
        single;            /* share of `compute` that rank 0 spends on messages; were units handed out one by one */
    double compute_single; /* seconds of `compute` then */
    double wait;           /* seconds of a worker for its next unit, mean */
    double root_node_bytes, node_bytes; /* of rank 0's node, and of another one; 0: there is none */
};

struct lc_scale {
    struct lc_scale_assumed assumed;
    double unit_seconds, spread; /* of a unit on a core of its own: mean, and coefficient of variation about its size */
    const char *from;            /* the run record that tells, borrowed; NULL: the plan's arithmetic */
    double load;                 /* seconds that rank 0 takes to read and check the files */
    double fills;                /* ranks with which units handed out one by one keep rank 0 busy all the time */
    struct lc_scale_row *row;    /* owned */
    int64_t rows;
};

/* Rows for 1, 2, 4, ... and the plan's own number of ranks. LC_E_USAGE or LC_E_CONFIG when the options do not say what
 * can be. On success lc_scale_release(). */
int lc_scale_make(struct lc_scale *s, const struct lc_plan *plan, const struct lc_plan_options *options,
                  struct lc_err *err);
void lc_scale_release(struct lc_scale *s);

void lc_scale_print(const struct lc_scale *s, const struct lc_plan *plan, FILE *out);
/* A new reference; NULL without memory. */
json_t *lc_scale_json(const struct lc_scale *s);

#endif

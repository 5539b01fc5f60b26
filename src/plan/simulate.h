/* simulate.h - the hand-out of handout.c in time: which rank does which unit when, event by event, without doing any.
 * Arithmetic alone, no MPI; the same answer on any machine. Private to src/plan. */
#ifndef LC_SIMULATE_H
#define LC_SIMULATE_H

#include <stdint.h>

#include "lightcone/err.h"

/* What the units are, and by which rules they are handed out. */
struct lc_sim_work {
    const double *cost; /* [units] seconds of each on a core of its own, in the order of hand-out */
    int64_t units;
    int64_t workers; /* of the ranks: all of them, or all but rank 0, which then only hands out */
    /* Units that answer one ask when so many are left, >= 1; NULL: one. */
    int64_t (*batch)(int64_t left, int64_t workers);
    int64_t breaths; /* looks that a working rank 0 takes at its messages during a unit, at equal distances; >= 1 */
    double checkpoint_every, checkpoint_bytes; /* seconds between a rank's segments, 0: never; bytes of one */
};

/* Seconds, and bytes a second. */
struct lc_sim_machine {
    int64_t node_ranks; /* ranks of a node; the last one may have fewer */
    double node_cores;  /* which share the cores evenly where they are more */
    double latency;     /* of a message */
    double service;     /* rank 0's for one message and its answer */
    /* Who waits sleeps between two looks, `nap_least` and then twice as long each time; 0: looks all the time. At most
     * `nap_most`, a worker that has nothing left to do `nap_last`. */
    double nap_least, nap_most, nap_last;
    double beat;            /* a rank that has nothing to say says that, so often; 0: never */
    double disk, disk_rank; /* of the file system, for all ranks together and for one */
};

struct lc_sim_outcome {
    double seconds; /* until all ranks know that all is done */
    double flush;   /* after that: the last segments, where a checkpoint was due once at least */
    double work;    /* of all units, on cores of their own */
    double serving; /* rank 0's for messages */
    double wait;    /* all workers' together, from the end of one unit to the beginning of the next */
    double writing; /* all ranks' together, for checkpoints, without `flush` */
    int64_t waits;  /* units that a worker began after another one */
    int64_t messages;
};

/* Hand all units out to `ranks` ranks. */
int lc_simulate(const struct lc_sim_machine *machine, const struct lc_sim_work *work, int64_t ranks,
                struct lc_sim_outcome *out, struct lc_err *err);

/* cost[k] times a random number with mean 1 and the coefficient of variation `spread` (log-normal): number k of the
 * seed's stream, whatever the order. */
void lc_sim_spread(double *cost, int64_t units, double spread, uint64_t seed);

#endif

/* handout.h - units of work handed out on demand by rank 0, which works itself when ranks are few, and the watch over
 * ranks that stop answering. */
#ifndef LC_HANDOUT_H
#define LC_HANDOUT_H

#include <stdint.h>

#include "lightcone/comm.h"

/* What rank 0 knows of a rank. Times are lc_seconds() of rank 0. */
struct lc_handout_rank {
    int64_t unit;        /* under way; -1: none */
    int64_t done;        /* units that it has finished */
    double since, heard; /* when it began; when the rank last said something */
};

struct lc_handout_state {
    int64_t done, units;
    int workers, busy; /* ranks that work at all; that have a unit under way */
    int asked;         /* SIGUSR2 came since the last call */
    const struct lc_handout_rank *rank; /* [size] */
};

struct lc_handout {
    int64_t units; /* numbered 0 .. units - 1; equal on all ranks */
    /* Do one unit. `breathe` is to be called now and then during the work: rank 0 then serves waiting ranks, another rank
     * says that it is alive. */
    int (*work)(void *arg, int64_t unit, void (*breathe)(void *), void *breathe_arg, struct lc_err *err);
    void *arg;
    /* Rank 0 only, may be NULL: when a unit is finished, when SIGUSR2 came, and every second or so in between. */
    void (*progress)(void *arg, const struct lc_handout_state *state);
    void *progress_arg;
    /* May be NULL. Asked on every rank before each unit: a reason not to begin another one, as an error. */
    int (*stop)(void *arg, struct lc_err *err);
    /* May be NULL. Called often on every rank: while it waits, and when its work breathes. */
    void (*tend)(void *arg);

    /* A rank that says nothing for `patience` seconds (0: no watch) ends the job; the rest is needed with a watch only. */
    double patience;
    const int64_t *number;         /* [units] what units are called in messages; NULL: as they are numbered */
    void (*warn)(const char *text);
    void (*rescue)(void *arg); /* before the end: write what this rank has done; NULL: nothing to write */
};

/* Run all units, each once, on some rank. The first failure stops the hand-out after the units under way; all ranks return
 * the same error. Collective.
 *
 * Each ask is answered with a batch of lc_handout_batch() consecutive units. A rank asks for its next batch when it
 * begins the present one, so that it does not wait for rank 0; the last units, fewer than ranks, go one by one to ranks
 * that have nothing left.
 *
 * The watch: ranks say at least every second that they are alive, when their work breathes, and rank 0 answers now and then.
 * One that is silent for half of `patience` is named in a warning. After all of it the others finish the units under way
 * and call rescue(), and MPI_Abort(75) ends the job: this function does not return then. A process that was itself
 * stopped for a while does not hold that against the others. */
int lc_handout_run(const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err);

/* Of so many ranks, those that work; rank 0 only hands out where there are many. */
int64_t lc_handout_workers(int64_t ranks);

/* Units that answer one ask while `remaining` are not handed out: few ranks get one each time, many ranks and short units
 * batches that shrink towards the end; 0 when nothing remains. */
int64_t lc_handout_batch(int64_t remaining, int64_t workers);

/* From now on SIGINT, SIGTERM, SIGUSR1 and, but for nohup, SIGHUP end the hand-out after the units under way, with LC_E_STOPPED; what is finished has
 * been counted in by then. SIGUSR2 makes rank 0 call progress; on other ranks it does nothing. */
void lc_handout_catch_signals(void);
/* The same as if one of the first three came to this rank, from any thread. `why`: constant. */
void lc_handout_interrupt(const char *why);
int lc_handout_signalled(void);          /* 1 when one of these came to this rank */
int lc_signal_check(struct lc_err *err); /* LC_E_STOPPED then, saying what */

#endif

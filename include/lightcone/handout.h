/* handout.h - units of work handed out on demand by rank 0, which works itself when ranks are few. */
#ifndef LC_HANDOUT_H
#define LC_HANDOUT_H

#include <stdint.h>

#include "lightcone/comm.h"

/* What rank 0 knows of a rank. Times are lc_seconds() of rank 0. */
struct lc_handout_rank {
    int64_t unit;        /* under way; -1: none */
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
    /* Do one unit. `breathe` may be called now and then during the work: on rank 0 it serves waiting ranks. */
    int (*work)(void *arg, int64_t unit, void (*breathe)(void *), void *breathe_arg, struct lc_err *err);
    void *arg;
    /* Rank 0 only, may be NULL: when a unit is finished, when SIGUSR2 came, and every second or so in between. */
    void (*progress)(void *arg, const struct lc_handout_state *state);
    void *progress_arg;
    /* May be NULL. Asked on every rank before each unit: a reason not to begin another one, as an error. */
    int (*stop)(void *arg, struct lc_err *err);
    /* May be NULL. Called on every rank that has no more units, while others may still have. */
    void (*leave)(void *arg);
};

/* Run all units, each once, on some rank. The first failure stops the hand-out; all ranks return the same error.
 * A rank asks for its next unit before it begins the present one, so that it does not wait for rank 0; the last units
 * go to ranks that are idle. Collective. */
int lc_handout_run(const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err);

/* Of so many ranks, those that work; rank 0 only hands out where there are many. */
int64_t lc_handout_workers(int64_t ranks);

/* From now on SIGINT, SIGTERM, SIGUSR1 end the hand-out after the units under way, with LC_E_STOPPED; what is finished has
 * been counted in by then. SIGUSR2 makes rank 0 call progress; on other ranks it does nothing. */
void lc_handout_catch_signals(void);
int lc_handout_signalled(void); /* 1 when one of the first three has come to this rank */

#endif

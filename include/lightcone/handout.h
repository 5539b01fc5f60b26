/* handout.h - units of work handed out on demand by rank 0, which works itself when ranks are few. */
#ifndef LC_HANDOUT_H
#define LC_HANDOUT_H

#include <stdint.h>

#include "lightcone/comm.h"

struct lc_handout {
    int64_t units; /* numbered 0 .. units - 1; equal on all ranks */
    /* Do one unit. `breathe` may be called now and then during the work: on rank 0 it serves waiting ranks. */
    int (*work)(void *arg, int64_t unit, void (*breathe)(void *), void *breathe_arg, struct lc_err *err);
    void *arg;
    /* Rank 0 only, may be NULL: `done` units are finished. */
    void (*progress)(void *arg, int64_t done, int64_t units);
    void *progress_arg;
    /* May be NULL. Asked on every rank before each unit: a reason not to begin another one, as an error. */
    int (*stop)(void *arg, struct lc_err *err);
};

/* Run all units, each once, on some rank. The first failure stops the hand-out; all ranks return the same error.
 * A rank asks for its next unit before it begins the present one, so that it does not wait for rank 0; the last units
 * go to ranks that are idle. Collective. */
int lc_handout_run(const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err);

/* Of so many ranks, those that work; rank 0 only hands out where there are many. */
int64_t lc_handout_workers(int64_t ranks);

/* From now on SIGINT, SIGTERM, SIGUSR1 end the hand-out after the units under way, with LC_E_STOPPED; what is finished has
 * been counted in by then. */
void lc_handout_catch_signals(void);

#endif

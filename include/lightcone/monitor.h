/* monitor.h - what rank 0 tells of a run under way: a bar on a terminal, a line a minute in a log, signs of life, and on
 * SIGUSR2 the state of every rank. */
#ifndef LC_MONITOR_H
#define LC_MONITOR_H

#include "lightcone/alive.h"
#include "lightcone/comm.h"
#include "lightcone/handout.h"
#include "lightcone/job.h"
#include "lightcone/keeper.h"
#include "lightcone/pace.h"

struct lc_heart; /* gives signs of life */

struct lc_monitor {
    const struct lc_comm *par;
    char job[32], output[LC_PATH_MAX], checkpoint[LC_PATH_MAX]; /* checkpoint: the folder; "" without */
    struct lc_alive alive;         /* what signs of life say */
    struct lc_heart *heart;        /* rank 0; NULL: none is given */
    char (*host)[64];              /* rank 0: [size] owned */
    int64_t before, units, todos;  /* units done by earlier runs; in all; still to do */
    const int64_t *todo;           /* [todos] their numbers; borrowed */
    double *work;                  /* rank 0: [todos + 1] owned; what the first k of them cost together */
    struct lc_pace of_work, of_units; /* a second of one rank */
    double started, noted, printed; /* of the units; when the state was taken in; of the last line or bar */
    double saved_before, opened;   /* when the checkpoint's newest file was written, seconds since 1970, 0: none: as the run
                                    * found it; when the run had opened it */
    int columns;                   /* of the terminal; 0: a log */
    double looked;                 /* when its size was asked for */
};

/* The run begins; rank 0 says what and where, and gives the first sign of life. In any case lc_monitor_end() follows.
 * Collective; agrees on errors. */
int lc_monitor_begin(struct lc_monitor *p, const struct lc_comm *par, const struct lc_config *config,
                      const struct lc_run_options *options, struct lc_err *err);
/* No further signs of life. Not collective. */
void lc_monitor_end(struct lc_monitor *p);

/* The job is about to be aborted, but may still be shown. Not collective. */
void lc_monitor_abandon(struct lc_monitor *p);

/* What comes next, for signs of life: loading, resuming, computing, merging, writing. Not collective. */
void lc_monitor_phase(struct lc_monitor *p, const char *phase);

/* Everything is loaded: rank 0 says what there is to do and what the checkpoint holds. `keeper` must outlive what is shown.
 * LC_E_MEMORY. Not collective. */
int lc_monitor_units(struct lc_monitor *p, const struct lc_keeper *keeper, struct lc_err *err);

/* Of a hand-out, as its `progress`: `arg` is a struct lc_monitor. */
void lc_monitor_show(void *arg, const struct lc_handout_state *state);

/* Note what is done by `now`, a moment of lc_seconds(), and how long the rest takes: p->alive.rate, p->alive.left. */
void lc_monitor_note(struct lc_monitor *p, const struct lc_handout_state *state, double now);

/* The state of every rank, or of very many the slowest ones, on rank 0's stderr. */
void lc_monitor_ranks(const struct lc_monitor *p, const struct lc_handout_state *state, double now);

#endif

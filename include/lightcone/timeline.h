/* timeline.h - where a rank's time goes: every moment of a run belongs to one phase, so that the phases add up to the
 * whole; and, when asked for, each stay in a phase as a span of a trace. Not collective. */
#ifndef LC_TIMELINE_H
#define LC_TIMELINE_H

#include <stdint.h>

#include "lightcone/err.h"

/* Computing is units, checkpoints and waiting: for a unit, for the others' last ones, on a coordinator for words. */
enum lc_phase { LC_LOAD, LC_RESUME, LC_UNIT, LC_CHECKPOINT, LC_WAIT, LC_MERGE, LC_WRITE, LC_PHASES };

extern const char *const lc_phase_name[LC_PHASES];

/* One stay in a phase, or of computing several stays that had to be put together. */
struct lc_span {
    double begin, end;                    /* lc_seconds() */
    double unit, checkpoint, wait;        /* seconds of each, where phase is LC_UNIT, LC_CHECKPOINT or LC_WAIT */
    int64_t first, last, units;           /* units in it, of LC_UNIT: lowest and highest number, and how many */
    int64_t windows_first, windows;       /* of the first one: its windows in its point */
    int32_t phase, point;
};

struct lc_timeline {
    double begun, since;    /* of the run; of the present phase */
    enum lc_phase now;
    double seconds[LC_PHASES];
    double first_unit;      /* lc_seconds() when the first unit was begun; 0: none was */
    double inside;          /* of the present stay: seconds that went into a checkpoint */
    struct lc_span present; /* what is known of the present stay */
    struct lc_span *span;   /* [most] owned; NULL: no trace */
    int64_t spans, most;
    int64_t bundled, dropped; /* stays that went into others; that found no room. Very short ones are not counted */
    double zero;              /* lc_seconds() at a moment that all ranks share */
};

/* The run begins, in LC_LOAD. */
void lc_timeline_begin(struct lc_timeline *t);
/* From now on keep at most `most` spans. Called when all ranks have just agreed: a moment that they share, whatever their
 * nodes' clocks say. LC_E_MEMORY. */
int lc_timeline_trace(struct lc_timeline *t, int64_t most, struct lc_err *err);
void lc_timeline_release(struct lc_timeline *t);

/* The present phase ends and the next begins; returns the seconds that the ended one took, without those that went into a
 * checkpoint meanwhile. Of a unit its number, its point, its windows. Without a trace a look at the clock and two
 * additions. */
double lc_timeline_enter(struct lc_timeline *t, enum lc_phase phase);
/* In the present stay so many seconds more went into a checkpoint: they do not count as its phase's. */
void lc_timeline_wrote(struct lc_timeline *t, double seconds);
void lc_timeline_unit(struct lc_timeline *t, int64_t unit, int64_t point, int64_t first, int64_t windows);

#endif

/* keeper.h - what a rank has added up, and its way to disk and back. Private to the top level. */
#ifndef LC_KEEPER_H
#define LC_KEEPER_H

#include "lightcone/checkpoint.h"
#include "parts.h"

struct lc_keeper {
    struct lc_checkpoint *store; /* NULL: checkpoints are switched off */
    struct lc_parts fresh, kept; /* since the last segment; before it, and taken over. Together all that this rank has */
    int64_t *finished, count;    /* [units] those behind `fresh`, in any order */
    int64_t *todo, todos;        /* steps with units that are to be done, ascending; the same on all ranks */
    unsigned char *done;         /* [units] 1: a segment holds it, or its point is finished */
    int64_t units, steps;        /* see parts.h */
    int64_t taken;               /* units that earlier runs left */
    double every, last;          /* seconds between segments; when the last one was written */
    double spent, longest;       /* seconds that writing segments took, in all and at most */
    int whole;                   /* the next segment must be whole: `kept` has taken in what was not written */
    int spoilt;                  /* a unit failed half-way: `fresh` holds a part of it, and is never written */
    int warned;                  /* of a disk that takes nothing; once until it does again */
    const struct lc_comm *par;
};

/* Begin, with what earlier runs left in the folder beside the output; over[points] is 1 for points that need nothing any
 * more; `version` is the program's. lc_keeper_close() follows in any case. Warnings go to `warn` on rank 0. Collective;
 * agrees on errors. */
int lc_keeper_open(struct lc_keeper *k, const struct lc_comm *par, const struct lc_job *job,
                   const struct lc_study *study, const unsigned char *over, const char *version, int fresh,
                   void (*warn)(const char *text), struct lc_err *err);

/* A unit is finished; writes a segment when it is time. Errors of the disk are warnings: nothing is lost but the way back. */
int lc_keeper_note(struct lc_keeper *k, int64_t unit, struct lc_err *err);
/* Write what is not written yet. */
int lc_keeper_flush(struct lc_keeper *k, struct lc_err *err);

/* Everything that this rank has goes into `fresh`, for merging. */
int lc_keeper_collect(struct lc_keeper *k, struct lc_err *err);

/* Close; with `remove`, the result is in place and the folder goes. Collective. */
void lc_keeper_close(struct lc_keeper *k, int remove);

#endif

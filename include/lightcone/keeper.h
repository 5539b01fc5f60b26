/* keeper.h - what a rank has added up, and its way to disk and back. */
#ifndef LC_KEEPER_H
#define LC_KEEPER_H

#include "lightcone/checkpoint.h"
#include "lightcone/parts.h"

/* Where a job's units are long and their sums small, a unit adds to sums of its own, which go into `fresh` when it is
 * finished: so `fresh` can be written while the unit is under way. */
struct lc_keeper {
    struct lc_checkpoint *store; /* NULL: checkpoints are switched off */
    struct lc_parts fresh, kept; /* since the last segment; before it, and taken over. Together all that this rank has */
    int64_t *finished, count;    /* [units] those behind `fresh`, in any order */
    int64_t *todo, todos;        /* steps with units that are to be done, ascending; the same on all ranks */
    unsigned char *done;         /* [units] 1: a segment holds it, or its point is finished */
    int64_t units, steps;        /* see parts.h */
    double every, last, took;    /* seconds between segments; when the last one was written, and how long that took */
    double spent, longest;       /* seconds that writing segments took, in all and at most */
    int holds;                   /* something went into `kept` */
    int whole;                   /* the next segment must be whole: `kept` has taken in what was not written */
    int warned;                  /* of a disk that takes nothing; once until it does again */
    void *apart;                 /* sums of the unit under way; NULL: none, or it adds to `fresh` */
    int mixed;                   /* `fresh` holds a part of a unit, and is not written; for good if the unit fails */
    int hurried;                 /* a signal came, and what was finished by then has been written */
    struct lc_err broken;        /* adding up failed half-way: the sums are of no use, and are neither written nor merged */
    const struct lc_comm *par;
};

/* Begin, with what earlier runs left in the folder beside the output; over[points] is 1 for points that need nothing any
 * more; `version` is the program's. lc_keeper_close() follows in any case. Warnings go to `warn` on rank 0. Collective;
 * agrees on errors. */
int lc_keeper_open(struct lc_keeper *k, const struct lc_comm *par, const struct lc_job *job,
                   const struct lc_study *study, const unsigned char *over, const char *version, int fresh,
                   void (*warn)(const char *text), struct lc_err *err);

/* *sums are what a unit is to add to, until lc_keeper_add(); not after it has failed. */
int lc_keeper_begin(struct lc_keeper *k, int64_t unit, void **sums, struct lc_err *err);
/* The unit is finished; writes a segment when it is time. Errors of the disk are warnings: nothing is lost but the way
 * back. */
int lc_keeper_add(struct lc_keeper *k, int64_t unit, struct lc_err *err);
/* Write a segment when it is time, or make way for a new file: a rank may have no unit for long. Writing takes a hundredth
 * of the time at most. Cheap. */
void lc_keeper_tend(struct lc_keeper *k);
/* A signal has come: write at once, as soon as it can be done, and once. */
void lc_keeper_hurry(struct lc_keeper *k);
/* Write what is not written yet. */
void lc_keeper_flush(struct lc_keeper *k);

/* Everything that this rank has goes into `fresh`, for merging. */
int lc_keeper_collect(struct lc_keeper *k, struct lc_err *err);

/* Close; with `remove`, the result is in place and the folder goes; else what earlier runs left stays, whatever went wrong.
 * Collective. */
void lc_keeper_close(struct lc_keeper *k, int remove);

#endif

/* checkpoint.h - finished units of work on disk, so that a killed job loses little.
 *
 * Files, all in the folder OUTPUT.checkpoint: one a node and run, a sequence of self-describing, checksummed segments. A
 * segment says which units of work it covers and holds what they added up to, as bytes that the driver's `save` made. The
 * hand-out gives every unit to one rank once, so segments of a run cover different units, and a resumed run does only
 * units that no segment covers: whatever whole segments are found add up to a valid state, in any order, on any number of
 * ranks. A torn or damaged segment is passed over (its units are done again). There is no global commit and no
 * communication: a rank writes when its own clock says so.
 *
 * Growth: a rank first appends segments of what it did since its last one. When a node's file has grown to a multiple of
 * what its content is worth, its ranks go over to a new file, each with one segment that holds all of its own run; the
 * old file goes when all have. A segment that holds everything ("whole") supersedes the earlier ones of the same run and
 * rank. At a resume with files of many runs, the new run's ranks write whole segments of all that they took over, and a
 * marker file, put in place once all are on disk, supersedes the older runs. */
#ifndef LC_CHECKPOINT_H
#define LC_CHECKPOINT_H

#include <stdint.h>

#include "lightcone/comm.h"

/* What must be the same for a checkpoint to be continued; text, compared as bytes. */
struct lc_checkpoint_identity {
    const char *version;       /* of the program and of its saved forms */
    const char *config;        /* canonical configuration */
    const char *inputs;        /* provenance lines: SHA-256 of every input file */
    const char *kernel_class;  /* kernels give other last digits otherwise */
    int64_t units;
};

struct lc_checkpoint; /* opaque: one rank's end of it */

/* Open FOLDER (made if need be) for this run. On rank 0 lists what earlier runs left; a file of another identity is
 * LC_E_CONFIG, naming what differs (configuration: the first line that does) and `--fresh`; with `fresh` what is there is
 * removed instead. Stray files are left alone and said. Collective; agrees on errors. */
int lc_checkpoint_open(struct lc_checkpoint **c, const struct lc_comm *par, const char *folder,
                       const struct lc_checkpoint_identity *identity, int fresh, void (*warn)(const char *text),
                       struct lc_err *err);

/* Give every rank its share of the segments found: `merge` is called with the bytes of each (reading and checksumming
 * happens on that rank). done[units] becomes 1, on all ranks, for every unit that some rank took over. Warnings about
 * damaged segments go to `warn` on rank 0. Collective; agrees on errors. */
int lc_checkpoint_resume(struct lc_checkpoint *c, int (*merge)(void *arg, struct lc_reader *in, struct lc_err *err),
                         void *arg, unsigned char *done, struct lc_err *err);

/* Append a segment: `count` units finished since this rank's last segment, and what they add up to. Written, then
 * fsync'ed. On failure (disk full) the file is cut back to its last whole segment, nothing is lost, and the caller keeps
 * what it wanted to write. Not collective. */
int lc_checkpoint_append(struct lc_checkpoint *c, const int64_t *unit, int64_t count, const struct lc_bytes *added,
                         struct lc_err *err);

/* 1 when the next segment of this rank should be whole. Not collective. */
int lc_checkpoint_wants_whole(const struct lc_checkpoint *c);
/* Append a segment that holds everything this rank did in this run and, after a resume that consolidates, took over.
 * `unit`: all of those units. Not collective. */
int lc_checkpoint_append_whole(struct lc_checkpoint *c, const int64_t *unit, int64_t count, const struct lc_bytes *all,
                               struct lc_err *err);

/* Bytes written and seconds spent writing by this rank; restarts: runs found before this one. */
struct lc_checkpoint_cost {
    int64_t bytes, segments, restarts;
    double seconds;
};
void lc_checkpoint_cost(const struct lc_checkpoint *c, struct lc_checkpoint_cost *out);

/* Close; with `remove` (the result is in place) delete the folder. Collective. */
void lc_checkpoint_close(struct lc_checkpoint *c, int remove);

/* What a folder holds, for `lightcone status`, without a job: units in all and done, runs, bytes, seconds since the last
 * segment (by file time). Serial. */
struct lc_checkpoint_state {
    int64_t units, done, runs, files, bytes, damaged;
    double age_seconds;
    char version[64], kernel_class[64];
};
int lc_checkpoint_inspect(const char *folder, struct lc_checkpoint_state *out, struct lc_err *err);

#endif

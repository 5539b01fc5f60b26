/* checkpoint.h - finished units of work on disk, so that a killed job loses little.
 *
 * Files, all in one folder: one a node and run (run-RRRR.node-NNNN.gen-GGGG), a sequence of self-describing, checksummed
 * segments. A segment says which units of work it covers and holds what they added up to, as bytes that the driver's
 * `save` made. The hand-out gives every unit to one rank once, so segments of a run cover different units, and a resumed
 * run does only units that no segment covers: whatever intact segments are found add up to a valid state, in any order,
 * on any number of ranks. A torn or damaged segment is passed over (its units are done again). There is no global commit
 * and no communication: a rank writes when its own clock says so. Nothing is locked; ranks of a node reserve their places
 * in its file through a counter in shared memory.
 *
 * Added and whole: a rank appends what it did since its last segment ("added"), or all that it holds ("whole": what it
 * took over at the resume and did since), which supersedes its earlier segments of this run and, unit by unit, those
 * that it took over. Segments are chosen newest run first, and one that covers a unit that is covered already is left
 * out: a unit never counts twice, and no marker need say what supersedes what.
 *
 * Growth: when a node's file has grown to a multiple of what its content is worth, its ranks go over to a new file, each
 * with a whole segment; the last to come removes the old file. Two generations live at a time at most.
 *
 * Consolidation: a resume that finds files of more than 8 runs wants a whole segment of every rank at once; when all are
 * on disk, the older files go. The driver, after every resume:
 *     lc_checkpoint_resume(...);
 *     if (lc_checkpoint_wants_whole(c)) { save all that this rank holds; lc_checkpoint_append_whole(c, NULL, 0, ...); }
 *     lc_checkpoint_settle(c);
 * and whenever its clock says so:
 *     whole = lc_checkpoint_wants_whole(c); then lc_checkpoint_append_whole() or lc_checkpoint_append().
 * A failed append is no failure of the job: the bytes stay with the driver and go with the next.
 *
 * Checkpoints at a thousand ranks: R = 1024 on 16 nodes of 64, the Pythia-70m shape, an interval of 600 s.
 *   files     one a node and run: 16; 32 while generations change; at most 9 runs' before they are consolidated: 144.
 *   bytes     of a file: header + the sum over segments of 320 + 16 ranges + payload, each rounded up to 4096
 *             (tests/mpi/test_checkpoint_ranks.c). A rank's segment, random weights: correlation 0.9 MB and influence
 *             1.2 MB for a unit; sparsity 0.1 GB for 1,024 tokens, 0.25 GB once every feature was seen: its dense counters
 *             are the largest there are, 1.1 kB a feature, and no segment has more of them than there are features.
 *   rate      sparsity, at its worst: 1024 x 0.25 GB = 0.26 TB an interval, 0.43 GB/s on average. A file system that takes
 *             10 GB/s needs 26 s for it, 4 % of the interval: so the driver (keeper.c) waits a hundred times as long as
 *             writing took, here 43 min, and the cost stays below 1 %. That is then what a crash costs at most.
 *   growth    a node's file is left for a new one at 3 times its worth (64 x 0.25 GB = 16 GB) and 64 MB: 48 GB and one round
 *             of segments, 16 GB more, for all nodes 1 TB; in return rewriting is half of what is written.
 *   resume    names from rank 0; heads by all ranks, 4 kB each: in a day 144 x 1024 segments, 50 MB of them on rank 0; then
 *             0.26 TB, R-fold parallel, each rank its 0.25 GB: 26 s at 10 GB/s.
 * The program must ignore SIGXFSZ, or a limit on file sizes kills it before an error can be returned. */
#ifndef LC_CHECKPOINT_H
#define LC_CHECKPOINT_H

#include <stdint.h>

#include "lightcone/comm.h"

/* What must be the same for a checkpoint to be continued; text, compared as bytes. Read on rank 0 alone. */
struct lc_checkpoint_identity {
    const char *version;      /* of the program and of its saved forms */
    const char *config;       /* canonical configuration */
    const char *inputs;       /* provenance lines: SHA-256 of every input file */
    const char *kernel_class; /* kernels give other last digits otherwise */
    int64_t units;            /* 0 to 2^28 */
};

struct lc_checkpoint; /* opaque: one rank's end of it */

/* Open FOLDER (made if need be) for this run, which makes its node files. Lists what earlier runs left; a file of another
 * identity or format is LC_E_CONFIG, naming what differs (configuration: the first line that does) and `--fresh`; with
 * `fresh` what is there is removed instead. Stray names are left alone and said. `par` must outlive it. Collective;
 * agrees on errors. */
int lc_checkpoint_open(struct lc_checkpoint **c, const struct lc_comm *par, const char *folder,
                       const struct lc_checkpoint_identity *identity, int fresh, void (*warn)(const char *text),
                       struct lc_err *err);

/* Give every rank its share of the segments found, largest first to whoever has least: `merge` is called with the bytes
 * of each (read and checked on that rank). done[units] becomes 1, on all ranks, for every unit that some rank took over,
 * else 0. Once, before the first append. Warnings about damage go to `warn` on rank 0. After an error (of
 * `merge`, or out of memory) what was merged is of no use. Collective; agrees on errors. */
int lc_checkpoint_resume(struct lc_checkpoint *c, int (*merge)(void *arg, struct lc_reader *in, struct lc_err *err),
                         void *arg, unsigned char *done, struct lc_err *err);

/* After the resume and, where it was wanted, each rank's whole segment, failed or not: if every rank's is on disk, the
 * files of earlier runs are removed, else they stay until a later resume. Collective. */
void lc_checkpoint_settle(struct lc_checkpoint *c);

/* Append a segment: `count` units finished since this rank's last segment, in any order, and what they added up to.
 * Written, then fsync'ed. On failure (disk full) nothing is lost and nothing has changed: the caller keeps what it wanted
 * to write and hands these units in again, with or without more. No units: nothing is written. A unit that this rank
 * has handed in or taken over before is an error. Not collective. */
int lc_checkpoint_append(struct lc_checkpoint *c, const int64_t *unit, int64_t count, const struct lc_bytes *added,
                         struct lc_err *err);

/* 1 when the next segment of this rank should be whole. Right after a resume all ranks are told the same. Not
 * collective. */
int lc_checkpoint_wants_whole(const struct lc_checkpoint *c);
/* The same with a segment that holds everything: `all` is what all units that this rank took over and did add up to;
 * `unit` are again only those finished since its last segment (the earlier ones are known here). A rank that holds no
 * unit writes nothing, and succeeds. Not collective. */
int lc_checkpoint_append_whole(struct lc_checkpoint *c, const int64_t *unit, int64_t count, const struct lc_bytes *all,
                               struct lc_err *err);

/* Of this rank: bytes written, and seconds spent writing by the monotonic clock. restarts: the runs before this one. */
struct lc_checkpoint_cost {
    int64_t bytes, segments, restarts;
    double seconds;
};
void lc_checkpoint_cost(const struct lc_checkpoint *c, struct lc_checkpoint_cost *out);

/* Close; with `remove` (the result is in place) delete its files, else those of this run in which nothing is; and the folder if
 * nothing else is in it. Collective. */
void lc_checkpoint_close(struct lc_checkpoint *c, int remove);

/* What a folder holds, for `lightcone status`, without a job, or beside a live one: units in all and done, runs, bytes,
 * seconds since the last segment (by file time; negative when the clocks disagree). Payloads are not read: `damaged`
 * counts files and segments that are seen to be damaged or missing without that. Serial. */
struct lc_checkpoint_state {
    int64_t units, done, runs, files, bytes, damaged;
    double age_seconds;
    char version[64], kernel_class[64];
};
int lc_checkpoint_inspect(const char *folder, struct lc_checkpoint_state *out, struct lc_err *err);

#endif

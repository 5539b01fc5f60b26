/* checkpoint_internal.h - one rank's end of a checkpoint. */
#ifndef LC_CHECKPOINT_INTERNAL_H
#define LC_CHECKPOINT_INTERNAL_H

#include "lightcone/checkpoint.h"

#include "checkpoint_set.h"
#include "checkpoint_write.h"

enum { LC_CKPT_RUNS_MOST = 8 }; /* a resume that finds files of more runs consolidates */

struct lc_checkpoint {
    const struct lc_comm *par; /* not owned */
    void (*warn)(const char *text);
    struct lc_ckpt_set set; /* what earlier runs left: this rank's share, until rank 0 has brought it together */
    struct lc_bytes identity;
    struct lc_shared shared; /* struct lc_ckpt_node */
    struct lc_ckpt_writer writer;
    int64_t run, runs_found, runs_most;
    int settled_whole; /* this rank's whole segment of the consolidation is on disk, or it holds nothing */
};

/* Smaller limits, for tests. Equal on all ranks; between open and resume. */
void lc_checkpoint_limits(struct lc_checkpoint *c, int64_t growth_floor, int64_t runs_most);

#endif

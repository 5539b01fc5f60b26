/* alive.h - the sign of life of a run: RESULT.status.json, which rank 0 writes anew every LC_ALIVE_EVERY seconds and which
 * goes when the program ends by itself, whatever its status. Present and old, the job was killed, its node died, or it
 * cannot reach the disk. By rename, so that readers see the old file or the new, over NFS too; nothing is locked. */
#ifndef LC_ALIVE_H
#define LC_ALIVE_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/file.h"

#define LC_ALIVE_EVERY 15.0   /* seconds from one sign of life to the next */
#define LC_ALIVE_SILENT 120.0 /* after so many without one a run counts as dead: NFS caches names for up to 60 */

struct lc_alive {
    /* whose: set by lc_alive_init() */
    char job[32], version[32], host[64];
    char slurm[32];    /* the Slurm job, ARRAY_TASK for one of an array; "" outside Slurm */
    int64_t pid, id;   /* of rank 0; a number drawn for this run, so that a run knows its own file */
    double started;    /* seconds since 1970 by rank 0's clock */
    /* set by lc_alive_write() */
    double written;    /* the same clock */
    int64_t beat;      /* 1, 2, ...: a file with another id or beat is a new sign of life, whatever the clocks say */
    /* how far: set by whoever knows; negative: not known */
    char phase[16];    /* loading, resuming, computing, merging, writing */
    int64_t ranks, workers, busy, units, done, restarts, memory_bytes;
    double rate, left; /* units a second; seconds to the last unit */
    /* set by lc_alive_read() */
    double age;        /* seconds since the file was written, this machine's clock against that of the file system */
    double ahead;      /* of rank 0's clock to that of the file system, seconds */
};

/* A run of this process begins. */
void lc_alive_init(struct lc_alive *a, const char *job, const char *version);

/* Give a sign of life beside the result at `output`. LC_E_IO; a full disk is none, since the time of the file suffices.
 * Not collective. */
int lc_alive_write(const char *output, struct lc_alive *a, struct lc_err *err);

/* The last sign of life beside `output`; out->id is 0 where there is none. LC_E_IO, LC_E_FORMAT. Not collective. */
int lc_alive_read(const char *output, struct lc_alive *out, struct lc_err *err);

/* Remove it, unless it is another run's by now. Not collective. */
void lc_alive_remove(const char *output, const struct lc_alive *mine);

#endif

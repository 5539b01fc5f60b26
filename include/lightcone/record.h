/* record.h - the run record beside a result: what is true of a run and not of its result. */
#ifndef LC_RECORD_H
#define LC_RECORD_H

#include "lightcone/checkpoint.h"
#include "lightcone/clock.h"
#include "lightcone/comm.h"
#include "lightcone/file.h"
#include "lightcone/study.h"
#include "lightcone/tally.h"
#include "lightcone/timeline.h"

/* One rank's share of a run. Plain data, gathered as bytes. */
struct lc_rank_record {
    char host[64];
    int64_t units;        /* done in this run */
    int64_t peak_bytes;   /* largest resident set, shared pages included */
    int64_t own_bytes;    /* when computing ended: a page that n ranks share counts as a n-th; 0: not known */
    int64_t storage_bytes; /* read from disks or the network, as the kernel counts; 0: not known */
    double flop;          /* useful ones */
    double compute_cpu;   /* processor time of computing, seconds: on rank 0 where ranks are many, that of handing out */
    double seconds[LC_PHASES], loading[LC_LOADINGS]; /* of LC_LOAD some parts; see study.h */
    double first_unit;    /* when it began the first one, in seconds since 1970 by its node's clock; 0: it did none */
    struct lc_checkpoint_cost checkpoint;
};

struct lc_run_record {
    const char *version;
    double compute_seconds, total_seconds; /* of rank 0 by the clock: computing; all, as long as it was noted */
    int64_t units, resumed;                /* of the job; of these, done by earlier runs */
    int64_t points;
    struct lc_tally *unit_seconds;         /* [points] owned; this rank's units */
    struct lc_tally *token_seconds;        /* [points] owned; of these, seconds of a unit for each of its tokens */
    struct lc_rank_record mine;
    /* set by lc_record_write() on rank 0 */
    double mean_seconds[LC_PHASES], idle_share, gflops; /* over ranks; waiting of the ranks that work; a second of computing */
};

/* out = RESULT.SUFFIX.TYPE, or RESULT.SUFFIX when `type` is "", beside the result at `output`, whose own .h5 is dropped. */
int lc_record_path(char out[LC_PATH_MAX], const char *output, const char *suffix, const char *type, struct lc_err *err);

/* Note what the kernel says of this rank's memory. Not collective. */
void lc_record_note_memory(struct lc_run_record *record);

/* Gather every rank's part and write RESULT.run.json on rank 0. Collective; agrees on errors. */
int lc_record_write(const struct lc_comm *par, const struct lc_study *study, struct lc_run_record *record,
                    const struct lc_timeline *time, struct lc_err *err);

/* All ranks must compute with the same kernels, or their last digits differ. Collective; agrees on errors. */
int lc_record_check_class(const struct lc_comm *par, struct lc_err *err);

#endif

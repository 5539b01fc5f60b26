/* record.h - the run record beside a result: what is true of a run and not of its result. Private to the top level. */
#ifndef LC_RECORD_H
#define LC_RECORD_H

#include "lightcone/checkpoint.h"
#include "lightcone/clock.h"
#include "lightcone/comm.h"
#include "lightcone/file.h"
#include "lightcone/study.h"

/* One rank's share of a run. Plain data, gathered as bytes. */
struct lc_rank_record {
    char host[64];
    int64_t units, peak_bytes; /* units done; largest resident set */
    double flop, busy_seconds; /* useful FLOP; seconds inside units */
    double tokens, pace, pace_squared; /* tokens of those units; sums over them of seconds a token, and of its square */
    struct lc_checkpoint_cost checkpoint;
};

struct lc_run_record {
    const char *version;
    double load_seconds, compute_seconds, merge_seconds, write_seconds;
    struct lc_rank_record mine;
};

/* out = RESULT.SUFFIX.TYPE, or RESULT.SUFFIX when `type` is "", beside the result at `output`, whose own .h5 is dropped. */
int lc_record_path(char out[LC_PATH_MAX], const char *output, const char *suffix, const char *type, struct lc_err *err);

/* Gather every rank's part and write RESULT.run.json on rank 0. Collective; agrees on errors. */
int lc_record_write(const struct lc_comm *par, const struct lc_study *study, struct lc_run_record *record,
                    struct lc_err *err);

/* All ranks must compute with the same kernels, or their last digits differ. Collective; agrees on errors. */
int lc_record_check_class(const struct lc_comm *par, struct lc_err *err);

#endif

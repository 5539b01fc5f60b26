/* scan.h - what jobs share that look at which features are active at every token: buffers, pass and cost. */
#ifndef LC_JOBS_SCAN_H
#define LC_JOBS_SCAN_H

#include "lightcone/activity.h"
#include "lightcone/job.h"
#include "lightcone/passes.h"

enum { LC_SCAN_UNIT_TOKENS = 2048 }; /* rows of one product: a quarter of them, as the last units have, are enough to reach full speed */

/* A rank's buffers. The points of a task have one product with the encoder of a site for all their thresholds. */
struct lc_scan {
    struct lc_forward forward;
    double *threshold;        /* [thresholds] of the task's points, distinct */
    int64_t thresholds, sites;
    int64_t *layer;           /* [sites] of the task */
    unsigned char *found;     /* [sites] 1: `active` is of the unit that `ran` names */
    struct lc_active scratch;
    struct lc_active *active; /* [sites][thresholds]; with one threshold [1], for one site after the other */
    int64_t actives;
    int32_t *token; /* of the unit, as the model runs it: [rows] */
    struct lc_run_windows ran; /* what `forward` and `token` are of */
    double flop;
};

/* Callbacks of struct lc_job; `work` is a struct lc_scan. */
int64_t lc_scan_unit_windows(const struct lc_study *study);
int64_t lc_scan_buffers(const struct lc_study *study, int64_t unit_windows, int least);
int lc_scan_open(void **work, const struct lc_study *study, int64_t unit_windows, struct lc_err *err);
void lc_scan_close(void *work);
double lc_scan_flop(const void *work);

/* One active feature at one token. */
struct lc_sighting {
    int64_t site, window, position, index; /* position in the window; index in the stream */
    int32_t feature, token;
    float activation;
};

/* What a job does with the tokens of a unit: `see` is called for every active feature, by site, window, position and
 * feature ascending. A BOS is no token of the corpus and is passed over. Adds to *tokens those of the unit. */
int lc_scan_run(struct lc_scan *w, const struct lc_study *study, const struct lc_unit *unit,
                int (*see)(void *arg, const struct lc_sighting *x, struct lc_err *err), void *arg, int64_t *tokens,
                struct lc_err *err);

/* Its FLOP for all windows of the study; returns the tokens. */
double lc_scan_cost(const struct lc_study *study, struct lc_cost *out);

#endif

/* influence.h - the accumulators of the influence job, between its two files. */
#ifndef LC_JOBS_INFLUENCE_H
#define LC_JOBS_INFLUENCE_H

#include "lightcone/job.h"
#include "lightcone/profiles.h"
#include "lightcone/samples.h"

/* Windows of a unit at most; and rows, seeds x positions, of one product: full speed, buffers in cache. */
enum { LC_INFLUENCE_UNIT_WINDOWS = 8, LC_INFLUENCE_BATCH_ROWS = 1024 };

enum lc_vector { LC_VECTOR_RESIDUAL, LC_VECTOR_RECONSTRUCTION, LC_VECTOR_ESTIMATE, LC_VECTORS };

/* Everything one site adds up. A token vector's log holds one "sample" a readout, with its profile. */
struct lc_site_influence {
    struct lc_samples samples;
    int64_t inactive; /* features that were to be read out and are not active, of a readout of strongest activations */
    struct lc_profiles profiles;
    struct lc_samples vector[LC_VECTORS];
    struct lc_samples error; /* standard errors of LC_VECTOR_ESTIMATE: of its profile, and of its entropy in spread.entropy */
};

/* The readout positions of every window as the model runs it (a BOS is position 0), ascending. */
struct lc_readouts {
    int64_t *position; /* owned */
    int64_t count;
};

/* Write all groups of the job from merged accumulators (sorts them). */
int lc_influence_write(const struct lc_study *study, const struct lc_readouts *readouts,
                       struct lc_site_influence *site, struct lc_result *r, struct lc_err *err);

/* Add the datasets of one site to a cost: so many samples of so many distinct features, so many readouts. */
void lc_influence_cost(const struct lc_study *study, double samples, double features, double readouts,
                       struct lc_cost *out);

/* Write sites/SITE/sweep from points whose groups are written: study[points], site[points][sites]. */
int lc_influence_write_sweep(const struct lc_study *const *study, struct lc_site_influence *const *site, int64_t points,
                             struct lc_result *r, struct lc_err *err);

#endif

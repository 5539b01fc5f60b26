/* influence.h - the accumulators of the influence job, between its two files. */
#ifndef LC_JOBS_INFLUENCE_H
#define LC_JOBS_INFLUENCE_H

#include "lightcone/job.h"
#include "lightcone/profiles.h"
#include "lightcone/samples.h"

enum lc_vector { LC_VECTOR_RESIDUAL, LC_VECTOR_RECONSTRUCTION, LC_VECTORS };

/* Everything one site adds up. A token vector's log holds one "sample" a readout, with its profile. */
struct lc_site_influence {
    struct lc_samples samples;
    struct lc_profiles profiles;
    struct lc_samples vector[LC_VECTORS];
};

/* Length of the longest run: T, and one more with a BOS. */
int64_t lc_influence_length(const struct lc_study *study);

/* Write all groups of the job from merged accumulators (sorts them). */
int lc_influence_write(const struct lc_study *study, struct lc_site_influence *site, struct lc_result *r,
                       struct lc_err *err);

#endif

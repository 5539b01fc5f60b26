/* units.h - windows cut into units of work, by the configuration alone. */
#ifndef LC_UNITS_H
#define LC_UNITS_H

#include "lightcone/job.h"

/* Units cut the windows into runs of `each`, the last ones of a job into shorter runs, so that no rank is left alone with a
 * long one; windows of another length than T (a short last one) make their own. */
struct lc_cut {
    int64_t each, least;       /* windows of a unit, at most and at the end */
    int64_t bulk, full, units; /* windows in units of `each`; windows of length T; units in all */
};

/* The windows of `point`, one of the study's points or the study itself: as many a unit as `unit.windows` says, or else as
 * the job likes and memory_per_rank has room for, shrinking to a quarter at the job's end. No unit of a point has more tokens than one of the longest windows.
 * LC_E_CONFIG when a rank's buffers cannot be made to fit. Needs no more of the study than its outline. */
int lc_cut_make(struct lc_cut *cut, const struct lc_job *job, const struct lc_study *study, const struct lc_study *point,
                struct lc_err *err);
struct lc_unit lc_cut_unit(const struct lc_cut *cut, const struct lc_study *study, int64_t index);

#endif

/* parts.h - sets of a job's accumulators: for the study, or for each point of its task, at each of its lengths. */
#ifndef LC_PARTS_H
#define LC_PARTS_H

#include "lightcone/job.h"
#include "lightcone/units.h"

/* One length of one point, or all there is. */
struct lc_point {
    const struct lc_study *study;
    void *sums; /* the job's accumulators; NULL: none yet, or none any more */
};

/* All points of a task have the same windows. A step of the work is one unit of windows at one length: what every point
 * makes of them, one after the other, so that one forward pass serves all. What a point makes of a step is a unit: they
 * are counted apart, since a task may have points that are finished. */
struct lc_parts {
    const struct lc_job *job;
    const struct lc_study *study;
    struct lc_point *part; /* [points][lengths] */
    struct lc_cut *cut;    /* [lengths] */
    int64_t points, lengths;
};

/* Empty accumulators. lc_parts_end() follows in any case. */
int lc_parts_begin(struct lc_parts *p, const struct lc_job *job, const struct lc_study *study, struct lc_err *err);
void lc_parts_end(struct lc_parts *p); /* a zeroed one too */

/* Steps in all. They are numbered with the longest windows first, since these take longest. The unit of a point in a step
 * is number step * points + point. */
int64_t lc_parts_steps(const struct lc_parts *p);
/* The length that a step belongs to; *step becomes its place among the units of this length. */
int64_t lc_parts_length(const struct lc_parts *p, int64_t *step);
/* The part that a unit adds to. */
struct lc_point *lc_parts_at(const struct lc_parts *p, int64_t unit);

/* One point's share, which is borrowed: a set of its own. And its study. */
struct lc_parts lc_parts_of(const struct lc_parts *p, int64_t point);
const struct lc_study *lc_parts_study(const struct lc_parts *p, int64_t point);
/* Let go of the accumulators of a set, or of a share of one. */
void lc_parts_clear(struct lc_parts *p);

/* Of all parts, as struct lc_mergeable wants it: `parts` is a struct lc_parts. */
int lc_parts_save(void *parts, struct lc_bytes *out, struct lc_err *err);
int lc_parts_merge(void *parts, struct lc_reader *in, struct lc_err *err);

#endif

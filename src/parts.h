/* parts.h - one set of a job's accumulators: for the study, or for each point of its sweep. Private to the top level. */
#ifndef LC_PARTS_H
#define LC_PARTS_H

#include "lightcone/job.h"
#include "units.h"

/* One point of a sweep, or all there is. */
struct lc_point {
    const struct lc_study *study;
    void *sums; /* the job's accumulators; NULL: none yet */
    struct lc_cut cut;
};

struct lc_parts {
    const struct lc_job *job;
    const struct lc_study *study;
    struct lc_point *part;
    int64_t count;
};

/* Empty accumulators. lc_parts_end() follows in any case. */
int lc_parts_begin(struct lc_parts *p, const struct lc_job *job, const struct lc_study *study, struct lc_err *err);
void lc_parts_end(struct lc_parts *p); /* a zeroed one too */

/* Units of all parts. They are numbered with the longest windows first, since these take longest. */
int64_t lc_parts_units(const struct lc_parts *p);
/* The part that a unit belongs to; *unit becomes its place in it. */
struct lc_point *lc_parts_at(const struct lc_parts *p, int64_t *unit);

/* Of all parts, as struct lc_mergeable wants it: `parts` is a struct lc_parts. */
int lc_parts_save(void *parts, struct lc_bytes *out, struct lc_err *err);
int lc_parts_merge(void *parts, struct lc_reader *in, struct lc_err *err);
/* Add another set to this one. */
int lc_parts_add(struct lc_parts *p, struct lc_parts *other, struct lc_err *err);

#endif

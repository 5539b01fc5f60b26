/* finished.h - which points of a sweep have their result. Private to src/driver. */
#ifndef LC_FINISHED_H
#define LC_FINISHED_H

#include "lightcone/study.h"
#include "lightcone/tasks.h"

/* Look at what every task from `first` to before `end` names, without reading weights, so that what is missing is said
 * before hours of work; and mark the points `over` whose result is in place, or none of them with `fresh`. A file that is
 * there and not the result of the point's configuration and inputs is LC_E_CONFIG. Nothing without a sweep. Collective;
 * agrees on errors. */
int lc_finished_find(struct lc_tasks *tasks, const struct lc_comm *par, int64_t first, int64_t end, int fresh,
                     struct lc_kept *kept, struct lc_err *err);

#endif

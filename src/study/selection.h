/* selection.h - the features rule: which features of each site take part. Private to src/study. */
#ifndef LC_SELECTION_H
#define LC_SELECTION_H

#include "lightcone/comm.h"
#include "lightcone/study.h"

/* Fill study->site[].selected from the configuration: a list as given, or the rule min_frequency, top, min_unique on
 * the sparsity result `from`, which must be of the same inputs (ties of `top`: lower index first). Collective. */
int lc_selection_make(struct lc_study *study, const struct lc_comm *par, struct lc_err *err);

#endif

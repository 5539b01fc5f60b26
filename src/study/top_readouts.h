/* top_readouts.h - windows that end on the strongest activations of features. Private to src/study. */
#ifndef LC_TOP_READOUTS_H
#define LC_TOP_READOUTS_H

#include "lightcone/comm.h"
#include "lightcone/study.h"

/* Make study->windows and study->site[].wanted from the contexts result `readout.from`, which must be of the same inputs:
 * of every selected feature the `readout.top_activations` strongest (or as many as it has), each a window of T tokens
 * that ends there. Distinct tokens make distinct windows, ascending, shared by the sites. A context with fewer than T
 * tokens up to it is left out and counted. Follows lc_selection_make(). Collective; agrees on errors. */
int lc_top_readouts_make(struct lc_study *study, const struct lc_comm *par, struct lc_err *err);

#endif

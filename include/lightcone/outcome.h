/* outcome.h - the last lines of a run: what was written, how long it took, or what stopped it and what is saved. */
#ifndef LC_OUTCOME_H
#define LC_OUTCOME_H

#include "lightcone/monitor.h"
#include "lightcone/record.h"

/* The result and its record are in place. Rank 0 says so. Not collective. */
void lc_outcome_done(const struct lc_monitor *p, const struct lc_study *study, const struct lc_run_record *record);

/* The units were begun, and something ended the run: rank 0 says what is saved and what to do. `code`: why, as agreed.
 * Collective. */
void lc_outcome_ended(const struct lc_monitor *p, const struct lc_keeper *keeper, const struct lc_run_record *record,
                      int code);

#endif

/* run.h - what `run` and `plan` begin with. Private to the top level. */
#ifndef LC_RUN_H
#define LC_RUN_H

#include "lightcone/comm.h"
#include "lightcone/job.h"

/* Read the configuration, find its job, and see whether the result can be put where it shall go. On success *config is
 * the caller's to release. Collective; agrees on errors. */
int lc_run_prepare(const struct lc_comm *par, const char *path, const char *const *overrides, int64_t override_count,
                   struct lc_config *config, const struct lc_job **job, struct lc_err *err);

/* A warning goes to stderr. */
void lc_run_warn(const char *text);

#endif

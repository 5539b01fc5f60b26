/* prepare.h - what `run` and `plan` begin with. */
#ifndef LC_PREPARE_H
#define LC_PREPARE_H

#include "lightcone/job.h"

/* The job that a configuration names, and whether it can run it. */
int lc_run_find_job(const struct lc_config *config, const struct lc_job **job, struct lc_err *err);

/* Before hours of work: can the result be put where it shall go? Makes its folder. Not collective. */
int lc_run_check_output(const struct lc_config *config, struct lc_err *err);

/* A warning goes to stderr. */
void lc_run_warn(const char *text);

#endif

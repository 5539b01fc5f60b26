/* alone.h - two jobs on one output are kept apart by signs of life (alive.h), without locks. */
#ifndef LC_ALONE_H
#define LC_ALONE_H

#include "lightcone/alive.h"

/* Before a run's first sign of life beside `output`: LC_E_IO when another run is at work there, saying which. One of this
 * machine is alive if its process is, and dead at once if not; so is one of the same Slurm job elsewhere, which was
 * queued again. One of another machine is watched for LC_ALIVE_SILENT seconds since its last sign, at least for two
 * signs, and dead if none comes. LC_E_STOPPED: a signal came meanwhile. On rank 0; not collective. */
int lc_alone_check(const char *output, const struct lc_alive *mine, struct lc_err *err);

/* 1 when the run was of this machine, and its process is no more. Not collective. */
int lc_alone_is_gone(const struct lc_alive *a);

/* Some time after it: LC_E_IO when another run that began at the same moment has written its sign over this one's. */
int lc_alone_confirm(const char *output, const struct lc_alive *mine, struct lc_err *err);

#endif

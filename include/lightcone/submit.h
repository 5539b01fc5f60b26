/* submit.h - `lightcone submit`: a configuration planned, and given to Slurm as a job, or as an array of its sweep's tasks
 * and a job that joins them. */
#ifndef LC_SUBMIT_H
#define LC_SUBMIT_H

#include <stdio.h>

#include "lightcone/comm.h"
#include "lightcone/plan.h"

struct lc_submit_options {
    const char *const *set; /* for `run`, as well as the plan */
    int64_t sets;
    int64_t nodes;    /* of a job; 0: as few as end within LC_SUBMIT_HOURS */
    struct lc_plan_speed speed; /* 0: measured here */
    const char *like; /* as of `plan` */
    int dry;          /* print only */
    const char *const *sbatch; /* further options of sbatch, which override those found here */
    int64_t sbatches;
};

/* More nodes are taken while a job would last longer, its units go round, and the partition has them. */
#define LC_SUBMIT_HOURS 4.0
/* Asked for, beside what is planned: the plan knows neither other jobs on the node nor its file system. */
#define LC_SUBMIT_TIME_FACTOR   1.5
#define LC_SUBMIT_TIME_MORE     600.0 /* seconds: start of the ranks, cold files */
#define LC_SUBMIT_MEMORY_FACTOR 1.5

/* Prints to `out` lines that a shell can run, and what sbatch said of them. LC_E_MEMORY when no node of the partition has
 * the memory, LC_E_IO when sbatch is not there or refuses: its message is passed on. Not collective, needs no MPI. */
int lc_submit(const struct lc_comm *par, const char *config_path, const struct lc_submit_options *options, FILE *out,
              struct lc_err *err);

#endif

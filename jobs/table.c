#include <stddef.h>
#include <string.h>

#include "lightcone/job.h"

#define JOB(name) extern const struct lc_job lc_job_##name;
#include "jobs.def"
#undef JOB

const struct lc_job *const lc_jobs[] = {
#define JOB(name) &lc_job_##name,
#include "jobs.def"
#undef JOB
    NULL,
};

const struct lc_job *lc_job_find(const char *name)
{
    for (const struct lc_job *const *job = lc_jobs; *job; job++)
        if (strcmp((*job)->name, name) == 0)
            return *job;
    return NULL;
}

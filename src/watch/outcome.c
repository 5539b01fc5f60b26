#include "lightcone/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lightcone/log.h"

static void say_seconds(const struct lc_monitor *p, const struct lc_run_record *r)
{
    char text[LC_PHASES][32], total[32], idle[48] = "";

    for (int k = 0; k < LC_PHASES; k++)
        lc_show_seconds(text[k], r->mean_seconds[k]);
    if (p->par->size > 1)
        snprintf(idle, sizeof idle, ", ranks idle %.1f %%", 100.0 * r->idle_share);
    lc_log("%s: %s%s: load %s, resume %s, units %s, checkpoints %s, waiting %s, merge %s, write %s; %.0f GFLOP/s%s", p->job,
           lc_show_seconds(total, r->total_seconds), p->par->size > 1 ? " on each rank, on average" : "", text[LC_LOAD],
           text[LC_RESUME], text[LC_UNIT], text[LC_CHECKPOINT], text[LC_WAIT], text[LC_MERGE], text[LC_WRITE], r->gflops, idle);
}

void lc_outcome_done(const struct lc_monitor *p, const struct lc_study *study, const struct lc_run_record *record)
{
    char bytes[32], lengths[48] = "";
    struct stat st = {0};

    if (stat(p->output, &st) != 0)
        st.st_size = 0;
    if (study->points > 0)
        snprintf(lengths, sizeof lengths, " at %" PRId64 " lengths", study->points);
    say_seconds(p, record);
    if (study->members > 0)
        lc_log("%s: done: %" PRId64 " windows%s, %" PRId64 " points at %" PRId64 " sites, %.1f s of computing, the first in %.1000s",
               p->job, study->windows.count, lengths, study->members, study->sites, record->compute_seconds,
               study->member[0].config.output);
    else
        lc_log("%s: done: %" PRId64 " windows%s, %" PRId64 " sites, %.1f s of computing, wrote %.1000s (%s)", p->job,
               study->windows.count, lengths, study->sites, record->compute_seconds, p->output,
               lc_show_bytes(bytes, (double)st.st_size));
}

void lc_outcome_ended(const struct lc_monitor *p, const struct lc_keeper *k, const struct lc_run_record *record,
                      int code)
{
    int64_t points = k->fresh.points > 0 ? k->fresh.points : 1; /* of a task they are finished together */
    int64_t count[2] = {record->mine.units, k->store ? (k->count + points - 1) / points : record->mine.units}; /* finished; of
                                                                                             these, not on disk */
    const char *how = code == LC_E_STOPPED ? "stopped" : "failed";
    int64_t saved;

    MPI_Reduce(p->par->rank == 0 ? MPI_IN_PLACE : count, count, 2, MPI_INT64_T, MPI_SUM, 0, p->par->comm);
    if (p->par->rank != 0)
        return;
    saved = p->before + count[0] - count[1];
    if (!k->store)
        lc_log("%s: %s without checkpoints (checkpoint.every is 0): the same command begins anew", p->job, how);
    else if (count[1] > 0)
        lc_log("%s: %s; %" PRId64 " finished units are not on disk and will be done again: see the warnings above", p->job,
               how, count[1]);
    if (k->store && code == LC_E_STOPPED)
        lc_log("%s: stopped; what is finished is in the checkpoint; the same command continues (%" PRId64 " of %" PRId64
               " units are in %.1000s)",
               p->job, saved, p->units, p->checkpoint);
    else if (k->store && saved > 0)
        lc_log("%s: failed; when the cause is mended the same command continues (%" PRId64 " of %" PRId64
               " units are in %.1000s)",
               p->job, saved, p->units, p->checkpoint);
}

/* watch.c - what is said about a rank that stops answering. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "handout_internal.h"

int lc_watch_init(struct lc_watch *w, const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err)
{
    enum { SIGNS = 4 }; /* of life within the deadline */
    struct lc_handout_name mine = {.pid = getpid()};
    int bytes = (int)sizeof mine;

    *w = (struct lc_watch){.patience = h->patience, .beat = h->patience / SIGNS, .workers = MPI_COMM_NULL};
    if (par->rank == 0 && h->patience > 0.0)
        LC_ALLOC(&w->name, par->size, "hand-out", err);
    if (lc_comm_agree(par, err) != LC_OK || h->patience <= 0.0 || par->size == 1)
        return err->code;
    gethostname(mine.host, sizeof mine.host - 1);
    MPI_Gather(&mine, bytes, MPI_BYTE, w->name, bytes, MPI_BYTE, 0, par->comm);
    w->first = mine;
    lc_comm_broadcast(par, &w->first, bytes);
    if (MPI_Comm_split(par->comm, par->rank == 0 ? MPI_UNDEFINED : 0, par->rank, &w->workers) != MPI_SUCCESS)
        LC_FAIL(err, LC_E_LIBRARY, "MPI_Comm_split failed");
    return lc_comm_agree(par, err);
}

void lc_watch_release(struct lc_watch *w)
{
    if (w->workers != MPI_COMM_NULL)
        MPI_Comm_free(&w->workers);
    free(w->name);
}

void lc_watch_tell(const struct lc_watch *w, const struct lc_handout *h, enum lc_silence what, int rank,
                   const struct lc_handout_name *name, double silent, int64_t unit)
{
    char who[128], with[64] = "", text[640];

    if (!h->warn)
        return;
    snprintf(who, sizeof who, "rank %d on %s (process %" PRId64 ")", rank, name->host, name->pid);
    if (unit != LC_UNIT_NONE)
        snprintf(with, sizeof with, "; it has unit %" PRId64, h->number ? h->number[unit] : unit);
    if (what == LC_SILENT_BACK)
        snprintf(text, sizeof text, "%s answers again after %.0f s", who, silent);
    else if (what == LC_SILENT_HALF)
        snprintf(text, sizeof text, "%s has said nothing for %.0f s%s; after %.0f s (key 'patience') the job ends", who,
                 silent, with, w->patience);
    else
        snprintf(text, sizeof text,
                 "%s has said nothing for %.0f s%s: the job ends. Its node hangs or is overloaded, its disk does not answer, "
                 "or the process was stopped (SIGSTOP): look at %s, or leave it out, %s",
                 who, silent, with, name->host,
                 h->rescue ? "and give the same command again: the other ranks have written what they finished"
                           : "and start again: checkpoints are switched off");
    h->warn(text);
}

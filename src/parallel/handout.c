/* handout.c - the coordinator. A worker sends one request for every unit it wants and gets one answer to each: a unit, or
 * NONE once there are no more; after NONE it asks no more. */
#include "lightcone/handout.h"

#include <signal.h>
#include <string.h>

enum { TAG_REQUEST = 1, TAG_ANSWER = 2 };
enum { NONE = -1 };
enum { FEW_RANKS = 8 }; /* up to here rank 0 works too */

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

void lc_handout_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    const int numbers[] = {SIGINT, SIGTERM, SIGUSR1};

    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    for (int i = 0; i < 3; i++)
        sigaction(numbers[i], &action, NULL);
}

static int check_signal(struct lc_err *err)
{
    if (!caught)
        return LC_OK;
    return LC_FAIL(err, LC_E_STOPPED, "stopped by signal %d (%s) before the last unit: no result is written", (int)caught,
                   strsignal(caught));
}

struct coordinator {
    const struct lc_comm *par;
    const struct lc_handout *h;
    int64_t next, done;
    int dismissed; /* workers that have had NONE */
    int stopped;
};

static void report(struct coordinator *c)
{
    c->done++;
    if (c->h->progress)
        c->h->progress(c->h->progress_arg, c->done, c->h->units);
}

/* A request carries: units finished since the last one (0 or 1), or -1 for a failure. */
static void answer(struct coordinator *c, const MPI_Status *status)
{
    int64_t request, unit = NONE;

    MPI_Recv(&request, 1, MPI_INT64_T, status->MPI_SOURCE, TAG_REQUEST, c->par->comm, MPI_STATUS_IGNORE);
    if (request < 0)
        c->stopped = 1;
    else if (request > 0)
        report(c);
    if (!c->stopped && c->next < c->h->units)
        unit = c->next++;
    else
        c->dismissed++;
    MPI_Send(&unit, 1, MPI_INT64_T, status->MPI_SOURCE, TAG_ANSWER, c->par->comm);
}

static void serve_waiting(void *arg)
{
    struct coordinator *c = arg;
    MPI_Status status;
    int waiting = 1;

    while (c->dismissed < c->par->size - 1) {
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_REQUEST, c->par->comm, &waiting, &status);
        if (!waiting)
            return;
        answer(c, &status);
    }
}

static void coordinate(struct coordinator *c, struct lc_err *err)
{
    MPI_Status status;

    while (c->par->size <= FEW_RANKS && c->next < c->h->units && !c->stopped) {
        int64_t unit;
        serve_waiting(c);
        if (c->next >= c->h->units || c->stopped)
            break;
        unit = c->next++;
        if (check_signal(err) != LC_OK || c->h->work(c->h->arg, unit, serve_waiting, c, err) != LC_OK)
            c->stopped = 1;
        else
            report(c);
    }
    while (c->dismissed < c->par->size - 1) {
        MPI_Probe(MPI_ANY_SOURCE, TAG_REQUEST, c->par->comm, &status);
        if (check_signal(err) != LC_OK)
            c->stopped = 1;
        answer(c, &status);
    }
}

static int64_t ask(const struct lc_comm *par, int64_t request)
{
    int64_t unit;

    MPI_Send(&request, 1, MPI_INT64_T, 0, TAG_REQUEST, par->comm);
    MPI_Recv(&unit, 1, MPI_INT64_T, 0, TAG_ANSWER, par->comm, MPI_STATUS_IGNORE);
    return unit;
}

static void labour(const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err)
{
    int64_t unit = ask(par, 0), next, finished = 0;
    MPI_Request answered;

    while (unit != NONE) {
        MPI_Irecv(&next, 1, MPI_INT64_T, 0, TAG_ANSWER, par->comm, &answered);
        MPI_Send(&finished, 1, MPI_INT64_T, 0, TAG_REQUEST, par->comm);
        if (check_signal(err) == LC_OK)
            h->work(h->arg, unit, NULL, NULL, err);
        MPI_Wait(&answered, MPI_STATUS_IGNORE);
        finished = 1;
        if (err->code != LC_OK) {
            while (next != NONE)
                next = ask(par, -1);
            return;
        }
        unit = next;
    }
}

int lc_handout_run(const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err)
{
    struct coordinator c = {.par = par, .h = h};

    if (par->rank == 0)
        coordinate(&c, err);
    else
        labour(par, h, err);
    if (lc_comm_agree(par, err) != LC_OK)
        return err->code;
    /* no request follows a worker's last unit, so rank 0 hears of it only here */
    if (par->rank == 0 && h->progress && c.done < h->units)
        h->progress(h->progress_arg, h->units, h->units);
    return LC_OK;
}

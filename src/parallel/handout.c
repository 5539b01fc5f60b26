/* handout.c - the coordinator. A worker asks for its next unit when it begins one, and says so when it has nothing left
 * to do; each ask gets one answer, a unit or NONE, and after NONE it leaves. While there are plenty of units an ask is
 * answered at once, so that nobody waits; the last ones go to whoever is idle, so that none lies and waits. */
#include "lightcone/handout.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lightcone/clock.h"

enum { TAG_WORD = 1, TAG_ANSWER = 2 };
enum { NONE = -1 };
enum { ASKS = 1, IDLE = 2, FINISHED = 4, FAILED = 8, LEAVES = 16 }; /* what a worker's word says, as bits */
enum { FEW_RANKS = 8 }; /* up to here rank 0 works too */

static volatile sig_atomic_t caught, asked;

static void on_signal(int number)
{
    caught = number;
}

static void on_question(int number)
{
    asked = number;
}

void lc_handout_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    const int numbers[] = {SIGINT, SIGTERM, SIGUSR1};

    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    for (int i = 0; i < 3; i++)
        sigaction(numbers[i], &action, NULL);
    action.sa_handler = on_question;
    sigaction(SIGUSR2, &action, NULL);
}

int lc_handout_signalled(void)
{
    return caught != 0;
}

static int check_signal(struct lc_err *err)
{
    if (!caught)
        return LC_OK;
    return LC_FAIL(err, LC_E_STOPPED, "stopped by signal %d (%s) before the last unit", (int)caught, strsignal(caught));
}

static int check_stop(const struct lc_handout *h, struct lc_err *err)
{
    if (check_signal(err) != LC_OK || !h->stop)
        return err->code;
    return h->stop(h->arg, err);
}

struct coordinator {
    const struct lc_comm *par;
    const struct lc_handout *h;
    int64_t next;
    int left;      /* workers that have said their last word */
    char *owed;    /* [size] 1 where an ask is not answered yet */
    int stopped;
    struct lc_handout_state state;
    struct lc_handout_rank *rank; /* [size] behind the state */
    int64_t *given;               /* [size] the unit after the one under way; NONE: none */
    double told;                  /* when progress was called last */
};

static void tell(struct coordinator *c)
{
    c->told = lc_seconds();
    if (!c->h->progress)
        return;
    c->state.asked = asked != 0;
    asked = 0;
    c->h->progress(c->h->progress_arg, &c->state);
}

/* Now and then, for whoever looks. */
static void tick(struct coordinator *c)
{
    if (asked || lc_seconds() - c->told >= 1.0)
        tell(c);
}

/* A rank begins another unit, or has none. */
static void note(struct coordinator *c, int rank, int64_t unit)
{
    struct lc_handout_rank *r = &c->rank[rank];

    c->state.busy += (unit != NONE) - (r->unit != NONE);
    r->unit = unit;
    r->since = lc_seconds();
}

static void report(struct coordinator *c)
{
    c->state.done++;
    tell(c);
}

static void answer(struct coordinator *c, int worker)
{
    int64_t unit = NONE;

    if (!c->stopped && c->next < c->h->units)
        unit = c->next++;
    c->owed[worker] = 0;
    if (c->rank[worker].unit == NONE)
        note(c, worker, unit);
    else
        c->given[worker] = unit;
    MPI_Send(&unit, 1, MPI_INT64_T, worker, TAG_ANSWER, c->par->comm);
}

static void hear(struct coordinator *c, const MPI_Status *status)
{
    int worker = status->MPI_SOURCE, word;

    MPI_Recv(&word, 1, MPI_INT, worker, TAG_WORD, c->par->comm, MPI_STATUS_IGNORE);
    c->rank[worker].heard = lc_seconds();
    if (word & FAILED)
        c->stopped = 1;
    if (word & FINISHED) {
        note(c, worker, c->given[worker]);
        c->given[worker] = NONE;
        report(c);
    }
    if (word & LEAVES)
        c->left++;
    if (word & ASKS)
        c->owed[worker] = 1;
    if (c->owed[worker] && (word & IDLE || c->stopped || c->h->units - c->next >= c->par->size))
        answer(c, worker);
}

static void serve_waiting(void *arg)
{
    struct coordinator *c = arg;
    MPI_Status status;
    int waiting = 1;

    tick(c);
    while (c->left < c->par->size - 1) {
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_WORD, c->par->comm, &waiting, &status);
        if (!waiting)
            return;
        hear(c, &status);
    }
}

/* The next word. Rank 0 sleeps between two looks, longer while nobody speaks: it need not keep a core from its workers. */
static void await(struct coordinator *c, MPI_Status *status)
{
    struct timespec nap = {.tv_nsec = 20000};
    int waiting = 0;

    for (;;) {
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_WORD, c->par->comm, &waiting, status);
        if (waiting)
            return;
        tick(c);
        nanosleep(&nap, NULL);
        nap.tv_nsec = nap.tv_nsec < 500000 ? 2 * nap.tv_nsec : 1000000;
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
        note(c, 0, unit);
        if (check_stop(c->h, err) != LC_OK || c->h->work(c->h->arg, unit, serve_waiting, c, err) != LC_OK)
            c->stopped = 1;
        note(c, 0, NONE);
        if (!c->stopped)
            report(c);
    }
    while (c->left < c->par->size - 1) {
        await(c, &status);
        if (check_signal(err) != LC_OK)
            c->stopped = 1;
        hear(c, &status);
    }
}

static void say(const struct lc_comm *par, int word)
{
    MPI_Send(&word, 1, MPI_INT, 0, TAG_WORD, par->comm);
}

static int64_t ask_and_wait(const struct lc_comm *par, int word)
{
    int64_t unit;

    say(par, ASKS | IDLE | word);
    MPI_Recv(&unit, 1, MPI_INT64_T, 0, TAG_ANSWER, par->comm, MPI_STATUS_IGNORE);
    return unit;
}

static void labour(const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err)
{
    int64_t unit = ask_and_wait(par, 0), next;
    int finished = 0, answered;
    MPI_Request request;

    while (unit != NONE) {
        MPI_Irecv(&next, 1, MPI_INT64_T, 0, TAG_ANSWER, par->comm, &request);
        say(par, ASKS | finished);
        if (check_stop(h, err) == LC_OK)
            h->work(h->arg, unit, NULL, NULL, err);
        finished = FINISHED;
        MPI_Test(&request, &answered, MPI_STATUS_IGNORE);
        if (!answered || err->code != LC_OK)
            say(par, err->code == LC_OK ? IDLE : IDLE | FAILED);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        while (err->code != LC_OK && next != NONE)
            next = ask_and_wait(par, FAILED);
        unit = next;
    }
    say(par, err->code == LC_OK ? LEAVES | finished : LEAVES | FAILED);
}

int64_t lc_handout_workers(int64_t ranks)
{
    return ranks <= FEW_RANKS ? ranks : ranks - 1;
}

int lc_handout_run(const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err)
{
    struct coordinator c = {.par = par, .h = h, .told = lc_seconds()};

    if (LC_ALLOC(&c.owed, par->size, "hand-out", err) == LC_OK &&
        LC_ALLOC(&c.given, par->size, "hand-out", err) == LC_OK)
        LC_ALLOC(&c.rank, par->size, "hand-out", err);
    if (lc_comm_agree(par, err) != LC_OK)
        goto done;
    c.state = (struct lc_handout_state){
        .units = h->units, .workers = (int)lc_handout_workers(par->size), .rank = c.rank};
    for (int r = 0; r < par->size; r++) {
        c.rank[r] = (struct lc_handout_rank){.unit = NONE, .since = c.told, .heard = c.told};
        c.given[r] = NONE;
    }
    if (par->rank == 0)
        coordinate(&c, err);
    else
        labour(par, h, err);
    if (h->leave)
        h->leave(h->arg);
    lc_comm_agree(par, err);
done:
    free(c.owed);
    free(c.given);
    free(c.rank);
    return err->code;
}

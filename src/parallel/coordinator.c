/* coordinator.c - rank 0's side of the hand-out. While there are plenty of units an ask is answered at once, so that nobody
 * waits; the last ones go to whoever is idle, so that none lies and waits. */
#include <stdlib.h>

#include "handout_internal.h"
#include "lightcone/clock.h"

enum { LONGEST_NAP = 1000000 }; /* ns: an idle worker waits no longer for its answer */

/* What rank 0 remembers of a worker, beside what it shows. */
struct worker {
    char owed;    /* an ask is not answered yet */
    char left;    /* it has said that it does nothing more */
    char late, lost; /* silent for half of the patience; for all of it */
    char writes;     /* it was not lost when all were told to write, and has not said that it has written */
};

struct lc_coordinator {
    const struct lc_comm *par;
    const struct lc_handout *h;
    const struct lc_watch *watch;
    struct lc_err silence; /* of a lost rank; apart, since a unit may be under way with an err of its own */
    int64_t next;
    int stopped;
    int here, lost, unwritten; /* workers that are neither left nor lost; that are lost; that have still to write */
    struct worker *worker;     /* [size] */
    struct lc_handout_state state;
    struct lc_handout_rank *rank; /* [size] behind the state */
    double told, beaten, looked;  /* when progress was called, a sign of life given, silence looked for */
};

static void order(const struct lc_coordinator *c, int worker, int64_t first, int64_t count)
{
    const int64_t order[LC_ORDER_LONG] = {first, count};

    MPI_Send(order, LC_ORDER_LONG, MPI_INT64_T, worker, LC_TAG_ORDER, c->par->comm);
}

static void order_all(const struct lc_coordinator *c, int64_t what)
{
    for (int r = 1; r < c->par->size; r++)
        order(c, r, 0, what);
}

static void halt(struct lc_coordinator *c)
{
    if (!c->stopped)
        order_all(c, LC_ORDER_STOP);
    c->stopped = 1;
}

static void tell(struct lc_coordinator *c)
{
    c->told = lc_seconds();
    if (!c->h->progress)
        return;
    c->state.asked = lc_signal_asked(1);
    c->h->progress(c->h->progress_arg, &c->state);
}

/* A rank has finished so many units, and has one under way or none. */
static void note(struct lc_coordinator *c, int rank, int64_t finished, int64_t unit)
{
    struct lc_handout_rank *r = &c->rank[rank];
    double now = lc_seconds();

    if (unit != r->unit || finished > 0)
        r->since = now;
    c->state.busy += (unit != LC_UNIT_NONE) - (r->unit != LC_UNIT_NONE);
    c->state.done += finished;
    r->unit = unit;
    r->done += finished;
    r->heard = now;
    if (finished > 0)
        tell(c);
}

static void answer(struct lc_coordinator *c, int worker)
{
    int64_t count = lc_handout_batch(c->h->units - c->next, c->state.workers);

    order(c, worker, c->next, count);
    c->next += count;
    c->worker[worker].owed = 0;
}

static void found_again(struct lc_coordinator *c, int rank)
{
    struct worker *w = &c->worker[rank];

    if (w->late)
        lc_watch_tell(c->watch, c->h, LC_SILENT_BACK, rank, &c->watch->name[rank], lc_seconds() - c->rank[rank].heard,
                      LC_UNIT_NONE);
    c->lost -= w->lost;
    c->here += w->lost && !w->left;
    w->late = w->lost = 0;
}

static void hear(struct lc_coordinator *c, int worker)
{
    struct worker *w = &c->worker[worker];
    int64_t word[LC_WORD_LONG], bits, left;

    MPI_Recv(word, LC_WORD_LONG, MPI_INT64_T, worker, LC_TAG_WORD, c->par->comm, MPI_STATUS_IGNORE);
    bits = word[0];
    found_again(c, worker);
    note(c, worker, word[1], word[2]);
    if (bits & LC_WORD_LEAVES) {
        c->here--;
        w->left = 1;
    }
    if (bits & LC_WORD_FAILS)
        halt(c);
    if (bits & LC_WORD_WRITTEN) {
        c->unwritten -= w->writes;
        w->writes = 0;
    }
    if (bits & LC_WORD_ASKS)
        w->owed = 1;
    left = c->h->units - c->next;
    if (w->owed && !c->stopped && (bits & LC_WORD_IDLE || left == 0 || left >= c->par->size))
        answer(c, worker);
}

/* 1 when somebody had something to say. */
static int hear_all(struct lc_coordinator *c)
{
    int waiting = 0, heard = 0;
    MPI_Status status;

    if (c->par->size == 1)
        return 0;
    for (;;) {
        MPI_Iprobe(MPI_ANY_SOURCE, LC_TAG_WORD, c->par->comm, &waiting, &status);
        if (!waiting)
            return heard;
        hear(c, status.MPI_SOURCE);
        heard = 1;
    }
}

static void lose(struct lc_coordinator *c, int rank, double silent)
{
    struct worker *w = &c->worker[rank];
    const struct lc_handout_name *name = &c->watch->name[rank];

    w->lost = 1;
    c->lost++;
    c->here -= !w->left;
    LC_FAIL(&c->silence, LC_E_STOPPED, "rank %d on %s (process %lld) said nothing for %.0f s", rank, name->host,
            (long long)name->pid, silent);
    halt(c);
}

/* Who says nothing any more? After having been away itself, rank 0 begins to count anew. */
static void look_for_silence(struct lc_coordinator *c, double now)
{
    double patience = c->watch->patience;
    int away = now - c->looked > 0.5 * patience;

    c->looked = now;
    for (int r = 1; r < c->par->size; r++) {
        struct worker *w = &c->worker[r];
        double silent = now - c->rank[r].heard;
        if (away)
            c->rank[r].heard = now;
        else if (silent > patience && !w->lost)
            lose(c, r, silent);
        else if (silent > 0.5 * patience && !w->late) {
            w->late = 1;
            lc_watch_tell(c->watch, c->h, LC_SILENT_HALF, r, &c->watch->name[r], silent, c->rank[r].unit);
        }
    }
}

static void keep_watch(struct lc_coordinator *c)
{
    enum { LOOKS = 4 }; /* for one sign of life */
    double now = lc_seconds();

    if (c->watch->patience <= 0.0)
        return;
    if (now - c->beaten >= c->watch->beat) {
        c->beaten = now;
        for (int r = 1; r < c->par->size; r++)
            if (!c->worker[r].lost)
                order(c, r, 0, LC_ORDER_ALIVE);
    }
    if (now - c->looked >= c->watch->beat / LOOKS)
        look_for_silence(c, now);
}

/* Everything that is to be done now and then. 1 when somebody had something to say. */
static int serve(struct lc_coordinator *c)
{
    int heard = hear_all(c);

    if (lc_signal_asked(0) || lc_seconds() - c->told >= 1.0)
        tell(c);
    keep_watch(c);
    if (c->h->tend)
        c->h->tend(c->h->arg);
    return heard;
}

static void breathe(void *arg)
{
    serve(arg);
}

static void work_too(struct lc_coordinator *c, struct lc_err *err)
{
    while (!c->stopped && c->next < c->h->units) {
        int64_t unit;
        serve(c);
        if (c->stopped || c->next >= c->h->units)
            break;
        unit = c->next++;
        note(c, 0, 0, unit);
        if (lc_handout_check(c->h, err) != LC_OK || c->h->work(c->h->arg, unit, breathe, c, err) != LC_OK)
            halt(c);
        note(c, 0, err->code == LC_OK, LC_UNIT_NONE);
    }
}

/* Serve until all have left, but for those that are lost. */
static void serve_all(struct lc_coordinator *c, struct lc_err *err)
{
    long nap = 0;

    while (c->here > 0) {
        if (serve(c))
            nap = 0;
        else
            lc_doze(&nap, LONGEST_NAP);
        if (lc_signal_check(err) != LC_OK)
            halt(c);
    }
}

/* Ranks are lost and the others have left: they write what they have, and the job ends. */
static void give_up(struct lc_coordinator *c)
{
    double begun = lc_seconds();
    long nap = 0;

    for (int r = 1; r < c->par->size; r++) {
        c->worker[r].writes = !c->worker[r].lost;
        c->unwritten += c->worker[r].writes;
    }
    order_all(c, LC_ORDER_SAVE);
    if (c->h->rescue)
        c->h->rescue(c->h->arg);
    while (c->unwritten > 0 && lc_seconds() - begun < c->watch->patience) {
        hear_all(c);
        lc_doze(&nap, LONGEST_NAP);
    }
    for (int r = 1; r < c->par->size; r++)
        if (c->worker[r].lost)
            lc_watch_tell(c->watch, c->h, LC_SILENT_LOST, r, &c->watch->name[r], lc_seconds() - c->rank[r].heard,
                          c->rank[r].unit);
    MPI_Abort(c->par->comm, LC_STATUS_STOPPED);
}

int lc_coordinator_open(struct lc_coordinator **out, const struct lc_comm *par, const struct lc_handout *h,
                        const struct lc_watch *watch, struct lc_err *err)
{
    struct lc_coordinator *c;
    double now = lc_seconds();

    if (LC_ALLOC(out, 1, "hand-out", err) != LC_OK)
        return err->code;
    c = *out;
    *c = (struct lc_coordinator){.par = par, .h = h, .watch = watch, .silence = LC_ERR_INIT, .here = par->size - 1};
    if (LC_ALLOC(&c->worker, par->size, "hand-out", err) != LC_OK || LC_ALLOC(&c->rank, par->size, "hand-out", err) != LC_OK)
        return err->code;
    c->told = c->beaten = c->looked = now;
    for (int r = 0; r < par->size; r++)
        c->rank[r] = (struct lc_handout_rank){.unit = LC_UNIT_NONE, .since = now, .heard = now};
    c->state = (struct lc_handout_state){
        .units = h->units, .workers = (int)lc_handout_workers(par->size), .rank = c->rank};
    return LC_OK;
}

void lc_coordinator_close(struct lc_coordinator *c)
{
    if (!c)
        return;
    free(c->worker);
    free(c->rank);
    free(c);
}

void lc_coordinate(struct lc_coordinator *c, struct lc_err *err)
{
    if (c->state.workers == c->par->size)
        work_too(c, err);
    serve_all(c, err);
    if (c->lost > 0)
        give_up(c);
    if (err->code == LC_OK)
        *err = c->silence; /* of a rank that came back in time for an orderly end */
    order_all(c, LC_ORDER_END);
}

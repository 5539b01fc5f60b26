/* worker.c - the side of the hand-out of all ranks but 0. */
#include "handout_internal.h"
#include "lightcone/clock.h"

enum { SHORT_WAIT = 1000000, LONG_WAIT = 10000000 }; /* ns between two looks, for a batch and for the end */

struct worker {
    const struct lc_comm *par;
    const struct lc_handout *h;
    const struct lc_watch *watch;
    struct lc_order batch, next; /* what is left of the batch in hand; the one after it */
    int64_t unit, finished;      /* under way; since the last word */
    int over, stopped, ended;    /* no batch will come; rank 0 said stop; all have left */
    int save;                    /* what is done is to be written at once */
    int late, alone;             /* rank 0 has been silent for half of the patience; for all of it */
    int64_t word[LC_WORD_LONG];  /* on its way */
    MPI_Request sending;
    double said, heard, looked;
};

static void obey(struct worker *w, const int64_t order[LC_ORDER_LONG])
{
    if (order[1] > 0)
        w->next = (struct lc_order){.first = order[0], .count = order[1]};
    else if (order[1] == LC_ORDER_STOP) {
        w->batch.count = w->next.count = 0;
        w->over = w->stopped = 1;
    } else if (order[1] == LC_ORDER_NOTHING)
        w->over = 1;
    else if (order[1] == LC_ORDER_SAVE)
        w->save = 1;
    else if (order[1] == LC_ORDER_END)
        w->ended = 1;
}

static void listen(struct worker *w)
{
    int64_t order[LC_ORDER_LONG];
    int waiting;

    for (;;) {
        MPI_Iprobe(0, LC_TAG_ORDER, w->par->comm, &waiting, MPI_STATUS_IGNORE);
        if (!waiting)
            return;
        MPI_Recv(order, LC_ORDER_LONG, MPI_INT64_T, 0, LC_TAG_ORDER, w->par->comm, MPI_STATUS_IGNORE);
        if (w->late)
            lc_watch_tell(w->watch, w->h, LC_SILENT_BACK, 0, &w->watch->first, lc_seconds() - w->heard, LC_UNIT_NONE);
        w->late = 0;
        w->heard = lc_seconds();
        obey(w, order);
    }
}

/* Is rank 0 silent? After having been away itself, a rank begins to count anew. Rank 1 warns for all. */
static void look_for_silence(struct worker *w)
{
    double now = lc_seconds(), patience = w->watch->patience;

    if (now - w->looked > 0.5 * patience)
        w->heard = now;
    w->looked = now;
    if (now - w->heard > patience)
        w->alone = 1;
    if (now - w->heard > 0.5 * patience && !w->late && w->par->rank == 1) {
        w->late = 1;
        lc_watch_tell(w->watch, w->h, LC_SILENT_HALF, 0, &w->watch->first, now - w->heard, LC_UNIT_NONE);
    }
}

static void look(struct worker *w)
{
    listen(w);
    if (w->watch->patience > 0.0)
        look_for_silence(w);
}

static int is_sent(struct worker *w)
{
    int sent;

    MPI_Test(&w->sending, &sent, MPI_STATUS_IGNORE);
    return sent;
}

/* One word is on its way at a time, so that a rank 0 that takes none never blocks a worker. */
static void say(struct worker *w, int64_t bits)
{
    long nap = 0;

    while (!is_sent(w) && !w->alone) {
        lc_doze(&nap, SHORT_WAIT);
        look(w);
    }
    if (w->alone)
        return;
    w->word[0] = bits;
    w->word[1] = w->finished;
    w->word[2] = w->unit;
    w->finished = 0;
    w->said = lc_seconds();
    MPI_Isend(w->word, LC_WORD_LONG, MPI_INT64_T, 0, LC_TAG_WORD, w->par->comm, &w->sending);
}

/* Look, and give a sign of life when it is time. */
static void live(struct worker *w)
{
    double every = w->watch->patience > 0.0 && w->watch->beat < 1.0 ? w->watch->beat : 1.0;

    look(w);
    if (w->h->tend)
        w->h->tend(w->h->arg);
    if (lc_seconds() - w->said >= every && is_sent(w))
        say(w, 0);
}

static void breathe(void *arg)
{
    live(arg);
}

/* The next unit, if there is one. */
static int take(struct worker *w)
{
    int fresh = 0;
    long nap = 0;

    live(w);
    if (w->batch.count == 0 && w->next.count == 0 && !w->over)
        say(w, LC_WORD_IDLE);
    while (w->batch.count == 0 && w->next.count == 0 && !w->over && !w->alone) {
        lc_doze(&nap, SHORT_WAIT);
        live(w);
    }
    if (w->batch.count == 0) {
        w->batch = w->next;
        w->next.count = 0;
        fresh = 1;
    }
    if (w->batch.count == 0 || w->alone)
        return 0;
    w->unit = w->batch.first++;
    w->batch.count--;
    if (fresh)
        say(w, w->over ? 0 : LC_WORD_ASKS);
    return 1;
}

/* What is done goes to disk; never while a unit is under way. */
static void rescue(struct worker *w)
{
    if (w->h->rescue)
        w->h->rescue(w->h->arg);
}

/* Rank 0 is silent: all others write what they have and meet, or wait as long again, and the job ends. */
static void end_without_first(struct worker *w)
{
    double begun;
    int all = 0, speaks;
    MPI_Request meeting;
    long nap = 0;

    rescue(w);
    MPI_Ibarrier(w->watch->workers, &meeting);
    for (begun = lc_seconds(); !all && lc_seconds() - begun < w->watch->patience; lc_doze(&nap, SHORT_WAIT))
        MPI_Test(&meeting, &all, MPI_STATUS_IGNORE);
    speaks = all ? w->par->rank == 1 : w->par->node_rank == 0 || w->par->rank == 1;
    if (speaks)
        lc_watch_tell(w->watch, w->h, LC_SILENT_LOST, 0, &w->watch->first, lc_seconds() - w->heard, LC_UNIT_NONE);
    MPI_Abort(w->par->comm, LC_STATUS_STOPPED);
}

static void leave(struct worker *w, int failed)
{
    long nap = 0;

    w->unit = LC_UNIT_NONE;
    say(w, LC_WORD_LEAVES | (failed ? LC_WORD_FAILS : 0));
    while (!w->ended && !w->alone) {
        if (w->save) {
            w->save = 0;
            rescue(w);
            say(w, LC_WORD_WRITTEN);
        }
        lc_doze(&nap, LONG_WAIT);
        live(w);
    }
    if (w->alone)
        end_without_first(w);
    MPI_Wait(&w->sending, MPI_STATUS_IGNORE);
}

void lc_labour(const struct lc_comm *par, const struct lc_handout *h, const struct lc_watch *watch, struct lc_err *err)
{
    double now = lc_seconds();
    struct worker w = {.par = par, .h = h, .watch = watch, .unit = LC_UNIT_NONE, .sending = MPI_REQUEST_NULL,
                       .heard = now, .looked = now};

    say(&w, LC_WORD_ASKS);
    while (take(&w)) {
        if (lc_handout_check(h, err) != LC_OK || h->work(h->arg, w.unit, breathe, &w, err) != LC_OK)
            break;
        w.finished++;
        w.unit = LC_UNIT_NONE;
    }
    leave(&w, err->code != LC_OK);
}

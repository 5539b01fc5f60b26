#include "simulate.h"

#include <math.h>
#include <stdlib.h>

#include "lightcone/memory.h"
#include "lightcone/random.h"

enum kind { WORD, ANSWER, WAKE, SHARED, RESUME };
enum { ASKS = 1, IDLE = 2, LEAVES = 4 }; /* what a worker's word says, as bits */

struct event {
    double time;
    int64_t order;      /* of events at one time: first come, first served */
    int kind, who;      /* who: a rank, or a shared resource */
    int64_t first, end; /* ANSWER: units, none when equal. WORD: first is the word. SHARED: first is the version */
};

struct heap {
    struct event *event;
    int64_t count, room;
};

/* Jobs that share a resource evenly: each gets at most 1 of it, all together at most `capacity`. In virtual time every
 * job takes as long as on its own. */
struct shared {
    struct heap jobs;             /* by the virtual time at which they are done; who: the rank */
    double capacity, virtual, at; /* the virtual time at time `at` */
    int64_t version;              /* of the event for the next end; older ones are void */
};

struct rank {
    int64_t unit, end;      /* under way, and the end of its batch */
    int64_t next, next_end; /* the batch after it; none when equal */
    int64_t pieces;         /* of a working rank 0's unit, still to be done */
    int64_t begun;          /* units so far */
    int over;               /* no batch will come */
    int waits, owed, writes;
    double since;      /* when it began to wait, or to write */
    double said, kept; /* of its last word; of its last segment */
};

struct sim {
    const struct lc_sim_machine *m;
    const struct lc_sim_work *w;
    struct lc_sim_outcome *out;
    struct lc_err *err;
    int64_t ranks, next, order;
    double now, free_at;       /* when rank 0 has served what came */
    int works;                 /* rank 0 has a unit under way */
    struct heap events, queue; /* queue: words that wait for a working rank 0 */
    struct rank *rank;
    struct shared *shared; /* [nodes + 1] the cores of each, and the file system */
    int64_t nodes;
};

static int before(const struct event *a, const struct event *b)
{
    return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static void heap_push(struct sim *s, struct heap *h, struct event e)
{
    int64_t k = h->count;

    if (h->count == h->room) {
        struct event *more = realloc(h->event, (size_t)(2 * h->room + 16) * sizeof *more);
        if (!more) {
            LC_FAIL(s->err, LC_E_MEMORY, "simulation: %lld events do not fit", (long long)(2 * h->room + 16));
            return;
        }
        h->event = more;
        h->room = 2 * h->room + 16;
    }
    e.order = s->order++;
    for (h->count++; k > 0 && before(&e, &h->event[(k - 1) / 2]); k = (k - 1) / 2)
        h->event[k] = h->event[(k - 1) / 2];
    h->event[k] = e;
}

static struct event heap_pop(struct heap *h)
{
    struct event top = h->event[0], last = h->event[--h->count];
    int64_t k = 0, child;

    while ((child = 2 * k + 1) < h->count) {
        child += child + 1 < h->count && before(&h->event[child + 1], &h->event[child]);
        if (before(&last, &h->event[child]))
            break;
        h->event[k] = h->event[child];
        k = child;
    }
    h->event[k] = last;
    return top;
}

static double shared_rate(const struct shared *r)
{
    return fmin(1.0, r->capacity / (double)r->jobs.count);
}

/* The event of the next end, after jobs came or went. */
static void shared_expect(struct sim *s, struct shared *r)
{
    if (r->jobs.count == 0)
        return;
    heap_push(s, &s->events,
              (struct event){.time = s->now + fmax(0.0, r->jobs.event[0].time - r->virtual) / shared_rate(r),
                             .kind = SHARED,
                             .who = (int)(r - s->shared),
                             .first = ++r->version});
}

static void shared_advance(struct sim *s, struct shared *r)
{
    if (r->jobs.count > 0)
        r->virtual += (s->now - r->at) * shared_rate(r);
    r->at = s->now;
}

static void shared_begin(struct sim *s, struct shared *r, int who, double amount)
{
    shared_advance(s, r);
    heap_push(s, &r->jobs, (struct event){.time = r->virtual + amount, .who = who});
    shared_expect(s, r);
}

static int shared_end(struct sim *s, struct shared *r)
{
    int who;

    shared_advance(s, r);
    who = heap_pop(&r->jobs).who;
    shared_expect(s, r);
    return who;
}

static void compute(struct sim *s, int who, double seconds)
{
    shared_begin(s, &s->shared[who / s->m->node_ranks], who, seconds);
}

static void say(struct sim *s, int who, int word)
{
    struct rank *r = &s->rank[who];
    double beats = s->m->beat > 0.0 ? floor((s->now - r->said) / s->m->beat) : 0.0; /* words without a meaning */

    s->out->messages += (int64_t)beats;
    s->out->serving += beats * s->m->service;
    r->said = s->now;
    heap_push(s, &s->events, (struct event){.time = s->now + s->m->latency, .kind = WORD, .who = who, .first = word});
}

/* Rank 0 has dealt with a word at time `when`: hear() of coordinator.c. */
static void hear(struct sim *s, int who, int word, double when)
{
    struct rank *r = &s->rank[who];
    int64_t left = s->w->units - s->next, count;

    s->out->serving += s->m->service;
    s->out->messages++;
    s->out->seconds = fmax(s->out->seconds, when);
    if (word & ASKS)
        r->owed = 1;
    if (!r->owed || !(word & IDLE || left == 0 || left >= s->ranks))
        return;
    count = left == 0 ? 0 : s->w->batch ? s->w->batch(left, s->w->workers) : 1;
    heap_push(s, &s->events,
              (struct event){
                  .time = when + s->m->latency, .kind = ANSWER, .who = who, .first = s->next, .end = s->next + count});
    s->next += count;
    r->owed = 0;
}

/* When somebody who sleeps since `since`, at most `most` at a time, first looks at `now` or later. */
static double wake(const struct lc_sim_machine *m, double since, double now, double most)
{
    double nap = m->nap_least;

    if (nap <= 0.0 || now <= since)
        return fmax(now, since);
    for (; since < now && nap < most; nap = fmin(2.0 * nap, most))
        since += nap;
    return since < now ? since + most * ceil((now - since) / most) : since;
}

static void work_on(struct sim *s);

/* A working rank 0 answers all who wait, and goes on when that is done. */
static void serve_waiting(struct sim *s)
{
    s->free_at = s->now;
    if (s->queue.count == 0) {
        work_on(s);
        return;
    }
    while (s->queue.count > 0) {
        struct event e = heap_pop(&s->queue);
        s->free_at += s->m->service;
        hear(s, e.who, (int)e.first, s->free_at);
    }
    heap_push(s, &s->events, (struct event){.time = s->free_at, .kind = RESUME});
}

/* Rank 0's next piece, or its next unit, or nothing but handing out from now on. */
static void work_on(struct sim *s)
{
    struct rank *r = &s->rank[0];

    if (r->pieces == 0) {
        s->works = s->next < s->w->units;
        if (!s->works)
            return;
        r->unit = s->next++;
        r->pieces = s->w->breaths;
    }
    compute(s, 0, s->w->cost[r->unit] / (double)s->w->breaths);
}

/* take() of worker.c: the next unit, or a word to rank 0 that there is none. */
static void take(struct sim *s, int who)
{
    struct rank *r = &s->rank[who];
    int fresh = r->unit == r->end;

    if (fresh) {
        r->unit = r->next;
        r->end = r->next_end;
        r->next = r->next_end;
    }
    if (r->unit < r->end) {
        s->out->waits += r->begun++ > 0;
        if (fresh && !r->over)
            say(s, who, ASKS);
        compute(s, who, s->w->cost[r->unit]);
    } else {
        r->since = s->now;
        r->waits = !r->over;
        say(s, who, r->over ? LEAVES : IDLE);
    }
}

/* A unit is done, and the segment after it, if there was one. */
static void unit_over(struct sim *s, int who)
{
    s->out->seconds = fmax(s->out->seconds, s->now);
    if (who == 0) {
        serve_waiting(s);
        return;
    }
    s->rank[who].unit++;
    take(s, who);
}

/* lc_keeper_note() */
static void write_or_go_on(struct sim *s, int who)
{
    struct rank *r = &s->rank[who];

    if (s->w->checkpoint_every <= 0.0 || s->now - r->kept < s->w->checkpoint_every) {
        unit_over(s, who);
        return;
    }
    r->writes = 1;
    r->since = s->now;
    shared_begin(s, &s->shared[s->nodes], who, s->w->checkpoint_bytes / s->m->disk_rank);
}

static void on_shared(struct sim *s, const struct event *e)
{
    struct shared *shared = &s->shared[e->who];
    struct rank *r;
    int who;

    if (e->first != shared->version)
        return;
    who = shared_end(s, shared);
    r = &s->rank[who];
    if (r->writes) {
        r->writes = 0;
        r->kept = s->now;
        s->out->writing += s->now - r->since;
        unit_over(s, who);
    } else if (who == 0 && --r->pieces > 0) {
        serve_waiting(s);
    } else {
        write_or_go_on(s, who);
    }
}

static void on_answer(struct sim *s, const struct event *e)
{
    struct rank *r = &s->rank[e->who];

    r->next = e->first;
    r->next_end = e->end;
    r->over = e->first == e->end;
    if (r->waits)
        heap_push(s, &s->events,
                  (struct event){.time = wake(s->m, r->since, s->now, s->m->nap_most), .kind = WAKE, .who = e->who});
}

static void on_wake(struct sim *s, int who)
{
    struct rank *r = &s->rank[who];

    r->waits = 0;
    if (r->begun > 0 && r->next < r->next_end)
        s->out->wait += s->now - r->since;
    take(s, who);
}

static void on_word(struct sim *s, const struct event *e)
{
    if (s->works) {
        heap_push(s, &s->queue, *e);
        return;
    }
    s->free_at = wake(s->m, s->free_at, s->now, s->m->nap_most) + s->m->service;
    hear(s, e->who, (int)e->first, s->free_at);
}

static void run_events(struct sim *s)
{
    while (s->events.count > 0 && s->err->code == LC_OK) {
        struct event e = heap_pop(&s->events);
        s->now = e.time;
        if (e.kind == WORD)
            on_word(s, &e);
        else if (e.kind == ANSWER)
            on_answer(s, &e);
        else if (e.kind == WAKE)
            on_wake(s, e.who);
        else if (e.kind == SHARED)
            on_shared(s, &e);
        else
            serve_waiting(s);
    }
}

static void begin(struct sim *s)
{
    for (int64_t k = 0; k < s->nodes; k++)
        s->shared[k].capacity = s->m->node_cores;
    s->shared[s->nodes].capacity = s->m->disk / s->m->disk_rank;
    for (int64_t k = 0; k < s->w->units; k++)
        s->out->work += s->w->cost[k];
    for (int64_t r = 1; r < s->ranks; r++) {
        say(s, (int)r, ASKS);
        take(s, (int)r);
    }
    s->works = s->w->workers == s->ranks;
    if (s->works)
        heap_push(s, &s->events, (struct event){.kind = RESUME});
}

/* Rank 0 tells all that it is over, and they look. */
static void end(struct sim *s)
{
    double told = s->out->seconds + s->m->service * (double)(s->ranks - 1);

    if (s->ranks == 1)
        return;
    s->out->seconds = told;
    for (int64_t r = 1; r < s->ranks; r++)
        s->out->seconds = fmax(s->out->seconds, wake(s->m, s->rank[r].since, told + s->m->latency, s->m->nap_last));
}

int lc_simulate(const struct lc_sim_machine *machine, const struct lc_sim_work *work, int64_t ranks,
                struct lc_sim_outcome *out, struct lc_err *err)
{
    struct sim s = {.m = machine, .w = work, .out = out, .err = err, .ranks = ranks};
    double each = work->checkpoint_bytes / machine->disk_rank,
           all = work->checkpoint_bytes * (double)ranks / machine->disk;
    int rc;

    *out = (struct lc_sim_outcome){0};
    s.nodes = (ranks + machine->node_ranks - 1) / machine->node_ranks;
    LC_TRY(rc, LC_ALLOC(&s.rank, ranks, "simulated ranks", err));
    LC_TRY(rc, LC_ALLOC(&s.shared, s.nodes + 1, "simulated nodes", err));
    begin(&s);
    run_events(&s);
    end(&s);
    if (work->checkpoint_every > 0.0 && out->seconds > work->checkpoint_every)
        out->flush = fmax(each, all);
    rc = err->code;
done:
    for (int64_t k = 0; s.shared && k <= s.nodes; k++)
        free(s.shared[k].jobs.event);
    free(s.shared);
    free(s.rank);
    free(s.events.event);
    free(s.queue.event);
    return rc;
}

static double uniform(uint64_t seed, uint64_t counter)
{
    return ((double)(lc_random_bits(seed, 0, counter) >> 11) + 0.5) * 0x1p-53;
}

void lc_sim_spread(double *cost, int64_t units, double spread, uint64_t seed)
{
    double sigma = sqrt(log1p(spread * spread)), turn = 2.0 * acos(-1.0);

    for (int64_t k = 0; k < units; k++) { /* Box and Muller */
        double u = uniform(seed, 2 * (uint64_t)k), v = uniform(seed, 2 * (uint64_t)k + 1);
        cost[k] *= exp(sigma * sqrt(-2.0 * log(u)) * cos(turn * v) - 0.5 * sigma * sigma);
    }
}

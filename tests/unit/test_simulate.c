/* The simulated hand-out against answers known without it, and against a second simulation that goes through time in
 * small steps and knows no events. */
#include <math.h>
#include <stdlib.h>

#include "../../src/plan/simulate.h"
#include "check.h"
#include "lightcone/handout.h"
#include "lightcone/memory.h"
#include "lightcone/random.h"

enum { MOST = 512 };

/* Messages take no time, a node has cores for all. */
static const struct lc_sim_machine ideal = {
    .node_ranks = 1 << 20, .node_cores = 1 << 20, .disk = 1.0, .disk_rank = 1.0};

static struct lc_sim_outcome simulate(const struct lc_sim_machine *m, const struct lc_sim_work *w, int64_t ranks)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_sim_outcome out;

    check(lc_simulate(m, w, ranks, &out, &err), &err);
    return out;
}

static void near(double found, double expected, double tolerance, int line)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("line %d: %.9g, not %.9g within %.3g", line, found, expected, tolerance);
}
#define NEAR(found, expected, tolerance) near(found, expected, tolerance, __LINE__)

/* Ideal hand-out of these costs to so many workers beside rank 0. */
static double makespan(const double *cost, int64_t units, int64_t workers)
{
    const struct lc_sim_work w = {.cost = cost, .units = units, .workers = workers, .breaths = 1};

    return simulate(&ideal, &w, workers + 1).seconds;
}

static void equal_units_take_as_many_rounds_as_it_needs(void **state)
{
    double cost[MOST];

    (void)state;
    for (int k = 0; k < MOST; k++)
        cost[k] = 0.25;
    for (int64_t units = 1; units <= 100; units += 3)
        for (int64_t workers = 1; workers <= 40; workers++)
            NEAR(makespan(cost, units, workers), ceil((double)units / (double)workers) * 0.25, 1e-9);
}

/* Rank 0 works too: alone, and with others, which it answers when it looks up. */
static void a_working_rank_0_counts(void **state)
{
    double cost[MOST];
    struct lc_sim_work w = {.cost = cost, .units = 96, .breaths = 100};

    (void)state;
    for (int k = 0; k < MOST; k++)
        cost[k] = 1.0;
    for (int64_t ranks = 1; ranks <= 8; ranks *= 2) {
        struct lc_sim_outcome out;
        w.workers = ranks;
        out = simulate(&ideal, &w, ranks);
        NEAR(out.seconds, 96.0 / (double)ranks, 0.021); /* two looks, for a first unit and a last one */
        NEAR(out.work, 96.0, 1e-9);
    }
}

/* Jobs in order to whoever is free: Graham 1969, on two machines. Longest first, {3, 3, 2, 2, 2} take 7 where 6 would
 * do; shortest first it is 8. */
static void two_machines_of_a_textbook(void **state)
{
    static const double longest[] = {3, 3, 2, 2, 2}, shortest[] = {1, 2, 3, 4}, falling[] = {4, 3, 2, 1};
    static const double one_long[] = {10, 1, 1, 1, 1}, last_long[] = {1, 1, 1, 5};

    (void)state;
    NEAR(makespan(longest, 5, 2), 7.0, 1e-9);
    NEAR(makespan(shortest, 4, 2), 6.0, 1e-9);
    NEAR(makespan(falling, 4, 2), 5.0, 1e-9);
    NEAR(makespan(last_long, 4, 2), 6.0, 1e-9);
    /* what asking ahead costs: the third unit lies behind the long one, since three were left when it was given */
    NEAR(makespan(one_long, 5, 2), 11.0, 1e-9);
}

/* No schedule is shorter than these two, and a list without batches is longer by no more than two units a worker. */
static void bounds_of_any_schedule(void **state)
{
    double cost[MOST], sum = 0.0, longest = 0.0;

    (void)state;
    for (int k = 0; k < MOST; k++)
        cost[k] = 1.0;
    lc_sim_spread(cost, MOST, 0.5, 7);
    for (int k = 0; k < MOST; k++) {
        sum += cost[k];
        longest = fmax(longest, cost[k]);
    }
    NEAR(sum / MOST, 1.0, 0.07); /* three standard errors */
    for (int64_t workers = 1; workers < 1000; workers = 2 * workers + 1) {
        double seconds = makespan(cost, MOST, workers);
        assert_true(seconds >= sum / (double)workers - 1e-9 && seconds >= longest - 1e-9);
        assert_true(seconds <= sum / (double)workers + 2.0 * longest);
    }
}

static int64_t batches_of_16(int64_t left, int64_t workers)
{
    (void)workers;
    return left < 16 ? left : 16;
}

/* 50 workers whose units take less than rank 0 needs to answer them all: it is never idle, and batches free it. */
static void one_coordinator_is_a_limit(void **state)
{
    double cost[MOST];
    struct lc_sim_machine m = ideal;
    struct lc_sim_work w = {.cost = cost, .units = MOST, .workers = 50, .breaths = 1};
    struct lc_sim_outcome out;

    (void)state;
    m.service = 0.01;
    for (int k = 0; k < MOST; k++)
        cost[k] = 0.1;
    out = simulate(&m, &w, 51);
    assert_true(out.messages >= MOST + 50);
    NEAR(out.serving, (double)out.messages * m.service, 1e-9);
    NEAR(out.seconds, out.serving + 50 * m.service, 0.1 + m.service); /* and tells all that it is over */
    w.workers = 4;                                                    /* within its power */
    NEAR(simulate(&m, &w, 5).seconds, MOST * 0.1 / 4.0, 0.1 * MOST * 0.1 / 4.0);
    w.workers = 50;
    w.batch = batches_of_16;
    assert_true(simulate(&m, &w, 51).messages < MOST / 16 + 4 * 50);
}

/* Units of 1 ms on 4096 ranks, 128 for each: rank 0, which needs 2 us for a message, can keep 500 workers busy one by
 * one. A worker whose answer is late says so, so that there are two messages for a unit then. */
static void batches_lift_the_limit(void **state)
{
    enum { RANKS = 4096, UNITS = 128 * (RANKS - 1) };
    struct lc_sim_machine m = ideal;
    struct lc_sim_work w = {.units = UNITS, .workers = RANKS - 1, .breaths = 1};
    struct lc_sim_outcome single, batches;
    struct lc_err err = LC_ERR_INIT;
    double *cost;

    (void)state;
    check(LC_ALLOC(&cost, UNITS, "costs", &err), &err);
    for (int64_t k = 0; k < UNITS; k++)
        cost[k] = 1e-3;
    w.cost = cost;
    m.latency = 3e-6;
    m.service = 2e-6;
    single = simulate(&m, &w, RANKS);
    w.batch = lc_handout_batch;
    batches = simulate(&m, &w, RANKS);
    free(cost);
    NEAR(single.serving / single.seconds, 1.0, 0.02);
    NEAR(single.seconds, 2.0 * UNITS * m.service, 0.05 * UNITS * m.service);
    assert_true(batches.seconds < single.seconds / 5.0);
    assert_true(batches.messages < single.messages / 5);
}

/* Ranks that share a core each get their part of it. */
static void cores_are_shared(void **state)
{
    static const double rising[] = {1, 2, 3}, equal[] = {1, 1, 1, 1, 1, 1, 1, 1};
    struct lc_sim_machine m = ideal;
    struct lc_sim_work w = {.cost = equal, .units = 8, .workers = 8, .breaths = 1};

    (void)state;
    m.node_cores = 2;
    NEAR(simulate(&m, &w, 9).seconds, 4.0, 1e-9);
    m.node_ranks = 3; /* ranks 0 to 2, 3 to 5, 6 to 8: three workers to two cores at most */
    NEAR(simulate(&m, &w, 9).seconds, 1.5, 1e-9);
    w = (struct lc_sim_work){.cost = rising, .units = 3, .workers = 3, .breaths = 1};
    m.node_ranks = 4;
    m.node_cores = 1;
    NEAR(simulate(&m, &w, 4).seconds, 6.0, 1e-9);
    m.node_cores = 2; /* all at 2/3 until 1.5, then two on a core each: 1 and 2 are left */
    NEAR(simulate(&m, &w, 4).seconds, 3.5, 1e-9);
}

/* A rank writes at the end of the first unit after its time has come. */
static void checkpoints_take_their_time(void **state)
{
    static const double equal[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    struct lc_sim_machine m = ideal;
    struct lc_sim_work w = {
        .cost = equal, .units = 7, .workers = 1, .breaths = 1, .checkpoint_every = 2.5, .checkpoint_bytes = 0.5};
    struct lc_sim_outcome out = simulate(&m, &w, 1);

    (void)state;
    NEAR(out.seconds, 8.0, 1e-9); /* after the third and the sixth */
    NEAR(out.writing, 1.0, 1e-9);
    NEAR(out.flush, 0.5, 1e-9);
    w.units = 12;
    w.workers = 4; /* beside rank 0: all four write when their three units are done, at a quarter of the speed */
    out = simulate(&m, &w, 5);
    NEAR(out.seconds, 5.0, 1e-9);
    m.disk = 4.0;
    NEAR(simulate(&m, &w, 5).seconds, 3.5, 1e-9);
    w.checkpoint_every = 0.0;
    out = simulate(&m, &w, 5);
    NEAR(out.seconds, 3.0, 1e-9);
    NEAR(out.flush + out.writing, 0.0, 0.0);
}

/* The last units go to who is idle: there a worker waits for its word, rank 0 and the answer, and for its naps. */
static void waiting_takes_two_messages(void **state)
{
    static const double equal[] = {1, 1, 1, 1};
    struct lc_sim_machine m = ideal;
    const struct lc_sim_work w = {.cost = equal, .units = 4, .workers = 1, .breaths = 1};
    struct lc_sim_outcome out;

    (void)state;
    m.latency = 0.25;
    m.service = 0.125;
    out = simulate(&m, &w, 2);
    assert_int_equal(out.waits, 3);
    NEAR(out.wait, 0.625, 1e-9); /* three of four are given ahead: two ranks, and one is left at the end */
    m.nap_least = m.nap_most = m.nap_last = 1.0;
    assert_true(simulate(&m, &w, 2).wait >= 1.0);
    m.beat = 0.3;
    assert_true(simulate(&m, &w, 2).messages >= out.messages + 4 * 3);
}

static void the_same_every_time(void **state)
{
    double a[MOST], b[MOST];
    struct lc_sim_machine m = ideal;
    struct lc_sim_work w = {.cost = a, .units = MOST, .workers = 30, .breaths = 3};
    struct lc_sim_outcome one, two;

    (void)state;
    for (int k = 0; k < MOST; k++)
        a[k] = b[k] = 0.5;
    lc_sim_spread(a, MOST, 0.3, 1);
    lc_sim_spread(b, MOST / 2, 0.3, 1);
    assert_memory_equal(a, b, MOST / 2 * sizeof *a);
    m.node_ranks = 4;
    m.node_cores = 3;
    m.latency = 1e-3;
    m.service = 1e-3;
    one = simulate(&m, &w, 31);
    two = simulate(&m, &w, 31);
    assert_memory_equal(&one, &two, sizeof one);
}

/* --- the same rules, step by step
 * ----------------------------------------------------------------------------------------- */

enum { STEP_RANKS = 12, STEP_MESSAGES = 4096 };
static const double step = 4e-6;

struct letter {
    double due;
    int to, from, ask, idle, leave;
    int64_t first, count;
};

struct person {
    double left; /* of its unit, seconds; below 0 by what it was too late */
    int works, over, waits, owed, gone, begun;
    int64_t unit, batch, next, next_count; /* under way; what is left of the batch behind it; the batch after */
    double since, look;                    /* rank 0: seconds of work until it looks up */
};

struct office {
    const struct lc_sim_machine *m;
    const struct lc_sim_work *w;
    int ranks;
    struct person p[STEP_RANKS];
    struct letter letter[STEP_MESSAGES], inbox[STEP_MESSAGES];
    int letters, inboxes, gone, messages;
    int64_t next;
    double now, busy_until, wait, end;
};

static void send(struct office *o, struct letter l)
{
    assert_true(o->letters < STEP_MESSAGES);
    o->letter[o->letters++] = l;
}

static void person_next(struct office *o, int r)
{
    struct person *p = &o->p[r];
    struct letter word = {.due = o->now + o->m->latency, .to = 0, .from = r};
    int fresh = p->batch == 0;

    if (fresh) {
        p->unit = p->next - 1;
        p->batch = p->next_count;
        p->next_count = 0;
    }
    p->works = p->batch > 0;
    p->waits = !p->works && !p->over;
    if (p->works) {
        p->begun = 1;
        p->unit++;
        p->batch--;
        p->left += o->w->cost[p->unit];
        word.ask = fresh && !p->over;
        if (word.ask)
            send(o, word);
        return;
    }
    p->left = 0.0;
    p->since = o->now;
    word.idle = !p->over;
    word.leave = p->over;
    send(o, word);
}

static void read_word(struct office *o, const struct letter *l)
{
    struct person *p = &o->p[l->from];
    int64_t left = o->w->units - o->next, count;

    o->busy_until = fmax(o->busy_until, o->now) + o->m->service;
    o->messages++;
    o->gone += l->leave;
    o->end = o->busy_until;
    p->owed |= l->ask;
    if (!p->owed || (!l->idle && left > 0 && left < o->ranks))
        return;
    count = left == 0 ? 0 : o->w->batch ? o->w->batch(left, o->w->workers) : 1;
    send(o, (struct letter){.due = o->busy_until + o->m->latency, .to = l->from, .first = o->next, .count = count});
    o->next += count;
    p->owed = 0;
}

static void read_answer(struct office *o, const struct letter *l)
{
    struct person *p = &o->p[l->to];

    p->next = l->first;
    p->next_count = l->count;
    p->over = l->count == 0;
    if (!p->waits)
        return;
    if (p->begun && l->count > 0)
        o->wait += o->now - p->since;
    person_next(o, l->to);
}

/* What has arrived by now, in the order in which it was sent. */
static void deliver(struct office *o)
{
    for (int k = 0; k < o->letters; k++) {
        struct letter l = o->letter[k];
        if (l.due > o->now)
            continue;
        for (int j = k--; j + 1 < o->letters; j++)
            o->letter[j] = o->letter[j + 1];
        o->letters--;
        if (l.to == 0)
            o->inbox[o->inboxes++] = l;
        else
            read_answer(o, &l);
    }
}

static void read_inbox(struct office *o)
{
    while (o->inboxes > 0 && o->busy_until <= o->now) {
        struct letter l = o->inbox[0];
        for (int j = 0; j + 1 < o->inboxes; j++)
            o->inbox[j] = o->inbox[j + 1];
        o->inboxes--;
        read_word(o, &l);
    }
}

/* Rank 0's own work: it reads only between its pieces. */
static void first_next(struct office *o)
{
    struct person *p = &o->p[0];

    read_inbox(o);
    if (o->inboxes > 0 || o->busy_until > o->now)
        return;
    if (p->unit >= 0 && p->batch > 0) {
        p->batch--;
    } else if (o->next < o->w->units) {
        p->unit = o->next++;
        p->batch = o->w->breaths - 1;
    } else {
        p->gone = 1;
        return;
    }
    p->works = 1;
    p->left += o->w->cost[p->unit] / (double)o->w->breaths;
}

static void go_on(struct office *o)
{
    int working = 0;
    double rate;

    for (int r = 0; r < o->ranks; r++)
        working += o->p[r].works;
    rate = fmin(1.0, o->m->node_cores / (double)(working > 0 ? working : 1));
    for (int r = 0; r < o->ranks; r++) {
        struct person *p = &o->p[r];
        if (!p->works)
            continue;
        p->left -= step * rate;
        if (p->left > 0.0)
            continue;
        p->works = 0;
        o->end = fmax(o->end, o->now + step);
        if (r > 0)
            person_next(o, r);
    }
}

static void run_office(struct office *o)
{
    int boss_works = o->w->workers == o->ranks;

    for (int r = 0; r < o->ranks; r++)
        o->p[r].unit = -1;
    for (int r = 1; r < o->ranks; r++) {
        send(o, (struct letter){.due = o->m->latency, .from = r, .ask = 1});
        person_next(o, r);
    }
    o->p[0].gone = !boss_works;
    while (o->gone < o->ranks - 1 || !o->p[0].gone) {
        deliver(o);
        if (o->p[0].gone)
            read_inbox(o);
        else if (!o->p[0].works)
            first_next(o);
        go_on(o);
        o->now += step;
    }
}

static int64_t half(int64_t left, int64_t workers)
{
    return left > 2 * workers ? left / (2 * workers) : 1;
}

/* Random units, ranks, cores and figures. Steps end a little late, and so does what hangs on them. */
static void compare(uint64_t seed)
{
    static struct office office;
    double cost[60], end;
    struct lc_sim_machine m = ideal;
    struct lc_sim_work w = {.cost = cost,
                            .units = 10 + (int64_t)lc_random_below(seed, 1, 0, 50),
                            .breaths = 1 + (int64_t)lc_random_below(seed, 1, 1, 4)};
    int64_t ranks = 2 + (int64_t)lc_random_below(seed, 1, 2, STEP_RANKS - 2);
    struct lc_sim_outcome out;

    for (int k = 0; k < 60; k++)
        cost[k] = 0.2;
    lc_sim_spread(cost, 60, 0.6, seed);
    m.latency = 1e-3 * (0.1370 + (double)lc_random_below(seed, 1, 3, 20)); /* no two things at one time */
    m.service = 1e-3 * (0.2917 + (double)lc_random_below(seed, 1, 4, 20));
    m.node_cores = (double)(1 + lc_random_below(seed, 1, 5, 12));
    w.workers = seed % 2 ? ranks : ranks - 1;
    w.batch = seed % 3 ? half : NULL;
    out = simulate(&m, &w, ranks);
    office = (struct office){.m = &m, .w = &w, .ranks = (int)ranks};
    run_office(&office);
    end = office.end + (double)(ranks - 1) * m.service + m.latency;
    if (fabs(out.seconds - end) > 0.002 || fabs(out.wait - office.wait) > 0.01 || out.messages != office.messages)
        fail_msg("case %d: %.5f s, %.5f waited, %d messages; step by step %.5f, %.5f, %d", (int)seed, out.seconds,
                 out.wait, (int)out.messages, end, office.wait, office.messages);
}

static void a_second_simulation_agrees(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++)
        compare(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_units_take_as_many_rounds_as_it_needs),
        cmocka_unit_test(a_working_rank_0_counts),
        cmocka_unit_test(two_machines_of_a_textbook),
        cmocka_unit_test(bounds_of_any_schedule),
        cmocka_unit_test(one_coordinator_is_a_limit),
        cmocka_unit_test(batches_lift_the_limit),
        cmocka_unit_test(cores_are_shared),
        cmocka_unit_test(checkpoints_take_their_time),
        cmocka_unit_test(waiting_takes_two_messages),
        cmocka_unit_test(the_same_every_time),
        cmocka_unit_test(a_second_simulation_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

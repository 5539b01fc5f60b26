/* NP: 1 2 3 5 9 16 - every unit once, on whatever rank; a failure ends all ranks with one error. From 9 ranks
 * on, rank 0 only hands out. */
#include "mpi_fixture.h"

#include <signal.h>
#include <time.h>

#include "lightcone/handout.h"

enum { MOST = 300, NEVER = -1 };

/* What this rank did, and where it shall fail. */
struct log {
    int done[MOST], breaths;
    int fail_unit, fail_rank; /* unit that fails wherever it is done; rank whose first unit fails */
    int signal_unit;          /* unit during which the rank gets SIGUSR1 */
    int stop_rank, stop_after; /* rank that shall stop after so many units */
    int began;
    int64_t told, calls; /* progress on rank 0 */
};

static struct log fresh(void)
{
    return (struct log){.fail_unit = NEVER, .fail_rank = NEVER, .signal_unit = NEVER, .stop_rank = NEVER};
}

static int do_unit(void *arg, int64_t unit, void (*breathe)(void *), void *breathe_arg, struct lc_err *err)
{
    struct timespec nap = {.tv_nsec = 100000 * (1 + unit % 4)};
    struct log *log = arg;

    REQUIRE(err->code == LC_OK);
    REQUIRE(unit >= 0 && unit < MOST);
    log->began++;
    for (int i = 0; i < 3; i++) {
        nanosleep(&nap, NULL);
        if (breathe)
            breathe(breathe_arg);
        log->breaths += breathe != NULL;
    }
    if (unit == log->signal_unit)
        raise(SIGUSR1);
    if (unit == log->fail_unit || par.rank == log->fail_rank)
        return LC_FAIL(err, LC_E_NUMERIC, "unit %d on rank %d failed", (int)unit, par.rank);
    log->done[unit]++;
    return LC_OK;
}

static void progress(void *arg, const struct lc_handout_state *s)
{
    struct log *log = arg;
    int busy = 0;

    REQUIRE(par.rank == 0);
    REQUIRE(s->done >= log->told && s->done <= s->units);
    for (int r = 0; r < par.size; r++) {
        REQUIRE(s->rank[r].unit >= -1 && s->rank[r].unit < s->units);
        busy += s->rank[r].unit != -1;
    }
    REQUIRE(s->busy == busy && busy <= s->workers && s->workers == (par.size <= 8 ? par.size : par.size - 1));
    log->told = s->done;
    log->calls++;
}

static int stop(void *arg, struct lc_err *err)
{
    const struct log *log = arg;

    if (par.rank == log->stop_rank && log->began >= log->stop_after)
        return LC_FAIL(err, LC_E_STOPPED, "rank %d has done enough", par.rank);
    return LC_OK;
}

static int run(struct log *log, int64_t units, struct lc_err *err)
{
    /* with a watch: no rank here is silent */
    struct lc_handout h = {.units = units, .work = do_unit, .arg = log, .progress = progress, .progress_arg = log,
                           .stop = stop, .patience = 60.0};
    int rc;

    *err = (struct lc_err)LC_ERR_INIT;
    rc = lc_handout_run(&par, &h, err);
    REQUIRE(rc == err->code);
    return rc;
}

/* The same bytes on all ranks? */
static int same_everywhere(const void *data, size_t size)
{
    unsigned char first[sizeof(struct lc_err)];
    int same;

    memcpy(first, data, size);
    MPI_Bcast(first, (int)size, MPI_BYTE, 0, par.comm);
    same = memcmp(first, data, size) == 0;
    MPI_Allreduce(MPI_IN_PLACE, &same, 1, MPI_INT, MPI_MIN, par.comm);
    return same;
}

static int sum_over_ranks(int x)
{
    MPI_Allreduce(MPI_IN_PLACE, &x, 1, MPI_INT, MPI_SUM, par.comm);
    return x;
}

static void every_unit_once(void **state)
{
    static const int64_t units[] = {0, 1, 2, 3, 4, 7, 10, MOST};

    (void)state;
    for (int k = 0; k < 8; k++) {
        struct log log = fresh();
        struct lc_err err;
        REQUIRE(run(&log, units[k], &err) == LC_OK);
        for (int u = 0; u < MOST; u++)
            REQUIRE(sum_over_ranks(log.done[u]) == (u < units[k]));
        REQUIRE(par.rank > 0 || log.told == units[k]); /* the last word is that all is done */
        REQUIRE(par.size > 8 || par.rank > 0 || units[k] < MOST || log.began > 0);
        REQUIRE(par.size <= 8 || par.rank > 0 || log.began == 0);
    }
}

static void a_unit_fails(void **state)
{
    static const int unit[] = {0, 1, 2, 9, MOST - 1};

    (void)state;
    for (int k = 0; k < 5; k++) {
        struct log log = fresh();
        struct lc_err err;
        char expected[64];
        log.fail_unit = unit[k];
        REQUIRE(run(&log, k < 4 ? 10 : MOST, &err) == LC_E_NUMERIC);
        REQUIRE(same_everywhere(&err, sizeof err));
        snprintf(expected, sizeof expected, "unit %d on rank ", unit[k]);
        REQUIRE(strncmp(err.msg, expected, strlen(expected)) == 0);
        for (int u = 0; u < MOST; u++)
            REQUIRE(sum_over_ranks(log.done[u]) <= (u != unit[k]));
    }
}

static void a_rank_fails(void **state)
{
    (void)state;
    for (int rank = 0; rank < par.size; rank++) {
        struct log log = fresh();
        struct lc_err err;
        int rc, began;
        log.fail_rank = rank;
        rc = run(&log, MOST, &err);
        began = sum_over_ranks(par.rank == rank ? log.began : 0);
        REQUIRE(began <= 1); /* a rank that has failed begins nothing more */
        REQUIRE(rc == (began ? LC_E_NUMERIC : LC_OK));
        REQUIRE(!began || (err.rank == rank && same_everywhere(&err, sizeof err)));
    }
}

static void all_ranks_fail(void **state)
{
    struct log log = fresh();
    struct lc_err err;

    (void)state;
    log.fail_rank = par.rank;
    REQUIRE(run(&log, MOST, &err) == LC_E_NUMERIC);
    REQUIRE(same_everywhere(&err, sizeof err));
    REQUIRE(log.began <= 1);
}

/* Whoever stops, the others begin no other unit of the batches they hold; what was begun is done. */
static void a_rank_stops_within_its_batch(void **state)
{
    (void)state;
    for (int rank = 0; rank < par.size; rank++) {
        struct log log = fresh();
        struct lc_err err;
        int done = 0, all;
        log.stop_rank = rank;
        log.stop_after = 2;
        REQUIRE(run(&log, MOST, &err) == (rank == 0 && par.size > 8 ? LC_OK : LC_E_STOPPED));
        for (int u = 0; u < MOST; u++) {
            REQUIRE(sum_over_ranks(log.done[u]) <= 1);
            done += log.done[u];
        }
        REQUIRE(done == log.began);
        REQUIRE(par.rank != rank || done <= 2 || err.code == LC_OK);
        all = sum_over_ranks(done);
        REQUIRE(err.code == LC_OK ? all == MOST : all < MOST);
        REQUIRE(same_everywhere(&err, sizeof err));
    }
}

static void batches_shrink_to_one(void **state)
{
    const int64_t workers[] = {1, 2, 15, 4095};

    (void)state;
    for (int k = 0; k < 4; k++) {
        int64_t left = 1000000, last = INT64_MAX, asks = 0;
        REQUIRE(lc_handout_batch(0, workers[k]) == 0);
        for (; left > 0; asks++) {
            int64_t batch = lc_handout_batch(left, workers[k]);
            REQUIRE(batch >= 1 && batch <= left && batch <= last);
            REQUIRE(batch == 1 || batch * workers[k] * 4 <= left);
            left -= last = batch;
        }
        REQUIRE(last == 1);
        REQUIRE(asks < 100000); /* ten times fewer than units */
    }
}

/* A run after a failed one starts afresh: no message of the old one is left over. */
static void a_run_after_a_failure(void **state)
{
    struct log log = fresh();
    struct lc_err err;

    (void)state;
    REQUIRE(run(&log, 50, &err) == LC_OK);
    for (int u = 0; u < 50; u++)
        REQUIRE(sum_over_ranks(log.done[u]) == 1);
    REQUIRE(par.size > 8 || par.rank > 0 || log.breaths > 0);
}

/* Last: the signal stays noted. */
static void a_signal_stops_all(void **state)
{
    struct log log = fresh();
    struct lc_err err;
    int done = 0;

    (void)state;
    lc_handout_catch_signals();
    log.signal_unit = 3;
    REQUIRE(run(&log, MOST, &err) == LC_E_STOPPED);
    REQUIRE(same_everywhere(&err, sizeof err));
    REQUIRE(strstr(err.msg, "signal"));
    for (int u = 0; u < MOST; u++)
        done += log.done[u];
    REQUIRE(sum_over_ranks(done) < MOST);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_unit_once),       cmocka_unit_test(a_unit_fails),
    cmocka_unit_test(a_rank_fails),          cmocka_unit_test(all_ranks_fail),
    cmocka_unit_test(a_run_after_a_failure), cmocka_unit_test(a_rank_stops_within_its_batch),
    cmocka_unit_test(batches_shrink_to_one), cmocka_unit_test(a_signal_stops_all),
};

MPI_TEST_MAIN(tests)

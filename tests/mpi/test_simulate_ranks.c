/* NP: 1 2 8 12
 * The simulated hand-out beside the real one. Units sleep instead of computing, so that ranks need no core and a busy
 * machine matters little; what every unit took in truth is what the simulation is given. */
#include <math.h>
#include <time.h>

#include "../../src/plan/simulate.h"
#include "lightcone/clock.h"
#include "lightcone/handout.h"
#include "mpi_fixture.h"

enum { UNITS_A_RANK = 12, MOST = 12 * UNITS_A_RANK, LOOKS = 4 };

struct day {
    double planned[MOST], took[MOST]; /* seconds of each unit */
};

static int sleep_unit(void *arg, int64_t unit, void (*breathe)(void *), void *breathe_arg, struct lc_err *err)
{
    struct day *day = arg;
    double begin = lc_seconds();
    struct timespec nap = {.tv_nsec = (long)(day->planned[unit] / LOOKS * 1e9)};

    (void)err;
    for (int k = 0; k < LOOKS; k++) {
        nanosleep(&nap, NULL);
        if (k + 1 < LOOKS)
            breathe(breathe_arg);
    }
    day->took[unit] = lc_seconds() - begin;
    return LC_OK;
}

/* Seconds of the hand-out, from when all are there to when all have left. */
static double hand_out(struct day *day, int64_t units)
{
    const struct lc_handout h = {.units = units, .work = sleep_unit, .arg = day};
    struct lc_err err = LC_ERR_INIT;
    double begin;

    MPI_Barrier(par.comm);
    begin = lc_seconds();
    REQUIRE(lc_handout_run(&par, &h, &err) == LC_OK);
    begin = lc_seconds() - begin;
    MPI_Allreduce(MPI_IN_PLACE, day->took, (int)units, MPI_DOUBLE, MPI_SUM, par.comm);
    MPI_Bcast(&begin, 1, MPI_DOUBLE, 0, par.comm);
    return begin;
}

static double simulate(const struct day *day, int64_t units)
{
    const struct lc_sim_machine m = {.node_ranks = par.size,
                                     .node_cores = par.size,
                                     .latency = 2e-6,
                                     .service = 2e-6,
                                     .nap_least = 20e-6,
                                     .nap_most = 1e-3,
                                     .nap_last = 10e-3,
                                     .disk = 1.0,
                                     .disk_rank = 1.0};
    const struct lc_sim_work w = {.cost = day->took,
                                  .units = units,
                                  .workers = lc_handout_workers(par.size),
                                  .batch = lc_handout_batch,
                                  .breaths = LOOKS};
    struct lc_sim_outcome out;
    struct lc_err err = LC_ERR_INIT;

    REQUIRE(lc_simulate(&m, &w, par.size, &out, &err) == LC_OK);
    return out.seconds;
}

/* Units of 50 ms, some of twice that. Whoever is late by chance may make another do a unit, so that a unit is the
 * measure of what cannot be foreseen; the best of three days counts. */
static void real_and_simulated_agree(void **state)
{
    int64_t units = UNITS_A_RANK * lc_handout_workers(par.size);
    double least = INFINITY;

    (void)state;
    for (int attempt = 0; attempt < 3; attempt++) {
        struct day day = {0};
        double real, simulated;
        for (int64_t k = 0; k < units; k++)
            day.planned[k] = 0.05;
        lc_sim_spread(day.planned, units, 0.5, (uint64_t)attempt);
        real = hand_out(&day, units);
        simulated = simulate(&day, units);
        least = fmin(least, fabs(simulated / real - 1.0));
        if (par.rank == 0)
            printf("%d ranks, %d units: %.4f s, simulated %.4f s, %+.2f %%\n", par.size, (int)units, real, simulated,
                   100.0 * (simulated / real - 1.0));
    }
    REQUIRE(least < 0.1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(real_and_simulated_agree),
};

MPI_TEST_MAIN(tests)

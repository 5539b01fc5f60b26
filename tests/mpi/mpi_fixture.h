/* mpi_fixture.h - what the MPI tests share. A failed check ends all ranks at once: a rank that merely left
 * its test would leave the others waiting in a collective. */
#ifndef LC_MPI_FIXTURE_H
#define LC_MPI_FIXTURE_H

#include <mpi.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lightcone/comm.h"

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "rank %d of %d: %s:%d: %s\n", par.rank, par.size, __FILE__, __LINE__,            \
                    #condition);                                                                             \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                                    \
        }                                                                                                    \
    } while (0)

static struct lc_comm par;

/* One test program: MPI around cmocka, its report from rank 0 alone. */
#define MPI_TEST_MAIN(tests)                                                                                 \
    int main(int argc, char **argv)                                                                          \
    {                                                                                                        \
        struct lc_err err = LC_ERR_INIT;                                                                     \
        int failed;                                                                                          \
        MPI_Init(&argc, &argv);                                                                              \
        if (lc_comm_init(&par, MPI_COMM_WORLD, &err) != LC_OK)                                               \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                                    \
        if (par.rank > 0 && !freopen("/dev/null", "w", stdout))                                              \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                                    \
        failed = cmocka_run_group_tests(tests, NULL, NULL);                                                  \
        lc_comm_release(&par);                                                                               \
        MPI_Finalize();                                                                                      \
        return failed;                                                                                       \
    }

#endif

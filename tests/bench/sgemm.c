/* sgemm - the GFLOP/s of one core in OpenBLAS sgemm on the products of the jobs, best of several: the peak that the
 * jobs are measured against. Run under mpirun it is the sum over ranks, all computing at once. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lightcone/linalg.h"
#include "lightcone/memory.h"
#include "lightcone/random.h"

enum { LARGEST = 2048, ROUNDS = 12 };

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double best_rate(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c)
{
    double best = 0.0;

    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds(), rate;
        lc_gemm_nn(m, n, k, a, k, b, n, 0.0f, c, n);
        rate = 2.0 * (double)m * (double)n * (double)k / (seconds() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    static const int64_t shape[][3] = {{2048, 2048, 2048}, {1024, 2048, 512}, {1024, 512, 2048}};
    struct lc_err err = LC_ERR_INIT;
    float *m[3];
    double best = 0.0, sum = 0.0;
    int rank;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    lc_blas_single_thread();
    for (int i = 0; i < 3; i++) {
        if (LC_ALLOC(&m[i], LARGEST * LARGEST, "sgemm", &err) != LC_OK)
            MPI_Abort(MPI_COMM_WORLD, 1);
        for (int64_t k = 0; k < LARGEST * LARGEST; k++)
            m[i][k] = (float)(lc_random_bits(1, (uint64_t)i, (uint64_t)k) >> 40) * 0x1p-23f - 1.0f;
    }
    for (int i = 0; i < 3; i++) {
        double rate;
        MPI_Barrier(MPI_COMM_WORLD);
        rate = best_rate(shape[i][0], shape[i][1], shape[i][2], m[0], m[1], m[2]);
        best = rate > best ? rate : best;
    }
    MPI_Reduce(&best, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%.1f\n", sum);
    for (int i = 0; i < 3; i++)
        free(m[i]);
    MPI_Finalize();
    return 0;
}

/* sgemm - the GFLOP/s of one core in OpenBLAS sgemm on a product of the jobs, best of several: the peak that the
 * jobs are measured against. Run under mpirun it is the sum over ranks, all computing at once. */
#include <mpi.h>
#include <stdio.h>

#include "lightcone/linalg.h"

int main(int argc, char **argv)
{
    struct lc_err err = LC_ERR_INIT;
    double best = 0.0, sum = 0.0;
    int rank;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    lc_blas_single_thread();
    MPI_Barrier(MPI_COMM_WORLD);
    if (lc_gemm_rate(&best, LC_PRECISION_FLOAT32, 1.5, &err) != LC_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Reduce(&best, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%.1f\n", sum);
    MPI_Finalize();
    return 0;
}

/* eigen.c - ScaLAPACK counts columns first. What this program holds row-major on a P x Q grid is, for ScaLAPACK, the
 * transposed matrix on the Q x P grid of the same ranks: for a symmetric matrix the same one, and its eigenvectors,
 * ScaLAPACK's columns, are our rows. */
#include "lightcone/eigen.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "scalapack.h"

enum { DESCRIPTION = 9 };

struct solver {
    const struct lc_layout *layout;
    int n, context, desc[DESCRIPTION];
    double *a, *value, *vector, *work;
    int *integer, work_size, integer_size;
    int info; /* of the last call */
};

/* Eigenvalues alone by the QL method on the tridiagonal form, with vectors by divide and conquer, which has no other
 * way. */
static void call(struct solver *s)
{
    const int one = 1;

    if (s->vector)
        pdsyevd_("V", "U", &s->n, s->a, &one, &one, s->desc, s->value, s->vector, &one, &one, s->desc, s->work,
                 &s->work_size, s->integer, &s->integer_size, &s->info);
    else
        pdsyev_("N", "U", &s->n, s->a, &one, &one, s->desc, s->value, NULL, &one, &one, s->desc, s->work, &s->work_size,
                &s->info);
}

static int check_info(const struct solver *s, const char *what, struct lc_err *err)
{
    if (s->info < 0)
        return LC_FAIL(err, LC_E_LIBRARY, "ScaLAPACK: %s refuses its argument %d", what, -s->info);
    if (s->info > 0)
        return LC_FAIL(err, LC_E_NUMERIC, "ScaLAPACK: %s: the eigenvalues of a matrix of %d rows do not converge (%d)",
                       what, s->n, s->info);
    return LC_OK;
}

/* pdsyevd asks for less than its pdormtr, one level down, then wants where blocks are large beside the matrix. */
static double missing_work(const struct lc_layout *l)
{
    double block = (double)l->row.block;

    return 2.0 * (double)l->row.n + (double)(l->rows + l->cols + 2 * l->row.block) * block + block * block;
}

/* The size of the work space, asked for and checked; then the space. */
static int prepare(struct solver *s, struct lc_err *err)
{
    double work[2] = {0};
    int integer[2] = {0};
    int rc;

    s->work = work;
    s->integer = integer;
    s->work_size = s->integer_size = -1;
    call(s);
    s->work = NULL;
    s->integer = NULL;
    LC_TRY(rc, check_info(s, "the question for work space", err));
    work[0] += missing_work(s->layout);
    if (!(work[0] >= 0.0 && work[0] < (double)INT_MAX))
        LC_TRY(rc, LC_FAIL(err, LC_E_MEMORY,
                           "ScaLAPACK needs %g words of work space; allowed: below 2^31; use more ranks", work[0]));
    s->work_size = (int)work[0] + 1;
    s->integer_size = integer[0] > 0 ? integer[0] : 1;
    LC_TRY(rc, LC_ALLOC(&s->work, s->work_size, "ScaLAPACK", err));
    LC_TRY(rc, LC_ALLOC(&s->integer, s->integer_size, "ScaLAPACK", err));
done:
    return rc;
}

/* The grid and the matrix's description. Collective. */
static int describe(struct solver *s, const struct lc_comm *par, int *map, int handle, struct lc_err *err)
{
    const struct lc_layout *l = s->layout;
    int block = (int)l->row.block, zero = 0, lead = l->cols > 0 ? (int)l->cols : 1;

    for (int r = 0; r < par->size; r++)
        map[r] = r; /* column-major, Q rows: place (q, p) is rank p Q + q */
    s->context = handle;
    Cblacs_gridmap(&s->context, map, l->col.procs, l->col.procs, l->row.procs);
    descinit_(s->desc, &s->n, &s->n, &block, &block, &zero, &zero, &s->context, &lead, &s->info);
    return check_info(s, "descinit", err);
}

/* LAPACK's integers are 32 bits wide, and so are its products of them. */
static int check_size(const struct lc_layout *l, struct lc_err *err)
{
    if (l->row.n > INT_MAX / 8 || l->rows * l->cols > INT_MAX)
        return LC_FAIL(err, LC_E_MEMORY,
                       "the spectrum of %" PRId64 " features: one rank's part of %" PRId64 " x %" PRId64
                       " is beyond LAPACK's 32-bit integers; use more ranks",
                       l->row.n, l->rows, l->cols);
    return LC_OK;
}

static int solve(struct solver *s, const struct lc_comm *par, int *map, struct lc_err *err)
{
    int handle = Csys2blacs_handle(par->comm), rc;

    if (describe(s, par, map, handle, err) == LC_OK)
        prepare(s, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    call(s);
    check_info(s, s->vector ? "pdsyevd" : "pdsyev", err);
    LC_TRY(rc, lc_comm_agree(par, err));
    /* pdsyevd on a matrix of one block gives them to the block's owner only */
    lc_comm_broadcast(par, s->value, s->n * (int64_t)sizeof *s->value);
done:
    free(s->work);
    free(s->integer);
    Cblacs_gridexit(s->context);
    Cfree_blacs_system_handle(handle);
    return rc;
}

int lc_eigen_symmetric(const struct lc_comm *par, const struct lc_layout *layout, double *a, double *value,
                       double *vector, struct lc_err *err)
{
    struct solver s = {.layout = layout, .n = (int)layout->row.n, .a = a, .value = value, .vector = vector};
    int *map = NULL;

    if (check_size(layout, err) == LC_OK)
        LC_ALLOC(&map, par->size, "ScaLAPACK", err);
    if (lc_comm_agree(par, err) == LC_OK && layout->row.n > 0)
        solve(&s, par, map, err);
    free(map);
    return err->code;
}

/* eigen.h - eigenvalues of symmetric matrices that no rank holds whole. */
#ifndef LC_EIGEN_H
#define LC_EIGEN_H

#include "lightcone/blockcyclic.h"
#include "lightcone/comm.h"
#include "lightcone/err.h"

/* The symmetric matrix a[rows, cols], spread by `layout` over all ranks of `par`, is destroyed; value[n] on every rank:
 * its eigenvalues, ascending; vector (may be NULL) [rows, cols], spread likewise: row k of the whole is the eigenvector
 * of value k. Last digits depend on the number of ranks. LC_E_LIBRARY: the call was wrong; LC_E_NUMERIC: no
 * convergence; LC_E_MEMORY: too large for LAPACK's 32-bit integers. Collective; agrees on errors. */
int lc_eigen_symmetric(const struct lc_comm *par, const struct lc_layout *layout, double *a, double *value,
                       double *vector, struct lc_err *err);

#endif

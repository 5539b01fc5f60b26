/* factor.h - matrix products with weights at a chosen precision. The weights are split beforehand into sums of bfloat16
 * numbers, A = A1 + A2 + A3, the other factor on the way, and the products of the parts added up in float32:
 *     bf16x6  A1B1 + A1B2 + A2B1 + A2B2 + A1B3 + A3B1   as good as float32
 *     bf16x3  A1B1 + A1B2 + A2B1                        some ten times its error
 *     bf16    A1B1
 * Rows of A are scaled by powers of two, so that small ones (gradients that vanish) keep their relative precision. Where
 * the kernels in use have no such products, all of them are float32. A row of the result does not depend on the others. */
#ifndef LC_FACTOR_H
#define LC_FACTOR_H

#include <stdint.h>

#include "lightcone/linalg.h"

/* Weights w[rows, columns], float32, and split for each of the two products; all borrowed. */
struct lc_factor {
    const float *w;
    int64_t rows, columns;
    void *nt, *nn; /* NULL: the product is made of w */
};

/* Bytes of the split forms of such a matrix for A w^T (nt) or A w (nn), multiples of 64; 0 where they are of no use. */
int64_t lc_factor_bytes(enum lc_precision precision, int64_t rows, int64_t columns);
/* Fill those that are not NULL, lc_factor_bytes() each, of the numbers in w. */
void lc_factor_split(const struct lc_factor *f, enum lc_precision precision);

/* How rows [first, first + count) of a left factor come to be in their place: called for every row once and in order, right before
 * the product reads it, so that what is made of it is made while the row is in the caches. */
struct lc_making {
    void (*make)(void *arg, int64_t first, int64_t count);
    void *arg;
};

/* For the calls below, whatever their sizes; 64-byte aligned. May be 0. */
int64_t lc_factor_scratch_bytes(enum lc_precision precision);

/* C[m, rows] = A[m, columns] w^T + beta C. Here and below, `making` NULL: A is there. */
void lc_factor_nt(int64_t m, const float *a, int64_t lda, const struct lc_making *making, const struct lc_factor *f, float beta,
                  float *c, int64_t ldc, void *scratch);
/* C[m, columns] = A[m, rows] w + beta C, and by the rows of w from `first` on, a multiple of 32: C = A[m, rows - first] w[first:]. */
void lc_factor_nn(int64_t m, const float *a, int64_t lda, const struct lc_making *making, const struct lc_factor *f, float beta,
                  float *c, int64_t ldc, void *scratch);
void lc_factor_nn_from(int64_t first, int64_t m, const float *a, int64_t lda, const struct lc_making *making,
                       const struct lc_factor *f, float beta, float *c, int64_t ldc, void *scratch);

#endif

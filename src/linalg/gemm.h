/* gemm.h - float32 products, by the one of two ways that the CPU has; private to linalg. */
#ifndef LC_LINALG_GEMM_H
#define LC_LINALG_GEMM_H

#include <stdint.h>

/* x(i, j) = at[i * down + j * right]; one of the two is 1. */
struct lc_strided {
    const float *at;
    int64_t down, right;
};

/* C[m, n] = A[m, k] B[k, n] + beta C. */
struct lc_gemm_call {
    int64_t m, n, k;
    struct lc_strided a, b;
    float beta;
    float *c;
    int64_t ldc;
};

void lc_blas_gemm(const struct lc_gemm_call *p);

/* Where lc_avx512_gemm_is_there(), and not called elsewhere. */
int lc_avx512_gemm_is_there(void);
void lc_avx512_gemm(const struct lc_gemm_call *p);
/* B[depth, columns] made ready: then p->b.at are its panels, of as many rows as there were, and of as many columns or less. */
int64_t lc_avx512_panels_floats(int64_t depth, int64_t columns);
void lc_avx512_panels(float *panels, const struct lc_strided *b, int64_t depth, int64_t columns);
void lc_avx512_gemm_panels(const struct lc_gemm_call *p);

#endif

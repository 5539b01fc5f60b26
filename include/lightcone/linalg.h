/* linalg.h - dense kernels in float32: matrix products (one thread), layer norm, softmax, GELU.
 * All matrices row-major; leading dimensions in elements. Sizes that do not fit the BLAS integer are our bug. */
#ifndef LC_LINALG_H
#define LC_LINALG_H

#include <stdint.h>

#include "lightcone/err.h"

/* Of products with a model's weights: see factor.h. */
enum lc_precision { LC_PRECISION_FLOAT32, LC_PRECISION_BF16X6, LC_PRECISION_BF16X3, LC_PRECISION_BF16 };

/* C[m,n] = A[m,k] B[k,n] + beta C. */
void lc_gemm_nn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc);
/* C[m,n] = A[m,k] B[n,k]^T + beta C. */
void lc_gemm_nt(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc);
/* C[m,n] = A[k,m]^T B[k,n] + beta C. */
void lc_gemm_tn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                float *c, int64_t ldc);

/* A right factor made ready once for several products: B[k,n], or B[n,k]^T, into lc_panels_floats(k, n) of them, 64-byte
 * aligned. */
int64_t lc_panels_floats(int64_t k, int64_t n);
void lc_panels_nn(float *panels, int64_t k, int64_t n, const float *b, int64_t ldb);
void lc_panels_nt(float *panels, int64_t k, int64_t n, const float *b, int64_t ldb);
/* C[m,n] = A[m,k] B + beta C, and C[m,n] = A[k,m]^T B + beta C, of such a B[k,n]. */
void lc_gemm_np(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *panels, float beta, float *c,
                int64_t ldc);
void lc_gemm_tp(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *panels, float beta, float *c,
                int64_t ldc);

/* sum a_i b_i in float32 (a fixed order, vectorised) and with float64 products and sums. */
float lc_dot(const float *a, const float *b, int64_t n);
double lc_dot_f64(const float *a, const float *b, int64_t n);
/* Of several pairs at once, which is faster: out[k] has the bits of lc_dot(a[k], b[k], n). */
enum { LC_DOTS = 4 };
void lc_dots(const float *const a[LC_DOTS], const float *const b[LC_DOTS], int64_t n, float out[LC_DOTS]);
/* Rounding of D products and their sum in float32, in any order, and of the terms around them: |error| <= gamma |a||b|. */
static inline double lc_sum_gamma(int64_t width)
{
    return ((double)width + 4.0) * 0x1p-24;
}
/* sum a_i^2, float64 sum. */
double lc_square_sum(const float *a, int64_t n);

/* out[r, :] += bias, for each of `rows` rows. */
void lc_add_rows(float *out, const float *bias, int64_t rows, int64_t n);

/* One row of layer norm: unit = (x - mean) / sqrt(var + eps) with the population variance; out = unit * w + b.
 * Returns 1 / sqrt(var + eps), which the backward pass needs with `unit` (either output may be NULL). */
float lc_norm_row(const float *x, const float *w, const float *b, double eps, int64_t n, float *unit, float *out);

/* Transposed Jacobian of the normalisation at one row: out += rstd (v - mean(v) - unit mean(v unit)). `v` is the
 * cotangent of `unit` (already times w). */
void lc_norm_row_backward(const float *v, const float *unit, float rstd, int64_t n, float *out);

/* p[0..n) = softmax(scale * p[0..n)), in place. */
void lc_softmax(float *p, double scale, int64_t n);

/* GELU (erf form): z is replaced by 0.5 z (1 + erf(z / sqrt 2)); slope, when not NULL, gets the derivative. */
void lc_gelu(float *z, float *slope, int64_t n);

/* x[i] *= y[i]. */
void lc_multiply(float *x, const float *y, int64_t n);

/* The BLAS kernels in use, e.g. "SkylakeX", and the library's configuration string. */
const char *lc_blas_core(void);
const char *lc_blas_config(void);
/* The core type to ask OpenBLAS for when it runs kernels older than this CPU, or NULL when its choice stands.
 * OPENBLAS_CORETYPE is read when the library loads, so the program must start itself again with it set. */
const char *lc_blas_core_repair(void);
/* One thread per rank: the ranks are the parallelism, and the bits must not depend on a thread count. */
void lc_blas_single_thread(void);
/* Kernels in machine code, beside the BLAS: numbered from 0, the plain ones, to the fastest. Chosen at the first use, or
 * here: the fastest that the CPU has, but no more than `most` (-1: any) and than LIGHTCONE_ISA names. What has been packed
 * for other kernels is then of no use. LC_E_CONFIG where LIGHTCONE_ISA names none that is there. */
int lc_isa_choose(int most, struct lc_err *err);
int lc_isa(void);
const char *lc_isa_name(int isa); /* NULL where there is none of that number */
/* The best GFLOP/s of run(arg), `flop` each time, that is tried for `spend` seconds; run()'s error ends it. */
typedef int lc_rate_run(void *arg, struct lc_err *err);
int lc_best_rate(double *gflops, double flop, double spend, lc_rate_run *run, void *arg, struct lc_err *err);
/* The same in a product of the jobs' shape at a precision, tried for `spend` seconds. */
int lc_gemm_rate(double *gflops, enum lc_precision precision, double spend, struct lc_err *err);
/* And in screening an encoder, whose products may be cheaper than float32's. */
int lc_screen_rate(double *gflops, double spend, struct lc_err *err);
/* What the build, its matrix products and those of split factors compute with, e.g. "avx2 Haswell" (a BLAS core), "avx512 own" or
 * "avx512 own amx": results agree to the last bit within a class. Kernels that only screen change none, so it does not name them. */
void lc_kernel_class(char out[64]);

#endif

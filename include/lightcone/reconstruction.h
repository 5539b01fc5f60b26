/* reconstruction.h - how far an SAE's reconstruction yhat = W_d f + b_d reaches back, from the gradients of its features. */
#ifndef LC_RECONSTRUCTION_H
#define LC_RECONSTRUCTION_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/sae.h"

/* R(t') = || d yhat / d x[t'] ||_F^2 = || sum_k d_k g_k(t')^T ||_F^2 over the features with f > 0: d_k the decoder row of
 * feature[k], g_k(t') = gradient[k, t', :] = d f_k / d x[t'] (Qi 2026). gradient[count, n, D], into r[n], 0 where there are
 * no features. Products in float32, sums of squares in float64. LC_E_MEMORY. */
int lc_reconstruction_influence(double *r, const struct lc_sae *sae, const int64_t *feature, int64_t count,
                                const float *gradient, int64_t n, struct lc_err *err);
/* FLOP of that. */
double lc_reconstruction_flop(double count, int64_t width, int64_t n);

#endif

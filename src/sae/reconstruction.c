#include "lightcone/reconstruction.h"

#include <stdlib.h>
#include <string.h>

#include "lightcone/linalg.h"
#include "lightcone/memory.h"

/* With few features tr(G^T K G), K [count, count] the Gram matrix of their decoder rows: no D x D matrix is made. */
static void by_gram(double *r, const float *rows, int64_t d, int64_t count, const float *gradient, int64_t n, float *gram,
                    float *mixed)
{
    for (int64_t a = 0; a < count; a++)
        for (int64_t b = a; b < count; b++)
            gram[a * count + b] = gram[b * count + a] = (float)lc_dot_f64(rows + a * d, rows + b * d, d);
    for (int64_t t = 0; t < n; t++) {
        const float *g = gradient + t * d;
        r[t] = 0.0;
        lc_gemm_nn(count, d, count, gram, count, g, n * d, 0.0f, mixed, d);
        for (int64_t a = 0; a < count; a++)
            r[t] += lc_dot_f64(mixed + a * d, g + a * n * d, d);
        r[t] = r[t] < 0.0 ? 0.0 : r[t]; /* NaN stays what it is */
    }
}

/* With many, which cancel each other the more, the Jacobian [D, D] itself: less work then, and what is left of it is a sum
 * of squares. */
static void by_jacobian(double *r, const float *rows, int64_t d, int64_t count, const float *gradient, int64_t n, float *jacobian)
{
    for (int64_t t = 0; t < n; t++) {
        lc_gemm_tn(d, d, count, rows, d, gradient + t * d, n * d, 0.0f, jacobian, d);
        r[t] = lc_square_sum(jacobian, d * d);
    }
}

int lc_reconstruction_influence(double *r, const struct lc_sae *sae, const int64_t *feature, int64_t count,
                                const float *gradient, int64_t n, struct lc_err *err)
{
    int64_t d = sae->shape.width, least = count < d ? count : d;
    float *rows = NULL, *square = NULL, *mixed = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&rows, count * d, "reconstruction", err));
    LC_TRY(rc, LC_ALLOC(&square, least * least, "reconstruction", err));
    LC_TRY(rc, LC_ALLOC(&mixed, count < d ? count * d : 0, "reconstruction", err));
    for (int64_t k = 0; k < count; k++)
        memcpy(rows + k * d, sae->decoder + feature[k] * d, (size_t)d * sizeof *rows);
    if (count < d)
        by_gram(r, rows, d, count, gradient, n, square, mixed);
    else
        by_jacobian(r, rows, d, count, gradient, n, square);
done:
    free(rows);
    free(square);
    free(mixed);
    return rc;
}

double lc_reconstruction_flop(double count, int64_t width, int64_t n)
{
    double d = (double)width;

    return count < d ? count * count * d * (1.0 + 2.0 * (double)n) : 2.0 * count * d * d * (double)n;
}

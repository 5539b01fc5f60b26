/* gelu.c - GELU and its slope, vectorised. With x = |z| / sqrt 2 and t = 1 / (1 + x/2), exp(x^2) erfc(x) = t P(t),
 * P a weighted least-squares fit of degree 8 on 0 <= x <= 5 (relative error 2e-8; beyond, erfc is below 1e-12). */
#include "elementary.h"
#include "lightcone/linalg.h"

static inline float scaled_erfc(float x)
{
    float t = 1.0f / (1.0f + 0.5f * x), p = -0.04967566823f;

    p = lc_fma(p, t, 0.23666190025f);
    p = lc_fma(p, t, -0.38273908101f);
    p = lc_fma(p, t, 0.15114047483f);
    p = lc_fma(p, t, 0.06722207245f);
    p = lc_fma(p, t, 0.15951954430f);
    p = lc_fma(p, t, 0.25514915891f);
    p = lc_fma(p, t, 0.28051311673f);
    p = lc_fma(p, t, 0.28220846177f);
    return t * p;
}

/* The normal distribution function at z, given e = exp(-z^2 / 2). */
static inline float normal_cdf(float z, float e)
{
    float tail = 0.5f * e * scaled_erfc((z < 0.0f ? -z : z) * 0.70710678119f);

    return z < 0.0f ? tail : 1.0f - tail;
}

void lc_gelu(float *z, float *slope, int64_t n)
{
    if (!slope) {
        for (int64_t i = 0; i < n; i++)
            z[i] *= normal_cdf(z[i], lc_exp(-0.5f * z[i] * z[i]));
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        float x = z[i], e = lc_exp(-0.5f * x * x), cdf = normal_cdf(x, e);
        slope[i] = lc_fma(x * e, 0.39894228040f, cdf);
        z[i] = x * cdf;
    }
}

/* elementary.h - exp in a form that compilers vectorise; private to linalg. */
#ifndef LC_LINALG_ELEMENTARY_H
#define LC_LINALG_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

/* a b + c, rounded once where the CPU has an instruction for it. */
static inline float lc_fma(float a, float b, float c)
{
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* e^x for x <= 88 (0 below -87), relative error below 2e-7: x = n ln 2 + r with |r| <= ln 2 / 2, a Taylor polynomial
 * of degree 7 for e^r, and 2^n by its exponent bits. */
static inline float lc_exp(float x)
{
    const float rounder = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    float clamped = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float shifted = lc_fma(clamped, 1.44269504f, rounder), n = shifted - rounder;
    float r = lc_fma(n, 2.12194440e-4f, lc_fma(n, -0.693359375f, clamped)); /* ln 2 in two parts */
    float p = 1.0f / 5040.0f;
    uint32_t bits;
    float power;

    p = lc_fma(p, r, 1.0f / 720.0f);
    p = lc_fma(p, r, 1.0f / 120.0f);
    p = lc_fma(p, r, 1.0f / 24.0f);
    p = lc_fma(p, r, 1.0f / 6.0f);
    p = lc_fma(p, r, 0.5f);
    p = lc_fma(p, r, 1.0f);
    p = lc_fma(p, r, 1.0f);
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    memcpy(&power, &bits, sizeof power);
    return x < -87.0f ? 0.0f : p * power;
}

#endif

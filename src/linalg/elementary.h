/* elementary.h - exp in a form that compilers vectorise; private to linalg. */
#ifndef LC_LINALG_ELEMENTARY_H
#define LC_LINALG_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

/* e^x for x <= 88 (0 below -87), relative error below 2e-7: x = n ln 2 + r with |r| <= ln 2 / 2, a Taylor polynomial
 * of degree 7 for e^r, and 2^n by its exponent bits. */
static inline float lc_exp(float x)
{
    const float rounder = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    float clamped = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float shifted = clamped * 1.44269504f + rounder, n = shifted - rounder;
    float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f; /* ln 2 in two parts */
    float p = 1.0f / 5040.0f;
    uint32_t bits;
    float power;

    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    memcpy(&power, &bits, sizeof power);
    return x < -87.0f ? 0.0f : p * power;
}

#endif

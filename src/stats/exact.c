#include "lightcone/exact.h"

#include <assert.h>
#include <math.h>

enum { LIMBS = 6, UNIT_BITS = 160 };

void lc_exact_merge(struct lc_exact *sum, const struct lc_exact *other)
{
    uint64_t carry = 0;

    for (int i = 0; i < LIMBS; i++) {
        uint64_t part, with_carry;
        uint64_t over1 = __builtin_add_overflow(sum->limb[i], other->limb[i], &part);
        uint64_t over2 = __builtin_add_overflow(part, carry, &with_carry);
        sum->limb[i] = with_carry;
        carry = over1 | over2;
    }
}

static void negate(struct lc_exact *x)
{
    uint64_t carry = 1;

    for (int i = 0; i < LIMBS; i++)
        carry = __builtin_add_overflow(~x->limb[i], carry, &x->limb[i]);
}

void lc_exact_add(struct lc_exact *sum, double x)
{
    struct lc_exact term = {{0}};
    int exponent, shift;
    uint64_t mantissa;

    assert(fabs(x) <= LC_EXACT_MAX);
    mantissa = (uint64_t)ldexp(fabs(frexp(x, &exponent)), 53);
    shift = exponent - 53 + UNIT_BITS; /* |x| = mantissa 2^(shift - UNIT_BITS) */
    if (shift < 0) {
        mantissa = shift > -64 ? mantissa >> -shift : 0;
        shift = 0;
    }
    term.limb[shift / 64] = mantissa << shift % 64;
    if (shift % 64 > 0 && shift / 64 + 1 < LIMBS)
        term.limb[shift / 64 + 1] = mantissa >> (64 - shift % 64);
    if (x < 0.0)
        negate(&term);
    lc_exact_merge(sum, &term);
}

double lc_exact_value(const struct lc_exact *sum)
{
    struct lc_exact x = *sum;
    int minus = (int)(x.limb[LIMBS - 1] >> 63);
    double value = 0.0;

    if (minus)
        negate(&x);
    for (int i = LIMBS - 1; i >= 0; i--)
        value += ldexp((double)x.limb[i], 64 * i - UNIT_BITS);
    return minus ? -value : value;
}

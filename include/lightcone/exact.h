/* exact.h - sums of doubles that do not depend on the order of the terms: 384-bit fixed point, unit 2^-160.
 * A term's bits below 2^-160 are dropped; sums stay exact up to magnitude 2^222. */
#ifndef LC_EXACT_H
#define LC_EXACT_H

#include <stdint.h>

/* Plain data: saved, sent and compared as bytes. */
struct lc_exact {
    uint64_t limb[6]; /* two's complement, least significant first */
};

/* Largest term that may be added. */
#define LC_EXACT_MAX 0x1p190

/* Add x; finite, |x| <= LC_EXACT_MAX (a bug otherwise). */
void lc_exact_add(struct lc_exact *sum, double x);
void lc_exact_merge(struct lc_exact *sum, const struct lc_exact *other);
/* The sum, rounded to double (within one unit in the last place). */
double lc_exact_value(const struct lc_exact *sum);

#endif

/* scalar.h - the strict reading of numbers: decimal integers, finite reals, bytes with a binary suffix.
 * In the C locale, which the program never leaves. */
#ifndef LC_CONFIG_SCALAR_H
#define LC_CONFIG_SCALAR_H

#include <stdint.h>

enum lc_scalar { LC_SCALAR_OK, LC_SCALAR_OTHER, LC_SCALAR_TOO_LARGE };

/* [+-]digits without leading zeros; int64. */
enum lc_scalar lc_scalar_int(const char *text, int64_t *out);
/* Decimal with optional fraction and exponent, finite. Integers count. */
enum lc_scalar lc_scalar_real(const char *text, double *out);
/* An integer, or one followed by K, M, G or KiB, MiB, GiB (powers of 1024). */
enum lc_scalar lc_scalar_bytes(const char *text, int64_t *out);

int lc_scalar_is_null(const char *text);
/* What YAML readers take for a number or a truth value when it stands without quotes. */
int lc_scalar_is_not_text(const char *text);

#endif

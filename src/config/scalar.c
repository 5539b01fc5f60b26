#include "scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"

static const char *digits_skip(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

static const char *sign_skip(const char *p)
{
    return p + (*p == '+' || *p == '-');
}

enum lc_scalar lc_scalar_int(const char *text, int64_t *out)
{
    const char *digits = sign_skip(text), *end = digits_skip(digits);
    long long value;

    /* 010 is eight to some readers and ten to others */
    if (end == digits || *end || (digits[0] == '0' && digits[1]))
        return LC_SCALAR_OTHER;
    errno = 0;
    value = strtoll(text, NULL, 10);
    if (errno == ERANGE)
        return LC_SCALAR_TOO_LARGE;
    *out = value;
    return LC_SCALAR_OK;
}

/* strtod alone would also take hexadecimal, "inf" and "nan". */
static int is_decimal(const char *text)
{
    const char *start = sign_skip(text), *end = digits_skip(start);
    size_t digits = (size_t)(end - start);

    if (*end == '.') {
        start = end + 1;
        end = digits_skip(start);
        digits += (size_t)(end - start);
    }
    if (digits == 0)
        return 0;
    if (*end == 'e' || *end == 'E') {
        start = sign_skip(end + 1);
        end = digits_skip(start);
        if (end == start)
            return 0;
    }
    return *end == '\0';
}

enum lc_scalar lc_scalar_real(const char *text, double *out)
{
    char *end;
    double value;

    if (!is_decimal(text))
        return LC_SCALAR_OTHER;
    value = strtod(text, &end);
    if (*end)
        return LC_SCALAR_OTHER;
    if (!isfinite(value))
        return LC_SCALAR_TOO_LARGE;
    *out = value + 0.0; /* -0 is 0 */
    return LC_SCALAR_OK;
}

enum lc_scalar lc_scalar_bytes(const char *text, int64_t *out)
{
    static const struct {
        const char *name;
        int shift;
    } suffix[] = {{"", 0}, {"K", 10}, {"KiB", 10}, {"M", 20}, {"MiB", 20}, {"G", 30}, {"GiB", 30}};
    const char *end = digits_skip(sign_skip(text));
    char number[32];
    size_t length = (size_t)(end - text);
    enum lc_scalar rc;

    for (size_t i = 0; i < sizeof suffix / sizeof suffix[0]; i++) {
        if (strcmp(end, suffix[i].name) != 0)
            continue;
        if (length >= sizeof number)
            return LC_SCALAR_TOO_LARGE;
        memcpy(number, text, length);
        number[length] = '\0';
        rc = lc_scalar_int(number, out);
        if (rc == LC_SCALAR_OK && lc_mul_overflows(*out, (int64_t)1 << suffix[i].shift, out))
            return LC_SCALAR_TOO_LARGE;
        return rc;
    }
    return LC_SCALAR_OTHER;
}

int lc_scalar_is_null(const char *text)
{
    return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
           strcmp(text, "NULL") == 0;
}

int lc_scalar_is_not_text(const char *text)
{
    return is_decimal(text) || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

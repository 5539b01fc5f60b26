/* Text as Python shows it: bytes to characters as bytes.decode('utf-8', errors='replace'), characters as repr(). */
#include <inttypes.h>
#include <string.h>
#include <utf8proc.h>

#include "lightcone/export.h"

enum { REPLACEMENT = 0xfffd };

/* Least and greatest second byte, and how many bytes follow, by the first (Unicode, table 3-7); 0: never a first byte. */
static int sequence_rule(unsigned first, unsigned *least, unsigned *greatest)
{
    *least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *greatest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first >= 0xc2 && first <= 0xdf)
        return 1;
    if (first >= 0xe0 && first <= 0xef)
        return 2;
    return first >= 0xf0 && first <= 0xf4 ? 3 : 0;
}

/* The first character and its bytes: a sequence that breaks off is one U+FFFD up to the byte that breaks it. */
static size_t take_point(const unsigned char *s, size_t size, int32_t *point)
{
    unsigned least, greatest;
    size_t more = (size_t)sequence_rule(s[0], &least, &greatest);

    *point = s[0];
    if (s[0] < 0x80)
        return 1;
    *point &= more == 1 ? 0x1f : more == 2 ? 0x0f : 0x07;
    for (size_t k = 1; k <= more; k++) {
        if (k >= size || s[k] < least || s[k] > greatest) {
            *point = REPLACEMENT;
            return k;
        }
        *point = *point << 6 | (s[k] & 0x3f);
        least = 0x80;
        greatest = 0xbf;
    }
    if (more == 0)
        *point = REPLACEMENT;
    return more + 1;
}

/* str.isprintable() of one character. */
static int is_printable(int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return 0;
    case UTF8PROC_CATEGORY_ZS:
        return point == ' ';
    default:
        return 1;
    }
}

static int add_point(struct lc_bytes *out, int32_t point, char quote, struct lc_err *err)
{
    unsigned char utf8[4];

    if (point == quote || point == '\\')
        return lc_bytes_printf(out, err, "\\%c", (char)point);
    if (point == '\t' || point == '\n' || point == '\r')
        return lc_bytes_printf(out, err, "\\%c", point == '\t' ? 't' : point == '\n' ? 'n' : 'r');
    if (is_printable(point))
        return lc_bytes_add(out, utf8, (size_t)utf8proc_encode_char(point, utf8), err);
    if (point < 0x100)
        return lc_bytes_printf(out, err, "\\x%02" PRIx32, (uint32_t)point);
    if (point < 0x10000)
        return lc_bytes_printf(out, err, "\\u%04" PRIx32, (uint32_t)point);
    return lc_bytes_printf(out, err, "\\U%08" PRIx32, (uint32_t)point);
}

int lc_python_repr(struct lc_bytes *out, const void *data, size_t size, struct lc_err *err)
{
    const unsigned char *s = data;
    char quote = size && memchr(s, '\'', size) && !memchr(s, '"', size) ? '"' : '\'';
    int32_t point;
    int rc;

    LC_TRY(rc, lc_bytes_add(out, &quote, 1, err));
    for (size_t at = 0; at < size;) {
        at += take_point(s + at, size - at, &point);
        LC_TRY(rc, add_point(out, point, quote, err));
    }
    rc = lc_bytes_add(out, &quote, 1, err);
done:
    return rc;
}

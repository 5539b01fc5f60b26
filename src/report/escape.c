#include "escape.h"

#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Bytes of the well-formed UTF-8 character at p (Unicode table 3-7), 0 when it is broken. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    if (left < n || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

/* What stands for this character, NULL for itself. */
static const char *stand_in(const unsigned char *p, size_t n, enum lc_escape how, int keep_lines)
{
    if (p[0] == '\n')
        return keep_lines ? NULL : "\xE2\x86\xB5";
    if (p[0] == '\t')
        return keep_lines ? NULL : "\xE2\x87\xA5";
    if (p[0] < 0x20 || p[0] == 0x7F || (n == 2 && p[0] == 0xC2 && p[1] < 0xA0))
        return replacement;
    if (how != LC_ESCAPE_HTML)
        return NULL;
    switch (p[0]) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void escape(struct lc_bytes *out, enum lc_escape how, int keep_lines, const unsigned char *p,
                   size_t size, struct lc_err *err)
{
    while (size > 0 && err->code == LC_OK) {
        size_t n = utf8_length(p, size);
        const char *other = n ? stand_in(p, n, how, keep_lines) : replacement;
        if (n == 0)
            n = 1;
        if (other)
            lc_bytes_add(out, other, strlen(other), err);
        else
            lc_bytes_add(out, p, n, err);
        p += n;
        size -= n;
    }
}

void lc_escape_bytes(struct lc_bytes *out, enum lc_escape how, const void *text, size_t size,
                     struct lc_err *err)
{
    escape(out, how, 0, text, size, err);
}

void lc_escape_text(struct lc_bytes *out, enum lc_escape how, const char *text, struct lc_err *err)
{
    escape(out, how, 0, (const unsigned char *)text, strlen(text), err);
}

void lc_escape_lines(struct lc_bytes *out, enum lc_escape how, const void *text, size_t size,
                     struct lc_err *err)
{
    escape(out, how, 1, text, size, err);
}

size_t lc_escape_width(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

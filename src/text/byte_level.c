/* byte_level.c - the printable stand-ins for bytes that GPT-2's vocabulary is written in: bytes that are
 * printable in Latin-1 stand for themselves, the other 68 in order are U+0100 and up. */
#include <utf8proc.h>

#include "tokenizer_internal.h"

static int stands_for_itself(int32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

int lc_byte_of_point(int32_t point)
{
    int32_t shift = point - 0x100;

    if (point < 0x100)
        return point >= 0 && stands_for_itself(point) ? point : -1;
    for (int byte = 0; byte < 0x100; byte++) {
        if (stands_for_itself(byte))
            continue;
        if (shift-- == 0)
            return byte;
    }
    return -1;
}

int lc_byte_level_decode(struct lc_bytes *out, const char *text, size_t size, int *plain, struct lc_err *err)
{
    size_t start = out->size, at = 0;

    *plain = 1;
    while (at < size) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(size - at), &point);
        int byte = n > 0 ? lc_byte_of_point(point) : -1, rc;
        if (byte < 0) {
            out->size = start;
            *plain = 0;
            return lc_bytes_add(out, text, size, err);
        }
        rc = lc_bytes_add(out, &(unsigned char){(unsigned char)byte}, 1, err);
        if (rc != LC_OK)
            return rc;
        at += (size_t)n;
    }
    return lc_bytes_add(out, text, 0, err); /* an empty text has a place, too */
}

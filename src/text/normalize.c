/* normalize.c - UTF-8 validity and NFC (utf8proc). */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "tokenizer_internal.h"

enum { CLASSES = 256, POINTS_PER_CHARACTER = 4 }; /* of a canonical decomposition: 4 is Unicode's bound */

size_t lc_utf8_check(const char *text, size_t size)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)text;
    size_t at = 0;

    while (at < size) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = 1;
        if (p[at] >= 0x80)
            n = utf8proc_iterate(p + at, (utf8proc_ssize_t)(size - at), &point);
        if (n <= 0)
            return at;
        at += (size_t)n;
    }
    return size;
}

static int combining_class(int32_t point)
{
    return (int)utf8proc_get_property(point)->combining_class & 0xff;
}

/* Stable counting sort by combining class: utf8proc's own exchange sort takes quadratic time on long runs. */
static int sort_marks(int32_t *point, int64_t count, struct lc_err *err)
{
    int64_t start[CLASSES + 1] = {0};
    int32_t *sorted = NULL;
    int rc = LC_ALLOC(&sorted, count, "combining marks", err);

    if (rc != LC_OK)
        return rc;
    for (int64_t i = 0; i < count; i++)
        start[combining_class(point[i]) + 1]++;
    for (int c = 0; c < CLASSES; c++)
        start[c + 1] += start[c];
    for (int64_t i = 0; i < count; i++)
        sorted[start[combining_class(point[i])]++] = point[i];
    memcpy(point, sorted, (size_t)count * sizeof *point);
    free(sorted);
    return LC_OK;
}

static int sort_all_marks(int32_t *point, int64_t count, struct lc_err *err)
{
    for (int64_t i = 0, end; i < count; i = end) {
        int rc;
        end = i + 1;
        if (combining_class(point[i]) == 0)
            continue;
        while (end < count && combining_class(point[end]) != 0)
            end++;
        rc = end - i > 1 ? sort_marks(point + i, end - i, err) : LC_OK;
        if (rc != LC_OK)
            return rc;
    }
    return LC_OK;
}

static int64_t decompose(int32_t *point, int64_t room, const char *text, size_t size)
{
    int64_t count = 0;
    int boundary = 0;

    for (size_t at = 0; at < size;) {
        utf8proc_int32_t c;
        at +=
            (size_t)utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(size - at), &c);
        count += utf8proc_decompose_char(c, point + count, room - count, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE,
                                         &boundary);
    }
    return count;
}

/* A stretch without two ASCII characters in a row. */
static int compose_stretch(struct lc_bytes *out, const char *text, size_t size, struct lc_err *err)
{
    int64_t room = (int64_t)size * POINTS_PER_CHARACTER, count;
    int32_t *point = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&point, room, "decomposed text", err));
    count = decompose(point, room, text, size);
    LC_TRY(rc, sort_all_marks(point, count, err));
    count = utf8proc_normalize_utf32(point, count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (count < 0) {
        rc = LC_FAIL(err, LC_E_LIBRARY, "utf8proc: %s", utf8proc_errmsg(count));
        goto done;
    }
    for (int64_t i = 0; i < count; i++) {
        utf8proc_uint8_t code[4];
        LC_TRY(rc, lc_bytes_add(out, code, (size_t)utf8proc_encode_char(point[i], code), err));
    }
done:
    free(point);
    return rc;
}

/* Characters that came after Unicode 9 and have a combining class or a part in a composition. The library's
 * tables are those of Unicode 9: to it these are characters like any other, that nothing is sorted or
 * composed across. */
static const struct {
    int32_t first, last;
} later[] = {
    {0x7fd, 0x7fd},     {0x897, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
    {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},
    {0xa82c, 0xa82c},   {0x105c0, 0x105ff}, {0x10d24, 0x10d27}, {0x10d40, 0x10d8f}, {0x10eab, 0x10eac},
    {0x10efd, 0x10eff}, {0x10f46, 0x10f50}, {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b},
    {0x11380, 0x113ff}, {0x1145e, 0x1145e}, {0x11839, 0x1183a}, {0x11930, 0x11930}, {0x11935, 0x11935},
    {0x11938, 0x11938}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0}, {0x11a34, 0x11a34},
    {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42}, {0x11d44, 0x11d45}, {0x11d97, 0x11d97},
    {0x11f41, 0x11f42}, {0x16100, 0x1613f}, {0x16d40, 0x16d7f}, {0x16ff0, 0x16ff1}, {0x1e08f, 0x1e08f},
    {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef}, {0x1e5d0, 0x1e5ff},
};

static int is_later(int32_t point)
{
    int low = 0, high = (int)(sizeof later / sizeof later[0]) - 1;

    while (low < high) {
        int middle = (low + high) / 2;
        if (point > later[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return point >= later[low].first && point <= later[low].last;
}

/* Size of the character at the head of the text when it is one of those, else 0. */
static size_t later_size(const char *text, size_t size)
{
    utf8proc_int32_t point;
    utf8proc_ssize_t n;

    if (size == 0 || (unsigned char)text[0] < 0xdf) /* U+07FD begins so */
        return 0;
    n = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size, &point);
    return n > 0 && is_later(point) ? (size_t)n : 0;
}

/* An ASCII character followed by another is a safe place to cut: it takes part in no composition. */
static size_t ascii_run(const char *text, size_t size)
{
    size_t n = 0;

    while (n < size && (unsigned char)text[n] < 0x80)
        n++;
    return n < size && n > 0 ? n - 1 : n;
}

static int cut_at(const char *text, size_t size)
{
    if ((unsigned char)text[0] < 0x80)
        return size == 1 || (unsigned char)text[1] < 0x80;
    return later_size(text, size) > 0;
}

static size_t stretch(const char *text, size_t size)
{
    size_t n = 0;

    while (n < size && !cut_at(text + n, size - n))
        n++;
    return n;
}

int lc_nfc(struct lc_bytes *out, const char *text, size_t size, struct lc_err *err)
{
    int rc = LC_OK;

    for (size_t at = 0, n; at < size && rc == LC_OK; at += n) {
        n = ascii_run(text + at, size - at);
        if (!n)
            n = later_size(text + at, size - at);
        if (n) {
            rc = lc_bytes_add(out, text + at, n, err);
            continue;
        }
        n = stretch(text + at, size - at);
        rc = compose_stretch(out, text + at, n, err);
    }
    return rc;
}

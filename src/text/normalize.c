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
        at += (size_t)utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(size - at), &c);
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

/* An ASCII character followed by another is a safe place to cut: it takes part in no composition. */
static size_t ascii_run(const char *text, size_t size)
{
    size_t n = 0;

    while (n < size && (unsigned char)text[n] < 0x80)
        n++;
    return n < size && n > 0 ? n - 1 : n;
}

static size_t stretch(const char *text, size_t size)
{
    size_t n = 0;

    while (n < size && !((unsigned char)text[n] < 0x80 && (n + 1 == size || (unsigned char)text[n + 1] < 0x80)))
        n++;
    return n;
}

int lc_nfc(struct lc_bytes *out, const char *text, size_t size, struct lc_err *err)
{
    int rc = LC_OK;

    for (size_t at = 0, n; at < size && rc == LC_OK; at += n) {
        n = ascii_run(text + at, size - at);
        if (n) {
            rc = lc_bytes_add(out, text + at, n, err);
            continue;
        }
        n = stretch(text + at, size - at);
        rc = compose_stretch(out, text + at, n, err);
    }
    return rc;
}

#include "lightcone/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

int lc_mul_overflows(int64_t a, int64_t b, int64_t *out)
{
    int64_t product;

    if (__builtin_mul_overflow(a, b, &product))
        return 1;
    *out = product;
    return 0;
}

int lc_add_overflows(int64_t a, int64_t b, int64_t *out)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return 1;
    *out = sum;
    return 0;
}

int lc_alloc(void **out, int64_t count, size_t size, const char *what, struct lc_err *err)
{
    int64_t bytes;
    void *memory;

    if (count < 0 || lc_mul_overflows(count, (int64_t)size, &bytes) || bytes > INT64_MAX - ALIGNMENT)
        return LC_FAIL(err, LC_E_MEMORY, "%s: %" PRId64 " items of %zu bytes do not fit in memory", what, count, size);
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes == 0)
        bytes = ALIGNMENT;
    if (posix_memalign(&memory, ALIGNMENT, (size_t)bytes) != 0)
        return LC_FAIL(err, LC_E_MEMORY, "%s: no memory for %" PRId64 " bytes", what, bytes);
    memset(memory, 0, (size_t)bytes);
    *out = memory;
    return LC_OK;
}

int64_t lc_aligned_floats(int64_t n)
{
    const int64_t each = ALIGNMENT / (int64_t)sizeof(float);

    return (n + each - 1) / each * each;
}

static int bytes_grow(struct lc_bytes *b, size_t extra, struct lc_err *err)
{
    size_t room = b->room ? b->room : 256;
    unsigned char *data;

    if (extra > SIZE_MAX / 4 || b->size > SIZE_MAX / 4)
        return LC_FAIL(err, LC_E_MEMORY, "a byte buffer cannot hold %zu more bytes", extra);
    while (room < b->size + extra)
        room += room / 2;
    if (room == b->room)
        return LC_OK;
    data = realloc(b->data, room);
    if (!data)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for a buffer of %zu bytes", room);
    b->data = data;
    b->room = room;
    return LC_OK;
}

int lc_bytes_add(struct lc_bytes *b, const void *data, size_t size, struct lc_err *err)
{
    int rc = bytes_grow(b, size, err);

    if (rc != LC_OK)
        return rc;
    if (size > 0)
        memcpy(b->data + b->size, data, size);
    b->size += size;
    return LC_OK;
}

int lc_bytes_printf(struct lc_bytes *b, struct lc_err *err, const char *fmt, ...)
{
    va_list ap;
    int length, rc;

    va_start(ap, fmt);
    length = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (length < 0)
        return LC_FAIL(err, LC_E_LIBRARY, "a text cannot be formatted");
    rc = bytes_grow(b, (size_t)length + 1, err);
    if (rc != LC_OK)
        return rc;
    va_start(ap, fmt);
    vsnprintf((char *)b->data + b->size, (size_t)length + 1, fmt, ap);
    va_end(ap);
    b->size += (size_t)length;
    return LC_OK;
}

void lc_bytes_release(struct lc_bytes *b)
{
    free(b->data);
    *b = (struct lc_bytes){0};
}

int lc_reader_take(struct lc_reader *r, void *out, size_t size, struct lc_err *err)
{
    if (size > r->size - r->at)
        return LC_FAIL(err, LC_E_FORMAT, "saved data end early: %zu bytes wanted, %zu left", size, r->size - r->at);
    if (size)
        memcpy(out, r->data + r->at, size);
    r->at += size;
    return LC_OK;
}

int lc_strdup(char **out, const char *text, struct lc_err *err)
{
    char *copy = strdup(text);

    if (!copy)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for a text of %zu bytes", strlen(text));
    *out = copy;
    return LC_OK;
}

/* memory.h - allocation with checked sizes, and a growable byte buffer. */
#ifndef LC_MEMORY_H
#define LC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"

/* *out = `count` items of `size` bytes, zeroed, 64-byte aligned; free with free().
 * count 0 gives a valid pointer. LC_E_MEMORY names `what` and the bytes asked for. */
int lc_alloc(void **out, int64_t count, size_t size, const char *what, struct lc_err *err);

/* Typed form: LC_ALLOC(&p, n, "samples", err) for a `T *p`. */
#define LC_ALLOC(ptr, count, what, err) lc_alloc((void **)(ptr), (int64_t)(count), sizeof **(ptr), (what), (err))

/* A byte string that grows; also the wire form of everything that is saved, sent or merged. */
struct lc_bytes {
    unsigned char *data; /* owned; free by lc_bytes_release() */
    size_t size, room;
};

/* Append; geometric growth. On failure the buffer is unchanged; else `data` is not NULL, be nothing in it. */
int lc_bytes_add(struct lc_bytes *b, const void *data, size_t size, struct lc_err *err);
int lc_bytes_printf(struct lc_bytes *b, struct lc_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void lc_bytes_release(struct lc_bytes *b);

/* A cursor that takes values back out of saved bytes and never reads past the end. */
struct lc_reader {
    const unsigned char *data;
    size_t size, at;
};

/* Copy the next `size` bytes to out; LC_E_FORMAT when fewer are left. */
int lc_reader_take(struct lc_reader *r, void *out, size_t size, struct lc_err *err);

/* a * b and a + b with overflow as an error (returns 0 and leaves *out when they fit, else 1). */
int lc_mul_overflows(int64_t a, int64_t b, int64_t *out);
int lc_add_overflows(int64_t a, int64_t b, int64_t *out);

/* n rounded up to a multiple of 16 floats (64 bytes): parts of one allocation stay as aligned as the whole. */
int64_t lc_aligned_floats(int64_t n);

/* strdup that reports. */
int lc_strdup(char **out, const char *text, struct lc_err *err);

#endif

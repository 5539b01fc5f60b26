/* screen.h - which of very many dot products may exceed their floors, at the speed of the fastest products that the CPU
 * has, and without missing one: every kernel bounds its own rounding error and names all that could be above. What it
 * names depends on the kernel; what is truly above, which the caller decides, does not.
 * F weight rows of width D, R rows x. */
#ifndef LC_SCREEN_H
#define LC_SCREEN_H

#include <stdint.h>

#include "lightcone/err.h"

/* Weights as the kernels in use want them, beside the float32 form. Bytes, a multiple of 64; 0 where they want none. */
int64_t lc_screen_packed_bytes(int64_t features, int64_t width);
/* `packed` is 64-byte aligned; nothing to do where it takes no bytes. */
void lc_screen_pack(void *packed, const float *w, int64_t features, int64_t width);

struct lc_screen {
    int64_t rows, features, width;
    const float *x;      /* [R, D] finite */
    const float *length; /* [R] |x|, rounded up */
    const float *w;      /* [F, D] finite */
    const float *norm;   /* [F] |w|, rounded up, at most 2^100 */
    const float *floor;  /* [F] below what the caller looks for by the float32 rounding of its own terms */
    const void *packed;  /* of w; NULL where it takes no bytes */
    void *scratch;       /* lc_screen_scratch_bytes(R, D), 64-byte aligned */
};

int64_t lc_screen_scratch_bytes(int64_t rows, int64_t width);

/* Places row * F + feature, in an order that is the kernel's. */
struct lc_candidates {
    int64_t *place; /* owned; lc_candidates_release() */
    int64_t count, room;
};
void lc_candidates_release(struct lc_candidates *c);

/* *out = all (row, feature) with w . x > floor in exact arithmetic, and a few more. */
int lc_screen_run(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err);

#endif

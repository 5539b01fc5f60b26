/* isa.h - the one table of kernels in machine code: one row an instruction set, each tested against the first. */
#ifndef LC_LINALG_ISA_H
#define LC_LINALG_ISA_H

#include "lightcone/screen.h"

/* Rounding of D products and their sum in float32, in any order, and of the terms around them: |error| <= gamma |w||x|. */
static inline double lc_sum_gamma(int64_t width)
{
    return ((double)width + 4.0) * 0x1p-24;
}

/* Room for `more` candidates. */
int lc_candidates_reserve(struct lc_candidates *c, int64_t more, struct lc_err *err);

struct lc_kernels {
    const char *name; /* for LIGHTCONE_ISA and the run record */
    int (*is_there)(void); /* does the CPU have it, and the system let it be used? */
    /* As the functions of screen.h. */
    int64_t (*packed_bytes)(int64_t features, int64_t width);
    void (*pack)(void *packed, const float *w, int64_t features, int64_t width);
    int64_t (*scratch_bytes)(int64_t rows, int64_t width);
    int (*screen)(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err);
};

extern const struct lc_kernels lc_kernels_plain, lc_kernels_amx;

/* Those in use: see lc_isa_choose() in linalg.h. */
const struct lc_kernels *lc_kernels(void);

#endif

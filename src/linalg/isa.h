/* isa.h - the one table of kernels in machine code: one row an instruction set, each tested against the first. */
#ifndef LC_LINALG_ISA_H
#define LC_LINALG_ISA_H

#include "gemm.h"
#include "lightcone/factor.h"
#include "lightcone/screen.h"

/* Room for `more` candidates. */
int lc_candidates_reserve(struct lc_candidates *c, int64_t more, struct lc_err *err);

/* C[m, columns] = A[m, depth] B[first:first + depth, columns] + beta C, B as factor_pack() made it of so many parts with a depth of
 * first + depth; `first` a multiple of 32. */
struct lc_factor_call {
    int64_t m, columns, first, depth;
    int parts;
    const float *a;
    int64_t lda;
    const struct lc_making *making; /* may be NULL */
    const void *b;
    float beta;
    float *c;
    int64_t ldc;
    void *scratch;
};

struct lc_kernels {
    const char *name; /* for LIGHTCONE_ISA and the run record */
    int (*is_there)(void); /* does the CPU have it, and the system let it be used? */
    /* As the functions of screen.h. */
    int64_t (*packed_bytes)(int64_t features, int64_t width);
    void (*pack)(void *packed, const float *w, int64_t features, int64_t width);
    int64_t (*scratch_bytes)(int64_t rows, int64_t width);
    int (*screen)(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err);
    /* Products of split factors; NULL: these kernels have none. */
    int64_t (*factor_bytes)(int64_t depth, int64_t columns, int parts);
    void (*factor_pack)(void *packed, const struct lc_strided *b, int64_t depth, int64_t columns, int parts);
    int64_t (*factor_scratch_bytes)(void);
    void (*product)(const struct lc_factor_call *p);
};

extern const struct lc_kernels lc_kernels_plain, lc_kernels_avx512, lc_kernels_amx;

/* Those in use: see lc_isa_choose() in linalg.h. */
const struct lc_kernels *lc_kernels(void);

#endif

/* carve.h - one allocation cut into arrays; private to model. */
#ifndef LC_MODEL_CARVE_H
#define LC_MODEL_CARVE_H

#include <stddef.h>

#include "lightcone/memory.h"

struct lc_carve {
    float *at; /* NULL: only count */
    int64_t used;
};

/* The next `count` floats, on a cache line; NULL where only counted. */
static inline float *lc_carve(struct lc_carve *c, int64_t count)
{
    float *p = c->at ? c->at + c->used : NULL;

    c->used += lc_aligned_floats(count);
    return p;
}

#endif

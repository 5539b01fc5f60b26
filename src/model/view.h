/* view.h - one block as one window sees it; private to model. */
#ifndef LC_MODEL_VIEW_H
#define LC_MODEL_VIEW_H

#include <stdint.h>

#include "lightcone/model.h"

/* Its weights and what the forward pass left, from the window's first row; all borrowed. */
struct lc_view {
    const struct lc_model_shape *shape;
    const struct lc_block *w;
    const float *unit1, *unit2, *rstd1, *rstd2;
    const float *qkv;       /* [n, 3D] rotated queries, rotated keys, values */
    const float *attention; /* [H, length, length] weights of the softmax */
    const float *mixed;     /* [n, D] sums of values by them */
    const float *slope;     /* [n, I] */
    const float *rotation;  /* see rotary.h */
    int64_t length, n;      /* T of the window; positions that matter */
};

#endif

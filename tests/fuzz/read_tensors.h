/* read_tensors.h - what the fuzz targets of tensor files do with what was accepted. */
#ifndef LC_READ_TENSORS_H
#define LC_READ_TENSORS_H

#include <stdlib.h>

#include "lightcone/memory.h"
#include "lightcone/tensor.h"

/* Read every tensor, in order and transposed, and close the set. */
static inline void read_tensors(struct lc_tensors *set)
{
    struct lc_err err = LC_ERR_INIT;
    float *x;

    for (int64_t i = 0; i < set->count; i++) {
        /* the file holds the values, so their number is bounded by its size */
        if (LC_ALLOC(&x, set->item[i].count, "values", &err) != LC_OK)
            abort();
        (void)lc_tensor_read_f32(&set->item[i], x, &err);
        err = (struct lc_err)LC_ERR_INIT;
        (void)lc_tensor_read_f32_transposed(&set->item[i], x, &err);
        err = (struct lc_err)LC_ERR_INIT;
        free(x);
    }
    lc_tensors_close(set);
}

#endif

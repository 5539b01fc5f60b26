/* rotary.h - rotary position embedding (Su et al. 2021) in GPT-NeoX's form: halves, not pairs. Private to model. */
#ifndef LC_MODEL_ROTARY_H
#define LC_MODEL_ROTARY_H

#include <stdint.h>

#include "lightcone/model.h"

/* table[positions][rotary + 2]: rotary/2 cosines, then rotary/2 sines (the rest pads). Angles in float64. */
void lc_rotary_table(float *table, const struct lc_model_shape *shape, int64_t positions);

/* Turn the first `rotary` dimensions of `heads` consecutive heads of `width` at x by the position's row of the table;
 * direction 1 forwards, -1 back (the transpose). */
void lc_rotate(float *x, int64_t heads, int64_t width, int64_t rotary, const float *row, int direction);

#endif

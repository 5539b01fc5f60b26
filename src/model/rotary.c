#include "rotary.h"

#include <math.h>

void lc_rotary_table(float *table, const struct lc_model_shape *shape, int64_t positions)
{
    int64_t half = shape->rotary / 2;

    for (int64_t t = 0; t < positions; t++)
        for (int64_t i = 0; i < half; i++) {
            double angle = (double)t * pow(shape->rotary_base, -2.0 * (double)i / (double)shape->rotary);
            table[t * (shape->rotary + 2) + i] = (float)cos(angle);
            table[t * (shape->rotary + 2) + half + i] = (float)sin(angle);
        }
}

void lc_rotate(float *x, int64_t heads, int64_t width, int64_t rotary, const float *row, int direction)
{
    int64_t half = rotary / 2;

    for (int64_t h = 0; h < heads; h++, x += width)
        for (int64_t i = 0; i < half; i++) {
            float a = x[i], b = x[half + i], c = row[i], s = direction > 0 ? row[half + i] : -row[half + i];
            x[i] = a * c - b * s;
            x[half + i] = b * c + a * s;
        }
}

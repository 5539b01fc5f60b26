#include "lightcone/tally.h"

#include <math.h>

void lc_tally_add(struct lc_tally *t, double value)
{
    const struct lc_tally one = {.count = 1.0, .sum = value, .squares = value * value, .least = value, .most = value};

    lc_tally_merge(t, &one);
}

void lc_tally_merge(struct lc_tally *t, const struct lc_tally *other)
{
    if (other->count == 0.0)
        return;
    t->least = t->count == 0.0 ? other->least : fmin(t->least, other->least);
    t->most = t->count == 0.0 ? other->most : fmax(t->most, other->most);
    t->count += other->count;
    t->sum += other->sum;
    t->squares += other->squares;
}

double lc_tally_mean(const struct lc_tally *t)
{
    return t->count > 0.0 ? t->sum / t->count : 0.0;
}

double lc_tally_sd(const struct lc_tally *t)
{
    double mean = lc_tally_mean(t);

    return t->count > 1.0 ? sqrt(fmax(0.0, t->squares - mean * t->sum) / (t->count - 1.0)) : 0.0;
}

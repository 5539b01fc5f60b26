#include "lightcone/pace.h"

#include <math.h>

void lc_pace_note(struct lc_pace *p, double now, double done, double memory)
{
    double spent = now - p->at, left = exp(-spent / memory);
    double weight = spent > 0.0 ? (1.0 - left) * memory / spent : 1.0; /* mean weight of a moment since the last note */

    p->seconds = p->seconds * left + spent * weight;
    p->work = p->work * left + (done - p->done) * weight;
    p->at = now;
    p->done = done;
}

double lc_pace_rate(const struct lc_pace *p)
{
    return p->seconds > 0.0 ? p->work / p->seconds : 0.0;
}

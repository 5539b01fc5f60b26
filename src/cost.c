#include "lightcone/cost.h"

#include <math.h>

/* What HDF5 needs beside a dataset's values: headers, units and description. */
enum { DATASET_BYTES = 480 };

/* Distinct ones among so many draws from so many cells. Text repeats itself: distinct words, features and pairs of them
 * grow with a power of the draws (Heaps' law), with exponents about 0.9 in the demo. */
static double distinct(double draws, double cells)
{
    const double growth = 0.9;

    return cells > 0.0 ? cells * -expm1(-pow(draws, growth) / cells) : 0.0;
}

double lc_assumed_features(const struct lc_assumed *a, int64_t i, double rows)
{
    const struct lc_site_assumed *s = &a->site[i];
    double seen = 0.0;

    if (!s->frequency)
        return distinct(rows * s->selected, s->cells);
    for (int64_t f = 0; f < (int64_t)s->cells; f++)
        seen -= expm1(-rows * s->frequency[f]);
    return seen;
}

double lc_assumed_pairs(const struct lc_assumed *a, int64_t i, double tokens, int64_t features, int64_t vocab)
{
    const struct lc_site_assumed *s = &a->site[i];
    double cells = (double)features * (double)vocab;

    if (s->pairs_tokens > 0.0)
        return fmin(cells, s->pairs * pow(tokens / s->pairs_tokens, s->pairs_growth));
    return distinct(tokens * s->active, cells);
}

void lc_cost_dataset(struct lc_cost *c, double count, double size)
{
    c->result_bytes += count * size + DATASET_BYTES;
}

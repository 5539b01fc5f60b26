#include "lightcone/cost.h"

#include <math.h>

/* What HDF5 needs beside a dataset's values: headers, units and description. */
enum { DATASET_BYTES = 480 };

/* Text repeats itself: of n draws n / (1 + (n / scale)^power) are distinct, and no more than there are. Both pairs of
 * scale and power were found on the demo (up to 0.7 million activations a site) and meet the published counts of
 * Pythia-70m (3.9 million, threshold 1.0) within 10 %. */
static const double pairs_power = 0.6, features_scale = 600.0, features_power = 0.75;

static double distinct(double draws, double scale, double power, double cells)
{
    return fmin(cells, draws / (1.0 + pow(draws / scale, power)));
}

double lc_pairs_scale(double activations, double pairs)
{
    if (!(pairs > 0.0) || !(activations > pairs))
        return LC_PAIRS_SCALE;
    return activations / pow(activations / pairs - 1.0, 1.0 / pairs_power);
}

double lc_assumed_features(const struct lc_assumed *a, int64_t i, double rows)
{
    const struct lc_site_assumed *s = &a->site[i];
    double seen = 0.0;

    if (!s->frequency)
        return distinct(rows * s->selected, features_scale, features_power, s->cells);
    for (int64_t f = 0; f < (int64_t)s->cells; f++)
        seen -= expm1(-rows * s->frequency[f]);
    return seen;
}

double lc_assumed_pairs(const struct lc_assumed *a, int64_t i, double tokens, int64_t features, int64_t vocab)
{
    const struct lc_site_assumed *s = &a->site[i];

    return distinct(tokens * s->active, s->pairs_scale, pairs_power, (double)features * (double)vocab);
}

void lc_cost_dataset(struct lc_cost *c, double count, double size)
{
    c->result_bytes += count * size + DATASET_BYTES;
}

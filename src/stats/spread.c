#include "lightcone/spread.h"

#include <math.h>

struct lc_spread lc_spread_of(const double *j, int64_t n)
{
    const double e = 1e-12;
    struct lc_spread s = {.total = 0.0, .entropy = NAN, .participation = NAN, .renyi2 = NAN};
    double mass = 0.0, squares = 0.0, entropy = 0.0;

    for (int64_t t = 0; t < n; t++)
        s.total += j[t];
    if (!(s.total > 0.0) || !isfinite(s.total)) {
        s.degenerate = 1;
        return s;
    }
    for (int64_t t = 0; t < n; t++)
        mass += (j[t] + e) / (s.total + e);
    for (int64_t t = 0; t < n; t++) {
        double p = (j[t] + e) / (s.total + e) / mass;
        squares += p * p;
        entropy -= p > 0.0 ? p * log2(p) : 0.0;
    }
    s.entropy = entropy > 0.0 ? entropy : 0.0;
    s.participation = 1.0 / squares;
    s.renyi2 = squares < 1.0 ? -log2(squares) : 0.0;
    return s;
}

/* tally.h - how long things took: count, mean, spread, extremes. */
#ifndef LC_TALLY_H
#define LC_TALLY_H

struct lc_tally {
    double count, sum, squares, least, most;
};

void lc_tally_add(struct lc_tally *t, double value);
/* What both hold. */
void lc_tally_merge(struct lc_tally *t, const struct lc_tally *other);
double lc_tally_mean(const struct lc_tally *t); /* 0 of none */
double lc_tally_sd(const struct lc_tally *t);   /* of the sample; 0 of fewer than two */

#endif

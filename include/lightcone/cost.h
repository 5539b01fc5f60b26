/* cost.h - what a job costs, by arithmetic on shapes and on an assumption of how many features are active. Estimates, so
 * all in doubles: no product of sizes can overflow. */
#ifndef LC_COST_H
#define LC_COST_H

#include <stdint.h>

/* What is assumed of one site. Features of a token that are ... */
struct lc_site_assumed {
    double active;      /* above the threshold */
    double selected;    /* of these, taken by the features rule */
    double positive;    /* above 0 */
    double cells;       /* features that the rule may take */
    double *frequency;  /* [F] of activity above the threshold as measured, 0 where the rule does not take it; NULL: not
                         * measured. Owned */
    double pairs_scale; /* activations at which half are of a (feature, token) pair seen before */
};

struct lc_assumed {
    struct lc_site_assumed *site; /* [sites of the study], owned */
};

/* Where nothing is measured. */
#define LC_PAIRS_SCALE 150e3

/* The scale with which so many activations are of so many distinct pairs. */
double lc_pairs_scale(double activations, double pairs);
/* Distinct selected features among those active at `rows` tokens of site `i`. */
double lc_assumed_features(const struct lc_assumed *a, int64_t i, double rows);
/* Distinct pairs of a feature and a token id of `vocab` after `tokens` tokens of site `i`, `features` features. */
double lc_assumed_pairs(const struct lc_assumed *a, int64_t i, double tokens, int64_t features, int64_t vocab);

enum lc_part {
    LC_PART_FORWARD,        /* the model up to the deepest site */
    LC_PART_ENCODER,        /* features of all sites */
    LC_PART_FEATURES,       /* backward of the measured features */
    LC_PART_RECONSTRUCTION, /* backward of the further ones above 0, and their sum */
    LC_PART_RESIDUAL,       /* backward of the residual stream's dimensions, or of probes */
    LC_PARTS
};

/* Sums over all windows of a study. */
struct lc_cost {
    double flop[LC_PARTS];
    double leading;      /* at most so many features a site stand in matrices; 0 without such */
    double updates;      /* additions to counters, one by one, which memory bounds */
    double rank_bytes;   /* accumulators of one rank of `ranks`, when its units are done */
    double merged_bytes; /* those of rank 0 when all are merged into it */
    double result_bytes; /* the job's datasets */
    double filled_bytes; /* of these, what all ranks write and no rank holds whole */
};

/* A dataset of `count` values of `size` bytes goes to the result. */
void lc_cost_dataset(struct lc_cost *c, double count, double size);

#endif

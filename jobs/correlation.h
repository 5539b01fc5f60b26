/* correlation.h - what the two files of this job share: the outcome of one site, spread over the ranks. */
#ifndef LC_JOBS_CORRELATION_H
#define LC_JOBS_CORRELATION_H

#include "lightcone/blockcyclic.h"
#include "lightcone/comm.h"
#include "lightcone/exact.h"
#include "lightcone/joint.h"
#include "lightcone/pairs.h"
#include "lightcone/results.h"
#include "lightcone/study.h"

/* One site. First lists; then, in lc_site_pairs, what they give. */
struct lc_site_pairs {
    /* while observing: what this rank saw */
    struct lc_lists positions; /* active features of every position that has any */
    int64_t active;            /* entries of these lists */
    /* the leading features, the same on all ranks */
    int64_t features;   /* M */
    int32_t *feature;   /* [M] ascending */
    int64_t *count;     /* [M] N_i */
    int64_t degenerate; /* of them, p is 0 or 1 */
    /* this rank's part of the matrices */
    struct lc_layout layout;
    uint32_t *joint; /* [rows, cols] M_ij */
    double *shared;  /* [rows, cols] sum_a N(i,a) N(j,a) / N(a) */
    /* on rank 0 */
    struct lc_top top[LC_MEASURES];
    double participation; /* NaN without features that are not degenerate */
    /* the spectrum, of the features that are not degenerate */
    struct lc_layout regular;
    double *eigenvalue;  /* on all ranks */
    double *eigenvector; /* this rank's part, row k: vector k; NULL unless wanted */
};

/* A token of a window. */
struct lc_place {
    int64_t site, window, position;
    int32_t token;
};

struct lc_correlation {
    const struct lc_study *study;
    struct lc_site_pairs *site; /* [sites] */
    int64_t n_tokens;           /* N: of this rank, then of all */
    int64_t *token_count;       /* [V] N(a) of all */
    /* while observing: the features seen so far at the last token */
    struct lc_place last;
    int32_t *entry;
    int64_t entries;
};

/* The lists of all ranks become matrices: lc_job's gather. Collective; agrees on errors. */
int lc_correlation_gather(void *sums, const struct lc_comm *par, struct lc_err *err);

/* The pair of local row r and local column c. */
struct lc_pair lc_site_pair(const struct lc_correlation *s, const struct lc_site_pairs *site, int64_t r, int64_t c);

/* Rank 0: the groups of all sites, matrices reserved; and all ranks: their contents. */
int lc_correlation_finish(void *sums, struct lc_result *r, struct lc_err *err);
int lc_correlation_fill(void *sums, const struct lc_comm *par, struct lc_result *r, struct lc_err *err);

/* The same of RESULT.spectrum.h5. */
extern const struct lc_job_beside lc_correlation_spectrum;

#endif

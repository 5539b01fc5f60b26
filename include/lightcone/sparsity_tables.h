/* sparsity_tables.h - groups of a sparsity result that a job's findings and published files fill alike. */
#ifndef LC_SPARSITY_TABLES_H
#define LC_SPARSITY_TABLES_H

#include "lightcone/positions.h"
#include "lightcone/results.h"

/* sites/SITE/sparsity/position/{mean,sd,corpus_mean,corpus_sd,histogram,corpus_histogram}; fails as lc_result_put(). */
int lc_sparsity_put_positions(struct lc_result *r, const char *site, const struct lc_positions *p, struct lc_err *err);

#endif

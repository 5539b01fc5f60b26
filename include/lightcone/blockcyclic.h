/* blockcyclic.h - square matrices spread over a 2-D grid of ranks in blocks dealt round, as ScaLAPACK has them. Pure
 * arithmetic: every rank knows who owns what. */
#ifndef LC_BLOCKCYCLIC_H
#define LC_BLOCKCYCLIC_H

#include <stdint.h>

/* Rows and columns of a block: 512 bytes of a file's row, and ScaLAPACK's usual size. */
enum { LC_BLOCK = 64 };

/* One dimension: n indices in blocks of `block`, dealt round `procs` processes. */
struct lc_deal {
    int64_t n, block;
    int procs, mine;
};

/* Indices that process d->mine owns. */
int64_t lc_deal_count(const struct lc_deal *d);
/* The global index of my local one, ascending. */
int64_t lc_deal_global(const struct lc_deal *d, int64_t local);
/* Who owns a global index, and its place among that process's. */
int lc_deal_owner(const struct lc_deal *d, int64_t global);
int64_t lc_deal_local(const struct lc_deal *d, int64_t global);

/* An n x n matrix on procs(row) x procs(col) ranks; rank = row process * procs(col) + column process. What a rank owns
 * is one array [rows, cols], row-major. */
struct lc_layout {
    struct lc_deal row, col;
    int64_t rows, cols; /* owned by this rank */
};

/* On all `ranks`, as nearly square as they divide; of rank `rank`. */
void lc_layout_init(struct lc_layout *l, int64_t n, int64_t block, int ranks, int rank);

#endif

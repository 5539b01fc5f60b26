/* deal.h - pieces of work of known sizes, dealt out to the ranks of rank 0's node, each to the one that has the least.
 * Private to src/study. */
#ifndef LC_DEAL_H
#define LC_DEAL_H

#include <stdint.h>

#include "lightcone/comm.h"
#include "lightcone/err.h"

struct lc_deal {
    int64_t *load; /* [ranks] owned */
    int ranks, mine;
};
/* Release in any case. Not collective, but ranks must deal out the same pieces. */
int lc_deal_init(struct lc_deal *deal, const struct lc_comm *par, struct lc_err *err);
void lc_deal_release(struct lc_deal *deal);

/* Is the next piece this rank's? */
int lc_deal_next(struct lc_deal *deal, int64_t size);

#endif

#include "deal.h"

#include <stdlib.h>

#include "lightcone/memory.h"

int lc_deal_init(struct lc_deal *deal, const struct lc_comm *par, struct lc_err *err)
{
    *deal = (struct lc_deal){.ranks = par->node_size, .mine = par->node_rank};
    return LC_ALLOC(&deal->load, deal->ranks, "shares of ranks", err);
}

void lc_deal_release(struct lc_deal *deal)
{
    free(deal->load);
    *deal = (struct lc_deal){0};
}

int lc_deal_next(struct lc_deal *deal, int64_t size)
{
    int least = 0;

    for (int r = 1; r < deal->ranks; r++)
        if (deal->load[r] < deal->load[least])
            least = r;
    deal->load[least] += size;
    return least == deal->mine;
}

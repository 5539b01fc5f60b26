#include "lightcone/blockcyclic.h"

int64_t lc_deal_count(const struct lc_deal *d)
{
    int64_t blocks = d->n / d->block, rest = d->n % d->block, turn = blocks % d->procs;

    return blocks / d->procs * d->block + (d->mine < turn ? d->block : d->mine == turn ? rest : 0);
}

int64_t lc_deal_global(const struct lc_deal *d, int64_t local)
{
    return (local / d->block * d->procs + d->mine) * d->block + local % d->block;
}

int lc_deal_owner(const struct lc_deal *d, int64_t global)
{
    return (int)(global / d->block % d->procs);
}

int64_t lc_deal_local(const struct lc_deal *d, int64_t global)
{
    return global / d->block / d->procs * d->block + global % d->block;
}

void lc_layout_init(struct lc_layout *l, int64_t n, int64_t block, int ranks, int rank)
{
    int high = 1;

    for (int p = 1; p * p <= ranks; p++)
        if (ranks % p == 0)
            high = p;
    l->row = (struct lc_deal){.n = n, .block = block, .procs = high, .mine = rank / (ranks / high)};
    l->col = (struct lc_deal){.n = n, .block = block, .procs = ranks / high, .mine = rank % (ranks / high)};
    l->rows = lc_deal_count(&l->row);
    l->cols = lc_deal_count(&l->col);
}

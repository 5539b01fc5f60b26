#include "lightcone/sparsity_tables.h"

#include <stdlib.h>

#define POSITION "sites/SITE/sparsity/position/"

enum { MOMENTS = 4 };

struct table {
    double *moment[MOMENTS];               /* [F] mean, sd, corpus_mean, corpus_sd */
    int64_t *histogram, *corpus_histogram; /* [F, bins] */
};

static void table_release(struct table *t)
{
    for (int i = 0; i < MOMENTS; i++)
        free(t->moment[i]);
    free(t->histogram);
    free(t->corpus_histogram);
}

static int table_make(struct table *t, const struct lc_positions *p, struct lc_err *err)
{
    int rc;

    *t = (struct table){0};
    for (int i = 0; i < MOMENTS; i++)
        LC_TRY(rc, LC_ALLOC(&t->moment[i], p->features, "positions", err));
    LC_TRY(rc, LC_ALLOC(&t->histogram, p->features * p->bins, "positions", err));
    LC_TRY(rc, LC_ALLOC(&t->corpus_histogram, p->features * p->corpus_bins, "positions", err));
    for (int64_t f = 0; f < p->features; f++) {
        const struct lc_position_count *item = p->item[f];
        lc_positions_moments(p, f, &t->moment[0][f], &t->moment[1][f], &t->moment[2][f], &t->moment[3][f]);
        for (int64_t b = 0; item && b < p->bins; b++)
            t->histogram[f * p->bins + b] = item->bin[b];
        for (int64_t b = 0; item && b < p->corpus_bins; b++)
            t->corpus_histogram[f * p->corpus_bins + b] = item->corpus_bin[b];
    }
done:
    if (rc != LC_OK)
        table_release(t);
    return rc;
}

int lc_sparsity_put_positions(struct lc_result *r, const char *site, const struct lc_positions *p, struct lc_err *err)
{
    static const char *const names[MOMENTS] = {POSITION "mean", POSITION "sd", POSITION "corpus_mean", POSITION "corpus_sd"};
    int64_t dim[] = {p->features, p->bins}, corpus_dim[] = {p->features, p->corpus_bins};
    struct table t;
    int rc = table_make(&t, p, err);

    if (rc != LC_OK)
        return rc;
    for (int i = 0; i < MOMENTS; i++)
        LC_TRY(rc, lc_result_put(r, names[i], site, &p->features, t.moment[i], err));
    LC_TRY(rc, lc_result_put(r, POSITION "histogram", site, dim, t.histogram, err));
    LC_TRY(rc, lc_result_put(r, POSITION "corpus_histogram", site, corpus_dim, t.corpus_histogram, err));
done:
    table_release(&t);
    return rc;
}

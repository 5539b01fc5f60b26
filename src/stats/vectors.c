/* vectors.c - what is derived from the sorted logs of the token vectors. */
#include <math.h>

#include "lightcone/estimate.h"
#include "lightcone/samples.h"

enum { RESIDUAL, RECONSTRUCTION, ESTIMATE, SHARE, SHARE_OF_SUMS, OVERLAP, SUMMARIES };

static int add_entropy(struct lc_estimate *e, int64_t window, const struct lc_sample *x, struct lc_err *err)
{
    return x->spread.degenerate ? LC_OK : lc_estimate_add(e, window, 0, x->spread.entropy, err);
}

/* Readout i of both logs. */
static int add_pair(struct lc_estimate *e, int64_t window, const struct lc_samples *residual,
                    const struct lc_samples *reconstruction, int64_t i, int64_t before, struct lc_err *err)
{
    const struct lc_sample *a = &residual->item[i], *b = &reconstruction->item[i];
    const float *p = residual->profile + a->profile * residual->profile_length,
                *q = reconstruction->profile + b->profile * reconstruction->profile_length;
    double overlap = lc_overlap_of(p, q, before + a->position + 1);
    int rc = LC_OK;

    if (!a->spread.degenerate && isfinite(b->spread.total)) {
        LC_TRY(rc, lc_estimate_add(&e[SHARE], window, 0, b->spread.total / a->spread.total, err));
        LC_TRY(rc, lc_estimate_add_ratio(&e[SHARE_OF_SUMS], window, 0, b->spread.total, a->spread.total, err));
    }
    if (isfinite(overlap))
        rc = lc_estimate_add(&e[OVERLAP], window, 0, overlap, err);
done:
    return rc;
}

static int fill(struct lc_estimate *e, const struct lc_samples *residual, const struct lc_samples *reconstruction,
                const struct lc_samples *estimate, int64_t before, int64_t *windows, struct lc_err *err)
{
    const struct lc_samples *any = residual->count > 0         ? residual
                                   : reconstruction->count > 0 ? reconstruction
                                                               : estimate;
    int rc = LC_OK;

    *windows = 0;
    for (int64_t i = 0; i < any->count; i++) {
        *windows += i == 0 || any->item[i].window != any->item[i - 1].window;
        if (residual->count > 0)
            LC_TRY(rc, add_entropy(&e[RESIDUAL], *windows - 1, &residual->item[i], err));
        if (reconstruction->count > 0)
            LC_TRY(rc, add_entropy(&e[RECONSTRUCTION], *windows - 1, &reconstruction->item[i], err));
        if (estimate->count > 0)
            LC_TRY(rc, add_entropy(&e[ESTIMATE], *windows - 1, &estimate->item[i], err));
        if (residual->count > 0 && reconstruction->count > 0)
            LC_TRY(rc, add_pair(e, *windows - 1, residual, reconstruction, i, before, err));
    }
done:
    return rc;
}

int lc_vectors_summarise(const struct lc_samples *residual, const struct lc_samples *reconstruction,
                         const struct lc_samples *estimate, int64_t before, uint64_t seed, int64_t rounds,
                         struct lc_vector_summaries *out, struct lc_err *err)
{
    struct lc_estimate e[SUMMARIES] = {{0}};
    int64_t windows = 0;
    int rc = LC_OK;

    for (int k = 0; k < SUMMARIES; k++)
        LC_TRY(rc, lc_estimate_init(&e[k], 1, 0, err));
    LC_TRY(rc, fill(e, residual, reconstruction, estimate, before, &windows, err));
    LC_TRY(rc, lc_estimates_finish(e, SUMMARIES, windows, seed, rounds, err));
    *out = (struct lc_vector_summaries){.residual_entropy = e[RESIDUAL].out[0],
                                        .reconstruction_entropy = e[RECONSTRUCTION].out[0],
                                        .estimate_entropy = e[ESTIMATE].out[0],
                                        .share = e[SHARE].out[0],
                                        .share_of_sums = e[SHARE_OF_SUMS].out[0],
                                        .overlap = e[OVERLAP].out[0]};
done:
    for (int k = 0; k < SUMMARIES; k++)
        lc_estimate_release(&e[k]);
    return rc;
}

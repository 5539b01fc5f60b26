#include "tokens.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

int lc_tokens_share(const struct lc_array *profile, int64_t sample, double *share)
{
    const float *j = (const float *)profile->data + sample * profile->dim[1];
    double sum = 0;

    for (int64_t i = 0; i < profile->dim[1]; i++)
        sum += (double)j[i];
    if (!(sum > 0) || !isfinite(sum))
        return 0;
    for (int64_t i = 0; i < profile->dim[1]; i++)
        share[i] = (double)j[i] / sum;
    return 1;
}

static int find_samples(struct lc_tokens *t, const struct lc_view_site *s, int32_t feature,
                        struct lc_err *err)
{
    int64_t all = lc_view_count(s, LC_VIEW_S_FEATURE);
    const int32_t *of = lc_view_i32(s, LC_VIEW_S_FEATURE);
    const float *activation = lc_view_f32(s, LC_VIEW_S_ACTIVATION),
                *entropy = lc_view_f32(s, LC_VIEW_S_ENTROPY);
    const int64_t *window = lc_view_i64(s, LC_VIEW_S_WINDOW), *position = lc_view_i64(s, LC_VIEW_S_POSITION);
    int rc;

    if (!of || !activation || !entropy || !window || !position)
        return LC_OK;
    for (int64_t i = 0; i < all; i++)
        t->n += of[i] == feature;
    LC_TRY(rc, LC_ALLOC(&t->sample, t->n, "samples of a feature", err));
    t->n = 0;
    for (int64_t i = 0; i < all; i++) {
        if (of[i] != feature)
            continue;
        t->sample[t->n++] = i;
        /* a degenerate sample has no profile to show; where no activation is known, the first sample serves */
        if (isfinite(entropy[i]) && !isinf(activation[i]) &&
            (t->strongest < 0 || activation[i] > activation[t->strongest] ||
             (isnan(activation[t->strongest]) && isfinite(activation[i]))))
            t->strongest = i;
    }
    if (t->strongest >= 0) {
        t->window = window[t->strongest];
        t->position = position[t->strongest];
        t->activation = (double)activation[t->strongest];
        t->entropy = (double)entropy[t->strongest];
    }
done:
    return rc;
}

static int own_share(struct lc_tokens *t, const struct lc_view_site *s, struct lc_err *err)
{
    int rc;

    LC_TRY(rc,
           lc_result_get(s->part[LC_VIEW_INFLUENCE], "sites/SITE/influence/samples/profile", s->name, &t->profile, err));
    if (t->profile.dim[0] != lc_view_count(s, LC_VIEW_S_FEATURE))
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: samples/profile of site %s has %" PRId64 " rows; there are %" PRId64 " samples",
                       s->path[LC_VIEW_INFLUENCE], s->name, t->profile.dim[0], lc_view_count(s, LC_VIEW_S_FEATURE));
    t->length = t->profile.dim[1];
    LC_TRY(rc, LC_ALLOC(&t->share, t->length, "shares of influence", err));
    t->own_profile = lc_tokens_share(&t->profile, t->strongest, t->share);
done:
    return rc;
}

static int mean_share(struct lc_tokens *t, const struct lc_view_site *s, int32_t feature, struct lc_err *err)
{
    const struct lc_array *a = &s->array[LC_VIEW_F_PROFILE_MEAN];
    const int32_t *of = lc_view_i32(s, LC_VIEW_F_FEATURE);
    const double *mean;
    int64_t row = 0;
    double sum = 0;
    int rc;

    if (!a->data || !of)
        return LC_OK;
    while (row < a->dim[0] && of[row] != feature)
        row++;
    if (row == a->dim[0])
        return LC_OK;
    mean = (const double *)a->data + row * a->dim[1];
    LC_TRY(rc, LC_ALLOC(&t->share, a->dim[1], "shares of influence", err));
    t->length = a->dim[1];
    for (int64_t i = 0; i < t->length; i++)
        sum += mean[i];
    for (int64_t i = 0; i < t->length && sum > 0; i++)
        t->share[i] = mean[i] / sum;
done:
    return rc;
}

int lc_tokens_open(struct lc_tokens *t, const struct lc_view_site *s, int32_t feature, struct lc_err *err)
{
    int rc, found;

    *t = (struct lc_tokens){.strongest = -1};
    LC_TRY(rc, find_samples(t, s, feature, err));
    if (t->strongest < 0)
        return LC_OK;
    if (lc_result_has(s->part[LC_VIEW_INFLUENCE], "sites/SITE/influence/samples/profile", s->name))
        LC_TRY(rc, own_share(t, s, err));
    else
        LC_TRY(rc, mean_share(t, s, feature, err));
    rc = lc_view_text_open(&t->text, s->part[LC_VIEW_INFLUENCE], s->path[LC_VIEW_INFLUENCE], &found, err);
done:
    if (rc != LC_OK)
        lc_tokens_close(t);
    return rc;
}

void lc_tokens_close(struct lc_tokens *t)
{
    free(t->sample);
    free(t->share);
    lc_array_release(&t->profile);
    lc_view_text_close(&t->text);
    *t = (struct lc_tokens){0};
}

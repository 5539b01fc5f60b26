#include "lightcone/profiles.h"

#include <math.h>
#include <stdlib.h>

int lc_profiles_init(struct lc_profiles *p, int64_t features, int64_t length, struct lc_err *err)
{
    int rc;

    *p = (struct lc_profiles){.features = features, .length = length};
    LC_TRY(rc, LC_ALLOC(&p->sum, features, "profiles", err));
    LC_TRY(rc, LC_ALLOC(&p->samples, features, "profiles", err));
done:
    if (rc != LC_OK)
        lc_profiles_release(p);
    return rc;
}

void lc_profiles_release(struct lc_profiles *p)
{
    for (int64_t i = 0; p->sum && i < p->features; i++)
        free(p->sum[i]);
    free(p->sum);
    free(p->samples);
    *p = (struct lc_profiles){0};
}

static int see(struct lc_profiles *p, int64_t feature, struct lc_err *err)
{
    return p->sum[feature] ? LC_OK : LC_ALLOC(&p->sum[feature], 2 * p->length, "profiles", err);
}

int lc_profiles_add(struct lc_profiles *p, int64_t feature, const double *j, int64_t n, struct lc_err *err)
{
    if (see(p, feature, err) != LC_OK)
        return err->code;
    p->samples[feature]++;
    for (int64_t t = 0; t < n; t++) {
        lc_exact_add(&p->sum[feature][t], j[t]);
        lc_exact_add(&p->sum[feature][p->length + t], j[t] * j[t]);
    }
    return LC_OK;
}

void lc_profiles_moments(const struct lc_profiles *p, int64_t feature, double *mean, double *sd)
{
    double n = (double)p->samples[feature];

    for (int64_t t = 0; t < p->length; t++) {
        double variance;
        mean[t] = lc_exact_value(&p->sum[feature][t]) / n;
        variance = lc_exact_value(&p->sum[feature][p->length + t]) / n - mean[t] * mean[t];
        sd[t] = variance > 0.0 ? sqrt(variance) : 0.0;
    }
}

int lc_profiles_save(const struct lc_profiles *p, struct lc_bytes *out, struct lc_err *err)
{
    int64_t seen = 0;
    int rc;

    for (int64_t i = 0; i < p->features; i++)
        seen += p->sum[i] != NULL;
    LC_TRY(rc, lc_bytes_add(out, &seen, sizeof seen, err));
    for (int64_t i = 0; i < p->features; i++) {
        if (!p->sum[i])
            continue;
        LC_TRY(rc, lc_bytes_add(out, &i, sizeof i, err));
        LC_TRY(rc, lc_bytes_add(out, &p->samples[i], sizeof p->samples[i], err));
        LC_TRY(rc, lc_bytes_add(out, p->sum[i], (size_t)(2 * p->length) * sizeof *p->sum[i], err));
    }
done:
    return rc;
}

static int merge_one(struct lc_profiles *p, struct lc_reader *in, struct lc_err *err)
{
    int64_t feature = -1, samples = 0;
    struct lc_exact sum;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &feature, sizeof feature, err));
    LC_TRY(rc, lc_reader_take(in, &samples, sizeof samples, err));
    if (feature < 0 || feature >= p->features)
        return LC_FAIL(err, LC_E_FORMAT, "saved profiles: feature %lld is not one of %lld", (long long)feature,
                       (long long)p->features);
    LC_TRY(rc, see(p, feature, err));
    p->samples[feature] += samples;
    for (int64_t t = 0; t < 2 * p->length; t++) {
        LC_TRY(rc, lc_reader_take(in, &sum, sizeof sum, err));
        lc_exact_merge(&p->sum[feature][t], &sum);
    }
done:
    return rc;
}

int lc_profiles_merge(struct lc_profiles *p, struct lc_reader *in, struct lc_err *err)
{
    int64_t seen = 0;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &seen, sizeof seen, err));
    for (int64_t i = 0; i < seen; i++)
        LC_TRY(rc, merge_one(p, in, err));
done:
    return rc;
}

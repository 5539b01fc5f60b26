#include "lightcone/assume.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "lightcone/memory.h"
#include "lightcone/results.h"

static int64_t selected_features(const struct lc_site *site)
{
    int64_t count = 0;

    for (int64_t f = 0; f < site->sae.shape.features; f++)
        count += !site->selected || site->selected[f];
    return count;
}

static void assume_constants(struct lc_site_assumed *a, const struct lc_study *study, const struct lc_site *site)
{
    double features = (double)site->sae.shape.features;

    a->cells = (double)selected_features(site);
    a->active = fmin(LC_ASSUMED_ACTIVE, features);
    a->selected = a->active * a->cells / features;
    a->pairs_scale = LC_PAIRS_SCALE;
    a->positive = study->config.threshold > 0.0 ? fmin(LC_ASSUMED_POSITIVE * a->active, features) : a->active;
}

static int keep_frequency(struct lc_site_assumed *a, const struct lc_site *site, const double *measured,
                          struct lc_err *err)
{
    if (LC_ALLOC(&a->frequency, site->sae.shape.features, "frequencies", err) != LC_OK)
        return err->code;
    a->cells = (double)site->sae.shape.features;
    a->active = a->selected = 0.0;
    for (int64_t f = 0; f < site->sae.shape.features; f++) {
        double p = isfinite(measured[f]) && measured[f] > 0.0 ? fmin(measured[f], 1.0) : 0.0;
        a->active += p;
        a->frequency[f] = !site->selected || site->selected[f] ? p : 0.0;
        a->selected += a->frequency[f];
    }
    return LC_OK;
}

static int read_site(struct lc_site_assumed *a, const struct lc_study *study, const struct lc_site *site,
                     const struct lc_result *from, const char *path, struct lc_err *err)
{
    struct lc_array frequency = {0}, unique = {0};
    int64_t features = site->sae.shape.features, tokens = 0;
    double threshold = 0.0, pairs = 0.0;
    int found = 0, rc;

    if (!lc_result_has(from, "sites/SITE/sparsity/frequency", site->name))
        return LC_FAIL(err, LC_E_CONFIG, "%s: has no sparsity of site %s", path, site->name);
    LC_TRY(rc, lc_result_get(from, "sites/SITE/sparsity/frequency", site->name, &frequency, err));
    LC_TRY(rc, lc_result_get(from, "sites/SITE/sparsity/unique_tokens", site->name, &unique, err));
    if (frequency.count != features || unique.count != features)
        LC_TRY(rc, LC_FAIL(err, LC_E_CONFIG, "%s: has %" PRId64 " features at %s, the SAE has %" PRId64, path,
                           frequency.count, site->name, features));
    LC_TRY(rc, lc_result_get_real(from, "sites/SITE/sparsity", site->name, "threshold", &threshold, &found, err));
    LC_TRY(rc, lc_result_get_int(from, "sites/SITE/sparsity", site->name, "n_tokens", &tokens, &found, err));
    LC_TRY(rc, keep_frequency(a, site, frequency.data, err));
    for (int64_t f = 0; f < features; f++)
        pairs += (double)((const int64_t *)unique.data)[f];
    a->pairs_scale = lc_pairs_scale((double)tokens * a->active, pairs);
    a->positive = threshold > 0.0 && study->config.threshold > 0.0
                      ? fmin(LC_ASSUMED_POSITIVE * a->active, (double)features)
                      : a->active;
done:
    lc_array_release(&frequency);
    lc_array_release(&unique);
    return rc;
}

static int read_result(struct lc_assumed *a, const struct lc_study *study, const char *path, struct lc_err *err)
{
    struct lc_result *from = NULL;
    int rc;

    LC_TRY(rc, lc_result_open(&from, path, err));
    for (int64_t i = 0; i < study->sites; i++)
        LC_TRY(rc, read_site(&a->site[i], study, &study->site[i], from, path, err));
done:
    lc_result_close(from);
    return rc;
}

int lc_assume(struct lc_assumed *a, const struct lc_study *study, const char *like, const char **source,
              struct lc_err *err)
{
    int rc;

    *a = (struct lc_assumed){0};
    *source = like;
    if (!like && study->config.features.rule == LC_FEATURES_SELECT && study->config.features.from[0])
        *source = study->config.features.from;
    LC_TRY(rc, LC_ALLOC(&a->site, study->sites, "assumptions", err));
    for (int64_t i = 0; i < study->sites; i++)
        assume_constants(&a->site[i], study, &study->site[i]);
    if (*source)
        LC_TRY(rc, read_result(a, study, *source, err));
done:
    if (rc != LC_OK)
        lc_assume_release(a, study);
    return rc;
}

void lc_assume_release(struct lc_assumed *a, const struct lc_study *study)
{
    for (int64_t i = 0; a->site && i < study->sites; i++)
        free(a->site[i].frequency);
    free(a->site);
    *a = (struct lc_assumed){0};
}

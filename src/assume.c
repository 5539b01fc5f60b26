#include "assume.h"

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
    a->positive = study->config.threshold > 0.0 ? fmin(LC_ASSUMED_POSITIVE * a->active, features) : a->active;
}

/* Growth of the distinct pairs between half of the tokens and all of them, by when each pair was first seen. */
static int read_pairs(struct lc_site_assumed *a, const struct lc_result *from, const char *site, double tokens,
                      struct lc_err *err)
{
    struct lc_array first = {0};
    const int64_t *at;
    int64_t least = INT64_MAX, half = 0;

    if (!lc_result_has(from, "sites/SITE/sparsity/token_first", site))
        return LC_OK;
    if (lc_result_get(from, "sites/SITE/sparsity/token_first", site, &first, err) != LC_OK)
        return err->code;
    at = first.data;
    for (int64_t k = 0; k < first.count; k++)
        least = at[k] < least ? at[k] : least;
    for (int64_t k = 0; k < first.count; k++)
        half += (double)(at[k] - least) < tokens / 2.0;
    a->pairs = (double)first.count;
    a->pairs_tokens = tokens;
    a->pairs_growth = half > 0 ? fmin(1.0, log2((double)first.count / (double)half)) : 1.0;
    lc_array_release(&first);
    return LC_OK;
}

static int keep_frequency(struct lc_site_assumed *a, const struct lc_site *site, const double *measured, double floor,
                          struct lc_err *err)
{
    double all = 0.0;

    if (LC_ALLOC(&a->frequency, site->sae.shape.features, "frequencies", err) != LC_OK)
        return err->code;
    a->selected = 0.0;
    for (int64_t f = 0; f < site->sae.shape.features; f++) {
        double p = isfinite(measured[f]) && measured[f] > 0.0 ? measured[f] : 0.0;
        all += p;
        a->frequency[f] = !site->selected || site->selected[f] ? p : 0.0;
        a->selected += a->frequency[f];
    }
    a->cells = (double)site->sae.shape.features;
    a->active = all;
    a->positive = fmax(floor * all, all);
    return LC_OK;
}

static int read_site(struct lc_site_assumed *a, const struct lc_study *study, const struct lc_site *site,
                     const struct lc_result *from, const char *path, struct lc_err *err)
{
    struct lc_array frequency = {0};
    int64_t tokens = 0;
    double threshold = 0.0;
    int found = 0, rc;

    if (!lc_result_has(from, "sites/SITE/sparsity/frequency", site->name))
        return LC_FAIL(err, LC_E_CONFIG, "%s: has no sparsity of site %s", path, site->name);
    LC_TRY(rc, lc_result_get(from, "sites/SITE/sparsity/frequency", site->name, &frequency, err));
    if (frequency.count != site->sae.shape.features)
        LC_TRY(rc, LC_FAIL(err, LC_E_CONFIG, "%s: has %" PRId64 " features at %s, the SAE has %" PRId64, path,
                           frequency.count, site->name, site->sae.shape.features));
    LC_TRY(rc, lc_result_get_real(from, "sites/SITE/sparsity", site->name, "threshold", &threshold, &found, err));
    LC_TRY(rc, lc_result_get_int(from, "sites/SITE/sparsity", site->name, "n_tokens", &tokens, &found, err));
    LC_TRY(rc, keep_frequency(a, site, frequency.data,
                              study->config.threshold > 0.0 && threshold > 0.0 ? LC_ASSUMED_POSITIVE : 1.0, err));
    if (found && tokens > 0)
        rc = read_pairs(a, from, site->name, (double)tokens, err);
done:
    lc_array_release(&frequency);
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
    *source = like                                                   ? like
              : study->config.features.rule == LC_FEATURES_SELECT ? study->config.features.from
                                                                     : NULL;
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

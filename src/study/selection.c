#include "selection.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/leading.h"
#include "lightcone/results.h"
#include "provenance.h"

static int select_list(const struct lc_config *config, struct lc_site *site, struct lc_err *err)
{
    const struct lc_feature_config *rule = &config->features;
    int64_t features = site->sae.shape.features;

    for (int64_t i = 0; i < rule->list.count; i++) {
        int64_t f = rule->list.value[i];
        if (f < 0 || f >= features)
            return LC_FAIL(err, LC_E_CONFIG,
                           "%s: key 'features': %" PRId64 " is not a feature of %s; allowed: 0 to %" PRId64,
                           config->source, f, site->name, features - 1);
        site->selected[f] = 1;
    }
    return LC_OK;
}

static int select_site(const struct lc_result *from, const char *path, const struct lc_feature_config *rule,
                       struct lc_site *site, struct lc_err *err)
{
    struct lc_array frequency = {0}, unique = {0};
    int rc;

    if (!lc_result_has(from, "sites/SITE/sparsity/frequency", site->name))
        return LC_FAIL(err, LC_E_CONFIG, "%s: features.from has no sparsity of site %s", path, site->name);
    LC_TRY(rc, lc_result_get(from, "sites/SITE/sparsity/frequency", site->name, &frequency, err));
    LC_TRY(rc, lc_result_get(from, "sites/SITE/sparsity/unique_tokens", site->name, &unique, err));
    if (frequency.count != site->sae.shape.features || unique.count != frequency.count)
        LC_TRY(rc, LC_FAIL(err, LC_E_CONFIG, "%s: features.from has %" PRId64 " features at %s, the SAE has %" PRId64,
                           path, frequency.count, site->name, site->sae.shape.features));
    LC_TRY(rc, lc_leading_select(rule, frequency.count, frequency.data, unique.data, site->selected, err));
done:
    lc_array_release(&frequency);
    lc_array_release(&unique);
    return rc;
}

static int select_by_result(struct lc_study *study, struct lc_err *err)
{
    const char *path = study->config.features.from;
    struct lc_result *from = NULL;
    int rc;

    LC_TRY(rc, lc_result_open(&from, path, err));
    LC_TRY(rc, lc_provenance_check(from, study, "features.from", path, err));
    for (int64_t i = 0; i < study->sites; i++)
        LC_TRY(rc, select_site(from, path, &study->config.features, &study->site[i], err));
done:
    lc_result_close(from);
    return rc;
}

static int select_on_root(struct lc_study *study, struct lc_err *err)
{
    if (study->config.features.rule == LC_FEATURES_SELECT)
        return select_by_result(study, err);
    for (int64_t i = 0; i < study->sites; i++)
        if (select_list(&study->config, &study->site[i], err) != LC_OK)
            return err->code;
    return LC_OK;
}

int lc_selection_make(struct lc_study *study, const struct lc_comm *par, struct lc_err *err)
{
    if (study->config.features.rule == LC_FEATURES_ACTIVE)
        return LC_OK;
    for (int64_t i = 0; i < study->sites && err->code == LC_OK; i++)
        LC_ALLOC(&study->site[i].selected, study->site[i].sae.shape.features, "feature selection", err);
    if (par->rank == 0 && err->code == LC_OK)
        select_on_root(study, err);
    if (lc_comm_agree(par, err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < study->sites; i++)
        lc_comm_broadcast(par, study->site[i].selected, study->site[i].sae.shape.features);
    return LC_OK;
}

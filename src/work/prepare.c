/* prepare.c - from a configuration to its job. */
#include <stdio.h>
#include <string.h>

#include "lightcone/file.h"
#include "lightcone/log.h"
#include "lightcone/prepare.h"

void lc_run_warn(const char *text)
{
    lc_log("lightcone: warning: %s", text);
}

int lc_run_find_job(const struct lc_config *config, const struct lc_job **out, struct lc_err *err)
{
    char allowed[256] = "";
    size_t used = 0;

    *out = lc_job_find(config->job);
    if (*out)
        return lc_job_check(*out, config, err);
    for (const struct lc_job *const *job = lc_jobs; *job && used < sizeof allowed; job++)
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", used ? ", " : "", (*job)->name);
    return LC_FAIL(err, LC_E_CONFIG, "%s: key 'job' is '%s'; allowed: %s", config->source, config->job, allowed);
}

int lc_job_check(const struct lc_job *job, const struct lc_config *config, struct lc_err *err)
{
    if (job->one_length && config->windows.lengths.count > 0)
        return LC_FAIL(err, LC_E_CONFIG, "%s: key 'windows.length' is a list; job '%s' takes an integer", config->source,
                       job->name);
    return LC_OK;
}

int lc_run_check_output(const struct lc_config *config, struct lc_err *err)
{
    const char *const read[] = {config->features.from, config->readout_from};
    static const char *const key[] = {"features.from", "readout.from"};

    if (lc_path_is_folder(config->output))
        return LC_FAIL(err, LC_E_IO, "%s: key 'output' names a folder; allowed: a file", config->output);
    for (int i = 0; i < 2; i++)
        if (lc_path_is_same(read[i], config->output))
            return LC_FAIL(err, LC_E_CONFIG, "%s: key 'output' is %s, the file of '%s'; allowed: another", config->source,
                           config->output, key[i]);
    return lc_result_check(config->output, err);
}

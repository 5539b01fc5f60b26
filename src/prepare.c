/* prepare.c - from a configuration file to its job. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"
#include "log.h"
#include "run.h"

void lc_run_warn(const char *text)
{
    lc_log("lightcone: warning: %s", text);
}

static int find_job(const struct lc_config *config, const struct lc_job **out, struct lc_err *err)
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

/* Rank 0, before hours of work: can the result be put where it shall go? */
static int check_output(const struct lc_config *config, struct lc_err *err)
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

static int read_config(const struct lc_comm *par, const char *path, const char *const *overrides,
                       int64_t override_count, struct lc_config *config, struct lc_err *err)
{
    struct lc_map map = {0};
    void *bytes = NULL;
    int64_t size = 0;
    int rc;

    if (par->rank == 0 && lc_map_open(&map, path, err) != LC_OK)
        err->code = LC_E_CONFIG; /* the command line names a file that is none */
    else if (par->rank == 0) {
        bytes = (void *)(uintptr_t)map.data;
        size = (int64_t)map.size;
    }
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, lc_comm_share(par, &bytes, &size, err));
    lc_config_parse(config, path, bytes, (size_t)size, overrides, override_count, err);
    rc = lc_comm_agree(par, err);
done:
    if (par->rank == 0)
        lc_map_close(&map);
    else
        free(bytes);
    return rc;
}

int lc_run_prepare(const struct lc_comm *par, const char *path, const char *const *overrides, int64_t override_count,
                   struct lc_config *config, const struct lc_job **job, struct lc_err *err)
{
    int rc = read_config(par, path, overrides, override_count, config, err);

    if (rc != LC_OK)
        return rc;
    if (find_job(config, job, err) == LC_OK && par->rank == 0)
        check_output(config, err);
    rc = lc_comm_agree(par, err);
    if (rc != LC_OK)
        lc_config_release(config);
    return rc;
}

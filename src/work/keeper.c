#include "lightcone/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"
#include "lightcone/hash.h"
#include "lightcone/linalg.h"
#include "lightcone/log.h"
#include "lightcone/record.h"

static int add_hash(struct lc_bytes *text, const char *what, const struct lc_site *site, const void *data, size_t size,
                    struct lc_err *err)
{
    char hex[LC_HASH_HEX];

    if (lc_hash_bytes(hex, data, size, err) != LC_OK)
        return err->code;
    return lc_bytes_printf(text, err, "%s  %s  %s\n", hex, what, site ? site->name : "");
}

/* Rank 0: what the numbers depend on beside the configuration: all files, and what was chosen by results of other jobs. */
static int describe_inputs(struct lc_bytes *text, const struct lc_study *study, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_bytes_add(text, study->provenance.data, study->provenance.size, err));
    LC_TRY(rc, add_hash(text, "windows", NULL, study->windows.start,
                        (size_t)study->windows.count * sizeof *study->windows.start, err));
    for (int64_t i = 0; i < study->sites; i++) {
        const struct lc_site *site = &study->site[i];
        if (site->selected)
            LC_TRY(rc, add_hash(text, "features", site, site->selected, (size_t)site->sae.shape.features, err));
        if (site->wanted.feature)
            LC_TRY(rc, add_hash(text, "readouts", site, site->wanted.feature,
                                (size_t)site->wanted.indptr[study->windows.count] * sizeof *site->wanted.feature, err));
    }
    rc = lc_bytes_add(text, "", 1, err);
done:
    return rc;
}

/* Rank 0: the configurations of all points. */
static int describe_configs(struct lc_bytes *text, const struct lc_parts *parts, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t i = 0; i < parts->points && rc == LC_OK; i++)
        rc = lc_config_canonical(&lc_parts_study(parts, i)->config, text, err);
    return rc == LC_OK ? lc_bytes_add(text, "", 1, err) : rc;
}

static int open_store(struct lc_keeper *k, const struct lc_comm *par, const struct lc_study *study, const char *version,
                      int fresh, void (*warn)(const char *), struct lc_err *err)
{
    struct lc_bytes config = {0}, inputs = {0};
    char folder[LC_PATH_MAX] = "", class[64];
    struct lc_checkpoint_identity identity = {.version = version, .kernel_class = class, .units = k->units};

    lc_kernel_class(class);
    lc_record_path(folder, study->config.output, "checkpoint", "", err);
    if (par->rank == 0 && describe_configs(&config, &k->fresh, err) == LC_OK &&
        describe_inputs(&inputs, study, err) == LC_OK) {
        identity.config = (const char *)config.data;
        identity.inputs = (const char *)inputs.data;
    }
    if (lc_comm_agree(par, err) == LC_OK)
        lc_checkpoint_open(&k->store, par, folder, &identity, fresh, warn, err);
    lc_bytes_release(&config);
    lc_bytes_release(&inputs);
    return err->code;
}

/* `fresh`, whose saved form this is, goes into `kept` and is empty then. */
static int keep(struct lc_keeper *k, const struct lc_bytes *saved, struct lc_err *err)
{
    struct lc_reader reader = {.data = saved->data, .size = saved->size};
    const struct lc_job *job = k->fresh.job;
    const struct lc_study *study = k->fresh.study;

    k->holds = 1;
    if (lc_parts_merge(&k->kept, &reader, err) == LC_OK) {
        lc_parts_end(&k->fresh);
        lc_parts_begin(&k->fresh, job, study, err);
    }
    if (err->code != LC_OK)
        k->broken = *err;
    return err->code;
}

static int keep_all(struct lc_keeper *k, struct lc_err *err)
{
    struct lc_bytes bytes = {0};
    int rc = lc_parts_save(&k->fresh, &bytes, err);

    if (rc == LC_OK)
        rc = keep(k, &bytes, err);
    lc_bytes_release(&bytes);
    return rc;
}

static int write_whole(struct lc_keeper *k, struct lc_err *err)
{
    struct lc_bytes bytes = {0};
    int rc;

    LC_TRY(rc, keep_all(k, err));
    k->whole = 1;
    LC_TRY(rc, lc_parts_save(&k->kept, &bytes, err));
    LC_TRY(rc, lc_checkpoint_append_whole(k->store, k->finished, k->count, &bytes, err));
    k->whole = 0;
    k->count = 0;
done:
    lc_bytes_release(&bytes);
    return rc;
}

static int write_added(struct lc_keeper *k, struct lc_err *err)
{
    struct lc_bytes bytes = {0};
    int rc;

    LC_TRY(rc, lc_parts_save(&k->fresh, &bytes, err));
    LC_TRY(rc, lc_checkpoint_append(k->store, k->finished, k->count, &bytes, err));
    k->count = 0;
    rc = keep(k, &bytes, err);
done:
    lc_bytes_release(&bytes);
    return rc;
}

void lc_keeper_flush(struct lc_keeper *k)
{
    struct lc_err disk = LC_ERR_INIT;
    int whole = k->store && (k->whole || lc_checkpoint_wants_whole(k->store));
    double start = lc_seconds();

    if (!k->store || k->broken.code != LC_OK || k->mixed || (k->count == 0 && !whole))
        return;
    if ((whole ? write_whole(k, &disk) : write_added(k, &disk)) == LC_OK)
        k->warned = 0;
    k->last = lc_seconds(); /* the interval is of work: a slow disk does not eat it up */
    k->took = k->last - start;
    k->spent += k->took;
    k->longest = k->took > k->longest ? k->took : k->longest;
    if (disk.code != LC_OK && !k->warned++)
        lc_log("lightcone: warning: rank %d: no checkpoint until the disk takes one, the job goes on: %s", k->par->rank,
               disk.msg);
}

void lc_keeper_tend(struct lc_keeper *k)
{
    enum { SELDOM = 100 }; /* a slow disk stretches the interval: writing takes one part in so many of the time at most */
    double passed = lc_seconds() - k->last;

    if (k->store && passed >= k->every && passed >= SELDOM * k->took)
        lc_keeper_flush(k);
}

void lc_keeper_hurry(struct lc_keeper *k)
{
    if (!k->mixed && !k->hurried++)
        lc_keeper_flush(k);
}

/* What went wrong for good while there was nobody to tell. */
static int check_broken(const struct lc_keeper *k, struct lc_err *err)
{
    return k->broken.code == LC_OK ? LC_OK : LC_FAIL(err, k->broken.code, "%s", k->broken.msg);
}

int lc_keeper_begin(struct lc_keeper *k, int64_t unit, void **sums, struct lc_err *err)
{
    const struct lc_point *part = lc_parts_at(&k->fresh, unit);

    if (check_broken(k, err) != LC_OK)
        return err->code;
    k->mixed = !k->fresh.job->apart;
    if (!k->mixed && k->fresh.job->begin(&k->apart, part->study, err) != LC_OK)
        return err->code;
    *sums = k->mixed ? part->sums : k->apart;
    return LC_OK;
}

/* The parts of `fresh` may be others than when the unit began. */
static int add_apart(struct lc_keeper *k, int64_t unit, struct lc_err *err)
{
    const struct lc_job *job = k->fresh.job;
    const struct lc_point *part = lc_parts_at(&k->fresh, unit);
    struct lc_bytes bytes = {0};
    struct lc_reader reader;
    int rc;

    LC_TRY(rc, job->save(k->apart, &bytes, err));
    reader = (struct lc_reader){.data = bytes.data, .size = bytes.size};
    rc = job->merge(part->sums, &reader, err);
    if (rc != LC_OK)
        k->broken = *err;
done:
    lc_bytes_release(&bytes);
    return rc;
}

int lc_keeper_add(struct lc_keeper *k, int64_t unit, struct lc_err *err)
{
    if (k->apart) {
        if (add_apart(k, unit, err) != LC_OK)
            return err->code;
        k->fresh.job->end(k->apart);
        k->apart = NULL;
    }
    k->mixed = 0;
    k->finished[k->count++] = unit;
    lc_keeper_tend(k);
    return check_broken(k, err);
}

/* Steps that are still to be done. */
static int list_todo(struct lc_keeper *k, const unsigned char *over, struct lc_err *err)
{
    int64_t points = k->fresh.points;

    if (LC_ALLOC(&k->todo, k->steps, "units", err) != LC_OK)
        return err->code;
    for (int64_t u = 0; u < k->units; u++)
        k->done[u] |= over[u % points];
    for (int64_t step = 0; step < k->steps; step++)
        if (memchr(k->done + step * points, 0, (size_t)points))
            k->todo[k->todos++] = step;
    return LC_OK;
}

/* Take over what earlier runs left; a resume of many files is written anew at once. */
static int resume(struct lc_keeper *k, const struct lc_comm *par, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_checkpoint_resume(k->store, lc_parts_merge, &k->kept, k->done, err));
    for (int64_t u = 0; u < k->units; u++)
        k->holds |= k->done[u];
    if (lc_checkpoint_wants_whole(k->store)) {
        k->whole = 1;
        lc_keeper_flush(k);
        check_broken(k, err);
        LC_TRY(rc, lc_comm_agree(par, err));
    }
    lc_checkpoint_settle(k->store);
done:
    return rc;
}

int lc_keeper_open(struct lc_keeper *k, const struct lc_comm *par, const struct lc_job *job,
                   const struct lc_study *study, const unsigned char *over, const char *version, int fresh,
                   void (*warn)(const char *text), struct lc_err *err)
{
    int rc;

    *k = (struct lc_keeper){.every = (double)study->config.checkpoint_every, .last = lc_seconds(), .par = par};
    if (lc_parts_begin(&k->fresh, job, study, err) == LC_OK && lc_parts_begin(&k->kept, job, study, err) == LC_OK) {
        k->steps = lc_parts_steps(&k->fresh);
        k->units = k->steps * k->fresh.points;
        if (LC_ALLOC(&k->finished, k->units, "units", err) == LC_OK)
            LC_ALLOC(&k->done, k->units, "units", err);
    }
    LC_TRY(rc, lc_comm_agree(par, err));
    if (study->config.checkpoint_every > 0) {
        LC_TRY(rc, open_store(k, par, study, version, fresh, warn, err));
        LC_TRY(rc, resume(k, par, err));
    }
    list_todo(k, over, err);
    rc = lc_comm_agree(par, err);
done:
    return rc;
}

int lc_keeper_collect(struct lc_keeper *k, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, check_broken(k, err));
    if (!k->holds)
        goto done;
    LC_TRY(rc, keep_all(k, err));
    lc_parts_end(&k->fresh);
    k->fresh = k->kept;
    k->kept = (struct lc_parts){0};
done:
    return rc;
}

void lc_keeper_close(struct lc_keeper *k, int remove)
{
    if (k->store)
        lc_checkpoint_close(k->store, remove);
    if (k->apart)
        k->fresh.job->end(k->apart);
    lc_parts_end(&k->fresh);
    lc_parts_end(&k->kept);
    free(k->finished);
    free(k->todo);
    free(k->done);
    *k = (struct lc_keeper){0};
}

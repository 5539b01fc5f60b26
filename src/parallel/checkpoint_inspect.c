#include "lightcone/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_set.h"

static void copy_text(char out[64], const struct lc_bytes *identity, int which)
{
    size_t size;
    const char *text = lc_ckpt_identity_text(identity, which, &size);

    snprintf(out, 64, "%.*s", size < 63 ? (int)size : 63, text);
}

/* The newest file that can be read says what the work is; files of other work do not count. */
static const struct lc_ckpt_file *find_newest(struct lc_ckpt_set *set)
{
    const struct lc_ckpt_file *newest = NULL;

    for (int64_t i = set->files - 1; i >= 0; i--) {
        struct lc_ckpt_file *f = &set->file[i];
        const struct lc_bytes *its = &f->header.identity;
        if (f->usable && !newest)
            newest = f;
        else if (f->usable)
            f->usable = its->size == newest->header.identity.size &&
                        memcmp(its->data, newest->header.identity.data, its->size) == 0;
    }
    return newest;
}

static void sum_files(const struct lc_ckpt_set *set, struct lc_checkpoint_state *out)
{
    out->runs = lc_ckpt_set_runs(set);
    out->files = set->files;
    for (int64_t i = 0; i < set->files; i++) {
        const struct lc_ckpt_file *f = &set->file[i];
        out->bytes += f->size;
        if (i == 0 || (double)f->age < out->age_seconds)
            out->age_seconds = (double)f->age;
    }
}

static int count_units(struct lc_ckpt_set *set, struct lc_checkpoint_state *out, struct lc_err *err)
{
    struct lc_ckpt_losses lost;
    unsigned char *done = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&done, out->units, "units", err));
    LC_TRY(rc, lc_ckpt_set_scan(set, out->units, err));
    lc_ckpt_set_choose(set, done, out->units);
    for (int64_t i = 0; i < out->units; i++)
        out->done += done[i];
    lc_ckpt_set_losses(set, done, &lost);
    out->damaged = lost.damaged > lost.missing ? lost.damaged : lost.missing;
done:
    free(done);
    return rc;
}

int lc_checkpoint_inspect(const char *folder, struct lc_checkpoint_state *out, struct lc_err *err)
{
    const struct lc_ckpt_file *newest;
    struct lc_ckpt_set set;
    int rc = lc_ckpt_set_list(&set, folder, err);

    *out = (struct lc_checkpoint_state){0};
    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_ckpt_set_headers(&set, NULL, err));
    sum_files(&set, out);
    newest = find_newest(&set);
    if (!newest) {
        out->damaged = set.files;
        goto done;
    }
    out->units = lc_ckpt_identity_units(&newest->header.identity);
    copy_text(out->version, &newest->header.identity, LC_CKPT_VERSION);
    copy_text(out->kernel_class, &newest->header.identity, LC_CKPT_KERNEL);
    rc = count_units(&set, out, err);
done:
    lc_ckpt_set_release(&set);
    return rc;
}

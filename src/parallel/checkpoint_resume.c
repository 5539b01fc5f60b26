/* checkpoint_resume.c - the segments of earlier runs go out to the ranks, each to one. All read heads, each its share of
 * the files; rank 0 chooses; what proves damaged where its payload is read is passed over, and what it had superseded comes in its place:
 * so a few rounds, as a rule one and an empty one. */
#include "checkpoint_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct task {
    struct lc_ckpt_name name;
    struct lc_ckpt_segment segment;
    char file_digest[LC_HASH_HEX];
    int64_t found; /* index on rank 0 */
    int32_t owner; /* rank */
};

struct resume {
    struct lc_checkpoint *c;
    int (*merge)(void *arg, struct lc_reader *in, struct lc_err *err);
    void *arg;
    struct task *task; /* of this round, on all ranks */
    int64_t tasks;
    signed char *bad;       /* [tasks] */
    struct lc_bytes ranges; /* struct lc_range of what this rank took over */
};

static int compare_payloads(const void *a, const void *b)
{
    const struct task *x = a, *y = b;

    if (x->segment.payload != y->segment.payload)
        return x->segment.payload < y->segment.payload ? 1 : -1;
    return (x->found > y->found) - (x->found < y->found);
}

/* Largest first, each to the rank that has least. */
static int assign(struct resume *r, struct lc_err *err)
{
    int size = r->c->par->size;
    int64_t *load = NULL;

    if (LC_ALLOC(&load, size, "shares of a checkpoint", err) != LC_OK)
        return err->code;
    if (r->tasks > 0)
        qsort(r->task, (size_t)r->tasks, sizeof *r->task, compare_payloads);
    for (int64_t i = 0; i < r->tasks; i++) {
        int32_t least = 0;
        for (int32_t k = 1; k < size; k++)
            least = load[k] < load[least] ? k : least;
        r->task[i].owner = least;
        load[least] += r->task[i].segment.payload + LC_CKPT_BLOCK;
    }
    free(load);
    return LC_OK;
}

/* Rank 0: what is to be merged in this round. */
static int make_tasks(struct resume *r, unsigned char *done, struct lc_err *err)
{
    struct lc_ckpt_set *set = &r->c->set;
    int64_t n = 0;

    r->tasks = lc_ckpt_set_choose(set, done, r->c->writer.units);
    if (LC_ALLOC(&r->task, r->tasks, "shares of a checkpoint", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < set->count; i++) {
        const struct lc_ckpt_found *f = &set->found[i];
        if (f->state != LC_CKPT_CHOSEN)
            continue;
        r->task[n] = (struct task){.name = set->file[f->file].name, .segment = f->segment, .found = i};
        memcpy(r->task[n++].file_digest, set->file[f->file].header.digest, LC_HASH_HEX);
    }
    return assign(r, err);
}

static int share_tasks(struct resume *r, unsigned char *done, struct lc_err *err)
{
    int64_t size;

    free(r->task);
    free(r->bad);
    r->task = NULL;
    r->bad = NULL;
    if (r->c->par->rank == 0)
        make_tasks(r, done, err);
    if (lc_comm_agree(r->c->par, err) != LC_OK)
        return err->code;
    size = r->tasks * (int64_t)sizeof *r->task;
    if (lc_comm_share(r->c->par, (void **)&r->task, &size, err) != LC_OK)
        return err->code;
    r->tasks = size / (int64_t)sizeof *r->task;
    LC_ALLOC(&r->bad, r->tasks, "shares of a checkpoint", err);
    return lc_comm_agree(r->c->par, err);
}

/* The segment again, as this rank sees it; LC_E_FORMAT or LC_E_IO when it is not there. */
static int read_task(const struct resume *r, const struct task *t, struct lc_ranges *ranges, unsigned char **payload,
                     struct lc_err *err)
{
    struct lc_ckpt_walk walk = {.file_digest = t->file_digest, .units = r->c->writer.units, .at = t->segment.place};
    struct lc_ckpt_segment s;
    struct lc_ckpt_source in;
    char path[LC_PATH_MAX];
    int found, rc;

    if (lc_ckpt_set_path(path, r->c->writer.folder, &t->name, err) != LC_OK ||
        lc_ckpt_source_open(&in, path, err) != LC_OK)
        return err->code;
    walk.in = &in;
    LC_TRY(rc, lc_ckpt_walk_next(&walk, &s, ranges, &found, err));
    if (!found || s.place != t->segment.place || strcmp(s.payload_digest, t->segment.payload_digest) != 0)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: the segment at byte %" PRId64 " is gone", path, t->segment.place);
    else
        rc = lc_ckpt_payload_read(payload, &in, &s, err);
done:
    lc_ckpt_source_close(&in);
    return rc;
}

/* *bad when the segment is damaged; what else goes wrong is an error. */
static int do_task(struct resume *r, const struct task *t, signed char *bad, struct lc_err *err)
{
    struct lc_err its = LC_ERR_INIT;
    struct lc_ranges ranges = {0};
    unsigned char *payload = NULL;
    struct lc_reader in;

    if (read_task(r, t, &ranges, &payload, &its) != LC_OK) {
        *bad = its.code == LC_E_FORMAT || its.code == LC_E_IO;
        if (!*bad)
            LC_FAIL(err, its.code, "%s", its.msg);
        goto done;
    }
    in = (struct lc_reader){.data = payload, .size = (size_t)t->segment.payload};
    if (r->merge(r->arg, &in, err) == LC_OK)
        lc_bytes_add(&r->ranges, ranges.at, (size_t)ranges.count * sizeof *ranges.at, err);
done:
    free(payload);
    lc_ranges_release(&ranges);
    return err->code;
}

/* All ranks know after it what was bad. */
static int do_tasks(struct resume *r, struct lc_err *err)
{
    for (int64_t i = 0; i < r->tasks && err->code == LC_OK; i++)
        if (r->task[i].owner == r->c->par->rank)
            do_task(r, &r->task[i], &r->bad[i], err);
    MPI_Allreduce(MPI_IN_PLACE, r->bad, (int)r->tasks, MPI_SIGNED_CHAR, MPI_MAX, r->c->par->comm);
    for (int64_t i = 0; i < r->tasks && r->c->par->rank == 0; i++)
        r->c->set.found[r->task[i].found].state = r->bad[i] ? LC_CKPT_BAD : LC_CKPT_TAKEN;
    return lc_comm_agree(r->c->par, err);
}

static void say_damaged_files(const struct lc_checkpoint *c)
{
    char text[LC_PATH_MAX + 160], name[LC_CKPT_NAME_MAX];

    for (int64_t i = 0; i < c->set.files; i++) {
        const struct lc_ckpt_file *f = &c->set.file[i];
        if (f->damaged == 0)
            continue;
        lc_ckpt_name_print(name, &f->name);
        if (f->usable)
            snprintf(text, sizeof text, "%s/%s: %" PRId64 " segments are damaged or cut short", c->set.folder, name,
                     f->damaged);
        else
            snprintf(text, sizeof text, "%s/%s: the header is damaged, cut short or that of another file name",
                     c->set.folder, name);
        c->warn(text);
    }
}

static void say_losses(const struct lc_checkpoint *c, const unsigned char *done)
{
    struct lc_ckpt_losses lost;
    char text[256];

    say_damaged_files(c);
    lc_ckpt_set_losses(&c->set, done, &lost);
    if (lost.damaged > 0 || lost.missing > 0) {
        snprintf(text, sizeof text,
                 "checkpoint: %" PRId64 " segments or files are damaged or cut short, %" PRId64
                 " segments are missing; the units in them are done again",
                 lost.damaged, lost.missing);
        c->warn(text);
    }
    if (lost.contradictions > 0) {
        snprintf(text, sizeof text,
                 "checkpoint: %" PRId64 " segments hold units that others hold, too; they are left out, and what only "
                 "they hold is done again",
                 lost.contradictions);
        c->warn(text);
    }
}

static int save_set(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    return lc_ckpt_set_save(arg, out, err);
}

static int merge_set(void *arg, struct lc_reader *in, struct lc_err *err)
{
    return lc_ckpt_set_merge(arg, in, err);
}

/* Every rank its files; rank 0 then has all heads. */
static int scan_together(struct lc_checkpoint *c, struct lc_err *err)
{
    const struct lc_mergeable what = {.save = save_set, .merge = merge_set, .arg = &c->set};

    lc_ckpt_set_scan(&c->set, c->writer.units, err);
    if (lc_comm_agree(c->par, err) != LC_OK || lc_comm_merge(c->par, &what, err) != LC_OK)
        return err->code;
    lc_ckpt_set_sort(&c->set);
    return LC_OK;
}

int lc_checkpoint_resume(struct lc_checkpoint *c, int (*merge)(void *arg, struct lc_reader *in, struct lc_err *err),
                         void *arg, unsigned char *done, struct lc_err *err)
{
    struct resume r = {.c = c, .merge = merge, .arg = arg};
    int rc;

    memset(done, 0, (size_t)c->writer.units);
    LC_TRY(rc, scan_together(c, err));
    do {
        LC_TRY(rc, share_tasks(&r, done, err));
        LC_TRY(rc, do_tasks(&r, err));
    } while (r.tasks > 0);
    lc_ranges_release(&c->writer.owned);
    lc_ranges_gather(&c->writer.owned, (const struct lc_range *)(const void *)r.ranges.data,
                     (int64_t)(r.ranges.size / sizeof(struct lc_range)), err);
    LC_TRY(rc, lc_comm_agree(c->par, err));
    if (c->par->rank == 0)
        say_losses(c, done);
    lc_comm_broadcast(c->par, done, c->writer.units);
    c->writer.consolidates = c->runs_found > c->runs_most;
done:
    lc_ckpt_set_release(&c->set);
    free(r.task);
    free(r.bad);
    lc_bytes_release(&r.ranges);
    return rc;
}

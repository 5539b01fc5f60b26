/* point_files.c - from merged accumulators to the files of a point: the result, and what stands beside it. */
#include "point_files.h"

#include <stdlib.h>
#include <unistd.h>

#include "contents.h"
#include "lightcone/record.h"

/* Everything of one point, and then what all say together. */
static int write_points(const struct lc_parts *p, struct lc_result *r, struct lc_err *err)
{
    const struct lc_int_list *lengths = &p->study->config.windows.lengths;
    void **sums = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&sums, p->lengths, "points", err));
    LC_TRY(rc, lc_result_put(r, "points/windows.length", NULL, &lengths->count, lengths->value, err));
    for (int64_t k = 0; k < p->lengths; k++) {
        lc_result_at(r, k);
        sums[k] = p->part[k].sums;
        LC_TRY(rc, lc_contents_put_definitions(p->part[k].study, r, err));
        LC_TRY(rc, lc_contents_put_windows(p->part[k].study, r, err));
        LC_TRY(rc, p->job->finish(sums[k], r, err));
    }
    lc_result_at(r, -1);
    if (p->job->sweep)
        rc = p->job->sweep(sums, p->lengths, r, err);
done:
    free(sums);
    return rc;
}

static int write_contents(const struct lc_parts *p, struct lc_result *r, struct lc_err *err)
{
    int sweep = p->study->points > 0, rc;

    if (!sweep)
        LC_TRY(rc, lc_contents_put_windows(p->study, r, err));
    LC_TRY(rc, lc_result_put_vocabulary(r, p->study->tokenizer, p->study->vocab, err));
    rc = sweep ? write_points(p, r, err) : p->job->finish(p->part[0].sums, r, err);
done:
    return rc;
}

/* Rank 0: one of the job's files, but for what all ranks fill. The second one leaves out what only the first needs. */
static int build_file(const struct lc_parts *p, const struct lc_job_beside *beside, const char *path, struct lc_result **out,
                      struct lc_err *err)
{
    struct lc_result *r = NULL;
    int rc;

    LC_TRY(rc, lc_result_create(&r, path, err));
    LC_TRY(rc, lc_contents_put_definitions(p->study, r, err));
    LC_TRY(rc, lc_contents_put_config(p->study, r, err));
    LC_TRY(rc, beside ? beside->finish(p->part[0].sums, r, err) : write_contents(p, r, err));
    *out = r;
done:
    if (rc != LC_OK)
        lc_result_abandon(r);
    return rc;
}

struct filler {
    const struct lc_comm *par;
    void *sums;
    int (*fill)(void *sums, const struct lc_comm *par, struct lc_result *result, struct lc_err *err);
};

static int fill(void *arg, struct lc_result *r, struct lc_err *err)
{
    const struct filler *f = arg;

    return f->fill(f->sums, f->par, r, err);
}

static int write_file(const struct lc_parts *p, const struct lc_comm *par, const struct lc_job_beside *beside,
                      const char *path, struct lc_err *err)
{
    struct filler filler = {.par = par, .sums = p->part[0].sums, .fill = beside ? beside->fill : p->job->fill};
    struct lc_result *r = NULL;

    if (par->rank == 0)
        build_file(p, beside, path, &r, err);
    if (lc_comm_agree(par, err) != LC_OK) {
        lc_result_abandon(r);
        return err->code;
    }
    return lc_result_publish(r, par, path, fill, &filler, err);
}

int lc_point_files_beside(const struct lc_job *job, const struct lc_study *study, char out[LC_PATH_MAX], struct lc_err *err)
{
    out[0] = '\0';
    return job->beside && job->beside->wanted(study)
               ? lc_record_path(out, study->config.output, job->beside->suffix, "h5", err)
               : LC_OK;
}

int lc_point_files_write(const struct lc_parts *p, const struct lc_comm *par, struct lc_err *err)
{
    char second[LC_PATH_MAX] = "";
    int rc;

    LC_TRY(rc, lc_point_files_beside(p->job, p->study, second, err));
    if (second[0])
        LC_TRY(rc, write_file(p, par, p->job->beside, second, err));
    rc = write_file(p, par, NULL, p->study->config.output, err);
    if (rc != LC_OK && second[0] && par->rank == 0)
        unlink(second);
done:
    return rc;
}

void lc_point_files_remove(const struct lc_parts *p, const struct lc_comm *par)
{
    struct lc_err ignored = LC_ERR_INIT;
    char second[LC_PATH_MAX];

    if (par->rank != 0)
        return;
    unlink(p->study->config.output);
    if (lc_point_files_beside(p->job, p->study, second, &ignored) == LC_OK && second[0])
        unlink(second);
}

void lc_point_files_sweep(const struct lc_job *job, const char *output)
{
    struct lc_err ignored = LC_ERR_INIT;
    char other[LC_PATH_MAX];

    lc_draft_sweep(output);
    if (job->beside && lc_record_path(other, output, job->beside->suffix, "h5", &ignored) == LC_OK)
        lc_draft_sweep(other);
}

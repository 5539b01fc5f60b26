#include "finished.h"

#include <stdlib.h>
#include <string.h>

#include "lightcone/results.h"
#include "point_files.h"

/* The first line in which two texts differ, of each. */
struct difference {
    char mine[160], theirs[160];
};

static int differs(struct difference *d, const char *mine, const char *theirs)
{
    while (*mine || *theirs) {
        size_t a = strcspn(mine, "\n"), b = strcspn(theirs, "\n");
        if (a != b || memcmp(mine, theirs, a) != 0) {
            snprintf(d->mine, sizeof d->mine, "%.*s", (int)a, mine);
            snprintf(d->theirs, sizeof d->theirs, "%.*s", (int)b, theirs);
            return 1;
        }
        mine += a + (mine[a] != '\0');
        theirs += b + (theirs[b] != '\0');
    }
    return 0;
}

static int read_text(const struct lc_result *r, const char *name, char **out, struct lc_err *err)
{
    struct lc_array a = {0};
    int rc;

    LC_TRY(rc, lc_result_get(r, name, NULL, &a, err));
    LC_TRY(rc, LC_ALLOC(out, a.count + 1, "text of a result", err));
    memcpy(*out, a.data, (size_t)a.count);
done:
    lc_array_release(&a);
    return rc;
}

/* One text of a result against the point's. */
static int check_text(const struct lc_result *r, const char *path, const char *name, const char *what,
                      const struct lc_bytes *mine, struct lc_err *err)
{
    struct difference d;
    char *theirs = NULL, *text = NULL;
    int rc;

    LC_TRY(rc, read_text(r, name, &theirs, err));
    LC_TRY(rc, LC_ALLOC(&text, mine->size + 1, "text", err));
    memcpy(text, mine->data, mine->size);
    if (differs(&d, text, theirs))
        rc = LC_FAIL(err, LC_E_CONFIG, "%s: is in the place of a point of the sweep, and of %s: it has '%s', the point '%s'; "
                     "remove it, or begin anew with --fresh", path, what, d.theirs, d.mine);
done:
    free(theirs);
    free(text);
    return rc;
}

static int check_point(const struct lc_study *study, struct lc_err *err)
{
    const char *path = study->config.output;
    struct lc_result *r = NULL;
    struct lc_bytes config = {0};
    int rc;

    if (lc_result_open(&r, path, err) != LC_OK)
        return lc_err_suffix(err, "; it is in the place of a finished point: remove it, and it is made again");
    LC_TRY(rc, lc_config_canonical(&study->config, &config, err));
    LC_TRY(rc, check_text(r, path, "config", "another configuration", &config, err));
    rc = check_text(r, path, "provenance/files", "other inputs", &study->provenance, err);
done:
    lc_result_close(r);
    lc_bytes_release(&config);
    return rc;
}

static int is_there(const struct lc_job *job, const struct lc_study *study)
{
    struct lc_err ignored = LC_ERR_INIT;
    char beside[LC_PATH_MAX];

    if (lc_point_files_beside(job, study, beside, &ignored) == LC_OK && beside[0] && !lc_path_is_file(beside))
        return 0;
    return lc_path_is_file(study->config.output);
}

static void keep_quiet(const char *text)
{
    (void)text; /* lc_study_open() says it again */
}

static int find(struct lc_task *task, struct lc_task_inputs *in, int fresh, struct lc_kept *kept, struct lc_err *err)
{
    const struct lc_needs needs = in->job->needs(&in->all);
    const struct lc_inputs inputs = {
        .config = &in->all, .member = in->member, .members = in->members, .needs = &needs, .warn = keep_quiet};
    struct lc_hashes *hashes = NULL;
    struct lc_study study;

    for (int64_t m = 0; m < in->members && !fresh; m++)
        if (lc_path_is_file(in->member[m].output))
            hashes = &kept->hashes;
    if (lc_study_outline(&study, &inputs, hashes, err) != LC_OK)
        return err->code;
    for (int64_t m = 0; hashes && m < study.members && err->code == LC_OK; m++) {
        task->over[m] = (unsigned char)is_there(in->job, &study.member[m]);
        if (task->over[m])
            check_point(&study.member[m], err);
    }
    lc_study_close(&study);
    return err->code;
}

int lc_finished_find(struct lc_tasks *tasks, const struct lc_comm *par, int64_t first, int64_t end, int fresh,
                     struct lc_kept *kept, struct lc_err *err)
{
    if (!tasks->folder[0])
        return LC_OK;
    for (int64_t k = first; k < end && par->rank == 0 && err->code == LC_OK; k++) {
        struct lc_task_inputs in;
        if (lc_tasks_inputs(tasks, k, &in, err) == LC_OK) {
            find(&tasks->task[k], &in, fresh, kept, err);
            lc_task_inputs_release(&in);
        }
        lc_tasks_name(tasks, k, err);
    }
    if (lc_comm_agree(par, err) != LC_OK)
        return err->code;
    for (int64_t k = first; k < end; k++)
        lc_comm_broadcast(par, tasks->task[k].over, tasks->task[k].points);
    return LC_OK;
}

#include "tasks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "run.h"

/* Rank 0 reads; all have the same bytes. */
static int read_file(struct lc_tasks *t, const struct lc_comm *par, const char *path, int64_t *size, struct lc_err *err)
{
    struct lc_map map = {0};
    int rc;

    if (par->rank == 0 && lc_map_open(&map, path, err) != LC_OK)
        err->code = LC_E_CONFIG; /* the command line names a file that is none */
    else if (par->rank == 0 && lc_alloc(&t->bytes, (int64_t)map.size, 1, "configuration", err) == LC_OK) {
        memcpy(t->bytes, map.data, map.size);
        *size = (int64_t)map.size;
    }
    if (map.data)
        lc_map_close(&map);
    LC_TRY(rc, lc_comm_agree(par, err));
    rc = lc_comm_share(par, &t->bytes, size, err);
done:
    return rc;
}

/* Points of one task differ in the layers and the threshold alone: one forward pass down to the deepest layer serves all. */
static int is_shared(const struct lc_axis *axis, const struct lc_config *config)
{
    (void)axis;
    (void)config;
    return 0;
}

/* The first of the points that share a task with this one. */
static int64_t leader(const struct lc_grid *grid, int64_t point, const struct lc_config *config)
{
    int64_t step = 1, first = point;

    for (int64_t a = grid->axes - 1; a >= 0; a--) {
        if (is_shared(&grid->axis[a], config))
            first -= step * lc_grid_place(grid, point, a);
        step *= grid->axis[a].count;
    }
    return first;
}

static int add_point(struct lc_task *task, int64_t point, int64_t points, struct lc_err *err)
{
    if (!task->point && LC_ALLOC(&task->point, points, "tasks", err) != LC_OK)
        return err->code;
    task->point[task->points++] = point;
    return LC_OK;
}

/* Every point into the task of its leader, which comes before it. */
static int group(struct lc_tasks *t, struct lc_err *err)
{
    int64_t *task_of = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&t->task, t->grid.points, "tasks", err));
    LC_TRY(rc, LC_ALLOC(&task_of, t->grid.points, "tasks", err));
    for (int64_t p = 0; p < t->grid.points; p++) {
        struct lc_config config;
        int64_t first;
        LC_TRY(rc, lc_grid_config(&t->grid, p, &config, err));
        first = leader(&t->grid, p, &config);
        lc_config_release(&config);
        task_of[p] = first == p ? t->count++ : task_of[first];
        LC_TRY(rc, add_point(&t->task[task_of[p]], p, t->grid.points, err));
    }
done:
    free(task_of);
    return rc;
}

/* Rank 0: every point's job, and room for results. */
static int check(struct lc_tasks *t, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t p = 0; p < t->grid.points; p++) {
        const struct lc_job *job;
        struct lc_config config;
        LC_TRY(rc, lc_tasks_config(t, p, &config, &job, err));
        rc = lc_run_check_output(&config, err);
        if (rc == LC_OK && t->folder[0]) {
            memcpy(config.output, t->output, sizeof t->output);
            rc = lc_run_check_output(&config, err);
        }
        lc_config_release(&config);
        if (rc != LC_OK)
            goto done;
    }
done:
    return rc;
}

static int find_places(struct lc_tasks *t, struct lc_err *err)
{
    struct lc_config config;
    int rc;

    LC_TRY(rc, lc_grid_config(&t->grid, 0, &config, err));
    memcpy(t->output, config.output, sizeof t->output);
    lc_config_release(&config);
    if (t->grid.axes > 0)
        rc = lc_record_path(t->folder, t->output, "points", "", err);
done:
    return rc;
}

int lc_tasks_open(struct lc_tasks *t, const struct lc_comm *par, const char *path, const char *const *overrides,
                  int64_t override_count, struct lc_err *err)
{
    int64_t size = 0;
    int rc;

    *t = (struct lc_tasks){0};
    LC_TRY(rc, read_file(t, par, path, &size, err));
    if (lc_grid_init(&t->grid, path, t->bytes, (size_t)size, overrides, override_count, err) == LC_OK &&
        find_places(t, err) == LC_OK && group(t, err) == LC_OK && par->rank == 0)
        check(t, err);
    rc = lc_comm_agree(par, err);
done:
    if (rc != LC_OK)
        lc_tasks_release(t);
    return rc;
}

void lc_tasks_release(struct lc_tasks *t)
{
    for (int64_t k = 0; k < t->count; k++)
        free(t->task[k].point);
    free(t->task);
    lc_grid_release(&t->grid);
    free(t->bytes);
    *t = (struct lc_tasks){0};
}

/* FOLDER/PREFIXNNNN.h5. */
static int numbered(const struct lc_tasks *t, const char *prefix, int64_t number, char out[LC_PATH_MAX], struct lc_err *err)
{
    char name[48];

    snprintf(name, sizeof name, "%s%04" PRId64 ".h5", prefix, number);
    return lc_path_join(out, t->folder, name, err);
}

int lc_tasks_place(const struct lc_tasks *t, int64_t index, char out[LC_PATH_MAX], struct lc_err *err)
{
    if (t->folder[0])
        return numbered(t, "task-", index, out, err);
    memcpy(out, t->output, sizeof t->output);
    return LC_OK;
}

int lc_tasks_config(const struct lc_tasks *t, int64_t point, struct lc_config *config, const struct lc_job **job,
                    struct lc_err *err)
{
    int rc = lc_grid_config(&t->grid, point, config, err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_run_find_job(config, job, err));
    if (t->folder[0])
        rc = numbered(t, "", point, config->output, err);
done:
    if (rc != LC_OK)
        lc_config_release(config);
    return rc;
}

/* The value of one axis in a task, or the list of its values. */
static int list_axis(const struct lc_tasks *t, const struct lc_task *task, int64_t a, struct lc_bytes *out, struct lc_err *err)
{
    const struct lc_axis *axis = &t->grid.axis[a];
    int64_t first = lc_grid_place(&t->grid, task->point[0], a), last = lc_grid_place(&t->grid, task->point[task->points - 1], a);
    int rc;

    LC_TRY(rc, lc_bytes_printf(out, err, "%s%s=%s", a ? " " : "", axis->key, first == last ? axis->value[first] : "["));
    for (int64_t k = first; first < last && k <= last; k++)
        LC_TRY(rc, lc_bytes_printf(out, err, "%s%s", k > first ? "," : "", axis->value[k]));
    if (first < last)
        rc = lc_bytes_printf(out, err, "]");
done:
    return rc;
}

int lc_tasks_list(const struct lc_tasks *t, struct lc_bytes *out, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    int rc = LC_OK;

    for (int64_t k = 0; k < t->count; k++) {
        const struct lc_task *task = &t->task[k];
        LC_TRY(rc, lc_bytes_printf(out, err, "%" PRId64 "\t", k));
        for (int64_t i = 0; i < task->points; i++) {
            if (t->folder[0])
                LC_TRY(rc, numbered(t, "", task->point[i], path, err));
            LC_TRY(rc, lc_bytes_printf(out, err, "%s%s", i ? "," : "", t->folder[0] ? path : t->output));
        }
        LC_TRY(rc, lc_bytes_printf(out, err, "\t"));
        for (int64_t a = 0; a < t->grid.axes; a++)
            LC_TRY(rc, list_axis(t, task, a, out, err));
        LC_TRY(rc, lc_bytes_printf(out, err, "\n"));
    }
done:
    return rc;
}

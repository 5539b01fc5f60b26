#include "lightcone/tasks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/merge.h"
#include "lightcone/order.h"
#include "lightcone/prepare.h"
#include "lightcone/record.h"

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

/* Points of one task differ in the layers and the threshold alone: one forward pass down to the deepest layer serves all.
 * Where the strongest activations make the windows, those of other layers are others. A limit on memory is one for each
 * point: it cuts units by the layers that are run. */
static int is_shared(const struct lc_axis *axis, const struct lc_config *config)
{
    if (config->memory_per_rank > 0)
        return 0;
    if (strcmp(axis->key, "threshold") == 0)
        return 1;
    return strncmp(axis->key, "sites.", 6) == 0 && config->readout != LC_READOUT_TOP;
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
    if (!task->point && (LC_ALLOC(&task->point, points, "tasks", err) != LC_OK ||
                         LC_ALLOC(&task->over, points, "tasks", err) != LC_OK))
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

    *t = (struct lc_tasks){.root = par->rank == 0};
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
    for (int64_t k = 0; k < t->count; k++) {
        free(t->task[k].point);
        free(t->task[k].over);
    }
    free(t->task);
    if (t->root && t->folder[0])
        rmdir(t->folder);
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

/* The layers of all members, ascending; none when one of them names none, which is every layer with an SAE. */
static int join_layers(struct lc_int_list *out, const struct lc_config *member, int64_t members, struct lc_err *err)
{
    int64_t total = 0, *value = NULL;

    for (int64_t m = 0; m < members; m++) {
        if (member[m].layers.count == 0)
            total = INT64_MIN / 2;
        total += member[m].layers.count;
    }
    free(out->value);
    *out = (struct lc_int_list){0};
    if (total <= 0)
        return LC_OK;
    if (LC_ALLOC(&value, total, "layers", err) != LC_OK)
        return err->code;
    total = 0;
    for (int64_t m = 0; m < members; m++)
        for (int64_t i = 0; i < member[m].layers.count; i++)
            value[total++] = member[m].layers.value[i];
    lc_sort_i64(value, total);
    out->value = value;
    out->count = lc_unique_i64(value, total);
    return LC_OK;
}

int lc_tasks_inputs(const struct lc_tasks *t, int64_t index, struct lc_task_inputs *in, struct lc_err *err)
{
    const struct lc_task *task = &t->task[index];
    const struct lc_job *job;
    int rc;

    *in = (struct lc_task_inputs){0};
    LC_TRY(rc, lc_tasks_config(t, task->point[0], &in->all, &in->job, err));
    if (!t->folder[0])
        return LC_OK;
    LC_TRY(rc, numbered(t, "task-", index, in->all.output, err));
    LC_TRY(rc, LC_ALLOC(&in->member, task->points, "tasks", err));
    for (; in->members < task->points; in->members++)
        LC_TRY(rc, lc_tasks_config(t, task->point[in->members], &in->member[in->members], &job, err));
    rc = join_layers(&in->all.layers, in->member, in->members, err);
done:
    if (rc != LC_OK)
        lc_task_inputs_release(in);
    return rc;
}

void lc_task_inputs_release(struct lc_task_inputs *in)
{
    lc_config_release(&in->all);
    for (int64_t m = 0; m < in->members; m++)
        lc_config_release(&in->member[m]);
    free(in->member);
    *in = (struct lc_task_inputs){0};
}

int lc_tasks_name(const struct lc_tasks *t, int64_t index, struct lc_err *err)
{
    char text[64];

    snprintf(text, sizeof text, "; task %" PRId64 " of the sweep", index);
    return err->code != LC_OK && t->folder[0] ? lc_err_suffix(err, text) : err->code;
}

int lc_task_is_over(const struct lc_task *task)
{
    return !memchr(task->over, 0, (size_t)task->points);
}

int lc_tasks_join(const struct lc_tasks *t, struct lc_err *err)
{
    char (*path)[LC_PATH_MAX] = NULL;
    const char **paths = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&path, t->grid.points, "paths", err));
    LC_TRY(rc, LC_ALLOC(&paths, t->grid.points, "paths", err));
    for (int64_t p = 0; p < t->grid.points; p++) {
        LC_TRY(rc, numbered(t, "", p, path[p], err));
        paths[p] = path[p];
    }
    rc = lc_merge(paths, t->grid.points, t->output, err);
done:
    free(path);
    free(paths);
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

static int list_axes(const struct lc_tasks *t, const struct lc_task *task, struct lc_bytes *out, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t a = 0; a < t->grid.axes && rc == LC_OK; a++)
        rc = list_axis(t, task, a, out, err);
    return rc;
}

int lc_tasks_describe(const struct lc_tasks *t, int64_t index, struct lc_bytes *out, struct lc_err *err)
{
    int rc = list_axes(t, &t->task[index], out, err);

    return rc == LC_OK ? lc_bytes_add(out, "", 1, err) : rc;
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
        LC_TRY(rc, list_axes(t, task, out, err));
        LC_TRY(rc, lc_bytes_printf(out, err, "\n"));
    }
done:
    return rc;
}

/* --- for those who look on ---------------------------------------------------------------------------------------------- */

static const char list_name[] = "tasks.txt";

int lc_tasks_note(const struct lc_tasks *t, struct lc_err *err)
{
    struct lc_err ignored = LC_ERR_INIT;
    struct lc_bytes list = {0};
    struct lc_map there = {0};
    char path[LC_PATH_MAX];
    int rc = LC_OK;

    if (!t->folder[0])
        return LC_OK;
    LC_TRY(rc, lc_path_join(path, t->folder, list_name, err));
    LC_TRY(rc, lc_tasks_list(t, &list, err));
    /* tasks of a job array begin at once: only the first writes it */
    if (lc_map_open(&there, path, &ignored) != LC_OK || there.size != list.size ||
        memcmp(there.data, list.data, list.size) != 0)
        rc = lc_file_write(path, list.data, list.size, err);
    if (there.data)
        lc_map_close(&there);
done:
    lc_bytes_release(&list);
    return rc;
}

/* Points of a task: "PATH,PATH...", of which the names count, up to the tab. */
static void count_points(const char *folder, const char *paths, struct lc_tasks_state *state)
{
    struct lc_err ignored = LC_ERR_INIT;
    int64_t written = 0, points = 0;
    char path[LC_PATH_MAX], name[64];

    for (const char *end; *paths && *paths != '\t'; paths = end + (*end == ',')) {
        end = paths + strcspn(paths, ",\t");
        for (const char *slash; (slash = memchr(paths, '/', (size_t)(end - paths)));)
            paths = slash + 1;
        snprintf(name, sizeof name, "%.*s", (int)(end - paths), paths);
        written += lc_path_join(path, folder, name, &ignored) == LC_OK && lc_path_is_file(path);
        points++;
    }
    state->tasks++;
    state->finished += written == points;
    state->points += points;
    state->written += written;
}

int lc_tasks_look(const char *folder, struct lc_tasks_state *state, struct lc_err *err)
{
    char path[LC_PATH_MAX], *text = NULL;
    struct lc_map list;
    int rc;

    *state = (struct lc_tasks_state){0};
    LC_TRY(rc, lc_path_join(path, folder, list_name, err));
    if (!lc_path_is_file(path))
        return LC_OK;
    LC_TRY(rc, lc_map_open(&list, path, err));
    rc = LC_ALLOC(&text, list.size + 1, "list of tasks", err);
    if (rc == LC_OK)
        memcpy(text, list.data, list.size);
    lc_map_close(&list);
    for (char *line = text; line && strchr(line, '\n'); line = strchr(line, '\n') + 1)
        if (line[strcspn(line, "\t\n")] == '\t')
            count_points(folder, line + strcspn(line, "\t") + 1, state);
done:
    free(text);
    return rc;
}

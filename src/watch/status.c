#include "lightcone/status.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/alive.h"
#include "lightcone/alone.h"
#include "lightcone/clock.h"
#include "lightcone/json.h"
#include "lightcone/keeper.h"
#include "lightcone/log.h"
#include "lightcone/record.h"
#include "lightcone/tasks.h"

enum { RECORD_BYTES_MOST = 64 << 20 };

static int print_record(const char *path, FILE *out, struct lc_err *err)
{
    struct lc_json json;
    const char *job = "", *finished = "";
    int64_t ranks = 0, restarts = 0;
    double seconds = 0.0;
    int rc;

    if (lc_json_open(&json, path, RECORD_BYTES_MOST, err) != LC_OK)
        return err->code;
    LC_TRY(rc, lc_json_text(&json, NULL, "job", 1, &job, err));
    LC_TRY(rc, lc_json_text(&json, NULL, "finished", 1, &finished, err));
    LC_TRY(rc, lc_json_int(&json, NULL, "ranks", 1, 1, INT32_MAX, &ranks, err));
    LC_TRY(rc, lc_json_int(&json, NULL, "restarts", 0, 0, INT64_MAX, &restarts, err));
    LC_TRY(rc, lc_json_real(&json, NULL, "compute_seconds", 1, 0.0, 1e12, &seconds, err));
    fprintf(out, "  job              %s\n  finished         %s\n", job, finished);
    fprintf(out, "  last run         %" PRId64 " ranks, %.1f s of computing\n", ranks, seconds);
    fprintf(out, "  restarts         %" PRId64 "\n", restarts);
done:
    lc_json_close(&json);
    return rc;
}

static int print_checkpoint(const char *folder, FILE *out, struct lc_err *err)
{
    struct lc_checkpoint_state s;
    char age[32];

    if (lc_checkpoint_inspect(folder, &s, err) != LC_OK)
        return err->code;
    fprintf(out, "  checkpoint       %s\n", folder);
    if (s.files == 0 || !s.version[0]) {
        fprintf(out, "  units            none saved yet (%" PRId64 " files, %" PRId64 " damaged)\n", s.files, s.damaged);
        return LC_OK;
    }
    fprintf(out, "  units            %" PRId64 " of %" PRId64 " saved (%.1f %%)\n", s.done, s.units,
            s.units > 0 ? 100.0 * (double)s.done / (double)s.units : 100.0);
    fprintf(out, "  runs             %" PRId64 ", in %" PRId64 " files of %" PRId64 " bytes\n", s.runs, s.files, s.bytes);
    fprintf(out, "  last written     %s ago\n", lc_show_seconds(age, s.age_seconds));
    if (s.damaged > 0)
        fprintf(out, "  damaged          %" PRId64 " segments or files; their units are done again\n", s.damaged);
    fprintf(out, "  written by       lightcone %s, kernels %s\n", s.version, s.kernel_class);
    return LC_OK;
}

/* Whose clock says what: ages are this machine's time less the file system's. */
static void print_clocks(const struct lc_alive *a, FILE *out)
{
    const double most = 5.0; /* seconds that a slow disk explains */
    char text[32];

    if (a->age < -most)
        fprintf(out, "  clocks           this machine's is %s behind the file system's\n", lc_show_seconds(text, -a->age));
    if (fabs(a->ahead) > most)
        fprintf(out, "  clocks           that of %s is %s %s the file system's\n", a->host,
                lc_show_seconds(text, fabs(a->ahead)), a->ahead > 0.0 ? "ahead of" : "behind");
}

static void print_alive(const struct lc_alive *a, FILE *out)
{
    char rate[32], left[32], memory[32];

    fprintf(out, "  job              %s, lightcone %s, started %s\n", a->job, a->version, lc_date_here(a->started).text);
    fprintf(out, "  phase            %s, %" PRId64 " ranks", a->phase, a->ranks);
    if (a->busy >= 0)
        fprintf(out, ", %" PRId64 " of %" PRId64 " workers busy", a->busy, a->workers);
    if (a->memory_bytes >= 0)
        fprintf(out, ", rank 0 holds %s", lc_show_bytes(memory, (double)a->memory_bytes));
    fprintf(out, "\n");
    if (a->units > 0)
        fprintf(out, "  done             %" PRId64 " of %" PRId64 " units (%.1f %%), %s, ETA %s\n", a->done, a->units,
                100.0 * (double)a->done / (double)a->units, lc_show_rate(rate, a->rate), lc_show_seconds(left, a->left));
    if (a->restarts > 0)
        fprintf(out, "  restarts         %" PRId64 "\n", a->restarts);
    print_clocks(a, out);
}

/* Does it end so? Then *stem is how long it is before. */
static int ends_with(const char *name, const char *end, int *stem)
{
    size_t length = strlen(name), tail = strlen(end);

    *stem = (int)(length - tail);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

/* A task of a sweep that has begun, and has a checkpoint or a sign of life. */
static void print_task(const char *folder, const char *name, int stem, FILE *out)
{
    struct lc_err ignored = LC_ERR_INIT;
    char path[LC_PATH_MAX], left[32];
    struct lc_alive a = {0};

    if (snprintf(path, sizeof path, "%s/%.*s.h5", folder, stem, name) >= (int)sizeof path)
        return;
    lc_alive_read(path, &a, &ignored);
    fprintf(out, "  %-16.*s ", stem, name);
    if (a.id && a.age < LC_ALIVE_SILENT && !lc_alone_is_gone(&a))
        fprintf(out, "running on %s (process %" PRId64 "%s%s), %s, %" PRId64 " of %" PRId64 " units, ETA %s\n", a.host, a.pid,
                a.slurm[0] ? ", Slurm job " : "", a.slurm, a.phase, a.done > 0 ? a.done : 0, a.units > 0 ? a.units : 0,
                lc_show_seconds(left, a.left));
    else
        fprintf(out, "unfinished, and not running\n");
}

/* Of a sweep: how many points are finished, and every task that has begun, or the first of very many. */
static int print_points(const char *folder, FILE *out, struct lc_err *err)
{
    enum { TASKS_SHOWN = 20 };
    struct dirent **entry = NULL;
    struct lc_tasks_state state;
    int count, begun = 0, stem, last = -1;

    if (lc_tasks_look(folder, &state, err) != LC_OK)
        return err->code;
    count = scandir(folder, &entry, NULL, alphasort);
    if (count < 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", folder, strerror(errno));
    if (state.tasks > 0)
        fprintf(out, "  points           %" PRId64 " of %" PRId64 ", and %" PRId64 " of %" PRId64 " tasks, finished in %s\n", state.written,
                state.points, state.finished, state.tasks, folder);
    else
        fprintf(out, "  points           not known: there is no list of tasks in %s\n", folder);
    for (int i = 0; i < count; i++) {
        if (!ends_with(entry[i]->d_name, ".status.json", &stem) && !ends_with(entry[i]->d_name, ".checkpoint", &stem))
            continue;
        if (last >= 0 && strncmp(entry[i]->d_name, entry[last]->d_name, (size_t)stem + 1) == 0) /* its other file */
            continue;
        last = i;
        if (begun++ < TASKS_SHOWN)
            print_task(folder, entry[i]->d_name, stem, out);
    }
    if (begun > TASKS_SHOWN)
        fprintf(out, "  ...              and %d more that have begun\n", begun - TASKS_SHOWN);
    for (int i = 0; i < count; i++)
        free(entry[i]);
    free(entry);
    return LC_OK;
}

/* What there is of a job. */
struct found {
    int result, saved, points, live; /* points: of a sweep a folder; live: it runs, as far as one can tell */
    struct lc_alive alive;           /* id 0: no sign of life */
};

/* Why a run that gave a sign of life is not running. */
static void print_death(const struct lc_alive *a, const char *who, FILE *out)
{
    char age[32];

    if (lc_alone_is_gone(a)) {
        fprintf(out, "unfinished: %s is gone: it was killed; the same command continues\n", who);
        return;
    }
    fprintf(out,
            "unfinished: no sign of life from %s for %s: killed, or its node is dead or cannot reach this disk; when it is "
            "gone, the same command continues (last %s by its clock, now %s here)\n",
            who, lc_show_seconds(age, a->age), lc_date_here(a->written).text,
            lc_date_here(lc_wall_seconds()).text);
}

static void print_first_line(const char *output, const struct found *f, FILE *out)
{
    const struct lc_alive *a = &f->alive;
    char who[160], age[32];

    fprintf(out, "%s: ", output);
    snprintf(who, sizeof who, "%s (process %" PRId64 "%s%s)", a->host, a->pid, a->slurm[0] ? ", Slurm job " : "", a->slurm);
    if (f->live)
        fprintf(out, "running on %s, last sign of life %s ago%s\n", who, lc_show_seconds(age, fmax(0.0, a->age)),
                f->result ? "; the result is an earlier run's" : "");
    else if (a->id && (f->saved || !f->result))
        print_death(a, who, out);
    else if (f->result)
        fprintf(out, "finished%s\n", f->saved ? ", and begun again" : "");
    else if (f->saved)
        fprintf(out, "unfinished, and not running: it was stopped or failed, as its log says; the same command continues\n");
    else
        fprintf(out, "a sweep whose points are not joined yet\n");
}

static int find(struct found *f, const char *output, const char *folder, const char *points, struct lc_err *err)
{
    *f = (struct found){.result = lc_path_is_file(output),
                        .saved = lc_path_is_folder(folder),
                        .points = lc_path_is_folder(points)};
    if (lc_alive_read(output, &f->alive, err) != LC_OK)
        return err->code;
    f->live = f->alive.id && f->alive.age < LC_ALIVE_SILENT && !lc_alone_is_gone(&f->alive);
    if (!f->result && !f->saved && !f->alive.id && !f->points)
        return LC_FAIL(err, LC_E_IO,
                       "%s: neither this result nor its checkpoint %s is there: nothing was begun, or it ended before it had "
                       "anything to save",
                       output, folder);
    return LC_OK;
}

int lc_status(const char *output, FILE *out, struct lc_err *err)
{
    char folder[LC_PATH_MAX], record[LC_PATH_MAX], points[LC_PATH_MAX];
    struct found f;
    int rc;

    LC_TRY(rc, lc_record_path(folder, output, "checkpoint", "", err));
    LC_TRY(rc, lc_record_path(points, output, "points", "", err));
    LC_TRY(rc, lc_record_path(record, output, "run", "json", err));
    LC_TRY(rc, find(&f, output, folder, points, err));
    print_first_line(output, &f, out);
    if (f.live)
        print_alive(&f.alive, out);
    if (f.saved)
        LC_TRY(rc, print_checkpoint(folder, out, err));
    if (f.points)
        LC_TRY(rc, print_points(points, out, err));
    if (f.result && !f.live && lc_path_is_file(record))
        rc = print_record(record, out, err);
done:
    return rc;
}

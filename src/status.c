#include "status.h"

#include <inttypes.h>

#include "keeper.h"
#include "lightcone/json.h"
#include "record.h"
#include "tasks.h"

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
    fprintf(out, "  last written     %.0f s ago\n", s.age_seconds);
    if (s.damaged > 0)
        fprintf(out, "  damaged          %" PRId64 " segments or files; their units are done again\n", s.damaged);
    fprintf(out, "  written by       lightcone %s, kernels %s\n", s.version, s.kernel_class);
    return LC_OK;
}

/* Of a sweep: how many of its points are there. */
static int print_points(const char *folder, FILE *out, struct lc_err *err)
{
    struct lc_tasks_state s;

    if (lc_tasks_look(folder, &s, err) == LC_OK)
        fprintf(out, "  points           %" PRId64 " of %" PRId64 ", and %" PRId64 " of %" PRId64 " tasks, finished in %s\n", s.written,
                s.points, s.finished, s.tasks, folder);
    return err->code;
}

int lc_status(const char *output, FILE *out, struct lc_err *err)
{
    char folder[LC_PATH_MAX], record[LC_PATH_MAX], points[LC_PATH_MAX];
    int result = lc_path_is_file(output), saved, sweep, rc;

    LC_TRY(rc, lc_record_path(folder, output, "checkpoint", "", err));
    LC_TRY(rc, lc_record_path(points, output, "points", "", err));
    LC_TRY(rc, lc_record_path(record, output, "run", "json", err));
    saved = lc_path_is_folder(folder);
    sweep = lc_path_is_folder(points);
    if (!result && !saved && !sweep)
        return LC_FAIL(err, LC_E_IO, "%s: neither this result nor its checkpoint %s is there", output, folder);
    fprintf(out, "%s: %s\n", output, result && saved ? "finished, and begun again" : result ? "finished" : "unfinished");
    if (sweep)
        LC_TRY(rc, print_points(points, out, err));
    if (saved)
        LC_TRY(rc, print_checkpoint(folder, out, err));
    if (result && lc_path_is_file(record))
        rc = print_record(record, out, err);
done:
    return rc;
}

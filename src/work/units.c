#include "lightcone/units.h"

#include <inttypes.h>

enum { PARTS_LEFT = 64, SHORTENED = 4 }; /* near the end a unit is this part of what is left, and this part of `each` at least */

static int fit(int64_t *each, const struct lc_job *job, const struct lc_study *study, struct lc_err *err)
{
    int64_t limit = study->config.memory_per_rank, least;

    if (limit == 0)
        return LC_OK;
    while (study->config.unit_windows == 0 && *each > 1 && job->buffers(study, *each, 0) > limit)
        --*each;
    least = job->buffers(study, *each, 1);
    if (least > limit)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: key 'memory_per_rank' is %" PRId64 " bytes; the buffers for units of %" PRId64
                       " windows of %" PRId64 " tokens need at least %" PRId64,
                       study->config.source, limit, *each, study->config.windows.length, least);
    return LC_OK;
}

/* Windows of a point's units where those of the longest windows have `longest`: fewer as theirs are. */
static int64_t beside(int64_t longest, const struct lc_job *job, const struct lc_study *study,
                      const struct lc_study *point)
{
    int64_t each = job->unit_windows(point) * longest / job->unit_windows(study);
    int64_t most = longest * lc_study_longest_run(study) / lc_study_longest_run(point);

    each = each < most ? each : most;
    return each > 1 ? each : 1;
}

/* Windows of the unit that begins at window `at`. */
static int64_t run_at(const struct lc_cut *c, int64_t at)
{
    int64_t left = c->full - at, run = left / PARTS_LEFT;

    if (at < c->bulk || run > c->each)
        run = c->each;
    if (run < c->least)
        run = c->least;
    return run < left ? run : left;
}

static void shorten(struct lc_cut *c)
{
    c->least = (c->each + SHORTENED - 1) / SHORTENED;
    while (c->bulk > 0 && (c->full - c->bulk + c->each) / PARTS_LEFT < c->each)
        c->bulk -= c->each;
}

int lc_cut_make(struct lc_cut *cut, const struct lc_job *job, const struct lc_study *study, const struct lc_study *point,
                struct lc_err *err)
{
    int64_t set = study->config.unit_windows, last = point->windows.count - 1, at;

    *cut = (struct lc_cut){.each = set > 0 ? set : job->unit_windows(study), .full = point->windows.count};
    if (fit(&cut->each, job, study, err) != LC_OK)
        return err->code;
    if (set == 0 && point != study)
        cut->each = beside(cut->each, job, study, point);
    if (point->windows.length[last] != point->config.windows.length)
        cut->full--;
    cut->least = cut->each;
    cut->bulk = cut->full - cut->full % cut->each;
    if (set == 0 && (point == study || point == study->point)) /* a sweep's shortest windows come last */
        shorten(cut);
    for (at = cut->bulk; at < cut->full; at += run_at(cut, at))
        cut->units++;
    cut->units += cut->bulk / cut->each + (point->windows.count - cut->full);
    return LC_OK;
}

struct lc_unit lc_cut_unit(const struct lc_cut *c, const struct lc_study *study, int64_t index)
{
    int64_t at = index * c->each;

    if (at >= c->bulk) {
        index -= c->bulk / c->each;
        for (at = c->bulk; index > 0 && at < c->full; index--)
            at += run_at(c, at);
    }
    if (at >= c->full) /* the short window */
        return (struct lc_unit){.first = c->full, .count = study->windows.count - c->full};
    return (struct lc_unit){.first = at, .count = run_at(c, at)};
}

/* Kind sweep: the entropies of one window's features at growing lengths, all of which end on the same token. */
#include <inttypes.h>
#include <stdlib.h>

#include "lightcone/influence_tables.h"
#include "lightcone/memory.h"
#include "lightcone/order.h"
#include "source.h"

/* One file: a point a length, ascending. */
struct sweep {
    struct lc_node dict;
    struct lc_node_row *row;
    int64_t points, *length; /* [L] */
    struct lc_samples *at;   /* [L] */
};

static void sweep_release(struct sweep *x)
{
    for (int64_t k = 0; x->at && k < x->points; k++)
        lc_samples_release(&x->at[k]);
    free(x->at);
    free(x->row);
    free(x->length);
}

static int sweep_read(struct sweep *x, const struct lc_source *s, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_node_need(&s->root, "results_by_batch_size", &x->dict, err));
    LC_TRY(rc, lc_node_rows(&x->dict, 1, LC_LENGTH_MAX, &x->row, &x->points, err));
    if (x->points < 1 || x->points > LC_RESULT_POINTS_MAX)
        return lc_node_fail(&x->dict, err, "%" PRId64 " lengths; allowed: 1 to %d", x->points, LC_RESULT_POINTS_MAX);
    LC_TRY(rc, LC_ALLOC(&x->length, x->points, "points", err));
    LC_TRY(rc, LC_ALLOC(&x->at, x->points, "points", err));
    for (int64_t k = 0; k < x->points; k++) {
        struct lc_node window = lc_node_of_row(&x->dict, &x->row[k]);
        x->length[k] = x->at[k].profile_length = x->row[k].key;
        LC_TRY(rc, lc_source_add_window(&window, 0, &x->at[k], err));
    }
done:
    return rc;
}

/* The window of a point: all end where the longest does. Where a file does not tell its start, there is none. */
static int put_window(struct lc_imported *to, const struct sweep *x, int64_t k, const int64_t *start,
                      struct lc_err *err)
{
    int64_t one = 1, zero = 0, last = x->length[k] - 1,
            from = start ? *start + x->length[x->points - 1] - x->length[k] : 0;
    int rc = LC_OK;

    if (start)
        LC_TRY(rc, lc_result_put(to->r, "windows/start", NULL, &one, &from, err));
    LC_TRY(rc, lc_result_put(to->r, "windows/length", NULL, &one, &x->length[k], err));
    LC_TRY(rc, lc_result_put(to->r, "readouts/window", NULL, &one, &zero, err));
    LC_TRY(rc, lc_result_put(to->r, "readouts/position", NULL, &one, &last, err));
    LC_TRY(rc, lc_result_put_int(to->r, NULL, NULL, "window_length", x->length[k], err));
    if (to->threshold.found && !to->threshold.differs)
        LC_TRY(rc, lc_result_put_real(to->r, NULL, NULL, "threshold", to->threshold.value, err));
    rc = lc_imported_definitions(to, "influence", "sweep", "active", err);
done:
    return rc;
}

/* The axis and the windows stand once for all sites: the first file writes them. */
static int put_windows(struct lc_imported *to, const struct lc_source *s, const struct sweep *x, struct lc_err *err)
{
    int64_t start = -1;
    int rc, first = 0, found = 0;

    LC_TRY(rc, lc_source_int(s, "summary", "start_idx", 0, INT64_C(1) << 52, &start, &found, err));
    LC_TRY(rc, lc_common_note(&to->sweep_start, s, "window", &start, 1, &first, err));
    LC_TRY(rc, lc_common_note(&to->points, s, "lengths", x->length, x->points, &first, err));
    if (!first)
        return LC_OK;
    LC_TRY(rc, lc_result_put_text(to->r, NULL, NULL, "window_align", "end", err));
    LC_TRY(rc, lc_result_put_int(to->r, NULL, NULL, "points", x->points, err));
    LC_TRY(rc, lc_result_put(to->r, "points/windows.length", NULL, &x->points, x->length, err));
    for (int64_t k = 0; k < x->points; k++) {
        lc_result_at(to->r, k);
        rc = put_window(to, x, k, found ? &start : NULL, err);
        lc_result_at(to->r, -1);
        if (rc != LC_OK)
            return rc;
    }
done:
    return rc;
}

/* All features of all points, each once. */
static int list_features(const struct sweep *x, int32_t **out, int64_t *count, struct lc_err *err)
{
    int64_t n = 0, total = 0;

    for (int64_t k = 0; k < x->points; k++)
        total += x->at[k].count;
    if (LC_ALLOC(out, total, "a sweep", err) != LC_OK)
        return err->code;
    for (int64_t k = 0; k < x->points; k++)
        for (int64_t i = 0; i < x->at[k].count; i++)
            (*out)[n++] = (int32_t)x->at[k].item[i].feature;
    lc_sort_i32(*out, n);
    *count = lc_unique_i32(*out, n);
    return LC_OK;
}

/* Features by their place in that list: an SAE's size is not known, and a file may name any index. */
static void number_features(struct sweep *x, const int32_t *feature, int64_t count)
{
    for (int64_t k = 0; k < x->points; k++)
        for (int64_t i = 0; i < x->at[k].count; i++)
            x->at[k].item[i].feature = lc_find_i32(feature, count, x->at[k].item[i].feature);
}

/* What all points say together; afterwards the samples have other numbers for their features. */
static int put_sweep(struct lc_imported *to, const struct lc_source *s, struct sweep *x, struct lc_err *err)
{
    const struct lc_samples **log = NULL;
    struct lc_sweep sweep = {0};
    int32_t *feature = NULL;
    int64_t count = 0;
    int rc;

    LC_TRY(rc, LC_ALLOC(&log, x->points, "a sweep", err));
    LC_TRY(rc, list_features(x, &feature, &count, err));
    number_features(x, feature, count);
    for (int64_t k = 0; k < x->points; k++)
        log[k] = &x->at[k];
    LC_TRY(rc, lc_sweep_init(&sweep, log, x->length, x->points, count, 1, err));
    for (int64_t m = 0; m < sweep.count; m++)
        sweep.feature[m] = feature[sweep.feature[m]];
    rc = lc_influence_put_sweep(to->r, s->site, &sweep, err);
    lc_sweep_release(&sweep);
done:
    free(log);
    free(feature);
    return rc;
}

int lc_read_sweep(struct lc_imported *to, const struct lc_source *s, struct lc_err *err)
{
    struct sweep x = {0};
    double threshold = 0.0;
    int rc, found = 0;

    LC_TRY(rc, sweep_read(&x, s, err));
    LC_TRY(rc, lc_source_real(s, "config", "threshold", &threshold, &found, err));
    if (found)
        lc_setting_note(&to->threshold, threshold);
    LC_TRY(rc, put_windows(to, s, &x, err));
    for (int64_t k = 0; k < x.points; k++) {
        lc_result_at(to->r, k);
        rc = lc_source_put_influence(to, s, &x.at[k], 1, err);
        lc_result_at(to->r, -1);
        if (rc != LC_OK)
            goto done;
    }
    rc = put_sweep(to, s, &x, err);
done:
    sweep_release(&x);
    return rc;
}

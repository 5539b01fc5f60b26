/* Kind sweep: the entropies of one window's features at growing lengths, all of which end on the same token. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "lightcone/influence_tables.h"
#include "lightcone/memory.h"
#include "source.h"

#define SWEEP "sites/SITE/sweep/"

enum { POINTS_MAX = 10000 };

/* One file: a point a length, ascending. */
struct sweep {
    struct lc_node dict;
    struct lc_node_row *row;
    int64_t points, *length;       /* [L] */
    struct lc_samples *at;         /* [L] */
    int64_t features, *feature_of; /* M; of the longest window, ascending */
};

static void sweep_release(struct sweep *x)
{
    for (int64_t k = 0; x->at && k < x->points; k++)
        lc_samples_release(&x->at[k]);
    free(x->at);
    free(x->row);
    free(x->length);
    free(x->feature_of);
}

static int sweep_read(struct sweep *x, const struct lc_source *s, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_node_need(&s->root, "results_by_batch_size", &x->dict, err));
    LC_TRY(rc, lc_node_rows(&x->dict, 1, LC_LENGTH_MAX, &x->row, &x->points, err));
    if (x->points < 1 || x->points > POINTS_MAX)
        return lc_node_fail(&x->dict, err, "%" PRId64 " lengths; allowed: 1 to %d", x->points, POINTS_MAX);
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
    LC_TRY(rc, lc_result_put(to->r, "points/window_length", NULL, &x->points, x->length, err));
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

/* Sample of a feature at a point, or NULL. There is one window, so its samples ascend by feature. */
static const struct lc_sample *find_sample(const struct lc_samples *s, int64_t feature)
{
    int64_t low = 0, high = s->count;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (s->item[middle].feature < feature)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count && s->item[low].feature == feature && !s->item[low].spread.degenerate ? &s->item[low] : NULL;
}

/* The least length at which the mean of H reaches 95 % of its value at the longest: linear between those that have one.
 * NaN where that value is not above 0 or there is no other. */
static double saturation_of(const int64_t *length, const double *mean, int64_t n)
{
    double wanted = 0.95 * mean[n - 1];
    int64_t last = -1; /* the point before that has a mean */

    for (int64_t k = 0; wanted > 0.0 && k < n; k++) {
        if (isnan(mean[k]))
            continue;
        if (mean[k] >= wanted && last < 0)
            return k < n - 1 ? (double)length[k] : (double)NAN;
        if (mean[k] >= wanted)
            return (double)length[last] +
                   (wanted - mean[last]) / (mean[k] - mean[last]) * (double)(length[k] - length[last]);
        last = k;
    }
    return NAN;
}

/* The features of the longest window by length. */
struct columns {
    int32_t *feature;             /* [M] */
    int64_t *samples;             /* [M, L] */
    double *mean, *se, *saturate; /* [M, L], [M, L], [M] */
};

static void columns_release(struct columns *c)
{
    free(c->feature);
    free(c->samples);
    free(c->mean);
    free(c->se);
    free(c->saturate);
}

static int columns_make(struct columns *c, const struct sweep *x, int64_t *features, struct lc_err *err)
{
    const struct lc_samples *longest = &x->at[x->points - 1];
    int64_t m = 0;
    int rc;

    *c = (struct columns){0};
    LC_TRY(rc, LC_ALLOC(&c->feature, longest->count, "a sweep", err));
    LC_TRY(rc, LC_ALLOC(&c->samples, longest->count * x->points, "a sweep", err));
    LC_TRY(rc, LC_ALLOC(&c->mean, longest->count * x->points, "a sweep", err));
    LC_TRY(rc, LC_ALLOC(&c->se, longest->count * x->points, "a sweep", err));
    LC_TRY(rc, LC_ALLOC(&c->saturate, longest->count, "a sweep", err));
    for (int64_t i = 0; i < longest->count; i++) {
        if (longest->item[i].spread.degenerate)
            continue;
        for (int64_t k = 0; k < x->points; k++) {
            const struct lc_sample *found = find_sample(&x->at[k], longest->item[i].feature);
            c->samples[m * x->points + k] = found != NULL;
            c->mean[m * x->points + k] = found ? found->spread.entropy : NAN;
            c->se[m * x->points + k] = NAN; /* one sample has no deviation */
        }
        c->saturate[m] = saturation_of(x->length, c->mean + m * x->points, x->points);
        c->feature[m++] = (int32_t)longest->item[i].feature;
    }
    *features = m;
done:
    if (rc != LC_OK)
        columns_release(c);
    return rc;
}

static int put_sweep(struct lc_imported *to, const struct lc_source *s, const struct sweep *x, struct lc_err *err)
{
    int64_t dim[2] = {0, x->points};
    struct columns c;
    int rc = columns_make(&c, x, &dim[0], err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_result_put(to->r, SWEEP "feature", s->site, dim, c.feature, err));
    LC_TRY(rc, lc_result_put(to->r, SWEEP "samples", s->site, dim, c.samples, err));
    LC_TRY(rc, lc_result_put(to->r, SWEEP "entropy_mean", s->site, dim, c.mean, err));
    LC_TRY(rc, lc_result_put(to->r, SWEEP "entropy_se", s->site, dim, c.se, err));
    LC_TRY(rc, lc_result_put(to->r, SWEEP "saturation_length", s->site, dim, c.saturate, err));
done:
    columns_release(&c);
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

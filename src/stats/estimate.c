#include "lightcone/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"
#include "lightcone/random.h"

enum { LANES = 8 }; /* resamplings that go over the parts together, side by side in a vector register */

int lc_estimate_init(struct lc_estimate *e, int64_t groups, int average, struct lc_err *err)
{
    int rc;

    *e = (struct lc_estimate){.groups = groups, .average = average};
    LC_TRY(rc, LC_ALLOC(&e->out, average ? 1 : groups, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&e->squares, groups, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&e->values, groups, "summaries", err));
done:
    if (rc != LC_OK)
        lc_estimate_release(e);
    return rc;
}

static void scratch_release(struct lc_estimate *e)
{
    free(e->sum);
    free(e->weight);
    free(e->mean);
    free(e->means);
    free(e->first);
    e->sum = e->weight = e->mean = NULL;
    e->means = e->first = NULL;
}

void lc_estimate_release(struct lc_estimate *e)
{
    scratch_release(e);
    free(e->out);
    free(e->part);
    free(e->squares);
    free(e->values);
    *e = (struct lc_estimate){0};
}

static int make_room(struct lc_estimate *e, struct lc_err *err)
{
    int64_t room = e->room ? 2 * e->room : 64;
    struct lc_part *part;

    if (e->parts < e->room)
        return LC_OK;
    part = realloc(e->part, (size_t)room * sizeof *part);
    if (!part)
        return LC_FAIL(err, LC_E_MEMORY, "summaries: no memory for %lld values", (long long)room);
    e->part = part;
    e->room = room;
    return LC_OK;
}

int lc_estimate_add_ratio(struct lc_estimate *e, int64_t window, int64_t group, double a, double b, struct lc_err *err)
{
    struct lc_part *last = e->parts > 0 ? &e->part[e->parts - 1] : NULL;

    if (!last || last->window != window || last->group != group) {
        if (make_room(e, err) != LC_OK)
            return err->code;
        last = &e->part[e->parts++];
        *last = (struct lc_part){.window = (int32_t)window, .group = (int32_t)group};
    }
    last->sum += a;
    last->weight += b;
    e->squares[group] = NAN;
    e->values[group]++;
    return LC_OK;
}

int lc_estimate_add(struct lc_estimate *e, int64_t window, int64_t group, double value, struct lc_err *err)
{
    double squares = e->squares[group] + value * value;
    int rc = lc_estimate_add_ratio(e, window, group, value, 1.0, err);

    e->squares[group] = squares;
    return rc;
}

/* Sums of every group with window w counted times[w][lane] times. */
static void resample(struct lc_estimate *e, const double *times)
{
    for (int64_t g = 0; g < e->groups; g++) {
        double sum[LANES] = {0}, weight[LANES] = {0};
        for (const struct lc_part *p = e->part + e->first[g]; p < e->part + e->first[g + 1]; p++) {
            const double *t = times + (int64_t)p->window * LANES;
            for (int lane = 0; lane < LANES; lane++) {
                sum[lane] += t[lane] * p->sum;
                weight[lane] += t[lane] * p->weight;
            }
        }
        memcpy(e->sum + g * LANES, sum, sizeof sum);
        memcpy(e->weight + g * LANES, weight, sizeof weight);
    }
}

/* Mean over the group means of one lane, how many they are, and the sum of their squares. */
static double average_of(const struct lc_estimate *e, int64_t lane, int64_t *count, double *squares)
{
    double total = 0.0;

    *count = 0;
    *squares = 0.0;
    for (int64_t g = lane; g < e->groups * LANES; g += LANES) {
        double m = e->weight[g] > 0.0 ? e->sum[g] / e->weight[g] : 0.0;
        total += m;
        *squares += m * m;
        *count += e->weight[g] > 0.0;
    }
    return total / (double)*count;
}

static struct lc_summary summary_of(double mean, double squares, int64_t count)
{
    struct lc_summary s = {.mean = NAN, .sd = NAN, .low = NAN, .high = NAN, .count = count};
    double variance = squares / (double)count - mean * mean;

    if (count > 0) {
        s.mean = mean;
        s.sd = variance > 0.0 ? sqrt(variance) : variance <= 0.0 ? 0.0 : NAN;
    }
    return s;
}

/* The estimate itself: lane 0 holds every window once. */
static void estimate(struct lc_estimate *e)
{
    int64_t count;
    double squares, mean;

    if (e->average) {
        mean = average_of(e, 0, &count, &squares);
        e->out[0] = summary_of(mean, squares, count);
        return;
    }
    for (int64_t g = 0; g < e->groups; g++)
        e->out[g] = summary_of(e->sum[g * LANES] / e->weight[g * LANES], e->squares[g], e->values[g]);
}

/* Keep the means of `lanes` resamplings. */
static void keep(struct lc_estimate *e, int64_t lanes, int64_t rounds)
{
    double squares;
    int64_t count;

    for (int64_t lane = 0; e->average && lane < lanes; lane++) {
        double mean = average_of(e, lane, &count, &squares);
        if (count > 0)
            e->mean[e->means[0]++] = mean;
    }
    for (int64_t g = 0; !e->average && g < e->groups; g++)
        for (int64_t k = g * LANES; k < g * LANES + lanes; k++)
            if (e->weight[k] > 0.0)
                e->mean[g * rounds + e->means[g]++] = e->sum[k] / e->weight[k];
}

/* Parts group by group, in each as they came: a group's sums then stay in registers. */
static int sort_parts(struct lc_estimate *e, struct lc_err *err)
{
    struct lc_part *sorted = NULL;

    if (LC_ALLOC(&e->first, e->groups + 2, "bootstrap", err) != LC_OK ||
        LC_ALLOC(&sorted, e->parts, "bootstrap", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < e->parts; i++)
        e->first[e->part[i].group + 2]++;
    for (int64_t g = 0; g < e->groups; g++)
        e->first[g + 2] += e->first[g + 1];
    for (int64_t i = 0; i < e->parts; i++)
        sorted[e->first[e->part[i].group + 1]++] = e->part[i];
    free(e->part);
    e->part = sorted;
    e->room = e->parts;
    return LC_OK;
}

static int scratch_init(struct lc_estimate *e, int64_t rounds, struct lc_err *err)
{
    int64_t outputs = e->average ? 1 : e->groups;
    int rc;

    LC_TRY(rc, sort_parts(e, err));
    LC_TRY(rc, LC_ALLOC(&e->sum, e->groups * LANES, "bootstrap", err));
    LC_TRY(rc, LC_ALLOC(&e->weight, e->groups * LANES, "bootstrap", err));
    LC_TRY(rc, LC_ALLOC(&e->mean, outputs * rounds, "bootstrap", err));
    LC_TRY(rc, LC_ALLOC(&e->means, outputs, "bootstrap", err));
done:
    return rc;
}

/* How often each window is drawn in resamplings first .. first + lanes: times[windows][LANES]. */
static void draw(double *times, int64_t windows, uint64_t seed, int64_t first, int64_t lanes)
{
    memset(times, 0, (size_t)(windows * LANES) * sizeof *times);
    for (int64_t lane = 0; lane < lanes; lane++)
        for (int64_t i = 0; i < windows; i++) {
            uint64_t w = lc_random_below(seed, (uint64_t)(first + lane) + 1, (uint64_t)i, (uint64_t)windows);
            times[w * LANES + (uint64_t)lane] += 1.0;
        }
}

static void set_intervals(struct lc_estimate *e, int64_t rounds)
{
    for (int64_t g = 0; g < (e->average ? 1 : e->groups); g++) {
        struct lc_summary *out = &e->out[g];
        if (e->means[g] > 0)
            lc_bootstrap_interval(e->mean + g * rounds, e->means[g], out->mean, &out->low, &out->high);
    }
}

static void run(struct lc_estimate *e, int64_t count, double *times, int64_t windows, uint64_t seed, int64_t rounds)
{
    for (int64_t i = 0; i < windows; i++)
        times[i * LANES] = 1.0;
    for (int64_t k = 0; k < count; k++) {
        resample(&e[k], times);
        estimate(&e[k]);
    }
    for (int64_t first = 0; first < rounds; first += LANES) {
        int64_t lanes = rounds - first < LANES ? rounds - first : LANES;
        draw(times, windows, seed, first, lanes);
        for (int64_t k = 0; k < count; k++) {
            resample(&e[k], times);
            keep(&e[k], lanes, rounds);
        }
    }
    for (int64_t k = 0; k < count; k++)
        set_intervals(&e[k], rounds);
}

int lc_estimates_finish(struct lc_estimate *e, int64_t count, int64_t windows, uint64_t seed, int64_t rounds,
                        struct lc_err *err)
{
    double *times = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&times, windows * LANES, "bootstrap", err));
    for (int64_t k = 0; k < count; k++)
        LC_TRY(rc, scratch_init(&e[k], rounds, err));
    run(e, count, times, windows, seed, rounds);
done:
    for (int64_t k = 0; k < count; k++)
        scratch_release(&e[k]);
    free(times);
    return rc;
}

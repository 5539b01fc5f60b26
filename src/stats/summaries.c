/* summaries.c - the three means of an influence run and their bootstrap intervals over windows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/bootstrap.h"
#include "lightcone/random.h"
#include "lightcone/samples.h"

/* Sorted samples as sums: `window` of a run index over windows that have samples. */
struct table {
    int64_t count;             /* samples that take part */
    int32_t *run, *feature;    /* [count] window (as an index among those with samples) and feature of each */
    double *entropy;           /* [count] */
    int64_t runs, features;    /* windows, features that have samples */
    int32_t *place;            /* [all features] index among those, from 1; 0: none yet */
    double *sum;               /* [features] scratch */
    double *weight;            /* [features] scratch */
    int64_t *times;            /* [runs] how often a resampling drew the window */
};

static void table_release(struct table *t)
{
    free(t->run);
    free(t->feature);
    free(t->place);
    free(t->entropy);
    free(t->sum);
    free(t->weight);
    free(t->times);
}

static int table_fill(struct table *t, const struct lc_samples *s, const unsigned char *kept, int64_t features,
                      int64_t *degenerate, struct lc_err *err)
{
    int64_t last = -1;
    int rc;

    *t = (struct table){0};
    *degenerate = 0;
    LC_TRY(rc, LC_ALLOC(&t->run, s->count, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&t->feature, s->count, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&t->entropy, s->count, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&t->place, features, "summaries", err));
    for (int64_t i = 0; i < s->count; i++) {
        const struct lc_sample *x = &s->item[i];
        *degenerate += x->spread.degenerate;
        if (x->spread.degenerate || (kept && !kept[x->feature]))
            continue;
        if (x->window != last) {
            last = x->window;
            t->runs++;
        }
        if (t->place[x->feature] == 0)
            t->place[x->feature] = (int32_t)++t->features;
        t->run[t->count] = (int32_t)(t->runs - 1);
        t->feature[t->count] = t->place[x->feature] - 1;
        t->entropy[t->count++] = x->spread.entropy;
    }
    LC_TRY(rc, LC_ALLOC(&t->times, t->runs, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&t->sum, t->features, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&t->weight, t->features, "summaries", err));
done:
    if (rc != LC_OK)
        table_release(t);
    return rc;
}

/* Means (and population sds when sd is not NULL) with window r counted times[r] times. */
static void means(struct table *t, double mean[3], double sd[3], int64_t count[3])
{
    double total[3] = {0}, squares[3] = {0}, n[3] = {0};

    memset(t->sum, 0, (size_t)t->features * sizeof *t->sum);
    memset(t->weight, 0, (size_t)t->features * sizeof *t->weight);
    for (int64_t i = 0; i < t->count;) {
        int32_t run = t->run[i];
        double times = (double)t->times[run], sum = 0.0;
        int64_t begin = i;
        for (; i < t->count && t->run[i] == run; i++) {
            sum += t->entropy[i];
            squares[0] += times * t->entropy[i] * t->entropy[i];
            t->sum[t->feature[i]] += times * t->entropy[i];
            t->weight[t->feature[i]] += times;
        }
        total[0] += times * sum;
        n[0] += times * (double)(i - begin);
        sum /= (double)(i - begin);
        total[1] += times * sum;
        squares[1] += times * sum * sum;
        n[1] += times;
    }
    for (int64_t f = 0; f < t->features; f++) {
        double m = t->weight[f] > 0.0 ? t->sum[f] / t->weight[f] : 0.0;
        total[2] += m;
        squares[2] += m * m;
        n[2] += t->weight[f] > 0.0;
    }
    for (int k = 0; k < 3; k++) {
        mean[k] = total[k] / n[k];
        if (sd)
            sd[k] = sqrt(fmax(0.0, squares[k] / n[k] - mean[k] * mean[k]));
        if (count)
            count[k] = (int64_t)n[k];
    }
}

static int bootstrap(struct table *t, uint64_t seed, int64_t rounds, struct lc_summary *out[3], struct lc_err *err)
{
    double *value[3] = {NULL}, mean[3];
    int rc = LC_OK;

    for (int k = 0; k < 3; k++)
        LC_TRY(rc, LC_ALLOC(&value[k], rounds, "bootstrap", err));
    for (int64_t round = 0; round < rounds; round++) {
        memset(t->times, 0, (size_t)t->runs * sizeof *t->times);
        for (int64_t i = 0; i < t->runs; i++)
            t->times[lc_random_below(seed, (uint64_t)round + 1, (uint64_t)i, (uint64_t)t->runs)]++;
        means(t, mean, NULL, NULL);
        for (int k = 0; k < 3; k++)
            value[k][round] = mean[k];
    }
    for (int k = 0; k < 3; k++)
        lc_bootstrap_interval(value[k], rounds, out[k]->mean, &out[k]->low, &out[k]->high);
done:
    for (int k = 0; k < 3; k++)
        free(value[k]);
    return rc;
}

int lc_samples_summarise(const struct lc_samples *s, const unsigned char *kept, int64_t features, uint64_t seed,
                         int64_t rounds, struct lc_summaries *out, struct lc_err *err)
{
    struct lc_summary *part[3] = {&out->pooled, &out->window_mean, &out->feature_mean};
    double mean[3], sd[3];
    int64_t count[3];
    struct table t;
    int rc = table_fill(&t, s, kept, features, &out->degenerate, err);

    if (rc != LC_OK)
        return rc;
    for (int k = 0; k < 3; k++)
        *part[k] = (struct lc_summary){.mean = NAN, .sd = NAN, .low = NAN, .high = NAN};
    if (t.runs > 0) {
        for (int64_t r = 0; r < t.runs; r++)
            t.times[r] = 1;
        means(&t, mean, sd, count);
        for (int k = 0; k < 3; k++)
            *part[k] = (struct lc_summary){.mean = mean[k], .sd = sd[k], .count = count[k]};
        rc = bootstrap(&t, seed, rounds, part, err);
    }
    table_release(&t);
    return rc;
}

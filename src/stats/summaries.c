/* summaries.c - what is derived from a complete, sorted log of samples: means and their bootstrap intervals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/estimate.h"
#include "lightcone/order.h"
#include "lightcone/samples.h"

/* All that is estimated from one site's samples. */
enum {
    POOLED,
    WINDOW_MEAN,
    FEATURE_MEAN,
    PARTICIPATION_POOLED,
    PARTICIPATION_FEATURE_MEAN,
    RENYI2_POOLED,
    RENYI2_FEATURE_MEAN,
    STRENGTH,
    READOUT,
    ESTIMATES
};

/* The samples that take part. */
struct roll {
    const struct lc_sample **sample; /* [count] */
    int64_t count, windows, features;
    int32_t *feature;        /* [count] which of those that take part, in order of appearance */
    unsigned char *strength; /* [count] class of the activation */
};

static void roll_release(struct roll *r)
{
    free(r->sample);
    free(r->feature);
    free(r->strength);
}

/* Place of a feature among those of the rule, or -1. */
static int64_t place_of(const struct lc_summary_rule *rule, int64_t feature)
{
    return rule->feature ? lc_find_i32(rule->feature, rule->features, feature) : feature;
}

static int roll_make(struct roll *r, const struct lc_samples *s, const struct lc_summary_rule *rule,
                     int64_t *degenerate, struct lc_err *err)
{
    int32_t *number = NULL; /* [features] from 1; 0: not yet seen */
    int rc;

    *r = (struct roll){0};
    *degenerate = 0;
    LC_TRY(rc, LC_ALLOC(&r->sample, s->count, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&r->feature, s->count, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&r->strength, s->count, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&number, rule->features, "summaries", err));
    for (int64_t i = 0; i < s->count; i++) {
        const struct lc_sample *x = &s->item[i];
        int64_t place = x->spread.degenerate ? -1 : place_of(rule, x->feature);
        *degenerate += x->spread.degenerate;
        if (place < 0)
            continue;
        r->windows += r->count == 0 || r->sample[r->count - 1]->window != x->window;
        if (number[place] == 0)
            number[place] = (int32_t)++r->features;
        r->feature[r->count] = number[place] - 1;
        r->sample[r->count++] = x;
    }
done:
    free(number);
    if (rc != LC_OK)
        roll_release(r);
    return rc;
}

struct ranked {
    double activation;
    int64_t index;
};

static int by_activation(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->activation != y->activation)
        return x->activation < y->activation ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Class of every sample: rank r of n goes to class floor(r Q / n). */
static int classify(struct roll *r, struct lc_summaries *out, struct lc_err *err)
{
    struct ranked *list = NULL;
    int rc;

    out->strengths = r->count < LC_STRENGTHS ? r->count : LC_STRENGTHS;
    LC_TRY(rc, LC_ALLOC(&out->strength, out->strengths, "summaries", err));
    LC_TRY(rc, LC_ALLOC(&list, r->count, "summaries", err));
    for (int64_t i = 0; i < r->count; i++)
        list[i] = (struct ranked){r->sample[i]->activation, i};
    qsort(list, (size_t)r->count, sizeof *list, by_activation);
    for (int64_t i = 0; i < r->count; i++) {
        int64_t class = i * out->strengths / r->count;
        if (i == 0 || class != (i - 1) * out->strengths / r->count)
            out->strength[class].least = list[i].activation;
        out->strength[class].greatest = list[i].activation;
        r->strength[list[i].index] = (unsigned char)class;
    }
done:
    free(list);
    return rc;
}

/* Index of a readout position in the ascending list. */
static int64_t find_position(const struct lc_summary_rule *rule, int64_t position)
{
    int64_t low = 0, high = rule->positions - 1;

    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (rule->position[middle] < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One sample into every estimate but that of the window means. */
static int enter(struct lc_estimate *e, const struct roll *r, int64_t i, int64_t window,
                 const struct lc_summary_rule *rule, struct lc_err *err)
{
    const struct lc_spread *x = &r->sample[i]->spread;
    int64_t feature = r->feature[i];
    int rc;

    LC_TRY(rc, lc_estimate_add(&e[POOLED], window, 0, x->entropy, err));
    LC_TRY(rc, lc_estimate_add(&e[FEATURE_MEAN], window, feature, x->entropy, err));
    LC_TRY(rc, lc_estimate_add(&e[PARTICIPATION_POOLED], window, 0, x->participation, err));
    LC_TRY(rc, lc_estimate_add(&e[PARTICIPATION_FEATURE_MEAN], window, feature, x->participation, err));
    LC_TRY(rc, lc_estimate_add(&e[RENYI2_POOLED], window, 0, x->renyi2, err));
    LC_TRY(rc, lc_estimate_add(&e[RENYI2_FEATURE_MEAN], window, feature, x->renyi2, err));
    LC_TRY(rc, lc_estimate_add(&e[STRENGTH], window, r->strength[i], x->entropy, err));
    if (rule->positions > 0)
        rc = lc_estimate_add(&e[READOUT], window, find_position(rule, r->sample[i]->position), x->entropy, err);
done:
    return rc;
}

static int fill(struct lc_estimate *e, const struct roll *r, const struct lc_summary_rule *rule, struct lc_err *err)
{
    int64_t window = 0;
    int rc = LC_OK;

    for (int64_t i = 0; i < r->count; window++) {
        int64_t first = i;
        double sum = 0.0;
        for (; i < r->count && r->sample[i]->window == r->sample[first]->window; i++) {
            sum += r->sample[i]->spread.entropy;
            LC_TRY(rc, enter(e, r, i, window, rule, err));
        }
        LC_TRY(rc, lc_estimate_add(&e[WINDOW_MEAN], window, 0, sum / (double)(i - first), err));
    }
done:
    return rc;
}

static int init_all(struct lc_estimate *e, const struct roll *r, const struct lc_summary_rule *rule,
                    const struct lc_summaries *out, struct lc_err *err)
{
    int rc = LC_OK;

    for (int k = 0; k < ESTIMATES; k++) {
        int average = k == FEATURE_MEAN || k == PARTICIPATION_FEATURE_MEAN || k == RENYI2_FEATURE_MEAN;
        int64_t groups = average ? r->features : k == STRENGTH ? out->strengths : k == READOUT ? rule->positions : 1;
        LC_TRY(rc, lc_estimate_init(&e[k], groups, average, err));
    }
done:
    return rc;
}

static int take(const struct lc_estimate *e, const struct lc_summary_rule *rule, struct lc_summaries *out,
                struct lc_err *err)
{
    struct lc_summary *const one[STRENGTH] = {
        &out->pooled,        &out->window_mean,         &out->feature_mean, &out->participation_pooled,
        &out->participation_feature_mean, &out->renyi2_pooled, &out->renyi2_feature_mean};

    for (int k = 0; k < STRENGTH; k++)
        *one[k] = e[k].out[0];
    for (int64_t q = 0; q < out->strengths; q++)
        out->strength[q].entropy = e[STRENGTH].out[q];
    out->readouts = rule->positions;
    if (LC_ALLOC(&out->readout, rule->positions, "summaries", err) != LC_OK)
        return err->code;
    for (int64_t q = 0; q < rule->positions; q++)
        out->readout[q] = (struct lc_sample_group){.position = rule->position[q], .entropy = e[READOUT].out[q]};
    return LC_OK;
}

int lc_samples_summarise(const struct lc_samples *s, const struct lc_summary_rule *rule, struct lc_summaries *out,
                         struct lc_err *err)
{
    struct lc_estimate e[ESTIMATES] = {{0}};
    struct roll r;
    int rc;

    *out = (struct lc_summaries){0};
    rc = roll_make(&r, s, rule, &out->degenerate, err);
    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, classify(&r, out, err));
    LC_TRY(rc, init_all(e, &r, rule, out, err));
    LC_TRY(rc, fill(e, &r, rule, err));
    LC_TRY(rc, lc_estimates_finish(e, ESTIMATES, r.windows, rule->seed, rule->rounds, err));
    LC_TRY(rc, take(e, rule, out, err));
done:
    for (int k = 0; k < ESTIMATES; k++)
        lc_estimate_release(&e[k]);
    roll_release(&r);
    if (rc != LC_OK)
        lc_summaries_release(out);
    return rc;
}

void lc_summaries_release(struct lc_summaries *s)
{
    free(s->strength);
    free(s->readout);
    *s = (struct lc_summaries){0};
}

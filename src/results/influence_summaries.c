/* influence_summaries.c - what the samples of a site say together: attributes, and classes of the samples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lightcone/influence_tables.h"
#include "lightcone/memory.h"

#define INFLUENCE "sites/SITE/influence"

int lc_influence_summarise(const struct lc_samples *s, const struct lc_feature_table *t, const int64_t *position,
                           int64_t positions, uint64_t seed, struct lc_summaries *out, struct lc_err *err)
{
    int windows = s->count == 0 || s->item[0].window >= 0;
    const struct lc_summary_rule rule = {.feature = t->feature,
                                         .features = t->count,
                                         .position = position,
                                         .positions = positions,
                                         .seed = seed,
                                         .rounds = windows ? LC_BOOTSTRAP_ROUNDS : 1};

    return lc_samples_summarise(s, &rule, out, err);
}

int lc_influence_put_summary(struct lc_result *r, const char *site, const char *name, const struct lc_summary *x,
                             unsigned interval, struct lc_err *err)
{
    static const char *const suffix[] = {"", "_sd", "_low", "_high"};
    const double value[] = {x->mean, x->sd, x->low, x->high};
    char key[48];

    for (int i = 0; i < (interval ? 4 : 2) && err->code == LC_OK; i++) {
        snprintf(key, sizeof key, "%s%s", name, suffix[i]);
        if (i != 1 || x->count == 0 || !isnan(x->sd))
            lc_result_put_real(r, INFLUENCE, site, key, value[i], err);
    }
    snprintf(key, sizeof key, "%s_n", name);
    return err->code == LC_OK ? lc_result_put_int(r, INFLUENCE, site, key, x->count, err) : err->code;
}

int lc_influence_put_summaries(struct lc_result *r, const char *site, const struct lc_summaries *x, unsigned with,
                               struct lc_err *err)
{
    const struct {
        const char *name;
        const struct lc_summary *summary;
        unsigned needs;
    } all[] = {{"pooled", &x->pooled, 0},
               {"window_mean", &x->window_mean, LC_WITH_WINDOWS},
               {"feature_mean", &x->feature_mean, 0},
               {"participation_pooled", &x->participation_pooled, LC_WITH_SPREADS},
               {"participation_feature_mean", &x->participation_feature_mean, LC_WITH_SPREADS},
               {"renyi2_pooled", &x->renyi2_pooled, LC_WITH_SPREADS},
               {"renyi2_feature_mean", &x->renyi2_feature_mean, LC_WITH_SPREADS}};
    int rc = LC_OK;

    for (size_t i = 0; i < sizeof all / sizeof *all && rc == LC_OK; i++)
        if ((all[i].needs & ~with) == 0)
            rc = lc_influence_put_summary(r, site, all[i].name, all[i].summary, with & LC_WITH_WINDOWS, err);
    return rc == LC_OK ? lc_result_put_int(r, INFLUENCE, site, "degenerate", x->degenerate, err) : rc;
}

/* The columns of a group of samples. */
struct columns {
    int64_t *samples, *position;
    double *mean, *sd, *low, *high;
    float *least, *greatest;
};

static void columns_release(struct columns *c)
{
    free(c->samples);
    free(c->position);
    free(c->mean);
    free(c->sd);
    free(c->low);
    free(c->high);
    free(c->least);
    free(c->greatest);
}

static int columns_make(struct columns *c, const struct lc_sample_group *q, int64_t count, struct lc_err *err)
{
    int rc;

    *c = (struct columns){0};
    LC_TRY(rc, LC_ALLOC(&c->samples, count, "groups of samples", err));
    LC_TRY(rc, LC_ALLOC(&c->position, count, "groups of samples", err));
    LC_TRY(rc, LC_ALLOC(&c->mean, count, "groups of samples", err));
    LC_TRY(rc, LC_ALLOC(&c->sd, count, "groups of samples", err));
    LC_TRY(rc, LC_ALLOC(&c->low, count, "groups of samples", err));
    LC_TRY(rc, LC_ALLOC(&c->high, count, "groups of samples", err));
    LC_TRY(rc, LC_ALLOC(&c->least, count, "groups of samples", err));
    LC_TRY(rc, LC_ALLOC(&c->greatest, count, "groups of samples", err));
    for (int64_t i = 0; i < count; i++) {
        c->samples[i] = q[i].entropy.count;
        c->position[i] = q[i].position;
        c->mean[i] = q[i].entropy.mean;
        c->sd[i] = q[i].entropy.sd;
        c->low[i] = q[i].entropy.low;
        c->high[i] = q[i].entropy.high;
        c->least[i] = (float)q[i].least;
        c->greatest[i] = (float)q[i].greatest;
    }
done:
    if (rc != LC_OK)
        columns_release(c);
    return rc;
}

/* A group in the order of its columns; `strengths`: of activation, else of position. */
static int put_group(struct lc_result *r, const char *site, const struct lc_sample_group *q, int64_t count,
                     int strengths, struct lc_err *err)
{
    const char *folder = strengths ? "by_activation" : "by_position";
    struct columns c;
    char name[96];
    int rc = columns_make(&c, q, count, err);

    if (rc != LC_OK)
        return rc;
    const struct {
        const char *name;
        const void *data;
    } column[] = {{"least", strengths ? c.least : NULL},
                  {"greatest", strengths ? c.greatest : NULL},
                  {"position", strengths ? NULL : c.position},
                  {"samples", c.samples},
                  {"entropy_mean", c.mean},
                  {"entropy_sd", c.sd},
                  {"entropy_low", c.low},
                  {"entropy_high", c.high}};
    for (size_t i = 0; i < sizeof column / sizeof *column && rc == LC_OK; i++) {
        snprintf(name, sizeof name, INFLUENCE "/%s/%s", folder, column[i].name);
        if (column[i].data)
            rc = lc_result_put(r, name, site, &count, column[i].data, err);
    }
    columns_release(&c);
    return rc;
}

int lc_influence_put_groups(struct lc_result *r, const char *site, const struct lc_summaries *x, struct lc_err *err)
{
    int rc = put_group(r, site, x->strength, x->strengths, 1, err);

    return rc == LC_OK ? put_group(r, site, x->readout, x->readouts, 0, err) : rc;
}

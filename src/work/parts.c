#include "lightcone/parts.h"

#include <stdlib.h>

const struct lc_study *lc_parts_study(const struct lc_parts *p, int64_t point)
{
    return p->study->members > 0 ? &p->study->member[point] : p->study;
}

static int begin_point(struct lc_parts *p, int64_t point, struct lc_err *err)
{
    const struct lc_study *study = lc_parts_study(p, point);
    int rc = LC_OK;

    for (int64_t k = 0; k < p->lengths && rc == LC_OK; k++) {
        struct lc_point *part = &p->part[point * p->lengths + k];
        part->study = study->points > 0 ? &study->point[k] : study;
        rc = p->job->begin(&part->sums, part->study, err);
    }
    return rc;
}

int lc_parts_begin(struct lc_parts *p, const struct lc_job *job, const struct lc_study *study, struct lc_err *err)
{
    int rc;

    *p = (struct lc_parts){.job = job, .study = study};
    p->points = study->members > 0 ? study->members : 1;
    p->lengths = study->points > 0 ? study->points : 1;
    LC_TRY(rc, LC_ALLOC(&p->part, p->points * p->lengths, "points", err));
    LC_TRY(rc, LC_ALLOC(&p->cut, p->lengths, "points", err));
    for (int64_t k = 0; k < p->lengths; k++)
        LC_TRY(rc, lc_cut_make(&p->cut[k], job, study, study->points > 0 ? &study->point[k] : study, err));
    for (int64_t i = 0; i < p->points; i++)
        LC_TRY(rc, begin_point(p, i, err));
done:
    return rc;
}

void lc_parts_clear(struct lc_parts *p)
{
    for (int64_t k = 0; p->part && k < p->points * p->lengths; k++) {
        if (p->part[k].sums)
            p->job->end(p->part[k].sums);
        p->part[k].sums = NULL;
    }
}

void lc_parts_end(struct lc_parts *p)
{
    lc_parts_clear(p);
    free(p->part);
    free(p->cut);
    *p = (struct lc_parts){0};
}

struct lc_parts lc_parts_of(const struct lc_parts *p, int64_t point)
{
    struct lc_parts one = *p;

    one.study = lc_parts_study(p, point);
    one.part += point * p->lengths;
    one.points = 1;
    return one;
}

int64_t lc_parts_steps(const struct lc_parts *p)
{
    int64_t steps = 0;

    for (int64_t k = 0; k < p->lengths; k++)
        steps += p->cut[k].units;
    return steps;
}

int64_t lc_parts_length(const struct lc_parts *p, int64_t *step)
{
    int64_t k = p->lengths - 1;

    while (*step >= p->cut[k].units)
        *step -= p->cut[k--].units;
    return k;
}

struct lc_point *lc_parts_at(const struct lc_parts *p, int64_t unit)
{
    int64_t step = unit / p->points, point = unit % p->points;

    return &p->part[point * p->lengths + lc_parts_length(p, &step)];
}

int lc_parts_save(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    const struct lc_parts *p = arg;
    int rc = LC_OK;

    for (int64_t k = 0; k < p->points * p->lengths && rc == LC_OK; k++)
        rc = p->job->save(p->part[k].sums, out, err);
    return rc;
}

int lc_parts_merge(void *arg, struct lc_reader *in, struct lc_err *err)
{
    const struct lc_parts *p = arg;
    int rc = LC_OK;

    for (int64_t k = 0; k < p->points * p->lengths && rc == LC_OK; k++)
        rc = p->job->merge(p->part[k].sums, in, err);
    return rc;
}

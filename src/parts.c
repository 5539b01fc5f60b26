#include "parts.h"

#include <stdlib.h>

int lc_parts_begin(struct lc_parts *p, const struct lc_job *job, const struct lc_study *study, struct lc_err *err)
{
    int rc;

    *p = (struct lc_parts){.job = job, .study = study, .count = study->points > 0 ? study->points : 1};
    LC_TRY(rc, LC_ALLOC(&p->part, p->count, "points", err));
    for (int64_t k = 0; k < p->count; k++) {
        struct lc_point *part = &p->part[k];
        part->study = study->points > 0 ? &study->point[k] : study;
        LC_TRY(rc, lc_cut_make(&part->cut, job, study, part->study, err));
        LC_TRY(rc, job->begin(&part->sums, part->study, err));
    }
done:
    return rc;
}

void lc_parts_end(struct lc_parts *p)
{
    for (int64_t k = 0; p->part && k < p->count; k++)
        if (p->part[k].sums)
            p->job->end(p->part[k].sums);
    free(p->part);
    *p = (struct lc_parts){0};
}

int64_t lc_parts_units(const struct lc_parts *p)
{
    int64_t units = 0;

    for (int64_t k = 0; k < p->count; k++)
        units += p->part[k].cut.units;
    return units;
}

struct lc_point *lc_parts_at(const struct lc_parts *p, int64_t *unit)
{
    struct lc_point *part = &p->part[p->count - 1];

    while (*unit >= part->cut.units)
        *unit -= (part--)->cut.units;
    return part;
}

int lc_parts_save(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    const struct lc_parts *p = arg;
    int rc = LC_OK;

    for (int64_t k = 0; k < p->count && rc == LC_OK; k++)
        rc = p->job->save(p->part[k].sums, out, err);
    return rc;
}

int lc_parts_merge(void *arg, struct lc_reader *in, struct lc_err *err)
{
    const struct lc_parts *p = arg;
    int rc = LC_OK;

    for (int64_t k = 0; k < p->count && rc == LC_OK; k++)
        rc = p->job->merge(p->part[k].sums, in, err);
    return rc;
}

int lc_parts_add(struct lc_parts *p, struct lc_parts *other, struct lc_err *err)
{
    struct lc_bytes bytes = {0};
    struct lc_reader reader;
    int rc;

    LC_TRY(rc, lc_parts_save(other, &bytes, err));
    reader = (struct lc_reader){.data = bytes.data, .size = bytes.size};
    rc = lc_parts_merge(p, &reader, err);
done:
    lc_bytes_release(&bytes);
    return rc;
}

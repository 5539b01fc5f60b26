/* checkpoint_ranges.c - sets of units as ascending ranges. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_format.h"

void lc_ranges_release(struct lc_ranges *r)
{
    free(r->at);
    *r = (struct lc_ranges){0};
}

int64_t lc_ranges_units(const struct lc_ranges *r)
{
    int64_t n = 0;

    for (int64_t i = 0; i < r->count; i++)
        n += r->at[i].count;
    return n;
}

static int ranges_room(struct lc_ranges *r, int64_t room, struct lc_err *err)
{
    *r = (struct lc_ranges){0};
    if (LC_ALLOC(&r->at, room, "ranges of units", err) != LC_OK)
        return err->code;
    r->room = room;
    return LC_OK;
}

/* A range that is not before the last one's end. */
static int ranges_add(struct lc_ranges *r, struct lc_range next, struct lc_err *err)
{
    struct lc_range *last = r->count ? &r->at[r->count - 1] : NULL;

    if (last && next.first < last->first + last->count)
        return LC_FAIL(err, LC_E_FORMAT, "checkpoint: unit %" PRId64 " is in it twice", next.first);
    if (last && next.first == last->first + last->count)
        last->count += next.count;
    else
        r->at[r->count++] = next;
    return LC_OK;
}

static int compare_units(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int add_sorted(struct lc_ranges *r, const int64_t *unit, int64_t count, int64_t units, struct lc_err *err)
{
    for (int64_t i = 0; i < count; i++) {
        if (unit[i] < 0 || unit[i] >= units)
            return LC_FAIL(err, LC_E_FORMAT, "checkpoint: unit %" PRId64 " of %" PRId64, unit[i], units);
        if (ranges_add(r, (struct lc_range){unit[i], 1}, err) != LC_OK)
            return err->code;
    }
    return LC_OK;
}

int lc_ranges_make(struct lc_ranges *r, const int64_t *unit, int64_t count, int64_t units, struct lc_err *err)
{
    int64_t *sorted = NULL;
    int rc;

    LC_TRY(rc, ranges_room(r, count, err));
    LC_TRY(rc, LC_ALLOC(&sorted, count, "units", err));
    if (count > 0)
        memcpy(sorted, unit, (size_t)count * sizeof *unit);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_units);
    rc = add_sorted(r, sorted, count, units, err);
done:
    free(sorted);
    if (rc != LC_OK)
        lc_ranges_release(r);
    return rc;
}

static int compare_ranges(const void *a, const void *b)
{
    return compare_units(&((const struct lc_range *)a)->first, &((const struct lc_range *)b)->first);
}

int lc_ranges_gather(struct lc_ranges *r, const struct lc_range *any, int64_t count, struct lc_err *err)
{
    struct lc_range *sorted = NULL;
    int rc;

    LC_TRY(rc, ranges_room(r, count, err));
    LC_TRY(rc, LC_ALLOC(&sorted, count, "ranges of units", err));
    if (count > 0)
        memcpy(sorted, any, (size_t)count * sizeof *any);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_ranges);
    for (int64_t i = 0; i < count && rc == LC_OK; i++)
        rc = ranges_add(r, sorted[i], err);
done:
    free(sorted);
    if (rc != LC_OK)
        lc_ranges_release(r);
    return rc;
}

int lc_ranges_join(struct lc_ranges *r, const struct lc_ranges *a, const struct lc_ranges *b, struct lc_err *err)
{
    int64_t i = 0, j = 0;
    int rc = ranges_room(r, a->count + b->count, err);

    while (rc == LC_OK && (i < a->count || j < b->count)) {
        int from_a = j == b->count || (i < a->count && a->at[i].first < b->at[j].first);
        rc = ranges_add(r, from_a ? a->at[i++] : b->at[j++], err);
    }
    if (rc != LC_OK)
        lc_ranges_release(r);
    return rc;
}

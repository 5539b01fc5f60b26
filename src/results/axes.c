/* The table of points: a column for every configuration key in which they differ. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5_call.h"
#include "lightcone/memory.h"
#include "lightcone/values.h"

static int axis_read(struct lc_result *r, const struct lc_column *c, struct lc_axes *to, struct lc_err *err)
{
    struct lc_result_axis *axis = &to->axis[to->count];
    char name[LC_RESULT_NAME_MAX];
    int rc;

    snprintf(name, sizeof name, "points/%s", c->key);
    if (!lc_result_has(r, name, NULL))
        return LC_OK;
    *axis = (struct lc_result_axis){.key = c->key, .units = c->units};
    LC_TRY(rc, lc_result_get(r, name, NULL, &axis->value, err));
    to->count++;
    if (axis->value.count != to->points)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: %s has %" PRId64 " rows; there are %" PRId64 " points", r->path, name,
                     axis->value.count, to->points);
done:
    return rc;
}

int lc_result_axes(struct lc_result *r, struct lc_axes *out, struct lc_err *err)
{
    struct lc_column c;
    int columns = 0, rc;

    while (lc_column_get(columns, &c))
        columns++;
    *out = (struct lc_axes){.points = r->points};
    LC_TRY(rc, LC_ALLOC(&out->axis, columns, "axes", err));
    for (int i = 0; i < columns; i++)
        if (lc_column_get(i, &c))
            LC_TRY(rc, axis_read(r, &c, out, err));
done:
    if (rc != LC_OK)
        lc_axes_release(out);
    return rc;
}

void lc_axes_release(struct lc_axes *a)
{
    for (int64_t i = 0; i < a->count; i++)
        lc_array_release(&a->axis[i].value);
    free(a->axis);
    *a = (struct lc_axes){0};
}

static const char *text_at(const struct lc_result_axis *a, int64_t point)
{
    return (const char *)a->value.data + point * a->value.dim[1];
}

double lc_axis_number(const struct lc_result_axis *a, int64_t point)
{
    if (a->value.type == LC_RESULT_I64)
        return (double)((const int64_t *)a->value.data)[point];
    return a->value.type == LC_RESULT_F64 ? ((const double *)a->value.data)[point] : (double)NAN;
}

const char *lc_axis_text(char *out, size_t room, const struct lc_result_axis *a, int64_t point)
{
    if (a->value.type == LC_RESULT_I64)
        snprintf(out, room, "%" PRId64, ((const int64_t *)a->value.data)[point]);
    else if (a->value.type == LC_RESULT_F64)
        snprintf(out, room, "%.9g", ((const double *)a->value.data)[point]);
    else
        snprintf(out, room, "%.*s", (int)a->value.dim[1], text_at(a, point));
    return out;
}

int lc_axis_is_same(const struct lc_result_axis *a, int64_t point, int64_t other)
{
    size_t size = lc_hdf5_type_size(a->value.type, a->value.dim[1]);
    const char *data = a->value.data;

    return memcmp(data + (size_t)point * size, data + (size_t)other * size, size) == 0;
}

int64_t lc_axis_values(const struct lc_result_axis *a, int64_t points)
{
    int64_t n = 0;

    for (int64_t i = 0; i < points; i++) {
        int64_t k = 0;
        while (k < i && !lc_axis_is_same(a, i, k))
            k++;
        n += k == i;
    }
    return n;
}

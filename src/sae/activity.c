/* activity.c - candidates from screening, then the exact decision. */
#include "lightcone/activity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/linalg.h"
#include "lightcone/memory.h"

int lc_active_init(struct lc_active *a, int64_t row_room, int64_t width, struct lc_err *err)
{
    int rc;

    *a = (struct lc_active){.row_room = row_room};
    LC_TRY(rc, LC_ALLOC(&a->indptr, row_room + 1, "active features", err));
    LC_TRY(rc, LC_ALLOC(&a->shifted, row_room * width, "active features", err));
    LC_TRY(rc, LC_ALLOC(&a->length, row_room, "active features", err));
    LC_TRY(rc, lc_alloc(&a->scratch, lc_screen_scratch_bytes(row_room, width), 1, "active features", err));
done:
    if (rc != LC_OK)
        lc_active_release(a);
    return rc;
}

int64_t lc_active_bytes(int64_t row_room, int64_t width)
{
    const struct lc_active *a = NULL;

    return row_room * (width * (int64_t)sizeof *a->shifted + (int64_t)sizeof *a->length) +
           (row_room + 1) * (int64_t)sizeof *a->indptr + lc_screen_scratch_bytes(row_room, width);
}

void lc_active_release(struct lc_active *a)
{
    free(a->indptr);
    free(a->feature);
    free(a->activation);
    free(a->above);
    free(a->shifted);
    free(a->length);
    free(a->floor);
    free(a->scratch);
    free(a->hit);
    free(a->value);
    lc_candidates_release(&a->candidates);
    *a = (struct lc_active){0};
}

/* Twice the room of every list of hits. */
static int grow(struct lc_active *a, struct lc_err *err)
{
    int64_t room = a->hit_room ? 2 * a->hit_room : 4096;
    int64_t *hit = realloc(a->hit, (size_t)room * sizeof *hit);
    float *value = hit ? realloc(a->value, (size_t)room * sizeof *value) : NULL;

    a->hit = hit ? hit : a->hit;
    a->value = value ? value : a->value;
    if (!hit || !value)
        return LC_FAIL(err, LC_E_MEMORY, "active features: no memory for a list of %lld", (long long)room);
    a->hit_room = room;
    return LC_OK;
}

/* The level that z must exceed, strictly. */
static double level_of(const struct lc_sae *sae, int64_t i, double theta)
{
    double cut = (double)sae->cut[i];

    return cut > theta ? cut : theta;
}

/* w . (y - s) + b in float64 of the stored float32 values. */
static double exact_z(const struct lc_sae *sae, const float *y, int64_t i)
{
    const float *w = sae->encoder + i * sae->shape.width;
    double z = (double)sae->encoder_bias[i];

    for (int64_t j = 0; j < sae->shape.width; j++)
        z += (double)w[j] * ((double)y[j] - (double)sae->shift[j]);
    return z;
}

/* Bounds |z32 - z| / (|w||x|) in any order of the sum: D rounded products and sums, and the rounding of y - s. */
static double gamma_of(int64_t width)
{
    return ((double)width + 4.0) * 0x1p-24;
}

struct thresholds {
    double theta, mark;
};

/* One candidate: is z above the level of theta, and of mark, exactly? Appends it when it is above the first. Its value
 * is that of one product in one order, whichever kernel named it. */
static int decide(struct lc_active *a, const struct lc_sae *sae, const float *y, int64_t place,
                  const struct thresholds *at, struct lc_err *err)
{
    int64_t d = sae->shape.width, row = place / sae->shape.features, i = place % sae->shape.features;
    double low = level_of(sae, i, at->theta), high = level_of(sae, i, at->mark);
    double z = (double)lc_dot(sae->encoder + i * d, a->shifted + row * d, d) + (double)sae->encoder_bias[i];
    double bound = (double)sae->norm[i] * (double)a->length[row] * gamma_of(d) + fabs(z) * 0x1p-23;

    if (!(fabs(z - low) > bound) || !(fabs(z - high) > bound)) {
        a->rechecked++;
        z = exact_z(sae, y + row * d, i);
    }
    if (!(z > low))
        return LC_OK;
    if (a->hits == a->hit_room && grow(a, err) != LC_OK)
        return err->code;
    a->hit[a->hits] = z > high ? place : -1 - place;
    a->value[a->hits++] = (float)z;
    return LC_OK;
}

static int64_t place_of(int64_t hit)
{
    return hit >= 0 ? hit : -1 - hit;
}

/* Hits come panel by panel; hand them out row by row, features ascending (a counting sort by row is stable). */
static int sort_by_row(struct lc_active *a, int64_t features, struct lc_err *err)
{
    if (a->hits > a->room || !a->feature) {
        free(a->feature);
        free(a->activation);
        free(a->above);
        a->feature = NULL;
        a->activation = NULL;
        a->above = NULL;
        a->room = a->hit_room;
        if (LC_ALLOC(&a->feature, a->room, "active features", err) != LC_OK ||
            LC_ALLOC(&a->activation, a->room, "active features", err) != LC_OK ||
            LC_ALLOC(&a->above, a->room, "active features", err) != LC_OK)
            return err->code;
    }
    memset(a->indptr, 0, (size_t)(a->rows + 1) * sizeof *a->indptr);
    for (int64_t k = 0; k < a->hits; k++)
        a->indptr[place_of(a->hit[k]) / features + 1]++;
    for (int64_t r = 0; r < a->rows; r++)
        a->indptr[r + 1] += a->indptr[r];
    for (int64_t k = 0; k < a->hits; k++) {
        int64_t place = place_of(a->hit[k]), to = a->indptr[place / features]++;
        a->feature[to] = (int32_t)(place % features);
        a->above[to] = a->hit[k] >= 0;
        a->activation[to] = a->value[k];
    }
    for (int64_t r = a->rows; r > 0; r--)
        a->indptr[r] = a->indptr[r - 1];
    a->indptr[0] = 0;
    return LC_OK;
}

/* What w . x must exceed for z to be above its level, less the rounding of these terms. */
static int make_floors(struct lc_active *a, const struct lc_sae *sae, double theta, struct lc_err *err)
{
    int64_t features = sae->shape.features;

    if (features > a->floor_room) {
        free(a->floor);
        a->floor = NULL;
        a->floor_room = 0;
        if (LC_ALLOC(&a->floor, features, "active features", err) != LC_OK)
            return err->code;
        a->floor_room = features;
    }
    for (int64_t i = 0; i < features; i++) {
        double level = level_of(sae, i, theta), bias = (double)sae->encoder_bias[i];
        a->floor[i] = (float)(level - bias - (fabs(level) + fabs(bias)) * 0x1p-22 - 0x1p-100);
    }
    return LC_OK;
}

static void shift_rows(struct lc_active *a, const struct lc_sae *sae, const float *y, int64_t rows)
{
    int64_t d = sae->shape.width;

    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < d; j++)
            a->shifted[r * d + j] = y[r * d + j] - sae->shift[j];
        a->length[r] = (float)(sqrt(lc_square_sum(a->shifted + r * d, d)) * 1.000001);
    }
}

int lc_active_find(struct lc_active *a, const struct lc_sae *sae, const float *y, int64_t rows, double theta,
                   double mark, struct lc_err *err)
{
    const struct thresholds at = {theta, mark};
    struct lc_screen screen = {.rows = rows,
                               .features = sae->shape.features,
                               .width = sae->shape.width,
                               .x = a->shifted,
                               .length = a->length,
                               .w = sae->encoder,
                               .norm = sae->norm,
                               .packed = sae->packed,
                               .scratch = a->scratch};
    int rc;

    a->rows = rows;
    a->hits = 0;
    shift_rows(a, sae, y, rows);
    LC_TRY(rc, make_floors(a, sae, theta, err));
    screen.floor = a->floor;
    LC_TRY(rc, lc_screen_run(&screen, &a->candidates, err));
    for (int64_t k = 0; k < a->candidates.count; k++)
        LC_TRY(rc, decide(a, sae, y, a->candidates.place[k], &at, err));
    rc = sort_by_row(a, sae->shape.features, err);
done:
    return rc;
}

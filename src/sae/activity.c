/* activity.c - encoder products in panels of features that stay in cache, a vectorised scan, and the exact decision. */
#include "lightcone/activity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/linalg.h"
#include "lightcone/memory.h"

enum { PANEL = 512, STRIP = 64 };

int lc_active_init(struct lc_active *a, int64_t row_room, int64_t width, struct lc_err *err)
{
    int rc;

    *a = (struct lc_active){.row_room = row_room};
    LC_TRY(rc, LC_ALLOC(&a->indptr, row_room + 1, "active features", err));
    LC_TRY(rc, LC_ALLOC(&a->shifted, row_room * width, "active features", err));
    LC_TRY(rc, LC_ALLOC(&a->z, width > 0 ? row_room * PANEL : 0, "active features", err));
    LC_TRY(rc, LC_ALLOC(&a->length, row_room, "active features", err));
done:
    if (rc != LC_OK)
        lc_active_release(a);
    return rc;
}

int64_t lc_active_bytes(int64_t row_room, int64_t width)
{
    const struct lc_active *a = NULL;
    int64_t floats = row_room * (width + PANEL) * (int64_t)sizeof *a->z;

    return floats + row_room * (int64_t)sizeof *a->length + (row_room + 1) * (int64_t)sizeof *a->indptr;
}

void lc_active_release(struct lc_active *a)
{
    free(a->indptr);
    free(a->feature);
    free(a->activation);
    free(a->above);
    free(a->shifted);
    free(a->z);
    free(a->length);
    free(a->hit);
    free(a->value);
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

struct panel {
    int64_t first, count; /* features */
    float floor[PANEL];   /* z + |x||w| gamma must exceed this to be looked at */
    float norm[PANEL];    /* |w| gamma */
};

/* gamma bounds |z32 - z| / (|w||x|) in any order of the sum: D rounded products and sums, and the rounding of y - s. */
static double gamma_of(int64_t width)
{
    return ((double)width + 4.0) * 0x1p-24;
}

static void panel_prepare(struct panel *p, const struct lc_sae *sae, int64_t first, double theta)
{
    double gamma = gamma_of(sae->shape.width);

    p->first = first;
    p->count = sae->shape.features - first < PANEL ? sae->shape.features - first : PANEL;
    for (int64_t i = 0; i < PANEL; i++) {
        double level, bias;
        if (i >= p->count) {
            p->floor[i] = INFINITY;
            p->norm[i] = 0.0f;
            continue;
        }
        level = level_of(sae, first + i, theta);
        bias = (double)sae->encoder_bias[first + i];
        p->floor[i] = (float)(level - bias - (fabs(level) + fabs(bias)) * 0x1p-22 - 0x1p-100);
        p->norm[i] = (float)((double)sae->norm[first + i] * gamma * 1.001);
    }
}

struct thresholds {
    double theta, mark;
};

/* One candidate: is z above the level of theta, and of mark, exactly? Appends it when it is above the first. */
static int decide(struct lc_active *a, const struct lc_sae *sae, const float *y, int64_t row, int64_t i, float raw,
                  const struct thresholds *at, struct lc_err *err)
{
    double z = (double)raw + (double)sae->encoder_bias[i], low = level_of(sae, i, at->theta),
           high = level_of(sae, i, at->mark);
    double bound = (double)sae->norm[i] * (double)a->length[row] * gamma_of(sae->shape.width) + fabs(z) * 0x1p-23;
    int64_t hit = row * sae->shape.features + i;

    if (fabs(z - low) <= bound || fabs(z - high) <= bound) {
        a->rechecked++;
        z = exact_z(sae, y + row * sae->shape.width, i);
    }
    if (!(z > low))
        return LC_OK;
    if (a->hits == a->hit_room && grow(a, err) != LC_OK)
        return err->code;
    a->hit[a->hits] = z > high ? hit : -1 - hit;
    a->value[a->hits++] = (float)z;
    return LC_OK;
}

/* 1 when any of STRIP values reaches its floor; vectorised without branches. */
static int strip_hit(const float *z, const struct panel *p, int64_t at, float length)
{
    int any = 0;

#pragma omp simd reduction(| : any)
    for (int64_t i = 0; i < STRIP; i++)
        any |= z[at + i] + length * p->norm[at + i] > p->floor[at + i];
    return any;
}

static int scan_row(struct lc_active *a, const struct lc_sae *sae, const struct panel *p, const float *y, const float *z,
                    int64_t row, const struct thresholds *at, struct lc_err *err)
{
    float length = a->length[row];

    for (int64_t strip = 0; strip < p->count; strip += STRIP) {
        if (!strip_hit(z, p, strip, length))
            continue;
        for (int64_t i = strip; i < strip + STRIP; i++)
            if (z[i] + length * p->norm[i] > p->floor[i] &&
                decide(a, sae, y, row, p->first + i, z[i], at, err) != LC_OK)
                return err->code;
    }
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

/* The hits of one panel at one pair of thresholds, from the products z[rows, PANEL]. */
static int scan_panel(struct lc_active *a, const struct lc_sae *sae, const float *y, const float *z, int64_t first,
                      const struct thresholds *at, struct lc_err *err)
{
    struct panel p;

    panel_prepare(&p, sae, first, at->theta);
    for (int64_t r = 0; r < a->rows; r++)
        if (scan_row(a, sae, &p, y, z + r * PANEL, r, at, err) != LC_OK)
            return err->code;
    return LC_OK;
}

int lc_active_find_each(const struct lc_active *scratch, struct lc_active *a, int64_t count, const struct lc_sae *sae,
                        const float *y, int64_t rows, const double *theta, const double *mark, struct lc_err *err)
{
    int64_t d = sae->shape.width;
    float *z = scratch->z, *shifted = scratch->shifted;

    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < d; j++)
            shifted[r * d + j] = y[r * d + j] - sae->shift[j];
        a[0].length[r] = (float)(sqrt(lc_square_sum(shifted + r * d, d)) * 1.000001);
    }
    for (int64_t k = 0; k < count; k++) {
        a[k].rows = rows;
        a[k].hits = 0;
        if (k > 0)
            memcpy(a[k].length, a[0].length, (size_t)rows * sizeof *a[k].length);
    }
    for (int64_t first = 0; first < sae->shape.features; first += PANEL) {
        int64_t features = sae->shape.features - first < PANEL ? sae->shape.features - first : PANEL;
        lc_gemm_nt(rows, features, d, shifted, d, sae->encoder + first * d, d, 0.0f, z, PANEL);
        for (int64_t k = 0; k < count; k++) {
            const struct thresholds at = {theta[k], mark[k]};
            if (scan_panel(&a[k], sae, y, z, first, &at, err) != LC_OK)
                return err->code;
        }
    }
    for (int64_t k = 0; k < count; k++)
        if (sort_by_row(&a[k], sae->shape.features, err) != LC_OK)
            return err->code;
    return LC_OK;
}

int lc_active_find(struct lc_active *a, const struct lc_sae *sae, const float *y, int64_t rows, double theta,
                   double mark, struct lc_err *err)
{
    return lc_active_find_each(a, a, 1, sae, y, rows, &theta, &mark, err);
}

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
    if (width > 0)
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

/* z = w . (y - s) + b in float64 of the stored float32 values, and the sum of its terms' sizes. */
static double z_f64(const struct lc_sae *sae, const float *y, int64_t i, double *size)
{
    const float *w = sae->encoder + i * sae->shape.width;
    double z = (double)sae->encoder_bias[i];

    *size = fabs(z);
    for (int64_t j = 0; j < sae->shape.width; j++) {
        z += (double)w[j] * ((double)y[j] - (double)sae->shift[j]);
        *size += fabs((double)w[j]) * (fabs((double)y[j]) + fabs((double)sae->shift[j]));
    }
    return z;
}

/* A sum of doubles, none 0, of which none reaches into the bits of the next, ascending, so that the last has its sign: exact.
 * (J. R. Shewchuk, Adaptive precision floating-point arithmetic, 1997: grow-expansion with zeros left out.) */
struct expansion {
    double part[64]; /* more than the bits from the least product of two floats to the greatest fill */
    int parts;
};

static void expansion_add(struct expansion *e, double x)
{
    int kept = 0;

    for (int k = 0; k < e->parts; k++) {
        double y = e->part[k], sum = x + y, from_x = sum - y, lost = (x - from_x) + (y - (sum - from_x));
        if (lost != 0.0)
            e->part[kept++] = lost;
        x = sum;
    }
    if (x != 0.0)
        e->part[kept++] = x;
    e->parts = kept;
}

/* Is z above the level in exact arithmetic? Products of two floats are exact doubles. */
static int is_above_exactly(const struct lc_sae *sae, const float *y, int64_t i, double level)
{
    const float *w = sae->encoder + i * sae->shape.width;
    struct expansion e = {.parts = 0};

    expansion_add(&e, (double)sae->encoder_bias[i]);
    expansion_add(&e, -level);
    for (int64_t j = 0; j < sae->shape.width; j++) {
        expansion_add(&e, (double)w[j] * (double)y[j]);
        expansion_add(&e, -(double)w[j] * (double)sae->shift[j]);
    }
    return e.parts > 0 && e.part[e.parts - 1] > 0.0;
}

/* z of a candidate, in float32 by products in one order, whichever kernel named it, and in float64 once it is needed; each
 * bound: how far that may be off. */
struct measured {
    int64_t place, row, feature;
    double z, bound, fine, fine_bound;
    int has_fine;
};

/* The next candidates, as many as products are formed at once, or those that are left. */
static void measure(const struct lc_active *scratch, const struct lc_sae *sae, const int64_t *place, int64_t count,
                    struct measured m[LC_DOTS])
{
    int64_t d = sae->shape.width;
    const float *w[LC_DOTS], *x[LC_DOTS];
    float product[LC_DOTS];

    for (int64_t k = 0; k < LC_DOTS; k++) {
        int64_t at = place[k < count ? k : 0], row = at / sae->shape.features, i = at - row * sae->shape.features;
        m[k] = (struct measured){.place = at, .row = row, .feature = i};
        w[k] = sae->encoder + i * d;
        x[k] = scratch->shifted + row * d;
    }
    lc_dots(w, x, d, product);
    for (int64_t k = 0; k < count; k++) {
        double most = (double)sae->norm[m[k].feature] * (double)scratch->length[m[k].row];
        m[k].z = (double)product[k] + (double)sae->encoder_bias[m[k].feature];
        m[k].bound = most * lc_sum_gamma(d) + fabs(m[k].z) * 0x1p-23;
    }
}

static int is_near(const struct measured *m, double level)
{
    return !(fabs(m->z - level) > m->bound);
}

/* In exact arithmetic. */
static int is_above(const struct lc_sae *sae, const float *y, const struct measured *m, double level)
{
    if (!is_near(m, level))
        return m->z > level;
    if (fabs(m->fine - level) > m->fine_bound)
        return m->fine > level;
    return is_above_exactly(sae, y + m->row * sae->shape.width, m->feature, level);
}

static void measure_finely(const struct lc_sae *sae, const float *y, struct measured *m)
{
    double size;

    if (m->has_fine)
        return;
    m->fine = z_f64(sae, y + m->row * sae->shape.width, m->feature, &size);
    m->fine_bound = (double)(sae->shape.width + 4) * 0x1p-52 * size;
    m->has_fine = 1;
}

/* Is it above the level of theta, and of mark, exactly? Appends it to `a` when it is above the first. What else is asked of
 * it changes nothing. */
static int decide(struct lc_active *a, const struct lc_sae *sae, const float *y, struct measured *m, double theta, double mark,
                  struct lc_err *err)
{
    double low = level_of(sae, m->feature, theta), high = level_of(sae, m->feature, mark);
    int fine = is_near(m, low) || is_near(m, high);

    if (fine) {
        measure_finely(sae, y, m);
        a->rechecked++;
    }
    if (!is_above(sae, y, m, low))
        return LC_OK;
    if (a->hits == a->hit_room && grow(a, err) != LC_OK)
        return err->code;
    a->hit[a->hits] = is_above(sae, y, m, high) ? m->place : -1 - m->place;
    a->value[a->hits++] = (float)(fine ? m->fine : m->z);
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
static int make_floors(struct lc_active *scratch, const struct lc_sae *sae, double theta, struct lc_err *err)
{
    int64_t features = sae->shape.features;

    if (features > scratch->floor_room) {
        free(scratch->floor);
        scratch->floor_room = 0;
        if (LC_ALLOC(&scratch->floor, features, "active features", err) != LC_OK)
            return err->code;
        scratch->floor_room = features;
    }
    for (int64_t i = 0; i < features; i++) {
        double level = level_of(sae, i, theta), bias = (double)sae->encoder_bias[i];
        scratch->floor[i] = (float)(level - bias - (fabs(level) + fabs(bias)) * 0x1p-22 - 0x1p-100);
    }
    return LC_OK;
}

static void shift_rows(struct lc_active *scratch, const struct lc_sae *sae, const float *y, int64_t rows)
{
    int64_t d = sae->shape.width;

    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < d; j++)
            scratch->shifted[r * d + j] = y[r * d + j] - sae->shift[j];
        scratch->length[r] = (float)(sqrt(lc_square_sum(scratch->shifted + r * d, d)) * 1.000001);
    }
}

/* Every place that may be above the lowest of the thresholds. */
static int find_candidates(struct lc_active *scratch, const struct lc_sae *sae, int64_t rows, int64_t count, const double *theta,
                           struct lc_err *err)
{
    struct lc_screen screen = {.rows = rows,
                               .features = sae->shape.features,
                               .width = sae->shape.width,
                               .x = scratch->shifted,
                               .length = scratch->length,
                               .w = sae->encoder,
                               .norm = sae->norm,
                               .packed = sae->packed,
                               .scratch = scratch->scratch};
    double lowest = theta[0];

    for (int64_t k = 1; k < count; k++)
        lowest = theta[k] < lowest ? theta[k] : lowest;
    if (make_floors(scratch, sae, lowest, err) != LC_OK)
        return err->code;
    screen.floor = scratch->floor;
    return lc_screen_run(&screen, &scratch->candidates, err);
}

int lc_active_find_each(struct lc_active *scratch, struct lc_active *a, int64_t count, const struct lc_sae *sae,
                        const float *y, int64_t rows, const double *theta, const double *mark, struct lc_err *err)
{
    int rc;

    shift_rows(scratch, sae, y, rows);
    LC_TRY(rc, find_candidates(scratch, sae, rows, count, theta, err));
    for (int64_t k = 0; k < count; k++) {
        a[k].rows = rows;
        a[k].hits = 0;
    }
    for (int64_t c = 0; c < scratch->candidates.count; c += LC_DOTS) {
        int64_t left = scratch->candidates.count - c, now = left < LC_DOTS ? left : LC_DOTS;
        struct measured m[LC_DOTS];
        measure(scratch, sae, scratch->candidates.place + c, now, m);
        for (int64_t i = 0; i < now * count; i++)
            LC_TRY(rc, decide(&a[i % count], sae, y, &m[i / count], theta[i % count], mark[i % count], err));
    }
    for (int64_t k = 0; k < count; k++)
        LC_TRY(rc, sort_by_row(&a[k], sae->shape.features, err));
done:
    return rc;
}

int lc_active_find(struct lc_active *a, const struct lc_sae *sae, const float *y, int64_t rows, double theta,
                   double mark, struct lc_err *err)
{
    return lc_active_find_each(a, a, 1, sae, y, rows, &theta, &mark, err);
}

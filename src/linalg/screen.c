/* screen.c - screening by the kernels in use, and the plain kernel: sgemm in panels of features that stay in cache. */
#include "lightcone/screen.h"

#include <math.h>
#include <stdlib.h>

#include "isa.h"
#include "lightcone/linalg.h"

int64_t lc_screen_packed_bytes(int64_t features, int64_t width)
{
    return lc_kernels()->packed_bytes(features, width);
}

void lc_screen_pack(void *packed, const float *w, int64_t features, int64_t width)
{
    lc_kernels()->pack(packed, w, features, width);
}

int64_t lc_screen_scratch_bytes(int64_t rows, int64_t width)
{
    return lc_kernels()->scratch_bytes(rows, width);
}

void lc_candidates_release(struct lc_candidates *c)
{
    free(c->place);
    *c = (struct lc_candidates){0};
}

int lc_candidates_reserve(struct lc_candidates *c, int64_t more, struct lc_err *err)
{
    int64_t room = c->room ? 2 * c->room : 4096;
    int64_t *place;

    if (c->count + more <= c->room)
        return LC_OK;
    room = room < c->count + more ? c->count + more : room;
    place = realloc(c->place, (size_t)room * sizeof *place);
    if (!place)
        return LC_FAIL(err, LC_E_MEMORY, "active features: no memory for a list of %lld", (long long)room);
    c->place = place;
    c->room = room;
    return LC_OK;
}

int lc_screen_run(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err)
{
    out->count = 0;
    return lc_kernels()->screen(s, out, err);
}

/* --- the plain kernel --- */

enum { PANEL = 512, STRIP = 64 };

struct panel {
    int64_t first, count; /* features */
    float floor[PANEL];   /* +inf behind the last feature */
    float norm[PANEL];    /* |w| gamma */
    double most;          /* |w| */
};

static void panel_prepare(struct panel *p, const struct lc_screen *s, int64_t first)
{
    double gamma = lc_sum_gamma(s->width);

    p->first = first;
    p->most = 0.0;
    p->count = s->features - first < PANEL ? s->features - first : PANEL;
    for (int64_t i = 0; i < p->count; i++)
        p->most = fmax(p->most, (double)s->norm[first + i]);
    for (int64_t i = 0; i < PANEL; i++) {
        p->floor[i] = i < p->count ? s->floor[first + i] : INFINITY;
        p->norm[i] = i < p->count ? (float)((double)s->norm[first + i] * gamma * 1.001) : 0.0f;
    }
}

/* 1 when any of STRIP values is not below its floor, or is no number; vectorised without branches. */
static int strip_hit(const float *z, const struct panel *p, int64_t at, float length)
{
    int any = 0;

#pragma omp simd reduction(| : any)
    for (int64_t i = 0; i < STRIP; i++)
        any |= !(z[at + i] + length * p->norm[at + i] <= p->floor[at + i]);
    return any;
}

static int scan_row(const struct lc_screen *s, const struct panel *p, const float *z, int64_t row,
                    struct lc_candidates *out, struct lc_err *err)
{
    /* where sums might overflow on their way, nothing is known of them */
    float length = (double)s->length[row] * p->most < 1e37 ? s->length[row] : INFINITY;

    for (int64_t strip = 0; strip < p->count; strip += STRIP) {
        if (!strip_hit(z, p, strip, length))
            continue;
        if (lc_candidates_reserve(out, STRIP, err) != LC_OK)
            return err->code;
        for (int64_t i = strip; i < strip + STRIP && i < p->count; i++)
            if (!(z[i] + length * p->norm[i] <= p->floor[i]))
                out->place[out->count++] = row * s->features + p->first + i;
    }
    return LC_OK;
}

static int plain_screen(const struct lc_screen *s, struct lc_candidates *out, struct lc_err *err)
{
    int64_t d = s->width;
    float *z = s->scratch;
    struct panel p;

    for (int64_t first = 0; first < s->features; first += PANEL) {
        panel_prepare(&p, s, first);
        lc_gemm_nt(s->rows, p.count, d, s->x, d, s->w + first * d, d, 0.0f, z, PANEL);
        for (int64_t r = 0; r < s->rows; r++)
            if (scan_row(s, &p, z + r * PANEL, r, out, err) != LC_OK)
                return err->code;
    }
    return LC_OK;
}

static int always(void)
{
    return 1;
}

static int64_t none(int64_t features, int64_t width)
{
    (void)features;
    (void)width;
    return 0;
}

static void pack_nothing(void *packed, const float *w, int64_t features, int64_t width)
{
    (void)packed;
    (void)w;
    (void)features;
    (void)width;
}

static int64_t plain_scratch_bytes(int64_t rows, int64_t width)
{
    (void)width;
    return rows * PANEL * (int64_t)sizeof(float);
}

const struct lc_kernels lc_kernels_plain = {
    .name = "plain",
    .is_there = always,
    .packed_bytes = none,
    .pack = pack_nothing,
    .scratch_bytes = plain_scratch_bytes,
    .screen = plain_screen,
};

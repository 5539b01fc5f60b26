#include "scan.h"

#include <stdlib.h>

enum { UNIT_TOKENS = 1024 }; /* rows of one matrix product: enough to reach full speed */

int64_t lc_scan_unit_windows(const struct lc_study *study)
{
    int64_t windows = UNIT_TOKENS / study->config.windows.length;

    return windows > 0 ? windows : 1;
}

int64_t lc_scan_buffers(const struct lc_study *study, int64_t windows, int least)
{
    int64_t length = lc_study_longest_run(study), rows = windows * length;

    (void)least; /* a unit goes through as a whole */
    return lc_forward_bytes(&study->model, rows, length, 0) + lc_active_bytes(rows, study->model.shape.width) +
           rows * (int64_t)sizeof(int32_t);
}

void lc_scan_close(void *arg)
{
    struct lc_scan *w = arg;

    free(w->token);
    lc_active_release(&w->active);
    lc_forward_release(&w->forward);
    free(w);
}

int lc_scan_open(void **out, const struct lc_study *study, int64_t windows, struct lc_err *err)
{
    int64_t length = lc_study_longest_run(study);
    struct lc_scan *w = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&w, 1, study->config.job, err));
    LC_TRY(rc, LC_ALLOC(&w->token, windows * length, study->config.job, err));
    LC_TRY(rc, lc_forward_init(&w->forward, &study->model, windows * length, length, 0, err));
    LC_TRY(rc, lc_active_init(&w->active, windows * length, study->model.shape.width, err));
    *out = w;
done:
    if (rc != LC_OK && w)
        lc_scan_close(w);
    return rc;
}

double lc_scan_flop(const void *arg)
{
    return ((const struct lc_scan *)arg)->flop;
}

/* The active features of one row of the unit. */
static int see_row(const struct lc_scan *w, struct lc_sighting *x, int64_t row,
                   int (*see)(void *, const struct lc_sighting *, struct lc_err *), void *arg, struct lc_err *err)
{
    const struct lc_active *a = &w->active;

    for (int64_t k = a->indptr[row]; k < a->indptr[row + 1]; k++) {
        x->feature = a->feature[k];
        x->activation = a->activation[k];
        if (see(arg, x, err) != LC_OK)
            return err->code;
    }
    return LC_OK;
}

static int see_site(const struct lc_scan *w, const struct lc_study *study, const struct lc_unit *unit, int64_t site,
                    int (*see)(void *, const struct lc_sighting *, struct lc_err *), void *arg, struct lc_err *err)
{
    int64_t length = lc_study_run_length(study, unit->first), bos = study->bos >= 0;

    for (int64_t row = 0; row < w->active.rows; row++) {
        struct lc_sighting x = {.site = site,
                                .window = unit->first + row / length,
                                .position = row % length - bos,
                                .token = w->token[row]};
        x.index = study->windows.start[x.window] + x.position;
        if (x.position >= 0 && see_row(w, &x, row, see, arg, err) != LC_OK)
            return err->code;
    }
    return LC_OK;
}

int lc_scan_run(struct lc_scan *w, const struct lc_study *study, const struct lc_unit *unit,
                int (*see)(void *arg, const struct lc_sighting *x, struct lc_err *err), void *arg, int64_t *tokens,
                struct lc_err *err)
{
    int64_t length = lc_study_run_length(study, unit->first), rows = unit->count * length;
    double threshold = study->config.threshold;
    int rc;

    if (!lc_study_has_run(study, unit->first, unit->count, &w->ran)) {
        lc_study_tokens(study, unit->first, unit->count, w->token);
        LC_TRY(rc, lc_forward_run(&w->forward, w->token, unit->count, length, err));
        w->flop += lc_forward_flop(w->forward.model, rows, length);
    }
    for (int64_t i = 0; i < study->sites; i++) {
        const struct lc_sae *sae = &study->site[i].sae;
        LC_TRY(rc, lc_active_find(&w->active, sae, lc_forward_site(&w->forward, study->site[i].layer), rows, threshold,
                                  threshold, err));
        LC_TRY(rc, see_site(w, study, unit, i, see, arg, err));
        w->flop += 2.0 * (double)rows * (double)sae->shape.features * (double)sae->shape.width;
        if (unit->breathe)
            unit->breathe(unit->breathe_arg);
    }
    *tokens += rows - unit->count * (study->bos >= 0);
done:
    return rc;
}

double lc_scan_cost(const struct lc_study *study, struct lc_cost *out)
{
    double tokens = 0.0, rows = 0.0;

    for (int64_t w = 0; w < study->windows.count; w++) {
        int64_t length = lc_study_run_length(study, w);
        tokens += (double)study->windows.length[w];
        rows += (double)length;
        out->flop[LC_PART_FORWARD] += lc_forward_flop(&study->model, length, length);
    }
    for (int64_t i = 0; i < study->sites; i++) {
        const struct lc_sae_shape *sae = &study->site[i].sae.shape;
        out->flop[LC_PART_ENCODER] += 2.0 * rows * (double)sae->features * (double)sae->width;
    }
    return tokens;
}

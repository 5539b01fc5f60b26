#include "scan.h"

#include <stdlib.h>
#include <string.h>

int64_t lc_scan_unit_windows(const struct lc_study *study)
{
    int64_t windows = LC_SCAN_UNIT_TOKENS / study->config.windows.length;

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

    for (int64_t k = 0; k < w->actives; k++)
        lc_active_release(&w->active[k]);
    free(w->active);
    lc_active_release(&w->scratch);
    free(w->threshold);
    free(w->layer);
    free(w->found);
    free(w->token);
    lc_forward_release(&w->forward);
    free(w);
}

/* Place of a threshold, or `thresholds` when it is none of them. */
static int64_t place_of(const struct lc_scan *w, double threshold)
{
    int64_t k = 0;

    while (k < w->thresholds && w->threshold[k] != threshold)
        k++;
    return k;
}

static int list_thresholds(struct lc_scan *w, const struct lc_study *study, struct lc_err *err)
{
    int64_t members = study->members > 0 ? study->members : 1;

    if (LC_ALLOC(&w->threshold, members, "thresholds", err) != LC_OK)
        return err->code;
    for (int64_t m = 0; m < members; m++) {
        double threshold = study->members > 0 ? study->member[m].config.threshold : study->config.threshold;
        if (place_of(w, threshold) == w->thresholds)
            w->threshold[w->thresholds++] = threshold;
    }
    return LC_OK;
}

/* Lists of active features for rows of a unit. */
static int open_lists(struct lc_scan *w, const struct lc_study *study, int64_t rows, struct lc_err *err)
{
    int64_t lists = w->thresholds > 1 ? study->sites * w->thresholds : 1;
    int rc;

    LC_TRY(rc, LC_ALLOC(&w->layer, study->sites, "sites", err));
    LC_TRY(rc, LC_ALLOC(&w->found, study->sites, "sites", err));
    for (; w->sites < study->sites; w->sites++)
        w->layer[w->sites] = study->site[w->sites].layer;
    LC_TRY(rc, lc_active_init(&w->scratch, rows, study->model.shape.width, err));
    LC_TRY(rc, LC_ALLOC(&w->active, lists, "active features", err));
    for (; w->actives < lists; w->actives++)
        LC_TRY(rc, lc_active_init(&w->active[w->actives], rows, 0, err));
done:
    return rc;
}

int lc_scan_open(void **out, const struct lc_study *study, int64_t windows, struct lc_err *err)
{
    int64_t length = lc_study_longest_run(study);
    struct lc_scan *w = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&w, 1, study->config.job, err));
    LC_TRY(rc, LC_ALLOC(&w->token, windows * length, study->config.job, err));
    LC_TRY(rc, lc_forward_init(&w->forward, &study->model, windows * length, length, 0, err));
    LC_TRY(rc, list_thresholds(w, study, err));
    LC_TRY(rc, open_lists(w, study, windows * length, err));
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
static int see_row(const struct lc_active *a, struct lc_sighting *x, int64_t row,
                   int (*see)(void *, const struct lc_sighting *, struct lc_err *), void *arg, struct lc_err *err)
{
    for (int64_t k = a->indptr[row]; k < a->indptr[row + 1]; k++) {
        x->feature = a->feature[k];
        x->activation = a->activation[k];
        if (see(arg, x, err) != LC_OK)
            return err->code;
    }
    return LC_OK;
}

static int see_site(const struct lc_scan *w, const struct lc_active *a, const struct lc_study *study,
                    const struct lc_unit *unit, int64_t site, int (*see)(void *, const struct lc_sighting *, struct lc_err *), void *arg, struct lc_err *err)
{
    int64_t length = lc_study_run_length(study, unit->first), bos = study->bos >= 0;

    for (int64_t row = 0; row < a->rows; row++) {
        struct lc_sighting x = {.site = site,
                                .window = unit->first + row / length,
                                .position = row % length - bos,
                                .token = w->token[row]};
        x.index = study->windows.start[x.window] + x.position;
        if (x.position >= 0 && see_row(a, &x, row, see, arg, err) != LC_OK)
            return err->code;
    }
    return LC_OK;
}

/* The active features of a part's site in the present unit. */
static int find_active(struct lc_scan *w, const struct lc_study *study, int64_t i, int64_t rows, struct lc_active **out,
                       struct lc_err *err)
{
    const struct lc_sae *sae = &study->site[i].sae;
    const float *y = lc_forward_site(&w->forward, study->site[i].layer);
    int64_t at = 0;

    while (w->layer[at] != study->site[i].layer)
        at++;
    *out = w->active + (w->thresholds > 1 ? at * w->thresholds + place_of(w, study->config.threshold) : 0);
    if (w->thresholds > 1 && w->found[at])
        return LC_OK;
    w->found[at] = 1;
    w->flop += 2.0 * (double)rows * (double)sae->shape.features * (double)sae->shape.width;
    return lc_active_find_each(&w->scratch, w->active + (w->thresholds > 1 ? at * w->thresholds : 0), w->thresholds, sae, y, rows,
                               w->threshold, w->threshold, err);
}

/* The forward pass of a unit's windows, if it is not there yet. */
static int run_forward(struct lc_scan *w, const struct lc_study *study, const struct lc_unit *unit, int64_t length,
                       struct lc_err *err)
{
    if (lc_study_has_run(study, unit->first, unit->count, &w->ran))
        return LC_OK;
    memset(w->found, 0, (size_t)w->sites);
    lc_study_tokens(study, unit->first, unit->count, w->token);
    w->flop += lc_forward_flop(w->forward.model, unit->count * length, length);
    w->forward.breathe = unit->breathe;
    w->forward.breathe_arg = unit->breathe_arg;
    return lc_forward_run(&w->forward, w->token, unit->count, length, err);
}

int lc_scan_run(struct lc_scan *w, const struct lc_study *study, const struct lc_unit *unit,
                int (*see)(void *arg, const struct lc_sighting *x, struct lc_err *err), void *arg, int64_t *tokens,
                struct lc_err *err)
{
    int64_t length = lc_study_run_length(study, unit->first), rows = unit->count * length;
    int rc;

    LC_TRY(rc, run_forward(w, study, unit, length, err));
    for (int64_t i = 0; i < study->sites; i++) {
        struct lc_active *active;
        LC_TRY(rc, find_active(w, study, i, rows, &active, err));
        LC_TRY(rc, see_site(w, active, study, unit, i, see, arg, err));
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

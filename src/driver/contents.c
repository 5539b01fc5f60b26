/* contents.c - what a result holds beside what its job found. */
#include "contents.h"

#include <stdlib.h>

static int put_text(struct lc_result *r, const char *name, const struct lc_bytes *text, struct lc_err *err)
{
    int64_t size = (int64_t)text->size;

    return lc_result_put(r, name, NULL, &size, text->data, err);
}

int lc_contents_put_config(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    struct lc_bytes text = {0};
    int rc;

    LC_TRY(rc, lc_config_canonical(&study->config, &text, err));
    LC_TRY(rc, put_text(r, "config", &text, err));
    LC_TRY(rc, put_text(r, "provenance/files", &study->provenance, err));
done:
    lc_bytes_release(&text);
    return rc;
}

/* Windows with the tokens that the model saw, BOS included. */
int lc_contents_put_windows(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    int64_t count = study->windows.count, ends = count + 1, total = 0, *indptr = NULL, *seen = NULL;
    int32_t *token = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&indptr, ends, "windows", err));
    for (int64_t w = 0; w < count; w++)
        indptr[w + 1] = total += lc_study_run_length(study, w);
    LC_TRY(rc, LC_ALLOC(&token, total, "windows", err));
    LC_TRY(rc, LC_ALLOC(&seen, study->vocab, "token counts", err));
    for (int64_t w = 0; w < count; w++) {
        lc_study_tokens(study, w, 1, token + indptr[w]);
        for (int64_t k = indptr[w] + (study->bos >= 0); k < indptr[w + 1]; k++)
            seen[token[k]]++;
    }
    LC_TRY(rc, lc_result_put(r, "windows/start", NULL, &count, study->windows.start, err));
    LC_TRY(rc, lc_result_put(r, "windows/length", NULL, &count, study->windows.length, err));
    LC_TRY(rc, lc_result_put(r, "windows/token_id", NULL, &total, token, err));
    LC_TRY(rc, lc_result_put(r, "windows/indptr", NULL, &ends, indptr, err));
    LC_TRY(rc, lc_result_put(r, "corpus/token_count", NULL, &study->vocab, seen, err));
done:
    free(indptr);
    free(token);
    free(seen);
    return rc;
}

/* A sweep has no one length at its root, and its points are of one length each. */
static int put_length(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    static const char *const align[] = {"start", "end"};
    int rc;

    if (study->points == 0)
        return lc_result_put_int(r, NULL, NULL, "window_length", study->config.windows.length, err);
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "window_align", align[study->config.windows.align], err));
    LC_TRY(rc, lc_result_put_int(r, NULL, NULL, "points", study->points, err));
done:
    return rc;
}

/* Attributes that say by which definitions the numbers hold. */
int lc_contents_put_definitions(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    static const char *const bias[] = {"own", "subtract", "ignore"};
    static const char *const readout[] = {"last", "all", "positions", "top_activations"};
    static const char *const features[] = {"active", "list", "select"};
    const struct lc_config *c = &study->config;
    int rc;

    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "job", c->job, err));
    LC_TRY(rc, lc_result_put_real(r, NULL, NULL, "threshold", c->threshold, err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "sae_bias", bias[c->sae_bias], err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "sae_kind", study->site[0].sae.shape.kind, err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "model_family", study->model.shape.family, err));
    LC_TRY(rc, put_length(study, r, err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "bos", study->bos >= 0 ? "each" : "none", err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "readout", readout[c->readout], err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "features", features[c->features.rule], err));
    LC_TRY(rc, lc_result_put_text(
                   r, NULL, NULL, "definitions",
                   "active: f > threshold, strictly; J(t') = sum_mu (d f / d x[t']_mu)^2, x the output of the token "
                   "embedding; H = -sum P log2 P bits, P = (J + e) / (sum J + e) renormalised, e = 1e-12; sd is the "
                   "population's; intervals: 95 % bootstrap over windows, 1000 rounds, centred on the estimate",
                   err));
done:
    return rc;
}

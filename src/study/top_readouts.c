#include "top_readouts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "lightcone/results.h"
#include "provenance.h"

/* A feature to be read out at token `end` of the stream. */
struct ending {
    int64_t end, feature;
};

struct endings {
    struct ending *item;
    int64_t count;
};

/* A contexts result, as far as it is read. */
struct source {
    struct lc_result *file;
    const char *path;
    struct lc_array start, length; /* of its windows */
};

struct contexts {
    struct lc_array feature, window, position, value;
};

static void contexts_release(struct contexts *c)
{
    lc_array_release(&c->feature);
    lc_array_release(&c->window);
    lc_array_release(&c->position);
    lc_array_release(&c->value);
}

static int contexts_read(struct contexts *c, const struct source *from, const char *site, struct lc_err *err)
{
    int rc;

    *c = (struct contexts){0};
    if (!lc_result_has(from->file, "sites/SITE/contexts/feature", site))
        return LC_FAIL(err, LC_E_CONFIG, "%s: readout.from has no contexts of site %s; allowed: result of a contexts job",
                       from->path, site);
    LC_TRY(rc, lc_result_get(from->file, "sites/SITE/contexts/feature", site, &c->feature, err));
    LC_TRY(rc, lc_result_get(from->file, "sites/SITE/contexts/window", site, &c->window, err));
    LC_TRY(rc, lc_result_get(from->file, "sites/SITE/contexts/position", site, &c->position, err));
    LC_TRY(rc, lc_result_get(from->file, "sites/SITE/contexts/value", site, &c->value, err));
    if (c->window.count != c->feature.count || c->position.count != c->feature.count ||
        c->value.count != c->feature.count)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: contexts of %s: columns of different lengths", from->path, site);
done:
    if (rc != LC_OK)
        contexts_release(c);
    return rc;
}

/* More than the file keeps cannot be asked for: the result would not hold what it says. */
static int check_top(const struct source *from, const char *site, int64_t top, struct lc_err *err)
{
    int64_t kept = 0;
    int found = 0;

    if (lc_result_get_int(from->file, "sites/SITE/contexts", site, "top", &kept, &found, err) != LC_OK)
        return err->code;
    if (!found || kept < 1)
        return LC_FAIL(err, LC_E_FORMAT, "%s: contexts of %s: attribute 'top' is missing", from->path, site);
    if (top > kept)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: readout.from keeps %" PRId64 " contexts of a feature; readout.top_activations is %" PRId64
                       "; allowed: 1 to %" PRId64,
                       from->path, kept, top, kept);
    return LC_OK;
}

/* Row i of the table, checked against the row before it and the windows. */
static int check_row(const struct source *from, const struct contexts *c, int64_t i, int64_t features,
                     struct lc_err *err)
{
    const int32_t *feature = c->feature.data;
    const float *value = c->value.data;
    int64_t window = ((const int64_t *)c->window.data)[i], position = ((const int64_t *)c->position.data)[i];
    int ordered = i == 0 || feature[i] > feature[i - 1] || (feature[i] == feature[i - 1] && value[i] <= value[i - 1]);

    if (feature[i] < 0 || feature[i] >= features || !isfinite(value[i]) || !ordered)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: context %" PRId64 " is of feature %" PRId32
                       " at %g; allowed: features from 0 to %" PRId64 ", ascending, the strongest context first",
                       from->path, i, feature[i], (double)value[i], features - 1);
    if (window < 0 || window >= from->start.count || position < 0 ||
        position >= ((const int64_t *)from->length.data)[window])
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: context %" PRId64 " is at position %" PRId64 " of window %" PRId64
                       ", which is not among its windows",
                       from->path, i, position, window);
    return LC_OK;
}

/* Where row i lies in the stream. */
static int find_end(const struct source *from, const struct contexts *c, int64_t i, int64_t tokens, int64_t *end,
                    struct lc_err *err)
{
    int64_t start = ((const int64_t *)from->start.data)[((const int64_t *)c->window.data)[i]];
    int64_t position = ((const int64_t *)c->position.data)[i];

    if (start < 0 || start > tokens - 1 - position)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: context %" PRId64 " is at position %" PRId64 " of the window at token %" PRId64
                       ", and corpus.tokens leaves %" PRId64 " tokens; allowed: at least as many as the contexts job had",
                       from->path, i, position, start, tokens);
    *end = start + position;
    return LC_OK;
}

static int by_end(const void *a, const void *b)
{
    const struct ending *x = a, *y = b;

    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return (x->feature > y->feature) - (x->feature < y->feature);
}

static void sort_and_unite(struct endings *list)
{
    int64_t n = 0;

    qsort(list->item, (size_t)list->count, sizeof *list->item, by_end);
    for (int64_t i = 0; i < list->count; i++)
        if (n == 0 || by_end(&list->item[n - 1], &list->item[i]) != 0)
            list->item[n++] = list->item[i];
    list->count = n;
}

/* What one site wants: the first `top` contexts of every selected feature that have T tokens up to them. */
static int endings_make(struct endings *out, const struct source *from, const struct lc_study *study,
                        struct lc_site *site, struct lc_err *err)
{
    int64_t top = study->config.readout_top, features = site->sae.shape.features, rank = 0, end = 0;
    const int32_t *feature;
    struct contexts c;
    int rc;

    if (contexts_read(&c, from, site->name, err) != LC_OK)
        return err->code;
    feature = c.feature.data;
    LC_TRY(rc, check_top(from, site->name, top, err));
    LC_TRY(rc, LC_ALLOC(&out->item, c.feature.count, "contexts", err));
    for (int64_t i = 0; i < c.feature.count; i++) {
        LC_TRY(rc, check_row(from, &c, i, features, err));
        LC_TRY(rc, find_end(from, &c, i, study->tokens, &end, err));
        rank = i > 0 && feature[i] == feature[i - 1] ? rank + 1 : 0;
        if (rank >= top || (site->selected && !site->selected[feature[i]]))
            continue;
        if (end + 1 < study->config.windows.length)
            site->wanted.left_out++;
        else
            out->item[out->count++] = (struct ending){end, feature[i]};
    }
    sort_and_unite(out);
done:
    contexts_release(&c);
    return rc;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* One window for every distinct end; *ends is their list. */
static int windows_make(struct lc_study *study, const struct endings *list, int64_t **ends, struct lc_err *err)
{
    struct lc_windows *w = &study->windows;
    int64_t total = 0, length = study->config.windows.length, n = 0;
    int rc;

    for (int64_t i = 0; i < study->sites; i++)
        total += list[i].count;
    LC_TRY(rc, LC_ALLOC(ends, total, "windows", err));
    for (int64_t i = 0; i < study->sites; i++)
        for (int64_t k = 0; k < list[i].count; k++)
            (*ends)[n++] = list[i].item[k].end;
    qsort(*ends, (size_t)total, sizeof **ends, ascending);
    for (int64_t i = 0; i < total; i++)
        if (w->count == 0 || (*ends)[i] != (*ends)[w->count - 1])
            (*ends)[w->count++] = (*ends)[i];
    if (w->count == 0)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: readout.from has no context of these features with windows.length, %" PRId64
                       ", tokens up to it",
                       study->config.readout_from, length);
    LC_TRY(rc, LC_ALLOC(&w->start, w->count, "windows", err));
    for (int64_t i = 0; i < w->count; i++)
        w->start[i] = (*ends)[i] - length + 1;
done:
    return rc;
}

static int wanted_make(struct lc_wanted *out, const struct endings *list, const int64_t *ends, int64_t windows,
                       struct lc_err *err)
{
    int64_t k = 0;
    int rc;

    LC_TRY(rc, LC_ALLOC(&out->indptr, windows + 1, "contexts", err));
    LC_TRY(rc, LC_ALLOC(&out->feature, list->count, "contexts", err));
    for (int64_t w = 0; w < windows; w++) {
        for (; k < list->count && list->item[k].end == ends[w]; k++)
            out->feature[k] = (int32_t)list->item[k].feature;
        out->indptr[w + 1] = k;
    }
done:
    return rc;
}

static int source_open(struct source *from, const struct lc_study *study, struct lc_err *err)
{
    int rc;

    *from = (struct source){.path = study->config.readout_from};
    LC_TRY(rc, lc_result_open(&from->file, from->path, err));
    LC_TRY(rc, lc_provenance_check(from->file, study, "readout.from", from->path, err));
    if (!lc_result_has(from->file, "windows/start", NULL))
        return LC_FAIL(err, LC_E_CONFIG, "%s: readout.from has no windows of one length; allowed: result of a contexts job",
                       from->path);
    LC_TRY(rc, lc_result_get(from->file, "windows/start", NULL, &from->start, err));
    LC_TRY(rc, lc_result_get(from->file, "windows/length", NULL, &from->length, err));
    if (from->start.count != from->length.count)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: windows/start and windows/length differ in length", from->path);
done:
    return rc;
}

static void source_close(struct source *from)
{
    lc_array_release(&from->start);
    lc_array_release(&from->length);
    lc_result_close(from->file);
}

static int make_on_root(struct lc_study *study, struct lc_err *err)
{
    struct endings *list = NULL;
    struct source from;
    int64_t *ends = NULL;
    int rc;

    LC_TRY(rc, source_open(&from, study, err));
    LC_TRY(rc, LC_ALLOC(&list, study->sites, "contexts", err));
    for (int64_t i = 0; i < study->sites; i++)
        LC_TRY(rc, endings_make(&list[i], &from, study, &study->site[i], err));
    LC_TRY(rc, windows_make(study, list, &ends, err));
    for (int64_t i = 0; i < study->sites; i++)
        LC_TRY(rc, wanted_make(&study->site[i].wanted, &list[i], ends, study->windows.count, err));
done:
    for (int64_t i = 0; list && i < study->sites; i++)
        free(list[i].item);
    free(list);
    free(ends);
    source_close(&from);
    return rc;
}

/* Rank 0's array of `count` items to every rank. */
static int share(const struct lc_comm *par, void **data, int64_t count, size_t item, struct lc_err *err)
{
    int64_t size = count * (int64_t)item;

    return lc_comm_share(par, data, &size, err);
}

int lc_top_readouts_make(struct lc_study *study, const struct lc_comm *par, struct lc_err *err)
{
    struct lc_windows *w = &study->windows;
    int rc;

    if (par->rank == 0)
        make_on_root(study, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_comm_broadcast(par, &w->count, sizeof w->count);
    LC_TRY(rc, share(par, (void **)&w->start, w->count, sizeof *w->start, err));
    for (int64_t i = 0; i < study->sites; i++) {
        struct lc_wanted *wanted = &study->site[i].wanted;
        LC_TRY(rc, share(par, (void **)&wanted->indptr, w->count + 1, sizeof *wanted->indptr, err));
        LC_TRY(rc, share(par, (void **)&wanted->feature, wanted->indptr[w->count], sizeof *wanted->feature, err));
    }
    if (LC_ALLOC(&w->length, w->count, "windows", err) == LC_OK)
        for (int64_t i = 0; i < w->count; i++)
            w->length[i] = study->config.windows.length;
    rc = lc_comm_agree(par, err);
done:
    return rc;
}

/* Kinds sparsity and location: how often each feature is active, on which tokens, and where in the window. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/counts.h"
#include "lightcone/memory.h"
#include "lightcone/positions.h"
#include "lightcone/sparsity_tables.h"
#include "source.h"

#define GROUP    "sites/SITE/sparsity"
#define POSITION GROUP "/position/"

struct table {
    int64_t features, n_tokens, nnz;
    double threshold;
    double *scratch, *frequency, *entropy; /* [F] */
    int64_t *count, *unique, *indptr;      /* [F], [F], [F+1] */
    int32_t *id, *order;                   /* [nnz] */
    int64_t *token_count;                  /* [nnz] */
};

static void table_release(struct table *t)
{
    free(t->scratch);
    free(t->frequency);
    free(t->entropy);
    free(t->count);
    free(t->unique);
    free(t->indptr);
    free(t->id);
    free(t->order);
    free(t->token_count);
}

static int read_totals(struct table *t, const struct lc_source *s, struct lc_err *err)
{
    struct lc_node node;
    int rc;

    LC_TRY(rc, lc_node_need(&s->root, "total_tokens", &node, err));
    LC_TRY(rc, lc_node_int(&node, 1, INT64_C(1) << 52, &t->n_tokens, err));
    LC_TRY(rc, lc_node_need(&s->root, "threshold", &node, err));
    LC_TRY(rc, lc_node_real(&node, &t->threshold, err));
    LC_TRY(rc, lc_node_need(&s->root, "feature_counts", &node, err));
    LC_TRY(rc, lc_node_shape(&node, 1, &t->features, err));
    if (t->features < 1 || t->features > LC_FEATURES_MAX)
        return lc_node_fail(&node, err, "%" PRId64 " features; allowed: 1 to %d", t->features, LC_FEATURES_MAX);
done:
    return rc;
}

/* Counts are whole numbers, kept as float32. */
static int read_counts(struct table *t, const struct lc_source *s, struct lc_err *err)
{
    struct lc_node node;
    int rc;

    LC_TRY(rc, lc_node_need(&s->root, "feature_counts", &node, err));
    LC_TRY(rc, lc_node_reals(&node, t->features, t->scratch, err));
    for (int64_t f = 0; f < t->features; f++) {
        double n = t->scratch[f];
        if (!(n >= 0.0) || n > (double)t->n_tokens || n != (double)(int64_t)n)
            return lc_node_fail(&node, err,
                                "value %" PRId64 " is %g; allowed: whole numbers from 0 to total_tokens, %" PRId64, f,
                                n, t->n_tokens);
        t->count[f] = (int64_t)n;
    }
    LC_TRY(rc, lc_node_need(&s->root, "frequencies", &node, err));
    LC_TRY(rc, lc_node_reals(&node, t->features, t->frequency, err));
    for (int64_t f = 0; f < t->features; f++)
        if (t->frequency[f] < 0.0 || t->frequency[f] > 1.0)
            return lc_node_fail(&node, err, "value %" PRId64 " is %g; allowed: 0 to 1", f, t->frequency[f]);
done:
    return rc;
}

/* One Counter into the arrays from indptr[f] on, token ids ascending. */
static int read_counter(struct table *t, const struct lc_node *counter, int64_t f, struct lc_err *err)
{
    int64_t at = t->indptr[f], n = 0, sum = 0;
    struct lc_node_row *row = NULL;
    int rc = lc_node_rows(counter, 0, INT32_MAX, &row, &n, err);

    for (int64_t k = 0; rc == LC_OK && k < n; k++) {
        struct lc_node value = lc_node_of_row(counter, &row[k]);
        t->id[at + k] = (int32_t)row[k].key;
        t->order[at + k] = (int32_t)row[k].place;
        rc = lc_node_int(&value, 1, t->n_tokens, &t->token_count[at + k], err);
        sum += rc == LC_OK ? t->token_count[at + k] : 0;
    }
    free(row);
    /* float32 counts exactly up to 2^24 */
    if (rc == LC_OK && sum != t->count[f] && t->count[f] < 1 << 24)
        return lc_node_fail(counter, err, "counts %" PRId64 " activations; feature_counts says %" PRId64, sum,
                            t->count[f]);
    t->entropy[f] = lc_counts_entropy(t->token_count + at, n);
    return rc;
}

static int read_tokens(struct table *t, const struct lc_source *s, struct lc_err *err)
{
    struct lc_node list, item;
    int64_t n = 0;
    int rc;

    LC_TRY(rc, lc_node_need(&s->root, "feature_token_counts", &list, err));
    LC_TRY(rc, lc_node_items(&list, &n, err));
    if (n != t->features)
        return lc_node_fail(&list, err, "%" PRId64 " Counters; feature_counts has %" PRId64 " values", n, t->features);
    for (int64_t f = 0; f < n; f++) {
        item = lc_node_item(&list, f);
        LC_TRY(rc, lc_node_pairs(&item, &t->unique[f], err));
        if (t->unique[f] > t->n_tokens)
            return lc_node_fail(&item, err, "%" PRId64 " tokens; total_tokens is %" PRId64, t->unique[f], t->n_tokens);
        t->indptr[f + 1] = t->indptr[f] + t->unique[f];
    }
    t->nnz = t->indptr[n];
    LC_TRY(rc, LC_ALLOC(&t->id, t->nnz, "token counts", err));
    LC_TRY(rc, LC_ALLOC(&t->order, t->nnz, "token counts", err));
    LC_TRY(rc, LC_ALLOC(&t->token_count, t->nnz, "token counts", err));
    for (int64_t f = 0; f < n; f++) {
        item = lc_node_item(&list, f);
        LC_TRY(rc, read_counter(t, &item, f, err));
    }
done:
    return rc;
}

static int table_read(struct table *t, const struct lc_source *s, struct lc_err *err)
{
    int rc;

    *t = (struct table){0};
    LC_TRY(rc, read_totals(t, s, err));
    LC_TRY(rc, LC_ALLOC(&t->scratch, t->features, "features", err));
    LC_TRY(rc, LC_ALLOC(&t->frequency, t->features, "features", err));
    LC_TRY(rc, LC_ALLOC(&t->entropy, t->features, "features", err));
    LC_TRY(rc, LC_ALLOC(&t->count, t->features, "features", err));
    LC_TRY(rc, LC_ALLOC(&t->unique, t->features, "features", err));
    LC_TRY(rc, LC_ALLOC(&t->indptr, t->features + 1, "features", err));
    LC_TRY(rc, read_counts(t, s, err));
    LC_TRY(rc, read_tokens(t, s, err));
done:
    if (err->code != LC_OK)
        table_release(t);
    return err->code;
}

static int table_put(struct lc_imported *to, const struct table *t, const struct lc_source *s, struct lc_err *err)
{
    int64_t ends = t->features + 1;
    int rc;

    LC_TRY(rc, lc_result_put(to->r, GROUP "/count", s->site, &t->features, t->count, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/frequency", s->site, &t->features, t->frequency, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/unique_tokens", s->site, &t->features, t->unique, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/vocab_entropy", s->site, &t->features, t->entropy, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/token_indptr", s->site, &ends, t->indptr, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/token_id", s->site, &t->nnz, t->id, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/token_count", s->site, &t->nnz, t->token_count, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/token_order", s->site, &t->nnz, t->order, err));
    LC_TRY(rc, lc_result_put_int(to->r, GROUP, s->site, "n_tokens", t->n_tokens, err));
    LC_TRY(rc, lc_result_put_real(to->r, GROUP, s->site, "threshold", t->threshold, err));
done:
    return rc;
}

static void note_settings(struct lc_imported *to, const struct table *t, const struct lc_source *s)
{
    lc_setting_note(&to->threshold, t->threshold);
    for (int64_t k = 0; k < t->nnz; k++)
        if (t->id[k] > to->largest_token) {
            to->largest_token = t->id[k];
            to->largest_from = s;
        }
}

int lc_read_sparsity(struct lc_imported *to, const struct lc_source *s, struct lc_err *err)
{
    struct table t;
    int rc = table_read(&t, s, err);

    if (rc != LC_OK)
        return rc;
    note_settings(to, &t, s);
    rc = table_put(to, &t, s, err);
    table_release(&t);
    return rc;
}

/* --- location --- */

/* token_id, abs_pos, batch_pos */
static int read_record(const struct lc_node *record, int64_t n_tokens, int64_t *stream, int64_t *place,
                       struct lc_err *err)
{
    struct lc_node node;
    int rc;

    LC_TRY(rc, lc_node_need(record, "abs_pos", &node, err));
    LC_TRY(rc, lc_node_int(&node, 0, n_tokens - 1, stream, err));
    LC_TRY(rc, lc_node_need(record, "batch_pos", &node, err));
    LC_TRY(rc, lc_node_int(&node, 0, LC_LENGTH_MAX - 1, place, err));
done:
    return rc;
}

/* All records, feature by feature: where each begins, index in the stream and in the window. */
struct records {
    int64_t *begin, *stream, *place; /* [F+1], [n], [n] */
    int64_t length;                  /* of the windows */
};

static void records_release(struct records *x)
{
    free(x->begin);
    free(x->stream);
    free(x->place);
    *x = (struct records){0};
}

/* The file does not tell the length of its windows: the power of two that the largest position needs. */
static int64_t length_of(const struct records *x, int64_t n)
{
    int64_t length = 1;

    for (int64_t k = 0; k < n; k++)
        while (length <= x->place[k])
            length *= 2;
    return length;
}

static int records_begin(struct records *x, const struct table *t, const struct lc_node *list, struct lc_err *err)
{
    int64_t n = 0;
    int rc;

    LC_TRY(rc, lc_node_items(list, &n, err));
    if (n != t->features)
        return lc_node_fail(list, err, "%" PRId64 " lists; feature_counts has %" PRId64 " values", n, t->features);
    LC_TRY(rc, LC_ALLOC(&x->begin, n + 1, "positions", err));
    for (int64_t f = 0; f < n; f++) {
        struct lc_node item = lc_node_item(list, f);
        int64_t count = 0;
        LC_TRY(rc, lc_node_items(&item, &count, err));
        if (count > t->count[f] && t->count[f] < 1 << 24)
            return lc_node_fail(&item, err, "%" PRId64 " records; feature_counts says %" PRId64, count, t->count[f]);
        x->begin[f + 1] = x->begin[f] + count;
    }
done:
    return rc;
}

static int records_fill(struct records *x, const struct table *t, const struct lc_node *list, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t f = 0; f < t->features; f++) {
        struct lc_node item = lc_node_item(list, f), record;
        for (int64_t k = x->begin[f]; k < x->begin[f + 1]; k++) {
            record = lc_node_item(&item, k - x->begin[f]);
            LC_TRY(rc, read_record(&record, t->n_tokens, &x->stream[k], &x->place[k], err));
        }
    }
    x->length = length_of(x, x->begin[t->features]);
done:
    return rc;
}

static int records_read(struct records *x, const struct table *t, const struct lc_source *s, struct lc_err *err)
{
    struct lc_node list;
    int rc;

    *x = (struct records){0};
    LC_TRY(rc, lc_node_need(&s->root, "feature_activations", &list, err));
    LC_TRY(rc, records_begin(x, t, &list, err));
    LC_TRY(rc, LC_ALLOC(&x->stream, x->begin[t->features], "positions", err));
    LC_TRY(rc, LC_ALLOC(&x->place, x->begin[t->features], "positions", err));
    LC_TRY(rc, records_fill(x, t, &list, err));
done:
    if (err->code != LC_OK)
        records_release(x);
    return err->code;
}

static int put_positions(struct lc_imported *to, const struct table *t, const struct records *x,
                         const struct lc_source *s, struct lc_err *err)
{
    struct lc_positions p = {0};
    int64_t *count = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&count, t->features, "positions", err));
    LC_TRY(rc, lc_positions_init(&p, t->features, x->length, 0, t->n_tokens, err));
    for (int64_t f = 0; f < t->features; f++) {
        count[f] = x->begin[f + 1] - x->begin[f];
        for (int64_t k = x->begin[f]; k < x->begin[f + 1]; k++)
            LC_TRY(rc, lc_positions_add(&p, (int32_t)f, x->place[k], x->stream[k], err));
    }
    LC_TRY(rc, lc_sparsity_put_positions(to->r, s->site, &p, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/position/records", s->site, &t->features, count, err));
done:
    lc_positions_release(&p);
    free(count);
    return rc;
}

/* The sparsity of a site stands once in a result; where two files tell it, they must say the same. */
static int same_sparsity(const struct table *t, const struct lc_source *s, struct lc_err *err)
{
    const struct lc_source *other = s->beside;
    struct table u;
    size_t each = (size_t)t->features * sizeof *t->count, all = (size_t)t->nnz * sizeof *t->id;
    int rc = table_read(&u, other, err), same;

    if (rc != LC_OK)
        return rc;
    same = t->features == u.features && t->n_tokens == u.n_tokens && t->nnz == u.nnz &&
           memcmp(t->count, u.count, each) == 0 && memcmp(t->unique, u.unique, each) == 0 &&
           memcmp(t->id, u.id, all) == 0 && memcmp(t->order, u.order, all) == 0 &&
           memcmp(t->token_count, u.token_count, (size_t)t->nnz * sizeof *t->token_count) == 0 &&
           !(t->threshold < u.threshold) && !(t->threshold > u.threshold);
    table_release(&u);
    return same ? LC_OK
                : LC_FAIL(err, LC_E_USAGE, "%s and %s hold different counts of %s: make two results",
                          lc_pickled_path(other->file), lc_pickled_path(s->file), s->site);
}

int lc_read_location(struct lc_imported *to, const struct lc_source *s, struct lc_err *err)
{
    struct records x = {0};
    struct table t;
    int rc = table_read(&t, s, err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, records_read(&x, &t, s, err));
    note_settings(to, &t, s);
    lc_setting_note(&to->length, (double)x.length);
    LC_TRY(rc, s->beside ? same_sparsity(&t, s, err) : table_put(to, &t, s, err));
    rc = put_positions(to, &t, &x, s, err);
done:
    records_release(&x);
    table_release(&t);
    return rc;
}

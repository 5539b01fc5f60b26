/* The tables that the paper's scripts write, byte for byte: Python's csv module, lines ended by CR LF. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "export_parts.h"

#define SPARSITY "sites/SITE/sparsity/"

enum { TOP = 5 }; /* tokens in a row */

enum column { COUNT, INDPTR, TOKEN, TIMES, FIRST, ORDER, MEAN, SD, RECORDS, COLUMNS };

/* rows a dataset must have: F, F + 1, or one for each pair of feature and token */
enum length { PER_FEATURE, ENDS, PER_PAIR };

static const struct {
    const char *name;
    enum length length;
    int optional;
} columns[COLUMNS] = {
    [COUNT] = {SPARSITY "count", PER_FEATURE, 0},
    [INDPTR] = {SPARSITY "token_indptr", ENDS, 0},
    [TOKEN] = {SPARSITY "token_id", PER_PAIR, 0},
    [TIMES] = {SPARSITY "token_count", PER_PAIR, 0},
    [FIRST] = {SPARSITY "token_first", PER_PAIR, 1},
    [ORDER] = {SPARSITY "token_order", PER_PAIR, 1},
    [MEAN] = {SPARSITY "position/corpus_mean", PER_FEATURE, 1},
    [SD] = {SPARSITY "position/corpus_sd", PER_FEATURE, 1},
    [RECORDS] = {SPARSITY "position/records", PER_FEATURE, 1},
};

/* Text of the tokens where the export stands: the tokenizer's, else the result's. */
struct words {
    const struct lc_export *e;
    struct lc_array indptr, bytes; /* data NULL: the result has no vocabulary, or it is not used */
    int64_t count;                 /* -1: there is no text */
};

/* One site's sparsity. */
struct table {
    const struct lc_export *e;
    const char *site;
    struct words *words;
    struct lc_array array[COLUMNS]; /* data NULL: not there */
    int64_t features, n_tokens;
};

static const int64_t *i64(const struct table *t, enum column c)
{
    return t->array[c].data;
}

/* [F+1] ascending from 0 to `end`. */
static int indptr_check(const struct lc_export *e, const char *name, const struct lc_array *indptr, int64_t end,
                        struct lc_err *err)
{
    const int64_t *p = indptr->data;

    if (indptr->count < 1 || p[0] != 0 || p[indptr->count - 1] != end)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s does not cover its data of %" PRId64, e->path, name, end);
    for (int64_t i = 1; i < indptr->count; i++)
        if (p[i] < p[i - 1])
            return LC_FAIL(err, LC_E_FORMAT, "%s: %s decreases at %" PRId64, e->path, name, i);
    return LC_OK;
}

/* ----- the text of tokens ----- */

static void words_close(struct words *w)
{
    lc_array_release(&w->indptr);
    lc_array_release(&w->bytes);
}

/* How many tokens the result says its tokenizer has; -1 when it does not. */
static int words_expected(const struct lc_export *e, int64_t *expected, struct lc_err *err)
{
    const char *name = "vocabulary/indptr";
    struct lc_array a;
    int rc;

    *expected = -1;
    if (!lc_result_has(e->result, name, NULL))
        name = "corpus/token_count";
    if (!lc_result_has(e->result, name, NULL))
        return LC_OK;
    rc = lc_result_get(e->result, name, NULL, &a, err);
    if (rc != LC_OK)
        return rc;
    *expected = a.count - (name[0] == 'v');
    lc_array_release(&a);
    return LC_OK;
}

static int words_of_tokenizer(struct words *w, struct lc_err *err)
{
    int64_t expected;
    int rc = words_expected(w->e, &expected, err);

    w->count = lc_tokenizer_vocab_size(w->e->tokenizer);
    if (rc == LC_OK && expected >= 0 && expected != w->count)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: has %" PRId64 " tokens; %s was made with a tokenizer of %" PRId64,
                     w->e->tokenizer_path, w->count, w->e->path, expected);
    return rc;
}

static int words_open(struct words *w, const struct lc_export *e, struct lc_err *err)
{
    const struct lc_result *r = e->result;
    int rc;

    *w = (struct words){.e = e, .count = -1};
    if (e->tokenizer)
        return words_of_tokenizer(w, err);
    if (!lc_result_has(r, "vocabulary/indptr", NULL) || !lc_result_has(r, "vocabulary/bytes", NULL))
        return LC_OK;
    LC_TRY(rc, lc_result_get(r, "vocabulary/indptr", NULL, &w->indptr, err));
    LC_TRY(rc, lc_result_get(r, "vocabulary/bytes", NULL, &w->bytes, err));
    LC_TRY(rc, indptr_check(e, "vocabulary/indptr", &w->indptr, w->bytes.count, err));
    w->count = w->indptr.count - 1;
done:
    if (rc != LC_OK)
        words_close(w);
    return rc;
}

static int word_add(const struct words *w, int32_t id, struct lc_bytes *out, struct lc_err *err)
{
    const int64_t *p = w->indptr.data;
    const unsigned char *bytes = w->bytes.data;
    size_t size;

    if (w->count < 0)
        return LC_FAIL(err, LC_E_USAGE, "%s: holds no vocabulary; name its tokenizer with --tokenizer PATH", w->e->path);
    if (id < 0 || id >= w->count)
        return LC_FAIL(err, LC_E_FORMAT, "%s: token id %" PRId32 " is not one of %" PRId64 "%s%s", w->e->path, id,
                       w->count, w->e->tokenizer ? " in " : "", w->e->tokenizer ? w->e->tokenizer_path : "");
    if (!w->e->tokenizer)
        return lc_python_repr(out, bytes + p[id], (size_t)(p[id + 1] - p[id]), err);
    bytes = lc_tokenizer_bytes(w->e->tokenizer, id, &size);
    return lc_python_repr(out, bytes, size, err);
}

/* ----- one site's numbers ----- */

static void table_close(struct table *t)
{
    for (int c = 0; c < COLUMNS; c++)
        lc_array_release(&t->array[c]);
}

static int column_read(struct table *t, enum column c, struct lc_err *err)
{
    const struct lc_result *r = t->e->result;
    const struct lc_array *count = &t->array[COUNT], *token = &t->array[TOKEN];
    int64_t length;
    int rc;

    if (columns[c].optional && !lc_result_has(r, columns[c].name, t->site))
        return LC_OK;
    rc = lc_result_get(r, columns[c].name, t->site, &t->array[c], err);
    if (rc != LC_OK)
        return rc;
    length = columns[c].length == PER_PAIR ? token->count : count->count + (columns[c].length == ENDS);
    if (t->array[c].count != length)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s of site %s has %" PRId64 " values; expected %" PRId64, t->e->path,
                       columns[c].name, t->site, t->array[c].count, length);
    return LC_OK;
}

static int n_tokens_read(struct table *t, struct lc_err *err)
{
    int found, rc = lc_result_get_int(t->e->result, "sites/SITE/sparsity", t->site, "n_tokens", &t->n_tokens, &found, err);

    if (rc == LC_OK && (!found || t->n_tokens < 1))
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: site %s: attribute n_tokens of sparsity is %s; allowed: from 1", t->e->path,
                     t->site, found ? "below 1" : "missing");
    return rc;
}

static int table_open(struct table *t, const struct lc_export *e, struct words *words, const char *site,
                      struct lc_err *err)
{
    int rc;

    *t = (struct table){.e = e, .site = site, .words = words};
    for (enum column c = 0; c < COLUMNS; c++)
        LC_TRY(rc, column_read(t, c, err));
    t->features = t->array[COUNT].count;
    LC_TRY(rc, n_tokens_read(t, err));
    LC_TRY(rc, indptr_check(e, columns[INDPTR].name, &t->array[INDPTR], t->array[TOKEN].count, err));
    if (t->array[TOKEN].count && !t->array[FIRST].data && !t->array[ORDER].data)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: site %s has neither token_first nor token_order", e->path, site);
done:
    if (rc != LC_OK)
        table_close(t);
    return rc;
}

/* ----- rows ----- */

static int64_t appearance(const struct table *t, int64_t k)
{
    return t->array[FIRST].data ? i64(t, FIRST)[k] : ((const int32_t *)t->array[ORDER].data)[k];
}

/* 1 when pair a stands before pair b: more often, or as often and seen earlier. */
static int comes_first(const struct table *t, int64_t a, int64_t b)
{
    const int64_t *times = i64(t, TIMES);

    return times[a] != times[b] ? times[a] > times[b] : appearance(t, a) < appearance(t, b);
}

/* The commonest pairs of a feature, in order; how many. */
static int top_pairs(const struct table *t, int64_t feature, int64_t top[TOP])
{
    int n = 0;

    for (int64_t k = i64(t, INDPTR)[feature]; k < i64(t, INDPTR)[feature + 1]; k++) {
        int at = n;
        while (at > 0 && comes_first(t, k, top[at - 1]))
            at--;
        if (at == TOP)
            continue;
        n += n < TOP;
        memmove(top + at + 1, top + at, (size_t)(n - at - 1) * sizeof *top);
        top[at] = k;
    }
    return n;
}

static int top_tokens(const struct table *t, int64_t feature, struct lc_bytes *out, struct lc_err *err)
{
    int64_t top[TOP];
    int n = top_pairs(t, feature, top), rc = LC_OK;

    for (int i = 0; i < n; i++) {
        LC_TRY(rc, lc_bytes_printf(out, err, "%s", i ? ", " : ""));
        LC_TRY(rc, word_add(t->words, ((const int32_t *)t->array[TOKEN].data)[top[i]], out, err));
        LC_TRY(rc, lc_bytes_printf(out, err, "(%" PRId64 ")", i64(t, TIMES)[top[i]]));
    }
done:
    return rc;
}

/* Quoted only where it must be, quotes within doubled: csv.QUOTE_MINIMAL. A repr holds no end of a line. */
static int field_add(struct lc_bytes *csv, const struct lc_bytes *field, struct lc_err *err)
{
    int rc;

    if (field->size == 0 || (!memchr(field->data, ',', field->size) && !memchr(field->data, '"', field->size)))
        return lc_bytes_add(csv, field->data, field->size, err);
    LC_TRY(rc, lc_bytes_add(csv, "\"", 1, err));
    for (size_t i = 0; i < field->size; i++)
        LC_TRY(rc, lc_bytes_add(csv, field->data[i] == '"' ? "\"\"" : (const char *)field->data + i,
                                field->data[i] == '"' ? 2 : 1, err));
    rc = lc_bytes_add(csv, "\"", 1, err);
done:
    return rc;
}

/* Mean or sd of the positions; the scripts write 0 where there are none. */
static double position(const struct table *t, enum column c, int64_t feature)
{
    double x = ((const double *)t->array[c].data)[feature];

    return isfinite(x) ? x : 0.0;
}

static int row_add(const struct table *t, int location, int64_t feature, struct lc_bytes *csv, struct lc_err *err)
{
    int64_t count = i64(t, COUNT)[feature];
    float frequency = (float)count / (float)t->n_tokens; /* the scripts' tensors are float32 */
    struct lc_bytes tokens = {0};
    int rc;

    LC_TRY(rc, top_tokens(t, feature, &tokens, err));
    LC_TRY(rc, lc_bytes_printf(csv, err, "%" PRId64 ",%" PRId64 ",%.6f,", feature, count, (double)frequency));
    if (location)
        LC_TRY(rc, lc_bytes_printf(csv, err, "%" PRId64 ",", t->array[RECORDS].data ? i64(t, RECORDS)[feature] : count));
    LC_TRY(rc, field_add(csv, &tokens, err));
    if (location)
        LC_TRY(rc, lc_bytes_printf(csv, err, ",%.2f,%.2f", position(t, MEAN, feature), position(t, SD, feature)));
    rc = lc_bytes_printf(csv, err, "\r\n");
done:
    lc_bytes_release(&tokens);
    return rc;
}

static int write_csv(struct lc_export *e, const struct table *t, int location, struct lc_err *err)
{
    struct lc_bytes csv = {0};
    char name[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, lc_export_name(name, e, err, "feature_%s_%s.csv", location ? "location" : "sparsity", t->site));
    LC_TRY(rc, lc_bytes_printf(&csv, err, "feature_idx,count,frequency,%stop_tokens%s\r\n",
                               location ? "num_records," : "", location ? ",avg_position,position_std" : ""));
    for (int64_t feature = 0; feature < t->features; feature++)
        LC_TRY(rc, row_add(t, location, feature, &csv, err));
    LC_TRY(rc, lc_export_file(e, name, &(struct lc_stretch){csv.data, csv.size}, 1, err));
    e->done.tables++;
done:
    lc_bytes_release(&csv);
    return rc;
}

static int site_write(struct lc_export *e, struct words *words, const char *site, struct lc_err *err)
{
    struct table t;
    int rc = table_open(&t, e, words, site, err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, write_csv(e, &t, 0, err));
    if (t.array[MEAN].data && t.array[SD].data)
        rc = write_csv(e, &t, 1, err);
done:
    table_close(&t);
    return rc;
}

int lc_export_csv(struct lc_export *e, struct lc_err *err)
{
    const char *const *site;
    int64_t sites = lc_result_sites(e->result, &site);
    struct words words;
    int rc = words_open(&words, e, err);

    for (int64_t i = 0; i < sites && rc == LC_OK; i++)
        if (lc_result_has(e->result, columns[COUNT].name, site[i]))
            rc = site_write(e, &words, site[i], err);
    words_close(&words);
    return rc;
}

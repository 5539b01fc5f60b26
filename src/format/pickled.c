#include "lightcone/pickled.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format_internal.h"
#include "lightcone/memory.h"

struct lc_pickled {
    char *path;
    struct lc_map map; /* owned; {0} when the bytes are the caller's */
    struct lc_pickle pickle;
    int64_t visits_left;
};

int lc_pickled_parse(struct lc_pickled **out, const char *path, struct lc_map bytes, struct lc_err *err)
{
    struct lc_pickled *f = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&f, 1, "a torch file", err));
    LC_TRY(rc, lc_strdup(&f->path, path, err));
    LC_TRY(rc, lc_torch_pickle(&f->pickle, f->path, bytes, err));
    f->visits_left = 4 * (int64_t)bytes.size + 1024;
    *out = f;
done:
    if (rc != LC_OK)
        lc_pickled_close(f);
    return rc;
}

int lc_pickled_open(struct lc_pickled **out, const char *path, struct lc_err *err)
{
    struct lc_map map;

    if (lc_map_open(&map, path, err) != LC_OK)
        return err->code;
    if (lc_pickled_parse(out, path, map, err) != LC_OK) {
        lc_map_close(&map);
        return err->code;
    }
    (*out)->map = map;
    return LC_OK;
}

void lc_pickled_close(struct lc_pickled *file)
{
    if (!file)
        return;
    lc_pickle_release(&file->pickle);
    if (file->map.data)
        lc_map_close(&file->map);
    free(file->path);
    free(file);
}

struct lc_node lc_pickled_root(struct lc_pickled *file)
{
    return (struct lc_node){.file = file, .value = file->pickle.root};
}

const char *lc_pickled_path(const struct lc_pickled *file)
{
    return file->path;
}

/* --- messages --- */

/* The way from the root, "a.b[3].c", at the end of `text`; returns where it begins. */
static const char *way_to(const struct lc_node *node, char *text, size_t room)
{
    size_t at = room - 1;
    char step[96];

    text[at] = '\0';
    for (; node->parent; node = node->parent) {
        const char *dot = node->parent->parent ? "." : "";
        int n = node->name ? snprintf(step, sizeof step, "%s%.64s", dot, node->name)
                           : snprintf(step, sizeof step, "[%" PRId64 "]", node->index);
        if (n < 0 || (size_t)n > at)
            break;
        at -= (size_t)n;
        memcpy(text + at, step, (size_t)n);
    }
    return text + at;
}

int lc_node_fail(const struct lc_node *node, struct lc_err *err, const char *fmt, ...)
{
    char text[256], said[512];
    const char *way = way_to(node, text, sizeof text);
    va_list arguments;

    va_start(arguments, fmt);
    vsnprintf(said, sizeof said, fmt, arguments);
    va_end(arguments);
    return LC_FAIL(err, LC_E_FORMAT, "%s: %s%s%s", node->file->path, way, *way ? ": " : "", said);
}

static int refuse_kind(const struct lc_node *node, const char *allowed, struct lc_err *err)
{
    return lc_node_fail(node, err, "a %s; allowed: %s", lc_value_kind_name(node->value->kind), allowed);
}

int lc_node_charge(const struct lc_node *node, int64_t values, struct lc_err *err)
{
    if (values > node->file->visits_left)
        return lc_node_fail(node, err, "the file's values hold one another more often than it has bytes");
    node->file->visits_left -= values;
    return LC_OK;
}

/* --- dicts --- */

int lc_node_pairs(const struct lc_node *dict, int64_t *count, struct lc_err *err)
{
    if (dict->value->kind != LC_VALUE_DICT)
        return refuse_kind(dict, "a dict", err);
    *count = dict->value->as.list.count / 2;
    return LC_OK;
}

void lc_node_key_text(const struct lc_node *dict, int64_t i, char *out, size_t room)
{
    const struct lc_value *key = dict->value->as.list.item[2 * i];
    size_t n = 0;

    for (; key->kind == LC_VALUE_TEXT && n < key->as.text.size && n + 1 < room; n++) {
        char c = key->as.text.bytes[n];
        out[n] = c >= ' ' && c <= '~' ? c : '?';
    }
    out[n] = '\0';
}

int lc_node_find(const struct lc_node *dict, const char *key, struct lc_node *out, int *found, struct lc_err *err)
{
    size_t size = strlen(key);
    int64_t count = 0;

    *found = 0;
    if (lc_node_pairs(dict, &count, err) != LC_OK || lc_node_charge(dict, count, err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < count; i++) {
        const struct lc_value *k = dict->value->as.list.item[2 * i];
        if (k->kind != LC_VALUE_TEXT || k->as.text.size != size || memcmp(k->as.text.bytes, key, size) != 0)
            continue;
        if ((*found)++)
            return lc_node_fail(dict, err, "the key '%s' is there twice", key);
        *out = (struct lc_node){dict->file, dict->value->as.list.item[2 * i + 1], dict, key, 0};
    }
    return LC_OK;
}

int lc_node_need(const struct lc_node *dict, const char *key, struct lc_node *out, struct lc_err *err)
{
    int found;

    if (lc_node_find(dict, key, out, &found, err) != LC_OK)
        return err->code;
    return found ? LC_OK : lc_node_fail(dict, err, "the key '%s' is missing", key);
}

static int by_key(const void *a, const void *b)
{
    const struct lc_node_row *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int rows_fill(const struct lc_node *dict, int64_t low, int64_t high, struct lc_node_row *row, int64_t count,
                     struct lc_err *err)
{
    for (int64_t i = 0; i < count; i++) {
        const struct lc_value *key = dict->value->as.list.item[2 * i];
        if (key->kind != LC_VALUE_INT)
            return lc_node_fail(dict, err, "key %" PRId64 " is a %s; allowed: an int", i,
                                lc_value_kind_name(key->kind));
        if (key->as.integer < low || key->as.integer > high)
            return lc_node_fail(dict, err, "the key %" PRId64 "; allowed: %" PRId64 " to %" PRId64, key->as.integer,
                                low, high);
        row[i] = (struct lc_node_row){key->as.integer, i};
    }
    qsort(row, (size_t)count, sizeof *row, by_key);
    for (int64_t i = 1; i < count; i++)
        if (row[i].key == row[i - 1].key)
            return lc_node_fail(dict, err, "the key %" PRId64 " is there twice", row[i].key);
    return LC_OK;
}

int lc_node_rows(const struct lc_node *dict, int64_t low, int64_t high, struct lc_node_row **rows, int64_t *count,
                 struct lc_err *err)
{
    struct lc_node_row *row = NULL;
    int rc;

    LC_TRY(rc, lc_node_pairs(dict, count, err));
    LC_TRY(rc, lc_node_charge(dict, *count, err));
    LC_TRY(rc, LC_ALLOC(&row, *count, "the pairs of a dict", err));
    LC_TRY(rc, rows_fill(dict, low, high, row, *count, err));
    *rows = row;
done:
    if (rc != LC_OK)
        free(row);
    return rc;
}

struct lc_node lc_node_of_row(const struct lc_node *dict, const struct lc_node_row *row)
{
    return (struct lc_node){dict->file, dict->value->as.list.item[2 * row->place + 1], dict, NULL, row->key};
}

/* --- lists --- */

int lc_node_is_list(const struct lc_node *node)
{
    return node->value->kind == LC_VALUE_LIST || node->value->kind == LC_VALUE_TUPLE;
}

int lc_node_items(const struct lc_node *list, int64_t *count, struct lc_err *err)
{
    if (!lc_node_is_list(list))
        return refuse_kind(list, "a list", err);
    *count = list->value->as.list.count;
    return lc_node_charge(list, *count, err);
}

struct lc_node lc_node_item(const struct lc_node *list, int64_t i)
{
    return (struct lc_node){list->file, list->value->as.list.item[i], list, NULL, i};
}

/* --- numbers and texts --- */

static const struct lc_tensor *tensor_of(const struct lc_node *node)
{
    const struct lc_value *v = node->value;

    return (v->kind == LC_VALUE_TENSOR || v->kind == LC_VALUE_ARRAY) && v->as.tensor->data ? v->as.tensor : NULL;
}

int lc_node_int(const struct lc_node *node, int64_t low, int64_t high, int64_t *out, struct lc_err *err)
{
    const struct lc_tensor *t = tensor_of(node);

    if (node->value->kind == LC_VALUE_INT)
        *out = node->value->as.integer;
    else if (t && t->count == 1 && t->dtype >= LC_I64 && t->dtype <= LC_U8)
        *out = lc_tensor_integer(t, 0);
    else
        return refuse_kind(node, "an int", err);
    if (*out < low || *out > high)
        return lc_node_fail(node, err, "%" PRId64 "; allowed: %" PRId64 " to %" PRId64, *out, low, high);
    return LC_OK;
}

int lc_node_real(const struct lc_node *node, double *out, struct lc_err *err)
{
    const struct lc_tensor *t = tensor_of(node);

    if (node->value->kind == LC_VALUE_REAL)
        *out = node->value->as.real;
    else if (node->value->kind == LC_VALUE_INT)
        *out = (double)node->value->as.integer;
    else if (t && t->count == 1)
        *out = lc_tensor_real(t, 0);
    else
        return refuse_kind(node, "a number", err);
    return isfinite(*out) ? LC_OK : lc_node_fail(node, err, "%g; allowed: a finite number", *out);
}

int lc_node_text(const struct lc_node *node, char *out, size_t room, struct lc_err *err)
{
    const struct lc_value *v = node->value;

    if (v->kind != LC_VALUE_TEXT)
        return refuse_kind(node, "a str", err);
    if (v->as.text.size >= room || memchr(v->as.text.bytes, '\0', v->as.text.size))
        return lc_node_fail(node, err, "a text of %zu bytes; allowed: at most %zu, no zero bytes", v->as.text.size,
                            room - 1);
    memcpy(out, v->as.text.bytes, v->as.text.size);
    out[v->as.text.size] = '\0';
    return LC_OK;
}

int lc_node_shape(const struct lc_node *node, int rank, int64_t *dim, struct lc_err *err)
{
    const struct lc_tensor *t = tensor_of(node);

    for (int i = 0; i < rank; i++)
        dim[i] = t && i < t->rank ? t->shape[i] : 1;
    if (!t && lc_node_is_list(node))
        dim[0] = node->value->as.list.count;
    else if (!t)
        return refuse_kind(node, "a tensor, an array or a list", err);
    else if (t->rank > rank)
        return lc_node_fail(node, err, "an array of %d dimensions; allowed: at most %d", t->rank, rank);
    return LC_OK;
}

static int tensor_reals(const struct lc_node *node, const struct lc_tensor *t, double *out, struct lc_err *err)
{
    int64_t rows = t->by_column ? t->shape[0] : 1, columns = t->by_column ? t->shape[1] : t->count;

    for (int64_t i = 0; i < t->count; i++) {
        int64_t from = t->by_column ? i % columns * rows + i / columns : i;
        out[i] = lc_tensor_real(t, from);
        if (!isfinite(out[i]))
            return lc_node_fail(node, err, "value %" PRId64 " is %g; allowed: finite numbers", i, out[i]);
    }
    return LC_OK;
}

int lc_node_reals(const struct lc_node *node, int64_t count, double *out, struct lc_err *err)
{
    const struct lc_tensor *t = tensor_of(node);
    int64_t found;
    int rc = LC_OK;

    if (!t && !lc_node_is_list(node))
        return refuse_kind(node, "a tensor, an array or a list of numbers", err);
    found = t ? t->count : node->value->as.list.count;
    if (found != count)
        return lc_node_fail(node, err, "%" PRId64 " values; wanted: %" PRId64, found, count);
    rc = lc_node_charge(node, count, err);
    if (rc == LC_OK && t)
        return tensor_reals(node, t, out, err);
    for (int64_t i = 0; rc == LC_OK && i < count; i++) {
        struct lc_node item = lc_node_item(node, i);
        rc = lc_node_real(&item, &out[i], err);
    }
    return rc;
}

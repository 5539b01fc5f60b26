#include "lightcone/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format_internal.h"
#include "lightcone/memory.h"

enum { BLOCK = 64 };

static void read_f64(const unsigned char *in, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double x;
        memcpy(&x, in + 8 * i, 8);
        out[i] = (float)x;
    }
}

static void read_f32(const unsigned char *in, float *out, int64_t n)
{
    memcpy(out, in, (size_t)n * 4);
}

/* Both readings are computed and one is chosen, so that the loop over values can be vectorised. */
static float half_value(uint32_t h)
{
    uint32_t exponent = h >> 10 & 0x1f, fraction = h & 0x3ff, bits;
    uint32_t normal = (exponent == 31 ? 0xffu : exponent + 112) << 23 | fraction << 13, small;
    float x = (float)(int32_t)fraction * 0x1p-24f; /* zero and subnormals, exactly */

    memcpy(&small, &x, 4);
    bits = (exponent == 0 ? small : normal) | (h & 0x8000) << 16;
    memcpy(&x, &bits, 4);
    return x;
}

static void read_f16(const unsigned char *in, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = half_value((uint32_t)in[2 * i] | (uint32_t)in[2 * i + 1] << 8);
}

static void read_bf16(const unsigned char *in, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)in[2 * i] << 16 | (uint32_t)in[2 * i + 1] << 24;
        memcpy(&out[i], &bits, 4);
    }
}

static const struct {
    const char *name;
    size_t size;
    void (*read)(const unsigned char *in, float *out, int64_t n); /* NULL: not a float dtype */
} dtypes[] = {
    [LC_F64] = {"F64", 8, read_f64},    [LC_F32] = {"F32", 4, read_f32}, [LC_F16] = {"F16", 2, read_f16},
    [LC_BF16] = {"BF16", 2, read_bf16}, [LC_I64] = {"I64", 8, NULL},     [LC_I32] = {"I32", 4, NULL},
    [LC_I16] = {"I16", 2, NULL},        [LC_I8] = {"I8", 1, NULL},       [LC_U8] = {"U8", 1, NULL},
    [LC_BOOL] = {"BOOL", 1, NULL},
};

const char *lc_dtype_name(enum lc_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t lc_dtype_size(enum lc_dtype dtype)
{
    return dtypes[dtype].size;
}

/* First of n values that is not finite, or n. */
static int64_t first_bad(const float *x, int64_t n)
{
    int64_t i = 0;

    while (i < n && isfinite(x[i]))
        i++;
    return i;
}

static int all_finite(const float *x, int64_t n)
{
    int bad = 0;

    for (int64_t i = 0; i < n; i++)
        bad |= !isfinite(x[i]);
    return !bad;
}

static int refuse_dtype(const struct lc_tensor *t, struct lc_err *err)
{
    return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s has dtype %s; allowed: F64, F32, F16, BF16", t->file,
                   t->name, lc_dtype_name(t->dtype));
}

/* Index in row-major order of the value at place `at` of the file. */
static int64_t flat_index(const struct lc_tensor *t, int64_t at)
{
    if (!t->by_column)
        return at;
    return at % t->shape[0] * t->shape[1] + at / t->shape[0];
}

/* Name the first value, in the file's order, that float32 cannot hold. */
static int refuse_value(const struct lc_tensor *t, struct lc_err *err)
{
    size_t size = lc_dtype_size(t->dtype);
    float part[BLOCK];

    for (int64_t at = 0; at < t->count; at += BLOCK) {
        int64_t n = t->count - at < BLOCK ? t->count - at : BLOCK, bad;
        dtypes[t->dtype].read(t->data + (size_t)at * size, part, n);
        bad = first_bad(part, n);
        if (bad < n)
            return LC_FAIL(err, LC_E_NUMERIC,
                           "%s: tensor %s: value %" PRId64 " is %s in float32; allowed: finite numbers",
                           t->file, t->name, flat_index(t, at + bad), isnan(part[bad]) ? "nan" : "infinite");
    }
    return LC_FAIL(err, LC_E_NUMERIC, "%s: tensor %s changed while it was read", t->file, t->name);
}

static int read_in_order(const struct lc_tensor *t, float *out, struct lc_err *err)
{
    dtypes[t->dtype].read(t->data, out, t->count);
    return all_finite(out, t->count) ? LC_OK : refuse_value(t, err);
}

/* Read a [height, width] corner that begins at place `at` of a file with rows of `columns`; 1 when all is
 * finite. */
static int read_tile(const struct lc_tensor *t, int64_t at, int64_t columns, int64_t height, int64_t width,
                     float tile[BLOCK][BLOCK])
{
    int good = 1;

    for (int64_t r = 0; r < height; r++) {
        const unsigned char *in = t->data + (size_t)(at + r * columns) * lc_dtype_size(t->dtype);
        dtypes[t->dtype].read(in, tile[r], width);
        good &= all_finite(tile[r], width);
    }
    return good;
}

/* The file holds [rows, columns]; out becomes [columns, rows]. Tiles keep both sides in the cache. */
static int read_flipped(const struct lc_tensor *t, int64_t rows, int64_t columns, float *out,
                        struct lc_err *err)
{
    float tile[BLOCK][BLOCK];
    int good = 1;

    for (int64_t r0 = 0; r0 < rows; r0 += BLOCK)
        for (int64_t c0 = 0; c0 < columns; c0 += BLOCK) {
            int64_t height = rows - r0 < BLOCK ? rows - r0 : BLOCK;
            int64_t width = columns - c0 < BLOCK ? columns - c0 : BLOCK;
            good &= read_tile(t, r0 * columns + c0, columns, height, width, tile);
            for (int64_t c = 0; c < width; c++)
                for (int64_t r = 0; r < height; r++)
                    out[(c0 + c) * rows + r0 + r] = tile[r][c];
        }
    return good ? LC_OK : refuse_value(t, err);
}

int lc_tensor_read_f32(const struct lc_tensor *t, float *out, struct lc_err *err)
{
    if (!dtypes[t->dtype].read)
        return refuse_dtype(t, err);
    return t->by_column ? read_flipped(t, t->shape[1], t->shape[0], out, err) : read_in_order(t, out, err);
}

int lc_tensor_read_f32_transposed(const struct lc_tensor *t, float *out, struct lc_err *err)
{
    if (!dtypes[t->dtype].read)
        return refuse_dtype(t, err);
    if (t->rank != 2)
        return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s has %d dimensions; allowed: 2", t->file, t->name,
                       t->rank);
    return t->by_column ? read_in_order(t, out, err) : read_flipped(t, t->shape[0], t->shape[1], out, err);
}

int64_t lc_tensor_integer(const struct lc_tensor *t, int64_t i)
{
    const unsigned char *p = t->data + (size_t)i * lc_dtype_size(t->dtype);
    uint64_t bits = 0;
    int shift = 64 - 8 * (int)lc_dtype_size(t->dtype);

    memcpy(&bits, p, lc_dtype_size(t->dtype));
    if (t->dtype == LC_U8 || t->dtype == LC_BOOL)
        return (int64_t)bits;
    return (int64_t)(bits << shift) >> shift; /* the sign */
}

double lc_tensor_real(const struct lc_tensor *t, int64_t i)
{
    const unsigned char *p = t->data + (size_t)i * lc_dtype_size(t->dtype);
    double wide;
    float narrow;

    if (t->dtype == LC_F64) {
        memcpy(&wide, p, sizeof wide);
        return wide;
    }
    if (!dtypes[t->dtype].read)
        return (double)lc_tensor_integer(t, i);
    dtypes[t->dtype].read(p, &narrow, 1);
    return (double)narrow;
}

void lc_shape_text(char *text, size_t room, int rank, const int64_t *shape)
{
    size_t used = (size_t)snprintf(text, room, "[");

    for (int i = 0; i < rank && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%" PRId64, i ? ", " : "", shape[i]);
    if (used < room)
        snprintf(text + used, room - used, "]");
}

static int name_compare(const void *key, const void *item)
{
    return strcmp(key, ((const struct lc_tensor *)item)->name);
}

const struct lc_tensor *lc_tensors_find(const struct lc_tensors *set, const char *name)
{
    if (set->count == 0)
        return NULL;
    return bsearch(name, set->item, (size_t)set->count, sizeof *set->item, name_compare);
}

int lc_tensors_need(const struct lc_tensors *set, const char *name, int rank, const int64_t *shape,
                    const struct lc_tensor **out, struct lc_err *err)
{
    const struct lc_tensor *t = lc_tensors_find(set, name);
    char found[200], wanted[200];

    if (!t)
        return LC_FAIL(err, LC_E_FORMAT, "%s%s: tensor %s is missing", set->maps ? set->path[0] : "(no file)",
                       set->maps > 1 ? " and the other shards" : "", name);
    if (t->rank != rank || memcmp(t->shape, shape, (size_t)rank * sizeof *shape) != 0) {
        lc_shape_text(found, sizeof found, t->rank, t->shape);
        lc_shape_text(wanted, sizeof wanted, rank, shape);
        return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s has shape %s; wanted: %s", t->file, name, found,
                       wanted);
    }
    if (!dtypes[t->dtype].read)
        return refuse_dtype(t, err);
    *out = t;
    return LC_OK;
}

int lc_tensors_keep(struct lc_tensors *set, const char *path, struct lc_map map, const char **kept,
                    struct lc_err *err)
{
    struct lc_map *maps = realloc(set->map, (size_t)(set->maps + 1) * sizeof *maps);
    char **paths;
    int rc;

    if (maps)
        set->map = maps;
    paths = realloc(set->path, (size_t)(set->maps + 1) * sizeof *paths);
    if (paths)
        set->path = paths;
    if (!maps || !paths)
        return LC_FAIL(err, LC_E_MEMORY, "%s: no memory for its name", path);
    rc = lc_strdup(&set->path[set->maps], path, err);
    if (rc != LC_OK)
        return rc;
    set->map[set->maps] = map;
    *kept = set->path[set->maps++];
    return LC_OK;
}

int lc_tensors_map(struct lc_tensors *set, const char *path, const char **kept, struct lc_map *map, struct lc_err *err)
{
    int rc = lc_map_open(map, path, err);

    if (rc != LC_OK)
        return rc;
    rc = lc_tensors_keep(set, path, *map, kept, err);
    if (rc != LC_OK)
        lc_map_close(map);
    return rc;
}

int lc_tensors_add(struct lc_tensors *set, int64_t *room, const struct lc_tensor *tensor, const char *name,
                   struct lc_err *err)
{
    struct lc_tensor *item;
    char *copy = NULL;
    int rc = lc_strdup(&copy, name, err);

    if (rc != LC_OK)
        return rc;
    if (set->count == *room) {
        int64_t more = *room ? 2 * *room : 16;
        item = realloc(set->item, (size_t)more * sizeof *item);
        if (!item) {
            free(copy);
            return LC_FAIL(err, LC_E_MEMORY, "%s: no memory for %" PRId64 " tensors", tensor->file, more);
        }
        set->item = item;
        *room = more;
    }
    set->item[set->count] = *tensor;
    set->item[set->count++].name = copy;
    return LC_OK;
}

static int item_compare(const void *a, const void *b)
{
    return strcmp(((const struct lc_tensor *)a)->name, ((const struct lc_tensor *)b)->name);
}

int lc_tensors_finish(struct lc_tensors *set, struct lc_err *err)
{
    if (set->count > 1)
        qsort(set->item, (size_t)set->count, sizeof *set->item, item_compare);
    for (int64_t i = 1; i < set->count; i++)
        if (strcmp(set->item[i - 1].name, set->item[i].name) == 0)
            return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s occurs twice (also in %s)", set->item[i].file,
                           set->item[i].name, set->item[i - 1].file);
    for (int64_t i = 0; i < set->count; i++)
        if (!set->item[i].data)
            set->item[i].data = set->item[i].scalar;
    return LC_OK;
}

void lc_tensors_close(struct lc_tensors *set)
{
    for (int64_t i = 0; i < set->count; i++)
        free(set->item[i].name);
    for (int64_t i = 0; i < set->maps; i++) {
        free(set->path[i]);
        lc_map_close(&set->map[i]);
    }
    free(set->item);
    free(set->map);
    free(set->path);
    *set = (struct lc_tensors){0};
}

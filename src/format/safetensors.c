/* Format: 8 bytes little-endian header length n, n bytes of JSON {name: {dtype, shape, data_offsets}}, then
 * the data, which the tensors cover without overlap or hole. Source: github.com/huggingface/safetensors,
 * README "Format". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format_internal.h"
#include "lightcone/memory.h"

enum { HEADER_MAX = 100000000, INDEX_MAX = 100000000, SHARDS_MAX = 4096 };

static int dtype_find(const char *name, enum lc_dtype *out)
{
    for (int d = LC_F64; d <= LC_BOOL; d++)
        if (strcmp(lc_dtype_name((enum lc_dtype)d), name) == 0) {
            *out = (enum lc_dtype)d;
            return 1;
        }
    return 0;
}

/* Elements of an array of non-negative integers; -1 when it is something else. */
static int read_integers(const json_t *array, int most, int64_t *out)
{
    size_t n = json_array_size(array);

    if (!json_is_array(array) || n > (size_t)most)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return -1;
        out[i] = json_integer_value(value);
    }
    return (int)n;
}

static int product(const struct lc_tensor *t, int64_t *count, int64_t *bytes)
{
    *count = 1;
    for (int i = 0; i < t->rank; i++)
        if (lc_mul_overflows(*count, t->shape[i], count))
            return 1;
    return lc_mul_overflows(*count, (int64_t)lc_dtype_size(t->dtype), bytes);
}

/* One header entry into *t, whose data pointer is set relative to `data` (of `size` bytes). */
static int entry_read(struct lc_tensor *t, const char *path, const char *name, const json_t *entry,
                      const unsigned char *data, size_t size, struct lc_err *err)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    char shape[200];
    int64_t span[2], bytes;

    *t = (struct lc_tensor){.file = path};
    if (!json_is_object(entry) || !dtype)
        return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s has no dtype text", path, name);
    if (!dtype_find(dtype, &t->dtype))
        return LC_FAIL(
            err, LC_E_FORMAT,
            "%s: tensor %s has dtype '%.32s'; allowed: F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL",
            path, name, dtype);
    t->rank = read_integers(json_object_get(entry, "shape"), LC_TENSOR_RANK, t->shape);
    if (t->rank < 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s: shape is not a list of at most %d sizes", path, name,
                       LC_TENSOR_RANK);
    if (read_integers(json_object_get(entry, "data_offsets"), 2, span) != 2)
        return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s: data_offsets is not [begin, end]", path, name);
    if (span[0] > span[1] || (uint64_t)span[1] > size)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: tensor %s: data_offsets [%" PRId64 ", %" PRId64
                       "] do not lie in the %zu bytes of data",
                       path, name, span[0], span[1], size);
    lc_shape_text(shape, sizeof shape, t->rank, t->shape);
    if (product(t, &t->count, &bytes))
        return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s: shape %s is too large", path, name, shape);
    if (bytes != span[1] - span[0])
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: tensor %s: shape %s of %s takes %" PRId64
                       " bytes, but its data_offsets hold %" PRId64,
                       path, name, shape, dtype, bytes, span[1] - span[0]);
    t->data = data + span[0];
    return LC_OK;
}

static int place_compare(const void *a, const void *b)
{
    const struct lc_tensor *x = a, *y = b;

    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->count > 0) - (y->count > 0);
}

/* The tensors from item `first` on must cover the data exactly. */
static int check_cover(struct lc_tensors *set, int64_t first, const char *path, const unsigned char *data,
                       size_t size, struct lc_err *err)
{
    const unsigned char *end = data;

    if (set->count > first)
        qsort(set->item + first, (size_t)(set->count - first), sizeof *set->item, place_compare);
    for (int64_t i = first; i < set->count; i++) {
        const struct lc_tensor *t = &set->item[i];
        if (t->data < end)
            return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s overlaps the one before it", path, t->name);
        if (t->data > end)
            return LC_FAIL(err, LC_E_FORMAT, "%s: a hole of %td bytes before tensor %s", path, t->data - end,
                           t->name);
        end = t->data + (size_t)t->count * lc_dtype_size(t->dtype);
    }
    if (end != data + size)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %td bytes of data belong to no tensor", path,
                       data + size - end);
    return LC_OK;
}

static int header_length(struct lc_map bytes, const char *path, size_t *out, struct lc_err *err)
{
    uint64_t n = 0;

    if (bytes.size < 8)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %zu bytes are too few for a safetensors file", path,
                       bytes.size);
    for (int i = 7; i >= 0; i--)
        n = n << 8 | bytes.data[i];
    if (n > HEADER_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: header of %" PRIu64 " bytes; allowed: at most %d", path, n,
                       HEADER_MAX);
    if (n > bytes.size - 8)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: header of %" PRIu64 " bytes in a file of %zu: truncated, or not safetensors",
                       path, n, bytes.size);
    if (n == 0 || bytes.data[8] != '{')
        return LC_FAIL(err, LC_E_FORMAT, "%s: the header does not begin with '{': not a safetensors file",
                       path);
    *out = (size_t)n;
    return LC_OK;
}

/* Append the tensors of one file; the set owns `path` already. */
static int file_read(struct lc_tensors *set, int64_t *room, const char *path, struct lc_map bytes,
                     struct lc_err *err)
{
    struct lc_json header = {0};
    struct lc_tensor tensor;
    const unsigned char *data;
    const char *name;
    int64_t first = set->count;
    json_t *entry;
    size_t n = 0, size;
    int rc = header_length(bytes, path, &n, err);

    if (rc != LC_OK)
        return rc;
    data = bytes.data + 8 + n;
    size = bytes.size - 8 - n;
    LC_TRY(rc, lc_json_parse(&header, path, bytes.data + 8, n, err));
    json_object_foreach(header.root, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        LC_TRY(rc, entry_read(&tensor, path, name, entry, data, size, err));
        LC_TRY(rc, lc_tensors_add(set, room, &tensor, name, err));
    }
    rc = check_cover(set, first, path, data, size, err);
done:
    lc_json_close(&header);
    return rc;
}

/* Map one file and append its tensors. */
static int shard_open(struct lc_tensors *set, int64_t *room, const char *path, struct lc_err *err)
{
    struct lc_map map;
    const char *kept;
    int rc = lc_tensors_map(set, path, &kept, &map, err);

    return rc == LC_OK ? file_read(set, room, kept, map, err) : rc;
}

static int close_unless(int rc, struct lc_tensors *set)
{
    if (rc != LC_OK)
        lc_tensors_close(set);
    return rc;
}

int lc_safetensors_parse(struct lc_tensors *set, const char *path, struct lc_map bytes, struct lc_err *err)
{
    const char *kept;
    int64_t room = 0;
    int rc;

    *set = (struct lc_tensors){0};
    LC_TRY(rc, lc_tensors_keep(set, path, (struct lc_map){0}, &kept, err));
    LC_TRY(rc, file_read(set, &room, kept, bytes, err));
    rc = lc_tensors_finish(set, err);
done:
    return close_unless(rc, set);
}

int lc_safetensors_open(struct lc_tensors *set, const char *path, struct lc_err *err)
{
    int64_t room = 0;
    int rc;

    *set = (struct lc_tensors){0};
    LC_TRY(rc, shard_open(set, &room, path, err));
    rc = lc_tensors_finish(set, err);
done:
    return close_unless(rc, set);
}

static int shard_known(const struct lc_tensors *set, const char *name)
{
    for (int64_t i = 0; i < set->maps; i++)
        if (strcmp(lc_path_name(set->path[i]), name) == 0)
            return 1;
    return 0;
}

static int shard_name(const struct lc_json *index, const char *tensor, const json_t *value, const char **out,
                      struct lc_err *err)
{
    const char *shard = json_string_value(value);

    if (!shard || shard[0] == '\0' || strchr(shard, '/') || strchr(shard, '\\') || strcmp(shard, ".") == 0 ||
        strcmp(shard, "..") == 0)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: weight_map: the shard of %s is '%.200s'; allowed: a plain file name", index->path,
                       tensor, shard ? shard : "(not a text)");
    *out = shard;
    return LC_OK;
}

/* Open every shard once, in the order in which weight_map names them. */
static int shards_open(struct lc_tensors *set, const char *folder, const struct lc_json *index,
                       json_t *weight_map, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    const char *tensor, *shard = "";
    int64_t room = 0;
    json_t *value;
    int rc;

    json_object_foreach(weight_map, tensor, value)
    {
        LC_TRY(rc, shard_name(index, tensor, value, &shard, err));
        if (shard_known(set, shard))
            continue;
        if (set->maps == SHARDS_MAX)
            return LC_FAIL(err, LC_E_FORMAT, "%s: weight_map names more than %d files", index->path,
                           SHARDS_MAX);
        LC_TRY(rc, lc_path_join(path, folder, shard, err));
        if (!lc_path_is_file(path))
            return LC_FAIL(err, LC_E_IO, "%s: weight_map names the shard %s, which is missing", index->path,
                           shard);
        LC_TRY(rc, shard_open(set, &room, path, err));
    }
    rc = lc_tensors_finish(set, err);
done:
    return rc;
}

/* Every tensor of weight_map must lie in the shard that is named for it. */
static int check_index(const struct lc_tensors *set, const struct lc_json *index, json_t *weight_map,
                       struct lc_err *err)
{
    const char *name;
    json_t *value;

    json_object_foreach(weight_map, name, value)
    {
        const struct lc_tensor *t = lc_tensors_find(set, name);
        if (!t || strcmp(lc_path_name(t->file), json_string_value(value)) != 0)
            return LC_FAIL(err, LC_E_FORMAT, "%s: weight_map says that tensor %s is in %s; it is %s%s",
                           index->path, name, json_string_value(value), t ? "in " : "not there",
                           t ? lc_path_name(t->file) : "");
    }
    return LC_OK;
}

static int index_open(struct lc_tensors *set, const char *folder, const char *path, struct lc_err *err)
{
    struct lc_json index;
    json_t *weight_map;
    int rc = lc_json_open(&index, path, INDEX_MAX, err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_json_object(&index, NULL, "weight_map", 1, &weight_map, err));
    LC_TRY(rc, shards_open(set, folder, &index, weight_map, err));
    rc = check_index(set, &index, weight_map, err);
done:
    lc_json_close(&index);
    return rc;
}

int lc_safetensors_open_folder(struct lc_tensors *set, const char *folder, const char *stem,
                               struct lc_err *err)
{
    char name[256], path[LC_PATH_MAX], index[LC_PATH_MAX];
    int rc;

    *set = (struct lc_tensors){0};
    snprintf(name, sizeof name, "%s.safetensors", stem);
    LC_TRY(rc, lc_path_join(path, folder, name, err));
    if (lc_path_is_file(path))
        return lc_safetensors_open(set, path, err);
    snprintf(name, sizeof name, "%s.safetensors.index.json", stem);
    LC_TRY(rc, lc_path_join(index, folder, name, err));
    if (!lc_path_is_file(index))
        return LC_FAIL(err, LC_E_IO, "%s: neither %s.safetensors nor %s is there", folder, stem, name);
    rc = index_open(set, folder, index, err);
done:
    return close_unless(rc, set);
}

/* torch.save() archives: a zip whose entries are stored, TOP/data.pkl the pickle, TOP/data/KEY the storages.
 * libzip reads the directory; the bytes are used where they lie in the mapping, so that a file of gigabytes
 * is not copied to look at its shapes. Source: torch/serialization.py, caffe2/serialize/inline_container.cc
 * of PyTorch. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "format_internal.h"

enum { LOCAL_HEADER = 30, DEPTH_MAX = 16, VISITS_MAX = 1 << 20, NAME_MAX_BYTES = 512 };

struct archive {
    const char *path;
    struct lc_map bytes;
    uint64_t cursor;     /* where libzip reads */
    uint64_t first_seek; /* where libzip went first since this was UINT64_MAX */
    zip_error_t error;
    zip_t *zip;
    char top[256]; /* folder of all entries, with the slash */
};

/* --- a libzip source over the mapping that knows where it was read --- */

static zip_int64_t source_read(struct archive *a, void *data, zip_uint64_t length)
{
    uint64_t left = a->bytes.size - a->cursor;

    if (length > left)
        length = left;
    memcpy(data, a->bytes.data + a->cursor, length);
    a->cursor += length;
    return (zip_int64_t)length;
}

static zip_int64_t source_stat(const struct archive *a, void *data, zip_uint64_t length)
{
    zip_stat_t *st = data;

    if (length < sizeof *st)
        return -1;
    zip_stat_init(st);
    st->valid = ZIP_STAT_SIZE;
    st->size = a->bytes.size;
    return (zip_int64_t)sizeof *st;
}

static zip_int64_t source_call(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
    struct archive *a = context;
    zip_int64_t place;

    switch (command) {
    case ZIP_SOURCE_OPEN:
        a->cursor = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return source_read(a, data, length);
    case ZIP_SOURCE_SEEK:
        place = zip_source_seek_compute_offset(a->cursor, a->bytes.size, data, length, &a->error);
        if (place < 0)
            return -1;
        a->cursor = (uint64_t)place;
        if (a->first_seek == UINT64_MAX)
            a->first_seek = a->cursor;
        return 0;
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)a->cursor;
    case ZIP_SOURCE_STAT:
        return source_stat(a, data, length);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&a->error, data, length);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_SEEK,
                                              ZIP_SOURCE_TELL, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
                                              ZIP_SOURCE_CLOSE, ZIP_SOURCE_FREE, -1);
    default:
        zip_error_set(&a->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* --- entries --- */

/* libzip does not tell where an entry lies, but opening one makes it go to its local header first. */
static int local_header(struct archive *a, zip_uint64_t index, const char *name, uint64_t *at,
                        struct lc_err *err)
{
    zip_file_t *file;

    a->first_seek = UINT64_MAX;
    file = zip_fopen_index(a->zip, index, ZIP_FL_UNCHANGED);
    if (!file)
        return LC_FAIL(err, LC_E_FORMAT, "%s: zip entry '%s': %s", a->path, name, zip_strerror(a->zip));
    zip_fclose(file);
    if (a->first_seek == UINT64_MAX)
        return LC_FAIL(err, LC_E_LIBRARY, "%s: libzip does not show where entry '%s' lies", a->path, name);
    *at = a->first_seek;
    return LC_OK;
}

/* The entry's bytes in the mapping. The header that was found is checked against the name, so that a libzip
 * that reads in another order leads to this message and not to other bytes. */
static int entry_place(struct archive *a, const zip_stat_t *st, struct lc_map *out, struct lc_err *err)
{
    const unsigned char *p;
    uint64_t at = 0, name_size, skip;
    int rc = local_header(a, st->index, st->name, &at, err);

    if (rc != LC_OK)
        return rc;
    if (at > a->bytes.size || a->bytes.size - at < LOCAL_HEADER)
        return LC_FAIL(err, LC_E_FORMAT, "%s: zip entry '%s' begins past the end of the file", a->path,
                       st->name);
    p = a->bytes.data + at;
    name_size = (uint64_t)p[26] | (uint64_t)p[27] << 8;
    skip = LOCAL_HEADER + name_size + ((uint64_t)p[28] | (uint64_t)p[29] << 8);
    if (a->bytes.size - at < skip || memcmp(p, "PK\3\4", 4) != 0 || name_size != strlen(st->name) ||
        memcmp(p + LOCAL_HEADER, st->name, name_size) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: zip entry '%s' has no local header of its own", a->path,
                       st->name);
    if (st->size > a->bytes.size - at - skip)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: zip entry '%s' of %" PRIu64 " bytes runs past the end of the file", a->path,
                       st->name, (uint64_t)st->size);
    *out = (struct lc_map){.data = p + skip, .size = st->size};
    return LC_OK;
}

/* Bytes of an entry; LC_E_FORMAT when it is compressed, encrypted or otherwise not simply there. */
static int entry_find(struct archive *a, const char *name, struct lc_map *out, struct lc_err *err)
{
    const zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_INDEX | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    zip_stat_t st;

    if (zip_stat(a->zip, name, ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW, &st) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: zip entry '%s' is missing", a->path, name);
    if ((st.valid & wanted) != wanted || st.encryption_method != ZIP_EM_NONE)
        return LC_FAIL(err, LC_E_FORMAT, "%s: zip entry '%s' is encrypted or incomplete", a->path, name);
    if (st.comp_method != ZIP_CM_STORE || st.comp_size != st.size)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: zip entry '%s' is compressed (method %d, %" PRIu64 " bytes declared from %" PRIu64
                       "); allowed: stored entries, as torch.save writes them",
                       a->path, name, st.comp_method, (uint64_t)st.size, (uint64_t)st.comp_size);
    if (st.size == 0) { /* libzip does not look for these */
        *out = (struct lc_map){.data = a->bytes.data, .size = 0};
        return LC_OK;
    }
    return entry_place(a, &st, out, err);
}

/* The folder that holds data.pkl: exactly one, at the top. */
static int find_top(struct archive *a, struct lc_err *err)
{
    static const char tail[] = "/data.pkl";
    zip_int64_t n = zip_get_num_entries(a->zip, ZIP_FL_UNCHANGED);

    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW);
        const char *slash = name ? strchr(name, '/') : NULL;
        if (!slash || strcmp(slash, tail) != 0)
            continue;
        if (a->top[0] || (size_t)(slash - name) + 2 > sizeof a->top)
            return LC_FAIL(err, LC_E_FORMAT,
                           "%s: more than one folder (or one with a long name) holds data.pkl", a->path);
        snprintf(a->top, sizeof a->top, "%.*s/", (int)(slash - name), name);
    }
    if (!a->top[0])
        return LC_FAIL(err, LC_E_FORMAT, "%s: a zip without data.pkl: not a torch.save file", a->path);
    return LC_OK;
}

static int entry_named(struct archive *a, const char *name, struct lc_map *out, struct lc_err *err)
{
    char full[sizeof a->top + NAME_MAX_BYTES];

    snprintf(full, sizeof full, "%s%s", a->top, name);
    return entry_find(a, full, out, err);
}

static int storage_find(void *context, const char *key, size_t key_size, struct lc_map *bytes,
                        struct lc_err *err)
{
    struct archive *a = context;
    char name[80];

    if (key_size > 64 || key_size == 0 || memchr(key, '\0', key_size))
        return LC_FAIL(err, LC_E_FORMAT, "%s: a storage key of %zu bytes; allowed: 1 to 64", a->path,
                       key_size);
    snprintf(name, sizeof name, "data/%.*s", (int)key_size, key);
    return entry_named(a, name, bytes, err);
}

static int check_byte_order(struct archive *a, struct lc_err *err)
{
    char name[sizeof a->top + 16];
    struct lc_map order;
    int rc;

    snprintf(name, sizeof name, "%sbyteorder", a->top);
    if (zip_name_locate(a->zip, name, ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW) < 0)
        return LC_OK;
    rc = entry_find(a, name, &order, err);
    if (rc == LC_OK && (order.size != 6 || memcmp(order.data, "little", 6) != 0))
        return LC_FAIL(err, LC_E_FORMAT, "%s: byteorder is not 'little'; save it on a little-endian machine",
                       a->path);
    return rc;
}

static int archive_open(struct archive *a, struct lc_err *err)
{
    zip_source_t *source;

    if (a->bytes.size >= 2 && a->bytes.data[0] == 0x80 && a->bytes.data[1] <= 5)
        return LC_FAIL(
            err, LC_E_FORMAT,
            "%s: a bare pickle (torch.save before PyTorch 1.6), which is not read; convert it with "
            "torch.save(torch.load(path, weights_only=True), path)",
            a->path);
    if (a->bytes.size < 4 || memcmp(a->bytes.data, "PK\3\4", 4) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: not a zip file, so not a torch.save file", a->path);
    zip_error_init(&a->error);
    source = zip_source_function_create(source_call, a, &a->error);
    if (!source)
        return LC_FAIL(err, LC_E_MEMORY, "%s: no memory for libzip", a->path);
    a->zip = zip_open_from_source(source, ZIP_RDONLY, &a->error);
    if (!a->zip) {
        LC_FAIL(err, LC_E_FORMAT, "%s: not a whole zip file: %s", a->path, zip_error_strerror(&a->error));
        zip_source_free(source);
        return err->code;
    }
    return find_top(a, err);
}

static void archive_close(struct archive *a)
{
    if (a->zip)
        zip_discard(a->zip);
    zip_error_fini(&a->error);
}

/* --- a dict of tensors as a set --- */

struct flattening {
    struct lc_tensors *set;
    int64_t room, visits;
    const char *path;
    char name[NAME_MAX_BYTES];
};

static int flatten_leaf(struct flattening *f, const struct lc_value *v, struct lc_err *err)
{
    struct lc_tensor t = {.count = 1, .file = f->path};

    switch (v->kind) {
    case LC_VALUE_TENSOR:
        t = *v->as.tensor;
        t.file = f->path;
        break;
    case LC_VALUE_INT:
        t.dtype = LC_I64;
        memcpy(t.scalar, &v->as.integer, sizeof v->as.integer);
        break;
    case LC_VALUE_REAL:
        t.dtype = LC_F64;
        memcpy(t.scalar, &v->as.real, sizeof v->as.real);
        break;
    case LC_VALUE_BOOL:
        t.dtype = LC_BOOL;
        t.scalar[0] = (unsigned char)v->as.integer;
        break;
    default:
        return LC_OK;
    }
    return lc_tensors_add(f->set, &f->room, &t, f->name, err);
}

/* Write the key behind the name so far (of `used` bytes). */
static int flatten_key(struct flattening *f, size_t used, const struct lc_value *key, struct lc_err *err)
{
    size_t room = sizeof f->name - used;
    int n;

    if (key->kind == LC_VALUE_INT)
        n = snprintf(f->name + used, room, "%s%" PRId64, used ? "." : "", key->as.integer);
    else if (key->kind != LC_VALUE_TEXT || memchr(key->as.text.bytes, '\0', key->as.text.size))
        return LC_FAIL(err, LC_E_FORMAT, "%s: a dict has a %s as a key; allowed: texts and integers", f->path,
                       lc_value_kind_name(key->kind));
    else if (key->as.text.size >= room)
        n = (int)sizeof f->name;
    else
        n = snprintf(f->name + used, room, "%s%.*s", used ? "." : "", (int)key->as.text.size,
                     key->as.text.bytes);
    if (n < 0 || (size_t)n >= room)
        return LC_FAIL(err, LC_E_FORMAT, "%s: a tensor's name is longer than %d bytes", f->path,
                       NAME_MAX_BYTES - 1);
    return LC_OK;
}

/* Depth and visits are bounded: a hostile tree can contain itself, or one dict many times. */
static int flatten(struct flattening *f, const struct lc_value *dict, int depth, struct lc_err *err)
{
    size_t used = strlen(f->name);
    int rc = LC_OK;

    if (depth == DEPTH_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: dicts nest deeper than %d", f->path, DEPTH_MAX);
    for (int64_t i = 0; rc == LC_OK && i < dict->as.list.count; i += 2) {
        const struct lc_value *value = dict->as.list.item[i + 1];
        if (++f->visits > VISITS_MAX)
            return LC_FAIL(err, LC_E_FORMAT, "%s: more than %d values in its dicts", f->path, VISITS_MAX);
        rc = flatten_key(f, used, dict->as.list.item[i], err);
        if (rc == LC_OK)
            rc = value->kind == LC_VALUE_DICT ? flatten(f, value, depth + 1, err)
                                              : flatten_leaf(f, value, err);
        f->name[used] = '\0';
    }
    return rc;
}

static int state_dict_read(struct lc_tensors *set, const char *path, const struct lc_pickle *pickle,
                           struct lc_err *err)
{
    struct flattening f = {.set = set, .path = path};
    int rc;

    if (pickle->root->kind != LC_VALUE_DICT)
        return LC_FAIL(err, LC_E_FORMAT, "%s: holds a %s; wanted: a dict of tensors", path,
                       lc_value_kind_name(pickle->root->kind));
    rc = flatten(&f, pickle->root, 0, err);
    return rc == LC_OK ? lc_tensors_finish(set, err) : rc;
}

/* Read the archive's tensors into a set that owns `path` already. */
static int archive_read(struct lc_tensors *set, const char *path, struct lc_map bytes, struct lc_err *err)
{
    struct archive a = {.path = path, .bytes = bytes};
    struct lc_pickle_storages storages = {storage_find, &a};
    struct lc_pickle pickle = {0};
    struct lc_map data;
    int rc;

    LC_TRY(rc, archive_open(&a, err));
    LC_TRY(rc, check_byte_order(&a, err));
    LC_TRY(rc, entry_named(&a, "data.pkl", &data, err));
    LC_TRY(rc, lc_pickle_parse(&pickle, path, data, &storages, err));
    rc = state_dict_read(set, path, &pickle, err);
done:
    lc_pickle_release(&pickle);
    archive_close(&a);
    return rc;
}

int lc_torch_parse(struct lc_tensors *set, const char *path, struct lc_map bytes, struct lc_err *err)
{
    const char *kept;
    int rc;

    *set = (struct lc_tensors){0};
    LC_TRY(rc, lc_tensors_keep(set, path, (struct lc_map){0}, &kept, err));
    rc = archive_read(set, kept, bytes, err);
done:
    if (rc != LC_OK)
        lc_tensors_close(set);
    return rc;
}

int lc_torch_open(struct lc_tensors *set, const char *path, struct lc_err *err)
{
    struct lc_map map;
    const char *kept;
    int rc;

    *set = (struct lc_tensors){0};
    rc = lc_tensors_map(set, path, &kept, &map, err);
    if (rc == LC_OK)
        rc = archive_read(set, kept, map, err);
    if (rc != LC_OK)
        lc_tensors_close(set);
    return rc;
}

/* torch.save() archives: a zip whose entries are stored, TOP/data.pkl the pickle, TOP/data/KEY the storages.
 * libzip reads the directory; the bytes are used where they lie in the mapping, so that a file of gigabytes
 * is not copied to look at its shapes. Source: torch/serialization.py, caffe2/serialize/inline_container.cc
 * of PyTorch. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "format_internal.h"

enum { LOCAL_HEADER = 30, NAME_MAX_BYTES = 512 };

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
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_CLOSE, ZIP_SOURCE_FREE, -1);
    default:
        zip_error_set(&a->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* --- entries --- */

/* libzip does not tell where an entry lies, but opening one makes it go to its local header first. */
static int local_header(struct archive *a, zip_uint64_t index, const char *name, uint64_t *at, struct lc_err *err)
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
        return LC_FAIL(err, LC_E_FORMAT, "%s: zip entry '%s' begins past the end of the file", a->path, st->name);
    p = a->bytes.data + at;
    name_size = (uint64_t)p[26] | (uint64_t)p[27] << 8;
    skip = LOCAL_HEADER + name_size + ((uint64_t)p[28] | (uint64_t)p[29] << 8);
    if (a->bytes.size - at < skip || memcmp(p, "PK\3\4", 4) != 0 || name_size != strlen(st->name) ||
        memcmp(p + LOCAL_HEADER, st->name, name_size) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: zip entry '%s' has no local header of its own", a->path, st->name);
    if (st->size > a->bytes.size - at - skip)
        return LC_FAIL(err, LC_E_FORMAT, "%s: zip entry '%s' of %" PRIu64 " bytes runs past the end of the file",
                       a->path, st->name, (uint64_t)st->size);
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
            return LC_FAIL(err, LC_E_FORMAT, "%s: more than one folder (or one with a long name) holds data.pkl",
                           a->path);
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

static int storage_find(void *context, const struct lc_storage_id *id, struct lc_map *bytes, struct lc_err *err)
{
    struct archive *a = context;
    char name[80];

    if (id->key_size > 64 || id->key_size == 0 || memchr(id->key, '\0', id->key_size))
        return LC_FAIL(err, LC_E_FORMAT, "%s: a storage key of %zu bytes; allowed: 1 to 64", a->path, id->key_size);
    snprintf(name, sizeof name, "data/%.*s", (int)id->key_size, id->key);
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
        return LC_FAIL(err, LC_E_FORMAT, "%s: byteorder is not 'little'; save it on a little-endian machine", a->path);
    return rc;
}

static int archive_open(struct archive *a, struct lc_err *err)
{
    zip_source_t *source;

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

static int zip_pickle(struct lc_pickle *pickle, const char *path, struct lc_map bytes, struct lc_err *err)
{
    struct archive a = {.path = path, .bytes = bytes};
    struct lc_pickle_storages storages = {storage_find, &a};
    struct lc_map data;
    int rc;

    LC_TRY(rc, archive_open(&a, err));
    LC_TRY(rc, check_byte_order(&a, err));
    LC_TRY(rc, entry_named(&a, "data.pkl", &data, err));
    rc = lc_pickle_parse(pickle, path, data, &storages, err);
done:
    archive_close(&a);
    return rc;
}

int lc_torch_pickle(struct lc_pickle *pickle, const char *path, struct lc_map bytes, struct lc_err *err)
{
    *pickle = (struct lc_pickle){0};
    if (bytes.size >= 2 && bytes.data[0] == 0x80 && bytes.data[1] <= 5)
        return lc_torch_legacy_pickle(pickle, path, bytes, err);
    return zip_pickle(pickle, path, bytes, err);
}

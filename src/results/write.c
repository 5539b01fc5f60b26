/* Writing RESULT.h5. Deterministic: no object times, contiguous layout, groups and attributes in the order of
 * the calls. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hdf5_call.h"
#include "lightcone/file.h"
#include "lightcone/memory.h"

enum {
    TEXT_MAX = 60000,      /* an attribute must fit in an object header's message of 64 KiB */
    MEMORY_STEP = 1 << 20, /* growth of the file while it is in memory, bytes */
};

/* A creation property list of `kind` that records no times. */
static hid_t timeless(hid_t kind)
{
    hid_t list = H5Pcreate(kind);

    if (list >= 0 && H5Pset_obj_track_times(list, 0) < 0) {
        H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

static void result_free(struct lc_result *r)
{
    if (!r)
        return;
    if (r->file >= 0)
        H5Fclose(r->file);
    free(r->reserved);
    free(r->path);
    free(r);
}

/* The file is built in memory and written whole: HDF5 crashes at exit over a file whose metadata it could not
 * write. */
static int open_memory(struct lc_result *r, struct lc_err *err)
{
    hid_t creation = timeless(H5P_FILE_CREATE), access = lc_hdf5_access();
    char name[LC_PATH_MAX +
              16]; /* not the path itself: HDF5 would first read what an older file there holds */

    snprintf(name, sizeof name, "%s.memory", r->path);
    if (creation >= 0 && access >= 0 && H5Pset_fapl_core(access, MEMORY_STEP, 0) >= 0)
        r->file = H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
    if (r->file < 0)
        lc_hdf5_fail(r, "", "cannot be made", err);
    if (creation >= 0)
        H5Pclose(creation);
    if (access >= 0)
        H5Pclose(access);
    return err->code;
}

/* What stands at `path` would be replaced: only a result may be, or an empty file. */
static int check_replaced(const char *path, struct lc_err *err)
{
    static const unsigned char signature[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    struct lc_map map;
    int is_result;

    if (lc_path_is_folder(path))
        return LC_FAIL(err, LC_E_IO, "%s: cannot be written: it is a folder", path);
    if (access(path, F_OK) != 0)
        return LC_OK;
    if (!lc_path_is_file(path))
        return LC_FAIL(err, LC_E_IO, "%s: cannot be written: it is not a regular file", path);
    if (lc_map_open(&map, path, err) != LC_OK)
        return err->code;
    is_result = map.size == 0 || (map.size >= sizeof signature && memcmp(map.data, signature, sizeof signature) == 0);
    lc_map_close(&map);
    if (!is_result)
        return LC_FAIL(err, LC_E_IO, "%s: exists and is no result; allowed: a new name, or a result to be replaced", path);
    return LC_OK;
}

int lc_result_check(const char *path, struct lc_err *err)
{
    char folder[LC_PATH_MAX];
    int rc;

    lc_path_folder(folder, path);
    rc = lc_folder_make(folder, err);
    if (rc != LC_OK)
        return rc;
    if (access(folder, W_OK | X_OK) != 0)
        return LC_FAIL(err, LC_E_IO, "%s: cannot be written: %s: %s", path, folder, strerror(errno));
    return check_replaced(path, err);
}

int lc_result_create(struct lc_result **out, const char *path, struct lc_err *err)
{
    struct lc_result *r = NULL;
    int rc;

    lc_hdf5_quiet();
    LC_TRY(rc, lc_result_check(path, err));
    LC_TRY(rc, LC_ALLOC(&r, 1, "a result", err));
    r->file = H5I_INVALID_HID;
    r->point = -1;
    LC_TRY(rc, lc_strdup(&r->path, path, err));
    LC_TRY(rc, open_memory(r, err));
    LC_TRY(rc, lc_result_put_int(r, NULL, NULL, "lightcone", LC_RESULT_VERSION, err));
    *out = r;
done:
    if (rc != LC_OK)
        result_free(r);
    return rc;
}

void lc_result_at(struct lc_result *r, int64_t point)
{
    r->point = point;
}

int lc_hdf5_image(const struct lc_result *r, const void **data, size_t *size, struct lc_err *err)
{
    void *handle = NULL; /* where the memory driver keeps its pointer to the file's bytes */
    ssize_t bytes = -1;

    if (H5Fflush(r->file, H5F_SCOPE_LOCAL) >= 0 && H5Fget_vfd_handle(r->file, H5P_DEFAULT, &handle) >= 0 &&
        handle)
        bytes = H5Fget_file_image(r->file, NULL, 0);
    if (bytes < 0)
        return lc_hdf5_fail(r, "", "cannot be completed", err);
    *data = *(void **)handle;
    *size = (size_t)bytes;
    return LC_OK;
}

int lc_result_commit(struct lc_result *r, struct lc_err *err)
{
    const void *data = NULL;
    size_t size = 0;
    int rc;

    assert(r->reserved_count == 0);
    rc = lc_hdf5_image(r, &data, &size, err);
    if (rc == LC_OK)
        rc = lc_file_write(r->path, data, size, err);
    result_free(r);
    return rc;
}

void lc_result_abandon(struct lc_result *r)
{
    result_free(r);
}

/* Make the group `path` and those above it. Not H5Pset_create_intermediate_group: that one records times. */
static int make_groups(const struct lc_result *r, const char *path, struct lc_err *err)
{
    char part[LC_RESULT_NAME_MAX];
    hid_t creation = timeless(H5P_GROUP_CREATE), group;

    if (creation < 0)
        return lc_hdf5_fail(r, path, "the group cannot be made", err);
    for (const char *end = path; end && err->code == LC_OK;) {
        end = strchr(end, '/');
        snprintf(part, sizeof part, "%.*s", end ? (int)(end - path) : (int)strlen(path), path);
        end = end ? end + 1 : NULL;
        if (H5Lexists(r->file, part, H5P_DEFAULT) > 0)
            continue;
        group = H5Gcreate2(r->file, part, H5P_DEFAULT, creation, H5P_DEFAULT);
        if (group < 0 || H5Gclose(group) < 0)
            lc_hdf5_fail(r, part, "the group cannot be made", err);
    }
    H5Pclose(creation);
    return err->code;
}

static int make_folder_of(const struct lc_result *r, const char *path, struct lc_err *err)
{
    char folder[LC_RESULT_NAME_MAX];
    const char *slash = strrchr(path, '/');

    if (!slash)
        return LC_OK;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return make_groups(r, folder, err);
}

/* Write one scalar attribute; the types stay the caller's. */
static int put_attribute(const struct lc_result *r, hid_t object, const char *name, const char *key,
                         hid_t file_type, hid_t memory_type, const void *value, struct lc_err *err)
{
    hid_t space = H5Screate(H5S_SCALAR), attribute = H5I_INVALID_HID;
    int bad;

    if (space >= 0)
        attribute = H5Acreate2(object, key, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    bad = attribute < 0 || H5Awrite(attribute, memory_type, value) < 0;
    if (bad)
        lc_hdf5_fail(r, name[0] ? name : key, "the attribute cannot be written", err);
    if (attribute >= 0 && H5Aclose(attribute) < 0)
        bad = 1;
    if (space >= 0)
        H5Sclose(space);
    return bad ? LC_FAIL(err, LC_E_IO, "%s: attribute '%s' cannot be closed", r->path, key) : LC_OK;
}

static int put_attribute_text(const struct lc_result *r, hid_t object, const char *name, const char *key,
                              const char *text, struct lc_err *err)
{
    size_t size = strlen(text) + 1;
    hid_t type;
    int rc;

    if (size > TEXT_MAX)
        return LC_FAIL(err, LC_E_IO, "%s: attribute '%s' has %zu bytes; allowed: %d", r->path, key, size,
                       TEXT_MAX);
    type = H5Tcopy(H5T_C_S1);
    if (type < 0 || H5Tset_size(type, size) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
        rc = lc_hdf5_fail(r, name, "a text type cannot be made", err);
    else
        rc = put_attribute(r, object, name, key, type, type, text, err);
    if (type >= 0)
        H5Tclose(type);
    return rc;
}

/* The shape of a dataset, checked. */
static int make_space(const struct lc_result *r, const char *path, const struct lc_schema_row *row,
                      const int64_t *dim, hid_t *space, int64_t *count, struct lc_err *err)
{
    hsize_t shape[LC_RESULT_RANK_MAX];
    int64_t width = row->type == LC_RESULT_TEXT ? dim[row->rank] : 1, bytes = (int64_t)lc_hdf5_type_size(row->type, width);

    *count = 1;
    if (width < 1 || width > TEXT_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s: texts of %" PRId64 " bytes; allowed: 1 to %d", r->path, path, width,
                       TEXT_MAX);
    for (int i = 0; i < row->rank; i++) {
        if (dim[i] < 0 || lc_mul_overflows(*count, dim[i], count) ||
            lc_mul_overflows(bytes, dim[i] ? dim[i] : 1, &bytes))
            return LC_FAIL(err, LC_E_FORMAT, "%s: %s: dimension %d is %" PRId64, r->path, path, i, dim[i]);
        shape[i] = (hsize_t)dim[i];
    }
    *space = H5Screate_simple(row->rank, shape, NULL);
    return *space < 0 ? lc_hdf5_fail(r, path, "the shape cannot be made", err) : LC_OK;
}

/* Its place in the file is not decided before all ranks fill it: nothing of it is kept in memory. */
static int reserve(struct lc_result *r, const char *path, const struct lc_schema_row *row, int64_t count,
                   struct lc_err *err)
{
    void *more = realloc(r->reserved, (size_t)(r->reserved_count + 1) * sizeof *r->reserved);

    if (!more)
        return LC_FAIL(err, LC_E_MEMORY, "%s: no memory for the name of %s", r->path, path);
    r->reserved = more;
    snprintf(r->reserved[r->reserved_count++], LC_RESULT_NAME_MAX, "%s", path);
    r->reserved_bytes += count * (int64_t)lc_hdf5_type_size(row->type, 1);
    return LC_OK;
}

static int describe(const struct lc_result *r, const char *path, const struct lc_schema_row *row, hid_t set,
                    struct lc_err *err)
{
    int rc;

    LC_TRY(rc, put_attribute_text(r, set, path, "units", row->units, err));
    LC_TRY(rc, put_attribute_text(r, set, path, "description", row->description, err));
done:
    return rc;
}

static hid_t creation_list(int late)
{
    hid_t list = timeless(H5P_DATASET_CREATE);

    if (late && list >= 0 &&
        (H5Pset_alloc_time(list, H5D_ALLOC_TIME_LATE) < 0 || H5Pset_fill_time(list, H5D_FILL_TIME_NEVER) < 0)) {
        H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

/* Make the dataset, and write it at once where there are data. */
static int make_set(const struct lc_result *r, const char *path, const struct lc_schema_row *row, int64_t width, hid_t space,
                    const void *data, hid_t *set, struct lc_err *err)
{
    hid_t creation = creation_list(!data), stored = lc_hdf5_type(row->type, width, 1),
          memory = lc_hdf5_type(row->type, width, 0);

    if (creation >= 0 && stored >= 0)
        *set = H5Dcreate2(r->file, path, stored, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (*set < 0)
        lc_hdf5_fail(r, path, "the dataset cannot be made", err);
    else if (data && H5Sget_simple_extent_npoints(space) > 0 &&
             H5Dwrite(*set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        lc_hdf5_fail(r, path, "cannot be written", err);
    if (memory >= 0)
        H5Tclose(memory);
    if (stored >= 0)
        H5Tclose(stored);
    if (creation >= 0)
        H5Pclose(creation);
    return err->code;
}

/* data NULL: reserved. */
static int put(struct lc_result *r, const char *name, const char *site, const int64_t *dim, const void *data,
               struct lc_err *err)
{
    const struct lc_schema_row *row = lc_schema_find(name);
    char path[LC_RESULT_NAME_MAX];
    hid_t space = H5I_INVALID_HID, set = H5I_INVALID_HID;
    int64_t count;
    int rc;

    if (!row)
        return LC_FAIL(err, LC_E_FORMAT, "%s: '%s' is no dataset of a result's layout", r->path, name);
    LC_TRY(rc, lc_schema_path(path, r->point, name, site, err));
    LC_TRY(rc, make_folder_of(r, path, err));
    LC_TRY(rc, make_space(r, path, row, dim, &space, &count, err));
    LC_TRY(rc, make_set(r, path, row, row->type == LC_RESULT_TEXT ? dim[row->rank] : 1, space, data, &set, err));
    LC_TRY(rc, describe(r, path, row, set, err));
    if (!data && count > 0)
        rc = reserve(r, path, row, count, err);
done:
    if (set >= 0 && H5Dclose(set) < 0 && rc == LC_OK)
        rc = lc_hdf5_fail(r, path, "the dataset cannot be closed", err);
    if (space >= 0)
        H5Sclose(space);
    return rc;
}

int lc_result_put(struct lc_result *r, const char *name, const char *site, const int64_t *dim,
                  const void *data, struct lc_err *err)
{
    static const char nothing[8]; /* of an empty dataset */

    return put(r, name, site, dim, data ? data : nothing, err);
}

int lc_result_reserve(struct lc_result *r, const char *name, const char *site, const int64_t *dim, struct lc_err *err)
{
    return put(r, name, site, dim, NULL, err);
}

/* Open the object that carries attributes, making the group where needed; close with H5Oclose. */
static int open_holder(const struct lc_result *r, const char *group, const char *site,
                       char path[LC_RESULT_NAME_MAX], hid_t *object, struct lc_err *err)
{
    int rc;

    if (group && !lc_schema_has_group(group))
        return LC_FAIL(err, LC_E_FORMAT, "%s: '%s' is no group of a result's layout", r->path, group);
    LC_TRY(rc, lc_schema_path(path, r->point, group, site, err));
    if (path[0] != '/')
        LC_TRY(rc, make_groups(r, path, err));
    *object = H5Oopen(r->file, path, H5P_DEFAULT);
    rc = *object < 0 ? lc_hdf5_fail(r, path, "cannot be opened", err) : LC_OK;
done:
    return rc;
}

int lc_result_put_text(struct lc_result *r, const char *group, const char *site, const char *key,
                       const char *text, struct lc_err *err)
{
    char path[LC_RESULT_NAME_MAX];
    hid_t object = H5I_INVALID_HID;
    int rc = open_holder(r, group, site, path, &object, err);

    if (rc != LC_OK)
        return rc;
    rc = put_attribute_text(r, object, path, key, text, err);
    H5Oclose(object);
    return rc;
}

int lc_result_put_real(struct lc_result *r, const char *group, const char *site, const char *key,
                       double value, struct lc_err *err)
{
    char path[LC_RESULT_NAME_MAX];
    hid_t object = H5I_INVALID_HID;
    int rc = open_holder(r, group, site, path, &object, err);

    if (rc != LC_OK)
        return rc;
    rc = put_attribute(r, object, path, key, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, err);
    H5Oclose(object);
    return rc;
}

int lc_result_put_int(struct lc_result *r, const char *group, const char *site, const char *key,
                      int64_t value, struct lc_err *err)
{
    char path[LC_RESULT_NAME_MAX];
    hid_t object = H5I_INVALID_HID;
    int rc = open_holder(r, group, site, path, &object, err);

    if (rc != LC_OK)
        return rc;
    rc = put_attribute(r, object, path, key, H5T_STD_I64LE, H5T_NATIVE_INT64, &value, err);
    H5Oclose(object);
    return rc;
}

/* Reading RESULT.h5, which may come from anyone: only hard links, only contiguous datasets whose bytes are in
 * this very file, types and ranks as the schema says. So nothing larger than the file is ever allocated. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hdf5_call.h"
#include "lightcone/memory.h"

enum { SITES_MAX = 4096, TEXT_MAX = 1 << 20 };

/* 1 when every component of path is a hard link: soft and external links lead elsewhere. */
static int path_is_plain(const struct lc_result *r, const char *path)
{
    char part[LC_RESULT_NAME_MAX];
    H5L_info_t info;

    for (const char *end = path; end;) {
        end = strchr(end, '/');
        snprintf(part, sizeof part, "%.*s", end ? (int)(end - path) : (int)strlen(path), path);
        end = end ? end + 1 : NULL;
        if (H5Lexists(r->file, part, H5P_DEFAULT) <= 0 ||
            H5Lget_info(r->file, part, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
            return 0;
    }
    return 1;
}

int lc_hdf5_has(const struct lc_result *r, const char *path, H5O_type_t kind)
{
    H5O_info_t info;

    return path_is_plain(r, path) &&
           H5Oget_info_by_name2(r->file, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 && info.type == kind;
}

struct site_list {
    struct lc_result *r;
    struct lc_err *err;
};

static herr_t site_add(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    struct site_list *list = data;
    struct lc_result *r = list->r;
    char path[LC_RESULT_NAME_MAX];

    (void)group;
    if (info->type != H5L_TYPE_HARD || lc_schema_path(path, -1, "sites/SITE", name, list->err) != LC_OK) {
        LC_FAIL(list->err, LC_E_FORMAT, "%s: sites: '%.64s' is no site", r->path, name);
        return -1;
    }
    for (int64_t i = 0; i < r->n_sites; i++)
        if (strcmp(r->sites[i], name) == 0)
            return 0;
    if (r->n_sites == SITES_MAX) {
        LC_FAIL(list->err, LC_E_FORMAT, "%s: more than %d sites", r->path, SITES_MAX);
        return -1;
    }
    return lc_strdup(&r->sites[r->n_sites++], name, list->err) == LC_OK ? 0 : -1;
}

/* the last number in a site's name (resid_out_layer3, blocks.3.hook_resid_post), -1 without one */
static long site_layer(const char *name)
{
    const char *digits = "0123456789", *p = name + strlen(name);

    while (p > name && !strchr(digits, p[-1]))
        p--;
    if (p == name)
        return -1;
    while (p > name && strchr(digits, p[-1]))
        p--;
    return strtol(p, NULL, 10);
}

int lc_result_site_order(const char *a, const char *b)
{
    long m = site_layer(a), n = site_layer(b);

    return m != n ? (m > n) - (m < n) : strcmp(a, b);
}

static int site_compare(const void *a, const void *b)
{
    return lc_result_site_order(*(char *const *)a, *(char *const *)b);
}

/* The sites of the file itself (point -1) or of one point; none is no error. */
static int sites_add(struct lc_result *r, int64_t point, struct lc_err *err)
{
    struct site_list list = {r, err};
    char path[LC_RESULT_NAME_MAX];
    int rc;

    LC_TRY(rc, lc_schema_path(path, point, "sites", NULL, err));
    if (!path_is_plain(r, path))
        return LC_OK;
    if (H5Literate_by_name(r->file, path, H5_INDEX_NAME, H5_ITER_INC, NULL, site_add, &list, H5P_DEFAULT) < 0)
        return err->code != LC_OK ? err->code : lc_hdf5_fail(r, path, "cannot be listed", err);
done:
    return rc;
}

/* Points are numbered from 0 without a gap; what has a point's name must be one. */
static int points_count(struct lc_result *r, struct lc_err *err)
{
    char path[LC_RESULT_NAME_MAX];
    int rc = LC_OK;

    for (r->points = 0; lc_hdf5_has(r, "points", H5O_TYPE_GROUP); r->points++) {
        LC_TRY(rc, lc_schema_path(path, r->points, NULL, NULL, err));
        if (H5Lexists(r->file, path, H5P_DEFAULT) <= 0)
            break;
        if (!lc_hdf5_has(r, path, H5O_TYPE_GROUP))
            return LC_FAIL(err, LC_E_FORMAT, "%s: %s is no group", r->path, path);
        if (r->points == LC_RESULT_POINTS_MAX)
            return LC_FAIL(err, LC_E_FORMAT, "%s: more than %d points", r->path, LC_RESULT_POINTS_MAX);
    }
done:
    return rc;
}

static int contents_read(struct lc_result *r, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, points_count(r, err));
    LC_TRY(rc, LC_ALLOC(&r->sites, SITES_MAX, "names of sites", err));
    for (int64_t point = -1; point < r->points; point++)
        LC_TRY(rc, sites_add(r, point, err));
    qsort(r->sites, (size_t)r->n_sites, sizeof *r->sites, site_compare);
done:
    return rc;
}

static int version_check(const struct lc_result *r, struct lc_err *err)
{
    int64_t version = 0;
    int found, rc = lc_result_get_int(r, NULL, NULL, "lightcone", &version, &found, err);

    if (rc != LC_OK)
        return rc;
    if (!found)
        return LC_FAIL(err, LC_E_FORMAT, "%s: HDF5, but no result of lightcone: no attribute 'lightcone'",
                       r->path);
    if (version != LC_RESULT_VERSION)
        return LC_FAIL(err, LC_E_FORMAT, "%s: result format version is %" PRId64 "; allowed: %d", r->path,
                       version, LC_RESULT_VERSION);
    return LC_OK;
}

static int file_open(struct lc_result *r, struct lc_err *err)
{
    struct stat st;
    hid_t access;

    r->file = H5I_INVALID_HID;
    if (stat(r->path, &st) != 0 || !S_ISREG(st.st_mode))
        return LC_FAIL(err, LC_E_IO, "%s: no such file, or not a regular file", r->path);
    r->size = (int64_t)st.st_size;
    if (H5Fis_hdf5(r->path) <= 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: not an HDF5 file", r->path);
    access = lc_hdf5_access();
    if (access >= 0) {
        r->file = H5Fopen(r->path, H5F_ACC_RDONLY, access);
        if (r->file < 0)
            lc_hdf5_fail(r, "", "cannot be opened", err);
        H5Pclose(access);
    }
    return r->file < 0 ? LC_FAIL(err, LC_E_LIBRARY, "%s: HDF5 cannot make an access list", r->path) : LC_OK;
}

int lc_result_open(struct lc_result **out, const char *path, struct lc_err *err)
{
    struct lc_result *r = NULL;
    int rc;

    lc_hdf5_quiet();
    LC_TRY(rc, LC_ALLOC(&r, 1, "a result", err));
    r->file = H5I_INVALID_HID;
    r->point = -1;
    LC_TRY(rc, lc_strdup(&r->path, path, err));
    LC_TRY(rc, file_open(r, err));
    LC_TRY(rc, version_check(r, err));
    LC_TRY(rc, contents_read(r, err));
    *out = r;
done:
    if (rc != LC_OK)
        lc_result_close(r);
    return rc;
}

void lc_result_close(struct lc_result *r)
{
    if (!r)
        return;
    if (r->file >= 0)
        H5Fclose(r->file);
    for (int64_t i = 0; i < r->n_sites; i++)
        free(r->sites[i]);
    free(r->sites);
    free(r->path);
    free(r);
}

int64_t lc_result_sites(const struct lc_result *r, const char *const **names)
{
    *names = (const char *const *)r->sites;
    return r->n_sites;
}

int64_t lc_result_points(const struct lc_result *r)
{
    return r->points;
}

size_t lc_array_bytes(const struct lc_array *a)
{
    return (size_t)a->count * lc_hdf5_type_size(a->type, a->dim[a->rank]);
}

void lc_array_release(struct lc_array *a)
{
    free(a->data);
    *a = (struct lc_array){0};
}

int lc_hdf5_find(char path[LC_RESULT_NAME_MAX], const struct lc_result *r, const char *name, const char *site)
{
    struct lc_err ignored = LC_ERR_INIT;

    if (!lc_schema_find(name) || lc_schema_path(path, r->point, name, site, &ignored) != LC_OK)
        return 0;
    if (lc_hdf5_has(r, path, H5O_TYPE_DATASET))
        return 1;
    return r->point >= 0 && !site && lc_schema_path(path, -1, name, NULL, &ignored) == LC_OK &&
           lc_hdf5_has(r, path, H5O_TYPE_DATASET);
}

int lc_result_has(const struct lc_result *r, const char *name, const char *site)
{
    char path[LC_RESULT_NAME_MAX];

    return lc_hdf5_find(path, r, name, site);
}

/* Contiguous, inside this file, and as many bytes as the shape says. */
static int storage_check(const struct lc_result *r, const char *path, hid_t set, int64_t bytes,
                         struct lc_err *err)
{
    hid_t creation = H5Dget_create_plist(set);
    int plain;

    if (creation < 0)
        return lc_hdf5_fail(r, path, "its properties cannot be read", err);
    plain = H5Pget_layout(creation) == H5D_CONTIGUOUS && H5Pget_external_count(creation) == 0;
    H5Pclose(creation);
    if (!plain)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s: its storage is not contiguous", r->path, path);
    if (bytes > r->size || H5Dget_storage_size(set) != (hsize_t)bytes)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s: %" PRId64 " bytes by its shape, %" PRIu64 " stored",
                       r->path, path, bytes, (uint64_t)H5Dget_storage_size(set));
    return LC_OK;
}

/* Is the dataset of that type? `width`: bytes of one text. */
static int type_is(hid_t set, enum lc_result_type wanted, int64_t *width)
{
    hid_t type = H5Dget_type(set), like;
    int same = 0;

    if (type < 0)
        return 0;
    if (wanted == LC_RESULT_TEXT && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0)
        *width = (int64_t)H5Tget_size(type);
    if (*width > 0 && *width <= TEXT_MAX) {
        like = lc_hdf5_type(wanted, *width, 1);
        same = like >= 0 && H5Tequal(type, like) > 0;
        if (like >= 0)
            H5Tclose(like);
    }
    H5Tclose(type);
    return same;
}

/* Shape and type against the schema row; fills a->{type,rank,dim,count}. */
static int shape_check(const struct lc_result *r, const char *path, const struct lc_schema_row *row,
                       hid_t set, struct lc_array *a, struct lc_err *err)
{
    hid_t space = H5Dget_space(set);
    hsize_t dim[LC_RESULT_RANK_MAX] = {0};
    int64_t bytes, width = 1;
    int rank = -1, same = type_is(set, row->type, &width);

    *a = (struct lc_array){.type = row->type, .rank = row->rank, .count = 1};
    if (space >= 0 && H5Sget_simple_extent_type(space) == H5S_SIMPLE &&
        H5Sget_simple_extent_ndims(space) == row->rank)
        rank = H5Sget_simple_extent_dims(space, dim, NULL);
    bytes = (int64_t)lc_hdf5_type_size(row->type, width);
    if (space >= 0)
        H5Sclose(space);
    if (rank != row->rank || !same)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s: its %s is not the layout's", r->path, path,
                       same ? "rank" : "type");
    for (int i = 0; i < rank; i++) {
        if (dim[i] > INT64_MAX || lc_mul_overflows(a->count, (int64_t)dim[i], &a->count))
            return LC_FAIL(err, LC_E_FORMAT, "%s: %s: its shape overflows", r->path, path);
        a->dim[i] = (int64_t)dim[i];
    }
    a->dim[rank] = row->type == LC_RESULT_TEXT ? width : 0;
    if (lc_mul_overflows(bytes, a->count, &bytes))
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s: its shape overflows", r->path, path);
    return a->count ? storage_check(r, path, set, bytes, err) : LC_OK;
}

/* The rows to read: count -1 for all of them. */
struct rows {
    int64_t first, count;
};

/* What is to be read of a dataset of this shape; a->dim[0] and a->count become those of the rows. Close *space. */
static int rows_select(const struct lc_result *r, const char *path, hid_t set, const struct rows *rows,
                       struct lc_array *a, hid_t *space, struct lc_err *err)
{
    hsize_t start[LC_RESULT_RANK_MAX] = {(hsize_t)rows->first}, size[LC_RESULT_RANK_MAX];

    if (rows->first < 0 || rows->count < 0 || rows->first > a->dim[0] || rows->count > a->dim[0] - rows->first)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s has %" PRId64 " rows; asked for %" PRId64 " from %" PRId64, r->path,
                       path, a->dim[0], rows->count, rows->first);
    a->count = rows->count ? a->count / a->dim[0] * rows->count : 0;
    a->dim[0] = rows->count;
    for (int i = 0; i < a->rank; i++)
        size[i] = (hsize_t)a->dim[i];
    *space = H5Dget_space(set);
    if (a->count && (*space < 0 || H5Sselect_hyperslab(*space, H5S_SELECT_SET, start, NULL, size, NULL) < 0)) {
        if (*space >= 0)
            H5Sclose(*space);
        return lc_hdf5_fail(r, path, "its rows cannot be selected", err);
    }
    return LC_OK;
}

/* Into memory of its own, which holds just what is selected in the file. */
static int selection_read(hid_t set, hid_t space, struct lc_array *a)
{
    hsize_t count = (hsize_t)a->count;
    hid_t memory = space == H5S_ALL ? H5S_ALL : H5Screate_simple(1, &count, NULL);
    hid_t type = lc_hdf5_type(a->type, a->dim[a->rank], 0);
    int read = memory >= 0 && type >= 0 && H5Dread(set, type, memory, space, H5P_DEFAULT, a->data) >= 0;

    if (type >= 0)
        H5Tclose(type);
    if (memory != H5S_ALL && memory >= 0)
        H5Sclose(memory);
    return read;
}

static int dataset_read(const struct lc_result *r, const char *path, const struct lc_schema_row *row, hid_t set,
                        const struct rows *rows, struct lc_array *out, struct lc_err *err)
{
    hid_t space = H5S_ALL;
    struct lc_array a;
    int rc;

    LC_TRY(rc, shape_check(r, path, row, set, &a, err));
    if (rows)
        LC_TRY(rc, rows_select(r, path, set, rows, &a, &space, err));
    rc = lc_alloc(&a.data, a.count, lc_hdf5_type_size(a.type, a.dim[a.rank]), path, err);
    if (rc == LC_OK && a.count && !selection_read(set, space, &a)) {
        rc = lc_hdf5_fail(r, path, "cannot be read", err);
        lc_array_release(&a);
    }
    if (space != H5S_ALL && space >= 0)
        H5Sclose(space);
    if (rc == LC_OK)
        *out = a;
done:
    return rc;
}

/* Open a dataset; close with H5Dclose(). */
static int set_open(const struct lc_result *r, const char *name, const char *site, char path[LC_RESULT_NAME_MAX], hid_t *set,
                    struct lc_err *err)
{
    int rc;

    if (!lc_schema_find(name))
        return LC_FAIL(err, LC_E_FORMAT, "%s: '%s' is no dataset of a result's layout", r->path, name);
    LC_TRY(rc, lc_schema_path(path, r->point, name, site, err));
    if (!lc_hdf5_find(path, r, name, site))
        return LC_FAIL(err, LC_E_FORMAT, "%s: no dataset %s", r->path, path);
    *set = H5Dopen2(r->file, path, H5P_DEFAULT);
    rc = *set < 0 ? lc_hdf5_fail(r, path, "cannot be opened", err) : LC_OK;
done:
    return rc;
}

int lc_result_shape(const struct lc_result *r, const char *name, const char *site, struct lc_array *out, struct lc_err *err)
{
    char path[LC_RESULT_NAME_MAX];
    hid_t set = H5I_INVALID_HID;
    int rc = set_open(r, name, site, path, &set, err);

    if (rc != LC_OK)
        return rc;
    rc = shape_check(r, path, lc_schema_find(name), set, out, err);
    H5Dclose(set);
    return rc;
}

static int result_get(const struct lc_result *r, const char *name, const char *site, const struct rows *rows,
                      struct lc_array *out, struct lc_err *err)
{
    char path[LC_RESULT_NAME_MAX];
    hid_t set = H5I_INVALID_HID;
    int rc = set_open(r, name, site, path, &set, err);

    if (rc != LC_OK)
        return rc;
    rc = dataset_read(r, path, lc_schema_find(name), set, rows, out, err);
    H5Dclose(set);
    return rc;
}

int lc_result_get(const struct lc_result *r, const char *name, const char *site, struct lc_array *out,
                  struct lc_err *err)
{
    return result_get(r, name, site, NULL, out, err);
}

int lc_result_get_rows(const struct lc_result *r, const char *name, const char *site, int64_t first, int64_t count,
                       struct lc_array *out, struct lc_err *err)
{
    return result_get(r, name, site, &(struct rows){first, count}, out, err);
}

/* Open attribute `key`; *attribute stays negative when it, or its group, is not there. */
static int attribute_open(const struct lc_result *r, const char *group, const char *site, const char *key,
                          hid_t *attribute, struct lc_err *err)
{
    char path[LC_RESULT_NAME_MAX];
    int rc;

    *attribute = H5I_INVALID_HID;
    LC_TRY(rc, lc_schema_path(path, r->point, group, site, err));
    if (path[0] != '/' && !path_is_plain(r, path))
        return LC_OK;
    if (H5Aexists_by_name(r->file, path, key, H5P_DEFAULT) <= 0)
        return LC_OK;
    *attribute = H5Aopen_by_name(r->file, path, key, H5P_DEFAULT, H5P_DEFAULT);
    rc = *attribute < 0 ? lc_hdf5_fail(r, key, "the attribute cannot be read", err) : LC_OK;
done:
    return rc;
}

/* One value of the wanted class? `size`: bytes of one value. */
static int attribute_is(hid_t attribute, H5T_class_t wanted, size_t *size)
{
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    int ok =
        type >= 0 && space >= 0 && H5Tget_class(type) == wanted && H5Sget_simple_extent_npoints(space) == 1;

    if (ok && wanted == H5T_STRING)
        ok = H5Tis_variable_str(type) == 0;
    *size = ok ? H5Tget_size(type) : 0;
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    return ok && *size > 0 && *size <= TEXT_MAX;
}

static int attribute_number(const struct lc_result *r, const char *group, const char *site, const char *key,
                            H5T_class_t wanted, hid_t memory_type, void *out, int *found, struct lc_err *err)
{
    hid_t attribute = H5I_INVALID_HID;
    size_t size;
    int rc = attribute_open(r, group, site, key, &attribute, err);

    *found = 0;
    if (rc != LC_OK || attribute < 0)
        return rc;
    if (!attribute_is(attribute, wanted, &size) || size > 8)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: attribute '%s' is not %s", r->path, key,
                     wanted == H5T_INTEGER ? "an integer" : "a real number");
    else if (H5Aread(attribute, memory_type, out) < 0)
        rc = lc_hdf5_fail(r, key, "the attribute cannot be read", err);
    else
        *found = 1;
    H5Aclose(attribute);
    return rc;
}

int lc_result_get_real(const struct lc_result *r, const char *group, const char *site, const char *key,
                       double *out, int *found, struct lc_err *err)
{
    return attribute_number(r, group, site, key, H5T_FLOAT, H5T_NATIVE_DOUBLE, out, found, err);
}

int lc_result_get_int(const struct lc_result *r, const char *group, const char *site, const char *key,
                      int64_t *out, int *found, struct lc_err *err)
{
    return attribute_number(r, group, site, key, H5T_INTEGER, H5T_NATIVE_INT64, out, found, err);
}

static int attribute_text(const struct lc_result *r, const char *key, hid_t attribute, char **out,
                          struct lc_err *err)
{
    size_t size;
    hid_t type;
    char *text = NULL;
    int rc;

    if (!attribute_is(attribute, H5T_STRING, &size))
        return LC_FAIL(err, LC_E_FORMAT, "%s: attribute '%s' is not a text of at most %d bytes", r->path, key,
                       TEXT_MAX);
    LC_TRY(rc, LC_ALLOC(&text, size + 1, key, err));
    type = H5Aget_type(attribute);
    if (type < 0 || H5Aread(attribute, type, text) < 0)
        rc = lc_hdf5_fail(r, key, "the attribute cannot be read", err);
    if (type >= 0)
        H5Tclose(type);
done:
    if (rc == LC_OK)
        *out = text;
    else
        free(text);
    return rc;
}

int lc_result_get_text(const struct lc_result *r, const char *group, const char *site, const char *key,
                       char **out, struct lc_err *err)
{
    hid_t attribute = H5I_INVALID_HID;
    int rc = attribute_open(r, group, site, key, &attribute, err);

    *out = NULL;
    if (rc != LC_OK || attribute < 0)
        return rc;
    rc = attribute_text(r, key, attribute, out, err);
    H5Aclose(attribute);
    return rc;
}

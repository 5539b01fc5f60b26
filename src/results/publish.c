/* publish.c - a result that all ranks write. Rank 0 alone decides where everything stands in the file: the other ranks'
 * number has no say in its bytes. They only put numbers into places that exist and that the disk has room for. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hdf5_call.h"
#include "lightcone/file.h"
#include "lightcone/memory.h"

enum { SLACK = 1 << 16 }; /* bytes for what HDF5 puts between datasets */

static int open_alone(struct lc_result *r, const char *partial, struct lc_err *err)
{
    hid_t access = lc_hdf5_access();

    if (access >= 0 && H5Pset_file_locking(access, 0, 1) >= 0)
        r->file = H5Fopen(partial, H5F_ACC_RDWR, access);
    if (r->file < 0)
        lc_hdf5_fail(r, "", "cannot be opened again", err);
    if (access >= 0)
        H5Pclose(access);
    return err->code;
}

/* Everything to the file, unless something went wrong before; closed in any case. */
static void close_written(const struct lc_result *r, struct lc_err *err)
{
    if (r->file >= 0 && err->code == LC_OK && H5Fflush(r->file, H5F_SCOPE_LOCAL) < 0)
        lc_hdf5_fail(r, "", "cannot be written", err);
    if (r->file >= 0 && lc_hdf5_close(r->file) < 0)
        lc_hdf5_fail(r, "", "cannot be closed", err);
}

/* A place is given to a dataset when its first element is written. */
static int place_one(const struct lc_result *r, hid_t file, const char *path, struct lc_err *err)
{
    static const char zero[8];
    hsize_t start[LC_RESULT_RANK_MAX] = {0}, one[LC_RESULT_RANK_MAX] = {1, 1, 1, 1};
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT), space = set >= 0 ? H5Dget_space(set) : H5I_INVALID_HID;
    hid_t single = H5Screate_simple(1, one, NULL), type = set >= 0 ? H5Dget_type(set) : H5I_INVALID_HID;

    if (space < 0 || single < 0 || type < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, one, NULL) < 0 ||
        H5Dwrite(set, type, single, space, H5P_DEFAULT, zero) < 0)
        lc_hdf5_fail(r, path, "cannot be given its place", err);
    if (type >= 0)
        H5Tclose(type);
    if (single >= 0)
        H5Sclose(single);
    if (space >= 0)
        H5Sclose(space);
    if (set >= 0 && H5Dclose(set) < 0)
        lc_hdf5_fail(r, path, "cannot be closed", err);
    return err->code;
}

static int place_reserved(const struct lc_result *r, const char *partial, struct lc_err *err)
{
    struct lc_result to = {.file = H5I_INVALID_HID, .path = r->path};

    open_alone(&to, partial, err);
    for (int64_t i = 0; i < r->reserved_count && err->code == LC_OK; i++)
        place_one(r, to.file, r->reserved[i], err);
    close_written(&to, err);
    return err->code;
}

/* Rank 0: the partial file, whole but for the numbers of what is reserved. */
static int lay_out(const struct lc_result *r, const char *partial, struct lc_err *err)
{
    int64_t room;
    struct lc_stretch image = {0};
    int rc;

    LC_TRY(rc, lc_hdf5_image(r, &image.data, &image.size, err));
    if (lc_add_overflows((int64_t)image.size, r->reserved_bytes, &room) || room > INT64_MAX - SLACK)
        return LC_FAIL(err, LC_E_IO, "%s: the result would be larger than any file", r->path);
    room = r->reserved_count > 0 ? room + SLACK : 0;
    LC_TRY(rc, lc_draft_write(partial, &image, 1, room, err));
    if (r->reserved_count == 0)
        return LC_OK;
    rc = place_reserved(r, partial, err);
    if (rc != LC_OK)
        unlink(partial);
done:
    return rc;
}

/* The file as all ranks see it. Files on shared disks often refuse locks, and here nobody else knows the file. */
static int open_together(struct lc_result *r, const struct lc_comm *par, const char *partial, struct lc_err *err)
{
    hid_t access = lc_hdf5_access();

    if (access >= 0 && H5Pset_fapl_mpio(access, par->comm, MPI_INFO_NULL) >= 0 &&
        H5Pset_file_locking(access, 0, 1) >= 0 && H5Pset_all_coll_metadata_ops(access, 1) >= 0)
        r->file = H5Fopen(partial, H5F_ACC_RDWR, access);
    if (r->file < 0)
        lc_hdf5_fail(r, "", "cannot be opened by all ranks", err);
    if (access >= 0)
        H5Pclose(access);
    return lc_comm_agree(par, err);
}

static int write_together(const struct lc_comm *par, const char *path, const char *partial,
                          int (*fill)(void *, struct lc_result *, struct lc_err *), void *arg, struct lc_err *err)
{
    struct lc_result r = {.file = H5I_INVALID_HID, .point = -1, .path = (char *)(uintptr_t)path};

    lc_hdf5_quiet();
    if (open_together(&r, par, partial, err) == LC_OK)
        fill(arg, &r, err);
    close_written(&r, err);
    return lc_comm_agree(par, err);
}

int lc_result_publish(struct lc_result *r, const struct lc_comm *par, const char *path,
                      int (*fill)(void *arg, struct lc_result *r, struct lc_err *err), void *arg, struct lc_err *err)
{
    char partial[LC_PATH_MAX] = "";
    int64_t reserved = r ? r->reserved_count : 0;
    int rc;

    if (par->rank == 0 && lc_draft_path(partial, path, err) == LC_OK)
        lay_out(r, partial, err);
    lc_result_abandon(r);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_comm_broadcast(par, partial, sizeof partial);
    lc_comm_broadcast(par, &reserved, sizeof reserved);
    if (reserved > 0 && write_together(par, path, partial, fill, arg, err) != LC_OK && par->rank == 0)
        unlink(partial);
    if (par->rank == 0 && err->code == LC_OK)
        lc_draft_publish(partial, path, err);
    rc = lc_comm_agree(par, err);
done:
    return rc;
}

int lc_result_complete(struct lc_result *r, int (*fill)(void *arg, struct lc_result *r, struct lc_err *err), void *arg,
                       struct lc_err *err)
{
    struct lc_result to = {.file = H5I_INVALID_HID, .point = -1};
    char partial[LC_PATH_MAX] = "";
    int rc;

    LC_TRY(rc, lc_strdup(&to.path, r->path, err));
    LC_TRY(rc, lc_draft_path(partial, r->path, err));
    LC_TRY(rc, lay_out(r, partial, err));
    lc_result_abandon(r);
    r = NULL;
    LC_TRY(rc, open_alone(&to, partial, err));
    fill(arg, &to, err);
    close_written(&to, err);
    LC_TRY(rc, err->code);
    rc = lc_draft_publish(partial, to.path, err);
done:
    if (rc != LC_OK && partial[0])
        unlink(partial);
    lc_result_abandon(r);
    free(to.path);
    return rc;
}

/* Rows from `first` on, of the shape of `rows`, which lie in memory one after the other. */
static int fill_set(const struct lc_result *r, const char *path, hid_t set, const struct lc_array *rows, int64_t first,
                    struct lc_err *err)
{
    hsize_t start[LC_RESULT_RANK_MAX] = {(hsize_t)first}, extent[LC_RESULT_RANK_MAX] = {0};
    hid_t file = H5Dget_space(set), memory = H5I_INVALID_HID, type = lc_hdf5_type(rows->type, rows->dim[rows->rank], 0);

    for (int i = 0; i < rows->rank; i++)
        extent[i] = (hsize_t)rows->dim[i];
    memory = H5Screate_simple(rows->rank, extent, NULL);
    if (type < 0 || file < 0 || memory < 0 || H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, extent, NULL) < 0 ||
        H5Dwrite(set, type, memory, file, H5P_DEFAULT, rows->data) < 0)
        lc_hdf5_fail(r, path, "cannot be written", err);
    if (type >= 0)
        H5Tclose(type);
    if (memory >= 0)
        H5Sclose(memory);
    if (file >= 0)
        H5Sclose(file);
    return err->code;
}

int lc_result_fill_rows(struct lc_result *r, const char *name, const char *site, int64_t first, const struct lc_array *rows,
                        struct lc_err *err)
{
    char path[LC_RESULT_NAME_MAX];
    hid_t set;
    int rc;

    LC_TRY(rc, lc_schema_path(path, r->point, name, site, err));
    set = H5Dopen2(r->file, path, H5P_DEFAULT);
    if (set < 0)
        return lc_hdf5_fail(r, path, "cannot be opened", err);
    rc = rows->count > 0 ? fill_set(r, path, set, rows, first, err) : LC_OK;
    if (H5Dclose(set) < 0 && rc == LC_OK)
        rc = lc_hdf5_fail(r, path, "cannot be closed", err);
done:
    return rc;
}

int lc_result_fill(struct lc_result *r, const char *name, const char *site, int64_t n, int64_t first, int64_t rows,
                   const void *data, struct lc_err *err)
{
    const struct lc_schema_row *row = lc_schema_find(name);

    if (!row || row->rank != 2)
        return LC_FAIL(err, LC_E_FORMAT, "%s: '%s' is no matrix of a result's layout", r->path, name);
    return lc_result_fill_rows(r, name, site, first,
                               &(struct lc_array){.type = row->type,
                                                  .rank = 2,
                                                  .dim = {rows, n},
                                                  .count = rows > 0 ? rows * n : 0,
                                                  .data = (void *)(uintptr_t)data},
                               err);
}

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
    hid_t access = lc_hdf5_access(), file = H5I_INVALID_HID;

    if (access >= 0)
        file = H5Fopen(partial, H5F_ACC_RDWR, access);
    if (file < 0)
        lc_hdf5_fail(r, "", "cannot be opened again", err);
    for (int64_t i = 0; i < r->reserved_count && err->code == LC_OK; i++)
        place_one(r, file, r->reserved[i], err);
    if (file >= 0 && lc_hdf5_close(file) < 0)
        lc_hdf5_fail(r, "", "cannot be completed", err);
    if (access >= 0)
        H5Pclose(access);
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
    if (r.file >= 0 && err->code == LC_OK && H5Fflush(r.file, H5F_SCOPE_LOCAL) < 0)
        lc_hdf5_fail(&r, "", "cannot be written", err);
    if (r.file >= 0 && lc_hdf5_close(r.file) < 0)
        lc_hdf5_fail(&r, "", "cannot be closed", err);
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

static int fill_set(const struct lc_result *r, const char *path, hid_t set, hid_t type, int64_t n, int64_t first,
                    int64_t rows, const void *data, struct lc_err *err)
{
    hsize_t start[] = {(hsize_t)first, 0}, extent[] = {(hsize_t)rows, (hsize_t)n};
    hid_t file = H5Dget_space(set), memory = H5Screate_simple(2, extent, NULL);

    if (file < 0 || memory < 0 || H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, extent, NULL) < 0 ||
        H5Dwrite(set, type, memory, file, H5P_DEFAULT, data) < 0)
        lc_hdf5_fail(r, path, "cannot be written", err);
    if (memory >= 0)
        H5Sclose(memory);
    if (file >= 0)
        H5Sclose(file);
    return err->code;
}

int lc_result_fill(struct lc_result *r, const char *name, const char *site, int64_t n, int64_t first, int64_t rows,
                   const void *data, struct lc_err *err)
{
    const struct lc_schema_row *row = lc_schema_find(name);
    char path[LC_RESULT_NAME_MAX];
    hid_t set;
    int rc;

    if (!row || row->rank != 2)
        return LC_FAIL(err, LC_E_FORMAT, "%s: '%s' is no matrix of a result's layout", r->path, name);
    LC_TRY(rc, lc_schema_path(path, r->point, name, site, err));
    set = H5Dopen2(r->file, path, H5P_DEFAULT);
    if (set < 0)
        return lc_hdf5_fail(r, path, "cannot be opened", err);
    rc = rows > 0 ? fill_set(r, path, set, lc_hdf5_memory_type(row->type), n, first, rows, data, err) : LC_OK;
    if (H5Dclose(set) < 0 && rc == LC_OK)
        rc = lc_hdf5_fail(r, path, "cannot be closed", err);
done:
    return rc;
}

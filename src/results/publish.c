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

    if (space < 0 || single < 0 || type < 0 ||
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, one, NULL) < 0 ||
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
    if (file >= 0 && H5Fclose(file) < 0)
        lc_hdf5_fail(r, "", "cannot be completed", err);
    if (access >= 0)
        H5Pclose(access);
    return err->code;
}

/* Rank 0: the partial file, whole but for the numbers of what is reserved. */
static int lay_out(const struct lc_result *r, const char *partial, struct lc_err *err)
{
    int64_t room;
    const void *data = NULL;
    size_t size = 0;
    int rc;

    LC_TRY(rc, lc_hdf5_image(r, &data, &size, err));
    if (lc_add_overflows((int64_t)size, r->reserved_bytes, &room) || room > INT64_MAX - SLACK)
        return LC_FAIL(err, LC_E_IO, "%s: the result would be larger than any file", r->path);
    room += r->reserved_count > 0 ? SLACK : 0;
    LC_TRY(rc, lc_partial_write(partial, data, size, room, err));
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
    if (r.file >= 0 && H5Fclose(r.file) < 0)
        lc_hdf5_fail(&r, "", "cannot be closed", err);
    return lc_comm_agree(par, err);
}

int lc_result_publish(struct lc_result *r, const struct lc_comm *par, const char *path,
                      int (*fill)(void *arg, struct lc_result *r, struct lc_err *err), void *arg, struct lc_err *err)
{
    char partial[LC_PATH_MAX] = "";
    int64_t reserved = r ? r->reserved_count : 0;
    int rc;

    if (par->rank == 0 && lc_partial_path(partial, path, err) == LC_OK)
        lay_out(r, partial, err);
    lc_result_abandon(r);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_comm_broadcast(par, partial, sizeof partial);
    lc_comm_broadcast(par, &reserved, sizeof reserved);
    if (reserved > 0 && write_together(par, path, partial, fill, arg, err) != LC_OK && par->rank == 0)
        unlink(partial);
    if (par->rank == 0 && err->code == LC_OK)
        lc_partial_publish(partial, path, err);
    rc = lc_comm_agree(par, err);
done:
    return rc;
}

/* Of my indices in blocks first ... first + blocks - 1: those of whole blocks, or those of the last, shorter one. */
struct run {
    hsize_t start, stride, count, block; /* in the file */
    hsize_t at;                          /* in memory, from the first of the blocks */
};

static struct run whole_blocks(const struct lc_deal *d, int64_t first, int64_t blocks)
{
    int64_t mine = lc_deal_count(d) / d->block;
    int64_t count = mine - first < blocks ? mine - first : blocks;
    int64_t start = (first * d->procs + d->mine) * d->block;

    return (struct run){.start = (hsize_t)start, .stride = (hsize_t)(d->procs * d->block),
                        .count = (hsize_t)(count > 0 ? count : 0), .block = (hsize_t)d->block};
}

static struct run last_block(const struct lc_deal *d, int64_t first, int64_t blocks)
{
    int64_t mine = lc_deal_count(d), whole = mine / d->block, rest = mine % d->block;
    int here = rest > 0 && whole >= first && whole < first + blocks;

    return (struct run){.start = (hsize_t)(d->n - rest), .stride = 1, .count = (hsize_t)here, .block = (hsize_t)rest,
                        .at = (hsize_t)((whole - first) * d->block)};
}

/* Select rows x columns in the file and in data[rows, width]; nothing where this rank has none. */
static int choose(hid_t file, hid_t memory, const struct run *row, const struct run *col)
{
    hsize_t start[] = {row->start, col->start}, stride[] = {row->stride, col->stride};
    hsize_t count[] = {row->count, col->count}, block[] = {row->block, col->block};
    hsize_t from[] = {row->at, col->at}, extent[] = {row->count * row->block, col->count * col->block};

    if (extent[0] == 0 || extent[1] == 0)
        return H5Sselect_none(file) < 0 || H5Sselect_none(memory) < 0;
    return H5Sselect_hyperslab(file, H5S_SELECT_SET, start, stride, count, block) < 0 ||
           H5Sselect_hyperslab(memory, H5S_SELECT_SET, from, NULL, extent, NULL) < 0;
}

static hid_t together(void)
{
    hid_t list = H5Pcreate(H5P_DATASET_XFER);

    if (list >= 0 && H5Pset_dxpl_mpio(list, H5FD_MPIO_COLLECTIVE) < 0) {
        H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

/* Four rectangles at most, as regular as HDF5 and MPI like them; every rank goes through the same ones. */
static int fill_set(const struct lc_result *r, const char *path, hid_t set, hid_t type, const struct lc_layout *l,
                    int64_t first, int64_t blocks, const void *data, struct lc_err *err)
{
    int64_t all = (l->row.n + l->row.block - 1) / l->row.block, last = (all - 1) / l->row.procs;
    int rest = l->row.n % l->row.block > 0, rest_here = rest && last >= first && last < first + blocks;
    struct run row[] = {whole_blocks(&l->row, first, blocks), last_block(&l->row, first, blocks)};
    struct run col[] = {whole_blocks(&l->col, 0, all), last_block(&l->col, 0, all)};
    hsize_t shape[] = {(hsize_t)(blocks * l->row.block), (hsize_t)(l->cols > 0 ? l->cols : 1)};
    hid_t file = H5Dget_space(set), memory = H5Screate_simple(2, shape, NULL), how = together();
    int bad = file < 0 || memory < 0 || how < 0;

    for (int i = 0; i < 1 + rest_here; i++)
        for (int j = 0; j < 1 + rest; j++)
            bad |= choose(file, memory, &row[i], &col[j]) || H5Dwrite(set, type, memory, file, how, data) < 0;
    if (bad)
        lc_hdf5_fail(r, path, "cannot be written", err);
    if (how >= 0)
        H5Pclose(how);
    if (memory >= 0)
        H5Sclose(memory);
    if (file >= 0)
        H5Sclose(file);
    return err->code;
}

int lc_result_fill(struct lc_result *r, const char *name, const char *site, const struct lc_layout *layout,
                   int64_t first_block, int64_t blocks, const void *data, struct lc_err *err)
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
    rc = fill_set(r, path, set, lc_hdf5_memory_type(row->type), layout, first_block, blocks, data, err);
    if (H5Dclose(set) < 0 && rc == LC_OK)
        rc = lc_hdf5_fail(r, path, "cannot be closed", err);
done:
    return rc;
}

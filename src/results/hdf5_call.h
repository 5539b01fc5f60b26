/* hdf5_call.h - HDF5 as this room uses it: quiet, with its errors as values; private to src/results. */
#ifndef LC_RESULTS_HDF5_CALL_H
#define LC_RESULTS_HDF5_CALL_H

#include <hdf5.h>

#include "schema.h"

struct lc_result {
    hid_t file;
    char *path;
    char **sites;
    int64_t n_sites, size; /* size: bytes of the file, when open for reading */
    int64_t point, points; /* -1: not within a point; how many there are, when open for reading */
    char (*reserved)[LC_RESULT_NAME_MAX]; /* datasets that wait for all ranks to fill them */
    int64_t reserved_count, reserved_bytes;
};

/* Silence HDF5's own printing and refuse filter plugins; before any other call, as often as one likes. */
void lc_hdf5_quiet(void);

/* LC_E_IO with "path: object: what" and HDF5's innermost reason. */
int lc_hdf5_fail(const struct lc_result *r, const char *object, const char *what, struct lc_err *err);

/* H5Fclose of a file that stands on disk; see lc_result_is_wounded(). */
herr_t lc_hdf5_close(hid_t file);

/* The bytes of a file that is being made in memory. */
int lc_hdf5_image(const struct lc_result *r, const void **data, size_t *size, struct lc_err *err);

/* 1 when `path` is an object of that kind, reached by hard links alone. */
int lc_hdf5_has(const struct lc_result *r, const char *path, H5O_type_t kind);

/* A file access list: serial driver, fixed format bounds. Negative on failure. */
hid_t lc_hdf5_access(void);

/* HDF5's types: as stored (little-endian) or as in memory; close it. `width`: bytes of one text. */
hid_t lc_hdf5_type(enum lc_result_type type, int64_t width, int stored);
size_t lc_hdf5_type_size(enum lc_result_type type, int64_t width);

/* Where a dataset stands: in the point at hand or, if it belongs to no site, in the file itself; 0: nowhere. */
int lc_hdf5_find(char path[LC_RESULT_NAME_MAX], const struct lc_result *r, const char *name, const char *site);

#endif

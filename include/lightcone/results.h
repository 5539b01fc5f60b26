/* results.h - RESULT.h5: one HDF5 file, the same bytes for the same contents. The layout is a table
 * (src/results/schema.c): one row names a dataset, its type, units and description; whoever writes or reads
 * one goes through its row. */
#ifndef LC_RESULTS_H
#define LC_RESULTS_H

#include <stdint.h>

#include "lightcone/comm.h"
#include "lightcone/err.h"

struct lc_result; /* opaque: a file being written, or open for reading */
struct lc_tokenizer;

/* TEXT: UTF-8 of a fixed number of bytes, padded with NUL; of an array of it dim[rank] is that number. */
enum lc_result_type { LC_RESULT_I64, LC_RESULT_I32, LC_RESULT_F64, LC_RESULT_F32, LC_RESULT_U8, LC_RESULT_TEXT };

/* Whether a result can be put at PATH, before work is spent on it: makes its folder, which must be writable; PATH must
 * not be a folder. */
int lc_result_check(const char *path, struct lc_err *err);

/* Start a result, in memory; its folder is made. Nothing is at PATH until lc_result_commit(). Object times
 * off, the layout of the bytes follows the order of the calls. */
int lc_result_create(struct lc_result **out, const char *path, struct lc_err *err);
/* Write a partial file, fsync, rename to PATH; frees *r in any case. A failed write (disk full) leaves no
 * file at all. */
int lc_result_commit(struct lc_result *r, struct lc_err *err);
/* Make a dataset whose contents no rank holds whole; all ranks fill it in lc_result_publish(), by which such a file must
 * be committed. */
int lc_result_reserve(struct lc_result *r, const char *name, const char *site, const int64_t *dim, struct lc_err *err);

/* Commit what rank 0 has made (r; NULL on other ranks), after all ranks together have filled what it reserved: disk space
 * for the whole file first, then `fill` on every rank, then fsync and rename. `fill` is collective, fills every reserved
 * dataset with lc_result_fill(), agrees on errors, and is not called when nothing is reserved. Frees r in any case.
 * Where anything fails no file is left. The bytes do not depend on the number of ranks. Collective; agrees on errors. */
int lc_result_publish(struct lc_result *r, const struct lc_comm *par, const char *path,
                      int (*fill)(void *arg, struct lc_result *r, struct lc_err *err), void *arg, struct lc_err *err);
/* Inside `fill`: rows first ... first + rows - 1 of a reserved matrix of n columns; rows may be 0. Other ranks write other
 * rows, each on its own, in one consecutive piece of the file: the collective writes of MPI would bring scattered pieces
 * together, at several times the cost of doing that first. Collective, since the dataset is opened; not agreed: another
 * rank may have failed. */
int lc_result_fill(struct lc_result *r, const char *name, const char *site, int64_t n, int64_t first, int64_t rows,
                   const void *data, struct lc_err *err);

/* lc_result_publish() by one process alone, without MPI: `fill` writes all that was reserved by lc_result_fill_rows(). So a
 * file may be larger than memory. Frees r in any case. */
int lc_result_complete(struct lc_result *r, int (*fill)(void *arg, struct lc_result *r, struct lc_err *err), void *arg,
                       struct lc_err *err);
/* Inside that `fill`: rows first ... first + rows->dim[0] - 1 of a reserved dataset. */
struct lc_array;
int lc_result_fill_rows(struct lc_result *r, const char *name, const char *site, int64_t first, const struct lc_array *rows,
                        struct lc_err *err);

/* Drop it, leaving no file; r may be NULL. */
void lc_result_abandon(struct lc_result *r);

enum { LC_RESULT_POINTS_MAX = 10000 };

/* A file of several points, a sweep's or a merge's: what follows is put into or read from point `point`, numbered from 0;
 * -1, as a result begins: the file itself. Attributes of the "file" are then those of the point. A dataset that belongs to
 * no site and is not in the point is looked for in the file: what all points share stands there once. */
void lc_result_at(struct lc_result *r, int64_t point);
/* Points of a file open for reading, at most LC_RESULT_POINTS_MAX; 0 in a file of one configuration. */
int64_t lc_result_points(const struct lc_result *r);

/* Write one dataset. `name` is a schema row such as "windows/start" or "sites/SITE/influence/samples/entropy", where
 * SITE stands for `site`; NULL for rows without SITE. `data` is row-major of the row's type; `dim[rank]` its shape,
 * rank as the row says. */
int lc_result_put(struct lc_result *r, const char *name, const char *site, const int64_t *dim,
                  const void *data, struct lc_err *err);

/* Attributes of the file (group NULL) or of a group as named in the schema ("sites/SITE/influence", with
 * site). The group is made if it is not there yet. */
int lc_result_put_text(struct lc_result *r, const char *group, const char *site, const char *key,
                       const char *text, struct lc_err *err);
int lc_result_put_real(struct lc_result *r, const char *group, const char *site, const char *key,
                       double value, struct lc_err *err);
int lc_result_put_int(struct lc_result *r, const char *group, const char *site, const char *key,
                      int64_t value, struct lc_err *err);

/* vocabulary/...: the bytes of tokens [0, count); ids that the tokenizer does not use have none. */
int lc_result_put_vocabulary(struct lc_result *r, const struct lc_tokenizer *tokenizer, int64_t count,
                             struct lc_err *err);

/* Open for reading; LC_E_FORMAT when it is no Lightcone result or of another format version. */
int lc_result_open(struct lc_result **out, const char *path, struct lc_err *err);
void lc_result_close(struct lc_result *r);

/* A dataset read whole. */
struct lc_array {
    enum lc_result_type type;
    int rank;
    int64_t dim[5], count; /* count: of values */
    void *data; /* owned; lc_array_release() */
};
void lc_array_release(struct lc_array *a);
/* Bytes of its values. */
size_t lc_array_bytes(const struct lc_array *a);

/* 1 when the dataset is there. */
int lc_result_has(const struct lc_result *r, const char *name, const char *site);
/* Read; type and rank are checked against the schema row. */
int lc_result_get(const struct lc_result *r, const char *name, const char *site, struct lc_array *out,
                  struct lc_err *err);
/* The same of rows [first, first + count) of the first dimension, so that a matrix need not fit into memory:
 * out->dim[0] is count. LC_E_FORMAT where the dataset has fewer rows. */
int lc_result_get_rows(const struct lc_result *r, const char *name, const char *site, int64_t first, int64_t count,
                       struct lc_array *out, struct lc_err *err);
/* Its shape alone: out->data is NULL. */
int lc_result_shape(const struct lc_result *r, const char *name, const char *site, struct lc_array *out, struct lc_err *err);
/* Attributes; *found 0 and no error when absent. Text is owned by the caller (free). */
int lc_result_get_text(const struct lc_result *r, const char *group, const char *site, const char *key,
                       char **out, struct lc_err *err);
int lc_result_get_real(const struct lc_result *r, const char *group, const char *site, const char *key,
                       double *out, int *found, struct lc_err *err);
int lc_result_get_int(const struct lc_result *r, const char *group, const char *site, const char *key,
                      int64_t *out, int *found, struct lc_err *err);

/* What lc_result_each() finds: the file or point itself, a group or a dataset of the layout. */
struct lc_result_item {
    const char *name; /* as in the schema, for lc_result_get() and the attributes; NULL: the file or point itself */
    const char *site; /* NULL when name has no SITE */
    const char *path; /* in the file: SITE replaced, below points/NNNN/; "/" the file */
    int64_t point;    /* as of lc_result_at() */
    int dataset, text; /* 0: a group; text: a dataset that is one UTF-8 text */
};
typedef int lc_result_visit(void *arg, const struct lc_result_item *item, struct lc_err *err);

/* Call `visit` for everything of the layout that is in a file open for reading: the file, then point by point; in each
 * what belongs to no site, then site by site, in the order of the schema, a group before what is in it. During a call r
 * stands at the item's point; afterwards where it stood before. Ends at the first error. */
int lc_result_each(struct lc_result *r, lc_result_visit *visit, void *arg, struct lc_err *err);

/* The same for where r stands alone; `sites` 0: what belongs to no site. */
int lc_result_each_here(struct lc_result *r, int sites, lc_result_visit *visit, void *arg, struct lc_err *err);

/* One attribute of a group or dataset; `key` and `text` live as long as the call. */
struct lc_attribute {
    const char *key, *text; /* text NULL: a number */
    int real;               /* 1: `value`, 0: `number` */
    double value;
    int64_t number;
};
typedef int lc_attribute_visit(void *arg, const struct lc_attribute *attribute, struct lc_err *err);

/* Call `visit` for every attribute of an item, by ascending key; LC_E_FORMAT when one is neither a text nor a number. */
int lc_result_attributes(const struct lc_result *r, const struct lc_result_item *item, lc_attribute_visit *visit,
                         void *arg, struct lc_err *err);

/* The table of points of a file open for reading: its columns, the configuration keys in which the points differ, in the
 * order of the canonical configuration. */
struct lc_result_axis {
    const char *key, *units;
    struct lc_array value; /* [points] of I64, F64 or TEXT */
};
struct lc_axes {
    struct lc_result_axis *axis; /* owned */
    int64_t count, points;
};
/* LC_E_FORMAT when a column has not as many rows as the file has points. On success release with lc_axes_release(). */
int lc_result_axes(struct lc_result *r, struct lc_axes *out, struct lc_err *err);
void lc_axes_release(struct lc_axes *a);
/* The value at a point as a text, cut to `room`; as a number, NaN for a text. Returns out. */
const char *lc_axis_text(char *out, size_t room, const struct lc_result_axis *a, int64_t point);
double lc_axis_number(const struct lc_result_axis *a, int64_t point);
/* Has it the same value at both points? */
int lc_axis_is_same(const struct lc_result_axis *a, int64_t point, int64_t other);
/* How many values it takes. */
int64_t lc_axis_values(const struct lc_result_axis *a, int64_t points);

/* Names of the sites in the file and in its points, by ascending layer; owned by r. */
int64_t lc_result_sites(const struct lc_result *r, const char *const **names);
/* That order, for qsort and friends: negative, 0 or positive. */
int lc_result_site_order(const char *a, const char *b);

/* 1 when HDF5 could not complete a file on this rank: it then crashes in MPI_Finalize, which is to be avoided. */
int lc_result_is_wounded(void);

/* Version of the HDF5 library in use, e.g. "1.10.8". */
void lc_result_library(char out[32]);

#endif

/* tensor.h - named tensors as files hold them: views into a mapping, converted on request. */
#ifndef LC_TENSOR_H
#define LC_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/file.h"

enum lc_dtype { LC_F64, LC_F32, LC_F16, LC_BF16, LC_I64, LC_I32, LC_I16, LC_I8, LC_U8, LC_BOOL };

enum { LC_TENSOR_RANK = 8 };

struct lc_tensor {
    char *name;                     /* owned by the set */
    enum lc_dtype dtype;
    int rank;                       /* 0 for a scalar */
    int64_t shape[LC_TENSOR_RANK];  /* contiguous; row-major unless by_column */
    int by_column;                  /* rank 2 only: the file holds it column by column (a saved .T view) */
    int64_t count;                  /* product of shape */
    const unsigned char *data;      /* little-endian, any alignment; borrowed from the set's mappings */
    const char *file;               /* path it came from, for messages; owned by the set */
    unsigned char scalar[8];        /* value of a number that a pickle holds inline; data points here then */
};

/* All tensors of one file, or of the shards of one folder. */
struct lc_tensors {
    struct lc_tensor *item;
    int64_t count;
    struct lc_map *map; /* owned mappings */
    char **path;        /* owned, one per mapping */
    int64_t maps;
};

void lc_tensors_close(struct lc_tensors *set);

/* NULL when there is none of that name. */
const struct lc_tensor *lc_tensors_find(const struct lc_tensors *set, const char *name);

/* The tensor of that name with exactly that shape and a float dtype (F64, F32, F16, BF16);
 * LC_E_FORMAT says which file, which tensor, the shape found and the shape wanted. */
int lc_tensors_need(const struct lc_tensors *set, const char *name, int rank, const int64_t *shape,
                    const struct lc_tensor **out, struct lc_err *err);

/* All values as float32 into out[count], row-major. LC_E_NUMERIC names file, tensor and place of the first
 * value that is not finite (or does not fit float32). */
int lc_tensor_read_f32(const struct lc_tensor *t, float *out, struct lc_err *err);

/* As above for a [rows, columns] tensor, written transposed: out[columns][rows]. */
int lc_tensor_read_f32_transposed(const struct lc_tensor *t, float *out, struct lc_err *err);

const char *lc_dtype_name(enum lc_dtype dtype);
size_t lc_dtype_size(enum lc_dtype dtype);

/* Open one .safetensors file: header length, JSON, offsets, overlaps, holes and sizes are all checked. */
int lc_safetensors_open(struct lc_tensors *set, const char *path, struct lc_err *err);

/* Open a folder's `stem`.safetensors, or the shards named by `stem`.safetensors.index.json ("model"). */
int lc_safetensors_open_folder(struct lc_tensors *set, const char *folder, const char *stem, struct lc_err *err);

/* Open the state dict (a dict of tensors) of a torch.save() zip. The pickle runs nothing: a parser knows the
 * opcodes and the few globals that tensors need, and refuses any other by name. Storages are read in place.
 * Nested dicts give names with dots ("ae.bias"); integers are rank-0 I64, floats rank-0 F64 and truth values rank-0
 * BOOL tensors; texts, None and sequences have no tensor. */
int lc_torch_open(struct lc_tensors *set, const char *path, struct lc_err *err);

#endif

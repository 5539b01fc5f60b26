/* format_internal.h - what this room shares: parsing from memory, and the value tree of a pickle. */
#ifndef LC_FORMAT_INTERNAL_H
#define LC_FORMAT_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/json.h"
#include "lightcone/tensor.h"

/* Parse JSON that is already in memory; `path` is for messages and is copied. */
int lc_json_parse(struct lc_json *json, const char *path, const void *data, size_t size, struct lc_err *err);

/* Take a file into a set: copies path, takes over the mapping (which may be {0}: the bytes then stay the
 * caller's). *kept is the set's own copy of the path. On failure the mapping stays the caller's. */
int lc_tensors_keep(struct lc_tensors *set, const char *path, struct lc_map map, const char **kept,
                    struct lc_err *err);

/* Map the file at `path` into a set; as above. */
int lc_tensors_map(struct lc_tensors *set, const char *path, const char **kept, struct lc_map *map, struct lc_err *err);

/* Append a tensor; copies `name`. *room is the number of items that fit before the array grows. */
int lc_tensors_add(struct lc_tensors *set, int64_t *room, const struct lc_tensor *tensor, const char *name,
                   struct lc_err *err);

/* Sort by name and refuse a name that occurs twice; to be called once, after the last lc_tensors_add(). */
int lc_tensors_finish(struct lc_tensors *set, struct lc_err *err);

/* Value i as it lies in the file: any dtype widened to double; an integer or truth value. */
double lc_tensor_real(const struct lc_tensor *t, int64_t i);
int64_t lc_tensor_integer(const struct lc_tensor *t, int64_t i);

/* "[3, 4]" into text. */
void lc_shape_text(char *text, size_t room, int rank, const int64_t *shape);

/* The bytes of one safetensors or torch file; `bytes` are borrowed and must outlive the set. */
int lc_safetensors_parse(struct lc_tensors *set, const char *path, struct lc_map bytes, struct lc_err *err);
int lc_torch_parse(struct lc_tensors *set, const char *path, struct lc_map bytes, struct lc_err *err);

/* --- pickle --- */

enum lc_value_kind {
    LC_VALUE_NONE,
    LC_VALUE_BOOL,
    LC_VALUE_INT,
    LC_VALUE_REAL,
    LC_VALUE_TEXT,
    LC_VALUE_TUPLE,
    LC_VALUE_LIST,
    LC_VALUE_DICT,
    LC_VALUE_GLOBAL,
    LC_VALUE_STORAGE,
    LC_VALUE_TENSOR,
    LC_VALUE_BYTES,
    LC_VALUE_DTYPE, /* NumPy's */
    LC_VALUE_ARRAY  /* NumPy's */
};

/* One value of the tree. Values may be shared and, in a hostile file, form cycles: walk with a bound. */
struct lc_value {
    enum lc_value_kind kind;
    int owned; /* BYTES: freed with the pickle; else borrowed from it */
    union {
        int64_t integer; /* INT; BOOL: 0 or 1 */
        double real;
        struct {
            const char *bytes; /* TEXT: UTF-8, BYTES: any; not terminated */
            size_t size;
        } text;
        struct {
            struct lc_value **item; /* DICT: key, value, key, value */
            int64_t count, room;
        } list;
        const struct lc_pickle_global *global;
        enum lc_dtype dtype;
        struct lc_tensor *tensor; /* TENSOR, ARRAY and STORAGE (rank 1); owned; its name is NULL; data NULL: an ARRAY
                                     that has not been built */
    } as;
};

/* What a pickle says of a storage. */
struct lc_storage_id {
    const char *key; /* not terminated */
    size_t key_size;
    enum lc_dtype dtype;
    int64_t count;
    const char *type; /* name of the storage's class */
};

/* Finds the bytes of a storage by its key, or says why not. */
struct lc_pickle_storages {
    int (*find)(void *context, const struct lc_storage_id *id, struct lc_map *bytes, struct lc_err *err);
    void *context;
};

struct lc_pickle {
    struct lc_value_chunk *chunk; /* owned: all values */
    struct lc_value *root;
    size_t size; /* bytes up to and with STOP */
};

/* Parse the pickle that `bytes` begin with (borrowed, must outlive the tree; at most a GiB of them). Runs nothing: an opcode or a global without a row in the
 * tables is refused by name. Memory is at most a constant times the size of the pickle. Release with
 * lc_pickle_release(). */
int lc_pickle_parse(struct lc_pickle *pickle, const char *path, struct lc_map bytes,
                    const struct lc_pickle_storages *storages, struct lc_err *err);
void lc_pickle_release(struct lc_pickle *pickle);

/* The pickle of a torch.save file, a zip or the format before it; borrows from `bytes`. Release as above. */
int lc_torch_pickle(struct lc_pickle *pickle, const char *path, struct lc_map bytes, struct lc_err *err);

/* The format before PyTorch 1.6: pickles one after the other, then the storages. */
int lc_torch_legacy_pickle(struct lc_pickle *pickle, const char *path, struct lc_map bytes, struct lc_err *err);

struct lc_pickled;

/* As lc_pickled_open() (pickled.h), of bytes that stay the caller's and must outlive it. */
int lc_pickled_parse(struct lc_pickled **out, const char *path, struct lc_map bytes, struct lc_err *err);

const char *lc_value_kind_name(enum lc_value_kind kind);

#endif

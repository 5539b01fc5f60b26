/* pickle_machine.h - the stack machine that a pickle runs on, for the functions of its globals. Private to pickle*.c.
 */
#ifndef LC_PICKLE_MACHINE_H
#define LC_PICKLE_MACHINE_H

#include "format_internal.h"

enum { LC_PICKLE_MARKS = 256 };

struct lc_machine {
    const char *path;
    const unsigned char *data;
    size_t size, at;
    const struct lc_pickle_storages *storages;
    struct lc_pickle *pickle; /* owner of the values */
    struct lc_value **stack;
    int64_t height, room;
    int64_t mark[LC_PICKLE_MARKS]; /* stack heights */
    int marks;
    struct lc_value **memo;
    int64_t memos, memo_room; /* highest index + 1 */
    struct lc_value **small;  /* the integers 0 .. 65535, each made once; NULL until there is one */
    size_t decoded;           /* bytes that texts were turned into so far */
    int stopped;
    struct lc_err *err;
};

/* A name that a pickle may speak of, and what calling it does. */
struct lc_pickle_global {
    const char *module, *name;
    /* Runs nothing of the file's: makes *out from the arguments, a tuple. NULL: cannot be called. */
    int (*reduce)(struct lc_machine *m, const struct lc_value *arguments, struct lc_value **out);
    int dtype; /* of a storage; else -1 */
};

#define LC_PICKLE_REFUSE(m, ...) LC_FAIL((m)->err, LC_E_FORMAT, __VA_ARGS__)

/* NULL when the table has no such global. */
const struct lc_pickle_global *lc_pickle_global_find(const char *module, size_t module_size, const char *name,
                                                     size_t name_size);

/* 1 when the text is `known`. */
int lc_pickle_same(const char *known, const char *text, size_t size);

/* Item i of a tuple when it is of that kind, else NULL. */
const struct lc_value *lc_pickle_argument(const struct lc_value *tuple, int64_t i, enum lc_value_kind kind);

/* A new value, owned by the pickle; with a zeroed tensor of its own. */
int lc_pickle_value_new(struct lc_machine *m, enum lc_value_kind kind, struct lc_value **out);
int lc_pickle_tensor_new(struct lc_machine *m, enum lc_value_kind kind, struct lc_value **out);

/* Sizes from a tuple into t->rank, shape, count; refuses what is negative or too many. */
int lc_pickle_read_size(struct lc_machine *m, const struct lc_value *size, struct lc_tensor *t);

/* NumPy: numpy.dtype, multiarray._reconstruct, multiarray.scalar, _codecs.encode (the bytes of protocol 2). */
int lc_pickle_numpy_dtype(struct lc_machine *m, const struct lc_value *arguments, struct lc_value **out);
int lc_pickle_numpy_array(struct lc_machine *m, const struct lc_value *arguments, struct lc_value **out);
int lc_pickle_numpy_scalar(struct lc_machine *m, const struct lc_value *arguments, struct lc_value **out);
int lc_pickle_encode(struct lc_machine *m, const struct lc_value *arguments, struct lc_value **out);

/* BUILD: give a dtype its byte order, an array its shape and bytes. */
int lc_pickle_numpy_build(struct lc_machine *m, struct lc_value *value, const struct lc_value *state);

#endif

/* pickled.h - the values of a torch.save() file: dicts, lists, Counters, numbers, texts, tensors and NumPy arrays. The
 * pickle runs nothing: a parser knows the opcodes and the few globals that these need, and refuses any other by name.
 * Zip files and the format before PyTorch 1.6.
 *
 * A node is a value with the way to it from the file's root, so that a message can say which value is wrong:
 * "FILE: batch_results[3].feature_entropies[17]: a str; allowed: a number". All errors are LC_E_FORMAT unless stated.
 */
#ifndef LC_PICKLED_H
#define LC_PICKLED_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"

struct lc_pickled; /* opaque: a file that is open */
struct lc_value;   /* opaque: one of its values */

struct lc_node {
    struct lc_pickled *file;
    const struct lc_value *value;
    const struct lc_node *parent; /* NULL at the root; must outlive this node */
    const char *name;             /* the key in the parent, NULL where it is a number */
    int64_t index;
};

/* *out is owned by the caller: lc_pickled_close(). LC_E_IO when the file cannot be read. */
int lc_pickled_open(struct lc_pickled **out, const char *path, struct lc_err *err);
void lc_pickled_close(struct lc_pickled *file);
struct lc_node lc_pickled_root(struct lc_pickled *file);
const char *lc_pickled_path(const struct lc_pickled *file);

/* Record "FILE: KEY.PATH[3]: " and the rest; returns LC_E_FORMAT. */
int lc_node_fail(const struct lc_node *node, struct lc_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* --- dicts and Counters: pairs in the order of the file --- */

/* Number of pairs; LC_E_FORMAT when it is no dict. */
int lc_node_pairs(const struct lc_node *dict, int64_t *count, struct lc_err *err);
/* The text of key i into out, cut and made printable; "" for a key that is no text. */
void lc_node_key_text(const struct lc_node *dict, int64_t i, char *out, size_t room);
/* *found 0 when there is no such key; a key that is there twice is refused. */
int lc_node_find(const struct lc_node *dict, const char *key, struct lc_node *out, int *found, struct lc_err *err);
/* As above, refusing a dict without it. */
int lc_node_need(const struct lc_node *dict, const char *key, struct lc_node *out, struct lc_err *err);

/* A pair whose key is an integer. */
struct lc_node_row {
    int64_t key, place; /* place among the pairs, in the order of the file */
};
/* All pairs by ascending key, in *rows, an array that the caller frees. Refused: keys that are no integers, outside
 * [low, high], or there twice. */
int lc_node_rows(const struct lc_node *dict, int64_t low, int64_t high, struct lc_node_row **rows, int64_t *count,
                 struct lc_err *err);
struct lc_node lc_node_of_row(const struct lc_node *dict, const struct lc_node_row *row);

/* --- lists and tuples --- */

/* 1 when it is a list or a tuple. */
int lc_node_is_list(const struct lc_node *node);
int lc_node_items(const struct lc_node *list, int64_t *count, struct lc_err *err);
/* Item i, which is there. */
struct lc_node lc_node_item(const struct lc_node *list, int64_t i);

/* A hostile file of little size can hold one list in many places; an honest one spends bytes on every value. The
 * functions here count what they look at, and refuse when it is more than the file can hold; before memory is taken for
 * `values` of them, count those here. */
int lc_node_charge(const struct lc_node *node, int64_t values, struct lc_err *err);

/* --- numbers and texts --- */

/* An integer in [low, high]. */
int lc_node_int(const struct lc_node *node, int64_t low, int64_t high, int64_t *out, struct lc_err *err);
/* A finite number: int, float, NumPy scalar or a tensor of one value. */
int lc_node_real(const struct lc_node *node, double *out, struct lc_err *err);
/* A text without zero bytes that fits, NUL behind it. */
int lc_node_text(const struct lc_node *node, char *out, size_t room, struct lc_err *err);
/* The sizes of a tensor or NumPy array, of at most `rank` dimensions (the others 1), or of a list (its length, 1, ...).
 */
int lc_node_shape(const struct lc_node *node, int rank, int64_t *dim, struct lc_err *err);
/* The finite values of a tensor, an array (row-major) or a list of numbers; exactly `count` of them. */
int lc_node_reals(const struct lc_node *node, int64_t count, double *out, struct lc_err *err);

#endif

/* tree.h - YAML bytes as a small tree of scalars, lists and maps that remembers where each came from. */
#ifndef LC_CONFIG_TREE_H
#define LC_CONFIG_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"

enum { LC_TREE_DEPTH = 16, LC_TREE_NODES = 100000, LC_TREE_KEYS = 256, LC_TREE_BYTES = 1 << 20 };

enum lc_node_kind { LC_NODE_SCALAR, LC_NODE_LIST, LC_NODE_MAP };

/* Nodes live in one array and name each other by index; -1 is none.
 * A line is 1-based; -1 - i stands for the i-th override. */
struct lc_node {
    enum lc_node_kind kind;
    int line, key_line;
    int quoted; /* a scalar in quotes or a block: a text whatever it looks like */
    char *text; /* scalar; owned */
    char *key;  /* when the parent is a map; owned */
    int first, last, next;
    int count; /* children */
};

struct lc_tree {
    struct lc_node *node; /* owned */
    int count, room;
    int root;
    const char *path;             /* of the document, for messages */
    const char *const *overrides; /* the `--set` texts, for messages */
};

/* The document and then each "key.path=value" laid over it; dotted keys of `sweep` become maps. Refuses aliases, anchors, tags, further documents,
 * duplicate keys and whatever exceeds the limits above. On success release with lc_tree_release(). */
int lc_tree_init(struct lc_tree *tree, const char *path, const char *bytes, size_t size,
                 const char *const *overrides, int64_t override_count, struct lc_err *err);
/* One YAML value, for the defaults of the key table. */
int lc_tree_init_value(struct lc_tree *tree, const char *value, struct lc_err *err);
void lc_tree_release(struct lc_tree *tree);

/* The child of a map, or -1. */
int lc_tree_child(const struct lc_tree *tree, int parent, const char *key);
/* Take a child out of its list or map; the node stays in the array. */
void lc_tree_unlink(struct lc_tree *tree, int parent, int child);
/* Move the contents of node `from`, which stands in no list or map, to the dotted key, made when missing. */
int lc_tree_put(struct lc_tree *tree, const char *dotted, int from, struct lc_err *err);

/* Where the dotted key was given; 0 when it was not. */
int lc_tree_line(const struct lc_tree *tree, const char *dotted);

/* LC_E_CONFIG with "path:line: " or "--set key=value: " before the message; line 0: "path: ". */
int lc_tree_fail(const struct lc_tree *tree, int line, struct lc_err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* text in at most `room` bytes, control characters as '?', a long one cut at its end. Returns out. */
const char *lc_text_show(char *out, size_t room, const char *text);

#endif

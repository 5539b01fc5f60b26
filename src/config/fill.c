#include "fill.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/order.h"
#include "scalar.h"

enum { NAME_ROOM = 64, SHOWN = 64, ALLOWED = 256, CHILDREN = 256 };

struct filler {
    struct lc_config *config;
    const struct lc_tree *tree;
    const char *folder;
    unsigned char *seen; /* [lc_key_count]; NULL while defaults are put */
    struct lc_err *err;
};

static void *place(const struct filler *f, size_t at)
{
    return (char *)f->config + at;
}

/* Enums differ from int in sign only; memcpy keeps the types apart. */
static void int_put(const struct filler *f, size_t at, int value)
{
    memcpy(place(f, at), &value, sizeof value);
}

static const char *node_show(char out[SHOWN + 16], const struct lc_node *node)
{
    char text[SHOWN];

    if (node->kind != LC_NODE_SCALAR)
        snprintf(out, SHOWN + 16, "%s", node->kind == LC_NODE_LIST ? "a list" : "a map");
    else
        snprintf(out, SHOWN + 16, "%s'%s'", node->quoted ? "the text " : "",
                 lc_text_show(text, sizeof text, node->text));
    return out;
}

static int is_null(const struct lc_node *node)
{
    return node->kind == LC_NODE_SCALAR && !node->quoted && lc_scalar_is_null(node->text);
}

/* What stands there is not what the key takes. */
static int refuse(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    char shown[SHOWN + 16], allowed[ALLOWED];

    lc_key_allowed(allowed, sizeof allowed, key);
    if (is_null(node))
        return lc_tree_fail(f->tree, node->line, f->err, "key '%s' has no value; allowed: %s", key->name,
                            allowed);
    return lc_tree_fail(f->tree, node->line, f->err, "key '%s' is %s; allowed: %s", key->name,
                        node_show(shown, node), allowed);
}

/* The same for a member of a list. */
static int refuse_item(const struct filler *f, const struct lc_key *key, const struct lc_node *node,
                       const char *why)
{
    char shown[SHOWN + 16], allowed[ALLOWED];

    return lc_tree_fail(f->tree, node->line, f->err, "key '%s' holds %s%s; allowed: %s", key->name,
                        is_null(node) ? "an empty value" : node_show(shown, node), why,
                        lc_key_allowed(allowed, sizeof allowed, key));
}

static const char *plain_text(const struct lc_node *node)
{
    return node->kind == LC_NODE_SCALAR && !node->quoted ? node->text : "";
}

static int ints_fill(const struct filler *f, const struct lc_key *key, size_t at, const struct lc_node *list);

/* An ascending list in place of one integer. */
static int ascending_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *list)
{
    const struct lc_int_list *in = place(f, key->list_at);
    int rc = ints_fill(f, key, key->list_at, list);

    if (rc != LC_OK)
        return rc;
    for (int64_t i = 1; i < in->count; i++)
        if (in->value[i] < in->value[i - 1])
            return lc_tree_fail(f->tree, list->line, f->err,
                                "key '%s' holds %" PRId64 " after %" PRId64 "; allowed: an ascending list", key->name,
                                in->value[i], in->value[i - 1]);
    memcpy(place(f, key->at), &in->value[in->count - 1], sizeof in->value[0]);
    return LC_OK;
}

static int int_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    const char *text = plain_text(node);
    int64_t value = 0;
    enum lc_scalar rc =
        key->kind == LC_KEY_BYTES ? lc_scalar_bytes(text, &value) : lc_scalar_int(text, &value);

    if (node->kind == LC_NODE_LIST && key->flags & LC_KEY_OR_LIST)
        return ascending_fill(f, key, node);
    if (rc == LC_SCALAR_TOO_LARGE)
        return lc_tree_fail(f->tree, node->line, f->err, "key '%s' is %.40s, beyond 64-bit integers",
                            key->name, text);
    if (rc != LC_SCALAR_OK || value < key->low || value > key->high)
        return refuse(f, key, node);
    memcpy(place(f, key->at), &value, sizeof value);
    return LC_OK;
}

static int real_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    double value;

    if (lc_scalar_real(plain_text(node), &value) != LC_SCALAR_OK || value < key->real_low ||
        (key->flags & LC_KEY_BELOW_HIGH && value >= key->real_high))
        return refuse(f, key, node);
    memcpy(place(f, key->at), &value, sizeof value);
    return LC_OK;
}

static int bool_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    const char *text = plain_text(node);

    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return refuse(f, key, node);
    int_put(f, key->at, text[0] == 't');
    return LC_OK;
}

/* Control characters and line separators do not survive a message or the canonical form. */
static int text_is_printable(const char *text)
{
    static const char *const bad[] = {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbe",
                                      "\xef\xbf\xbf"};

    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
            return 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (strstr(text, bad[i]))
            return 0;
    return 1;
}

/* The text of a node that may be one, or NULL after an error. */
static const char *text_take(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    char shown[SHOWN];

    if (node->kind != LC_NODE_SCALAR || is_null(node)) {
        refuse(f, key, node);
        return NULL;
    }
    lc_text_show(shown, sizeof shown, node->text);
    if (!node->quoted && lc_scalar_is_not_text(node->text))
        lc_tree_fail(f->tree, node->line, f->err, "key '%s' is %s, which is no text; quote it: '%s'",
                     key->name, shown, shown);
    else if (!text_is_printable(node->text))
        lc_tree_fail(f->tree, node->line, f->err,
                     "key '%s' is '%s' with control characters; allowed: a line of text", key->name, shown);
    return f->err->code == LC_OK ? node->text : NULL;
}

static int text_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    const char *text = text_take(f, key, node);
    size_t length = text ? strlen(text) : 0;

    if (!text)
        return f->err->code;
    if (length < (size_t)key->low || length > (size_t)key->high)
        return refuse(f, key, node);
    memcpy(place(f, key->at), text, length + 1);
    return LC_OK;
}

/* Braces are for the placeholders of patterns alone. */
static int braces_are_right(const char *text, int is_pattern)
{
    for (const char *p = text; *(p += strcspn(p, "{}"));) {
        size_t length = is_pattern && strncmp(p, "{layer}", 7) == 0  ? 7
                        : is_pattern && strncmp(p, "{site}", 6) == 0 ? 6
                                                                     : 0;
        if (is_pattern && length == 0)
            return 0;
        p += length ? length : 1;
    }
    return 1;
}

static int path_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    char *out = place(f, key->at);
    const char *text = text_take(f, key, node);
    struct lc_err ignored = LC_ERR_INIT;
    size_t length;

    if (!text)
        return f->err->code;
    if (!*text || !braces_are_right(text, key->flags & LC_KEY_PATTERN))
        return refuse(f, key, node);
    if (lc_path_join(out, f->folder, text, &ignored) != LC_OK)
        return lc_tree_fail(f->tree, node->line, f->err, "key '%s' is a path of more than %d bytes",
                            key->name, LC_PATH_MAX - 1);
    length = strlen(out);
    while (length > 0 && out[length - 1] == '/')
        out[--length] = '\0';
    if (length == 0)
        return refuse(f, key, node);
    return LC_OK;
}

static int site_number(const char *text, int64_t *out)
{
    static const char prefix[] = "resid_out_layer";
    size_t length = sizeof prefix - 1;

    if (strncmp(text, prefix, length) != 0 || text[length] == '+' || text[length] == '-')
        return 1;
    return lc_scalar_int(text + length, out) != LC_SCALAR_OK;
}

static int item_take(const struct filler *f, const struct lc_key *key, const struct lc_node *node,
                     int64_t *out)
{
    int bad;

    if (key->kind == LC_KEY_SITES)
        bad = node->kind != LC_NODE_SCALAR || site_number(node->text, out);
    else
        bad = lc_scalar_int(plain_text(node), out) != LC_SCALAR_OK;
    if (bad || *out < key->low || *out > key->high)
        return refuse_item(f, key, node, "");
    return LC_OK;
}

/* First value that stands twice in the sorted list, or -1 (all values are at least 0). */
static int64_t repeated(const int64_t *sorted, int count)
{
    for (int i = 1; i < count; i++)
        if (sorted[i] == sorted[i - 1])
            return sorted[i];
    return -1;
}

static int ints_fill(const struct filler *f, const struct lc_key *key, size_t at, const struct lc_node *list)
{
    struct lc_int_list *out = place(f, at);
    int64_t *value = NULL, *sorted = NULL, twice;
    int i = 0, rc;

    if (list->kind != LC_NODE_LIST || list->count == 0)
        return list->kind == LC_NODE_LIST
                   ? lc_tree_fail(f->tree, list->line, f->err,
                                  "key '%s' is an empty list; allowed: one value or more", key->name)
                   : refuse(f, key, list);
    LC_TRY(rc, LC_ALLOC(&value, list->count, key->name, f->err));
    LC_TRY(rc, LC_ALLOC(&sorted, list->count, key->name, f->err));
    for (int n = list->first; n >= 0; n = f->tree->node[n].next, i++)
        LC_TRY(rc, item_take(f, key, &f->tree->node[n], &value[i]));
    memcpy(sorted, value, (size_t)list->count * sizeof *sorted);
    lc_sort_i64(sorted, list->count);
    twice = repeated(sorted, list->count);
    if (twice >= 0)
        rc = lc_tree_fail(f->tree, list->line, f->err,
                          "key '%s' holds %" PRId64 " twice; allowed: distinct values", key->name, twice);
    if (rc != LC_OK)
        goto done;
    free(out->value);
    *out = (struct lc_int_list){.value = key->flags & LC_KEY_ORDERED ? value : sorted, .count = list->count};
    free(key->flags & LC_KEY_ORDERED ? sorted : value);
    return LC_OK;
done:
    free(value);
    free(sorted);
    return rc;
}

static int word_index(const struct lc_key *key, const struct lc_node *node)
{
    if (node->kind == LC_NODE_SCALAR)
        for (int k = 0; k < LC_KEY_WORDS && key->words[k]; k++)
            if (strcmp(key->words[k], node->text) == 0)
                return k;
    return -1;
}

static int flags_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *list)
{
    unsigned given = 0;

    if (list->kind != LC_NODE_LIST)
        return refuse(f, key, list);
    for (int n = list->first; n >= 0; n = f->tree->node[n].next) {
        int k = word_index(key, &f->tree->node[n]);
        if (k < 0 || given & 1u << k)
            return refuse_item(f, key, &f->tree->node[n], k < 0 ? "" : " twice");
        given |= 1u << k;
    }
    for (int k = 0; k < LC_KEY_WORDS && key->words[k]; k++)
        int_put(f, key->flag_at[k], (given >> k & 1u) != 0);
    return LC_OK;
}

static int map_fill(const struct filler *f, const struct lc_node *map, const char *group);

static int word_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    int k = word_index(key, node);

    if (k >= 0)
        int_put(f, key->at, k);
    else if (node->kind == LC_NODE_LIST && key->flags & LC_KEY_OR_LIST) {
        int_put(f, key->at, key->list_word);
        return ints_fill(f, key, key->list_at, node);
    } else if (node->kind == LC_NODE_MAP && key->flags & LC_KEY_OR_MAP) {
        int_put(f, key->at, key->map_word);
        return map_fill(f, node, key->name);
    } else
        return refuse(f, key, node);
    return LC_OK;
}

static int key_fill(const struct filler *f, const struct lc_key *key, const struct lc_node *node)
{
    switch (key->kind) {
    case LC_KEY_INT:
    case LC_KEY_BYTES:
        return int_fill(f, key, node);
    case LC_KEY_REAL:
        return real_fill(f, key, node);
    case LC_KEY_BOOL:
        return bool_fill(f, key, node);
    case LC_KEY_TEXT:
        return text_fill(f, key, node);
    case LC_KEY_PATH:
        return path_fill(f, key, node);
    case LC_KEY_WORD:
        return word_fill(f, key, node);
    case LC_KEY_FLAGS:
        return flags_fill(f, key, node);
    case LC_KEY_GRID: /* taken out of the tree before */
        return refuse(f, key, node);
    case LC_KEY_INTS:
    case LC_KEY_SITES:
        break;
    }
    return ints_fill(f, key, key->at, node);
}

int lc_config_unknown(const struct lc_tree *tree, const struct lc_node *node, const char *group, struct lc_err *err)
{
    char shown[SHOWN], near[NAME_ROOM], children[CHILDREN];
    int close = lc_key_nearest(near, sizeof near, group, node->key);

    return lc_tree_fail(tree, node->key_line, err, "key '%s%s%s' is unknown;%s%s%s allowed %s%s%s: %s",
                        group, *group ? "." : "", lc_text_show(shown, sizeof shown, node->key),
                        close ? " did you mean '" : "", close ? near : "", close ? "'?" : "",
                        *group ? "under '" : "at the top", group, *group ? "'" : "",
                        lc_key_children(children, sizeof children, group));
}

static int entry_fill(const struct filler *f, const struct lc_node *node, const char *group)
{
    char name[NAME_ROOM], children[CHILDREN], shown[SHOWN + 16];
    int n = snprintf(name, sizeof name, "%s%s%s", group, *group ? "." : "", node->key);
    const struct lc_key *key;

    /* a dot inside a key is no path */
    if (n < 0 || n >= NAME_ROOM || strchr(node->key, '.'))
        return lc_config_unknown(f->tree, node, group, f->err);
    key = lc_key_find(name, (size_t)n);
    if (key) {
        f->seen[key - lc_keys] = 1;
        return key_fill(f, key, node);
    }
    if (!*node->key || !lc_key_is_group(name))
        return lc_config_unknown(f->tree, node, group, f->err);
    if (node->kind != LC_NODE_MAP)
        return lc_tree_fail(f->tree, node->line, f->err, "key '%s' %s%s; allowed: a map of %s", name,
                            is_null(node) ? "has no value" : "is ",
                            is_null(node) ? "" : node_show(shown, node),
                            lc_key_children(children, sizeof children, name));
    return map_fill(f, node, name);
}

static int map_fill(const struct filler *f, const struct lc_node *map, const char *group)
{
    int rc = LC_OK;

    for (int n = map->first; n >= 0 && rc == LC_OK; n = f->tree->node[n].next)
        rc = entry_fill(f, &f->tree->node[n], group);
    return rc;
}

static int required_fail(const struct filler *f, const struct lc_key *key)
{
    char all[ALLOWED] = "";

    for (int i = 0; i < lc_key_count; i++)
        if (lc_keys[i].flags & LC_KEY_REQUIRED)
            snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", *all ? ", " : "", lc_keys[i].name);
    return lc_tree_fail(f->tree, 0, f->err, "key '%s' is missing; required: %s", key->name, all);
}

static void absent_put(const struct filler *f, const struct lc_key *key)
{
    double real = (double)key->absent;

    if (key->kind == LC_KEY_INT || key->kind == LC_KEY_BYTES)
        memcpy(place(f, key->at), &key->absent, sizeof key->absent);
    else if (key->kind == LC_KEY_REAL)
        memcpy(place(f, key->at), &real, sizeof real);
}

static int default_fill(const struct filler *f, const struct lc_key *key)
{
    struct lc_tree tree;
    struct filler with = *f;
    int rc;

    if (!key->fallback) {
        absent_put(f, key);
        return LC_OK;
    }
    rc = lc_tree_init_value(&tree, key->fallback, f->err);
    if (rc != LC_OK)
        return rc;
    with.tree = &tree;
    rc = key_fill(&with, key, &tree.node[tree.root]);
    lc_tree_release(&tree);
    return rc;
}

/* Both spellings of the sites fill one list. */
static int sites_check(const struct filler *f)
{
    int names = lc_tree_line(f->tree, "sites.names"), layers = lc_tree_line(f->tree, "sites.layers");

    if (names && layers)
        return lc_tree_fail(f->tree, names, f->err,
                            "keys 'sites.layers' and 'sites.names' are both given; allowed: one");
    return LC_OK;
}

int lc_config_fill(struct lc_config *config, const struct lc_tree *tree, const char *folder,
                   struct lc_err *err)
{
    unsigned char *seen = NULL;
    struct filler f = {.config = config, .tree = tree, .folder = folder, .err = err};
    int rc = LC_ALLOC(&seen, lc_key_count, "keys seen", err);

    if (rc != LC_OK)
        return rc;
    f.seen = seen;
    LC_TRY(rc, map_fill(&f, &tree->node[tree->root], ""));
    LC_TRY(rc, sites_check(&f));
    for (int i = 0; i < lc_key_count; i++) {
        if (seen[i])
            continue;
        rc = lc_keys[i].flags & LC_KEY_REQUIRED ? required_fail(&f, &lc_keys[i])
                                                : default_fill(&f, &lc_keys[i]);
        if (rc != LC_OK)
            break;
    }
done:
    free(seen);
    return rc;
}

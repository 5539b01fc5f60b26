#include "tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lightcone/memory.h"

enum { SHOWN = 64, SHOWN_PATH = 200 };

/* What is open while events arrive. */
struct builder {
    struct lc_tree *tree;
    int override; /* -1: the document */
    int open[LC_TREE_DEPTH];
    int depth;
    int documents;
    int root;
    char *key; /* read, its value not yet; owned */
    int key_line;
};

const char *lc_text_show(char *out, size_t room, const char *text)
{
    size_t n = 0;

    while (text[n] && n + 4 < room) {
        out[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n];
        n++;
    }
    if (text[n]) { /* never half a UTF-8 sequence */
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
        memcpy(out + n, "...", 3);
        n += 3;
    }
    out[n] = '\0';
    return out;
}

int lc_tree_fail(const struct lc_tree *tree, int line, struct lc_err *err, const char *fmt, ...)
{
    char what[sizeof err->msg], where[SHOWN_PATH];
    size_t length = strlen(tree->path);
    const char *cut = length >= SHOWN_PATH - 4 ? "..." : "", *path = tree->path;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (*cut)
        path += length - (SHOWN_PATH - 4);
    if (line < 0)
        return LC_FAIL(err, LC_E_CONFIG, "--set %s: %s",
                       lc_text_show(where, sizeof where, tree->overrides[-1 - line]), what);
    if (line == 0)
        return LC_FAIL(err, LC_E_CONFIG, "%s%s: %s", cut, path, what);
    return LC_FAIL(err, LC_E_CONFIG, "%s%s:%d: %s", cut, path, line, what);
}

void lc_tree_release(struct lc_tree *tree)
{
    for (int i = 0; i < tree->count; i++) {
        free(tree->node[i].text);
        free(tree->node[i].key);
    }
    free(tree->node);
    *tree = (struct lc_tree){0};
}

/* A new node without parent; *out is its index. */
static int node_add(struct lc_tree *tree, enum lc_node_kind kind, int line, int *out, struct lc_err *err)
{
    if (tree->count >= LC_TREE_NODES)
        return lc_tree_fail(tree, line, err, "more than %d values; allowed: at most that", LC_TREE_NODES);
    if (tree->count == tree->room) {
        int room = tree->room ? 2 * tree->room : 64;
        struct lc_node *grown = realloc(tree->node, (size_t)room * sizeof *grown);
        if (!grown)
            return LC_FAIL(err, LC_E_MEMORY, "no memory for %d configuration values", room);
        tree->node = grown;
        tree->room = room;
    }
    *out = tree->count++;
    tree->node[*out] = (struct lc_node){.kind = kind, .line = line, .first = -1, .last = -1, .next = -1};
    return LC_OK;
}

static void node_append(struct lc_tree *tree, int parent, int child)
{
    struct lc_node *p = &tree->node[parent];

    if (p->last < 0)
        p->first = child;
    else
        tree->node[p->last].next = child;
    p->last = child;
    p->count++;
}

int lc_tree_child(const struct lc_tree *tree, int parent, const char *key)
{
    int i = tree->node[parent].kind == LC_NODE_MAP ? tree->node[parent].first : -1;

    while (i >= 0 && strcmp(tree->node[i].key, key) != 0)
        i = tree->node[i].next;
    return i;
}

void lc_tree_unlink(struct lc_tree *tree, int parent, int child)
{
    struct lc_node *p = &tree->node[parent];
    int before = -1, i = p->first;

    while (i != child) {
        before = i;
        i = tree->node[i].next;
    }
    if (before < 0)
        p->first = tree->node[child].next;
    else
        tree->node[before].next = tree->node[child].next;
    if (p->last == child)
        p->last = before;
    p->count--;
    tree->node[child].next = -1;
}

int lc_tree_line(const struct lc_tree *tree, const char *dotted)
{
    int at = tree->root;

    while (tree->node[at].kind == LC_NODE_MAP) {
        size_t length = strcspn(dotted, ".");
        int i = tree->node[at].first;
        while (i >= 0 && (strncmp(tree->node[i].key, dotted, length) != 0 || tree->node[i].key[length]))
            i = tree->node[i].next;
        if (i < 0)
            return 0;
        if (dotted[length] == '\0')
            return tree->node[i].key_line;
        dotted += length + 1;
        at = i;
    }
    return 0;
}

static int event_line(const struct builder *b, const yaml_event_t *event)
{
    return b->override >= 0 ? -1 - b->override : (int)event->start_mark.line + 1;
}

/* The text of a scalar event as a string of its own. */
static int scalar_take(struct builder *b, const yaml_event_t *event, char **out, struct lc_err *err)
{
    const char *value = (const char *)event->data.scalar.value;

    if (strlen(value) != event->data.scalar.length)
        return lc_tree_fail(b->tree, event_line(b, event), err, "a text holds a zero byte");
    return lc_strdup(out, value, err);
}

static int key_take(struct builder *b, const yaml_event_t *event, struct lc_err *err)
{
    char shown[SHOWN], *key = NULL;
    int map = b->open[b->depth - 1], same, line = event_line(b, event), rc;

    if (event->type != YAML_SCALAR_EVENT)
        return lc_tree_fail(b->tree, line, err, "a key is a list or a map; allowed: a text");
    LC_TRY(rc, scalar_take(b, event, &key, err));
    same = lc_tree_child(b->tree, map, key);
    if (same >= 0 && line > 0)
        rc = lc_tree_fail(b->tree, line, err, "key '%s' is given twice, first on line %d",
                          lc_text_show(shown, sizeof shown, key), b->tree->node[same].key_line);
    else if (same >= 0)
        rc = lc_tree_fail(b->tree, line, err, "key '%s' is given twice",
                          lc_text_show(shown, sizeof shown, key));
    else if (b->tree->node[map].count >= LC_TREE_KEYS)
        rc = lc_tree_fail(b->tree, line, err, "a map has more than %d keys", LC_TREE_KEYS);
    if (rc != LC_OK)
        goto done;
    b->key = key;
    b->key_line = line;
    return LC_OK;
done:
    free(key);
    return rc;
}

/* Put a new node where the open list or map wants it. */
static int value_take(struct builder *b, const yaml_event_t *event, enum lc_node_kind kind,
                      struct lc_err *err)
{
    struct lc_tree *tree = b->tree;
    int line = event_line(b, event), i = -1, rc = node_add(tree, kind, line, &i, err);

    if (rc != LC_OK)
        return rc;
    if (kind == LC_NODE_SCALAR) {
        tree->node[i].quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        rc = scalar_take(b, event, &tree->node[i].text, err);
        if (rc != LC_OK)
            return rc;
    }
    if (b->depth == 0)
        b->root = i;
    else {
        tree->node[i].key = b->key;
        tree->node[i].key_line = b->key_line;
        b->key = NULL;
        node_append(tree, b->open[b->depth - 1], i);
    }
    if (kind == LC_NODE_SCALAR)
        return LC_OK;
    if (b->depth == LC_TREE_DEPTH)
        return lc_tree_fail(tree, line, err, "lists and maps are nested deeper than %d", LC_TREE_DEPTH);
    b->open[b->depth++] = i;
    return LC_OK;
}

/* Aliases make small files large, tags ask for types: neither has a use here. */
static int refuse_extras(struct builder *b, const yaml_event_t *event, struct lc_err *err)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    char shown[SHOWN];
    int line = event_line(b, event);

    if (event->type == YAML_ALIAS_EVENT)
        return lc_tree_fail(b->tree, line, err, "alias '*%s' is not allowed: write the value out",
                            lc_text_show(shown, sizeof shown, (const char *)event->data.alias.anchor));
    if (event->type == YAML_SCALAR_EVENT)
        anchor = event->data.scalar.anchor, tag = event->data.scalar.tag;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
    else if (event->type == YAML_MAPPING_START_EVENT)
        anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;
    if (anchor)
        return lc_tree_fail(b->tree, line, err, "anchor '&%s' is not allowed: there are no aliases",
                            lc_text_show(shown, sizeof shown, (const char *)anchor));
    if (tag)
        return lc_tree_fail(b->tree, line, err, "tag '%s' is not allowed: types come from the keys",
                            lc_text_show(shown, sizeof shown, (const char *)tag));
    return LC_OK;
}

static int event_take(struct builder *b, const yaml_event_t *event, struct lc_err *err)
{
    int rc = refuse_extras(b, event, err), in_map;

    if (rc != LC_OK)
        return rc;
    in_map = b->depth > 0 && b->tree->node[b->open[b->depth - 1]].kind == LC_NODE_MAP;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->documents++ > 0)
            return lc_tree_fail(b->tree, event_line(b, event), err, "a second document begins; allowed: one");
        return LC_OK;
    case YAML_SCALAR_EVENT:
        return in_map && !b->key ? key_take(b, event, err) : value_take(b, event, LC_NODE_SCALAR, err);
    case YAML_SEQUENCE_START_EVENT:
        return in_map && !b->key ? key_take(b, event, err) : value_take(b, event, LC_NODE_LIST, err);
    case YAML_MAPPING_START_EVENT:
        return in_map && !b->key ? key_take(b, event, err) : value_take(b, event, LC_NODE_MAP, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return LC_OK;
    default:
        return LC_OK;
    }
}

static int parser_fail(const struct builder *b, const yaml_parser_t *parser, struct lc_err *err)
{
    int line = b->override >= 0 ? -1 - b->override : (int)parser->problem_mark.line + 1;
    const char *problem = parser->problem ? parser->problem : "unreadable";

    if (parser->error == YAML_MEMORY_ERROR)
        return LC_FAIL(err, LC_E_MEMORY, "no memory to parse a configuration");
    if (parser->error == YAML_READER_ERROR && line > 0)
        return lc_tree_fail(b->tree, 0, err, "not UTF-8 text: %s at byte %zu", problem,
                            parser->problem_offset);
    return lc_tree_fail(b->tree, line, err, "not valid YAML: %s", problem);
}

static int events_take(struct builder *b, yaml_parser_t *parser, struct lc_err *err)
{
    int rc = LC_OK, more = 1;

    while (more && rc == LC_OK) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return parser_fail(b, parser, err);
        rc = event_take(b, &event, err);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return rc;
}

/* One document into the tree; *root is -1 when there is none. */
static int bytes_parse(struct lc_tree *tree, int override, const char *bytes, size_t size, int *root,
                       struct lc_err *err)
{
    struct builder b = {.tree = tree, .override = override, .root = -1};
    yaml_parser_t parser;
    int rc;

    if (size > LC_TREE_BYTES)
        return lc_tree_fail(tree, override >= 0 ? -1 - override : 0, err, "%zu bytes; allowed: at most %d",
                            size, LC_TREE_BYTES);
    if (!yaml_parser_initialize(&parser))
        return LC_FAIL(err, LC_E_MEMORY, "no memory to parse a configuration");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, size);
    rc = events_take(&b, &parser, err);
    yaml_parser_delete(&parser);
    free(b.key);
    *root = b.root;
    return rc;
}

/* The map child `key` of `parent`, made when missing; what else stood there gives way. */
static int map_enter(struct lc_tree *tree, int parent, const char *key, int line, int *out,
                     struct lc_err *err)
{
    int i = lc_tree_child(tree, parent, key), rc;

    if (i < 0) {
        if (tree->node[parent].count >= LC_TREE_KEYS)
            return lc_tree_fail(tree, line, err, "a map has more than %d keys", LC_TREE_KEYS);
        rc = node_add(tree, LC_NODE_MAP, line, &i, err);
        if (rc == LC_OK)
            rc = lc_strdup(&tree->node[i].key, key, err);
        if (rc != LC_OK)
            return rc;
        tree->node[i].key_line = line;
        node_append(tree, parent, i);
    } else if (tree->node[i].kind != LC_NODE_MAP) {
        struct lc_node *node = &tree->node[i];
        free(node->text);
        *node = (struct lc_node){.kind = LC_NODE_MAP,
                                 .line = line,
                                 .key_line = line,
                                 .key = node->key,
                                 .first = -1,
                                 .last = -1,
                                 .next = node->next};
    }
    *out = i;
    return LC_OK;
}

/* Node `to` takes the contents of `from` and keeps its key and place. */
static void node_replace(struct lc_tree *tree, int to, int from, int line)
{
    struct lc_node *old = &tree->node[to], *new = &tree->node[from];
    struct lc_node merged = *new;

    free(old->text);
    merged.key = old->key;
    merged.key_line = line;
    merged.next = old->next;
    *old = merged;
    new->text = NULL;
}

/* The node at the dotted key below the root, made when missing. */
static int path_enter(struct lc_tree *tree, const char *dotted, size_t size, int line, int *at, struct lc_err *err)
{
    char *key = NULL, *end;
    int rc, depth = 1;

    *at = tree->root;
    LC_TRY(rc, lc_strdup(&key, dotted, err));
    key[size] = '\0';
    for (char *part = key; part; part = end) {
        end = strchr(part, '.');
        if (end)
            *end++ = '\0';
        if (*part == '\0')
            LC_TRY(rc, lc_tree_fail(tree, line, err, "a part of the key is empty; expected key.path=value"));
        if (++depth > LC_TREE_DEPTH)
            LC_TRY(rc, lc_tree_fail(tree, line, err, "the key has more than %d parts", LC_TREE_DEPTH - 1));
        LC_TRY(rc, map_enter(tree, *at, part, line, at, err));
    }
done:
    free(key);
    return rc;
}

int lc_tree_put(struct lc_tree *tree, const char *dotted, int from, struct lc_err *err)
{
    int line = tree->node[from].line, at, rc = path_enter(tree, dotted, strlen(dotted), line, &at, err);

    if (rc == LC_OK)
        node_replace(tree, at, from, line);
    return rc;
}

/* Lay the override's value at its dotted key. */
static int override_apply(struct lc_tree *tree, int which, struct lc_err *err)
{
    const char *text = tree->overrides[which], *equals = strchr(text, '=');
    int at, line = -1 - which, from = -1, rc;

    if (!equals || equals == text)
        return lc_tree_fail(tree, line, err, "expected key.path=value");
    LC_TRY(rc, path_enter(tree, text, (size_t)(equals - text), line, &at, err));
    LC_TRY(rc, bytes_parse(tree, which, equals + 1, strlen(equals + 1), &from, err));
    if (from < 0)
        return lc_tree_fail(tree, line, err, "has no value; expected key.path=value");
    node_replace(tree, at, from, line);
done:
    return rc;
}

/* A child of `map` whose key is a dotted path goes to where the path leads. */
static int path_open(struct lc_tree *tree, int map, int child, struct lc_err *err)
{
    char shown[SHOWN], *path = tree->node[child].key, *part = path, *dot;
    int at = map, line = tree->node[child].key_line, same, rc = LC_OK;

    tree->node[child].key = NULL;
    for (; (dot = strchr(part, '.')); part = dot + 1) {
        *dot = '\0';
        same = lc_tree_child(tree, at, part);
        if (same >= 0 && tree->node[same].kind != LC_NODE_MAP)
            LC_TRY(rc, lc_tree_fail(tree, line, err, "key '%s' of '%s' and one below it are both given; allowed: one",
                                    lc_text_show(shown, sizeof shown, part), tree->node[map].key));
        LC_TRY(rc, map_enter(tree, at, part, line, &at, err));
    }
    if (lc_tree_child(tree, at, part) >= 0)
        LC_TRY(rc, lc_tree_fail(tree, line, err, "key '%s' of '%s' is given twice",
                                lc_text_show(shown, sizeof shown, part), tree->node[map].key));
    LC_TRY(rc, lc_strdup(&tree->node[child].key, part, err));
    node_append(tree, at, child);
done:
    free(path);
    return rc;
}

/* In `sweep` alone a key may be written as a dotted path, as on the command line. */
static int paths_open(struct lc_tree *tree, struct lc_err *err)
{
    int sweep = lc_tree_child(tree, tree->root, "sweep"), next, rc = LC_OK;

    if (sweep < 0 || tree->node[sweep].kind != LC_NODE_MAP)
        return LC_OK;
    for (int i = tree->node[sweep].first; i >= 0 && rc == LC_OK; i = next) {
        next = tree->node[i].next;
        if (!strchr(tree->node[i].key, '.'))
            continue;
        lc_tree_unlink(tree, sweep, i);
        rc = path_open(tree, sweep, i, err);
    }
    return rc;
}

int lc_tree_init(struct lc_tree *tree, const char *path, const char *bytes, size_t size,
                 const char *const *overrides, int64_t override_count, struct lc_err *err)
{
    int rc;

    *tree = (struct lc_tree){.root = -1, .path = path, .overrides = overrides};
    if (override_count > LC_TREE_NODES)
        return lc_tree_fail(tree, 0, err, "more than %d overrides", LC_TREE_NODES);
    LC_TRY(rc, bytes_parse(tree, -1, bytes, size, &tree->root, err));
    if (tree->root < 0)
        rc = lc_tree_fail(tree, 0, err, "the file is empty; expected keys such as 'job: sparsity'");
    else if (tree->node[tree->root].kind != LC_NODE_MAP)
        rc = lc_tree_fail(tree, tree->node[tree->root].line, err,
                          "not a map; expected keys such as 'job: sparsity'");
    if (rc == LC_OK)
        rc = paths_open(tree, err);
    for (int i = 0; rc == LC_OK && i < (int)override_count; i++) {
        LC_TRY(rc, override_apply(tree, i, err));
        rc = paths_open(tree, err);
    }
done:
    if (rc != LC_OK)
        lc_tree_release(tree);
    return rc;
}

int lc_tree_init_value(struct lc_tree *tree, const char *value, struct lc_err *err)
{
    int rc;

    *tree = (struct lc_tree){.root = -1, .path = "default"};
    rc = bytes_parse(tree, -1, value, strlen(value), &tree->root, err);
    if (rc != LC_OK)
        lc_tree_release(tree);
    return rc;
}

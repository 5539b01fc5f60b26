#include "lightcone/layout.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scalar.h"
#include "tree.h"

enum { SHOWN = 80, URL_MAX_BYTES = 2000, ITEMS_MAX = 10000, GIT_BLOB_LEAST = 7 };

struct reading {
    struct lc_layout *layout;
    const struct lc_tree *tree;
    const char *base; /* folder of the layout file */
    int sources;      /* node, or -1 */
    struct lc_layout_item *item;
    struct lc_err *err;
};

/* A key, what it takes, and who takes it: of the layout, or of one item. */
struct rule {
    const char *name, *allowed;
    int (*take)(struct reading *r, const struct rule *rule, const struct lc_node *node);
};

void lc_layout_release(struct lc_layout *layout)
{
    for (int64_t i = 0; i < layout->count; i++) {
        free(layout->item[i].url);
        free(layout->item[i].file);
        free(layout->item[i].member);
    }
    free(layout->item);
    *layout = (struct lc_layout){0};
}

static int refuse(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    char shown[SHOWN];

    if (node->kind != LC_NODE_SCALAR)
        return lc_tree_fail(r->tree, node->line, r->err, "key '%s' is a %s; allowed: %s", rule->name,
                            node->kind == LC_NODE_LIST ? "list" : "map", rule->allowed);
    return lc_tree_fail(r->tree, node->line, r->err, "key '%s' is '%s'; allowed: %s", rule->name,
                        lc_text_show(shown, sizeof shown, node->text), rule->allowed);
}

static int int_take(struct reading *r, const struct rule *rule, const struct lc_node *node, int64_t low, int64_t high,
                    int64_t *out)
{
    int64_t value = 0;

    if (node->kind != LC_NODE_SCALAR || node->quoted || lc_scalar_int(node->text, &value) != LC_SCALAR_OK ||
        value < low || value > high)
        return refuse(r, rule, node);
    *out = value;
    return LC_OK;
}

static int attempts_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    return int_take(r, rule, node, 1, 100, &r->layout->attempts);
}

static int wait_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    return int_take(r, rule, node, 0, 3600, &r->layout->wait);
}

static int stall_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    return int_take(r, rule, node, 1, 3600, &r->layout->stall);
}

static int size_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    return int_take(r, rule, node, 0, INT64_MAX, &r->item->size);
}

static int folder_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    if (node->kind != LC_NODE_SCALAR || !*node->text)
        return refuse(r, rule, node);
    return lc_path_join(r->layout->folder, r->base, node->text, r->err);
}

/* Names to be made below a folder: relative, printable, without a part that is empty, '.' or '..'. */
static int name_is_inside(const char *text)
{
    const char *part = text;

    if (!*text || strlen(text) > 1024)
        return 0;
    for (const char *p = text;; p++) {
        size_t length = (size_t)(p - part);
        if ((unsigned char)*p < 0x20 && *p)
            return 0;
        if (*p != '/' && *p != '\0')
            continue;
        if (length == 0 || length > 200 || (part[0] == '.' && (length == 1 || (length == 2 && part[1] == '.'))))
            return 0;
        if (*p == '\0')
            return 1;
        part = p + 1;
    }
}

static int ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static int file_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    if (node->kind != LC_NODE_SCALAR || !name_is_inside(node->text) || ends_in(node->text, ".partial") ||
        strcmp(node->text, "fetched.json") == 0)
        return refuse(r, rule, node);
    for (int64_t i = 0; i < r->layout->count - 1; i++)
        if (strcmp(r->layout->item[i].file, node->text) == 0)
            return lc_tree_fail(r->tree, node->line, r->err, "key 'file': '%.200s' is the file of two items", node->text);
    return lc_strdup(&r->item->file, node->text, r->err);
}

static int member_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    if (node->kind != LC_NODE_SCALAR || !name_is_inside(node->text))
        return refuse(r, rule, node);
    return lc_strdup(&r->item->member, node->text, r->err);
}

/* `least` to `most` hexadecimal digits, put in lower case. */
static int digits_take(struct reading *r, const struct rule *rule, const struct lc_node *node, size_t least, size_t most,
                       char *out)
{
    size_t length = node->kind == LC_NODE_SCALAR ? strlen(node->text) : 0;

    if (length < least || length > most || strspn(node->text, "0123456789abcdefABCDEF") != length)
        return refuse(r, rule, node);
    for (size_t i = 0; i <= length; i++)
        out[i] = (char)tolower((unsigned char)node->text[i]);
    return LC_OK;
}

static int sha256_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    return digits_take(r, rule, node, LC_HASH_HEX - 1, LC_HASH_HEX - 1, r->item->sha256);
}

static int git_blob_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    return digits_take(r, rule, node, GIT_BLOB_LEAST, LC_GIT_BLOB_HEX - 1, r->item->git_blob);
}

/* The text of a source, NULL when there is none of that name. */
static const char *source_find(const struct reading *r, const char *name, size_t length)
{
    int i = r->sources < 0 ? -1 : r->tree->node[r->sources].first;

    for (; i >= 0; i = r->tree->node[i].next) {
        const struct lc_node *node = &r->tree->node[i];
        if (strlen(node->key) == length && memcmp(node->key, name, length) == 0)
            return node->text;
    }
    return NULL;
}

/* {NAME} at the front of a URL is what `sources` says; braces stand nowhere else. */
static int url_expand(struct reading *r, const struct lc_node *node, struct lc_bytes *out)
{
    const char *rest = node->text, *end = rest[0] == '{' ? strchr(rest, '}') : NULL;
    const char *source = end ? source_find(r, rest + 1, (size_t)(end - rest - 1)) : NULL;
    char shown[SHOWN];

    if (end && !source)
        return lc_tree_fail(r->tree, node->line, r->err, "key 'url' is '%s'; 'sources' has no such name",
                            lc_text_show(shown, sizeof shown, node->text));
    if (source && lc_bytes_add(out, source, strlen(source), r->err) != LC_OK)
        return r->err->code;
    rest = end ? end + 1 : rest;
    return lc_bytes_add(out, rest, strlen(rest) + 1, r->err);
}

/* http(s)://HOST/..., visible ASCII, no name and password. */
static int url_is_right(const char *url)
{
    const char *host = strncmp(url, "https://", 8) == 0 ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;

    if (!host || !*host || *host == '/' || strlen(url) > URL_MAX_BYTES || memchr(host, '@', strcspn(host, "/")))
        return 0;
    for (const char *p = url; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f || strchr("{}<>\"\\^`|#", *p))
            return 0;
    return 1;
}

static int url_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    struct lc_bytes text = {0};
    char shown[SHOWN];
    int rc;

    if (node->kind != LC_NODE_SCALAR)
        return refuse(r, rule, node);
    rc = url_expand(r, node, &text);
    if (rc == LC_OK && !url_is_right((const char *)text.data))
        rc = lc_tree_fail(r->tree, node->line, r->err, "key 'url' stands for '%s'; allowed: %s",
                          lc_text_show(shown, sizeof shown, (const char *)text.data), rule->allowed);
    if (rc == LC_OK)
        rc = lc_strdup(&r->item->url, (const char *)text.data, r->err);
    lc_bytes_release(&text);
    return rc;
}

static int sources_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    if (node->kind != LC_NODE_MAP)
        return refuse(r, rule, node);
    for (int i = node->first; i >= 0; i = r->tree->node[i].next)
        if (r->tree->node[i].kind != LC_NODE_SCALAR)
            return refuse(r, rule, &r->tree->node[i]);
    r->sources = (int)(node - r->tree->node);
    return LC_OK;
}

/* Every child of a map by its rule; an unknown key is refused with the names of all. */
static int rules_apply(struct reading *r, const struct rule *rules, size_t count, int map)
{
    char shown[SHOWN], names[160] = "";

    for (size_t k = 0, used = 0; k < count; k++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", k ? ", " : "", rules[k].name);
    for (int i = r->tree->node[map].first; i >= 0; i = r->tree->node[i].next) {
        const struct lc_node *node = &r->tree->node[i];
        size_t k = 0;
        while (k < count && strcmp(rules[k].name, node->key) != 0)
            k++;
        if (k == count)
            return lc_tree_fail(r->tree, node->key_line, r->err, "unknown key '%s'; allowed: %s",
                                lc_text_show(shown, sizeof shown, node->key), names);
        if (rules[k].take(r, &rules[k], node) != LC_OK)
            return r->err->code;
    }
    return LC_OK;
}

static const struct rule item_rules[] = {
    {"url", "http:// or https:// or the {NAME} of a source first, without name and password", url_take},
    {"file", "a name below the folder, without '..'; not fetched.json, not *.partial", file_take},
    {"member", "the name of a file inside the zip archive at 'url'", member_take},
    {"size", "a whole number of bytes", size_take},
    {"sha256", "64 hexadecimal digits", sha256_take},
    {"git_blob", "7 to 40 hexadecimal digits", git_blob_take},
};

static int item_take(struct reading *r, int node)
{
    int line = r->tree->node[node].line;

    if (r->tree->node[node].kind != LC_NODE_MAP)
        return lc_tree_fail(r->tree, line, r->err, "key 'items' holds what is no map; allowed: {url: ..., file: ...}");
    r->item = &r->layout->item[r->layout->count++];
    r->item->size = -1;
    if (rules_apply(r, item_rules, sizeof item_rules / sizeof item_rules[0], node) != LC_OK)
        return r->err->code;
    if (!r->item->url || !r->item->file)
        return lc_tree_fail(r->tree, line, r->err, "key '%s' of an item is missing", r->item->url ? "file" : "url");
    return LC_OK;
}

static int items_take(struct reading *r, const struct rule *rule, const struct lc_node *node)
{
    if (node->kind != LC_NODE_LIST || node->count == 0 || node->count > ITEMS_MAX)
        return refuse(r, rule, node);
    return LC_ALLOC(&r->layout->item, node->count, "layout items", r->err);
}

static const struct rule layout_rules[] = {
    {"sources", "names with the beginnings of URLs, as in {hub: https://...}", sources_take},
    {"folder", "where the files go, relative to this file; default data", folder_take},
    {"attempts", "a whole number from 1 to 100, default 5: how often a request that brings nothing is made", attempts_take},
    {"wait", "seconds, 0 to 3600, default 1: before the second attempt, then doubled up to a minute", wait_take},
    {"stall", "seconds, 1 to 3600, default 60: how long a connection may be silent", stall_take},
    {"items", "a list of 1 to 10000 maps {url, file, ...}", items_take},
};

/* The items come last: their URLs use the sources wherever those stand. */
static int layout_fill(struct reading *r)
{
    const struct lc_tree *tree = r->tree;
    int items = tree->node[tree->root].first;

    if (lc_path_join(r->layout->folder, r->base, "data", r->err) != LC_OK)
        return r->err->code;
    if (rules_apply(r, layout_rules, sizeof layout_rules / sizeof layout_rules[0], tree->root) != LC_OK)
        return r->err->code;
    while (items >= 0 && strcmp(tree->node[items].key, "items") != 0)
        items = tree->node[items].next;
    if (items < 0)
        return lc_tree_fail(tree, 0, r->err, "key 'items' is missing");
    for (int i = tree->node[items].first; i >= 0; i = tree->node[i].next)
        if (item_take(r, i) != LC_OK)
            return r->err->code;
    return LC_OK;
}

static int rules_help(const char *title, const struct rule *rules, size_t count, struct lc_bytes *out, struct lc_err *err)
{
    lc_bytes_printf(out, err, "%s\n", title);
    for (size_t k = 0; k < count; k++)
        lc_bytes_printf(out, err, "  %-10s %s\n", rules[k].name, rules[k].allowed);
    return err->code;
}

int lc_layout_help(struct lc_bytes *out, struct lc_err *err)
{
    rules_help("A layout says what `lightcone fetch` brings. Its keys:", layout_rules,
               sizeof layout_rules / sizeof layout_rules[0], out, err);
    return rules_help("\nThe keys of an item; 'url' and 'file' are needed:", item_rules,
                      sizeof item_rules / sizeof item_rules[0], out, err);
}

int lc_layout_parse(struct lc_layout *layout, const char *path, const char *bytes, size_t size,
                    const char *const *overrides, int64_t override_count, struct lc_err *err)
{
    char base[LC_PATH_MAX] = "";
    struct lc_tree tree;
    struct reading r = {.layout = layout, .tree = &tree, .base = base, .sources = -1, .err = err};
    int rc;

    *layout = (struct lc_layout){.attempts = 5, .wait = 1, .stall = 60};
    if (lc_path_join(layout->source, "", path, err) != LC_OK)
        return err->code;
    rc = lc_tree_init(&tree, path, bytes, size, overrides, override_count, err);
    if (rc != LC_OK)
        return rc;
    if (strchr(path, '/'))
        lc_path_folder(base, path);
    rc = layout_fill(&r);
    lc_tree_release(&tree);
    if (rc != LC_OK)
        lc_layout_release(layout);
    return rc;
}

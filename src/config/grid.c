/* grid.c - a tree with `sweep` into axes, and back into one tree for each point. */
#include "lightcone/grid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"

enum { NAME_ROOM = 64, SHOWN = 64, SHOWN_POINT = 200, ALLOWED = 256 };

static const char lengths_key[] = "windows.length"; /* of points within a point */

/* Axes as they are found: node[k] is the list of values of the key in row k of the table, or -1. */
struct finder {
    struct lc_tree *tree;
    int *node; /* [lc_key_count] */
    struct lc_err *err;
};

/* --- values as one line of YAML ------------------------------------------------------------------------------------ */

static int scalar_write(const struct lc_node *node, struct lc_bytes *out, struct lc_err *err)
{
    int rc;

    if (!node->quoted)
        return lc_bytes_printf(out, err, "%s", node->text);
    LC_TRY(rc, lc_bytes_printf(out, err, "'"));
    for (const char *p = node->text; *p; p++)
        LC_TRY(rc, *p == '\'' ? lc_bytes_add(out, "''", 2, err) : lc_bytes_add(out, p, 1, err));
    LC_TRY(rc, lc_bytes_printf(out, err, "'"));
done:
    return rc;
}

static int node_write(const struct lc_tree *tree, int at, struct lc_bytes *out, struct lc_err *err)
{
    const struct lc_node *node = &tree->node[at];
    int map = node->kind == LC_NODE_MAP, rc;

    if (node->kind == LC_NODE_SCALAR)
        return scalar_write(node, out, err);
    LC_TRY(rc, lc_bytes_printf(out, err, map ? "{" : "["));
    for (int i = node->first; i >= 0; i = tree->node[i].next) {
        if (map)
            LC_TRY(rc, lc_bytes_printf(out, err, "%s: ", tree->node[i].key));
        LC_TRY(rc, node_write(tree, i, out, err));
        if (tree->node[i].next >= 0)
            LC_TRY(rc, lc_bytes_printf(out, err, ","));
    }
    LC_TRY(rc, lc_bytes_printf(out, err, map ? "}" : "]"));
done:
    return rc;
}

/* --- from the tree to axes ------------------------------------------------------------------------------------------ */

static int refuse(const struct finder *f, const char *name, int at)
{
    const struct lc_node *node = &f->tree->node[at];
    char shown[SHOWN];

    if (node->kind == LC_NODE_SCALAR)
        return lc_tree_fail(f->tree, node->line, f->err, "key 'sweep.%s' is '%s'; allowed: a list of values of '%s'", name,
                            lc_text_show(shown, sizeof shown, node->text), name);
    return lc_tree_fail(f->tree, node->line, f->err, "key 'sweep.%s' is %s; allowed: a list of values of '%s'", name,
                        node->kind == LC_NODE_LIST ? "an empty list" : "a map", name);
}

/* A value of the file is one that the axis replaces; --set that would say nothing is a mistake. */
static int check_hidden(const struct finder *f, const char *key)
{
    int at = f->tree->root;
    const char *part = key;
    char name[NAME_ROOM];

    for (size_t size; *part && at >= 0; part += size + (part[size] == '.')) {
        size = strcspn(part, ".");
        snprintf(name, sizeof name, "%.*s", (int)size, part);
        at = lc_tree_child(f->tree, at, name);
    }
    if (at < 0 || f->tree->node[at].line >= 0)
        return LC_OK;
    return lc_tree_fail(f->tree, f->tree->node[at].line, f->err,
                        "key '%s' is an axis of the sweep; allowed: --set 'sweep.%s=[VALUE, ...]'", key, key);
}

static int axis_find(const struct finder *f, const struct lc_key *key, int at)
{
    const struct lc_node *list = &f->tree->node[at];

    if (list->kind != LC_NODE_LIST || list->count == 0)
        return refuse(f, key->name, at);
    if (key->flags & LC_KEY_LOCAL && key->kind != LC_KEY_SITES)
        return lc_tree_fail(f->tree, list->key_line, f->err,
                            "key 'sweep.%s': results do not depend on '%s'; allowed: keys that they depend on", key->name,
                            key->name);
    if (strcmp(key->name, "job") == 0)
        return lc_tree_fail(f->tree, list->key_line, f->err, "key 'sweep.job': a sweep's points join in one result of one job");
    f->node[key - lc_keys] = at;
    return check_hidden(f, key->name);
}

/* All lists below a map of the sweep, whose keys stand below `group`. */
static int axes_find(const struct finder *f, int map, const char *group)
{
    for (int i = f->tree->node[map].first; i >= 0; i = f->tree->node[i].next) {
        const struct lc_node *node = &f->tree->node[i];
        char name[NAME_ROOM];
        int n = snprintf(name, sizeof name, "%s%s%s", group, *group ? "." : "", node->key);
        const struct lc_key *key = n < NAME_ROOM && !strchr(node->key, '.') ? lc_key_find(name, (size_t)n) : NULL;
        int is_group = n < NAME_ROOM && *node->key && lc_key_is_group(name), rc;

        if (!key && !is_group)
            return lc_config_unknown(f->tree, node, group, f->err);
        if (is_group && node->kind == LC_NODE_MAP)
            rc = axes_find(f, i, name);
        else if (key)
            rc = axis_find(f, key, i);
        else
            rc = lc_tree_fail(f->tree, node->line, f->err,
                              "key 'sweep.%s' is no map; allowed: lists of values of the keys below '%s'", name, name);
        if (rc != LC_OK)
            return rc;
    }
    return LC_OK;
}

/* Take `sweep` out of the tree and find its lists. */
static int sweep_take(const struct finder *f)
{
    int root = f->tree->root, sweep = lc_tree_child(f->tree, root, "sweep");
    const struct lc_node *node = sweep >= 0 ? &f->tree->node[sweep] : NULL;
    char allowed[ALLOWED];

    for (int k = 0; k < lc_key_count; k++)
        f->node[k] = -1;
    if (!node)
        return LC_OK;
    if (node->kind != LC_NODE_MAP)
        return lc_tree_fail(f->tree, node->line, f->err, "key 'sweep' is no map; allowed: %s",
                            lc_key_allowed(allowed, sizeof allowed, lc_key_find("sweep", 5)));
    lc_tree_unlink(f->tree, root, sweep);
    return axes_find(f, sweep, "");
}

static int axis_fill(struct lc_axis *axis, const struct finder *f, int key)
{
    const struct lc_node *list = &f->tree->node[f->node[key]];
    int rc;

    axis->key = lc_keys[key].name;
    LC_TRY(rc, LC_ALLOC(&axis->value, list->count, "values of a sweep", f->err));
    for (int i = list->first; i >= 0; i = f->tree->node[i].next) {
        struct lc_bytes text = {0};
        rc = node_write(f->tree, i, &text, f->err);
        if (rc == LC_OK)
            rc = lc_bytes_add(&text, "", 1, f->err);
        axis->value[axis->count++] = (char *)text.data;
        if (rc != LC_OK)
            goto done;
    }
done:
    return rc;
}

static int axes_fill(struct lc_grid *grid, const struct finder *f)
{
    int rc = LC_OK, lengths = (int)(lc_key_find(lengths_key, strlen(lengths_key)) - lc_keys), axes = 0;

    grid->points = 1;
    for (int k = 0; k < lc_key_count; k++)
        axes += k != lengths && f->node[k] >= 0;
    LC_TRY(rc, LC_ALLOC(&grid->axis, axes, "sweep", f->err));
    for (int k = 0; k < lc_key_count; k++) {
        const struct lc_node *list = f->node[k] >= 0 ? &f->tree->node[f->node[k]] : NULL;
        if (!list || k == lengths)
            continue;
        LC_TRY(rc, axis_fill(&grid->axis[grid->axes++], f, k));
        grid->points *= list->count;
        if (grid->points > LC_SWEEP_MAX)
            return lc_tree_fail(f->tree, list->key_line, f->err,
                                "key 'sweep.%s' makes %" PRId64 " points of the sweep; allowed: at most %d", lc_keys[k].name,
                                grid->points, LC_SWEEP_MAX);
    }
done:
    return rc;
}

/* --- and back --------------------------------------------------------------------------------------------------------- */

int64_t lc_grid_place(const struct lc_grid *grid, int64_t point, int64_t axis)
{
    for (int64_t a = grid->axes - 1; a > axis; a--)
        point /= grid->axis[a].count;
    return point % grid->axis[axis].count;
}

int lc_grid_describe(const struct lc_grid *grid, int64_t point, struct lc_bytes *out, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t a = 0; a < grid->axes && rc == LC_OK; a++)
        rc = lc_bytes_printf(out, err, "%s%s=%s", a ? " " : "", grid->axis[a].key,
                             grid->axis[a].value[lc_grid_place(grid, point, a)]);
    return rc;
}

/* An error of one point says of which. */
static int name_point(const struct lc_grid *grid, int64_t point, struct lc_err *err)
{
    struct lc_err ignored = LC_ERR_INIT;
    struct lc_bytes text = {0};
    char shown[SHOWN_POINT];

    if (grid->axes > 0 && lc_bytes_printf(&text, &ignored, "; point %" PRId64 " of the sweep: ", point) == LC_OK &&
        lc_grid_describe(grid, point, &text, &ignored) == LC_OK && lc_bytes_add(&text, "", 1, &ignored) == LC_OK)
        lc_err_suffix(err, lc_text_show(shown, sizeof shown, (const char *)text.data));
    lc_bytes_release(&text);
    return err->code;
}

/* Values of the point into a tree without `sweep`. */
static int point_put(const struct lc_grid *grid, int64_t point, const struct finder *f)
{
    int rc = LC_OK;

    for (int64_t a = 0; a < grid->axes && rc == LC_OK; a++) {
        const char *key = grid->axis[a].key;
        int i = f->tree->node[f->node[lc_key_find(key, strlen(key)) - lc_keys]].first;
        for (int64_t place = lc_grid_place(grid, point, a); place > 0; place--)
            i = f->tree->node[i].next;
        rc = lc_tree_put(f->tree, key, i, f->err);
    }
    return rc;
}

static int lengths_put(const struct finder *f)
{
    int at = f->node[lc_key_find(lengths_key, strlen(lengths_key)) - lc_keys];

    return at >= 0 ? lc_tree_put(f->tree, lengths_key, at, f->err) : LC_OK;
}

static int config_fill(struct lc_config *config, const struct lc_grid *grid, const struct lc_tree *tree,
                       struct lc_err *err)
{
    char folder[LC_PATH_MAX] = "";
    int rc;

    if (strchr(grid->path, '/'))
        lc_path_folder(folder, grid->path);
    snprintf(config->source, sizeof config->source, "%s", grid->path);
    LC_TRY(rc, lc_config_fill(config, tree, folder, err));
    rc = lc_config_finish(config, tree, err);
done:
    return rc;
}

static int finder_init(struct finder *f, struct lc_tree *tree, const struct lc_grid *grid, struct lc_err *err)
{
    *f = (struct finder){.tree = tree, .err = err};
    if (LC_ALLOC(&f->node, lc_key_count, "sweep", err) != LC_OK)
        return err->code;
    if (lc_tree_init(tree, grid->path, grid->bytes, grid->size, grid->overrides, grid->override_count, err) != LC_OK)
        free(f->node);
    return err->code;
}

int lc_grid_config(const struct lc_grid *grid, int64_t point, struct lc_config *config, struct lc_err *err)
{
    struct lc_tree tree;
    struct finder f;
    int rc;

    *config = (struct lc_config){0};
    if (finder_init(&f, &tree, grid, err) != LC_OK)
        return err->code;
    LC_TRY(rc, sweep_take(&f));
    LC_TRY(rc, lengths_put(&f));
    LC_TRY(rc, point_put(grid, point, &f));
    rc = config_fill(config, grid, &tree, err);
done:
    free(f.node);
    lc_tree_release(&tree);
    if (rc != LC_OK) {
        lc_config_release(config);
        name_point(grid, point, err);
    }
    return rc;
}

/* --- all points are right, and differ ----------------------------------------------------------------------------------- */

/* A point as the text that its result says of it. */
struct said {
    int64_t point;
    struct lc_bytes text;
};

static int compare_said(const void *a, const void *b)
{
    const struct said *x = a, *y = b;
    int order = strcmp((const char *)x->text.data, (const char *)y->text.data);

    return order ? order : (x->point > y->point) - (x->point < y->point);
}

static int say(struct said *s, const struct lc_grid *grid, int64_t point, struct lc_err *err)
{
    struct lc_config config;
    int rc = lc_grid_config(grid, point, &config, err);

    if (rc != LC_OK)
        return rc;
    s->point = point;
    rc = lc_config_canonical(&config, &s->text, err);
    if (rc == LC_OK)
        rc = lc_bytes_add(&s->text, "", 1, err);
    lc_config_release(&config);
    return rc;
}

static int refuse_same(const struct lc_grid *grid, const struct finder *f, int64_t a, int64_t b)
{
    const struct lc_axis *axis = grid->axis;
    char one[SHOWN], other[SHOWN];
    int64_t k = 0;
    int at;

    while (lc_grid_place(grid, a, k) == lc_grid_place(grid, b, k))
        k++;
    axis += k;
    at = f->node[lc_key_find(axis->key, strlen(axis->key)) - lc_keys];
    return lc_tree_fail(f->tree, f->tree->node[at].key_line, f->err,
                        "key 'sweep.%s' holds '%s' and '%s', which give the same configuration, points %" PRId64 " and %" PRId64
                        "; allowed: values that differ, paths in their last part",
                        axis->key, lc_text_show(one, sizeof one, axis->value[lc_grid_place(grid, a, k)]),
                        lc_text_show(other, sizeof other, axis->value[lc_grid_place(grid, b, k)]), a, b);
}

static int points_check(const struct lc_grid *grid, const struct finder *f)
{
    struct said *said = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&said, grid->points, "sweep", f->err));
    for (int64_t p = 0; p < grid->points; p++)
        LC_TRY(rc, say(&said[p], grid, p, f->err));
    qsort(said, (size_t)grid->points, sizeof *said, compare_said);
    for (int64_t k = 1; k < grid->points; k++)
        if (strcmp((const char *)said[k - 1].text.data, (const char *)said[k].text.data) == 0)
            LC_TRY(rc, refuse_same(grid, f, said[k - 1].point, said[k].point));
done:
    for (int64_t p = 0; said && p < grid->points; p++)
        lc_bytes_release(&said[p].text);
    free(said);
    return rc;
}

int lc_grid_init(struct lc_grid *grid, const char *path, const char *bytes, size_t size, const char *const *overrides,
                 int64_t override_count, struct lc_err *err)
{
    struct lc_tree tree;
    struct finder f;
    int rc;

    *grid = (struct lc_grid){
        .path = path, .bytes = bytes, .size = size, .overrides = overrides, .override_count = override_count};
    if (strlen(path) >= LC_PATH_MAX)
        return LC_FAIL(err, LC_E_CONFIG, "%.64s...: the path is longer than %d bytes", path, LC_PATH_MAX - 1);
    if (finder_init(&f, &tree, grid, err) != LC_OK)
        return err->code;
    LC_TRY(rc, sweep_take(&f));
    LC_TRY(rc, axes_fill(grid, &f));
    rc = points_check(grid, &f);
done:
    free(f.node);
    lc_tree_release(&tree);
    if (rc != LC_OK)
        lc_grid_release(grid);
    return rc;
}

void lc_grid_release(struct lc_grid *grid)
{
    for (int64_t a = 0; a < grid->axes; a++) {
        for (int64_t k = 0; k < grid->axis[a].count; k++)
            free(grid->axis[a].value[k]);
        free(grid->axis[a].value);
    }
    free(grid->axis);
    *grid = (struct lc_grid){0};
}

int lc_config_parse(struct lc_config *config, const char *path, const char *bytes, size_t size,
                    const char *const *overrides, int64_t override_count, struct lc_err *err)
{
    struct lc_grid grid;
    int rc = lc_grid_init(&grid, path, bytes, size, overrides, override_count, err);

    *config = (struct lc_config){0};
    if (rc != LC_OK)
        return rc;
    rc = grid.axes > 0 ? LC_FAIL(err, LC_E_CONFIG, "%s: key 'sweep' makes several configurations of one", path)
                       : lc_grid_config(&grid, 0, config, err);
    lc_grid_release(&grid);
    return rc;
}

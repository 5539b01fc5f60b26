/* merge.c - several results as the points of one. The inputs are read three times: for what tells them apart, for the
 * layout of the output, and for the numbers, which go over in blocks. */
#include "lightcone/merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"
#include "lightcone/results.h"
#include "merge_points.h"

enum { BLOCK = 1 << 22, GROUPS_MAX = 16, NAME_ROOM = 128 }; /* bytes that go over at a time; groups of no site */

/* An attribute of the file, as text or number. */
struct attribute {
    char *key, *text; /* text NULL: a number */
    int real;
    double value;
    int64_t number;
};

struct attributes {
    struct attribute *item;
    int64_t count;
};

/* A group that belongs to no site, such as windows: is it the same in all points? */
struct group {
    char name[NAME_ROOM];
    int64_t sets; /* datasets of it in the first point */
    int differs;
};

struct merge {
    const char *output;
    struct lc_merge_points points;
    struct attributes shared; /* of all points */
    struct group group[GROUPS_MAX];
    int groups;
    struct lc_result *first; /* while the others are compared with it */
    int64_t first_at;
};

static void attributes_release(struct attributes *a)
{
    for (int64_t i = 0; i < a->count; i++) {
        free(a->item[i].key);
        free(a->item[i].text);
    }
    free(a->item);
    *a = (struct attributes){0};
}

static struct attribute *attribute_find(const struct attributes *a, const char *key)
{
    for (int64_t i = 0; i < a->count; i++)
        if (strcmp(a->item[i].key, key) == 0)
            return &a->item[i];
    return NULL;
}

/* Those of every file, or that count its points, are not of a point. What a point says itself comes first. */
static int attribute_add(void *arg, const struct lc_attribute *from, struct lc_err *err)
{
    struct attributes *a = arg;
    struct attribute *more, *to;
    int rc;

    if (strcmp(from->key, "lightcone") == 0 || strcmp(from->key, "points") == 0 || attribute_find(a, from->key))
        return LC_OK;
    more = realloc(a->item, (size_t)(a->count + 1) * sizeof *more);
    if (!more)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for attributes");
    a->item = more;
    to = &a->item[a->count++];
    *to = (struct attribute){.real = from->real, .value = from->value, .number = from->number};
    LC_TRY(rc, lc_strdup(&to->key, from->key, err));
    rc = from->text ? lc_strdup(&to->text, from->text, err) : LC_OK;
done:
    return rc;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct attribute *)a)->key, ((const struct attribute *)b)->key);
}

/* Those of a point, and of its file where that has points, by ascending key. */
static int attributes_get(struct lc_result *r, int64_t at, struct attributes *out, struct lc_err *err)
{
    char path[32] = "/";
    int rc;

    *out = (struct attributes){0};
    lc_result_at(r, at);
    if (at >= 0)
        snprintf(path, sizeof path, "points/%04" PRId64, at);
    LC_TRY(rc, lc_result_attributes(r, &(struct lc_result_item){.path = path, .point = at}, attribute_add, out, err));
    lc_result_at(r, -1);
    if (at >= 0)
        rc = lc_result_attributes(r, &(struct lc_result_item){.path = "/", .point = -1}, attribute_add, out, err);
    if (rc == LC_OK && out->count > 0)
        qsort(out->item, (size_t)out->count, sizeof *out->item, by_key);
done:
    lc_result_at(r, at);
    if (rc != LC_OK)
        attributes_release(out);
    return rc;
}

static int attribute_is_same(const struct attribute *a, const struct attribute *b)
{
    if (!a->text != !b->text || a->real != b->real)
        return 0;
    if (a->text)
        return strcmp(a->text, b->text) == 0;
    return a->real ? memcmp(&a->value, &b->value, sizeof a->value) == 0 : a->number == b->number;
}

static int attributes_put(struct lc_result *r, const struct attributes *a, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t i = 0; i < a->count && rc == LC_OK; i++) {
        const struct attribute *x = &a->item[i];
        if (x->text)
            rc = lc_result_put_text(r, NULL, NULL, x->key, x->text, err);
        else if (x->real)
            rc = lc_result_put_real(r, NULL, NULL, x->key, x->value, err);
        else
            rc = lc_result_put_int(r, NULL, NULL, x->key, x->number, err);
    }
    return rc;
}

/* Keep in `shared` what this point says too. */
static void attributes_share(struct attributes *shared, const struct attributes *of)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < shared->count; i++) {
        const struct attribute *other = attribute_find(of, shared->item[i].key);
        if (other && attribute_is_same(&shared->item[i], other)) {
            shared->item[kept++] = shared->item[i];
            continue;
        }
        free(shared->item[i].key);
        free(shared->item[i].text);
    }
    shared->count = kept;
}

/* A dataset of a point, by its name in the layout; the result stands at the point. */
typedef int on_set(void *arg, struct lc_result *r, const char *name, const char *site, struct lc_err *err);

struct walk {
    struct lc_result *r;
    on_set *visit;
    void *arg;
    int64_t at;
};

/* What belongs to the whole file and to no point of it. */
static int is_of_file(const char *name)
{
    return strcmp(name, "config") == 0 || strncmp(name, "provenance/", 11) == 0 || strncmp(name, "points/", 7) == 0;
}

/* Does the file say for all its points what this point says too? */
static int is_in_file(struct lc_result *r, const char *name, int64_t at)
{
    int found;

    lc_result_at(r, -1);
    found = lc_result_has(r, name, NULL);
    lc_result_at(r, at);
    return found;
}

static int walk_item(void *arg, const struct lc_result_item *item, struct lc_err *err)
{
    const struct walk *w = arg;
    int rc;

    if (!item->dataset || is_of_file(item->name))
        return LC_OK;
    if (item->point >= 0 && !item->site && is_in_file(w->r, item->name, item->point))
        return LC_OK; /* was visited there */
    lc_result_at(w->r, w->at);
    rc = w->visit(w->arg, w->r, item->name, item->site, err);
    lc_result_at(w->r, item->point);
    return rc;
}

/* Every dataset of a point, what its file says for all its points among them; `sites` 0: those of no site. Tables over the
 * points of a file are of none of them. */
static int each_set(struct lc_result *r, int64_t at, int sites, on_set *visit, void *arg, struct lc_err *err)
{
    struct walk w = {r, visit, arg, at};
    int rc;

    lc_result_at(r, -1);
    rc = lc_result_each_here(r, sites && at < 0, walk_item, &w, err);
    lc_result_at(r, at);
    return rc == LC_OK && at >= 0 ? lc_result_each_here(r, sites, walk_item, &w, err) : rc;
}

/* Rows of a dataset that go over at a time. */
static int64_t block_rows(const struct lc_array *shape)
{
    int64_t row = shape->dim[0] > 0 ? shape->count / shape->dim[0] * 8 : 8;

    return row >= BLOCK ? 1 : BLOCK / row;
}

/* --- what the points have in common --- */

static struct group *group_of(struct merge *m, const char *name, struct lc_err *err)
{
    size_t length = strcspn(name, "/");

    for (int i = 0; i < m->groups; i++)
        if (strlen(m->group[i].name) == length && strncmp(m->group[i].name, name, length) == 0)
            return &m->group[i];
    if (m->groups == GROUPS_MAX) {
        LC_FAIL(err, LC_E_FORMAT, "%s: more than %d groups that belong to no site", m->output, GROUPS_MAX);
        return NULL;
    }
    snprintf(m->group[m->groups].name, NAME_ROOM, "%.*s", (int)length, name);
    return &m->group[m->groups++];
}

static int rows_are_same(struct lc_result *a, struct lc_result *b, const char *name, int64_t from, int64_t count, int *same,
                         struct lc_err *err)
{
    struct lc_array x = {0}, y = {0};
    int rc;

    LC_TRY(rc, lc_result_get_rows(a, name, NULL, from, count, &x, err));
    LC_TRY(rc, lc_result_get_rows(b, name, NULL, from, count, &y, err));
    *same = x.count == y.count && memcmp(x.data, y.data, lc_array_bytes(&x)) == 0;
done:
    lc_array_release(&x);
    lc_array_release(&y);
    return rc;
}

static int sets_are_same(struct lc_result *a, struct lc_result *b, const char *name, int *same, struct lc_err *err)
{
    struct lc_array x, y;
    int rc;

    *same = lc_result_has(a, name, NULL) && lc_result_has(b, name, NULL);
    if (!*same)
        return LC_OK;
    LC_TRY(rc, lc_result_shape(a, name, NULL, &x, err));
    LC_TRY(rc, lc_result_shape(b, name, NULL, &y, err));
    *same = memcmp(x.dim, y.dim, sizeof x.dim) == 0;
    for (int64_t from = 0, step = block_rows(&x); *same && from < x.dim[0]; from += step)
        LC_TRY(rc, rows_are_same(a, b, name, from, from + step < x.dim[0] ? step : x.dim[0] - from, same, err));
done:
    return rc;
}

struct comparison {
    struct merge *m;
    int64_t sets[GROUPS_MAX]; /* seen here */
};

static int compare_set(void *arg, struct lc_result *r, const char *name, const char *site, struct lc_err *err)
{
    struct comparison *c = arg;
    struct group *g = group_of(c->m, name, err);
    int same = 1, rc = LC_OK;

    (void)site;
    if (!g)
        return err->code;
    c->sets[g - c->m->group]++;
    if (!g->differs)
        rc = sets_are_same(c->m->first, r, name, &same, err);
    g->differs |= !same;
    return rc;
}

/* Are its groups of no site those of the first point? */
static int compare_point(struct merge *m, struct lc_result *r, int64_t at, struct lc_err *err)
{
    struct comparison c = {.m = m};
    int rc;

    lc_result_at(m->first, m->first_at);
    rc = each_set(r, at, 0, compare_set, &c, err);
    for (int i = 0; i < m->groups && rc == LC_OK; i++) {
        if (m->points.count == 1)
            m->group[i].sets = c.sets[i];
        m->group[i].differs |= c.sets[i] != m->group[i].sets;
    }
    return rc;
}

static int share_point(struct merge *m, struct lc_result *r, int64_t at, struct lc_err *err)
{
    struct attributes own;
    int rc = attributes_get(r, at, &own, err);

    if (rc != LC_OK)
        return rc;
    if (m->points.count == 1) {
        m->shared = own;
        m->first_at = at;
        return compare_point(m, r, at, err);
    }
    attributes_share(&m->shared, &own);
    attributes_release(&own);
    return compare_point(m, r, at, err);
}

/* --- the inputs --- */

static int text_get(const struct lc_result *r, const char *path, const char *name, char **out, struct lc_err *err)
{
    struct lc_array a = {0};
    int rc;

    if (!lc_result_has(r, name, NULL))
        return LC_FAIL(err, LC_E_FORMAT, "%s: no %s in it; allowed: results that `lightcone run` or `merge` made", path, name);
    LC_TRY(rc, lc_result_get(r, name, NULL, &a, err));
    LC_TRY(rc, LC_ALLOC(out, a.count + 1, name, err));
    if (a.count > 0)
        memcpy(*out, a.data, (size_t)a.count);
    if (strlen(*out) != (size_t)a.count)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: %s holds a zero byte", path, name);
done:
    lc_array_release(&a);
    return rc;
}

/* "key=value" of a column at a point; *out NULL where it is not given there. `listed`: as a list of one, which keeps the
 * meaning of windows.align. */
static int setting(const struct lc_result_axis *axis, int64_t at, int listed, char **out, struct lc_err *err)
{
    int64_t room = axis->value.type == LC_RESULT_TEXT ? 2 * axis->value.dim[1] + 1 : 64;
    struct lc_bytes text = {0};
    struct lc_column c = {0};
    char *value = NULL;
    int rc;

    *out = NULL;
    lc_column_get(lc_column_find(axis->key), &c);
    LC_TRY(rc, LC_ALLOC(&value, room, "a value", err));
    lc_axis_text(value, (size_t)room, axis, at);
    if (c.absent && strcmp(value, c.kind == LC_VALUE_TEXT ? c.absent : "-1") == 0)
        goto done;
    LC_TRY(rc, lc_bytes_printf(&text, err, "%s=%s", axis->key, c.quoted ? "'" : listed ? "[" : ""));
    for (const char *p = value; *p; p++)
        LC_TRY(rc, lc_bytes_add(&text, c.quoted && *p == '\'' ? "''" : p, c.quoted && *p == '\'' ? 2 : 1, err));
    LC_TRY(rc, lc_bytes_printf(&text, err, "%s", c.quoted ? "'" : listed ? "]" : ""));
    LC_TRY(rc, lc_bytes_add(&text, "", 1, err));
    *out = (char *)text.data;
    text = (struct lc_bytes){0};
done:
    lc_bytes_release(&text);
    free(value);
    return rc;
}

/* What a point says of windows.align, or its file for all its points; *out NULL: its windows have one length. */
static int align_get(struct lc_result *r, int64_t at, char **out, struct lc_err *err)
{
    int rc;

    lc_result_at(r, at);
    rc = lc_result_get_text(r, NULL, NULL, "window_align", out, err);
    if (rc == LC_OK && !*out) {
        lc_result_at(r, -1);
        rc = lc_result_get_text(r, NULL, NULL, "window_align", out, err);
        lc_result_at(r, at);
    }
    return rc;
}

static int add_one(struct merge *m, struct lc_result *r, const struct lc_axes *axes, int64_t at, struct lc_err *err)
{
    char **set = NULL, *align = NULL;
    int64_t sets = 0;
    int rc;

    LC_TRY(rc, LC_ALLOC(&set, axes->count + 1, "settings of a point", err));
    LC_TRY(rc, align_get(r, at, &align, err));
    for (int64_t i = 0; i < axes->count && at >= 0; i++) {
        int listed = align && strcmp(axes->axis[i].key, "windows.length") == 0;
        LC_TRY(rc, setting(&axes->axis[i], at, listed, &set[sets], err));
        sets += set[sets] != NULL;
    }
    LC_TRY(rc, lc_merge_points_add(&m->points, at, (const char *const *)set, sets, err));
    rc = share_point(m, r, at, err);
done:
    for (int64_t i = 0; set && i < sets; i++)
        free(set[i]);
    free(set);
    free(align);
    return rc;
}

static int add_points(struct merge *m, struct lc_result *r, const char *path, struct lc_err *err)
{
    struct lc_axes axes = {0};
    char *config = NULL, *provenance = NULL;
    int64_t points = lc_result_points(r);
    int rc;

    LC_TRY(rc, text_get(r, path, "config", &config, err));
    LC_TRY(rc, text_get(r, path, "provenance/files", &provenance, err));
    LC_TRY(rc, lc_result_axes(r, &axes, err));
    LC_TRY(rc, lc_merge_points_add_source(&m->points, path, config, provenance, err));
    if (m->points.count + points > LC_RESULT_POINTS_MAX)
        LC_TRY(rc, LC_FAIL(err, LC_E_USAGE, "%s: more than %d points with its own", path, LC_RESULT_POINTS_MAX));
    for (int64_t at = points > 0 ? 0 : -1; at < points && rc == LC_OK; at++)
        rc = add_one(m, r, &axes, at, err);
done:
    free(config);
    free(provenance);
    lc_axes_release(&axes);
    return rc;
}

static int add_input(struct merge *m, const char *path, struct lc_err *err)
{
    struct lc_result *r;
    int rc = lc_result_open(&r, path, err);

    if (rc != LC_OK)
        return rc;
    if (!m->first) /* another one, since both are read at different points */
        rc = lc_result_open(&m->first, path, err);
    if (rc == LC_OK)
        rc = add_points(m, r, path, err);
    lc_result_close(r);
    return rc;
}

static int check_paths(const char *const *paths, int64_t count, const char *output, struct lc_err *err)
{
    for (int64_t i = 0; i < count; i++) {
        if (lc_path_is_same(paths[i], output))
            return LC_FAIL(err, LC_E_USAGE, "-o %s is one of the results that are merged; allowed: another name", output);
        for (int64_t k = 0; k < i; k++)
            if (strcmp(paths[i], paths[k]) == 0)
                return LC_FAIL(err, LC_E_USAGE, "%s is given twice", paths[i]);
    }
    return LC_OK;
}

static int read_inputs(struct merge *m, const char *const *paths, int64_t count, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, check_paths(paths, count, m->output, err));
    LC_TRY(rc, lc_merge_points_init(&m->points, count, err));
    for (int64_t i = 0; i < count; i++)
        LC_TRY(rc, add_input(m, paths[i], err));
    rc = lc_merge_points_order(&m->points, err);
done:
    lc_result_close(m->first);
    m->first = NULL;
    return rc;
}

/* --- the output --- */

struct copy {
    struct merge *m;
    struct lc_result *to;
    int shared; /* 1: what stands in the file once, 0: the rest */
    on_set *act;
};

/* Passes on what is wanted of a point. */
static int select_set(void *arg, struct lc_result *r, const char *name, const char *site, struct lc_err *err)
{
    struct copy *c = arg;
    const struct group *g = site ? NULL : group_of(c->m, name, err);

    if (err->code != LC_OK || (g && !g->differs) != c->shared)
        return err->code;
    return c->act(c, r, name, site, err);
}

static int reserve_set(void *arg, struct lc_result *r, const char *name, const char *site, struct lc_err *err)
{
    const struct copy *c = arg;
    struct lc_array shape;
    int rc = lc_result_shape(r, name, site, &shape, err);

    return rc == LC_OK ? lc_result_reserve(c->to, name, site, shape.dim, err) : rc;
}

static int copy_set(void *arg, struct lc_result *r, const char *name, const char *site, struct lc_err *err)
{
    const struct copy *c = arg;
    struct lc_array shape, rows;
    int rc = lc_result_shape(r, name, site, &shape, err);

    for (int64_t from = 0, step = rc == LC_OK ? block_rows(&shape) : 0; rc == LC_OK && from < shape.dim[0]; from += step) {
        rc = lc_result_get_rows(r, name, site, from, from + step < shape.dim[0] ? step : shape.dim[0] - from, &rows, err);
        if (rc != LC_OK)
            break;
        rc = lc_result_fill_rows(c->to, name, site, from, &rows, err);
        lc_array_release(&rows);
    }
    return rc;
}

struct group_copy {
    const struct copy *c;
    struct lc_result *from;
    const struct lc_result_item *item;
};

static int put_group_attribute(void *arg, const struct lc_attribute *a, struct lc_err *err)
{
    const struct group_copy *g = arg;
    const char *name = g->item->name, *site = g->item->site;

    if (a->text)
        return lc_result_put_text(g->c->to, name, site, a->key, a->text, err);
    if (a->real)
        return lc_result_put_real(g->c->to, name, site, a->key, a->value, err);
    return lc_result_put_int(g->c->to, name, site, a->key, a->number, err);
}

/* The attributes of a point's groups. */
static int copy_group(void *arg, const struct lc_result_item *item, struct lc_err *err)
{
    struct group_copy *g = arg;

    if (item->dataset || !item->name)
        return LC_OK;
    g->item = item;
    return lc_result_attributes(g->from, item, put_group_attribute, g, err);
}

static int copy_groups(const struct copy *c, struct lc_result *r, int64_t at, struct lc_err *err)
{
    lc_result_at(r, at);
    return lc_result_each_here(r, 1, copy_group, &(struct group_copy){.c = c, .from = r}, err);
}

/* The attributes of a point and of its groups, and its datasets by name. */
static int lay_out_point(struct copy *c, struct lc_result *r, int64_t at, struct lc_err *err)
{
    struct attributes own;
    int rc = attributes_get(r, at, &own, err);

    if (rc != LC_OK)
        return rc;
    rc = attributes_put(c->to, &own, err);
    attributes_release(&own);
    LC_TRY(rc, rc);
    LC_TRY(rc, copy_groups(c, r, at, err));
    rc = each_set(r, at, 1, select_set, c, err);
done:
    return rc;
}

static int fill_point(struct copy *c, struct lc_result *r, int64_t at, struct lc_err *err)
{
    return each_set(r, at, 1, select_set, c, err);
}

/* What all points share, then point by point; every input is opened when its turn comes. */
static int each_point(struct copy *c, int (*act)(struct copy *, struct lc_result *, int64_t, struct lc_err *),
                      struct lc_err *err)
{
    const struct lc_merge_points *p = &c->m->points;
    struct lc_result *r = NULL;
    int64_t open = -1;
    int rc = LC_OK;

    for (int64_t k = 0; k < p->count; k++) {
        if (open != p->point[k].source) {
            lc_result_close(r);
            r = NULL;
            open = p->point[k].source;
            LC_TRY(rc, lc_result_open(&r, p->source[open].path, err));
        }
        if (k == 0) {
            c->shared = 1;
            lc_result_at(c->to, -1);
            LC_TRY(rc, each_set(r, p->point[k].at, 0, select_set, c, err));
            c->shared = 0;
        }
        lc_result_at(c->to, k);
        LC_TRY(rc, act(c, r, p->point[k].at, err));
    }
done:
    lc_result_at(c->to, -1);
    lc_result_close(r);
    return rc;
}

static int put_text(struct lc_result *to, const char *name, int (*make)(const struct lc_merge_points *, struct lc_bytes *,
                                                                        struct lc_err *),
                    const struct lc_merge_points *p, struct lc_err *err)
{
    struct lc_bytes text = {0};
    int64_t size;
    int rc;

    LC_TRY(rc, make(p, &text, err));
    size = (int64_t)text.size;
    rc = lc_result_put(to, name, NULL, &size, text.data, err);
done:
    lc_bytes_release(&text);
    return rc;
}

/* A column of the table of points: texts take as many bytes as the longest. */
static int put_column(struct lc_result *to, const struct lc_merge_points *p, int column, struct lc_err *err)
{
    int64_t dim[2] = {p->count, 1}, size = 8;
    struct lc_column c = {0};
    char name[NAME_ROOM], *data = NULL;
    int rc;

    lc_column_get(column, &c);
    snprintf(name, sizeof name, "points/%s", c.key);
    for (int64_t k = 0; k < p->count && c.kind == LC_VALUE_TEXT; k++) {
        int64_t length = (int64_t)strlen(p->point[k].value[column].text);
        dim[1] = size = length > dim[1] ? length : dim[1];
    }
    LC_TRY(rc, LC_ALLOC(&data, p->count * size, "a column of the points", err));
    for (int64_t k = 0; k < p->count; k++) {
        const struct lc_value *v = &p->point[k].value[column];
        if (c.kind == LC_VALUE_TEXT)
            memcpy(data + k * size, v->text, strlen(v->text));
        else
            memcpy(data + k * size, c.kind == LC_VALUE_INT ? (const void *)&v->number : (const void *)&v->real, 8);
    }
    rc = lc_result_put(to, name, NULL, dim, data, err);
done:
    free(data);
    return rc;
}

static int lay_out(struct merge *m, struct lc_result *to, struct lc_err *err)
{
    struct copy c = {.m = m, .to = to, .act = reserve_set};
    int rc;

    LC_TRY(rc, attributes_put(to, &m->shared, err));
    LC_TRY(rc, lc_result_put_int(to, NULL, NULL, "points", m->points.count, err));
    LC_TRY(rc, put_text(to, "config", lc_merge_points_config, &m->points, err));
    LC_TRY(rc, put_text(to, "provenance/files", lc_merge_points_provenance, &m->points, err));
    for (int i = 0; i < m->points.axes; i++)
        LC_TRY(rc, put_column(to, &m->points, m->points.axis[i], err));
    rc = each_point(&c, lay_out_point, err);
done:
    return rc;
}

static int fill(void *arg, struct lc_result *to, struct lc_err *err)
{
    return each_point(&(struct copy){.m = arg, .to = to, .act = copy_set}, fill_point, err);
}

int lc_merge(const char *const *paths, int64_t count, const char *output, struct lc_err *err)
{
    struct merge m = {.output = output};
    struct lc_result *to = NULL;
    int rc;

    LC_TRY(rc, lc_result_check(output, err));
    LC_TRY(rc, read_inputs(&m, paths, count, err));
    lc_draft_sweep(output);
    LC_TRY(rc, lc_result_create(&to, output, err));
    LC_TRY(rc, lay_out(&m, to, err));
    rc = lc_result_complete(to, fill, &m, err);
    to = NULL;
done:
    lc_result_abandon(to);
    attributes_release(&m.shared);
    lc_merge_points_release(&m.points);
    return rc;
}

/* What is in a result: the rows of the layout, and the groups above them, that the file has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5_call.h"

struct walk {
    struct lc_result *r;
    lc_result_visit *visit;
    void *arg;
    int sites; /* 0: only what belongs to none */
    char group[LC_RESULT_NAME_MAX]; /* looked for last: rows of one group stand together */
    int there;
};

static int visit_group(const struct walk *w, const char *name, const char *site, struct lc_err *err)
{
    struct lc_result_item item = {.name = name, .site = site, .point = w->r->point};
    char path[LC_RESULT_NAME_MAX];
    int rc = lc_schema_path(path, item.point, name, site, err);

    item.path = path;
    if (rc != LC_OK || (path[0] != '/' && !lc_hdf5_has(w->r, path, H5O_TYPE_GROUP)))
        return rc;
    return w->visit(w->arg, &item, err);
}

/* Is there the group that a dataset would stand in? */
static int group_is_there(struct walk *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;

    if (length == 0)
        return 1;
    if (strncmp(w->group, path, length) != 0 || w->group[length] != '\0') {
        snprintf(w->group, sizeof w->group, "%.*s", (int)length, path);
        w->there = lc_hdf5_has(w->r, w->group, H5O_TYPE_GROUP);
    }
    return w->there;
}

static int visit_dataset(struct walk *w, const struct lc_schema_row *row, const char *site, struct lc_err *err)
{
    struct lc_result_item item = {.name = row->name, .site = site, .point = w->r->point, .dataset = 1};
    char path[LC_RESULT_NAME_MAX];
    int rc;

    item.text = row->type == LC_RESULT_U8 && strcmp(row->units, "UTF-8 text") == 0;
    item.path = path;
    rc = lc_schema_path(path, item.point, row->name, site, err);
    if (rc != LC_OK || !group_is_there(w, path) || !lc_hdf5_has(w->r, path, H5O_TYPE_DATASET))
        return rc;
    return w->visit(w->arg, &item, err);
}

/* 1 when no row before `index` lies in the same group: the first `length` bytes of the row's name. */
static int group_is_new(int index, size_t length)
{
    const char *name = lc_schema_row(index)->name;

    for (int i = 0; i < index; i++) {
        const char *earlier = lc_schema_row(i)->name;
        if (strncmp(earlier, name, length) == 0 && earlier[length] == '/')
            return 0;
    }
    return 1;
}

/* The groups that row `index` is the first to lie in, from the outermost: of a site, or those above all sites. */
static int visit_groups(const struct walk *w, int index, const char *site, struct lc_err *err)
{
    const char *name = lc_schema_row(index)->name;
    char group[LC_RESULT_NAME_MAX];
    int rc = LC_OK;

    for (const char *end = strchr(name, '/'); end && rc == LC_OK; end = strchr(end + 1, '/')) {
        snprintf(group, sizeof group, "%.*s", (int)(end - name), name);
        if (!strstr(group, "/SITE") == !site && group_is_new(index, strlen(group)))
            rc = visit_group(w, group, site, err);
    }
    return rc;
}

/* All rows of one site, or, with NULL, those that belong to none. */
static int visit_rows(struct walk *w, const char *site, struct lc_err *err)
{
    const struct lc_schema_row *row;
    int rc = LC_OK;

    for (int i = 0; (row = lc_schema_row(i)) != NULL; i++) {
        LC_TRY(rc, visit_groups(w, i, site, err));
        if (!strstr(row->name, "/SITE/") == !site)
            LC_TRY(rc, visit_dataset(w, row, site, err));
    }
done:
    return rc;
}

static int visit_point(struct walk *w, struct lc_err *err)
{
    const struct lc_result *r = w->r;
    char path[LC_RESULT_NAME_MAX];
    int rc;

    LC_TRY(rc, visit_group(w, NULL, NULL, err));
    LC_TRY(rc, visit_rows(w, NULL, err));
    for (int64_t i = 0; i < r->n_sites && w->sites; i++) {
        LC_TRY(rc, lc_schema_path(path, r->point, "sites/SITE", r->sites[i], err));
        if (lc_hdf5_has(r, path, H5O_TYPE_GROUP))
            LC_TRY(rc, visit_rows(w, r->sites[i], err));
    }
done:
    return rc;
}

int lc_result_each_here(struct lc_result *r, int sites, lc_result_visit *visit, void *arg, struct lc_err *err)
{
    return visit_point(&(struct walk){.r = r, .visit = visit, .arg = arg, .sites = sites}, err);
}

int lc_result_each(struct lc_result *r, lc_result_visit *visit, void *arg, struct lc_err *err)
{
    struct walk w = {.r = r, .visit = visit, .arg = arg, .sites = 1};
    int64_t before = r->point;
    int rc = LC_OK;

    for (int64_t point = -1; point < r->points && rc == LC_OK; point++) {
        lc_result_at(r, point);
        rc = visit_point(&w, err);
    }
    lc_result_at(r, before);
    return rc;
}

struct attribute_walk {
    const struct lc_result *r;
    const struct lc_result_item *item;
    lc_attribute_visit *visit;
    void *arg;
    struct lc_err *err;
};

static H5T_class_t attribute_class(hid_t object, const char *key)
{
    hid_t attribute = H5Aopen(object, key, H5P_DEFAULT), type;
    H5T_class_t class = H5T_NO_CLASS;

    if (attribute < 0)
        return class;
    type = H5Aget_type(attribute);
    if (type >= 0) {
        class = H5Tget_class(type);
        H5Tclose(type);
    }
    H5Aclose(attribute);
    return class;
}

static herr_t visit_attribute(hid_t object, const char *key, const H5A_info_t *info, void *data)
{
    const struct attribute_walk *w = data;
    const char *name = w->item->name, *site = w->item->site;
    struct lc_attribute a = {.key = key};
    char *text = NULL;
    int found = 0, rc;

    (void)info;
    switch (attribute_class(object, key)) {
    case H5T_STRING:
        rc = lc_result_get_text(w->r, name, site, key, &text, w->err);
        a.text = text;
        break;
    case H5T_FLOAT:
        a.real = 1;
        rc = lc_result_get_real(w->r, name, site, key, &a.value, &found, w->err);
        break;
    case H5T_INTEGER:
        rc = lc_result_get_int(w->r, name, site, key, &a.number, &found, w->err);
        break;
    default:
        rc = LC_FAIL(w->err, LC_E_FORMAT, "%s: %s: attribute '%.64s' is neither a text nor a number", w->r->path,
                     w->item->path, key);
    }
    if (rc == LC_OK && (text || found))
        rc = w->visit(w->arg, &a, w->err);
    free(text);
    return rc == LC_OK ? 0 : -1;
}

int lc_result_attributes(const struct lc_result *r, const struct lc_result_item *item, lc_attribute_visit *visit,
                         void *arg, struct lc_err *err)
{
    struct attribute_walk w = {r, item, visit, arg, err};

    if (H5Aiterate_by_name(r->file, item->path, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_attribute, &w, H5P_DEFAULT) < 0)
        return err->code != LC_OK ? err->code : lc_hdf5_fail(r, item->path, "its attributes cannot be listed", err);
    return LC_OK;
}

/* Attributes as JSON: one object for each group and dataset. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export_parts.h"

struct collect {
    const struct lc_export *e;
    json_t *root, *object; /* all; that of the item at hand */
    const char *at;        /* path of the item at hand */
};

/* JSON has no number for these */
static const char *not_finite(double x)
{
    return isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

static int add_attribute(void *arg, const struct lc_attribute *a, struct lc_err *err)
{
    struct collect *c = arg;
    json_t *value;

    if (a->text)
        value = json_string(a->text);
    else if (a->real)
        value = isfinite(a->value) ? json_real(a->value) : json_string(not_finite(a->value));
    else
        value = json_integer(a->number);
    if (!value || json_object_set_new(c->object, a->key, value) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s: attribute '%.64s' is not UTF-8, or there is no memory for it",
                       c->e->path, c->at, a->key);
    return LC_OK;
}

static int add_item(void *arg, const struct lc_result_item *item, struct lc_err *err)
{
    struct collect *c = arg;
    int rc;

    c->at = item->path;
    c->object = json_object();
    if (!c->object)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for attributes");
    rc = lc_result_attributes(c->e->result, item, add_attribute, c, err);
    if (rc != LC_OK || json_object_size(c->object) == 0)
        json_decref(c->object);
    else if (json_object_set_new(c->root, item->path, c->object) != 0)
        rc = LC_FAIL(err, LC_E_MEMORY, "no memory for the attributes of %s", item->path);
    return rc;
}

int lc_export_attributes(struct lc_export *e, struct lc_err *err)
{
    struct collect c = {.e = e, .root = json_object()};
    char *text = NULL;
    int rc = c.root ? LC_OK : LC_FAIL(err, LC_E_MEMORY, "no memory for attributes");

    if (rc == LC_OK)
        rc = lc_result_each(e->result, add_item, &c, err);
    if (rc == LC_OK) {
        text = json_dumps(c.root, JSON_INDENT(2));
        rc = text ? LC_OK : LC_FAIL(err, LC_E_LIBRARY, "the attributes of %s cannot be written as JSON", e->path);
    }
    if (rc == LC_OK)
        rc = lc_export_file(e, "attributes.json", (struct lc_stretch[]){{text, strlen(text)}, {"\n", 1}}, 2, err);
    free(text);
    json_decref(c.root);
    return rc;
}

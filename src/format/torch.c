/* torch.save() files as sets of named tensors: the dict, and those within it, flattened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format_internal.h"

enum { DEPTH_MAX = 16, VISITS_MAX = 1 << 20, NAME_MAX_BYTES = 512 };

struct flattening {
    struct lc_tensors *set;
    int64_t room, visits;
    const char *path;
    char name[NAME_MAX_BYTES];
};

static int flatten_leaf(struct flattening *f, const struct lc_value *v, struct lc_err *err)
{
    struct lc_tensor t = {.count = 1, .file = f->path};

    switch (v->kind) {
    case LC_VALUE_TENSOR:
        t = *v->as.tensor;
        t.file = f->path;
        break;
    case LC_VALUE_INT:
        t.dtype = LC_I64;
        memcpy(t.scalar, &v->as.integer, sizeof v->as.integer);
        break;
    case LC_VALUE_REAL:
        t.dtype = LC_F64;
        memcpy(t.scalar, &v->as.real, sizeof v->as.real);
        break;
    case LC_VALUE_BOOL:
        t.dtype = LC_BOOL;
        t.scalar[0] = (unsigned char)v->as.integer;
        break;
    default:
        return LC_OK;
    }
    return lc_tensors_add(f->set, &f->room, &t, f->name, err);
}

/* Write the key behind the name so far (of `used` bytes). */
static int flatten_key(struct flattening *f, size_t used, const struct lc_value *key, struct lc_err *err)
{
    size_t room = sizeof f->name - used;
    int n;

    if (key->kind == LC_VALUE_INT)
        n = snprintf(f->name + used, room, "%s%" PRId64, used ? "." : "", key->as.integer);
    else if (key->kind != LC_VALUE_TEXT || memchr(key->as.text.bytes, '\0', key->as.text.size))
        return LC_FAIL(err, LC_E_FORMAT, "%s: a dict has a %s as a key; allowed: texts and integers", f->path,
                       lc_value_kind_name(key->kind));
    else if (key->as.text.size >= room)
        n = (int)sizeof f->name;
    else
        n = snprintf(f->name + used, room, "%s%.*s", used ? "." : "", (int)key->as.text.size, key->as.text.bytes);
    if (n < 0 || (size_t)n >= room)
        return LC_FAIL(err, LC_E_FORMAT, "%s: a tensor's name is longer than %d bytes", f->path, NAME_MAX_BYTES - 1);
    return LC_OK;
}

/* Depth and visits are bounded: a hostile tree can contain itself, or one dict many times. */
static int flatten(struct flattening *f, const struct lc_value *dict, int depth, struct lc_err *err)
{
    size_t used = strlen(f->name);
    int rc = LC_OK;

    if (depth == DEPTH_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: dicts nest deeper than %d", f->path, DEPTH_MAX);
    for (int64_t i = 0; rc == LC_OK && i < dict->as.list.count; i += 2) {
        const struct lc_value *value = dict->as.list.item[i + 1];
        if (++f->visits > VISITS_MAX)
            return LC_FAIL(err, LC_E_FORMAT, "%s: more than %d values in its dicts", f->path, VISITS_MAX);
        rc = flatten_key(f, used, dict->as.list.item[i], err);
        if (rc == LC_OK)
            rc = value->kind == LC_VALUE_DICT ? flatten(f, value, depth + 1, err) : flatten_leaf(f, value, err);
        f->name[used] = '\0';
    }
    return rc;
}

static int state_dict_read(struct lc_tensors *set, const char *path, const struct lc_pickle *pickle, struct lc_err *err)
{
    struct flattening f = {.set = set, .path = path};
    int rc;

    if (pickle->root->kind != LC_VALUE_DICT)
        return LC_FAIL(err, LC_E_FORMAT, "%s: holds a %s; wanted: a dict of tensors", path,
                       lc_value_kind_name(pickle->root->kind));
    rc = flatten(&f, pickle->root, 0, err);
    return rc == LC_OK ? lc_tensors_finish(set, err) : rc;
}

/* Read the file's tensors into a set that owns `path` already. */
static int archive_read(struct lc_tensors *set, const char *path, struct lc_map bytes, struct lc_err *err)
{
    struct lc_pickle pickle;
    int rc = lc_torch_pickle(&pickle, path, bytes, err);

    if (rc == LC_OK)
        rc = state_dict_read(set, path, &pickle, err);
    lc_pickle_release(&pickle);
    return rc;
}

int lc_torch_parse(struct lc_tensors *set, const char *path, struct lc_map bytes, struct lc_err *err)
{
    const char *kept;
    int rc;

    *set = (struct lc_tensors){0};
    LC_TRY(rc, lc_tensors_keep(set, path, (struct lc_map){0}, &kept, err));
    rc = archive_read(set, kept, bytes, err);
done:
    if (rc != LC_OK)
        lc_tensors_close(set);
    return rc;
}

int lc_torch_open(struct lc_tensors *set, const char *path, struct lc_err *err)
{
    struct lc_map map;
    const char *kept;
    int rc;

    *set = (struct lc_tensors){0};
    rc = lc_tensors_map(set, path, &kept, &map, err);
    if (rc == LC_OK)
        rc = archive_read(set, kept, map, err);
    if (rc != LC_OK)
        lc_tensors_close(set);
    return rc;
}

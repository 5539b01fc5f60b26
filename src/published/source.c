#include "source.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"

void lc_setting_note(struct lc_setting *s, double value)
{
    s->differs |= s->found && (s->value < value || s->value > value);
    s->value = value;
    s->found = 1;
}

int lc_common_note(struct lc_common *c, const struct lc_source *from, const char *what, const int64_t *value,
                   int64_t count, int *first, struct lc_err *err)
{
    *first = c->from == NULL;
    if (!*first && (count != c->count || memcmp(value, c->value, (size_t)count * sizeof *value) != 0))
        return LC_FAIL(err, LC_E_USAGE, "%s: its %s are not those of %s: make two results", lc_pickled_path(from->file),
                       what, lc_pickled_path(c->from->file));
    if (!*first)
        return LC_OK;
    if (LC_ALLOC(&c->value, count, what, err) != LC_OK)
        return err->code;
    memcpy(c->value, value, (size_t)count * sizeof *value);
    c->count = count;
    c->from = from;
    return LC_OK;
}

/* The value at `group`.`key`, as a node below *parent. */
static int find(const struct lc_source *s, const char *group, const char *key, struct lc_node *parent,
                struct lc_node *out, int *found, struct lc_err *err)
{
    int rc = LC_OK;

    *found = 1;
    *parent = s->root;
    if (group)
        rc = lc_node_find(&s->root, group, parent, found, err);
    return rc == LC_OK && *found ? lc_node_find(parent, key, out, found, err) : rc;
}

int lc_source_text(const struct lc_source *s, const char *group, const char *key, char *out, size_t room, int *found,
                   struct lc_err *err)
{
    struct lc_node parent, node;
    int rc = find(s, group, key, &parent, &node, found, err);

    return rc == LC_OK && *found ? lc_node_text(&node, out, room, err) : rc;
}

int lc_source_real(const struct lc_source *s, const char *group, const char *key, double *out, int *found,
                   struct lc_err *err)
{
    struct lc_node parent, node;
    int rc = find(s, group, key, &parent, &node, found, err);

    return rc == LC_OK && *found ? lc_node_real(&node, out, err) : rc;
}

int lc_source_int(const struct lc_source *s, const char *group, const char *key, int64_t low, int64_t high,
                  int64_t *out, int *found, struct lc_err *err)
{
    struct lc_node parent, node;
    int rc = find(s, group, key, &parent, &node, found, err);

    return rc == LC_OK && *found ? lc_node_int(&node, low, high, out, err) : rc;
}

int lc_source_put_threshold(struct lc_imported *to, const struct lc_source *s, const char *group, struct lc_err *err)
{
    double value = 0.0;
    int found = 0, rc = lc_source_real(s, "config", "threshold", &value, &found, err);

    if (rc != LC_OK || !found)
        return rc;
    lc_setting_note(&to->threshold, value);
    return lc_result_put_real(to->r, group, s->site, "threshold", value, err);
}

static int matrix_of_lists(const struct lc_node *node, const int64_t dim[2], double *out, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t i = 0; rc == LC_OK && i < dim[0]; i++) {
        struct lc_node row = lc_node_item(node, i);
        rc = lc_node_reals(&row, dim[1], out + i * dim[1], err);
    }
    return rc;
}

int lc_node_matrix(const struct lc_node *node, int64_t columns, int64_t dim[2], double **out, struct lc_err *err)
{
    struct lc_node first;
    int64_t total, items = 0;
    int rc, is_list;

    *out = NULL;
    LC_TRY(rc, lc_node_shape(node, 2, dim, err));
    is_list = lc_node_is_list(node);
    if (is_list)
        LC_TRY(rc, lc_node_items(node, &items, err));
    if (is_list && columns == 0 && items > 0) {
        first = lc_node_item(node, 0);
        LC_TRY(rc, lc_node_shape(&first, 1, &columns, err));
    }
    if (is_list)
        dim[1] = columns;
    if ((columns > 0 && dim[1] != columns) || lc_mul_overflows(dim[0], dim[1], &total))
        return lc_node_fail(node, err, "%" PRId64 " columns; wanted: %" PRId64, dim[1], columns);
    LC_TRY(rc, lc_node_charge(node, total, err));
    LC_TRY(rc, LC_ALLOC(out, total, "a table of a published file", err));
    LC_TRY(rc, is_list ? matrix_of_lists(node, dim, *out, err) : lc_node_reals(node, total, *out, err));
done:
    if (rc != LC_OK) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

int lc_profile_check(const struct lc_node *node, const double *j, int64_t n, struct lc_err *err)
{
    for (int64_t i = 0; i < n; i++)
        if (j[i] < 0.0)
            return lc_node_fail(node, err, "value %" PRId64 " is %g; allowed: from 0", i, j[i]);
    return LC_OK;
}

int lc_node_profile(const struct lc_node *node, int64_t n, double *j, struct lc_err *err)
{
    int rc = lc_node_reals(node, n, j, err);

    return rc == LC_OK ? lc_profile_check(node, j, n, err) : rc;
}

int lc_node_entropy(const struct lc_node *node, int64_t n, double *out, struct lc_err *err)
{
    const double slack = 0.01, most = log2((double)n);
    int rc = lc_node_real(node, out, err);

    if (rc == LC_OK && (*out < -slack || *out > most + slack))
        return lc_node_fail(node, err, "%g bits; allowed: 0 to log2 of %" PRId64 " positions", *out, n);
    return rc;
}

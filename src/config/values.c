/* The table of keys as the columns of a table of configurations. */
#include "lightcone/values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canonical.h"

enum { NUMBER_ROOM = 40 };

/* Row `index` among those of the canonical form. */
static const struct lc_key *key_at(int index)
{
    for (int i = 0; i < lc_key_count; i++)
        if (!(lc_keys[i].flags & LC_KEY_LOCAL) && index-- == 0)
            return &lc_keys[i];
    return NULL;
}

static enum lc_value_kind kind_of(const struct lc_key *key)
{
    switch (key->kind) {
    case LC_KEY_INT:
    case LC_KEY_BYTES:
        return LC_VALUE_INT;
    case LC_KEY_REAL:
        return LC_VALUE_REAL;
    default:
        return LC_VALUE_TEXT;
    }
}

int lc_column_get(int index, struct lc_column *out)
{
    const struct lc_key *key = key_at(index);

    if (!key)
        return 0;
    *out = (struct lc_column){
        .key = key->name, .kind = kind_of(key), .units = "UTF-8 text", .meaning = key->meaning, .absent = key->unset};
    out->quoted = key->kind == LC_KEY_PATH || key->kind == LC_KEY_TEXT;
    if (out->kind != LC_VALUE_TEXT)
        out->units = key->units ? key->units : "1";
    return 1;
}

int lc_column_find(const char *key)
{
    struct lc_column c;

    for (int i = 0; lc_column_get(i, &c); i++)
        if (strcmp(c.key, key) == 0)
            return i;
    return -1;
}

static int child_write(const struct lc_config *config, const struct lc_key *child, struct lc_bytes *out, struct lc_err *err)
{
    int rc;

    if (lc_key_is_absent(config, child))
        return LC_OK;
    LC_TRY(rc, lc_bytes_printf(out, err, "%s%s:", out->data[out->size - 1] == '{' ? "" : ", ", strrchr(child->name, '.') + 1));
    rc = lc_key_value_write(config, child, out, err);
done:
    return rc;
}

/* "{a: 1, b: 2}" */
static int map_write(const struct lc_config *config, const struct lc_key *key, struct lc_bytes *out, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_bytes_printf(out, err, " {"));
    for (int i = 0; i < lc_key_count; i++)
        if (lc_key_parent(&lc_keys[i]) == key)
            LC_TRY(rc, child_write(config, &lc_keys[i], out, err));
    rc = lc_bytes_printf(out, err, "}");
done:
    return rc;
}

static const char *text_of(const struct lc_config *config, const struct lc_key *key, enum lc_value_form form,
                           const char *yaml, char number[NUMBER_ROOM])
{
    const char *at = (const char *)config + key->at;

    if (form == LC_VALUE_NONE)
        return "";
    if (form == LC_VALUE_ABSENT)
        return key->unset ? key->unset : "none";
    if (key->kind == LC_KEY_REAL) {
        snprintf(number, NUMBER_ROOM, "%.12g", *(const double *)(const void *)at);
        return number;
    }
    return key->kind == LC_KEY_PATH ? lc_key_path_tail(at) : key->kind == LC_KEY_TEXT ? at : yaml;
}

static void numbers_get(const struct lc_config *config, const struct lc_key *key, struct lc_value *v)
{
    const void *at = (const char *)config + key->at;

    v->number = -1;
    v->real = -1;
    if (v->form == LC_VALUE_GIVEN && kind_of(key) == LC_VALUE_INT)
        memcpy(&v->number, at, sizeof v->number);
    if (v->form == LC_VALUE_GIVEN && kind_of(key) == LC_VALUE_REAL)
        memcpy(&v->real, at, sizeof v->real);
}

int lc_value_get(const struct lc_config *config, int index, struct lc_value *out, struct lc_err *err)
{
    const struct lc_key *key = key_at(index);
    char number[NUMBER_ROOM];
    struct lc_bytes yaml = {0};
    int rc;

    *out = (struct lc_value){.form = !lc_key_applies(config, key)    ? LC_VALUE_NONE
                                     : lc_key_is_map(config, key)    ? LC_VALUE_MAP
                                     : lc_key_is_absent(config, key) ? LC_VALUE_ABSENT
                                                                     : LC_VALUE_GIVEN};
    numbers_get(config, key, out);
    if (out->form == LC_VALUE_MAP)
        rc = map_write(config, key, &yaml, err);
    else if (out->form == LC_VALUE_GIVEN && kind_of(key) == LC_VALUE_INT) /* of a list, the longest */
        rc = lc_bytes_printf(&yaml, err, " %" PRId64, out->number);
    else if (out->form == LC_VALUE_GIVEN)
        rc = lc_key_value_write(config, key, &yaml, err);
    else
        rc = lc_bytes_printf(&yaml, err, " null");
    LC_TRY(rc, rc);
    LC_TRY(rc, lc_bytes_add(&yaml, "", 1, err));
    LC_TRY(rc, lc_strdup(&out->yaml, (const char *)yaml.data + 1, err));
    rc = lc_strdup(&out->text, text_of(config, key, out->form, out->yaml, number), err);
done:
    lc_bytes_release(&yaml);
    if (rc != LC_OK)
        lc_value_release(out);
    return rc;
}

void lc_value_release(struct lc_value *v)
{
    free(v->text);
    free(v->yaml);
    *v = (struct lc_value){0};
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* Runs of digits are compared as numbers: layer2 is before layer10. */
static int text_compare(const char *a, const char *b)
{
    const char *x = a, *y = b;

    while (*x && *y) {
        size_t m = digits(x), n = digits(y);
        int order;
        if (m == 0 || n == 0) {
            if (*x != *y)
                return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
            x++;
            y++;
            continue;
        }
        for (; m > 1 && *x == '0'; m--)
            x++;
        for (; n > 1 && *y == '0'; n--)
            y++;
        order = m != n ? (m > n) - (m < n) : memcmp(x, y, m);
        if (order != 0)
            return order < 0 ? -1 : 1;
        x += m;
        y += n;
    }
    return *x || *y ? (*x ? 1 : -1) : strcmp(a, b);
}

int lc_value_compare(const struct lc_value *a, const struct lc_value *b, enum lc_value_kind kind)
{
    int x = a->form == LC_VALUE_ABSENT, y = b->form == LC_VALUE_ABSENT;

    if (x != y)
        return x - y;
    if (kind == LC_VALUE_INT)
        return (a->number > b->number) - (a->number < b->number);
    if (kind == LC_VALUE_REAL)
        return (a->real > b->real) - (a->real < b->real);
    return text_compare(a->text, b->text);
}

/* Is a group above it among those left out? */
static int stands_apart(int index, const unsigned char *apart)
{
    const struct lc_key *key = key_at(index), *parent = lc_key_parent(key);

    return apart[index] || (parent && apart[lc_column_find(parent->name)]);
}

int lc_values_canonical(const struct lc_value *value, const unsigned char *apart, struct lc_bytes *out, struct lc_err *err)
{
    const struct lc_key *key;
    const char *previous = "";
    int rc = LC_OK;

    for (int i = 0; (key = key_at(i)) != NULL; i++) {
        if (value[i].form != LC_VALUE_GIVEN || stands_apart(i, apart))
            continue;
        LC_TRY(rc, lc_key_name_write(out, key->name, previous, err));
        LC_TRY(rc, lc_bytes_printf(out, err, " %s\n", value[i].yaml));
        previous = key->name;
    }
done:
    return rc;
}

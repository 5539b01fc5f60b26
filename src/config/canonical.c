/* The table of keys read the other way: a struct as YAML, and the table itself as help. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/config.h"

#include "canonical.h"
#include "scalar.h"

enum { REAL_ROOM = 40 };

static const void *place(const struct lc_config *config, size_t at)
{
    return (const char *)config + at;
}

static int int_get(const struct lc_config *config, size_t at)
{
    int value;

    memcpy(&value, place(config, at), sizeof value);
    return value;
}

/* The fewest digits that read back as the same number. */
static const char *real_show(char out[REAL_ROOM], double value)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, REAL_ROOM, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return out;
}

const char *lc_key_path_tail(const char *path)
{
    const char *layer = strstr(path, "{layer}"), *site = strstr(path, "{site}");
    const char *first = layer && (!site || layer < site) ? layer : site;

    if (!first)
        return lc_path_name(path);
    while (first > path && first[-1] != '/')
        first--;
    return first;
}

static int text_is_simple(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";

    return *text && strchr(letters, *text) && text[strspn(text, others)] == '\0' &&
           !lc_scalar_is_null(text) && !lc_scalar_is_not_text(text);
}

static int text_write(struct lc_bytes *out, const char *text, struct lc_err *err)
{
    int rc;

    if (text_is_simple(text))
        return lc_bytes_printf(out, err, " %s", text);
    LC_TRY(rc, lc_bytes_printf(out, err, " '"));
    for (; *text; text++)
        LC_TRY(rc, *text == '\'' ? lc_bytes_add(out, "''", 2, err) : lc_bytes_add(out, text, 1, err));
    LC_TRY(rc, lc_bytes_printf(out, err, "'"));
done:
    return rc;
}

static int ints_write(struct lc_bytes *out, const struct lc_int_list *list, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_bytes_printf(out, err, " ["));
    for (int64_t i = 0; i < list->count; i++)
        LC_TRY(rc, lc_bytes_printf(out, err, "%s%" PRId64, i ? ", " : "", list->value[i]));
    LC_TRY(rc, lc_bytes_printf(out, err, "]"));
done:
    return rc;
}

static int flags_write(const struct lc_config *config, const struct lc_key *key, struct lc_bytes *out,
                       struct lc_err *err)
{
    const char *between = "";
    int rc;

    LC_TRY(rc, lc_bytes_printf(out, err, " ["));
    for (int k = 0; k < LC_KEY_WORDS && key->words[k]; k++) {
        if (!int_get(config, key->flag_at[k]))
            continue;
        LC_TRY(rc, lc_bytes_printf(out, err, "%s%s", between, key->words[k]));
        between = ", ";
    }
    LC_TRY(rc, lc_bytes_printf(out, err, "]"));
done:
    return rc;
}

int lc_key_value_write(const struct lc_config *config, const struct lc_key *key, struct lc_bytes *out,
                       struct lc_err *err)
{
    const void *at = place(config, key->at);
    char number[REAL_ROOM];

    switch (key->kind) {
    case LC_KEY_INT:
    case LC_KEY_BYTES:
        if (key->flags & LC_KEY_OR_LIST && ((const struct lc_int_list *)place(config, key->list_at))->count > 0)
            return ints_write(out, place(config, key->list_at), err);
        return lc_bytes_printf(out, err, " %" PRId64, *(const int64_t *)at);
    case LC_KEY_REAL:
        return lc_bytes_printf(out, err, " %s", real_show(number, *(const double *)at));
    case LC_KEY_BOOL:
        return lc_bytes_printf(out, err, " %s", int_get(config, key->at) ? "true" : "false");
    case LC_KEY_TEXT:
        return text_write(out, at, err);
    case LC_KEY_PATH:
        return text_write(out, lc_key_path_tail(at), err);
    case LC_KEY_WORD:
        if (key->flags & LC_KEY_OR_LIST && int_get(config, key->at) == key->list_word)
            return ints_write(out, place(config, key->list_at), err);
        return lc_bytes_printf(out, err, " %s", key->words[int_get(config, key->at)]);
    case LC_KEY_FLAGS:
        return flags_write(config, key, out, err);
    case LC_KEY_GRID:
        return LC_OK;
    case LC_KEY_INTS:
    case LC_KEY_SITES:
        break;
    }
    return ints_write(out, at, err);
}

int lc_key_is_map(const struct lc_config *config, const struct lc_key *key)
{
    return key && key->flags & LC_KEY_OR_MAP && int_get(config, key->at) == key->map_word;
}

int lc_key_is_absent(const struct lc_config *config, const struct lc_key *key)
{
    const void *at = place(config, key->at);

    switch (key->kind) {
    case LC_KEY_INT:
    case LC_KEY_BYTES:
        return !key->fallback && *(const int64_t *)at == key->absent;
    case LC_KEY_REAL:
        return !key->fallback && *(const double *)at < 0;
    case LC_KEY_PATH:
        return *(const char *)at == '\0';
    case LC_KEY_INTS:
        return ((const struct lc_int_list *)at)->count == 0;
    default:
        return 0;
    }
}

int lc_key_applies(const struct lc_config *config, const struct lc_key *key)
{
    const struct lc_key *parent = lc_key_parent(key);

    if (key->flags & LC_KEY_LOCAL || (parent && !lc_key_is_map(config, parent)))
        return 0;
    return !(key->flags & LC_KEY_OF_SWEEP) || config->windows.lengths.count > 0;
}

static int is_written(const struct lc_config *config, const struct lc_key *key)
{
    return lc_key_applies(config, key) && !lc_key_is_map(config, key) && !lc_key_is_absent(config, key);
}

/* Bytes of the dotted names up to the last dot that both share. */
static size_t shared_groups(const char *a, const char *b)
{
    size_t shared = 0;

    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '.')
            shared = i + 1;
    return shared;
}

static int name_depth(const char *name, size_t length)
{
    int depth = 0;

    for (size_t i = 0; i < length; i++)
        depth += name[i] == '.';
    return depth;
}

int lc_key_name_write(struct lc_bytes *out, const char *name, const char *previous, struct lc_err *err)
{
    size_t start = shared_groups(name, previous);
    int rc = LC_OK;

    while (rc == LC_OK) {
        size_t length = strcspn(name + start, ".");
        int last = name[start + length] == '\0', indent = 2 * name_depth(name, start);
        rc = lc_bytes_printf(out, err, "%*s%.*s:%s", indent, "", (int)length, name + start, last ? "" : "\n");
        if (last)
            break;
        start += length + 1;
    }
    return rc;
}

int lc_config_canonical(const struct lc_config *config, struct lc_bytes *out, struct lc_err *err)
{
    const char *previous = "";
    int rc = LC_OK;

    for (int i = 0; i < lc_key_count; i++) {
        const struct lc_key *key = &lc_keys[i];
        if (!is_written(config, key))
            continue;
        LC_TRY(rc, lc_key_name_write(out, key->name, previous, err));
        LC_TRY(rc, lc_key_value_write(config, key, out, err));
        LC_TRY(rc, lc_bytes_printf(out, err, "\n"));
        previous = key->name;
    }
done:
    return rc;
}

int lc_config_help(struct lc_bytes *out, struct lc_err *err)
{
    char allowed[256];
    int rc = LC_OK;

    for (int i = 0; i < lc_key_count && rc == LC_OK; i++) {
        const struct lc_key *key = &lc_keys[i];
        const char *label = key->flags & LC_KEY_REQUIRED ? "required"
                            : key->fallback              ? "default "
                                                         : "absent: ";
        const char *value = key->flags & LC_KEY_REQUIRED ? "" : key->fallback ? key->fallback : key->unset;
        rc = lc_bytes_printf(out, err, "  %-23s %s [%s; %s%s]\n", key->name, key->meaning,
                             lc_key_allowed(allowed, sizeof allowed, key), label, value);
    }
    return rc;
}

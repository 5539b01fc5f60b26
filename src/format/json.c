#include "lightcone/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format_internal.h"
#include "lightcone/file.h"
#include "lightcone/memory.h"

int lc_json_parse(struct lc_json *json, const char *path, const void *data, size_t size, struct lc_err *err)
{
    json_error_t why;
    char *copy = NULL;
    int rc = lc_strdup(&copy, path, err);

    *json = (struct lc_json){0};
    if (rc != LC_OK)
        return rc;
    /* jansson refuses nesting deeper than 2048 by itself */
    json->root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &why);
    if (!json->root) {
        free(copy);
        return LC_FAIL(err, LC_E_FORMAT, "%s: not valid JSON: line %d: %s", path, why.line, why.text);
    }
    json->path = copy;
    if (json_is_object(json->root))
        return LC_OK;
    lc_json_close(json);
    return LC_FAIL(err, LC_E_FORMAT, "%s: the top of the JSON is not an object", path);
}

int lc_json_open(struct lc_json *json, const char *path, int64_t max_bytes, struct lc_err *err)
{
    struct lc_map map;
    int rc = lc_map_open(&map, path, err);

    *json = (struct lc_json){0};
    if (rc != LC_OK)
        return rc;
    if ((int64_t)map.size > max_bytes)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: %zu bytes of JSON; allowed: at most %" PRId64, path, map.size,
                     max_bytes);
    else
        rc = lc_json_parse(json, path, map.data, map.size, err);
    lc_map_close(&map);
    return rc;
}

void lc_json_close(struct lc_json *json)
{
    json_decref(json->root);
    free((void *)(uintptr_t)json->path);
    *json = (struct lc_json){0};
}

/* What stands in the file, for messages. */
static void value_text(char out[64], const json_t *value)
{
    char *text;

    if (json_is_object(value) || json_is_array(value)) {
        snprintf(out, 64, "%s", json_is_object(value) ? "an object" : "an array");
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(out, 64, strlen(text ? text : "?") < 60 ? "%s" : "%.56s...", text ? text : "?");
    free(text);
}

/* *value = NULL when absent or null and not required. */
static int json_pick(const struct lc_json *json, const json_t *object, const char *key, int required,
                     json_t **value, struct lc_err *err)
{
    *value = json_object_get(object ? object : json->root, key);
    if (*value && json_is_null(*value))
        *value = NULL;
    if (!*value && required)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the key '%s' is missing", json->path, key);
    return LC_OK;
}

static int json_wrong(const struct lc_json *json, const char *key, const json_t *value, const char *allowed,
                      struct lc_err *err)
{
    char found[64];

    value_text(found, value);
    return LC_FAIL(err, LC_E_FORMAT, "%s: %s is %s; allowed: %s", json->path, key, found, allowed);
}

int lc_json_int(const struct lc_json *json, const json_t *object, const char *key, int required, int64_t low,
                int64_t high, int64_t *out, struct lc_err *err)
{
    char allowed[80];
    json_t *value;
    int rc = json_pick(json, object, key, required, &value, err);

    if (rc != LC_OK || !value)
        return rc;
    if (!json_is_integer(value) || json_integer_value(value) < low || json_integer_value(value) > high) {
        snprintf(allowed, sizeof allowed, "an integer from %" PRId64 " to %" PRId64, low, high);
        return json_wrong(json, key, value, allowed, err);
    }
    *out = json_integer_value(value);
    return LC_OK;
}

int lc_json_real(const struct lc_json *json, const json_t *object, const char *key, int required, double low,
                 double high, double *out, struct lc_err *err)
{
    char allowed[80];
    json_t *value;
    int rc = json_pick(json, object, key, required, &value, err);

    if (rc != LC_OK || !value)
        return rc;
    if (!json_is_number(value) || !(json_number_value(value) >= low && json_number_value(value) <= high)) {
        snprintf(allowed, sizeof allowed, "a number from %g to %g", low, high);
        return json_wrong(json, key, value, allowed, err);
    }
    *out = json_number_value(value);
    return LC_OK;
}

int lc_json_bool(const struct lc_json *json, const json_t *object, const char *key, int required, int *out,
                 struct lc_err *err)
{
    json_t *value;
    int rc = json_pick(json, object, key, required, &value, err);

    if (rc != LC_OK || !value)
        return rc;
    if (!json_is_boolean(value))
        return json_wrong(json, key, value, "true or false", err);
    *out = json_is_true(value);
    return LC_OK;
}

int lc_json_text(const struct lc_json *json, const json_t *object, const char *key, int required,
                 const char **out, struct lc_err *err)
{
    json_t *value;
    int rc = json_pick(json, object, key, required, &value, err);

    if (rc != LC_OK || !value)
        return rc;
    if (!json_is_string(value))
        return json_wrong(json, key, value, "a text", err);
    *out = json_string_value(value);
    return LC_OK;
}

int lc_json_object(const struct lc_json *json, const json_t *object, const char *key, int required,
                   json_t **out, struct lc_err *err)
{
    json_t *value;
    int rc = json_pick(json, object, key, required, &value, err);

    if (rc != LC_OK)
        return rc;
    if (value && !json_is_object(value))
        return json_wrong(json, key, value, "an object", err);
    *out = value;
    return LC_OK;
}

/* json.h - typed access to JSON files (jansson), with the file and the key in every message. */
#ifndef LC_JSON_H
#define LC_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "lightcone/err.h"

/* A parsed file; release with lc_json_close(). */
struct lc_json {
    json_t *root;
    const char *path; /* owned copy */
};

/* Parse a whole file: UTF-8, duplicate keys refused, nesting bounded, at most max_bytes long. */
int lc_json_open(struct lc_json *json, const char *path, int64_t max_bytes, struct lc_err *err);
void lc_json_close(struct lc_json *json);

/* Value of `key` in `object` (json->root when NULL); absent or null: *out stays as it is (the default),
 * unless `required`. A wrong type or a value outside [low, high] is LC_E_FORMAT naming file, key, found, allowed. */
int lc_json_int(const struct lc_json *json, const json_t *object, const char *key, int required, int64_t low,
                int64_t high, int64_t *out, struct lc_err *err);
int lc_json_real(const struct lc_json *json, const json_t *object, const char *key, int required, double low,
                 double high, double *out, struct lc_err *err);
int lc_json_bool(const struct lc_json *json, const json_t *object, const char *key, int required, int *out,
                 struct lc_err *err);
/* *out is borrowed from the parsed file. */
int lc_json_text(const struct lc_json *json, const json_t *object, const char *key, int required, const char **out,
                 struct lc_err *err);
/* *out is borrowed; NULL when absent and not required. */
int lc_json_object(const struct lc_json *json, const json_t *object, const char *key, int required, json_t **out,
                   struct lc_err *err);

#endif

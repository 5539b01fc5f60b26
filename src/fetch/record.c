#include "record.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES_MAX = 16 << 20 };

int lc_fetched_open(struct lc_fetched *record, const char *folder, struct lc_err *err)
{
    struct lc_json json;

    *record = (struct lc_fetched){0};
    if (lc_path_join(record->path, folder, "fetched.json", err) != LC_OK)
        return err->code;
    if (!lc_path_is_file(record->path)) {
        record->root = json_object();
        return record->root ? LC_OK : LC_FAIL(err, LC_E_MEMORY, "no memory for %s", record->path);
    }
    if (lc_json_open(&json, record->path, RECORD_BYTES_MAX, err) != LC_OK)
        return err->code;
    record->root = json_incref(json.root);
    lc_json_close(&json);
    return LC_OK;
}

void lc_fetched_close(struct lc_fetched *record)
{
    json_decref(record->root);
    record->root = NULL;
}

int lc_fetched_has(const struct lc_fetched *record, const struct lc_layout_item *item)
{
    const json_t *entry = json_object_get(record->root, item->file);
    const char *url = json_string_value(json_object_get(entry, "url"));
    const char *member = json_string_value(json_object_get(entry, "member"));

    return url && strcmp(url, item->url) == 0 && strcmp(member ? member : "", item->member ? item->member : "") == 0;
}

int lc_fetched_expect(const struct lc_fetched *record, const struct lc_layout_item *item, struct lc_checks *checks,
                      struct lc_err *err)
{
    const struct lc_json json = {.root = record->root, .path = record->path};
    const char *url = "", *sha256 = "";
    json_t *entry = NULL;
    int64_t size = -1;

    if (lc_json_object(&json, NULL, item->file, 0, &entry, err) != LC_OK || !entry)
        return err->code;
    lc_json_text(&json, entry, "url", 1, &url, err);
    lc_json_text(&json, entry, "sha256", 1, &sha256, err);
    lc_json_int(&json, entry, "size", 1, 0, INT64_MAX, &size, err);
    if (err->code != LC_OK || !lc_fetched_has(record, item))
        return err->code;
    lc_checks_add_size(checks, "fetched.json", size);
    lc_checks_add(checks, LC_CHECK_SHA256, "fetched.json", sha256);
    return LC_OK;
}

static int write_record(const struct lc_fetched *record, struct lc_err *err)
{
    char *text = json_dumps(record->root, JSON_INDENT(1) | JSON_SORT_KEYS);
    int rc;

    if (!text)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for %s", record->path);
    rc = lc_file_write(record->path, text, strlen(text), err);
    free(text);
    return rc;
}

int lc_fetched_note(struct lc_fetched *record, const struct lc_layout_item *item, const char *path, struct lc_err *err)
{
    char sha256[LC_HASH_HEX];
    int64_t size = 0;
    json_t *entry;

    if (lc_hash_file(sha256, &size, path, err) != LC_OK)
        return err->code;
    entry = json_pack("{s:s, s:I, s:s}", "url", item->url, "size", (json_int_t)size, "sha256", sha256);
    if (entry && item->member && json_object_set_new(entry, "member", json_string(item->member)) != 0) {
        json_decref(entry);
        entry = NULL;
    }
    if (!entry || json_object_set_new(record->root, item->file, entry) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: '%.200s' cannot be recorded: not UTF-8, or no memory", record->path,
                       item->file);
    return write_record(record, err);
}

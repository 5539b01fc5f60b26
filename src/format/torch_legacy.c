/* torch.save() before PyTorch 1.6 (or with _use_new_zipfile_serialization=False): pickles of a magic number, the
 * protocol, the machine's byte order, the object and the list of its storages' keys, one after the other; then each
 * storage, the number of its values as int64 before them. Where a storage lies is known only behind the object's
 * pickle, so that one is parsed twice. Source: _legacy_save and _legacy_load in torch/serialization.py. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format_internal.h"
#include "lightcone/memory.h"

struct storage {
    const char *key; /* in the pickle's bytes */
    size_t key_size;
    enum lc_dtype dtype;
    int64_t count;
    struct lc_map bytes;
};

struct legacy {
    const char *path;
    struct lc_map file;
    struct storage *item;
    int64_t count, room;
};

static struct storage *storage_of(struct legacy *l, const char *key, size_t size)
{
    for (int64_t i = 0; i < l->count; i++)
        if (l->item[i].key_size == size && memcmp(l->item[i].key, key, size) == 0)
            return &l->item[i];
    return NULL;
}

/* The first time: note the storage. Its bytes are not known yet; any of the file's stand for them, of which a storage
 * cannot have more. */
static int note_storage(void *context, const struct lc_storage_id *id, struct lc_map *bytes, struct lc_err *err)
{
    enum { STORAGES_MAX = 4096 };
    struct legacy *l = context;
    const struct storage *known = storage_of(l, id->key, id->key_size);

    *bytes = l->file;
    if (known && (known->dtype != id->dtype || known->count != id->count))
        return LC_FAIL(err, LC_E_FORMAT, "%s: one storage is said to be of two types or sizes", l->path);
    if (known)
        return LC_OK;
    if (l->count == STORAGES_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: more than %d storages", l->path, STORAGES_MAX);
    if (l->count == l->room) {
        int64_t room = l->room ? 2 * l->room : 16;
        struct storage *item = realloc(l->item, (size_t)room * sizeof *item);
        if (!item)
            return LC_FAIL(err, LC_E_MEMORY, "%s: no memory for its storages", l->path);
        l->item = item;
        l->room = room;
    }
    l->item[l->count++] = (struct storage){id->key, id->key_size, id->dtype, id->count, {0}};
    return LC_OK;
}

static int find_storage(void *context, const struct lc_storage_id *id, struct lc_map *bytes, struct lc_err *err)
{
    struct legacy *l = context;
    const struct storage *s = storage_of(l, id->key, id->key_size);

    if (!s || !s->bytes.data)
        return LC_FAIL(err, LC_E_FORMAT, "%s: a storage is missing behind the pickle", l->path);
    *bytes = s->bytes;
    return LC_OK;
}

static struct lc_map rest_of(const struct legacy *l, size_t at)
{
    return (struct lc_map){l->file.data + at, l->file.size - at};
}

/* One pickle at *at, which moves behind it. */
static int next_pickle(struct legacy *l, struct lc_pickle *pickle, size_t *at, struct lc_err *err)
{
    const struct lc_pickle_storages note = {note_storage, l};
    int rc = lc_pickle_parse(pickle, l->path, rest_of(l, *at), &note, err);

    if (rc == LC_OK)
        *at += pickle->size;
    return rc;
}

/* {"protocol_version": 1001, "little_endian": True, ...} */
static int check_system(struct legacy *l, size_t *at, struct lc_err *err)
{
    static const char key[] = "little_endian";
    struct lc_pickle pickle;
    int rc = next_pickle(l, &pickle, at, err), little = 0;

    if (rc != LC_OK)
        return rc;
    for (int64_t i = 0; pickle.root->kind == LC_VALUE_DICT && i + 1 < pickle.root->as.list.count; i += 2) {
        const struct lc_value *k = pickle.root->as.list.item[i], *v = pickle.root->as.list.item[i + 1];
        if (k->kind == LC_VALUE_TEXT && k->as.text.size == sizeof key - 1 &&
            memcmp(k->as.text.bytes, key, sizeof key - 1) == 0)
            little = v->kind == LC_VALUE_BOOL && v->as.integer;
    }
    lc_pickle_release(&pickle);
    return little ? LC_OK
                  : LC_FAIL(err, LC_E_FORMAT, "%s: little_endian is not True; save it on a little-endian machine",
                            l->path);
}

static int place_storage(struct legacy *l, const struct lc_value *key, size_t *at, struct lc_err *err)
{
    struct storage *s = key->kind == LC_VALUE_TEXT ? storage_of(l, key->as.text.bytes, key->as.text.size) : NULL;
    struct lc_map rest = rest_of(l, *at);
    int64_t count, size;

    if (!s || s->bytes.data)
        return LC_FAIL(err, LC_E_FORMAT, "%s: its list of storages names one twice, or one that nothing uses", l->path);
    if (rest.size < sizeof count)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the file ends before its storages do", l->path);
    memcpy(&count, rest.data, sizeof count);
    if (count != s->count || lc_mul_overflows(count, (int64_t)lc_dtype_size(s->dtype), &size) ||
        (uint64_t)size > rest.size - sizeof count)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: a storage of %" PRId64 " values, its pickle says %" PRId64 ", in the last %zu bytes",
                       l->path, count, s->count, rest.size);
    s->bytes = (struct lc_map){rest.data + sizeof count, (size_t)size};
    *at += sizeof count + (size_t)size;
    return LC_OK;
}

static int place_storages(struct legacy *l, size_t *at, struct lc_err *err)
{
    struct lc_pickle keys;
    int rc = next_pickle(l, &keys, at, err);

    if (rc != LC_OK)
        return rc;
    if (keys.root->kind != LC_VALUE_LIST)
        rc =
            LC_FAIL(err, LC_E_FORMAT, "%s: its list of storages is a %s", l->path, lc_value_kind_name(keys.root->kind));
    for (int64_t i = 0; rc == LC_OK && i < keys.root->as.list.count; i++)
        rc = place_storage(l, keys.root->as.list.item[i], at, err);
    lc_pickle_release(&keys);
    return rc;
}

int lc_torch_legacy_pickle(struct lc_pickle *pickle, const char *path, struct lc_map bytes, struct lc_err *err)
{
    static const char head[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
    struct legacy l = {.path = path, .file = bytes};
    const struct lc_pickle_storages storages = {find_storage, &l};
    size_t at = sizeof head - 1, object;
    int rc;

    *pickle = (struct lc_pickle){0};
    if (bytes.size < at || memcmp(bytes.data, head, at) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: a pickle, but not one of torch.save", path);
    LC_TRY(rc, check_system(&l, &at, err));
    object = at;
    LC_TRY(rc, next_pickle(&l, pickle, &at, err));
    lc_pickle_release(pickle);
    LC_TRY(rc, place_storages(&l, &at, err));
    rc = lc_pickle_parse(pickle, path, rest_of(&l, object), &storages, err);
done:
    free(l.item);
    return rc;
}

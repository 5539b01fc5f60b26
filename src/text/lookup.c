#include "lookup.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };
#define FREE_KEY UINT64_MAX

/* the finaliser of splitmix64 */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t table_find(const struct lc_lookup *t, uint64_t key)
{
    uint64_t i = mix(key) & t->mask;

    while (t->key[i] != FREE_KEY && t->key[i] != key)
        i = (i + 1) & t->mask;
    return i;
}

static int table_resize(struct lc_lookup *t, int64_t room, struct lc_err *err)
{
    struct lc_lookup bigger = {.mask = (uint64_t)room - 1, .count = t->count};
    int rc = LC_ALLOC(&bigger.key, room, "hash table", err);

    if (rc == LC_OK)
        rc = LC_ALLOC(&bigger.value, room, "hash table", err);
    if (rc != LC_OK) {
        lc_lookup_release(&bigger);
        return rc;
    }
    memset(bigger.key, 0xff, (size_t)room * sizeof *bigger.key);
    for (uint64_t i = 0; t->key && i <= t->mask; i++) {
        uint64_t at;
        if (t->key[i] == FREE_KEY)
            continue;
        at = table_find(&bigger, t->key[i]);
        bigger.key[at] = t->key[i];
        bigger.value[at] = t->value[i];
    }
    lc_lookup_release(t);
    *t = bigger;
    return LC_OK;
}

int lc_lookup_put(struct lc_lookup *t, uint64_t key, uint64_t value, struct lc_err *err)
{
    int64_t room = t->key ? (int64_t)t->mask + 1 : 0;
    uint64_t at;
    int rc;

    if (2 * (t->count + 1) > room) {
        rc = table_resize(t, room ? 2 * room : FIRST_ROOM, err);
        if (rc != LC_OK)
            return rc;
    }
    at = table_find(t, key);
    if (t->key[at] == FREE_KEY)
        t->count++;
    t->key[at] = key;
    t->value[at] = value;
    return LC_OK;
}

int lc_lookup_get(const struct lc_lookup *t, uint64_t key, uint64_t *value)
{
    uint64_t at;

    if (!t->key)
        return 0;
    at = table_find(t, key);
    if (t->key[at] == FREE_KEY)
        return 0;
    *value = t->value[at];
    return 1;
}

void lc_lookup_release(struct lc_lookup *t)
{
    free(t->key);
    free(t->value);
    *t = (struct lc_lookup){0};
}

/* FNV-1a, then mixed, because its low bits alone are weak */
static uint32_t hash_bytes(const unsigned char *p, size_t size)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return (uint32_t)mix(h);
}

/* The slot that holds the key, or the free one where it belongs. */
static uint64_t dict_find(const struct lc_dict *d, const void *key, size_t size, uint32_t hash)
{
    uint64_t i = hash & d->mask;

    for (; d->slot[i]; i = (i + 1) & d->mask) {
        const struct lc_dict_entry *e = &d->entry[d->slot[i] - 1];
        if (e->hash == hash && e->size == size && memcmp(d->text.data + e->at, key, size) == 0)
            break;
    }
    return i;
}

static int dict_grow(struct lc_dict *d, struct lc_err *err)
{
    int64_t room = d->room ? 2 * d->room : FIRST_ROOM;
    struct lc_dict_entry *entry = NULL;
    uint32_t *slot = NULL;
    int rc = LC_ALLOC(&entry, room, "dictionary", err);

    if (rc == LC_OK)
        rc = LC_ALLOC(&slot, 2 * room, "dictionary", err);
    if (rc != LC_OK) {
        free(entry);
        return rc;
    }
    if (d->count)
        memcpy(entry, d->entry, (size_t)d->count * sizeof *entry);
    free(d->entry);
    free(d->slot);
    d->entry = entry;
    d->slot = slot;
    d->room = room;
    d->mask = (uint64_t)(2 * room) - 1;
    for (int64_t i = 0; i < d->count; i++) {
        uint64_t at = entry[i].hash & d->mask;
        while (slot[at])
            at = (at + 1) & d->mask;
        slot[at] = (uint32_t)i + 1;
    }
    return LC_OK;
}

int lc_dict_add(struct lc_dict *d, const void *key, size_t size, int64_t value, struct lc_err *err)
{
    uint32_t hash = hash_bytes(key, size);
    size_t at = d->text.size;
    int rc;

    if (size > UINT32_MAX || d->count >= INT32_MAX)
        return LC_FAIL(err, LC_E_MEMORY, "a dictionary cannot hold more than %d keys", INT32_MAX);
    if (d->count == d->room) {
        rc = dict_grow(d, err);
        if (rc != LC_OK)
            return rc;
    }
    rc = lc_bytes_add(&d->text, key, size, err);
    if (rc != LC_OK)
        return rc;
    d->slot[dict_find(d, key, size, hash)] = (uint32_t)d->count + 1;
    d->entry[d->count++] =
        (struct lc_dict_entry){.at = at, .size = (uint32_t)size, .hash = hash, .value = value};
    return LC_OK;
}

int lc_dict_get(const struct lc_dict *d, const void *key, size_t size, int64_t *value)
{
    uint32_t slot;

    if (!d->slot)
        return 0;
    slot = d->slot[dict_find(d, key, size, hash_bytes(key, size))];
    if (!slot)
        return 0;
    *value = d->entry[slot - 1].value;
    return 1;
}

void lc_dict_release(struct lc_dict *d)
{
    lc_bytes_release(&d->text);
    free(d->entry);
    free(d->slot);
    *d = (struct lc_dict){0};
}

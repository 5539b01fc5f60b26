/* lookup.h - two hash tables of the room text: by 64-bit key, and by byte string. */
#ifndef LC_TEXT_LOOKUP_H
#define LC_TEXT_LOOKUP_H

#include <stdint.h>

#include "lightcone/memory.h"

/* 64-bit key to 64-bit value; the key UINT64_MAX is not allowed. All zero is an empty table. */
struct lc_lookup {
    uint64_t *key, *value; /* [mask + 1] */
    uint64_t mask;
    int64_t count;
};

/* Add, or replace the value of a key that is there. */
int lc_lookup_put(struct lc_lookup *t, uint64_t key, uint64_t value, struct lc_err *err);
/* 1 and *value when the key is there, else 0. */
int lc_lookup_get(const struct lc_lookup *t, uint64_t key, uint64_t *value);
void lc_lookup_release(struct lc_lookup *t);

struct lc_dict_entry {
    size_t at; /* of the key's bytes in text */
    uint32_t size, hash;
    int64_t value;
};

/* Byte string to 64-bit value. All zero is an empty dictionary. */
struct lc_dict {
    struct lc_bytes text;
    struct lc_dict_entry *entry; /* [room] in order of insertion */
    int64_t count, room;
    uint32_t *slot; /* [mask + 1] entry number + 1, 0: free */
    uint64_t mask;
};

/* Add a key that is not there yet. */
int lc_dict_add(struct lc_dict *d, const void *key, size_t size, int64_t value, struct lc_err *err);
/* 1 and *value when the key is there, else 0. */
int lc_dict_get(const struct lc_dict *d, const void *key, size_t size, int64_t *value);
void lc_dict_release(struct lc_dict *d);

#endif

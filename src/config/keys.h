/* keys.h - the table of keys: one row drives parsing, validation, defaults, canonical form and help. */
#ifndef LC_CONFIG_KEYS_H
#define LC_CONFIG_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum lc_key_kind {
    LC_KEY_INT,   /* int64_t */
    LC_KEY_BYTES, /* int64_t; K, M, G allowed */
    LC_KEY_REAL,  /* double */
    LC_KEY_BOOL,  /* int */
    LC_KEY_TEXT,  /* char[high + 1] */
    LC_KEY_PATH,  /* char[LC_PATH_MAX], resolved */
    LC_KEY_WORD,  /* enum: index into words; a list or a map instead if the flags say so */
    LC_KEY_FLAGS, /* list of words; word k sets the int at flag_at[k] */
    LC_KEY_INTS,  /* struct lc_int_list, distinct */
    LC_KEY_SITES, /* names resid_out_layerN into a struct lc_int_list */
    LC_KEY_GRID,  /* no value of a configuration: see grid.h */
};

enum lc_key_flag {
    LC_KEY_REQUIRED = 1,
    LC_KEY_LOCAL = 2,       /* not in the canonical form */
    LC_KEY_ORDERED = 4,     /* a list keeps its order; otherwise it is a set and is sorted */
    LC_KEY_OR_LIST = 8,     /* word, or a list of integers at list_at: then the enum is list_word; integer, or an
                               ascending list at list_at: then the integer is its last */
    LC_KEY_OR_MAP = 16,     /* word, or a map of the keys below: then the enum is map_word */
    LC_KEY_BELOW_HIGH = 32, /* real: high itself is not allowed */
    LC_KEY_PATTERN = 64,    /* path: may hold {layer} and {site} */
    LC_KEY_OF_SWEEP = 128,  /* without meaning, and not in the canonical form, but with several windows.length */
};

enum { LC_KEY_WORDS = 4 };

struct lc_key {
    const char *name; /* dotted */
    enum lc_key_kind kind;
    unsigned flags;
    size_t at;                       /* offset into struct lc_config */
    int64_t low, high;               /* integers, lists of them, length of a text */
    double real_low, real_high;      /* real_high 0: any finite */
    const char *words[LC_KEY_WORDS]; /* ends with NULL */
    size_t flag_at[LC_KEY_WORDS], list_at;
    int list_word, map_word;
    const char *fallback; /* YAML; NULL: stays absent */
    const char *unset;    /* what absent means, for the help */
    const char *units;    /* of a number; NULL: 1 */
    int64_t absent;       /* value of an absent number */
    const char *meaning;
};

extern const struct lc_key lc_keys[];
extern const int lc_key_count;

/* Row of the dotted name of `length` bytes, or NULL. */
const struct lc_key *lc_key_find(const char *name, size_t length);
/* Whether keys stand below the dotted name. */
int lc_key_is_group(const char *name);
/* Row of the group that holds the key, when the group has a row (a word that may be a map). */
const struct lc_key *lc_key_parent(const struct lc_key *key);
/* "a, b, c": the keys directly below `group` ("" is the top). Returns out. */
const char *lc_key_children(char *out, size_t room, const char *group);
/* What a value may be, in words. Returns out. */
const char *lc_key_allowed(char *out, size_t room, const struct lc_key *key);
/* The key directly below `group` closest to `name`, into out; 0 when none is close. */
int lc_key_nearest(char *out, size_t room, const char *group, const char *name);

#endif

/* values.h - a configuration key by key: the columns of a table of configurations. */
#ifndef LC_VALUES_H
#define LC_VALUES_H

#include "lightcone/config.h"

enum lc_value_kind { LC_VALUE_INT, LC_VALUE_REAL, LC_VALUE_TEXT };

/* A key of the canonical form. */
struct lc_column {
    const char *key; /* dotted */
    enum lc_value_kind kind;
    const char *units, *meaning;
    const char *absent; /* what it means where it is not given; NULL: it always is */
    int quoted;         /* a text that is to be quoted where it is to parse: a path */
};

/* Column `index`, from 0, in the order of the canonical form; 0 behind the last. */
int lc_column_get(int index, struct lc_column *out);
/* Its index, or -1. */
int lc_column_find(const char *key);

enum lc_value_form {
    LC_VALUE_NONE,   /* the key has no meaning there: it belongs to a map where there is none, or to a sweep */
    LC_VALUE_ABSENT, /* not given, and without a default */
    LC_VALUE_GIVEN,
    LC_VALUE_MAP, /* given as a map, whose keys have columns of their own */
};

struct lc_value {
    enum lc_value_form form;
    int64_t number; /* LC_VALUE_INT; -1 unless given */
    double real;    /* LC_VALUE_REAL; -1 unless given */
    char *text;     /* as a reader wants it: paths and words without quotes, `absent` where not given; owned */
    char *yaml;     /* as a value that parses; owned */
};

/* The value of column `index`. On success release with lc_value_release(). */
int lc_value_get(const struct lc_config *config, int index, struct lc_value *out, struct lc_err *err);
void lc_value_release(struct lc_value *v);
/* Negative, 0 or positive: numbers as numbers, also those within texts; what is not given last. */
int lc_value_compare(const struct lc_value *a, const struct lc_value *b, enum lc_value_kind kind);

/* The canonical form made of the values of all columns, in their order, but those that are 1 in `apart` and what stands
 * below these. Appended to *out. */
int lc_values_canonical(const struct lc_value *value, const unsigned char *apart, struct lc_bytes *out, struct lc_err *err);

#endif

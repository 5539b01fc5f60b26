/* layout.h - what `lightcone fetch` brings: YAML bytes to a list of files, where each comes from and what it must be. */
#ifndef LC_LAYOUT_H
#define LC_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/file.h"
#include "lightcone/hash.h"
#include "lightcone/memory.h"

struct lc_layout_item {
    char *url;    /* owned; http or https, {NAME} replaced by that of `sources` */
    char *file;   /* owned; where it goes, relative to the folder */
    char *member; /* owned; the name inside the zip archive at url; NULL: all of url */
    int64_t size; /* bytes; -1: not known */
    char sha256[LC_HASH_HEX];        /* lower case; "": not known */
    char git_blob[LC_GIT_BLOB_HEX];  /* the same, or the first digits of it, at least 7 */
};

struct lc_layout {
    struct lc_layout_item *item; /* [count], owned */
    int64_t count;
    char folder[LC_PATH_MAX]; /* resolved against the layout's folder */
    int64_t attempts;         /* of one request that brings nothing new, the first counted */
    int64_t wait;             /* seconds before the second attempt, doubled before each further one */
    int64_t stall;            /* seconds without data after which a connection is given up */
    char source[LC_PATH_MAX]; /* the layout's file, for messages */
};

/* Parse `size` bytes of YAML that came from `path`, with `overrides` as lc_config_parse() takes them. Unknown key, wrong
 * type, a file outside the folder or named twice, a URL of another protocol: LC_E_CONFIG with path and line. On success
 * release with lc_layout_release(). */
int lc_layout_parse(struct lc_layout *layout, const char *path, const char *bytes, size_t size,
                    const char *const *overrides, int64_t override_count, struct lc_err *err);
void lc_layout_release(struct lc_layout *layout);

/* A line for each key, from the tables that parse. Appended to *out. */
int lc_layout_help(struct lc_bytes *out, struct lc_err *err);

#endif

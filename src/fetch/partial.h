/* partial.h - FILE.partial, which grows while FILE is on its way, and FILE.partial.etag, which says of what it is the
 * beginning: a later run continues it as long as that is still so. */
#ifndef LC_FETCH_PARTIAL_H
#define LC_FETCH_PARTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/file.h"

enum { LC_IDENTITY_MAX = 512 };

struct lc_partial {
    int fd;
    int64_t size;                   /* bytes that are there */
    char identity[LC_IDENTITY_MAX]; /* "": unknown, so nothing can be continued */
    char path[LC_PATH_MAX], identity_path[LC_PATH_MAX];
};

/* Make the folder of `file`, open what is there, and keep other processes out. On success lc_partial_close(). */
int lc_partial_open(struct lc_partial *p, const char *file, struct lc_err *err);
void lc_partial_close(struct lc_partial *p);

/* Forget the bytes; what comes now has this identity. */
int lc_partial_restart(struct lc_partial *p, const char *identity, struct lc_err *err);
/* Append; a full disk is an error that says what is kept. */
int lc_partial_add(struct lc_partial *p, const void *data, size_t size, struct lc_err *err);
/* The bytes become `file`. */
int lc_partial_publish(struct lc_partial *p, const char *file, struct lc_err *err);
/* The bytes are wrong: remove them. */
void lc_partial_remove(struct lc_partial *p);

#endif

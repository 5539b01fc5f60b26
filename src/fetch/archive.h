/* archive.h - members of a zip archive on a server that answers ranges: libzip over requests for blocks. */
#ifndef LC_FETCH_ARCHIVE_H
#define LC_FETCH_ARCHIVE_H

#include <stdint.h>
#include <zip.h>

#include "lightcone/err.h"

#include "http.h"

struct lc_archive {
    struct lc_http *http;
    const char *url;                    /* not owned */
    int64_t size;                       /* of the archive */
    char identity[LC_VALIDATOR_MAX];    /* what tells this version of it from another; "" when the server does not say */
    zip_t *zip;
    zip_error_t error;
    struct lc_err trouble;    /* what failed below libzip */
    unsigned char *block;     /* [block_room], owned: bytes block_at .. block_at + block_size of the archive */
    int64_t block_at, block_size, block_room;
    int64_t cursor;           /* where libzip reads */
    int64_t ahead;            /* bytes of the member that are still to come */
    int64_t budget;           /* bytes that may be asked for until a member is open */
};

struct lc_member {
    uint64_t index;
    int64_t size, packed; /* bytes, as they are and in the archive */
    uint32_t crc;
    int stored;
};

/* Ask how long it is and read its directory, nothing else. LC_E_FORMAT when the directory is not sound, LC_E_IO when
 * the server fails or answers without ranges. On success lc_archive_close(). `a` must stay where it is. */
int lc_archive_open(struct lc_archive *a, struct lc_http *http, const char *url, struct lc_err *err);
void lc_archive_close(struct lc_archive *a);

/* A member that can be read: stored or deflated, not encrypted, of a possible size, of a name that is there once. */
int lc_archive_find(struct lc_archive *a, const char *name, struct lc_member *out, struct lc_err *err);

/* Its bytes from `from` on (0 unless stored), in order. */
int lc_archive_read(struct lc_archive *a, const struct lc_member *member, int64_t from,
                    int (*take)(void *arg, const void *data, size_t size, struct lc_err *err), void *arg,
                    struct lc_err *err);

#endif

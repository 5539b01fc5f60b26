/* hash.h - SHA-256 and git's blob name (libcrypto) of bytes and files, as lower-case hexadecimal. */
#ifndef LC_HASH_H
#define LC_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"

enum { LC_HASH_HEX = 65, LC_GIT_BLOB_HEX = 41 }; /* 64 and 40 digits, and the closing NUL */

int lc_hash_bytes(char hex[LC_HASH_HEX], const void *data, size_t size, struct lc_err *err);

/* Also gives the file's size in bytes (size may be NULL). */
int lc_hash_file(char hex[LC_HASH_HEX], int64_t *size, const char *path, struct lc_err *err);

/* What git names a file's bytes by: SHA-1 of "blob SIZE", a zero byte and the bytes. */
int lc_hash_git_blob(char hex[LC_GIT_BLOB_HEX], const char *path, struct lc_err *err);

#endif

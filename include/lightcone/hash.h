/* hash.h - SHA-256 (libcrypto) of bytes and files, as lower-case hexadecimal. */
#ifndef LC_HASH_H
#define LC_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"

enum { LC_HASH_HEX = 65 }; /* 64 digits and the closing NUL */

int lc_hash_bytes(char hex[LC_HASH_HEX], const void *data, size_t size, struct lc_err *err);

/* Also gives the file's size in bytes (size may be NULL). */
int lc_hash_file(char hex[LC_HASH_HEX], int64_t *size, const char *path, struct lc_err *err);

#endif

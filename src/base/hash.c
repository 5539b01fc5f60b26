#include "lightcone/hash.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "lightcone/file.h"

int lc_hash_bytes(char hex[LC_HASH_HEX], const void *data, size_t size, struct lc_err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;

    if (EVP_Digest(data, size, digest, &length, EVP_sha256(), NULL) != 1 || length != 32)
        return LC_FAIL(err, LC_E_LIBRARY, "libcrypto cannot compute SHA-256");
    for (unsigned int i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return LC_OK;
}

int lc_hash_file(char hex[LC_HASH_HEX], int64_t *size, const char *path, struct lc_err *err)
{
    struct lc_map map;
    int rc = lc_map_open(&map, path, err);

    if (rc != LC_OK)
        return rc;
    rc = lc_hash_bytes(hex, map.data, map.size, err);
    if (size)
        *size = (int64_t)map.size;
    lc_map_close(&map);
    return rc;
}

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

static int digest_blob(EVP_MD_CTX *context, const struct lc_map *map, unsigned char digest[EVP_MAX_MD_SIZE])
{
    char head[40];
    unsigned int length = 0;
    int n = snprintf(head, sizeof head, "blob %zu", map->size) + 1; /* the zero byte counts */

    return EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 && EVP_DigestUpdate(context, head, (size_t)n) == 1 &&
           EVP_DigestUpdate(context, map->data, map->size) == 1 &&
           EVP_DigestFinal_ex(context, digest, &length) == 1 && length == 20;
}

int lc_hash_git_blob(char hex[LC_GIT_BLOB_HEX], const char *path, struct lc_err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context;
    struct lc_map map;
    int good, rc = lc_map_open(&map, path, err);

    if (rc != LC_OK)
        return rc;
    context = EVP_MD_CTX_new();
    good = context && digest_blob(context, &map, digest);
    EVP_MD_CTX_free(context);
    lc_map_close(&map);
    if (!good)
        return LC_FAIL(err, LC_E_LIBRARY, "libcrypto cannot compute SHA-1");
    for (int i = 0; i < 20; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return LC_OK;
}

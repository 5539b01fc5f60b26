#include "checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "lightcone/file.h"

static int size_of(char out[LC_HASH_HEX], const char *path, struct lc_err *err)
{
    struct lc_map map;
    int rc = lc_map_open(&map, path, err);

    if (rc != LC_OK)
        return rc;
    snprintf(out, LC_HASH_HEX, "%zu", map.size);
    lc_map_close(&map);
    return LC_OK;
}

static int crc32_of(char out[LC_HASH_HEX], const char *path, struct lc_err *err)
{
    enum { PART = 1 << 30 };
    struct lc_map map;
    uLong crc = crc32(0L, Z_NULL, 0);
    int rc = lc_map_open(&map, path, err);

    if (rc != LC_OK)
        return rc;
    for (size_t at = 0; at < map.size; at += PART)
        crc = crc32(crc, map.data + at, (uInt)(map.size - at < PART ? map.size - at : PART));
    snprintf(out, LC_HASH_HEX, "%08lx", crc);
    lc_map_close(&map);
    return LC_OK;
}

static int sha256_of(char out[LC_HASH_HEX], const char *path, struct lc_err *err)
{
    return lc_hash_file(out, NULL, path, err);
}

static const struct kind {
    const char *name;
    int (*of)(char out[LC_HASH_HEX], const char *path, struct lc_err *err);
} kinds[LC_CHECK_KINDS] = {
    [LC_CHECK_SIZE] = {"size", size_of},
    [LC_CHECK_CRC32] = {"CRC-32", crc32_of},
    [LC_CHECK_SHA256] = {"SHA-256", sha256_of},
    [LC_CHECK_GIT_BLOB] = {"git blob", lc_hash_git_blob},
};

void lc_checks_add(struct lc_checks *checks, enum lc_check_kind kind, const char *by, const char *value)
{
    struct lc_check *c = checks->item;

    while (c < checks->item + checks->count && (c->kind != kind || strcmp(c->by, by) != 0))
        c++;
    if (!*value || c == checks->item + LC_CHECKS_MAX)
        return;
    if (c == checks->item + checks->count)
        checks->count++;
    *c = (struct lc_check){.kind = kind, .by = by};
    snprintf(c->value, sizeof c->value, "%s", value);
}

void lc_checks_add_size(struct lc_checks *checks, const char *by, int64_t size)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64, size);
    if (size >= 0)
        lc_checks_add(checks, LC_CHECK_SIZE, by, text);
}

int lc_checks_have_hash(const struct lc_checks *checks)
{
    for (int i = 0; i < checks->count; i++)
        if (checks->item[i].kind != LC_CHECK_SIZE)
            return 1;
    return 0;
}

static int differs(const struct lc_check *c, const char *found, char why[LC_MISMATCH_MAX])
{
    int wrong = c->kind == LC_CHECK_GIT_BLOB ? strncmp(found, c->value, strlen(c->value)) != 0
                                             : strcmp(found, c->value) != 0;

    if (wrong)
        snprintf(why, LC_MISMATCH_MAX, "%s is %s; expected %s, says %s", kinds[c->kind].name, found, c->value,
                 c->by);
    return wrong;
}

int lc_checks_match(const struct lc_checks *checks, const char *path, char why[LC_MISMATCH_MAX], struct lc_err *err)
{
    why[0] = '\0';
    for (int kind = 0; kind < LC_CHECK_KINDS; kind++) { /* a wrong size makes the hashes unnecessary */
        char found[LC_HASH_HEX] = "";
        for (int i = 0; i < checks->count; i++) {
            const struct lc_check *c = &checks->item[i];
            if ((int)c->kind != kind)
                continue;
            if (!found[0] && kinds[kind].of(found, path, err) != LC_OK)
                return err->code;
            if (differs(c, found, why))
                return LC_OK;
        }
    }
    return LC_OK;
}

void lc_checks_match_size(const struct lc_checks *checks, int64_t size, char why[LC_MISMATCH_MAX])
{
    char found[32];

    why[0] = '\0';
    snprintf(found, sizeof found, "%" PRId64, size);
    for (int i = 0; i < checks->count; i++)
        if (checks->item[i].kind == LC_CHECK_SIZE && differs(&checks->item[i], found, why))
            return;
}

void lc_checks_show(const struct lc_checks *checks, char *out, int room)
{
    int used = 0;

    out[0] = '\0';
    for (int i = 0; i < checks->count && used < room; i++)
        used += snprintf(out + used, (size_t)(room - used), "%s%s (%s)", i ? ", " : "", kinds[checks->item[i].kind].name,
                         checks->item[i].by);
}

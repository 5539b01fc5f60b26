/* checks.h - what a file must be, and who says so. */
#ifndef LC_FETCH_CHECKS_H
#define LC_FETCH_CHECKS_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/hash.h"

enum lc_check_kind { LC_CHECK_SIZE, LC_CHECK_CRC32, LC_CHECK_SHA256, LC_CHECK_GIT_BLOB, LC_CHECK_KINDS };
enum { LC_CHECKS_MAX = 12, LC_MISMATCH_MAX = 320 };

struct lc_check {
    enum lc_check_kind kind;
    char value[LC_HASH_HEX]; /* as it is printed; the first digits are enough for a git blob */
    const char *by;          /* "the layout", "the server", ...; not owned */
};

struct lc_checks {
    struct lc_check item[LC_CHECKS_MAX];
    int count;
};

/* The same kind by the same again replaces the value; an empty value adds nothing. */
void lc_checks_add(struct lc_checks *checks, enum lc_check_kind kind, const char *by, const char *value);
void lc_checks_add_size(struct lc_checks *checks, const char *by, int64_t size); /* negative: nothing */

/* Is there more than a size? */
int lc_checks_have_hash(const struct lc_checks *checks);

/* Hold the file at `path` against all of them. why: "" when it passes, else what was found and expected. */
int lc_checks_match(const struct lc_checks *checks, const char *path, char why[LC_MISMATCH_MAX], struct lc_err *err);
/* The same for a size alone, before the bytes are there. */
void lc_checks_match_size(const struct lc_checks *checks, int64_t size, char why[LC_MISMATCH_MAX]);

/* "size (the layout), SHA-256 (the server)" */
void lc_checks_show(const struct lc_checks *checks, char *out, int room);

#endif

/* record.h - FOLDER/fetched.json: where each file came from and what it was, for later runs. */
#ifndef LC_FETCH_RECORD_H
#define LC_FETCH_RECORD_H

#include "lightcone/err.h"
#include "lightcone/json.h"
#include "lightcone/layout.h"

#include "checks.h"

struct lc_fetched {
    char path[LC_PATH_MAX];
    json_t *root; /* owned: {FILE: {url, member, size, sha256}} */
};

/* What is there, or nothing yet. On success lc_fetched_close(). */
int lc_fetched_open(struct lc_fetched *record, const char *folder, struct lc_err *err);
void lc_fetched_close(struct lc_fetched *record);

/* What the item was, when it came from the same place. */
int lc_fetched_expect(const struct lc_fetched *record, const struct lc_layout_item *item, struct lc_checks *checks,
                      struct lc_err *err);
/* Is such an entry there? */
int lc_fetched_has(const struct lc_fetched *record, const struct lc_layout_item *item);
/* Note the file at `path`, and write the record. */
int lc_fetched_note(struct lc_fetched *record, const struct lc_layout_item *item, const char *path, struct lc_err *err);

#endif

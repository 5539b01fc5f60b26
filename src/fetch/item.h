/* item.h - one file of a layout: is it there, and if not, fetch it. */
#ifndef LC_FETCH_ITEM_H
#define LC_FETCH_ITEM_H

#include "lightcone/file.h"

#include "archive.h"
#include "checks.h"
#include "http.h"
#include "partial.h"
#include "record.h"

/* What the items share: the connection, the record, and the archive that was opened last. */
struct lc_fetching {
    struct lc_http http;
    struct lc_progress progress;
    struct lc_fetched record;
    struct lc_archive archive; /* zip NULL: none is open */
    const char *folder;
};

struct lc_item {
    struct lc_fetching *fetching;
    const struct lc_layout_item *what;
    char path[LC_PATH_MAX];
    struct lc_checks checks;
    struct lc_partial partial;
    int64_t total;     /* bytes it will have; -1: not known */
    int there;         /* the file is at its place and passes every check */
    int compared;      /* so much is known: it is not */
    int64_t size;      /* when it is there, bytes */
};

/* Make sure that the file is there. *fetched: whether it had to be fetched. item->checks has passed. */
int lc_item_bring(struct lc_item *item, struct lc_fetching *fetching, const struct lc_layout_item *what, int *fetched,
                  struct lc_err *err);

#endif

/* http.h - one GET at a time over libcurl: redirects by hand, ranges, what is worth another attempt. */
#ifndef LC_FETCH_HTTP_H
#define LC_FETCH_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/hash.h"
#include "lightcone/layout.h"

#include "progress.h"

enum { LC_VALIDATOR_MAX = 256 };

/* What the last answer's head said; of the hub's own headers, what the first answer that had them said. */
struct lc_http_head {
    long status;
    int64_t length;                   /* Content-Length; -1: not said */
    int64_t first, total;             /* Content-Range; -1: not said */
    char validator[LC_VALIDATOR_MAX]; /* for If-Range: a strong ETag, else Last-Modified, else "" */
    char etag_blob[LC_GIT_BLOB_HEX];  /* an ETag that has the form of a git blob's name */
    int from_hub;                     /* X-Repo-Commit was there: such an ETag is one */
    char sha256[LC_HASH_HEX];         /* X-Linked-ETag of 64 digits */
    char git_blob[LC_GIT_BLOB_HEX];   /* X-Linked-ETag of 40 digits, or etag_blob from the hub */
    int64_t linked_size;              /* X-Linked-Size; -1 */
    int64_t retry_after;              /* seconds; 0: not said */
    int encoded;                      /* a Content-Encoding that was not asked for */
};

struct lc_http_request {
    const char *url;
    int64_t first, last;  /* bytes, both counted; first -1: all, last -1: to the end */
    const char *if_range; /* "": none */
    /* The head of an answer 200 or 206, before its bytes; then the bytes. Both return LC_OK to go on. */
    int (*begin)(void *arg, const struct lc_http_head *head, struct lc_err *err);
    int (*take)(void *arg, const void *data, size_t size, struct lc_err *err);
    void *arg;
};

struct lc_http {
    void *curl; /* CURL */
    char agent[64];
    const struct lc_layout *layout; /* attempts, wait, stall */
    struct lc_progress *progress;
    struct lc_http_head head; /* of the last answer */
};

int lc_http_init(struct lc_http *http, const struct lc_layout *layout, const char *version,
                 struct lc_progress *progress, struct lc_err *err);
void lc_http_release(struct lc_http *http);

/* One attempt. *again: whether it failed in a way that may pass. Any status but 200 and 206 is LC_E_IO with URL and
 * status; http->head has what was said. */
int lc_http_get(struct lc_http *http, const struct lc_http_request *request, int *again, struct lc_err *err);

/* once() until it succeeds, fails for good, or has failed layout->attempts times in a row while *have, the bytes that
 * are there, did not rise above what it was before. */
int lc_http_persist(struct lc_http *http, int (*once)(void *arg, int *again, struct lc_err *err), void *arg,
                    const int64_t *have, struct lc_err *err);

/* May an answer from `from` send us to `to`? http or https only, and never from https to http. */
int lc_http_may_follow(const char *from, const char *to);

#endif

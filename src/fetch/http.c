#include "http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    REDIRECTS_MAX = 10,
    CONNECT_SECONDS = 30,
    SLOWEST = 100,              /* bytes a second, for layout->stall seconds */
    BODY_OF_ERROR_MAX = 1 << 16, /* of a page that says what went wrong, which nobody reads */
    WAIT_MOST = 60               /* seconds between two attempts */
};

/* One exchange with one server, while libcurl calls back. */
struct exchange {
    struct lc_http *http;
    const struct lc_http_request *request;
    int begun;
    int64_t discarded;
    struct lc_err *err;
};

int lc_http_may_follow(const char *from, const char *to)
{
    if (strncasecmp(to, "https://", 8) == 0)
        return 1;
    return strncasecmp(to, "http://", 7) == 0 && strncasecmp(from, "http://", 7) == 0;
}

/* --- heads --- */

/* The value of header `name` without the spaces around it, copied to out; 0 when the line is another header. */
static int header_is(const char *line, size_t size, const char *name, char *out, size_t room)
{
    size_t length = strlen(name), at = length + 1;

    if (size <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return 0;
    while (at < size && (line[at] == ' ' || line[at] == '\t'))
        at++;
    while (size > at && isspace((unsigned char)line[size - 1]))
        size--;
    size = size - at < room ? size - at : 0; /* too long to be of use */
    memcpy(out, line + at, size);
    out[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)out[i] < 0x20 || (unsigned char)out[i] >= 0x7f)
            out[0] = '\0';
    return 1;
}

/* Digits alone, as long as they fit; -1 otherwise. */
static int64_t whole(const char *text)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    return isdigit((unsigned char)text[0]) && end != text && (!*end || *end == '/' || *end == '-') && !errno ? value : -1;
}

/* bytes FIRST-LAST/TOTAL, or bytes * / TOTAL; TOTAL may be a star. */
static void range_read(const char *text, struct lc_http_head *head)
{
    const char *slash = strchr(text, '/');

    if (strncasecmp(text, "bytes ", 6) != 0 || !slash)
        return;
    head->first = whole(text + 6);
    head->total = whole(slash + 1);
}

/* The digits of an ETag, W/ and quotes taken off, when it has exactly `digits` hexadecimal ones. */
static void digits_read(const char *etag, size_t digits, char *out)
{
    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    etag += *etag == '"';
    if (strspn(etag, "0123456789abcdefABCDEF") != digits || (etag[digits] && strcmp(etag + digits, "\"") != 0))
        return;
    for (size_t i = 0; i < digits; i++)
        out[i] = (char)tolower((unsigned char)etag[i]);
    out[digits] = '\0';
}

static void etag_read(const char *value, struct lc_http_head *head)
{
    if (value[0] == '"') /* a weak one says nothing about bytes */
        memcpy(head->validator, value, strlen(value) + 1);
    digits_read(value, LC_GIT_BLOB_HEX - 1, head->etag_blob);
}

static void linked_read(const char *value, struct lc_http_head *head)
{
    if (!head->sha256[0] && !head->git_blob[0]) {
        digits_read(value, LC_HASH_HEX - 1, head->sha256);
        digits_read(value, LC_GIT_BLOB_HEX - 1, head->git_blob);
    }
}

/* A new answer begins; what the hub said about the file before it sent us elsewhere stays. */
static void head_reset(struct lc_http_head *head, int first)
{
    struct lc_http_head old = *head;

    *head = (struct lc_http_head){.length = -1, .first = -1, .total = -1, .linked_size = -1};
    if (first)
        return;
    memcpy(head->sha256, old.sha256, sizeof head->sha256);
    memcpy(head->git_blob, old.git_blob, sizeof head->git_blob);
    head->linked_size = old.linked_size;
}

static size_t on_header(char *line, size_t unit, size_t count, void *arg)
{
    struct exchange *x = arg;
    struct lc_http_head *head = &x->http->head;
    size_t size = unit * count;
    char value[LC_VALIDATOR_MAX];

    if (size > 5 && strncmp(line, "HTTP/", 5) == 0)
        head_reset(head, 0);
    else if (header_is(line, size, "Content-Length", value, sizeof value))
        head->length = whole(value);
    else if (header_is(line, size, "Content-Range", value, sizeof value))
        range_read(value, head);
    else if (header_is(line, size, "ETag", value, sizeof value))
        etag_read(value, head);
    else if (header_is(line, size, "Last-Modified", value, sizeof value) && !head->validator[0])
        memcpy(head->validator, value, strlen(value) + 1);
    else if (header_is(line, size, "X-Linked-ETag", value, sizeof value))
        linked_read(value, head);
    else if (header_is(line, size, "X-Linked-Size", value, sizeof value) && head->linked_size < 0)
        head->linked_size = whole(value);
    else if (header_is(line, size, "X-Repo-Commit", value, sizeof value))
        head->from_hub = 1;
    else if (header_is(line, size, "Retry-After", value, sizeof value))
        head->retry_after = whole(value) > 0 ? whole(value) : 0;
    else if (header_is(line, size, "Content-Encoding", value, sizeof value))
        head->encoded = strcasecmp(value, "identity") != 0;
    return size;
}

/* --- bodies --- */

static int begin(struct exchange *x)
{
    struct lc_http_head *head = &x->http->head;

    x->begun = 1;
    if (head->from_hub && !head->sha256[0] && !head->git_blob[0])
        memcpy(head->git_blob, head->etag_blob, sizeof head->git_blob);
    if (head->encoded)
        return LC_FAIL(x->err, LC_E_IO, "%s: the server sends the file in a compressed form that was not asked for",
                       x->request->url);
    return x->request->begin(x->request->arg, head, x->err);
}

static int is_good(long status)
{
    return status == 200 || status == 206;
}

static size_t on_body(char *data, size_t unit, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t size = unit * count;

    curl_easy_getinfo(x->http->curl, CURLINFO_RESPONSE_CODE, &x->http->head.status);
    if (!is_good(x->http->head.status)) {
        x->discarded += (int64_t)size;
        return x->discarded > BODY_OF_ERROR_MAX ? 0 : size;
    }
    if (!x->begun && begin(x) != LC_OK)
        return 0;
    if (x->request->take(x->request->arg, data, size, x->err) != LC_OK)
        return 0;
    return size;
}

/* --- one attempt --- */

static int may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return 1;
    default:
        return 0;
    }
}

static int status_may_pass(long status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

static const char *status_text(long status)
{
    switch (status) {
    case 401:
    case 403:
        return " (not allowed)";
    case 404:
    case 410:
        return " (not there)";
    case 416:
        return " (no such range)";
    case 429:
        return " (too many requests)";
    default:
        return status >= 500 ? " (the server failed)" : "";
    }
}

/* Another file of certificates than libcurl's, by the names that the curl program knows. */
static void set_certificates(CURL *curl)
{
    const char *file = getenv("CURL_CA_BUNDLE");

    if (!file || !*file)
        file = getenv("SSL_CERT_FILE");
    if (file && *file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, file);
}

static void set_protocols(CURL *curl)
{
#if CURL_AT_LEAST_VERSION(7, 85, 0)
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_range(CURL *curl, const struct lc_http_request *r)
{
    char range[64];

    if (r->first < 0)
        curl_easy_setopt(curl, CURLOPT_RANGE, NULL);
    else if (r->last < 0)
        snprintf(range, sizeof range, "%" PRId64 "-", r->first);
    else
        snprintf(range, sizeof range, "%" PRId64 "-%" PRId64, r->first, r->last);
    if (r->first >= 0)
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
}

/* An exchange with the server of `url`; *target is where it sends us, NULL when it answers itself. */
static int exchange_do(struct exchange *x, const char *url, struct curl_slist *headers, const char **target, int *again)
{
    CURL *curl = x->http->curl;
    char why[CURL_ERROR_SIZE] = "";
    CURLcode code;

    *target = NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    set_range(curl, x->request);
    code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (x->err->code != LC_OK)
        return x->err->code;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &x->http->head.status);
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && !is_good(x->http->head.status))) {
        *again = may_pass(code);
        return LC_FAIL(x->err, LC_E_IO, "%s: %s", url, why[0] ? why : curl_easy_strerror(code));
    }
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, target);
    if (*target || is_good(x->http->head.status))
        return LC_OK;
    *again = status_may_pass(x->http->head.status);
    return LC_FAIL(x->err, LC_E_IO, "%s: HTTP status %ld%s", url, x->http->head.status,
                   status_text(x->http->head.status));
}

static int follow(struct exchange *x, struct curl_slist *headers, int *again)
{
    char url[8192];
    const char *target = NULL;

    snprintf(url, sizeof url, "%s", x->request->url);
    for (int i = 0; i <= REDIRECTS_MAX; i++) {
        head_reset(&x->http->head, i == 0);
        if (exchange_do(x, url, headers, &target, again) != LC_OK)
            return x->err->code;
        if (!target)
            return x->begun || begin(x) == LC_OK ? LC_OK : x->err->code;
        if (!lc_http_may_follow(url, target) || strlen(target) >= sizeof url)
            return LC_FAIL(x->err, LC_E_IO, "%s: redirected to %.200s; allowed: https, and http from http", url, target);
        memmove(url, target, strlen(target) + 1);
    }
    return LC_FAIL(x->err, LC_E_IO, "%s: more than %d redirects", x->request->url, REDIRECTS_MAX);
}

int lc_http_get(struct lc_http *http, const struct lc_http_request *request, int *again, struct lc_err *err)
{
    struct exchange x = {.http = http, .request = request, .err = err};
    struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: identity"), *longer;
    char line[LC_VALIDATOR_MAX + 16];

    *again = 0;
    if (headers && request->first >= 0 && request->if_range[0]) {
        snprintf(line, sizeof line, "If-Range: %s", request->if_range);
        longer = curl_slist_append(headers, line);
        if (!longer)
            curl_slist_free_all(headers);
        headers = longer;
    }
    if (!headers)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for a request");
    follow(&x, headers, again);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return err->code;
}

/* --- attempts --- */

static void pause_seconds(int64_t seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* Twice as long each time, or what the server asks for. */
static int64_t wait_of(const struct lc_http *http, int64_t failures)
{
    int64_t wait = http->layout->wait;

    for (int64_t i = 1; i < failures && wait < WAIT_MOST; i++)
        wait *= 2;
    if (http->head.retry_after > wait)
        wait = http->head.retry_after;
    return wait < WAIT_MOST ? wait : WAIT_MOST;
}

int lc_http_persist(struct lc_http *http, int (*once)(void *arg, int *again, struct lc_err *err), void *arg,
                    const int64_t *have, struct lc_err *err)
{
    int64_t failures = 0, most = *have, wait;

    for (;;) {
        struct lc_err mine = LC_ERR_INIT;
        int again = 0;
        if (once(arg, &again, &mine) == LC_OK)
            return LC_OK;
        failures = *have > most ? 1 : failures + 1;
        most = *have > most ? *have : most;
        if (!again)
            return LC_FAIL(err, mine.code, "%s", mine.msg);
        if (failures >= http->layout->attempts)
            return LC_FAIL(err, mine.code, "%s; attempt %lld was the last", mine.msg, (long long)failures);
        wait = wait_of(http, failures);
        lc_progress_say(http->progress, "%s; again in %lld s", mine.msg, (long long)wait);
        pause_seconds(wait);
    }
}

int lc_http_init(struct lc_http *http, const struct lc_layout *layout, const char *version,
                 struct lc_progress *progress, struct lc_err *err)
{
    CURL *curl;

    *http = (struct lc_http){.layout = layout, .progress = progress};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return LC_FAIL(err, LC_E_LIBRARY, "libcurl does not start");
    curl = curl_easy_init();
    if (!curl) {
        curl_global_cleanup();
        return LC_FAIL(err, LC_E_LIBRARY, "libcurl does not start");
    }
    snprintf(http->agent, sizeof http->agent, "lightcone/%s", version);
    http->curl = curl;
    set_protocols(curl);
    set_certificates(curl);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, http->agent);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)layout->stall);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L * 1024);
    return LC_OK;
}

void lc_http_release(struct lc_http *http)
{
    curl_easy_cleanup(http->curl);
    curl_global_cleanup();
    *http = (struct lc_http){0};
}

/* serve ROOT PORT_FILE LOG - an HTTP and an HTTPS server on 127.0.0.1 for the tests of `lightcone fetch`. Their ports go to
 * PORT_FILE, 0 where libmicrohttpd knows no HTTPS; the certificate, made anew each time, to PORT_FILE.pem.
 * http://127.0.0.1:PORT/SWITCHES/PATH is ROOT/PATH with the faults that SWITCHES names, joined by commas:
 *   plain          none                          norange       answers 200 to every request
 *   noetag         neither ETag nor range check  weak          a weak ETag
 *   break=N        answers end at byte N         once=N        only the first one does
 *   status=S       this status                   first=S       only the first time
 *   wrong          one byte of the file differs  wrongblob     the hub's name for the bytes differs
 *   hub            a redirect to /plain/ with X-Linked-ETag and X-Linked-Size; or, with `small`, X-Repo-Commit and ETag
 *   to=SCHEME      a redirect to SCHEME://...    loop          a redirect to itself
 *   stall=N        silent from byte N on         encoded       says Content-Encoding: gzip
 *   shifted        answers with another range    only=TEXT     the others count for paths that hold TEXT
 * LOG gets a line for every answer: status, PATH, range asked for or -, bytes of the body that were sent. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lightcone/file.h"
#include "lightcone/hash.h"

enum { LIFE_SECONDS = 580, SEEN_MAX = 256, BLOCK = 1 << 15, HASHED_MOST = 100 << 20 };

static const char *root;
static FILE *log_file;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *seen[SEEN_MAX];

/* A body on its way. */
struct body {
    int fd;
    int64_t first, end, at; /* bytes of the file; at: sent so far */
    int64_t stop, stall, flip; /* -1: never */
    char line[600];         /* of the log, without the bytes */
};

/* The value of a switch, "" for one without; NULL when it is not there. Lives until the next call. */
static const char *option(const char *switches, const char *name)
{
    static _Thread_local char value[300];
    size_t length = strlen(name);

    for (const char *p = switches; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        if (strncmp(p, name, length) != 0 || (p[length] && !strchr(",=", p[length])))
            continue;
        p += length + (p[length] == '=');
        snprintf(value, sizeof value, "%.*s", (int)strcspn(p, ","), p);
        return value;
    }
    return NULL;
}

static int64_t number(const char *switches, const char *name)
{
    const char *value = option(switches, name);

    return value ? (int64_t)strtoll(value, NULL, 10) : -1;
}

/* Whether this URL comes for the first time. */
static int is_first(const char *url)
{
    int i = 0;

    pthread_mutex_lock(&mutex);
    while (i < SEEN_MAX && seen[i] && strcmp(seen[i], url) != 0)
        i++;
    if (i < SEEN_MAX && !seen[i])
        seen[i] = strdup(url);
    else
        i = SEEN_MAX;
    pthread_mutex_unlock(&mutex);
    return i < SEEN_MAX;
}

static void note(const char *line, int64_t bytes)
{
    pthread_mutex_lock(&mutex);
    fprintf(log_file, "%s %" PRId64 "\n", line, bytes);
    fflush(log_file);
    pthread_mutex_unlock(&mutex);
}

static ssize_t body_read(void *arg, uint64_t position, char *out, size_t room)
{
    struct body *b = arg;
    int64_t from = b->first + (int64_t)position, end = b->end;
    ssize_t n;

    if (b->stop >= 0 && from >= b->stop)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (b->stall >= 0 && from >= b->stall)
        sleep(LIFE_SECONDS);
    if (b->stop > from && b->stop < end)
        end = b->stop;
    if (b->stall > from && b->stall < end)
        end = b->stall;
    n = pread(b->fd, out, (int64_t)room < end - from ? room : (size_t)(end - from), (off_t)from);
    if (n <= 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (b->flip >= from && b->flip < from + n)
        out[b->flip - from] = (char)(out[b->flip - from] ^ 1);
    b->at += n;
    return n;
}

static void body_free(void *arg)
{
    struct body *b = arg;

    note(b->line, b->at);
    close(b->fd);
    free(b);
}

static enum MHD_Result answer(struct MHD_Connection *c, struct MHD_Response *r, unsigned status)
{
    enum MHD_Result queued = MHD_queue_response(c, status, r);

    MHD_destroy_response(r);
    return queued;
}

static enum MHD_Result answer_empty(struct MHD_Connection *c, unsigned status, const char *path, const char *location,
                                    const char *const *headers)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    char line[600];

    if (location)
        MHD_add_response_header(r, "Location", location);
    for (; headers && headers[0]; headers += 2)
        MHD_add_response_header(r, headers[0], headers[1]);
    snprintf(line, sizeof line, "%u %s -", status, path);
    note(line, 0);
    return answer(c, r, status);
}

/* bytes=A-B or bytes=A-: 1 when it is one, and then what part of `size` bytes it is; first == size: none. */
static int range_read(const char *text, int64_t size, int64_t *first, int64_t *end)
{
    char *rest;

    if (!text || strncmp(text, "bytes=", 6) != 0)
        return 0;
    *first = (int64_t)strtoll(text + 6, &rest, 10);
    *end = rest[1] ? (int64_t)strtoll(rest + 1, NULL, 10) + 1 : size;
    if (*end > size)
        *end = size;
    if (*first >= size)
        *first = *end = size;
    return 1;
}

static void add_etag(struct MHD_Response *r, const char *switches, const char *file, const char *etag)
{
    char blob[LC_GIT_BLOB_HEX], quoted[80];
    struct lc_err err = LC_ERR_INIT;

    if (option(switches, "small") && lc_hash_git_blob(blob, file, &err) == LC_OK) {
        if (option(switches, "wrongblob"))
            blob[0] = blob[0] == '0' ? '1' : '0';
        snprintf(quoted, sizeof quoted, "\"%s\"", blob);
        MHD_add_response_header(r, "ETag", quoted);
        MHD_add_response_header(r, "X-Repo-Commit", "1234567890123456789012345678901234567890");
    } else if (!option(switches, "noetag"))
        MHD_add_response_header(r, "ETag", etag);
}

static enum MHD_Result answer_file(struct MHD_Connection *c, const char *switches, const char *path, const char *file,
                                   const struct stat *st, int broken)
{
    const char *asked = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range");
    const char *if_range = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Range");
    struct body *b = calloc(1, sizeof *b);
    struct MHD_Response *r;
    int64_t size = (int64_t)st->st_size, end = size;
    char etag[80], text[96];
    unsigned status = 200;

    snprintf(etag, sizeof etag, "%s\"%" PRIx64 "-%" PRIx64 "\"", option(switches, "weak") ? "W/" : "", size,
             (int64_t)st->st_mtim.tv_sec);
    b->end = size;
    if (!option(switches, "norange") && (!if_range || strcmp(if_range, etag) == 0) && range_read(asked, size, &b->first, &end))
        status = b->first == size ? 416 : 206;
    b->end = end;
    b->fd = open(file, O_RDONLY);
    b->stop = broken ? number(switches, "once") : number(switches, "break");
    if (b->first > b->stop)
        b->stop = -1;
    b->stall = number(switches, "stall");
    b->flip = option(switches, "wrong") ? size / 2 : -1;
    snprintf(b->line, sizeof b->line, "%u %.400s %s", status, path, asked ? asked : "-");
    r = MHD_create_response_from_callback((uint64_t)(end - b->first), BLOCK, body_read, b, body_free);
    snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, b->first + (option(switches, "shifted") != NULL),
             end - 1, size);
    if (status == 416)
        snprintf(text, sizeof text, "bytes */%" PRId64, size);
    if (status != 200)
        MHD_add_response_header(r, "Content-Range", text);
    if (option(switches, "encoded"))
        MHD_add_response_header(r, "Content-Encoding", "gzip");
    add_etag(r, switches, file, etag);
    return answer(c, r, status);
}

static enum MHD_Result redirect_hub(struct MHD_Connection *c, const char *path, const char *file, int64_t size)
{
    struct lc_err err = LC_ERR_INIT;
    char hash[LC_HASH_HEX] = "", quoted[80], length[32], target[700];
    const char *const headers[] = {"X-Linked-ETag", quoted, "X-Linked-Size", length, NULL};

    if (size < HASHED_MOST)
        lc_hash_file(hash, NULL, file, &err);
    else /* of an archive, whose hash nobody checks */
        snprintf(hash, sizeof hash, "%064" PRIx64, size);
    snprintf(quoted, sizeof quoted, "\"%s\"", hash);
    snprintf(length, sizeof length, "%" PRId64, size);
    snprintf(target, sizeof target, "/plain/%s", path);
    return answer_empty(c, 302, path, target, headers);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state)
{
    char switches[300], file[LC_PATH_MAX];
    const char *path = strchr(url + 1, '/'), *only, *to;
    struct stat st;
    int first;

    (void)arg, (void)method, (void)version, (void)data, (void)size;
    if (!*state) { /* the head alone: answer when the request is complete */
        *state = (void *)(uintptr_t)url;
        return MHD_YES;
    }
    snprintf(switches, sizeof switches, "%.*s", path ? (int)(path - url - 1) : 0, url + 1);
    path = path ? path + 1 : "";
    only = option(switches, "only");
    if (only && !strstr(path, only))
        switches[0] = '\0';
    snprintf(file, sizeof file, "%s/%s", root, path);
    first = (option(switches, "once") || option(switches, "first")) && is_first(url);
    to = option(switches, "to");
    if (to) {
        snprintf(file, sizeof file, "%s://127.0.0.1/%s", to, path);
        return answer_empty(c, 302, path, file, NULL);
    }
    if (option(switches, "loop"))
        return answer_empty(c, 302, path, url, NULL);
    if (option(switches, "status") || (first && option(switches, "first")))
        return answer_empty(c, (unsigned)number(switches, option(switches, "status") ? "status" : "first"), path, NULL, NULL);
    if (stat(file, &st) != 0 || !S_ISREG(st.st_mode))
        return answer_empty(c, 404, path, NULL, NULL);
    if (option(switches, "hub"))
        return redirect_hub(c, path, file, (int64_t)st.st_size);
    return answer_file(c, switches, path, file, &st, first);
}

/* --- the certificate --- */

static char certificate[8192], key_text[8192];

static int bio_take(BIO *bio, int written, char *out, size_t room)
{
    int n = written ? BIO_read(bio, out, (int)room - 1) : -1;

    BIO_free(bio);
    return n > 0;
}

/* For 127.0.0.1, for a day, signed by itself. */
static int certificate_fill(X509 *x, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(x);
    X509_EXTENSION *address = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    int good = address && X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) &&
               X509_gmtime_adj(X509_getm_notBefore(x), -3600) && X509_gmtime_adj(X509_getm_notAfter(x), 86400) &&
               X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1, 0) &&
               X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) && X509_add_ext(x, address, -1) &&
               X509_sign(x, key, EVP_sha256());

    X509_EXTENSION_free(address);
    return good;
}

static int certificate_make(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
    int good = key && x && certificate_fill(x, key) && bio_take(a, PEM_write_bio_X509(a, x), certificate, sizeof certificate) &&
               bio_take(b, PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), key_text, sizeof key_text);

    X509_free(x);
    EVP_PKEY_free(key);
    return good;
}

static unsigned port_of(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;

    return info ? (unsigned)info->port : 0U;
}

static int write_ports(const char *path, struct MHD_Daemon *plain, struct MHD_Daemon *secure)
{
    struct lc_err err = LC_ERR_INIT;
    char text[32], pem[LC_PATH_MAX];

    snprintf(pem, sizeof pem, "%s.pem", path);
    snprintf(text, sizeof text, "%u %u\n", port_of(plain), port_of(secure));
    lc_file_write(pem, certificate, strlen(certificate), &err);
    return lc_file_write(path, text, strlen(text), &err);
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION;
    struct MHD_Daemon *plain, *secure = NULL;

    if (argc != 4)
        return 2;
    root = argv[1];
    log_file = fopen(argv[3], "w");
    plain = MHD_start_daemon(flags, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&here, MHD_OPTION_END);
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) == MHD_YES && certificate_make())
        secure = MHD_start_daemon(flags | MHD_USE_TLS, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR,
                                  (struct sockaddr *)&here, MHD_OPTION_HTTPS_MEM_KEY, key_text, MHD_OPTION_HTTPS_MEM_CERT,
                                  certificate, MHD_OPTION_END);
    if (!log_file || !plain || write_ports(argv[2], plain, secure) != LC_OK) {
        fprintf(stderr, "serve: cannot start: %s\n", strerror(errno));
        return 1;
    }
    sleep(LIFE_SECONDS); /* whoever started it ends it; it ends by itself in any case */
    return 0;
}

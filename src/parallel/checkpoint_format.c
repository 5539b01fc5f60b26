#include "checkpoint_format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT = 2 };
enum { HEX = LC_HASH_HEX - 1 };
enum { RUN_MOST = 999999998 }; /* names have nine digits, and the next run has a name, too */
enum { AT_DIGEST = 8, AT_REST = AT_DIGEST + HEX };                                       /* of headers and heads */
enum { AT_FORMAT = AT_REST, AT_SIZE = 80, AT_RUN = 88, AT_NODE = 96, AT_GENERATION = 104, AT_IDENTITY = 112 };
enum { AT_FILE = AT_REST, AT_PLACE = 136, AT_SEQUENCE = 144, AT_RANK = 152, AT_KIND = 160, AT_RANGES = 168 };
enum { AT_PAYLOAD = 176, AT_RANGES_DIGEST = 184, AT_PAYLOAD_DIGEST = 248, AT_ZERO = 312 };
enum { IDENTITY_LEAST = 8 * (1 + LC_CKPT_TEXTS), RANGE = 16 };
_Static_assert(AT_ZERO + 8 == LC_CKPT_HEAD && AT_FILE + HEX == AT_PLACE, "the fields of a head follow one another");

static const unsigned char file_magic[8] = {0x89, 'L', 'C', 'C', 'K', 'P', 'T', '\n'};
static const unsigned char head_magic[8] = {0x89, 'L', 'C', 'S', 'E', 'G', 'M', '\n'};

static void put(unsigned char *to, int64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)((uint64_t)value >> 8 * i);
}

static int64_t get(const unsigned char *from)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return (int64_t)value;
}

static int64_t round_up(int64_t n)
{
    return (n + LC_CKPT_BLOCK - 1) / LC_CKPT_BLOCK * LC_CKPT_BLOCK;
}

/* Put the digest of bytes [AT_REST, size) before them. */
static int seal(unsigned char *data, int64_t size, struct lc_err *err)
{
    char hex[LC_HASH_HEX];

    if (lc_hash_bytes(hex, data + AT_REST, (size_t)(size - AT_REST), err) == LC_OK)
        memcpy(data + AT_DIGEST, hex, HEX);
    return err->code;
}

static int is_sealed(const unsigned char *data, int64_t size)
{
    struct lc_err ignored = LC_ERR_INIT;
    char hex[LC_HASH_HEX];

    return lc_hash_bytes(hex, data + AT_REST, (size_t)(size - AT_REST), &ignored) == LC_OK &&
           memcmp(hex, data + AT_DIGEST, HEX) == 0;
}

static void get_digest(char out[LC_HASH_HEX], const unsigned char *from)
{
    memcpy(out, from, HEX);
    out[HEX] = '\0';
}

/* *size becomes the bytes that were there. */
static int source_read(const struct lc_ckpt_source *in, void *out, int64_t *size, int64_t at, struct lc_err *err)
{
    int64_t left = at < in->size ? in->size - at : 0, got = 0, wanted = *size < left ? *size : left;

    if (in->data && wanted > 0)
        memcpy(out, in->data + at, (size_t)wanted);
    *size = wanted;
    while (!in->data && got < wanted) {
        ssize_t n = pread(in->fd, (char *)out + got, (size_t)(wanted - got), (off_t)(at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return LC_FAIL(err, LC_E_IO, "byte %" PRId64 ": %s", at + got, strerror(errno));
        if (n == 0)
            break;
        got += n;
    }
    if (!in->data)
        *size = got;
    return LC_OK;
}

void lc_ckpt_name_print(char out[LC_CKPT_NAME_MAX], const struct lc_ckpt_name *name)
{
    snprintf(out, LC_CKPT_NAME_MAX, "run-%04" PRId64 ".node-%04" PRId64 ".gen-%04" PRId64, name->run, name->node,
             name->generation);
}

static int take_number(const char **text, const char *label, int64_t *out)
{
    size_t length = strlen(label), digits;

    if (strncmp(*text, label, length) != 0)
        return 0;
    digits = strspn(*text + length, "0123456789");
    if (digits < 4 || digits > 9)
        return 0;
    *out = strtoll(*text + length, NULL, 10);
    *text += length + digits;
    return 1;
}

int lc_ckpt_name_parse(struct lc_ckpt_name *name, const char *text)
{
    char again[LC_CKPT_NAME_MAX];
    const char *rest = text;
    size_t length;

    if (!take_number(&rest, "run-", &name->run) || name->run > RUN_MOST || !take_number(&rest, ".node-", &name->node) ||
        !take_number(&rest, ".gen-", &name->generation))
        return 0;
    lc_ckpt_name_print(again, name);
    length = strlen(again);
    if (length != (size_t)(rest - text) || strncmp(text, again, length) != 0)
        return 0;
    if (*rest == '\0')
        return 1;
    rest += *rest == '.' ? 1 + strspn(rest + 1, "0123456789") : 0;
    return strcmp(rest, ".partial") == 0 ? 2 : 0;
}

int lc_ckpt_identity_save(struct lc_bytes *out, const struct lc_ckpt_identity *identity, struct lc_err *err)
{
    unsigned char number[8];
    int rc;

    put(number, identity->units);
    LC_TRY(rc, lc_bytes_add(out, number, sizeof number, err));
    for (int i = 0; i < LC_CKPT_TEXTS; i++) {
        put(number, (int64_t)strlen(identity->text[i]));
        LC_TRY(rc, lc_bytes_add(out, number, sizeof number, err));
    }
    for (int i = 0; i < LC_CKPT_TEXTS; i++)
        LC_TRY(rc, lc_bytes_add(out, identity->text[i], strlen(identity->text[i]), err));
done:
    return rc;
}

const char *lc_ckpt_identity_text(const struct lc_bytes *saved, int which, size_t *size)
{
    int64_t at = IDENTITY_LEAST;

    for (int i = 0; i < which; i++)
        at += get(saved->data + 8 * (1 + i));
    *size = (size_t)get(saved->data + 8 * (1 + which));
    return (const char *)saved->data + at;
}

int64_t lc_ckpt_identity_units(const struct lc_bytes *saved)
{
    return get(saved->data);
}

/* Bytes of the identity that begins at `data`; -1 when its lengths do not fit into `size`. */
static int64_t identity_size(const unsigned char *data, int64_t size)
{
    int64_t used = IDENTITY_LEAST;

    if (size < used || get(data) < 0 || get(data) > LC_CKPT_UNITS_MOST)
        return -1;
    for (int i = 0; i < LC_CKPT_TEXTS; i++) {
        int64_t length = get(data + 8 * (1 + i));
        if (length < 0 || length > size - used)
            return -1;
        used += length;
    }
    return used;
}

struct line {
    const char *text;
    size_t size;
};

/* Cut the first line off `rest`. */
static struct line line_take(struct line *rest)
{
    const char *end = rest->size ? memchr(rest->text, '\n', rest->size) : NULL;
    size_t size = end ? (size_t)(end - rest->text) : rest->size, gone = end ? size + 1 : size;
    struct line line = {rest->text, size};

    rest->text += gone;
    rest->size -= gone;
    return line;
}

static int line_equal(struct line a, struct line b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.text, b.text, a.size) == 0);
}

enum { QUOTED = 160 };

static int quoted(struct line line)
{
    return line.size < QUOTED ? (int)line.size : QUOTED;
}

static int say_difference(const char *path, const char *what, struct line theirs, struct line ours, struct lc_err *err)
{
    struct line a = {0}, b = {0};
    int number = 0;

    while (theirs.size > 0 || ours.size > 0) {
        a = line_take(&theirs);
        b = line_take(&ours);
        number++;
        if (!line_equal(a, b))
            break;
    }
    return LC_FAIL(err, LC_E_CONFIG,
                   "%.200s: a checkpoint of other work: %s, line %d: there '%.*s', here '%.*s'; continue with what it was "
                   "written with, or start over with --fresh",
                   path, what, number, quoted(a), a.size ? a.text : "", quoted(b), b.size ? b.text : "");
}

int lc_ckpt_identity_compare(const char *path, const struct lc_bytes *theirs, const struct lc_bytes *ours,
                             struct lc_err *err)
{
    static const char *const what[] = {"version", "configuration", "input files", "kernel class"};
    static const int order[] = {LC_CKPT_VERSION, LC_CKPT_CONFIG, LC_CKPT_INPUTS, LC_CKPT_KERNEL};

    for (int i = 0; i < LC_CKPT_TEXTS; i++) {
        struct line a, b;
        a.text = lc_ckpt_identity_text(theirs, order[i], &a.size);
        b.text = lc_ckpt_identity_text(ours, order[i], &b.size);
        if (!line_equal(a, b))
            return say_difference(path, what[order[i]], a, b, err);
    }
    if (lc_ckpt_identity_units(theirs) != lc_ckpt_identity_units(ours))
        return LC_FAIL(err, LC_E_CONFIG,
                       "%.200s: a checkpoint of other work: there %" PRId64 " units, here %" PRId64
                       "; start over with --fresh",
                       path, lc_ckpt_identity_units(theirs), lc_ckpt_identity_units(ours));
    return LC_OK;
}

int lc_ckpt_header_save(struct lc_bytes *out, struct lc_ckpt_header *h, const struct lc_ckpt_name *name,
                        const struct lc_bytes *identity, struct lc_err *err)
{
    static const unsigned char zeros[LC_CKPT_BLOCK];
    unsigned char fixed[AT_IDENTITY] = {0};
    int64_t size = round_up(AT_IDENTITY + (int64_t)identity->size);
    int rc;

    if (size > LC_CKPT_HEADER_MOST)
        return LC_FAIL(err, LC_E_CONFIG, "checkpoint: configuration and provenance have %zu bytes; at most %d",
                       identity->size, LC_CKPT_HEADER_MOST);
    *h = (struct lc_ckpt_header){.name = *name, .size = size};
    memcpy(fixed, file_magic, sizeof file_magic);
    put(fixed + AT_FORMAT, FORMAT);
    put(fixed + AT_SIZE, size);
    put(fixed + AT_RUN, name->run);
    put(fixed + AT_NODE, name->node);
    put(fixed + AT_GENERATION, name->generation);
    LC_TRY(rc, lc_bytes_add(out, fixed, sizeof fixed, err));
    LC_TRY(rc, lc_bytes_add(out, identity->data, identity->size, err));
    LC_TRY(rc, lc_bytes_add(out, zeros, (size_t)(size - AT_IDENTITY) - identity->size, err));
    LC_TRY(rc, seal(out->data, size, err));
    get_digest(h->digest, out->data + AT_DIGEST);
done:
    return rc;
}

/* The bytes of the header, whole by its digest. */
static int header_load(unsigned char **out, int64_t *size, const struct lc_ckpt_source *in, const char *path,
                       struct lc_err *err)
{
    unsigned char first[AT_IDENTITY];
    int64_t got = sizeof first;

    if (source_read(in, first, &got, 0, err) != LC_OK)
        return lc_err_prefix(err, path);
    *size = got < (int64_t)sizeof first ? 0 : get(first + AT_SIZE);
    if (got < (int64_t)sizeof first || memcmp(first, file_magic, sizeof file_magic) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: is cut short or does not begin as a checkpoint", path);
    if (*size < AT_IDENTITY || *size > LC_CKPT_HEADER_MOST || *size > in->size)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the header is damaged or cut short", path);
    if (lc_alloc((void **)out, *size, 1, "checkpoint header", err) != LC_OK)
        return err->code;
    got = *size;
    if (source_read(in, *out, &got, 0, err) != LC_OK)
        return lc_err_prefix(err, path);
    if (got != *size || !is_sealed(*out, *size))
        return LC_FAIL(err, LC_E_FORMAT, "%s: the header is damaged", path);
    return LC_OK;
}

static int header_parse(struct lc_ckpt_header *h, const unsigned char *data, int64_t size, const char *path,
                        struct lc_err *err)
{
    int64_t used;

    if (get(data + AT_FORMAT) != FORMAT)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: a checkpoint of format %" PRId64
                       "; this program writes and reads format %d; start over with --fresh",
                       path, get(data + AT_FORMAT), FORMAT);
    used = identity_size(data + AT_IDENTITY, size - AT_IDENTITY);
    if (used < 0 || size % LC_CKPT_BLOCK != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the header contradicts itself", path);
    *h = (struct lc_ckpt_header){.size = size};
    h->name.run = get(data + AT_RUN);
    h->name.node = get(data + AT_NODE);
    h->name.generation = get(data + AT_GENERATION);
    get_digest(h->digest, data + AT_DIGEST);
    return lc_bytes_add(&h->identity, data + AT_IDENTITY, (size_t)used, err);
}

int lc_ckpt_header_read(struct lc_ckpt_header *h, const struct lc_ckpt_source *in, const char *path, struct lc_err *err)
{
    unsigned char *data = NULL;
    int64_t size = 0;
    int rc;

    *h = (struct lc_ckpt_header){0};
    rc = header_load(&data, &size, in, path, err);
    if (rc == LC_OK)
        rc = header_parse(h, data, size, path, err);
    free(data);
    return rc;
}

void lc_ckpt_header_release(struct lc_ckpt_header *h)
{
    lc_bytes_release(&h->identity);
    *h = (struct lc_ckpt_header){0};
}

int64_t lc_ckpt_segment_span(const struct lc_ckpt_segment *s)
{
    return round_up(LC_CKPT_HEAD + s->ranges * RANGE + s->payload);
}

int lc_ckpt_segment_digest(struct lc_ckpt_segment *s, const struct lc_bytes *ranges, const void *payload,
                           struct lc_err *err)
{
    int rc = lc_hash_bytes(s->ranges_digest, ranges->data, ranges->size, err);

    return rc == LC_OK ? lc_hash_bytes(s->payload_digest, payload, (size_t)s->payload, err) : rc;
}

int lc_ckpt_segment_save(unsigned char head[LC_CKPT_HEAD], const struct lc_ckpt_segment *s, const char *file_digest,
                         struct lc_err *err)
{
    memset(head, 0, LC_CKPT_HEAD);
    memcpy(head, head_magic, sizeof head_magic);
    memcpy(head + AT_FILE, file_digest, HEX);
    put(head + AT_PLACE, s->place);
    put(head + AT_SEQUENCE, s->sequence);
    put(head + AT_RANK, s->rank);
    put(head + AT_KIND, s->kind);
    put(head + AT_RANGES, s->ranges);
    put(head + AT_PAYLOAD, s->payload);
    memcpy(head + AT_RANGES_DIGEST, s->ranges_digest, HEX);
    memcpy(head + AT_PAYLOAD_DIGEST, s->payload_digest, HEX);
    return seal(head, LC_CKPT_HEAD, err);
}

int lc_ranges_save(struct lc_bytes *out, const struct lc_ranges *r, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t i = 0; i < r->count && rc == LC_OK; i++) {
        unsigned char pair[RANGE];
        put(pair, r->at[i].first);
        put(pair + 8, r->at[i].count);
        rc = lc_bytes_add(out, pair, sizeof pair, err);
    }
    return rc;
}

static int head_parse(struct lc_ckpt_segment *s, const unsigned char *head, int64_t place, const char *file_digest)
{
    if (!is_sealed(head, LC_CKPT_HEAD) || memcmp(head + AT_FILE, file_digest, HEX) != 0)
        return 0;
    *s = (struct lc_ckpt_segment){.place = get(head + AT_PLACE), .sequence = get(head + AT_SEQUENCE)};
    s->rank = get(head + AT_RANK);
    s->kind = get(head + AT_KIND);
    s->ranges = get(head + AT_RANGES);
    s->payload = get(head + AT_PAYLOAD);
    get_digest(s->ranges_digest, head + AT_RANGES_DIGEST);
    get_digest(s->payload_digest, head + AT_PAYLOAD_DIGEST);
    return s->place == place && s->sequence >= 0 && s->rank >= 0 && s->rank <= INT32_MAX && get(head + AT_ZERO) == 0 &&
           (s->kind == LC_CKPT_ADDED || s->kind == LC_CKPT_WHOLE) && s->ranges > 0 && s->payload >= 0;
}

static int segment_fits(const struct lc_ckpt_segment *s, int64_t file_size)
{
    int64_t room = file_size - s->place - LC_CKPT_HEAD;

    return room >= 0 && s->ranges <= room / RANGE && s->payload <= room - s->ranges * RANGE;
}

/* 1 when the bytes are `count` ranges inside [0, units), ascending with a gap between each. */
static int ranges_parse(struct lc_range *out, const unsigned char *data, int64_t count, int64_t units)
{
    int64_t least = 0;

    for (int64_t i = 0; i < count; i++) {
        struct lc_range r = {get(data + i * RANGE), get(data + i * RANGE + 8)};
        if (r.first < least || r.first >= units || r.count <= 0 || r.count > units - r.first)
            return 0;
        least = r.first + r.count + 1;
        out[i] = r;
    }
    return 1;
}

static int ranges_read(struct lc_ranges *r, int *right, const struct lc_ckpt_walk *w, const struct lc_ckpt_segment *s,
                       struct lc_err *err)
{
    int64_t size = s->ranges * RANGE, got = size;
    struct lc_err ignored = LC_ERR_INIT;
    unsigned char *data = NULL;
    char hex[LC_HASH_HEX];
    int rc;

    *right = 0;
    *r = (struct lc_ranges){0};
    LC_TRY(rc, lc_alloc((void **)&data, size, 1, "ranges of units", err));
    LC_TRY(rc, LC_ALLOC(&r->at, s->ranges, "ranges of units", err));
    if (source_read(w->in, data, &got, s->place + LC_CKPT_HEAD, &ignored) != LC_OK || got != size)
        goto done;
    LC_TRY(rc, lc_hash_bytes(hex, data, (size_t)size, err));
    *right = strcmp(hex, s->ranges_digest) == 0 && ranges_parse(r->at, data, s->ranges, w->units);
    r->count = r->room = s->ranges;
done:
    free(data);
    if (rc != LC_OK || !*right)
        lc_ranges_release(r);
    return rc;
}

/* 1 when a segment that fits into the file has its head at w->at. A block that cannot be read is damaged. */
static int find_head(struct lc_ckpt_walk *w, struct lc_ckpt_segment *s)
{
    struct lc_err ignored = LC_ERR_INIT;
    unsigned char head[LC_CKPT_HEAD];
    int64_t got = sizeof head;

    if (source_read(w->in, head, &got, w->at, &ignored) != LC_OK) {
        w->damaged++;
        return 0;
    }
    if (got < (int64_t)sizeof head_magic || memcmp(head, head_magic, sizeof head_magic) != 0)
        return 0;
    if (got == (int64_t)sizeof head && head_parse(s, head, w->at, w->file_digest) && segment_fits(s, w->in->size))
        return 1;
    w->damaged++;
    return 0;
}

int lc_ckpt_walk_next(struct lc_ckpt_walk *w, struct lc_ckpt_segment *s, struct lc_ranges *r, int *found,
                      struct lc_err *err)
{
    *found = 0;
    while (w->at < w->in->size) {
        if (!find_head(w, s)) {
            w->at += LC_CKPT_BLOCK;
            continue;
        }
        w->at += lc_ckpt_segment_span(s);
        if (ranges_read(r, found, w, s, err) != LC_OK || *found)
            return err->code;
        w->damaged++;
    }
    return LC_OK;
}

int lc_ckpt_payload_read(unsigned char **out, const struct lc_ckpt_source *in, const struct lc_ckpt_segment *s,
                         struct lc_err *err)
{
    int64_t got = s->payload;
    unsigned char *data = NULL;
    char hex[LC_HASH_HEX];
    int rc;

    *out = NULL;
    if (!segment_fits(s, in->size))
        return LC_FAIL(err, LC_E_FORMAT, "the segment at byte %" PRId64 " is cut short", s->place);
    LC_TRY(rc, lc_alloc((void **)&data, s->payload, 1, "checkpoint", err));
    LC_TRY(rc, source_read(in, data, &got, s->place + LC_CKPT_HEAD + s->ranges * RANGE, err));
    LC_TRY(rc, lc_hash_bytes(hex, data, (size_t)got, err));
    if (got != s->payload || strcmp(hex, s->payload_digest) != 0)
        rc = LC_FAIL(err, LC_E_FORMAT, "the segment at byte %" PRId64 " is damaged", s->place);
done:
    if (rc == LC_OK)
        *out = data;
    else
        free(data);
    return rc;
}

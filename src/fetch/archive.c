#include "archive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"

enum {
    DIRECTORY_BLOCK = 128 << 10, /* the end of the archive, with its directory in the common case */
    DIRECTORY_MAX = 64 << 20,
    HEADER_BLOCK = 4 << 10,
    DATA_BLOCK = 16 << 20,
    COPY = 1 << 20,
    DEFLATE_MOST = 1032, /* bytes out of one byte in, at the very most */
    MEMBERS_MAX = 1000000
};

/* --- blocks by range requests --- */

struct piece {
    struct lc_archive *archive;
    int64_t first, count, got;
};

static int piece_begin(void *arg, const struct lc_http_head *head, struct lc_err *err)
{
    struct piece *p = arg;
    struct lc_archive *a = p->archive;

    if (head->status != 206)
        return LC_FAIL(err, LC_E_IO,
                       "%s: the server answers without ranges; a member of an archive is read by ranges, not by "
                       "fetching all of it",
                       a->url);
    if (head->first != p->first + p->got || head->total < 0)
        return LC_FAIL(err, LC_E_IO, "%s: the server answers with another range than bytes %" PRId64 " on", a->url,
                       p->first + p->got);
    if (a->size >= 0 && head->total != a->size)
        return LC_FAIL(err, LC_E_IO, "%s: changed from %" PRId64 " to %" PRId64 " bytes while it was read", a->url,
                       a->size, head->total);
    if (a->size < 0)
        memcpy(a->identity, head->sha256[0] ? head->sha256 : head->validator,
               head->sha256[0] ? sizeof head->sha256 : sizeof head->validator);
    a->size = head->total;
    return LC_OK;
}

static int piece_take(void *arg, const void *data, size_t size, struct lc_err *err)
{
    struct piece *p = arg;

    if ((int64_t)size > p->count - p->got)
        return LC_FAIL(err, LC_E_IO, "%s: the server sends more than the range asked for", p->archive->url);
    memcpy(p->archive->block + p->got, data, size);
    p->got += (int64_t)size;
    lc_progress_ahead(p->archive->http->progress, p->got);
    return LC_OK;
}

static int piece_once(void *arg, int *again, struct lc_err *err)
{
    struct piece *p = arg;
    struct lc_http_request request = {.url = p->archive->url,
                                      .first = p->first + p->got,
                                      .last = p->first + p->count - 1,
                                      .if_range = "",
                                      .begin = piece_begin,
                                      .take = piece_take,
                                      .arg = p};

    if (lc_http_get(p->archive->http, &request, again, err) != LC_OK)
        return err->code;
    *again = p->got < p->count;
    return *again ? LC_FAIL(err, LC_E_IO, "%s: the server sends less than the range asked for", p->archive->url) : LC_OK;
}

/* The block becomes bytes first .. first + count. */
static int block_load(struct lc_archive *a, int64_t first, int64_t count, struct lc_err *err)
{
    struct piece p = {.archive = a, .first = first, .count = count};

    a->block_size = 0;
    if (count > a->block_room) {
        free(a->block);
        a->block_room = 0;
        if (LC_ALLOC(&a->block, count, "a block of an archive", err) != LC_OK)
            return err->code;
        a->block_room = count;
    }
    if (lc_http_persist(a->http, piece_once, &p, &p.got, err) != LC_OK)
        return err->code;
    a->block_at = first;
    a->block_size = count;
    return LC_OK;
}

/* How much to ask for where `length` bytes are wanted: the directory in one piece, a header without what follows it,
 * and of a member's bytes no more than are left of it. */
static int64_t block_choose(struct lc_archive *a, int64_t length)
{
    int64_t want = DIRECTORY_BLOCK, left = a->size - a->cursor;

    if (a->zip)
        want = length < 64 ? HEADER_BLOCK : a->ahead < DATA_BLOCK ? a->ahead : DATA_BLOCK;
    want = want < length ? length : want;
    want = want < left ? want : left;
    if (a->zip)
        a->ahead -= want;
    return want;
}

static int cursor_load(struct lc_archive *a, int64_t length)
{
    int64_t want;

    if (a->block_size > 0 && a->cursor >= a->block_at && a->cursor < a->block_at + a->block_size)
        return LC_OK;
    want = block_choose(a, length);
    if (!a->zip && (a->budget -= want) < 0)
        return LC_FAIL(&a->trouble, LC_E_FORMAT, "%s: the zip directory is longer than %d bytes", a->url, DIRECTORY_MAX);
    return block_load(a, a->cursor, want, &a->trouble);
}

/* --- the libzip source --- */

static zip_int64_t source_read(struct lc_archive *a, unsigned char *out, zip_uint64_t length)
{
    int64_t wanted = length > COPY ? COPY : (int64_t)length, done = 0, n;

    if (wanted > a->size - a->cursor)
        wanted = a->size - a->cursor;
    while (done < wanted) {
        if (a->trouble.code != LC_OK || cursor_load(a, wanted - done) != LC_OK) {
            zip_error_set(&a->error, ZIP_ER_READ, 0);
            return -1;
        }
        n = a->block_at + a->block_size - a->cursor;
        n = n < wanted - done ? n : wanted - done;
        memcpy(out + done, a->block + (a->cursor - a->block_at), (size_t)n);
        done += n;
        a->cursor += n;
    }
    return done;
}

static zip_int64_t source_stat(const struct lc_archive *a, void *data, zip_uint64_t length)
{
    zip_stat_t *st = data;

    if (length < sizeof *st)
        return -1;
    zip_stat_init(st);
    st->valid = ZIP_STAT_SIZE;
    st->size = (zip_uint64_t)a->size;
    return (zip_int64_t)sizeof *st;
}

static zip_int64_t source_seek(struct lc_archive *a, void *data, zip_uint64_t length)
{
    zip_int64_t place =
        zip_source_seek_compute_offset((zip_uint64_t)a->cursor, (zip_uint64_t)a->size, data, length, &a->error);

    if (place < 0)
        return -1;
    a->cursor = place;
    return 0;
}

static zip_int64_t source_call(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
    struct lc_archive *a = context;

    switch (command) {
    case ZIP_SOURCE_OPEN:
        a->cursor = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return source_read(a, data, length);
    case ZIP_SOURCE_SEEK:
        return source_seek(a, data, length);
    case ZIP_SOURCE_TELL:
        return a->cursor;
    case ZIP_SOURCE_STAT:
        return source_stat(a, data, length);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&a->error, data, length);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_CLOSE, ZIP_SOURCE_FREE, -1);
    default:
        zip_error_set(&a->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* What went wrong: below libzip when something did there, else what libzip says of the bytes. */
static int fail(struct lc_archive *a, const char *member, zip_error_t *why, struct lc_err *err)
{
    if (a->trouble.code != LC_OK)
        return LC_FAIL(err, a->trouble.code, "%s", a->trouble.msg);
    return LC_FAIL(err, LC_E_FORMAT, "%s: %s%s: %s", a->url, member ? "member " : "the zip archive", member ? member : "",
                   zip_error_strerror(why));
}

/* --- the directory --- */

static int name_climbs(const char *name)
{
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || !part[2]))
            return 1;
    }
    return name[0] == '/';
}

static int directory_open(struct lc_archive *a, struct lc_err *err)
{
    zip_source_t *source = zip_source_function_create(source_call, a, &a->error);
    zip_t *zip;

    if (!source)
        return LC_FAIL(err, LC_E_MEMORY, "%s: no memory for libzip", a->url);
    zip = zip_open_from_source(source, ZIP_RDONLY, &a->error);
    if (!zip) {
        fail(a, NULL, &a->error, err);
        zip_source_free(source);
        return err->code;
    }
    a->zip = zip;
    if (zip_get_num_entries(zip, ZIP_FL_UNCHANGED) > MEMBERS_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: more than %d members", a->url, MEMBERS_MAX);
    return LC_OK;
}

int lc_archive_open(struct lc_archive *a, struct lc_http *http, const char *url, struct lc_err *err)
{
    *a = (struct lc_archive){.http = http, .url = url, .size = -1, .budget = DIRECTORY_MAX, .trouble = LC_ERR_INIT};
    zip_error_init(&a->error);
    if (block_load(a, 0, 1, err) != LC_OK || directory_open(a, err) != LC_OK)
        lc_archive_close(a);
    return err->code;
}

void lc_archive_close(struct lc_archive *a)
{
    if (a->zip)
        zip_discard(a->zip);
    zip_error_fini(&a->error);
    free(a->block);
    *a = (struct lc_archive){0};
}

/* The one entry of this name; the names beside it must be such as could be unpacked. */
static int locate(struct lc_archive *a, const char *name, uint64_t *index, struct lc_err *err)
{
    zip_int64_t n = zip_get_num_entries(a->zip, ZIP_FL_UNCHANGED);
    int found = 0;

    for (zip_int64_t i = 0; i < n; i++) {
        const char *at = zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW);
        if (!at || name_climbs(at))
            return LC_FAIL(err, LC_E_FORMAT, "%s: the zip directory holds the name '%.200s'", a->url, at ? at : "");
        if (strcmp(at, name) != 0)
            continue;
        *index = (uint64_t)i;
        found++;
    }
    if (found == 1)
        return LC_OK;
    return LC_FAIL(err, LC_E_FORMAT, "%s: member %s is %s", a->url, name,
                   found ? "in the zip directory twice" : "not in the zip directory");
}

/* A size that the bytes in the archive can have: nothing is allocated or written beyond it. */
static int sizes_are_possible(const struct lc_archive *a, const zip_stat_t *st)
{
    uint64_t archive = (uint64_t)a->size;

    if (st->comp_size > archive)
        return 0;
    return st->comp_method == ZIP_CM_STORE ? st->size == st->comp_size
                                           : st->size / DEFLATE_MOST <= st->comp_size;
}

int lc_archive_find(struct lc_archive *a, const char *name, struct lc_member *out, struct lc_err *err)
{
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_CRC |
                                ZIP_STAT_ENCRYPTION_METHOD;
    zip_stat_t st;

    *out = (struct lc_member){0};
    if (locate(a, name, &out->index, err) != LC_OK)
        return err->code;
    if (zip_stat_index(a->zip, out->index, ZIP_FL_UNCHANGED, &st) != 0)
        return fail(a, name, zip_get_error(a->zip), err);
    if ((st.valid & wanted) != wanted || st.encryption_method != ZIP_EM_NONE ||
        (st.comp_method != ZIP_CM_STORE && st.comp_method != ZIP_CM_DEFLATE))
        return LC_FAIL(err, LC_E_FORMAT, "%s: member %s: method %d%s; allowed: stored, deflated", a->url, name,
                       st.comp_method, st.encryption_method != ZIP_EM_NONE ? ", encrypted" : "");
    if (!sizes_are_possible(a, &st))
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: member %s: %" PRIu64 " bytes of %" PRIu64 " in an archive of %" PRId64 " are not possible",
                       a->url, name, (uint64_t)st.size, (uint64_t)st.comp_size, a->size);
    out->size = (int64_t)st.size;
    out->packed = (int64_t)st.comp_size;
    out->crc = st.crc;
    out->stored = st.comp_method == ZIP_CM_STORE;
    return LC_OK;
}

/* --- the bytes --- */

static int copy(struct lc_archive *a, zip_file_t *file, const struct lc_member *member, int64_t from, const char *name,
                int (*take)(void *arg, const void *data, size_t size, struct lc_err *err), void *arg, struct lc_err *err)
{
    unsigned char *buffer = NULL;
    int64_t done = from;
    zip_int64_t n = 0;

    if (LC_ALLOC(&buffer, COPY, "bytes of a member", err) != LC_OK)
        return err->code;
    while (done < member->size && err->code == LC_OK) {
        int64_t left = member->size - done;
        n = zip_fread(file, buffer, (zip_uint64_t)(left < COPY ? left : COPY));
        if (n <= 0)
            break;
        done += n;
        take(arg, buffer, (size_t)n, err);
    }
    free(buffer);
    if (err->code == LC_OK && done < member->size)
        fail(a, name, zip_file_get_error(file), err);
    return err->code;
}

int lc_archive_read(struct lc_archive *a, const struct lc_member *member, int64_t from,
                    int (*take)(void *arg, const void *data, size_t size, struct lc_err *err), void *arg,
                    struct lc_err *err)
{
    const char *name = zip_get_name(a->zip, member->index, ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW);
    zip_file_t *file;

    a->ahead = member->packed - from + HEADER_BLOCK;
    a->trouble = (struct lc_err)LC_ERR_INIT;
    file = zip_fopen_index(a->zip, member->index, ZIP_FL_UNCHANGED);
    if (!file)
        return fail(a, name, zip_get_error(a->zip), err);
    if (from > 0 && zip_fseek(file, from, SEEK_SET) != 0)
        fail(a, name, zip_file_get_error(file), err);
    else
        copy(a, file, member, from, name, take, arg, err);
    zip_fclose(file);
    return err->code;
}

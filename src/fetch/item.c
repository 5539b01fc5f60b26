#include "item.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char by_layout[] = "the layout", by_server[] = "the server", by_directory[] = "the archive's directory";

/* --- is it there? --- */

/* Once, as soon as something says what the bytes must be. A file that is something else is fetched and replaced. */
static int look(struct lc_item *item, struct lc_err *err)
{
    char why[LC_MISMATCH_MAX];

    if (item->compared || !lc_checks_have_hash(&item->checks) || !lc_path_is_file(item->path))
        return LC_OK;
    item->compared = 1;
    if (lc_checks_match(&item->checks, item->path, why, err) != LC_OK)
        return err->code;
    item->there = !why[0];
    if (!item->there)
        lc_progress_say(&item->fetching->progress, "%s: %s; it is fetched again", item->path, why);
    return LC_OK;
}

/* --- a whole file --- */

static void note_server(struct lc_item *item, const struct lc_http_head *head)
{
    item->total = head->status == 200 ? head->length : head->total;
    lc_checks_add_size(&item->checks, by_server, head->linked_size >= 0 ? head->linked_size : item->total);
    lc_checks_add(&item->checks, LC_CHECK_SHA256, by_server, head->sha256);
    lc_checks_add(&item->checks, LC_CHECK_GIT_BLOB, by_server, head->git_blob);
}

static int refuse_size(const struct lc_item *item, struct lc_err *err)
{
    char why[LC_MISMATCH_MAX] = "";

    if (item->total >= 0)
        lc_checks_match_size(&item->checks, item->total, why);
    return why[0] ? LC_FAIL(err, LC_E_FORMAT, "%s from %s: %s", item->path, item->what->url, why) : LC_OK;
}

static int begin(void *arg, const struct lc_http_head *head, struct lc_err *err)
{
    struct lc_item *item = arg;

    note_server(item, head);
    if (look(item, err) != LC_OK)
        return err->code;
    if (item->there)
        return LC_FAIL(err, LC_E_STOPPED, "%s is there", item->path); /* taken back by once() */
    if (refuse_size(item, err) != LC_OK)
        return err->code;
    if (head->status == 200)
        return lc_partial_restart(&item->partial, head->validator, err);
    if (head->first == item->partial.size && item->partial.size > 0)
        return LC_OK;
    return LC_FAIL(err, LC_E_IO, "%s: the server answers with bytes %" PRId64 " on; %" PRId64 " on were asked for",
                   item->what->url, head->first, item->partial.size);
}

static int take(void *arg, const void *data, size_t size, struct lc_err *err)
{
    struct lc_item *item = arg;

    if (item->total >= 0 && (int64_t)size > item->total - item->partial.size)
        return LC_FAIL(err, LC_E_IO, "%s: the server sends more than %" PRId64 " bytes", item->what->url, item->total);
    if (lc_partial_add(&item->partial, data, size, err) == LC_OK)
        lc_progress_show(&item->fetching->progress, item->partial.size, item->total);
    return err->code;
}

/* No such range: either all of it is here already, or what is here is of something else. */
static int range_refused(struct lc_item *item, int *again, struct lc_err *err)
{
    const struct lc_http_head *head = &item->fetching->http.head;

    if (head->total == item->partial.size) {
        note_server(item, head);
        *err = (struct lc_err)LC_ERR_INIT;
        return LC_OK;
    }
    *again = 1;
    return lc_partial_restart(&item->partial, "", &(struct lc_err)LC_ERR_INIT) == LC_OK ? err->code : LC_E_IO;
}

static int once(void *arg, int *again, struct lc_err *err)
{
    struct lc_item *item = arg;
    int64_t from = item->partial.identity[0] && item->partial.size > 0 ? item->partial.size : -1;
    struct lc_http_request request = {.url = item->what->url,
                                      .first = from,
                                      .last = -1,
                                      .if_range = item->partial.identity,
                                      .begin = begin,
                                      .take = take,
                                      .arg = item};
    int rc = lc_http_get(&item->fetching->http, &request, again, err);

    if (item->there) {
        *err = (struct lc_err)LC_ERR_INIT;
        return LC_OK;
    }
    if (rc != LC_OK && from >= 0 && item->fetching->http.head.status == 416)
        return range_refused(item, again, err);
    if (rc == LC_OK && item->total >= 0 && item->partial.size != item->total) {
        *again = 1;
        return LC_FAIL(err, LC_E_IO, "%s: ended after %" PRId64 " of %" PRId64 " bytes", item->what->url,
                       item->partial.size, item->total);
    }
    return rc;
}

static int fetch_whole(struct lc_item *item, struct lc_err *err)
{
    return lc_http_persist(&item->fetching->http, once, item, &item->partial.size, err);
}

/* --- a member of an archive --- */

static int archive_of(struct lc_fetching *f, const char *url, struct lc_err *err)
{
    if (f->archive.zip && strcmp(f->archive.url, url) == 0)
        return LC_OK;
    if (f->archive.zip)
        lc_archive_close(&f->archive);
    return lc_archive_open(&f->archive, &f->http, url, err);
}

static void note_directory(struct lc_item *item, const struct lc_member *member)
{
    char crc[16];

    item->total = member->size;
    snprintf(crc, sizeof crc, "%08" PRIx32, member->crc);
    lc_checks_add_size(&item->checks, by_directory, member->size);
    lc_checks_add(&item->checks, LC_CHECK_CRC32, by_directory, crc);
}

/* Only a stored member can be entered in its middle. */
static int member_continue(struct lc_item *item, const struct lc_member *member, struct lc_err *err)
{
    struct lc_partial *p = &item->partial;
    const char *archive = item->fetching->archive.identity;
    char identity[LC_IDENTITY_MAX] = "";

    if (*archive && member->stored)
        snprintf(identity, sizeof identity, "%s %s %" PRId64 " bytes, CRC-32 %08" PRIx32, archive, item->what->member,
                 member->size, member->crc);
    if (*identity && strcmp(identity, p->identity) == 0 && p->size <= member->size)
        return LC_OK;
    return lc_partial_restart(p, identity, err);
}

static int fetch_member(struct lc_item *item, struct lc_err *err)
{
    struct lc_archive *a = &item->fetching->archive;
    struct lc_member member;

    if (archive_of(item->fetching, item->what->url, err) != LC_OK ||
        lc_archive_find(a, item->what->member, &member, err) != LC_OK)
        return err->code;
    note_directory(item, &member);
    if (look(item, err) != LC_OK || item->there)
        return err->code;
    if (refuse_size(item, err) != LC_OK || member_continue(item, &member, err) != LC_OK)
        return err->code;
    lc_progress_show(&item->fetching->progress, item->partial.size, item->total);
    if (item->partial.size == member.size)
        return LC_OK;
    return lc_archive_read(a, &member, item->partial.size, take, item, err);
}

/* --- one item --- */

static int begin_checks(struct lc_item *item, struct lc_err *err)
{
    const struct lc_layout_item *what = item->what;

    lc_checks_add_size(&item->checks, by_layout, what->size);
    lc_checks_add(&item->checks, LC_CHECK_SHA256, by_layout, what->sha256);
    lc_checks_add(&item->checks, LC_CHECK_GIT_BLOB, by_layout, what->git_blob);
    return lc_fetched_expect(&item->fetching->record, what, &item->checks, err);
}

/* The bytes are all here: are they the right ones? Wrong ones are of no use to anyone. */
static int finish(struct lc_item *item, struct lc_err *err)
{
    char why[LC_MISMATCH_MAX];

    if (lc_checks_match(&item->checks, item->partial.path, why, err) != LC_OK)
        return err->code;
    if (!why[0])
        return lc_partial_publish(&item->partial, item->path, err);
    lc_partial_remove(&item->partial);
    return LC_FAIL(err, LC_E_FORMAT, "%s from %s: %s; what came was removed%s", item->path, item->what->url, why,
                   strstr(why, "fetched.json") ? " (without its entry in fetched.json another content is accepted)" : "");
}

/* After a failure: bytes that are right as far as is known, and that a later run can continue. */
static int is_of_use(const struct lc_item *item, const struct lc_err *err)
{
    return err->code != LC_E_FORMAT && item->partial.size > 0 && item->partial.identity[0];
}

/* A failure that leaves bytes says so. */
static void say_kept(const struct lc_item *item, struct lc_err *err)
{
    struct lc_err old = *err;
    char kept[32];

    if (old.code == LC_OK || !is_of_use(item, err))
        return;
    *err = (struct lc_err)LC_ERR_INIT;
    LC_FAIL(err, old.code, "%s; %s are kept in %s: the same command continues", old.msg,
            lc_bytes_show(kept, item->partial.size), item->partial.path);
}

static int fetch_item(struct lc_item *item, struct lc_err *err)
{
    if (lc_partial_open(&item->partial, item->path, err) != LC_OK)
        return err->code;
    lc_progress_start(&item->fetching->progress, item->what->file);
    if ((item->what->member ? fetch_member(item, err) : fetch_whole(item, err)) == LC_OK && !item->there)
        finish(item, err);
    lc_progress_end(&item->fetching->progress);
    if (item->there || (err->code != LC_OK && !is_of_use(item, err)))
        lc_partial_remove(&item->partial);
    say_kept(item, err);
    lc_partial_close(&item->partial);
    return err->code;
}

int lc_item_bring(struct lc_item *item, struct lc_fetching *fetching, const struct lc_layout_item *what, int *fetched,
                  struct lc_err *err)
{
    struct lc_map map;

    *item = (struct lc_item){.fetching = fetching, .what = what, .total = -1};
    if (lc_path_join(item->path, fetching->folder, what->file, err) != LC_OK || begin_checks(item, err) != LC_OK ||
        look(item, err) != LC_OK)
        return err->code;
    if (!item->there && fetch_item(item, err) != LC_OK)
        return err->code;
    *fetched = !item->there;
    if (lc_map_open(&map, item->path, err) != LC_OK)
        return err->code;
    item->size = (int64_t)map.size;
    lc_map_close(&map);
    return LC_OK;
}

#include "lightcone/fetch.h"

#include <inttypes.h>

#include "lightcone/layout.h"

#include "item.h"

/* For the closing lines. */
struct sum {
    int64_t fetched, there, bytes;
};

static int layout_open(struct lc_layout *layout, const struct lc_fetch *what, struct lc_err *err)
{
    struct lc_map map;
    int rc;

    if (lc_map_open(&map, what->layout, err) != LC_OK) {
        err->code = LC_E_CONFIG; /* the command line names a file that is none */
        return err->code;
    }
    rc = lc_layout_parse(layout, what->layout, (const char *)map.data, map.size, what->set, what->set_count, err);
    lc_map_close(&map);
    if (rc == LC_OK && what->folder && lc_path_join(layout->folder, "", what->folder, err) != LC_OK) {
        lc_layout_release(layout);
        rc = err->code;
    }
    return rc;
}

static int bring(struct lc_fetching *f, const struct lc_layout_item *what, struct sum *sum, FILE *out, struct lc_err *err)
{
    struct lc_item item;
    char size[32], checked[512];
    int fetched = 0;

    if (lc_item_bring(&item, f, what, &fetched, err) != LC_OK)
        return err->code;
    if ((fetched || !lc_fetched_has(&f->record, what)) && lc_fetched_note(&f->record, what, item.path, err) != LC_OK)
        return err->code;
    lc_checks_show(&item.checks, checked, sizeof checked);
    fprintf(out, "%s: %s, %s; checked: %s\n", what->file, lc_bytes_show(size, item.size),
            fetched ? "fetched" : "is there already", item.checks.count ? checked : "nothing, as nothing says what it must be");
    fflush(out);
    sum->fetched += fetched;
    sum->there += !fetched;
    sum->bytes += fetched ? item.size : 0;
    return LC_OK;
}

static int bring_all(struct lc_fetching *f, const struct lc_layout *layout, FILE *out, struct lc_err *err)
{
    struct sum sum = {0};
    char bytes[32];

    for (int64_t i = 0; i < layout->count; i++)
        if (bring(f, &layout->item[i], &sum, out, err) != LC_OK)
            return err->code;
    fprintf(out, "%s: %" PRId64 " files, %" PRId64 " fetched (%s), %" PRId64 " there already; sizes and SHA-256 in %s\n",
            layout->folder, layout->count, sum.fetched, lc_bytes_show(bytes, sum.bytes), sum.there, f->record.path);
    return LC_OK;
}

static int fetch_layout(const struct lc_layout *layout, const char *version, FILE *out, FILE *log, struct lc_err *err)
{
    struct lc_fetching f = {.folder = layout->folder};

    lc_progress_init(&f.progress, log);
    if (lc_folder_make(layout->folder, err) != LC_OK || lc_fetched_open(&f.record, layout->folder, err) != LC_OK)
        return err->code;
    if (lc_http_init(&f.http, layout, version, &f.progress, err) == LC_OK) {
        bring_all(&f, layout, out, err);
        if (f.archive.zip)
            lc_archive_close(&f.archive);
        lc_http_release(&f.http);
    }
    lc_fetched_close(&f.record);
    return err->code;
}

int lc_fetch(const struct lc_fetch *what, FILE *out, FILE *log, struct lc_err *err)
{
    struct lc_layout layout;

    if (layout_open(&layout, what, err) != LC_OK)
        return err->code;
    fetch_layout(&layout, what->version, out, log, err);
    lc_layout_release(&layout);
    return err->code;
}

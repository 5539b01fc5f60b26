/* Whatever the bytes, lc_layout_parse() returns; what it accepts names files below the folder and URLs of http or https.
 * Built and run by `make fuzz`. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop_unless(int holds, const char *what, const char *text)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

static void check_item(const struct lc_layout_item *item)
{
    stop_unless(item->url && (strncmp(item->url, "http://", 7) == 0 || strncmp(item->url, "https://", 8) == 0), "a URL",
                item->url ? item->url : "none");
    stop_unless(item->file && item->file[0] != '/' && !strstr(item->file, "/../") && strncmp(item->file, "../", 3) != 0,
                "a file", item->file ? item->file : "none");
    stop_unless(item->size >= -1 && strspn(item->sha256, "0123456789abcdef") == strlen(item->sha256), "a hash", item->sha256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lc_layout layout;
    struct lc_err err = LC_ERR_INIT;
    int rc = lc_layout_parse(&layout, "a/b.yaml", (const char *)data, size, NULL, 0, &err);

    stop_unless(rc == err.code, "the code is not the error's", err.msg);
    if (rc != LC_OK)
        return 0;
    for (int64_t i = 0; i < layout.count; i++)
        check_item(&layout.item[i]);
    lc_layout_release(&layout);
    return 0;
}

/* `lightcone export`: what there is to write, and where. */
#include "lightcone/export.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "export_parts.h"

int lc_export_file(const struct lc_export *e, const char *name, const struct lc_stretch *part, int count,
                   struct lc_err *err)
{
    char path[LC_PATH_MAX], folder[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, lc_path_join(path, e->folder, name, err));
    lc_path_folder(folder, path);
    LC_TRY(rc, lc_folder_make(folder, err));
    rc = lc_file_write_parts(path, part, count, err);
done:
    return rc;
}

int lc_export_name(char out[LC_PATH_MAX], const struct lc_export *e, struct lc_err *err, const char *fmt, ...)
{
    int start = e->point < 0 ? 0 : snprintf(out, LC_PATH_MAX, "points/%04" PRId64 "/", e->point), n;
    va_list ap;

    va_start(ap, fmt);
    n = vsnprintf(out + start, (size_t)(LC_PATH_MAX - start), fmt, ap);
    va_end(ap);
    return n >= 0 && start + n < LC_PATH_MAX ? LC_OK : LC_FAIL(err, LC_E_IO, "the name of a file is too long");
}

static int tokenizer_open(struct lc_export *e, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    int rc;

    if (!e->tokenizer_path)
        return LC_OK;
    LC_TRY(rc, lc_path_join(path, "", e->tokenizer_path, err));
    if (lc_path_is_folder(path))
        LC_TRY(rc, lc_path_join(path, e->tokenizer_path, "tokenizer.json", err));
    rc = lc_tokenizer_open(&e->tokenizer, path, err);
done:
    return rc;
}

static int write_all(struct lc_export *e, struct lc_err *err)
{
    int rc = LC_OK;

    for (e->point = -1; e->point < lc_result_points(e->result); e->point++) {
        lc_result_at(e->result, e->point);
        LC_TRY(rc, lc_export_csv(e, err));
    }
    lc_result_at(e->result, -1);
    LC_TRY(rc, lc_export_arrays(e, err));
    rc = lc_export_attributes(e, err);
done:
    return rc;
}

int lc_export_write(const char *path, const char *folder, const char *tokenizer, struct lc_exported *done,
                    struct lc_err *err)
{
    struct lc_export e = {.path = path, .folder = folder, .tokenizer_path = tokenizer};
    int rc;

    LC_TRY(rc, lc_result_open(&e.result, path, err));
    LC_TRY(rc, tokenizer_open(&e, err));
    rc = write_all(&e, err);
    *done = e.done;
done:
    lc_tokenizer_close(e.tokenizer);
    lc_result_close(e.result);
    return rc;
}

/* export_parts.h - the parts of `lightcone export`; private to src/published. Sticky errors. */
#ifndef LC_PUBLISHED_EXPORT_PARTS_H
#define LC_PUBLISHED_EXPORT_PARTS_H

#include "lightcone/export.h"
#include "lightcone/file.h"
#include "lightcone/tokenizer.h"

/* One export at work. */
struct lc_export {
    struct lc_result *result;
    const char *path, *folder;      /* of the result; where the files go */
    const char *tokenizer_path;     /* NULL: no --tokenizer */
    struct lc_tokenizer *tokenizer; /* NULL: no --tokenizer */
    int64_t point;                  /* where the result stands, for the CSV files */
    struct lc_exported done;
};

/* Write FOLDER/NAME, making the folders that name has. */
int lc_export_file(const struct lc_export *e, const char *name, const struct lc_stretch *part, int count,
                   struct lc_err *err);
/* out = points/NNNN/ where the export is at a point, followed by the formatted name. */
int lc_export_name(char out[LC_PATH_MAX], const struct lc_export *e, struct lc_err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The CSV files of every site where the result stands. */
int lc_export_csv(struct lc_export *e, struct lc_err *err);
/* All arrays and texts, and attributes.json. */
int lc_export_arrays(struct lc_export *e, struct lc_err *err);
int lc_export_attributes(struct lc_export *e, struct lc_err *err);

#endif

/* export.h - a result as plain files: the CSV tables of the paper's scripts, byte for byte, NumPy arrays, attributes
 * as JSON. */
#ifndef LC_EXPORT_H
#define LC_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/memory.h"
#include "lightcone/results.h"

struct lc_exported {
    int64_t tables, arrays; /* CSV and .npy files */
};

/* Write the result at `path` below `folder`, which is made; files of the same names are replaced, each appears whole or
 * not at all. Of a sweep's or a merge's points all but arrays lie in FOLDER/points/NNNN/.
 *   feature_sparsity_SITE.csv, feature_location_SITE.csv   of sites with sparsity, with positions in the corpus
 *   npy/PATH/NAME.npy       every dataset, PATH/NAME as in the result
 *   config.yaml, provenance/files.txt                      datasets that are one text
 *   attributes.json         {path: {attribute: value}}; a number that is not finite is the text "nan", "inf" or "-inf"
 * `tokenizer` (NULL: the result's own vocabulary): a tokenizer.json, or a folder with one, of as many tokens as the
 * result's. LC_E_USAGE when a token's text is needed and neither has it. */
int lc_export_write(const char *path, const char *folder, const char *tokenizer, struct lc_exported *done,
                    struct lc_err *err);

/* Append Python's repr() of data.decode('utf-8', errors='replace'). Printable is what Unicode's categories say, in the
 * version that utf8proc has (Python has its own: a character newer than the older of the two differs). */
int lc_python_repr(struct lc_bytes *out, const void *data, size_t size, struct lc_err *err);

/* Append the head of a .npy file, version 1.0, as numpy.save writes it; the array's bytes follow, in C order. */
int lc_npy_head(struct lc_bytes *out, enum lc_result_type type, int rank, const int64_t *dim, struct lc_err *err);

#endif

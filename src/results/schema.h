/* schema.h - the layout of a result as a table; private to src/results. */
#ifndef LC_RESULTS_SCHEMA_H
#define LC_RESULTS_SCHEMA_H


#include "lightcone/results.h"

enum { LC_RESULT_VERSION = 1, LC_RESULT_RANK_MAX = 4, LC_RESULT_NAME_MAX = 512 };

struct lc_schema_row {
    const char *name; /* path from the root; the component SITE stands for a site's name; points/KEY one for every key */
    enum lc_result_type type;
    int rank;
    const char *units, *description;
};

/* Row `index`, from 0; NULL behind the last. */
const struct lc_schema_row *lc_schema_row(int index);

/* NULL when the layout has no such dataset. */
const struct lc_schema_row *lc_schema_find(const char *name);

/* 1 when `group` is a folder of some row's name. */
int lc_schema_has_group(const char *group);

/* out = name with SITE replaced, below points/NNNN/ when `point` is not -1; name NULL: the file itself, or the point.
 * Refuses a missing, superfluous or malformed site name. */
int lc_schema_path(char out[LC_RESULT_NAME_MAX], int64_t point, const char *name, const char *site,
                   struct lc_err *err);

#endif

/* merge.h - several results in one. */
#ifndef LC_MERGE_H
#define LC_MERGE_H

#include <stdint.h>

#include "lightcone/err.h"

int lc_merge(const char *const *paths, int64_t count, const char *output, struct lc_err *err);

#endif

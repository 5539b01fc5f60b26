#include "lightcone/merge.h"

int lc_merge(const char *const *paths, int64_t count, const char *output, struct lc_err *err)
{
    (void)paths;
    (void)count;
    (void)output;
    (void)err;
    return LC_OK;
}

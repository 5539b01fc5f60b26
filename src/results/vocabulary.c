#include <stdlib.h>

#include "lightcone/memory.h"
#include "lightcone/results.h"
#include "lightcone/tokenizer.h"

int lc_result_put_vocabulary(struct lc_result *r, const struct lc_tokenizer *tokenizer, int64_t count,
                             struct lc_err *err)
{
    int64_t ends = count + 1, size, *indptr = NULL;
    struct lc_bytes text = {0};
    int rc;

    LC_TRY(rc, LC_ALLOC(&indptr, ends, "vocabulary", err));
    for (int64_t v = 0; v < count; v++) {
        size_t bytes;
        const unsigned char *token = lc_tokenizer_bytes(tokenizer, (int32_t)v, &bytes);
        LC_TRY(rc, lc_bytes_add(&text, token, bytes, err));
        indptr[v + 1] = (int64_t)text.size;
    }
    size = (int64_t)text.size;
    LC_TRY(rc, lc_result_put(r, "vocabulary/indptr", NULL, &ends, indptr, err));
    rc = lc_result_put(r, "vocabulary/bytes", NULL, &size, text.data, err);
done:
    free(indptr);
    lc_bytes_release(&text);
    return rc;
}

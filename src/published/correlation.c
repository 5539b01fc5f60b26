/* Kind correlation: the conditional covariance of the leading features. */
#include <inttypes.h>
#include <stdlib.h>

#include "lightcone/memory.h"
#include "source.h"

#define GROUP "sites/SITE/correlation"

/* The leading features, which ascend. */
static int read_features(const struct lc_node *list, int64_t *count, int32_t **out, struct lc_err *err)
{
    int64_t last = -1, value = 0;
    int rc;

    LC_TRY(rc, lc_node_items(list, count, err));
    LC_TRY(rc, LC_ALLOC(out, *count, "leading features", err));
    for (int64_t i = 0; i < *count; i++) {
        struct lc_node item = lc_node_item(list, i);
        LC_TRY(rc, lc_node_int(&item, 0, INT32_MAX, &value, err));
        if (value <= last)
            return lc_node_fail(&item, err, "%" PRId64 " after %" PRId64 "; allowed: ascending features", value, last);
        (*out)[i] = (int32_t)value;
        last = value;
    }
done:
    return rc;
}

int lc_read_correlation(struct lc_imported *to, const struct lc_source *s, struct lc_err *err)
{
    struct lc_node list, matrix;
    int64_t count = 0, dim[2] = {0, 0};
    int32_t *feature = NULL;
    double *value = NULL;
    int rc;

    LC_TRY(rc, lc_node_need(&s->root, "leading_features", &list, err));
    LC_TRY(rc, read_features(&list, &count, &feature, err));
    LC_TRY(rc, lc_node_need(&s->root, "covariance_matrix", &matrix, err));
    LC_TRY(rc, lc_node_matrix(&matrix, count, dim, &value, err));
    if (dim[0] != count) {
        rc = lc_node_fail(&matrix, err, "%" PRId64 " rows; leading_features has %" PRId64, dim[0], count);
        goto done;
    }
    LC_TRY(rc, lc_result_put(to->r, GROUP "/feature", s->site, &count, feature, err));
    LC_TRY(rc, lc_result_put(to->r, GROUP "/conditional", s->site, dim, value, err));
    rc = lc_result_put_text(to->r, GROUP, s->site, "definition", "conditional", err);
done:
    free(feature);
    free(value);
    return rc;
}

#include "lightcone/leading.h"

#include <stdlib.h>

#include "lightcone/memory.h"

struct candidate {
    int64_t feature;
    double frequency;
};

static int by_frequency(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->frequency != y->frequency)
        return x->frequency > y->frequency ? -1 : 1;
    return (x->feature > y->feature) - (x->feature < y->feature);
}

int lc_leading_select(const struct lc_feature_config *rule, int64_t features, const double *frequency,
                      const int64_t *unique, unsigned char *selected, struct lc_err *err)
{
    struct candidate *list = NULL;
    int64_t n = 0;

    if (LC_ALLOC(&list, features, "feature selection", err) != LC_OK)
        return err->code;
    for (int64_t f = 0; f < features; f++)
        if (frequency[f] > rule->min_frequency && unique[f] > rule->min_unique && frequency[f] > 0.0)
            list[n++] = (struct candidate){f, frequency[f]};
    qsort(list, (size_t)n, sizeof *list, by_frequency);
    for (int64_t i = 0; i < n && (rule->top == 0 || i < rule->top); i++)
        selected[list[i].feature] = 1;
    free(list);
    return LC_OK;
}

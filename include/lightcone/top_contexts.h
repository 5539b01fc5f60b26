/* top_contexts.h - a mergeable list of the windows in which each feature is most strongly active. */
#ifndef LC_TOP_CONTEXTS_H
#define LC_TOP_CONTEXTS_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/memory.h"

/* The largest activation of one feature in one window, at its first position. Plain data without gaps. */
struct lc_context {
    int64_t window, position;
    double value; /* > 0, finite */
};

/* Contexts of one feature, strongest first: by value descending, then window, then position. */
struct lc_context_list {
    int64_t count, room;
    struct lc_context *item; /* [count <= top]; at most one of each window */
};

struct lc_top_contexts {
    int64_t features, top;
    struct lc_context_list **list; /* [features], NULL until the feature is seen */
};

int lc_top_contexts_init(struct lc_top_contexts *t, int64_t features, int64_t top, struct lc_err *err);
void lc_top_contexts_release(struct lc_top_contexts *t);

/* Tell of one activation. What is kept does not depend on the order of the calls: of all windows told of, the `top` whose
 * strongest activation comes first. */
int lc_top_contexts_add(struct lc_top_contexts *t, int64_t feature, const struct lc_context *context,
                        struct lc_err *err);

int lc_top_contexts_save(const struct lc_top_contexts *t, struct lc_bytes *out, struct lc_err *err);
/* Add what was saved, by an accumulator of any `top`. */
int lc_top_contexts_merge(struct lc_top_contexts *t, struct lc_reader *in, struct lc_err *err);

#endif

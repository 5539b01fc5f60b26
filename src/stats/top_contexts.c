#include "lightcone/top_contexts.h"

#include <stdlib.h>
#include <string.h>

int lc_top_contexts_init(struct lc_top_contexts *t, int64_t features, int64_t top, struct lc_err *err)
{
    *t = (struct lc_top_contexts){.features = features, .top = top};
    return LC_ALLOC(&t->list, features, "contexts", err);
}

void lc_top_contexts_release(struct lc_top_contexts *t)
{
    for (int64_t i = 0; t->list && i < t->features; i++) {
        if (t->list[i])
            free(t->list[i]->item);
        free(t->list[i]);
    }
    free(t->list);
    *t = (struct lc_top_contexts){0};
}

/* Whether x stands before y in a list. */
static int comes_before(const struct lc_context *x, const struct lc_context *y)
{
    if (x->value != y->value)
        return x->value > y->value;
    if (x->window != y->window)
        return x->window < y->window;
    return x->position < y->position;
}

static int make_room(struct lc_context_list *list, int64_t top, struct lc_err *err)
{
    int64_t room = list->room ? 2 * list->room : 4;
    struct lc_context *item;

    if (list->count < list->room)
        return LC_OK;
    room = room < top ? room : top;
    item = realloc(list->item, (size_t)room * sizeof *item);
    if (!item)
        return LC_FAIL(err, LC_E_MEMORY, "contexts: no memory for a list of %lld", (long long)room);
    list->item = item;
    list->room = room;
    return LC_OK;
}

/* A window that fell off the list, or that is on it with more, cannot come back with less: so the order of the calls
 * does not count. */
static int insert(struct lc_context_list *list, int64_t top, const struct lc_context *new, struct lc_err *err)
{
    int64_t from = 0, to;

    if (list->count == top && !comes_before(new, &list->item[top - 1]))
        return LC_OK;
    while (from < list->count && list->item[from].window != new->window)
        from++;
    if (from < list->count && !comes_before(new, &list->item[from]))
        return LC_OK;
    if (from == list->count && list->count == top)
        from = top - 1;
    if (from == list->count) {
        if (make_room(list, top, err) != LC_OK)
            return err->code;
        list->count++;
    }
    for (to = from; to > 0 && comes_before(new, &list->item[to - 1]); to--)
        list->item[to] = list->item[to - 1];
    list->item[to] = *new;
    return LC_OK;
}

int lc_top_contexts_add(struct lc_top_contexts *t, int64_t feature, const struct lc_context *context,
                        struct lc_err *err)
{
    if (!t->list[feature] && LC_ALLOC(&t->list[feature], 1, "contexts", err) != LC_OK)
        return err->code;
    return insert(t->list[feature], t->top, context, err);
}

int lc_top_contexts_save(const struct lc_top_contexts *t, struct lc_bytes *out, struct lc_err *err)
{
    int64_t seen = 0;
    int rc;

    for (int64_t i = 0; i < t->features; i++)
        seen += t->list[i] != NULL;
    LC_TRY(rc, lc_bytes_add(out, &seen, sizeof seen, err));
    for (int64_t i = 0; i < t->features; i++) {
        const struct lc_context_list *list = t->list[i];
        if (!list)
            continue;
        LC_TRY(rc, lc_bytes_add(out, &i, sizeof i, err));
        LC_TRY(rc, lc_bytes_add(out, &list->count, sizeof list->count, err));
        LC_TRY(rc, lc_bytes_add(out, list->item, (size_t)list->count * sizeof *list->item, err));
    }
done:
    return rc;
}

static int merge_one(struct lc_top_contexts *t, struct lc_reader *in, struct lc_err *err)
{
    int64_t feature = -1, count = 0;
    struct lc_context context;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &feature, sizeof feature, err));
    LC_TRY(rc, lc_reader_take(in, &count, sizeof count, err));
    if (feature < 0 || feature >= t->features)
        return LC_FAIL(err, LC_E_FORMAT, "saved contexts: feature %lld is not one of %lld", (long long)feature,
                       (long long)t->features);
    for (int64_t i = 0; i < count; i++) {
        LC_TRY(rc, lc_reader_take(in, &context, sizeof context, err));
        LC_TRY(rc, lc_top_contexts_add(t, feature, &context, err));
    }
done:
    return rc;
}

int lc_top_contexts_merge(struct lc_top_contexts *t, struct lc_reader *in, struct lc_err *err)
{
    int64_t seen = 0;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &seen, sizeof seen, err));
    for (int64_t i = 0; i < seen; i++)
        LC_TRY(rc, merge_one(t, in, err));
done:
    return rc;
}

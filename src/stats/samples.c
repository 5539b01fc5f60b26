#include "lightcone/samples.h"

#include <stdlib.h>
#include <string.h>

void lc_samples_release(struct lc_samples *s)
{
    free(s->item);
    free(s->profile);
    *s = (struct lc_samples){0};
}

static int reserve(struct lc_samples *s, struct lc_err *err)
{
    int64_t room = s->room ? 2 * s->room : 256;
    struct lc_sample *item;
    float *profile;

    if (s->count < s->room)
        return LC_OK;
    item = realloc(s->item, (size_t)room * sizeof *item);
    s->item = item ? item : s->item;
    if (!item)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for %lld samples", (long long)room);
    if (s->profile_length > 0) {
        profile = realloc(s->profile, (size_t)(room * s->profile_length) * sizeof *profile);
        s->profile = profile ? profile : s->profile;
        if (!profile)
            return LC_FAIL(err, LC_E_MEMORY, "no memory for %lld profiles", (long long)room);
    }
    s->room = room;
    return LC_OK;
}

int lc_samples_add(struct lc_samples *s, const struct lc_sample *sample, const double *j, int64_t n, struct lc_err *err)
{
    if (reserve(s, err) != LC_OK)
        return err->code;
    s->item[s->count] = *sample;
    s->item[s->count].profile = s->profile_length > 0 ? s->count : -1;
    for (int64_t t = 0; t < s->profile_length; t++)
        s->profile[s->count * s->profile_length + t] = t < n ? (float)j[t] : 0.0f;
    s->count++;
    return LC_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct lc_sample *x = a, *y = b;

    if (x->window != y->window)
        return x->window < y->window ? -1 : 1;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (x->feature > y->feature) - (x->feature < y->feature);
}

void lc_samples_sort(struct lc_samples *s)
{
    if (s->count > 0)
        qsort(s->item, (size_t)s->count, sizeof *s->item, by_key);
}

int lc_samples_save(struct lc_samples *s, struct lc_bytes *out, struct lc_err *err)
{
    int rc;

    lc_samples_sort(s);
    LC_TRY(rc, lc_bytes_add(out, &s->count, sizeof s->count, err));
    for (int64_t i = 0; i < s->count; i++) {
        struct lc_sample item = s->item[i];
        item.profile = -1; /* whoever merges it numbers it anew */
        LC_TRY(rc, lc_bytes_add(out, &item, sizeof item, err));
        LC_TRY(rc, lc_bytes_add(out, s->profile_length ? s->profile + s->item[i].profile * s->profile_length : NULL,
                                (size_t)s->profile_length * sizeof *s->profile, err));
    }
done:
    return rc;
}

int lc_samples_merge(struct lc_samples *s, struct lc_reader *in, struct lc_err *err)
{
    struct lc_sample item;
    int64_t n;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &n, sizeof n, err));
    for (int64_t i = 0; i < n; i++) {
        LC_TRY(rc, lc_reader_take(in, &item, sizeof item, err));
        LC_TRY(rc, lc_samples_add(s, &item, NULL, 0, err));
        if (s->profile_length > 0)
            LC_TRY(rc, lc_reader_take(in, s->profile + (s->count - 1) * s->profile_length,
                                      (size_t)s->profile_length * sizeof *s->profile, err));
    }
done:
    return rc;
}

#include "lightcone/timeline.h"

#include <stdlib.h>

#include "lightcone/clock.h"
#include "lightcone/memory.h"

/* Shorter stays, other than units, are not drawn. */
#define SHORTEST 1e-4

const char *const lc_phase_name[LC_PHASES] = {"load", "resume", "busy", "checkpoint", "wait", "merge", "write"};

void lc_timeline_begin(struct lc_timeline *t)
{
    *t = (struct lc_timeline){.now = LC_LOAD};
    t->begun = t->since = lc_seconds();
}

int lc_timeline_trace(struct lc_timeline *t, int64_t most, struct lc_err *err)
{
    t->most = most;
    t->zero = lc_seconds();
    return LC_ALLOC(&t->span, most, "trace", err);
}

void lc_timeline_release(struct lc_timeline *t)
{
    free(t->span);
    t->span = NULL;
}

static int is_computing(const struct lc_span *s)
{
    return s->phase == LC_UNIT || s->phase == LC_CHECKPOINT || s->phase == LC_WAIT;
}

/* Two neighbours become one, which is of units if either is. */
static void join(struct lc_span *a, const struct lc_span *b)
{
    if (b->units > 0 && a->units == 0) {
        a->first = b->first;
        a->last = b->last;
        a->windows_first = b->windows_first;
        a->windows = b->windows;
        a->point = b->point;
    } else if (b->units > 0) {
        a->first = b->first < a->first ? b->first : a->first;
        a->last = b->last > a->last ? b->last : a->last;
    }
    a->units += b->units;
    a->phase = a->units > 0 ? LC_UNIT : a->phase;
    a->end = b->end;
    a->unit += b->unit;
    a->checkpoint += b->checkpoint;
    a->wait += b->wait;
}

/* No room: neighbours in computing are put together, two and two, so that no time is lost from the picture. */
static void bundle(struct lc_timeline *t)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < t->spans; i++) {
        struct lc_span *s = &t->span[kept++];
        *s = t->span[i];
        if (i + 1 < t->spans && is_computing(s) && is_computing(&t->span[i + 1])) {
            join(s, &t->span[++i]);
            t->bundled++;
        }
    }
    t->spans = kept;
}

static void keep(struct lc_timeline *t, double end)
{
    struct lc_span *s = &t->present;
    double seconds = end - t->since;

    if (t->now != LC_UNIT && seconds < SHORTEST)
        return;
    if (t->spans == t->most)
        bundle(t);
    t->dropped += t->spans == t->most;
    if (t->spans == t->most)
        return;
    s->begin = t->since;
    s->end = end;
    s->phase = (int32_t)t->now;
    s->unit = t->now == LC_UNIT ? seconds - t->inside : 0.0;
    s->checkpoint = t->now == LC_CHECKPOINT ? seconds : t->inside;
    s->wait = t->now == LC_WAIT ? seconds - t->inside : 0.0;
    t->span[t->spans++] = *s;
}

double lc_timeline_enter(struct lc_timeline *t, enum lc_phase phase)
{
    double now = lc_seconds(), took = now - t->since - t->inside;

    t->seconds[t->now] += took;
    t->seconds[LC_CHECKPOINT] += t->inside;
    if (t->span) {
        keep(t, now);
        t->present = (struct lc_span){0};
    }
    t->now = phase;
    t->since = now;
    t->inside = 0.0;
    return took;
}

void lc_timeline_wrote(struct lc_timeline *t, double seconds)
{
    if (t->now != LC_CHECKPOINT)
        t->inside += seconds;
}

void lc_timeline_unit(struct lc_timeline *t, int64_t unit, int64_t point, int64_t first, int64_t windows)
{
    lc_timeline_enter(t, LC_UNIT);
    t->first_unit = t->first_unit > 0.0 ? t->first_unit : t->since;
    t->present = (struct lc_span){.first = unit,
                                  .last = unit,
                                  .units = 1,
                                  .point = (int32_t)point,
                                  .windows_first = first,
                                  .windows = windows};
}

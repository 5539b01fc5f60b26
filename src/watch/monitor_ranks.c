/* monitor_ranks.c - what every rank is at, when SIGUSR2 asks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lightcone/log.h"
#include "lightcone/monitor.h"

enum { ALL_SHOWN = 32, SLOWEST = 10 };

struct spread {
    double least, sum, most;
    int count;
};

static void add(struct spread *s, double value)
{
    s->least = s->count == 0 || value < s->least ? value : s->least;
    s->most = s->count == 0 || value > s->most ? value : s->most;
    s->sum += value;
    s->count++;
}

static void say_rank(const struct lc_monitor *p, const struct lc_handout_state *s, int r, double now)
{
    const struct lc_handout_rank *rank = &s->rank[r];
    char since[32], heard[32], unit[64] = "no unit";

    if (rank->unit >= 0)
        snprintf(unit, sizeof unit, "unit %" PRId64, p->todo[rank->unit]);
    if (r == 0) /* does not write to itself */
        lc_log("%s:   rank 0 on %s: %s for %s, %" PRId64 " units done%s", p->job, p->host[r], unit,
               lc_show_seconds(since, now - rank->since), rank->done, s->workers < p->par->size ? "; hands out" : "");
    else
        lc_log("%s:   rank %d on %s: %s for %s, %" PRId64 " units done, last heard %s ago", p->job, r, p->host[r], unit,
               lc_show_seconds(since, now - rank->since), rank->done, lc_show_seconds(heard, now - rank->heard));
}

static void say_spread(const struct lc_monitor *p, const char *what, const struct spread *s, int seconds)
{
    const double value[] = {s->least, s->count > 0 ? s->sum / s->count : 0.0, s->most};
    char text[3][32];

    for (int k = 0; k < 3; k++)
        if (seconds)
            lc_show_seconds(text[k], value[k]);
        else
            snprintf(text[k], sizeof text[k], "%.1f", value[k]);
    lc_log("%s:   %s, least %s, mean %s, most %s", p->job, what, text[0], text[1], text[2]);
}

/* The ranks that have been at their units for longest. */
static void say_slowest(const struct lc_monitor *p, const struct lc_handout_state *s, double now)
{
    int slowest[SLOWEST], count = 0;

    for (int r = 0; r < p->par->size; r++) {
        int at = count;
        if (s->rank[r].unit < 0)
            continue;
        for (; at > 0 && s->rank[slowest[at - 1]].since > s->rank[r].since; at--)
            if (at < SLOWEST)
                slowest[at] = slowest[at - 1];
        if (at < SLOWEST)
            slowest[at] = r;
        count += count < SLOWEST;
    }
    for (int k = 0; k < count; k++)
        say_rank(p, s, slowest[k], now);
}

void lc_monitor_ranks(const struct lc_monitor *p, const struct lc_handout_state *s, double now)
{
    struct spread under_way = {0}, silent = {0}, done = {0};

    if (p->par->size <= ALL_SHOWN) {
        for (int r = 0; r < p->par->size; r++)
            say_rank(p, s, r, now);
        return;
    }
    for (int r = p->par->size - s->workers; r < p->par->size; r++) {
        if (s->rank[r].unit >= 0)
            add(&under_way, now - s->rank[r].since);
        add(&silent, now - s->rank[r].heard);
        add(&done, (double)s->rank[r].done);
    }
    say_spread(p, "units under way for", &under_way, 1);
    say_spread(p, "ranks silent for", &silent, 1);
    say_spread(p, "units done a rank", &done, 0);
    say_slowest(p, s, now);
}

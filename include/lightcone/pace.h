/* pace.h - how fast work goes of late. Not collective. */
#ifndef LC_PACE_H
#define LC_PACE_H

/* Work is counted in any unit whose pieces take equally long. What happened longer ago counts less. */
struct lc_pace {
    double at, done;       /* when it was last noted, and how much was done by then */
    double seconds, work;  /* of late: each moment counts exp(-age / memory) */
};

/* A zeroed one begins at 0, with nothing done. By `now`, a time that does not go back, so much is done; `memory`: seconds,
 * several times what the longest piece takes. */
void lc_pace_note(struct lc_pace *p, double now, double done, double memory);
/* Work a second of late, 0 when none is done yet. */
double lc_pace_rate(const struct lc_pace *p);

#endif

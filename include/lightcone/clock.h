/* clock.h - what time it is. */
#ifndef LC_CLOCK_H
#define LC_CLOCK_H

/* Seconds of the monotonic clock: for differences on one node. */
double lc_seconds(void);

/* Seconds since 1970 began, by this machine's clock. */
double lc_wall_seconds(void);

/* Seconds since this machine was started, as /proc counts when processes were. */
double lc_boot_seconds(void);

/* A moment of the wall clock for people, "2026-11-28 09:01:36" where they are, and for programs, "2026-11-28T08:01:36Z". */
struct lc_date {
    char text[32];
};
struct lc_date lc_date_here(double wall_seconds);
struct lc_date lc_date_utc(double wall_seconds);

#endif

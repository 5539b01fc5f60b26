/* clock.h - time that only goes forward. */
#ifndef LC_CLOCK_H
#define LC_CLOCK_H

/* Seconds of the monotonic clock: for differences on one node. */
double lc_seconds(void);

#endif

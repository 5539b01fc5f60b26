#define _DEFAULT_SOURCE /* CLOCK_BOOTTIME */
#include "lightcone/clock.h"

#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double lc_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double lc_wall_seconds(void)
{
    return read_clock(CLOCK_REALTIME);
}

double lc_boot_seconds(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

struct lc_date lc_date_here(double wall_seconds)
{
    const time_t moment = (time_t)wall_seconds;
    struct lc_date date = {""};
    struct tm local;

    if (localtime_r(&moment, &local))
        strftime(date.text, sizeof date.text, "%Y-%m-%d %H:%M:%S", &local);
    return date;
}

struct lc_date lc_date_utc(double wall_seconds)
{
    const time_t moment = (time_t)wall_seconds;
    struct lc_date date = {""};
    struct tm utc;

    if (gmtime_r(&moment, &utc))
        strftime(date.text, sizeof date.text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return date;
}

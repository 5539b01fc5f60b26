#include "lightcone/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number behind `key` in a file of lines "key number ...". */
static int64_t find_number(const char *path, const char *key)
{
    char line[256];
    int64_t value = 0;
    FILE *f = fopen(path, "r");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%" SCNd64, &value) != 1)
            value = 0;
    if (f)
        fclose(f);
    return value;
}

int64_t lc_usage_resident(void)
{
    return 1024 * find_number("/proc/self/status", "VmRSS:");
}

int64_t lc_usage_peak(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss * 1024 : 0;
}

double lc_usage_cpu(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0.0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int64_t lc_usage_share(void)
{
    return 1024 * find_number("/proc/self/smaps_rollup", "Pss:");
}

int64_t lc_usage_storage(void)
{
    return find_number("/proc/self/io", "read_bytes:");
}

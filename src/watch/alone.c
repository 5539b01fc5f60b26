#include "lightcone/alone.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lightcone/clock.h"
#include "lightcone/handout.h"
#include "lightcone/log.h"

enum process { GONE, RUNNING, UNKNOWN };

#define START_MOST 120.0 /* seconds that a program may need from its start to its first sign of life */

/* A process with that number, of this machine; a number that came round has another start. */
static enum process find_process(const struct lc_alive *a)
{
    char path[64], text[1024] = "";
    unsigned long long ticks = 0;
    const char *rest;
    char state = 'Z';
    double before;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", a->pid);
    file = fopen(path, "r");
    if (!file)
        return access("/proc/self/stat", R_OK) == 0 ? GONE : UNKNOWN;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    rest = strrchr(text, ')');
    if (!rest || sscanf(rest, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state,
                        &ticks) != 2)
        return UNKNOWN;
    if (state == 'Z' || state == 'X')
        return GONE;
    before = a->started - lc_wall_seconds() + lc_boot_seconds() - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return before > -2.0 && before < START_MOST ? RUNNING : UNKNOWN;
}

static int refuse(const char *output, const struct lc_alive *a, struct lc_err *err)
{
    return LC_FAIL(err, LC_E_IO,
                   "%s: another run is at work on it: job %s, process %" PRId64 " on %s%s%s, since %s; wait for it, stop it, or "
                   "give another output",
                   output, a->job, a->pid, a->host, a->slurm[0] ? ", Slurm job " : "", a->slurm, lc_date_here(a->started).text);
}

/* One of which this machine cannot know whether it runs. */
static int watch(const char *output, const struct lc_alive *a, struct lc_err *err)
{
    const struct timespec nap = {.tv_nsec = 200000000};
    double patience = fmin(fmax(LC_ALIVE_SILENT - a->age, 2.0 * LC_ALIVE_EVERY), LC_ALIVE_SILENT), begun = lc_seconds();

    lc_log("%s: a run on %s (process %" PRId64 ") has not said that it ended: listening for it for %.0f s", a->job, a->host,
           a->pid, patience);
    while (lc_seconds() - begun < patience) {
        struct lc_err ignored = LC_ERR_INIT;
        struct lc_alive now;
        nanosleep(&nap, NULL);
        if (lc_handout_signalled())
            return LC_FAIL(err, LC_E_STOPPED, "stopped by a signal before the first unit");
        if (lc_alive_read(output, &now, &ignored) != LC_OK)
            continue;
        if (!now.id)
            return LC_OK;
        if (now.id != a->id || now.beat != a->beat)
            return refuse(output, &now, err);
    }
    lc_log("%s: nothing was heard: that run is dead, its work is continued", a->job);
    return LC_OK;
}

int lc_alone_check(const char *output, const struct lc_alive *mine, struct lc_err *err)
{
    struct lc_err damaged = LC_ERR_INIT;
    struct lc_alive there;
    enum process process;

    if (lc_alive_read(output, &there, &damaged) != LC_OK || !there.id)
        return LC_OK;
    if (strcmp(there.host, mine->host) != 0)
        return there.slurm[0] && strcmp(there.slurm, mine->slurm) == 0 ? LC_OK : watch(output, &there, err);
    process = there.pid == mine->pid ? GONE : find_process(&there);
    if (process == RUNNING)
        return refuse(output, &there, err);
    return process == GONE ? LC_OK : watch(output, &there, err);
}

int lc_alone_is_gone(const struct lc_alive *a)
{
    char host[sizeof a->host] = "";

    gethostname(host, sizeof host - 1);
    return strcmp(a->host, host) == 0 && find_process(a) == GONE;
}

int lc_alone_confirm(const char *output, const struct lc_alive *mine, struct lc_err *err)
{
    struct lc_err damaged = LC_ERR_INIT;
    struct lc_alive there;

    if (lc_alive_read(output, &there, &damaged) != LC_OK || !there.id || there.id == mine->id)
        return LC_OK;
    return refuse(output, &there, err);
}

#include "progress.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/clock.h"

/* Seconds between two lines of a log and between two pictures of the bar. */
static const double log_every = 15.0, bar_every = 0.1;

const char *lc_bytes_show(char out[32], int64_t bytes)
{
    if (bytes < 10000)
        snprintf(out, 32, "%lld bytes", (long long)bytes);
    else if (bytes < 1000000)
        snprintf(out, 32, "%.1f kB", 1e-3 * (double)bytes);
    else if (bytes < 1000000000)
        snprintf(out, 32, "%.1f MB", 1e-6 * (double)bytes);
    else
        snprintf(out, 32, "%.2f GB", 1e-9 * (double)bytes);
    return out;
}

void lc_progress_init(struct lc_progress *p, FILE *log)
{
    *p = (struct lc_progress){.log = log, .terminal = isatty(fileno(log)), .name = ""};
}

void lc_progress_start(struct lc_progress *p, const char *name)
{
    p->name = name;
    p->begun = -1;
    p->done = 0;
    p->total = -1;
    p->started = p->printed = lc_seconds();
}

/* The end of a long name says more than its beginning. */
static const char *tail(const char *name, size_t most)
{
    size_t length = strlen(name);

    return length > most ? name + (length - most) : name;
}

static void print_bar(struct lc_progress *p, double rate)
{
    enum { WIDTH = 24 };
    char done[32], total[32], speed[32];
    int bar = p->total > 0 ? (int)(p->done * WIDTH / p->total) : 0;

    fprintf(p->log, "\r%-40s [%.*s%*s] %s of %s  %s/s   ", tail(p->name, 40), bar, "########################", WIDTH - bar, "",
            lc_bytes_show(done, p->done), p->total >= 0 ? lc_bytes_show(total, p->total) : "?",
            lc_bytes_show(speed, (int64_t)rate));
    fflush(p->log);
    p->open = 1;
}

static void print_line(struct lc_progress *p, double rate)
{
    char done[32], total[32], speed[32];

    fprintf(p->log, "%s: %s of %s, %s/s\n", p->name, lc_bytes_show(done, p->done),
            p->total >= 0 ? lc_bytes_show(total, p->total) : "?", lc_bytes_show(speed, (int64_t)rate));
}

void lc_progress_show(struct lc_progress *p, int64_t done, int64_t total)
{
    double t = lc_seconds(), rate;

    if (p->begun < 0)
        p->begun = done;
    p->done = done;
    p->total = total;
    if (t - p->printed < (p->terminal ? bar_every : log_every) && !(p->terminal && done == total))
        return;
    p->printed = t;
    rate = t > p->started ? (double)(done > p->begun ? done - p->begun : 0) / (t - p->started) : 0.0;
    if (p->terminal)
        print_bar(p, rate);
    else
        print_line(p, rate);
}

void lc_progress_ahead(struct lc_progress *p, int64_t more)
{
    int64_t done = p->done;

    if (p->total < 0)
        return;
    lc_progress_show(p, more < p->total - done ? done + more : p->total, p->total);
    p->done = done;
}

void lc_progress_end(struct lc_progress *p)
{
    if (p->open)
        fputc('\n', p->log);
    p->open = 0;
}

void lc_progress_say(struct lc_progress *p, const char *fmt, ...)
{
    va_list ap;

    lc_progress_end(p);
    va_start(ap, fmt);
    vfprintf(p->log, fmt, ap);
    va_end(ap);
    fputc('\n', p->log);
}

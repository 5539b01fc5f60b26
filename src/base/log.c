#include "lightcone/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lightcone/clock.h"

static int drawn; /* a bar stands in the last line */

/* The parent of a process and its name; 0 when that cannot be told. */
static long read_stat(long pid, char name[32])
{
    char path[64], text[512] = "";
    const char *open, *close;
    long parent = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    f = fopen(path, "r");
    if (!f)
        return 0;
    if (!fgets(text, sizeof text, f))
        text[0] = '\0';
    fclose(f);
    open = strchr(text, '(');
    close = strrchr(text, ')');
    if (!open || !close || sscanf(close, ") %*c %ld", &parent) != 1)
        return 0;
    snprintf(name, 32, "%.*s", (int)(close - open - 1), open + 1);
    return parent;
}

static int is_launcher(const char *name)
{
    static const char *const names[] = {"mpirun", "mpiexec", "orterun", "prterun", "mpiexec.hydra", "mpirun.mpich",
                                        "mpiexec.mpich", "mpirun.openmpi", "mpiexec.openmpi", "hydra_pmi_proxy"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

/* A launcher takes its ranks' stderr through a pipe and passes it on to its own. */
static int open_launchers_stderr(void)
{
    char name[32], path[64];
    long pid = getppid();

    for (int up = 0; up < 3 && pid > 1; up++) {
        long parent = read_stat(pid, name);
        int fd;
        if (!parent || !is_launcher(name))
            return -1;
        snprintf(path, sizeof path, "/proc/%ld/fd/2", pid);
        fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && isatty(fd))
            return fd;
        if (fd >= 0)
            close(fd);
        pid = parent;
    }
    return -1;
}

int lc_log_columns(void)
{
    int fd = isatty(STDERR_FILENO) ? STDERR_FILENO : open_launchers_stderr(), columns = 80;
    struct winsize size;

    if (fd < 0)
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    if (fd != STDERR_FILENO)
        close(fd);
    return columns;
}

/* A line goes out in one piece, so that ranks' lines do not mix. */
void lc_log(const char *fmt, ...)
{
    struct lc_date date = {""};
    char text[2048] = "";
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (lc_log_columns() == 0)
        date = lc_date_here(lc_wall_seconds());
    fprintf(stderr, "%s%s%s%s\n", drawn ? "\r\033[K" : "", date.text, date.text[0] ? " " : "", text);
    drawn = 0;
}

void lc_log_bar(const char *text, int columns)
{
    /* the last column stays free: there some terminals go on to the next line */
    fprintf(stderr, "\r%.*s\033[K", columns > 1 ? columns - 1 : 0, text);
    fflush(stderr);
    drawn = 1;
}

void lc_log_close(void)
{
    if (drawn)
        fprintf(stderr, "\n");
    drawn = 0;
}

const char *lc_show_bytes(char out[32], double bytes)
{
    static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    int k = 0;

    for (; bytes >= 999.5 && k < 5; k++)
        bytes *= 1e-3;
    if (bytes < 0.0)
        snprintf(out, 32, "-");
    else
        snprintf(out, 32, "%.*f %s", k > 0 && bytes < 9.95 ? 1 : 0, bytes, unit[k]);
    return out;
}

const char *lc_show_seconds(char out[32], double seconds)
{
    double minutes = seconds / 60.0, hours = seconds / 3600.0;

    if (!(seconds >= 0.0) || seconds > 1e10)
        snprintf(out, 32, "-");
    else if (seconds < 9.95)
        snprintf(out, 32, "%.1f s", seconds);
    else if (seconds < 119.5)
        snprintf(out, 32, "%.0f s", seconds);
    else if (minutes < 59.5)
        snprintf(out, 32, "%.0f min", minutes);
    else if (minutes < 48.0 * 60.0 - 0.5)
        snprintf(out, 32, "%d h %02d min", (int)(minutes + 0.5) / 60, (int)(minutes + 0.5) % 60);
    else
        snprintf(out, 32, "%lld d %02lld h", (long long)(hours + 0.5) / 24, (long long)(hours + 0.5) % 24);
    return out;
}

const char *lc_show_rate(char out[32], double rate)
{
    static const struct {
        double seconds;
        const char *name;
    } per[] = {{1.0, "s"}, {60.0, "min"}, {3600.0, "h"}};
    int k = 0;

    while (k < 2 && rate * per[k].seconds < 1.0)
        k++;
    if (rate < 0.0)
        snprintf(out, 32, "-");
    else
        snprintf(out, 32, "%.*f/%s", rate * per[k].seconds < 99.5 ? 1 : 0, rate * per[k].seconds, per[k].name);
    return out;
}

/* fail_io.c - to be preloaded: makes one call that changes the disk fail, or all from it on, below one folder.
 *   FAIL_UNDER=/folder  FAIL_AT=k  the k-th call there, from 1; 0: none
 *   FAIL_HOW=once | from | short   it fails; it and all after it fail; every write is interrupted once and then cut short
 *   FAIL_HOW=memory                there is no memory for what a segment of a checkpoint holds
 *   FAIL_COUNT=file                how many calls there were, at the end
 *   FAIL_JUMP=1                    the date jumps by days, to and fro
 * Time goes by faster, so that a short job writes many checkpoints. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic long calls, ticks;
static _Atomic int interrupted;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_below(const char *path)
{
    const char *under = getenv("FAIL_UNDER");

    return under && strncmp(path, under, strlen(under)) == 0;
}

static int is_open_below(int fd)
{
    char link[64], path[4096];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return is_below(path);
}

static int is_how(const char *how)
{
    return getenv("FAIL_HOW") && strcmp(getenv("FAIL_HOW"), how) == 0;
}

/* 1: this call is to fail, and errno says why. */
static int fails(int below)
{
    long at = getenv("FAIL_AT") ? strtol(getenv("FAIL_AT"), NULL, 10) : 0, now;

    if (!below)
        return 0;
    now = ++calls;
    errno = now % 2 ? ENOSPC : EIO;
    return at > 0 && (now == at || (now > at && is_how("from")));
}

/* Interrupt every other write; cut the others. */
static int is_interrupted(int below, size_t *size)
{
    if (!below || !is_how("short"))
        return 0;
    errno = EINTR;
    *size = *size > 1 ? *size / 2 : *size;
    return (interrupted ^= 1) != 0;
}

ssize_t write(int fd, const void *data, size_t size)
{
    int below = is_open_below(fd);

    return fails(below) || is_interrupted(below, &size) ? -1 : REAL(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    int below = is_open_below(fd);

    return fails(below) || is_interrupted(below, &size) ? -1 : REAL(pwrite)(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return pwrite(fd, data, size, at);
}

int fsync(int fd)
{
    int below = is_open_below(fd);
    size_t none = 0;

    return fails(below) || is_interrupted(below, &none) ? -1 : REAL(fsync)(fd);
}

int ftruncate(int fd, off_t size)
{
    return fails(is_open_below(fd)) ? -1 : REAL(ftruncate)(fd, size);
}

int posix_fallocate(int fd, off_t at, off_t size)
{
    return fails(is_open_below(fd)) ? ENOSPC : REAL(posix_fallocate)(fd, at, size);
}

int rename(const char *from, const char *to)
{
    return fails(is_below(to)) ? -1 : REAL(rename)(from, to);
}

int mkdir(const char *path, unsigned mode)
{
    return fails(is_below(path)) ? -1 : ((int (*)(const char *, unsigned))dlsym(RTLD_NEXT, "mkdir"))(path, mode);
}

int unlink(const char *path)
{
    return fails(is_below(path) && !is_how("from")) ? -1 : REAL(unlink)(path); /* a full disk lets go */
}

int open(const char *path, int flags, ...)
{
    unsigned mode = 0;
    va_list rest;

    va_start(rest, flags);
    if (flags & O_CREAT)
        mode = va_arg(rest, unsigned);
    va_end(rest);
    return fails(is_below(path) && (flags & (O_WRONLY | O_RDWR))) ? -1 : REAL(open)(path, flags, mode);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    enum { LARGE = 100000, FILES = 64 }; /* larger than heads */

    for (int fd = 3; fd < FILES && size > LARGE && is_how("memory"); fd++)
        if (is_open_below(fd) && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
            return ENOMEM;
    return REAL(posix_memalign)(out, alignment, size);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = REAL(clock_gettime)(clock, t);

    if (rc == 0 && clock == CLOCK_MONOTONIC && getenv("FAIL_UNDER"))
        t->tv_sec += ++ticks / 16;
    if (rc == 0 && clock == CLOCK_REALTIME && getenv("FAIL_JUMP"))
        t->tv_sec += (++ticks % 3 - 1) * 3 * 86400;
    return rc;
}

time_t time(time_t *out)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

__attribute__((destructor)) static void tell(void)
{
    FILE *file = calls > 0 && getenv("FAIL_COUNT") ? fopen(getenv("FAIL_COUNT"), "w") : NULL;

    if (file && fprintf(file, "%ld\n", (long)calls) > 0)
        fclose(file);
}

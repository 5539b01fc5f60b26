#include "partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int name_paths(struct lc_partial *p, const char *file, struct lc_err *err)
{
    int n = snprintf(p->identity_path, sizeof p->identity_path, "%s.partial.etag", file);

    if (n < 0 || n >= (int)sizeof p->identity_path)
        return LC_FAIL(err, LC_E_IO, "%.64s...: the path is longer than %d bytes", file, LC_PATH_MAX - 1);
    snprintf(p->path, sizeof p->path, "%s.partial", file);
    return LC_OK;
}

/* What is there of an earlier run; without an identity it is of no use. */
static void identity_read(struct lc_partial *p)
{
    struct lc_err ignored = LC_ERR_INIT;
    struct lc_map map;

    if (lc_map_open(&map, p->identity_path, &ignored) != LC_OK)
        return;
    if (map.size < sizeof p->identity && !memchr(map.data, '\0', map.size))
        memcpy(p->identity, map.data, map.size);
    lc_map_close(&map);
}

static int lock(const struct lc_partial *p, struct lc_err *err)
{
    struct stat mine, there;

    /* a lock of the open file, which closing another descriptor does not drop; some file systems have none */
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return LC_FAIL(err, LC_E_IO, "%s: another lightcone fetch is writing it", p->path);
    /* or has just given it its name */
    if (fstat(p->fd, &mine) != 0 || stat(p->path, &there) != 0 || mine.st_ino != there.st_ino)
        return LC_FAIL(err, LC_E_IO, "%s: another lightcone fetch was writing it; the same command continues", p->path);
    return LC_OK;
}

static int look(struct lc_partial *p, struct lc_err *err)
{
    struct stat st;

    if (fstat(p->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return LC_FAIL(err, LC_E_IO, "%s: not a regular file", p->path);
    p->size = (int64_t)st.st_size;
    identity_read(p);
    return LC_OK;
}

int lc_partial_open(struct lc_partial *p, const char *file, struct lc_err *err)
{
    char folder[LC_PATH_MAX];

    *p = (struct lc_partial){.fd = -1};
    lc_path_folder(folder, file);
    if (name_paths(p, file, err) != LC_OK || lc_folder_make(folder, err) != LC_OK)
        return err->code;
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (p->fd < 0)
        return LC_FAIL(err, LC_E_IO, "%s: cannot be written: %s", p->path, strerror(errno));
    if (lock(p, err) != LC_OK || look(p, err) != LC_OK)
        lc_partial_close(p);
    return err->code;
}

void lc_partial_close(struct lc_partial *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

int lc_partial_restart(struct lc_partial *p, const char *identity, struct lc_err *err)
{
    if (ftruncate(p->fd, 0) != 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", p->path, strerror(errno));
    p->size = 0;
    snprintf(p->identity, sizeof p->identity, "%s", identity);
    if (*identity)
        return lc_file_write(p->identity_path, p->identity, strlen(p->identity), err);
    unlink(p->identity_path);
    return LC_OK;
}

int lc_partial_add(struct lc_partial *p, const void *data, size_t size, struct lc_err *err)
{
    const unsigned char *from = data;

    while (size > 0) {
        ssize_t n = pwrite(p->fd, from, size, (off_t)p->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return LC_FAIL(err, LC_E_IO, "%s: cannot be written: %s", p->path, strerror(errno));
        from += n;
        size -= (size_t)n;
        p->size += n;
    }
    return LC_OK;
}

int lc_partial_publish(struct lc_partial *p, const char *file, struct lc_err *err)
{
    int rc = lc_file_publish(p->path, file, err);

    if (rc == LC_OK)
        unlink(p->identity_path);
    return rc;
}

void lc_partial_remove(struct lc_partial *p)
{
    unlink(p->path);
    unlink(p->identity_path);
    p->size = 0;
    p->identity[0] = '\0';
}

#include "lightcone/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const unsigned char nothing[1];

static int map_descriptor(struct lc_map *map, int fd, const char *path, struct lc_err *err)
{
    struct stat st;
    void *data;

    if (fstat(fd, &st) != 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return LC_FAIL(err, LC_E_IO, "%s: not a regular file", path);
    *map = (struct lc_map){.data = nothing, .size = (size_t)st.st_size};
    if (st.st_size == 0)
        return LC_OK;
    data = mmap(NULL, map->size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return LC_FAIL(err, LC_E_IO, "%s: cannot be mapped: %s", path, strerror(errno));
    map->data = data;
    return LC_OK;
}

int lc_map_open(struct lc_map *map, const char *path, struct lc_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

    *map = (struct lc_map){0};
    if (fd < 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(errno));
    rc = map_descriptor(map, fd, path, err);
    close(fd);
    return rc;
}

void lc_map_close(struct lc_map *map)
{
    if (map->size)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct lc_map){0};
}

int lc_path_join(char out[LC_PATH_MAX], const char *base, const char *name, struct lc_err *err)
{
    int n;

    if (name[0] == '/' || base[0] == '\0')
        n = snprintf(out, LC_PATH_MAX, "%s", name);
    else
        n = snprintf(out, LC_PATH_MAX, "%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/", name);
    if (n < 0 || n >= LC_PATH_MAX)
        return LC_FAIL(err, LC_E_IO, "%.64s...: the path is longer than %d bytes", name, LC_PATH_MAX - 1);
    return LC_OK;
}

void lc_path_folder(char out[LC_PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        snprintf(out, LC_PATH_MAX, ".");
    else
        snprintf(out, LC_PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

const char *lc_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

int lc_path_is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int lc_path_is_same(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int lc_path_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int lc_folder_make(const char *path, struct lc_err *err)
{
    char part[LC_PATH_MAX];
    int rc = lc_path_join(part, "", path, err);

    if (rc != LC_OK)
        return rc;
    for (char *p = part + 1;; p++) {
        char end = *p;
        if (end != '/' && end != '\0')
            continue;
        *p = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return LC_FAIL(err, LC_E_IO, "%s: the folder cannot be made: %s", part, strerror(errno));
        *p = end;
        if (end == '\0')
            break;
    }
    if (!lc_path_is_folder(path))
        return LC_FAIL(err, LC_E_IO, "%s: exists and is not a folder", path);
    return LC_OK;
}

static int sync_path(const char *path, int flags, struct lc_err *err)
{
    int fd = open(path, flags | O_CLOEXEC), bad;

    if (fd < 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(errno));
    do
        bad = fsync(fd) != 0;
    while (bad && errno == EINTR);
    bad = bad && errno != EINVAL; /* some file systems do not sync folders: no loss */
    if (bad)
        LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(errno));
    close(fd);
    return bad ? err->code : LC_OK;
}

/* When an NFS server's answer is lost it is asked again, and then knows no `from`: what counts is what stands at `to`. */
static int is_renamed(const struct stat *from, const char *to)
{
    struct stat st;

    return errno == ENOENT && stat(to, &st) == 0 && st.st_dev == from->st_dev && st.st_ino == from->st_ino;
}

int lc_file_publish(const char *from, const char *to, struct lc_err *err)
{
    char folder[LC_PATH_MAX];
    struct stat draft;
    int rc = sync_path(from, O_RDONLY, err);

    if (rc != LC_OK)
        return rc;
    if (stat(from, &draft) != 0 || (rename(from, to) != 0 && !is_renamed(&draft, to)))
        return LC_FAIL(err, LC_E_IO, "%s: cannot be renamed to %s: %s", from, to, strerror(errno));
    lc_path_folder(folder, to);
    return sync_path(folder, O_RDONLY | O_DIRECTORY, err);
}

static int write_all(int fd, const char *path, const unsigned char *data, size_t size, struct lc_err *err)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(errno));
        data += n;
        size -= (size_t)n;
    }
    return LC_OK;
}

int lc_draft_path(char partial[LC_PATH_MAX], const char *path, struct lc_err *err)
{
    struct timespec now;
    int n;

    /* processes on two nodes, or in two containers, may have the same number */
    clock_gettime(CLOCK_REALTIME, &now);
    n = snprintf(partial, LC_PATH_MAX, "%s.%ld%09ld.partial", path, (long)getpid(), now.tv_nsec);
    if (n < 0 || n >= LC_PATH_MAX)
        return LC_FAIL(err, LC_E_IO, "%.64s...: the path is longer than %d bytes", path, LC_PATH_MAX - 1);
    return LC_OK;
}

static int reserve(int fd, const char *path, int64_t room, struct lc_err *err)
{
    int reason = posix_fallocate(fd, 0, (off_t)room);

    /* a file system that cannot promise space may still have it */
    if (reason == 0 || reason == EOPNOTSUPP || reason == EINVAL)
        return LC_OK;
    return LC_FAIL(err, LC_E_IO, "%s: no room for %lld bytes: %s", path, (long long)room, strerror(reason));
}

int lc_draft_write(const char *partial, const struct lc_stretch *part, int count, int64_t room, struct lc_err *err)
{
    int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), rc = LC_OK;

    if (fd < 0)
        return LC_FAIL(err, LC_E_IO, "%s: cannot be written: %s", partial, strerror(errno));
    if (room > 0)
        rc = reserve(fd, partial, room, err);
    for (int i = 0; i < count && rc == LC_OK; i++)
        rc = write_all(fd, partial, part[i].data, part[i].size, err);
    if (close(fd) != 0 && rc == LC_OK)
        rc = LC_FAIL(err, LC_E_IO, "%s: %s", partial, strerror(errno));
    if (rc != LC_OK)
        unlink(partial);
    return rc;
}

int lc_draft_publish(const char *partial, const char *path, struct lc_err *err)
{
    int rc = lc_file_publish(partial, path, err);

    if (rc != LC_OK)
        unlink(partial);
    return rc;
}

int lc_file_write_parts(const char *path, const struct lc_stretch *part, int count, struct lc_err *err)
{
    char partial[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, lc_draft_path(partial, path, err));
    LC_TRY(rc, lc_draft_write(partial, part, count, 0, err));
    rc = lc_draft_publish(partial, path, err);
done:
    return rc;
}

/* Is `name` what lc_draft_path() makes of `whole`? */
static int is_draft(const char *name, const char *whole)
{
    size_t stem = strlen(whole), digits;

    if (strncmp(name, whole, stem) != 0 || name[stem] != '.')
        return 0;
    digits = strspn(name + stem + 1, "0123456789");
    return digits > 0 && strcmp(name + stem + 1 + digits, ".partial") == 0;
}

void lc_draft_sweep(const char *path)
{
    struct lc_err ignored = LC_ERR_INIT;
    char folder[LC_PATH_MAX], draft[LC_PATH_MAX];
    const struct dirent *entry;
    DIR *dir;

    lc_path_folder(folder, path);
    dir = opendir(folder);
    while (dir && (entry = readdir(dir)))
        if (is_draft(entry->d_name, lc_path_name(path)) &&
            lc_path_join(draft, folder, entry->d_name, &ignored) == LC_OK)
            unlink(draft);
    if (dir)
        closedir(dir);
}

int lc_file_write(const char *path, const void *data, size_t size, struct lc_err *err)
{
    return lc_file_write_parts(path, &(struct lc_stretch){data, size}, 1, err);
}

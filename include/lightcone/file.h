/* file.h - paths, read-only mappings, and files that appear whole or not at all. */
#ifndef LC_FILE_H
#define LC_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"

enum { LC_PATH_MAX = 4096 };

/* A regular file mapped read-only. An empty file has size 0 and data non-NULL. */
struct lc_map {
    const unsigned char *data;
    size_t size;
};

/* LC_E_IO names the path and the reason (missing, a folder, no permission). */
int lc_map_open(struct lc_map *map, const char *path, struct lc_err *err);
void lc_map_close(struct lc_map *map);

/* out = base/name, or name alone when it is absolute or base is empty. */
int lc_path_join(char out[LC_PATH_MAX], const char *base, const char *name, struct lc_err *err);
/* out = the folder part of path ("." when there is none). */
void lc_path_folder(char out[LC_PATH_MAX], const char *path);
/* The part after the last slash; points into path. */
const char *lc_path_name(const char *path);

int lc_path_is_file(const char *path);
int lc_path_is_folder(const char *path);
int lc_path_is_same(const char *a, const char *b); /* both exist and are one file */

/* mkdir -p. */
int lc_folder_make(const char *path, struct lc_err *err);

/* Write `size` bytes to path by way of path.NUMBER.partial, fsync and rename: readers see the old file or the new. */
int lc_file_write(const char *path, const void *data, size_t size, struct lc_err *err);

/* The same for `count` stretches of memory, one after the other. */
struct lc_stretch {
    const void *data;
    size_t size;
};
int lc_file_write_parts(const char *path, const struct lc_stretch *part, int count, struct lc_err *err);

/* The file `from`, synced to the disk, becomes `to`, and the folder is synced: the last step of the above. */
int lc_file_publish(const char *from, const char *to, struct lc_err *err);

/* The same in steps, for a file that is not written in one piece: its name until it is whole, which no other process
 * gives, on whatever node; ... */
int lc_draft_path(char partial[LC_PATH_MAX], const char *path, struct lc_err *err);
/* ... its beginning, and disk space for `room` bytes in all, so that a full disk is an error here and not later: the file
 * then has that size (room 0: just these stretches); removed again on failure; ... */
int lc_draft_write(const char *partial, const struct lc_stretch *part, int count, int64_t room, struct lc_err *err);
/* ... fsync and rename; removed on failure. */
int lc_draft_publish(const char *partial, const char *path, struct lc_err *err);
/* Remove what writers of `path` that were killed left half written. Nobody else may be writing it. */
void lc_draft_sweep(const char *path);

#endif

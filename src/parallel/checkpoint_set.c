#include "checkpoint_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int lc_ckpt_source_open(struct lc_ckpt_source *in, const char *path, struct lc_err *err)
{
    struct stat st;

    *in = (struct lc_ckpt_source){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (in->fd < 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(errno));
    if (fstat(in->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(in->fd);
        return LC_FAIL(err, LC_E_IO, "%s: not a regular file", path);
    }
    in->size = st.st_size;
    return LC_OK;
}

void lc_ckpt_source_close(struct lc_ckpt_source *in)
{
    close(in->fd);
    *in = (struct lc_ckpt_source){.fd = -1};
}

/* Make room for one more in an array that grows; new items are zero. */
static int grow(void **array, int64_t count, int64_t *room, size_t size, struct lc_err *err)
{
    int64_t more = *room ? *room * 2 : 64;
    void *larger;

    if (count < *room)
        return LC_OK;
    if (lc_alloc(&larger, more, size, "checkpoint segments", err) != LC_OK)
        return err->code;
    if (count > 0)
        memcpy(larger, *array, (size_t)count * size);
    free(*array);
    *array = larger;
    *room = more;
    return LC_OK;
}

static int compare_int64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_files(const void *a, const void *b)
{
    const struct lc_ckpt_name *x = &((const struct lc_ckpt_file *)a)->name, *y = &((const struct lc_ckpt_file *)b)->name;

    if (x->run != y->run)
        return compare_int64(x->run, y->run);
    if (x->node != y->node)
        return compare_int64(x->node, y->node);
    return compare_int64(x->generation, y->generation);
}

static int list_entry(struct lc_ckpt_set *set, const char *entry, struct lc_err *err)
{
    struct lc_ckpt_name name;
    int kind = lc_ckpt_name_parse(&name, entry);

    if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0)
        return LC_OK;
    set->partial += kind == 2;
    if (kind == 0 && set->strays++ == 0)
        snprintf(set->stray, sizeof set->stray, "%.63s", entry);
    if (kind != 1)
        return LC_OK;
    if (grow((void **)&set->file, set->files, &set->file_room, sizeof *set->file, err) == LC_OK)
        set->file[set->files++] = (struct lc_ckpt_file){.name = name};
    return err->code;
}

int lc_ckpt_set_list(struct lc_ckpt_set *set, const char *folder, struct lc_err *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    *set = (struct lc_ckpt_set){.step = 1};
    if (!dir)
        return LC_FAIL(err, LC_E_IO, "%s: %s", folder, strerror(errno));
    snprintf(set->folder, sizeof set->folder, "%s", folder);
    for (errno = 0; err->code == LC_OK && (entry = readdir(dir)); errno = 0)
        list_entry(set, entry->d_name, err);
    if (errno != 0)
        LC_FAIL(err, LC_E_IO, "%s: %s", folder, strerror(errno));
    closedir(dir);
    if (err->code != LC_OK)
        lc_ckpt_set_release(set);
    else if (set->files > 0)
        qsort(set->file, (size_t)set->files, sizeof *set->file, compare_files);
    return err->code;
}

int lc_ckpt_set_share(struct lc_ckpt_set *set, const char *folder, const struct lc_ckpt_name *name, int64_t count,
                      int64_t first, int64_t step, struct lc_err *err)
{
    *set = (struct lc_ckpt_set){.first = first, .step = step};
    if (LC_ALLOC(&set->file, count, "checkpoint files", err) != LC_OK)
        return err->code;
    snprintf(set->folder, sizeof set->folder, "%s", folder);
    set->files = set->file_room = count;
    for (int64_t i = 0; i < count; i++)
        set->file[i].name = name[i];
    return LC_OK;
}

void lc_ckpt_set_release(struct lc_ckpt_set *set)
{
    for (int64_t i = 0; i < set->files; i++)
        lc_ckpt_header_release(&set->file[i].header);
    for (int64_t i = 0; i < set->count; i++)
        lc_ranges_release(&set->found[i].ranges);
    free(set->file);
    free(set->found);
    *set = (struct lc_ckpt_set){0};
}

int lc_ckpt_set_path(char out[LC_PATH_MAX], const char *folder, const struct lc_ckpt_name *name, struct lc_err *err)
{
    char text[LC_CKPT_NAME_MAX];

    lc_ckpt_name_print(text, name);
    return lc_path_join(out, folder, text, err);
}

static int same_name(const struct lc_ckpt_name *a, const struct lc_ckpt_name *b)
{
    return a->run == b->run && a->node == b->node && a->generation == b->generation;
}

static int read_header(struct lc_ckpt_file *f, const char *path, const struct lc_bytes *ours, struct lc_err *err)
{
    struct lc_ckpt_source in;
    struct stat st;
    int rc = lc_ckpt_source_open(&in, path, err);

    if (rc != LC_OK)
        return rc;
    f->size = in.size;
    f->age = fstat(in.fd, &st) == 0 ? (int64_t)(time(NULL) - st.st_mtime) : 0;
    rc = lc_ckpt_header_read(&f->header, &in, path, err);
    lc_ckpt_source_close(&in);
    if (rc == LC_OK && !same_name(&f->name, &f->header.name))
        return LC_FAIL(err, LC_E_FORMAT, "%s: the header is that of another file name", path);
    if (rc == LC_OK && ours)
        rc = lc_ckpt_identity_compare(path, &f->header.identity, ours, err);
    f->usable = rc == LC_OK;
    return rc;
}

int lc_ckpt_set_headers(struct lc_ckpt_set *set, const struct lc_bytes *ours, struct lc_err *err)
{
    char path[LC_PATH_MAX];

    for (int64_t i = set->first; i < set->files; i += set->step) {
        struct lc_err its = LC_ERR_INIT;
        if (lc_ckpt_set_path(path, set->folder, &set->file[i].name, err) != LC_OK)
            return err->code;
        if (read_header(&set->file[i], path, ours, &its) == LC_OK)
            continue;
        if (its.code == LC_E_IO && access(path, F_OK) != 0)
            continue;
        if (its.code != LC_E_FORMAT)
            return LC_FAIL(err, its.code, "%s", its.msg);
        set->file[i].damaged = 1;
    }
    return LC_OK;
}

static int keep_segment(struct lc_ckpt_set *set, int64_t file, const struct lc_ckpt_segment *s, struct lc_ranges *r,
                        struct lc_err *err)
{
    if (grow((void **)&set->found, set->count, &set->room, sizeof *set->found, err) != LC_OK) {
        lc_ranges_release(r);
        return err->code;
    }
    set->found[set->count++] = (struct lc_ckpt_found){
        .segment = *s, .ranges = *r, .units = lc_ranges_units(r), .run = set->file[file].name.run, .file = file};
    return LC_OK;
}

static int scan_file(struct lc_ckpt_set *set, int64_t file, int64_t units, struct lc_err *err)
{
    struct lc_ckpt_file *f = &set->file[file];
    struct lc_err gone = LC_ERR_INIT;
    struct lc_ckpt_walk walk = {.file_digest = f->header.digest, .units = units, .at = f->header.size};
    struct lc_ckpt_segment s;
    struct lc_ckpt_source in;
    struct lc_ranges r;
    char path[LC_PATH_MAX];
    int found = 1;

    if (lc_ckpt_set_path(path, set->folder, &f->name, err) != LC_OK)
        return err->code;
    if (lc_ckpt_source_open(&in, path, &gone) != LC_OK)
        return LC_OK;
    walk.in = &in;
    while (found && err->code == LC_OK)
        if (lc_ckpt_walk_next(&walk, &s, &r, &found, err) == LC_OK && found)
            keep_segment(set, file, &s, &r, err);
    f->damaged = walk.damaged;
    lc_ckpt_source_close(&in);
    return err->code;
}

static int compare_found(const void *a, const void *b)
{
    const struct lc_ckpt_found *x = a, *y = b;

    if (x->run != y->run)
        return compare_int64(y->run, x->run);
    if (x->segment.rank != y->segment.rank)
        return compare_int64(x->segment.rank, y->segment.rank);
    if (x->segment.sequence != y->segment.sequence)
        return compare_int64(x->segment.sequence, y->segment.sequence);
    if (x->file != y->file)
        return compare_int64(x->file, y->file);
    return compare_int64(x->segment.place, y->segment.place);
}

int lc_ckpt_set_scan(struct lc_ckpt_set *set, int64_t units, struct lc_err *err)
{
    for (int64_t i = set->first; i < set->files; i += set->step)
        if (set->file[i].usable && scan_file(set, i, units, err) != LC_OK)
            return err->code;
    lc_ckpt_set_sort(set);
    return LC_OK;
}

void lc_ckpt_set_sort(struct lc_ckpt_set *set)
{
    if (set->count > 0)
        qsort(set->found, (size_t)set->count, sizeof *set->found, compare_found);
}

/* A file that another rank has read. */
struct file_seen {
    int64_t index, damaged;
    int32_t usable;
    char digest[LC_HASH_HEX];
};

static int was_read(const struct lc_ckpt_file *f)
{
    return f->usable || f->damaged;
}

int lc_ckpt_set_save(const struct lc_ckpt_set *set, struct lc_bytes *out, struct lc_err *err)
{
    int64_t files = 0;
    int rc;

    for (int64_t i = 0; i < set->files; i++)
        files += was_read(&set->file[i]);
    LC_TRY(rc, lc_bytes_add(out, &files, sizeof files, err));
    for (int64_t i = 0; i < set->files; i++) {
        const struct lc_ckpt_file *f = &set->file[i];
        struct file_seen seen = {.index = i, .damaged = f->damaged, .usable = f->usable};
        if (!was_read(f))
            continue;
        memcpy(seen.digest, f->header.digest, sizeof seen.digest);
        LC_TRY(rc, lc_bytes_add(out, &seen, sizeof seen, err));
    }
    LC_TRY(rc, lc_bytes_add(out, &set->count, sizeof set->count, err));
    for (int64_t i = 0; i < set->count; i++) {
        const struct lc_ranges *r = &set->found[i].ranges;
        LC_TRY(rc, lc_bytes_add(out, &set->found[i], sizeof set->found[i], err));
        LC_TRY(rc, lc_bytes_add(out, r->at, (size_t)r->count * sizeof *r->at, err));
    }
done:
    return rc;
}

static int merge_segment(struct lc_ckpt_set *set, struct lc_reader *in, struct lc_err *err)
{
    struct lc_ranges r = {0};
    struct lc_ckpt_found f;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &f, sizeof f, err));
    LC_TRY(rc, LC_ALLOC(&r.at, f.ranges.count, "ranges of units", err));
    r.count = r.room = f.ranges.count;
    LC_TRY(rc, lc_reader_take(in, r.at, (size_t)r.count * sizeof *r.at, err));
    return keep_segment(set, f.file, &f.segment, &r, err);
done:
    lc_ranges_release(&r);
    return rc;
}

int lc_ckpt_set_merge(struct lc_ckpt_set *set, struct lc_reader *in, struct lc_err *err)
{
    int64_t files, segments;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &files, sizeof files, err));
    for (int64_t i = 0; i < files; i++) {
        struct file_seen seen;
        LC_TRY(rc, lc_reader_take(in, &seen, sizeof seen, err));
        set->file[seen.index].usable = seen.usable;
        set->file[seen.index].damaged = seen.damaged;
        memcpy(set->file[seen.index].header.digest, seen.digest, sizeof seen.digest);
    }
    LC_TRY(rc, lc_reader_take(in, &segments, sizeof segments, err));
    for (int64_t i = 0; i < segments; i++)
        LC_TRY(rc, merge_segment(set, in, err));
done:
    return rc;
}

static int same_rank(const struct lc_ckpt_found *a, const struct lc_ckpt_found *b)
{
    return a->run == b->run && a->segment.rank == b->segment.rank;
}

static int is_better(const struct lc_ckpt_found *a, const struct lc_ckpt_found *b)
{
    if ((a->state == LC_CKPT_TAKEN) != (b->state == LC_CKPT_TAKEN))
        return a->state == LC_CKPT_TAKEN;
    if (a->units != b->units)
        return a->units > b->units;
    return a->segment.kind == LC_CKPT_WHOLE && b->segment.kind != LC_CKPT_WHOLE;
}

/* `best` of all segments: one of each run, rank and sequence that is not bad, none at all below a whole one. */
static void choose_best(struct lc_ckpt_set *set)
{
    struct lc_ckpt_found *last = NULL; /* the best of the present sequence */

    for (int64_t i = 0; i < set->count; i++) {
        struct lc_ckpt_found *f = &set->found[i];
        f->best = 0;
        if (f->state == LC_CKPT_BAD)
            continue;
        if (last && same_rank(last, f) && last->segment.sequence == f->segment.sequence) {
            if (!is_better(f, last))
                continue;
            last->best = 0;
        }
        f->best = 1;
        last = f;
    }
    for (int64_t i = set->count - 1, superseded = 0; i >= 0; i--) {
        struct lc_ckpt_found *f = &set->found[i];
        if (i == set->count - 1 || !same_rank(f, f + 1))
            superseded = 0;
        if (f->best && superseded)
            f->best = 0;
        else if (f->best)
            superseded = f->segment.kind == LC_CKPT_WHOLE;
    }
}

/* How many of its units are covered. */
static int64_t covered(const struct lc_ckpt_found *f, const unsigned char *done)
{
    int64_t n = 0;

    for (int64_t i = 0; i < f->ranges.count; i++)
        for (int64_t u = f->ranges.at[i].first; u < f->ranges.at[i].first + f->ranges.at[i].count; u++)
            n += done[u];
    return n;
}

static void cover(const struct lc_ckpt_found *f, unsigned char *done)
{
    for (int64_t i = 0; i < f->ranges.count; i++)
        memset(done + f->ranges.at[i].first, 1, (size_t)f->ranges.at[i].count);
}

int64_t lc_ckpt_set_choose(struct lc_ckpt_set *set, unsigned char *done, int64_t units)
{
    int64_t chosen = 0;

    memset(done, 0, (size_t)units);
    choose_best(set);
    for (int64_t i = 0; i < set->count; i++)
        if (set->found[i].state == LC_CKPT_TAKEN)
            cover(&set->found[i], done);
    for (int64_t i = 0; i < set->count; i++) {
        struct lc_ckpt_found *f = &set->found[i];
        if (f->state == LC_CKPT_TAKEN || f->state == LC_CKPT_BAD)
            continue;
        f->state = f->best && covered(f, done) == 0 ? LC_CKPT_CHOSEN : LC_CKPT_LEFT;
        if (f->state == LC_CKPT_CHOSEN) {
            cover(f, done);
            chosen++;
        }
    }
    return chosen;
}

/* Sequences without a segment, from the whole one (or the first) of each run and rank on. */
static int64_t count_missing(const struct lc_ckpt_set *set)
{
    const struct lc_ckpt_found *last = NULL;
    int64_t missing = 0;

    for (int64_t i = 0; i < set->count; i++) {
        const struct lc_ckpt_found *f = &set->found[i];
        int64_t expected;
        if (!f->best)
            continue;
        expected = last && same_rank(last, f) ? last->segment.sequence + 1 : 0;
        if (f->segment.kind == LC_CKPT_ADDED)
            missing += f->segment.sequence - expected;
        last = f;
    }
    return missing;
}

void lc_ckpt_set_losses(const struct lc_ckpt_set *set, const unsigned char *done, struct lc_ckpt_losses *out)
{
    *out = (struct lc_ckpt_losses){0};
    for (int64_t i = 0; i < set->files; i++)
        out->damaged += set->file[i].damaged;
    for (int64_t i = 0; i < set->count; i++) {
        const struct lc_ckpt_found *f = &set->found[i];
        out->damaged += f->state == LC_CKPT_BAD;
        out->contradictions += f->best && f->state == LC_CKPT_LEFT && covered(f, done) < f->units;
    }
    out->missing = count_missing(set);
}

int64_t lc_ckpt_set_last_run(const struct lc_ckpt_set *set)
{
    return set->files ? set->file[set->files - 1].name.run : 0;
}

int64_t lc_ckpt_set_runs(const struct lc_ckpt_set *set)
{
    int64_t runs = 0;

    for (int64_t i = 0; i < set->files; i++)
        runs += i == 0 || set->file[i].name.run != set->file[i - 1].name.run;
    return runs;
}

int64_t lc_ckpt_remove_before(const char *folder, int64_t run)
{
    char path[LC_PATH_MAX];
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int64_t failed = 0;

    while (dir && (entry = readdir(dir))) {
        struct lc_err ignored = LC_ERR_INIT;
        struct lc_ckpt_name name;
        int kind = lc_ckpt_name_parse(&name, entry->d_name);
        if (kind == 0 || (kind == 1 && name.run >= run) || lc_path_join(path, folder, entry->d_name, &ignored) != LC_OK)
            continue;
        failed += unlink(path) != 0 && errno != ENOENT;
    }
    if (dir)
        closedir(dir);
    return failed;
}

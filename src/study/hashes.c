#include "hashes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lightcone/clock.h"
#include "lightcone/file.h"
#include "lightcone/memory.h"

struct lc_hashed {
    char *path; /* owned */
    struct stat is;
    char hash[LC_HASH_HEX];
};

void lc_hashes_release(struct lc_hashes *h)
{
    for (int64_t i = 0; i < h->count; i++)
        free(h->item[i].path);
    free(h->item);
    *h = (struct lc_hashes){0};
}

static int is_unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The entry of a path, made when missing. */
static int entry_of(struct lc_hashes *h, const char *path, struct lc_hashed **out, struct lc_err *err)
{
    for (int64_t i = 0; i < h->count; i++)
        if (strcmp(h->item[i].path, path) == 0) {
            *out = &h->item[i];
            return LC_OK;
        }
    if (h->count == h->room) {
        int64_t room = h->room ? 2 * h->room : 64;
        struct lc_hashed *more = realloc(h->item, (size_t)room * sizeof *more);
        if (!more)
            return LC_FAIL(err, LC_E_MEMORY, "no memory for the hashes of %" PRId64 " files", room);
        h->item = more;
        h->room = room;
    }
    *out = &h->item[h->count];
    **out = (struct lc_hashed){0};
    if (lc_strdup(&(*out)->path, path, err) == LC_OK)
        h->count++;
    return err->code;
}

int lc_hash_once(struct lc_hashes *h, const char *path, char hash[LC_HASH_HEX], int64_t *size, struct lc_err *err)
{
    struct lc_hashed *known = NULL;
    struct stat now;

    if (stat(path, &now) != 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(errno));
    if (entry_of(h, path, &known, err) != LC_OK)
        return err->code;
    if (!known->hash[0] || !is_unchanged(&known->is, &now)) {
        if (lc_hash_file(known->hash, size, path, err) != LC_OK)
            return err->code;
        known->is = now;
    }
    memcpy(hash, known->hash, LC_HASH_HEX);
    *size = (int64_t)known->is.st_size;
    return LC_OK;
}

int lc_hashes_note(struct lc_hashes *h, const char *path, struct lc_err *err)
{
    struct lc_hashed *known = NULL;
    struct stat now;

    if (entry_of(h, path, &known, err) != LC_OK)
        return err->code;
    if (stat(path, &now) != 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(errno));
    if (!is_unchanged(&known->is, &now))
        known->hash[0] = '\0';
    known->is = now;
    return LC_OK;
}

/* A file without a hash, as ranks tell each other. */
struct wanted {
    int64_t entry, size;
    char path[LC_PATH_MAX];
};

/* Rank 0. */
static int list_wanted(const struct lc_hashes *h, struct wanted **out, int64_t *bytes, struct lc_err *err)
{
    int64_t count = 0;
    int rc;

    LC_TRY(rc, LC_ALLOC(out, h->count > 0 ? h->count : 1, "names of files", err));
    for (int64_t i = 0; i < h->count; i++)
        if (!h->item[i].hash[0]) {
            struct wanted *w = &(*out)[count++];
            w->entry = i;
            w->size = (int64_t)h->item[i].is.st_size;
            snprintf(w->path, sizeof w->path, "%s", h->item[i].path);
        }
    *bytes = count * (int64_t)sizeof **out;
done:
    return rc;
}

/* A file that cannot be read gets no hash here: rank 0 will try it again, and say why. */
static int hash_mine(const struct lc_comm *par, const struct wanted *wanted, int64_t count, char (*hash)[LC_HASH_HEX],
                     struct lc_err *err)
{
    struct lc_deal deal;
    int rc;

    LC_TRY(rc, lc_deal_init(&deal, par, err));
    for (int64_t i = 0; i < count; i++) {
        struct lc_err ignored = LC_ERR_INIT;
        if (lc_deal_next(&deal, wanted[i].size) && lc_hash_file(hash[i], NULL, wanted[i].path, &ignored) != LC_OK)
            memset(hash[i], 0, sizeof hash[i]);
    }
done:
    lc_deal_release(&deal);
    return rc;
}

int lc_hashes_fill(struct lc_hashes *h, const struct lc_comm *par, double *seconds, struct lc_err *err)
{
    struct wanted *wanted = NULL;
    char (*hash)[LC_HASH_HEX] = NULL;
    int64_t bytes = 0, count;
    double begun;
    int rc;

    if (par->rank == 0)
        list_wanted(h, &wanted, &bytes, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, lc_comm_share(par, (void **)&wanted, &bytes, err));
    count = bytes / (int64_t)sizeof *wanted;
    begun = lc_seconds();
    if (LC_ALLOC(&hash, count > 0 ? count : 1, "hashes of files", err) == LC_OK && par->with_root)
        hash_mine(par, wanted, count, hash, err);
    *seconds += lc_seconds() - begun;
    LC_TRY(rc, lc_comm_agree(par, err));
    if (par->with_root)
        lc_comm_unite(par, hash, count * (int64_t)sizeof *hash);
    for (int64_t i = 0; i < count && par->rank == 0; i++)
        memcpy(h->item[wanted[i].entry].hash, hash[i], sizeof hash[i]);
done:
    free(wanted);
    free(hash);
    return rc;
}

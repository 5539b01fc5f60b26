#include "checkpoint_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_set.h"
#include "lightcone/clock.h"

static int path_of(char out[LC_PATH_MAX], const struct lc_ckpt_writer *w, int64_t generation, struct lc_err *err)
{
    struct lc_ckpt_name name = {w->run, w->node_number, generation};

    return lc_ckpt_set_path(out, w->folder, &name, err);
}

static int header_of(struct lc_bytes *out, struct lc_ckpt_header *h, const struct lc_ckpt_writer *w, int64_t generation,
                     struct lc_err *err)
{
    struct lc_ckpt_name name = {w->run, w->node_number, generation};

    return lc_ckpt_header_save(out, h, &name, w->identity, err);
}

/* The file appears whole: written beside, fsync'ed, renamed, the folder fsync'ed. */
static int make_file(struct lc_ckpt_writer *w, int64_t generation, struct lc_err *err)
{
    struct lc_bytes bytes = {0};
    struct lc_ckpt_header h;
    char path[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, path_of(path, w, generation, err));
    LC_TRY(rc, header_of(&bytes, &h, w, generation, err));
    LC_TRY(rc, lc_file_write(path, bytes.data, bytes.size, err));
    atomic_store(&w->node->end[generation % 2], h.size);
done:
    lc_bytes_release(&bytes);
    return rc;
}

static int open_file(int *fd, struct lc_ckpt_header *h, const struct lc_ckpt_writer *w, int64_t generation,
                     struct lc_err *err)
{
    struct lc_bytes bytes = {0};
    char path[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, path_of(path, w, generation, err));
    LC_TRY(rc, header_of(&bytes, h, w, generation, err));
    *fd = open(path, O_WRONLY | O_CLOEXEC);
    if (*fd < 0)
        rc = LC_FAIL(err, LC_E_IO, "%s: cannot be written: %s", path, strerror(errno));
done:
    lc_bytes_release(&bytes);
    return rc;
}

int lc_ckpt_writer_make_first(struct lc_ckpt_writer *w, struct lc_err *err)
{
    return make_file(w, 0, err);
}

int lc_ckpt_writer_open(struct lc_ckpt_writer *w, struct lc_err *err)
{
    return open_file(&w->fd, &w->header, w, 0, err);
}

void lc_ckpt_writer_close(struct lc_ckpt_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    lc_ranges_release(&w->owned);
}

static int has_grown(const struct lc_ckpt_writer *w)
{
    int64_t end = atomic_load(&w->node->end[w->header.name.generation % 2]);

    return atomic_load(&w->node->behind) == 0 &&
           end > LC_CKPT_GROWTH * atomic_load(&w->node->worth) + w->growth_floor;
}

int lc_ckpt_writer_wants_whole(const struct lc_ckpt_writer *w)
{
    return w->consolidates || atomic_load(&w->node->generation) > w->header.name.generation || has_grown(w);
}

static int write_at(int fd, const void *data, int64_t size, int64_t at, struct lc_err *err)
{
    const char *from = data;

    while (size > 0) {
        ssize_t n = pwrite(fd, from, (size_t)size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return LC_FAIL(err, LC_E_IO, "%s", n < 0 ? strerror(errno) : "nothing could be written");
        from += n;
        at += n;
        size -= n;
    }
    return LC_OK;
}

static int sync_file(int fd, struct lc_err *err)
{
    int rc;

    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? LC_OK : LC_FAIL(err, LC_E_IO, "fsync: %s", strerror(errno));
}

/* An open file of the node, and where segments of its own go. */
struct target {
    int fd;
    struct lc_ckpt_header header;
    _Atomic int64_t *end;
};

/* The head goes last: until it is there, nothing is. *headed says whether it came to that. */
static int write_parts(const struct target *to, const struct lc_ckpt_segment *s, const struct lc_bytes *ranges,
                       const struct lc_bytes *payload, int *headed, struct lc_err *err)
{
    unsigned char head[LC_CKPT_HEAD];
    int64_t at = s->place + LC_CKPT_HEAD;
    int rc;

    LC_TRY(rc, lc_ckpt_segment_save(head, s, to->header.digest, err));
    LC_TRY(rc, write_at(to->fd, ranges->data, (int64_t)ranges->size, at, err));
    LC_TRY(rc, write_at(to->fd, payload->data, s->payload, at + (int64_t)ranges->size, err));
    *headed = 1;
    LC_TRY(rc, write_at(to->fd, head, sizeof head, s->place, err));
    LC_TRY(rc, sync_file(to->fd, err));
done:
    return rc;
}

/* Wipe the head and give the place back if nobody has one behind it. What is left is a hole that readers pass over;
 * should the head be on disk in spite of all, the next try has the same sequence number. */
static void give_up(const struct target *to, const struct lc_ckpt_segment *s, int headed)
{
    static const unsigned char zeros[LC_CKPT_HEAD];
    int64_t end = s->place + lc_ckpt_segment_span(s);
    struct lc_err ignored = LC_ERR_INIT;

    if (!headed || write_at(to->fd, zeros, sizeof zeros, s->place, &ignored) == LC_OK)
        atomic_compare_exchange_strong(to->end, &end, s->place);
}

static int write_segment(const struct target *to, struct lc_ckpt_segment *s, const struct lc_ranges *units,
                         const struct lc_bytes *payload, struct lc_err *err)
{
    struct lc_bytes ranges = {0};
    int rc, headed = 0;

    s->ranges = units->count;
    s->payload = (int64_t)payload->size;
    LC_TRY(rc, lc_ranges_save(&ranges, units, err));
    LC_TRY(rc, lc_ckpt_segment_digest(s, &ranges, payload->data, err));
    s->place = atomic_fetch_add(to->end, lc_ckpt_segment_span(s));
    rc = write_parts(to, s, &ranges, payload, &headed, err);
    if (rc != LC_OK)
        give_up(to, s, headed);
done:
    lc_bytes_release(&ranges);
    return rc;
}

/* If the present file has grown too much and no other rank is at it: make the next. */
static int begin_generation(struct lc_ckpt_writer *w, struct lc_err *err)
{
    int64_t next = w->header.name.generation + 1, idle = 0;

    if (!has_grown(w) || !atomic_compare_exchange_strong(&w->node->making, &idle, 1))
        return LC_OK;
    if (atomic_load(&w->node->generation) < next && has_grown(w) && make_file(w, next, err) == LC_OK) {
        atomic_store(&w->node->behind, w->node_size);
        atomic_store(&w->node->generation, next);
    }
    atomic_store(&w->node->making, 0);
    return err->code;
}

/* This rank has all it holds in the new file; the last to come removes the old one. */
static void leave_generation(struct lc_ckpt_writer *w, const struct target *to)
{
    struct lc_err ignored = LC_ERR_INIT;
    char old[LC_PATH_MAX];
    int named = path_of(old, w, w->header.name.generation, &ignored) == LC_OK;

    close(w->fd);
    w->fd = to->fd;
    w->header = to->header;
    if (atomic_fetch_sub(&w->node->behind, 1) == 1 && named)
        unlink(old);
}

static void count_worth(struct lc_ckpt_writer *w, const struct lc_ckpt_segment *s)
{
    int64_t span = lc_ckpt_segment_span(s), worth = s->kind == LC_CKPT_WHOLE || span > w->worth ? span : w->worth;

    atomic_fetch_add(&w->node->worth, worth - w->worth);
    w->worth = worth;
    w->bytes += LC_CKPT_HEAD + s->ranges * (int64_t)sizeof(struct lc_range) + s->payload;
    w->segments++;
}

/* `all`: units held with those of this segment; taken over on success. */
static int append(struct lc_ckpt_writer *w, int kind, const struct lc_ranges *units, struct lc_ranges *all,
                  const struct lc_bytes *payload, struct lc_err *err)
{
    struct target to = {.fd = w->fd, .header = w->header};
    struct lc_ckpt_segment s = {.sequence = w->sequence, .rank = w->rank, .kind = kind};
    int moves = kind == LC_CKPT_WHOLE && atomic_load(&w->node->generation) > w->header.name.generation;

    if (moves && open_file(&to.fd, &to.header, w, w->header.name.generation + 1, err) != LC_OK)
        return err->code;
    to.end = &w->node->end[to.header.name.generation % 2];
    if (units->count > 0 && write_segment(&to, &s, units, payload, err) != LC_OK) {
        if (moves)
            close(to.fd);
        return err->code;
    }
    if (units->count > 0) {
        w->sequence++;
        count_worth(w, &s);
    }
    if (moves)
        leave_generation(w, &to);
    lc_ranges_release(&w->owned);
    w->owned = *all;
    *all = (struct lc_ranges){0};
    return LC_OK;
}

int lc_ckpt_writer_append(struct lc_ckpt_writer *w, int kind, const int64_t *unit, int64_t count,
                          const struct lc_bytes *payload, struct lc_err *err)
{
    struct lc_ranges added = {0}, all = {0};
    double begin = lc_seconds();
    char path[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, lc_ranges_make(&added, unit, count, w->units, err));
    LC_TRY(rc, lc_ranges_join(&all, &w->owned, &added, err));
    if (kind == LC_CKPT_WHOLE)
        LC_TRY(rc, begin_generation(w, err));
    if (append(w, kind, kind == LC_CKPT_WHOLE ? &all : &added, &all, payload, err) != LC_OK) {
        struct lc_err ignored = LC_ERR_INIT;
        if (path_of(path, w, w->header.name.generation, &ignored) == LC_OK)
            lc_err_prefix(err, path);
    }
    rc = err->code;
done:
    w->seconds += lc_seconds() - begin;
    lc_ranges_release(&added);
    lc_ranges_release(&all);
    return rc;
}

/* checkpoint_write.h - a rank's end of its node's file: places reserved, segments appended, files that follow one
 * another; no MPI. */
#ifndef LC_CHECKPOINT_WRITE_H
#define LC_CHECKPOINT_WRITE_H

#include <stdatomic.h>

#include "checkpoint_format.h"

/* Shared by the ranks of a node. At most two generations live at a time: a third begins when no rank is left in the
 * first, so that two ends are enough. */
struct lc_ckpt_node {
    _Atomic int64_t generation; /* the newest */
    _Atomic int64_t behind;     /* ranks that still write to the one before */
    _Atomic int64_t making;     /* 1 while a rank makes the next */
    _Atomic int64_t end[2];     /* next free place, by generation % 2 */
    _Atomic int64_t worth;      /* bytes, about, of one whole segment of every rank */
};

struct lc_ckpt_writer {
    char folder[LC_PATH_MAX];
    struct lc_ckpt_node *node;       /* not owned */
    const struct lc_bytes *identity; /* saved form, not owned */
    int64_t run, node_number, node_size, rank, units;
    int64_t growth_floor; /* bytes; see lc_ckpt_writer_wants_whole() */
    struct lc_ckpt_header header; /* of the file that `fd` is; identity left out */
    int fd;
    int64_t sequence, worth;
    int consolidates;       /* whole segments are wanted whatever the size */
    struct lc_ranges owned; /* units taken over and appended */
    int64_t bytes, segments;
    double seconds;
};

enum { LC_CKPT_GROWTH = 3, LC_CKPT_GROWTH_FLOOR = 64 << 20 };

/* The first file of a node: made by one rank, before any rank opens it. */
int lc_ckpt_writer_make_first(struct lc_ckpt_writer *w, struct lc_err *err);
int lc_ckpt_writer_open(struct lc_ckpt_writer *w, struct lc_err *err);
void lc_ckpt_writer_close(struct lc_ckpt_writer *w);

/* 1 when a newer file is there to go over to, or this one has more than LC_CKPT_GROWTH times the worth of its content
 * and the floor: so rewriting costs at most about half of what is written anyway. */
int lc_ckpt_writer_wants_whole(const struct lc_ckpt_writer *w);
/* `unit`: those since the last segment, in any order. A failure leaves everything as it was. */
int lc_ckpt_writer_append(struct lc_ckpt_writer *w, int kind, const int64_t *unit, int64_t count,
                          const struct lc_bytes *payload, struct lc_err *err);

#endif

/* comm.h - the parallel context: the one owner of the communicators, and agreement on errors. */
#ifndef LC_COMM_H
#define LC_COMM_H

#include <mpi.h>
#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/memory.h"

/* With comm MPI_COMM_NULL, size 1 and node_size 1 it is this process alone: agreeing, broadcasting and sharing then need
 * no MPI. */
struct lc_comm {
    MPI_Comm comm;   /* owned: a duplicate of what lc_comm_init() was given; errors return */
    MPI_Comm node;   /* owned: the ranks that share this node's memory */
    MPI_Comm leader; /* owned: rank 0 of every node; MPI_COMM_NULL on other ranks */
    int rank, size, node_rank, node_size;
    int with_root; /* 1 where rank 0 is on this node */
};

/* Duplicate `comm` and find the ranks of each node. Collective on comm. */
int lc_comm_init(struct lc_comm *par, MPI_Comm comm, struct lc_err *err);
/* Free the communicators; safe on a zeroed or released object, and after lc_comm_init() failed. Collective. */
void lc_comm_release(struct lc_comm *par);

/* Make one outcome of all ranks' outcomes: every rank returns the same code, and *err becomes the error of the
 * lowest-numbered rank that failed; agreeing again on the same error changes nothing. Collective: every rank calls it, failed or not. */
int lc_comm_agree(const struct lc_comm *par, struct lc_err *err);

/* Rank 0's `size` bytes to every rank's `data`; any size. Collective. */
void lc_comm_broadcast(const struct lc_comm *par, void *data, int64_t size);

/* The least of what the ranks say. Collective. */
int lc_comm_least(const struct lc_comm *par, int mine);

/* Every rank gets rank 0's `size` bytes, any number. On other ranks *size need not be known and *data is allocated, to
 * be freed by the caller. Collective; agrees on errors. */
int lc_comm_share(const struct lc_comm *par, void **data, int64_t *size, struct lc_err *err);

/* Memory that stands once on every node. `data` is 64-byte aligned and zeroed. */
struct lc_shared {
    MPI_Win window; /* MPI_WIN_NULL where the node has one rank: plain memory then */
    void *data;
    int64_t size; /* bytes */
};
/* `size` bytes, equal on all ranks; checks beforehand that the node can hold them (`what`, for the message).
 * Collective; agrees on errors. */
int lc_shared_init(struct lc_shared *s, const struct lc_comm *par, int64_t size, const char *what, struct lc_err *err);
/* What rank 0 wrote becomes visible on every node. Collective. */
void lc_shared_publish(struct lc_shared *s, const struct lc_comm *par);
void lc_shared_release(struct lc_shared *s); /* collective on the node */
/* What the node's ranks wrote becomes visible to each other. Collective on the node. */
void lc_shared_meet(const struct lc_shared *s, const struct lc_comm *par);

/* Every rank of rank 0's node has filled other parts of `size` zeroed bytes, fewer than 2^31: rank 0 gets them all. Collective
 * on that node. */
void lc_comm_unite(const struct lc_comm *par, void *data, int64_t size);

/* Merge every rank's contribution into rank 0's along a binomial tree: `save` appends a rank's own, `merge` adds
 * another's to one's own. Collective; agrees on errors. */
struct lc_mergeable {
    int (*save)(void *arg, struct lc_bytes *out, struct lc_err *err);
    int (*merge)(void *arg, struct lc_reader *in, struct lc_err *err);
    void *arg;
};
int lc_comm_merge(const struct lc_comm *par, const struct lc_mergeable *what, struct lc_err *err);

#endif

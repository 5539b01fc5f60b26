#include "lightcone/comm.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 28 };       /* bytes of one broadcast: counts stay far below INT_MAX */
enum { SAVED_PIECE = 1 << 20 }; /* bytes of one message of saved accumulators: a rank out of memory takes them as scrap */

/* The ranks that share this node's memory; of these, for tests, LIGHTCONE_NODE_RANKS at a time as if they were alone. */
static int find_node(struct lc_comm *par)
{
    const char *ranks = getenv("LIGHTCONE_NODE_RANKS");
    int few = ranks ? (int)strtol(ranks, NULL, 10) : 0, rank, rc;
    MPI_Comm whole;

    rc = MPI_Comm_split_type(par->comm, MPI_COMM_TYPE_SHARED, par->rank, MPI_INFO_NULL, &par->node);
    if (rc != MPI_SUCCESS || few < 1)
        return rc;
    whole = par->node;
    MPI_Comm_rank(whole, &rank);
    rc = MPI_Comm_split(whole, rank / few, rank, &par->node);
    MPI_Comm_free(&whole);
    return rc;
}

int lc_comm_init(struct lc_comm *par, MPI_Comm comm, struct lc_err *err)
{
    int first;

    *par = (struct lc_comm){.comm = MPI_COMM_NULL, .node = MPI_COMM_NULL, .leader = MPI_COMM_NULL};
    if (MPI_Comm_dup(comm, &par->comm) != MPI_SUCCESS)
        return LC_FAIL(err, LC_E_LIBRARY, "MPI_Comm_dup failed");
    MPI_Comm_set_errhandler(par->comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(par->comm, &par->rank);
    MPI_Comm_size(par->comm, &par->size);
    if (find_node(par) != MPI_SUCCESS)
        return LC_FAIL(err, LC_E_LIBRARY, "MPI cannot tell which ranks share a node");
    MPI_Comm_rank(par->node, &par->node_rank);
    MPI_Comm_size(par->node, &par->node_size);
    first = par->rank;
    MPI_Bcast(&first, 1, MPI_INT, 0, par->node);
    par->with_root = first == 0;
    if (MPI_Comm_split(par->comm, par->node_rank == 0 ? 0 : MPI_UNDEFINED, par->rank, &par->leader) != MPI_SUCCESS)
        return LC_FAIL(err, LC_E_LIBRARY, "MPI_Comm_split failed");
    return LC_OK;
}

void lc_comm_release(struct lc_comm *par)
{
    MPI_Comm *each[] = {&par->leader, &par->node, &par->comm};

    for (int i = 0; par->size > 0 && i < 3; i++)
        if (*each[i] != MPI_COMM_NULL)
            MPI_Comm_free(each[i]);
    *par = (struct lc_comm){.comm = MPI_COMM_NULL, .node = MPI_COMM_NULL, .leader = MPI_COMM_NULL};
}

int lc_comm_agree(const struct lc_comm *par, struct lc_err *err)
{
    int first = err->code != LC_OK ? par->rank : par->size;

    if (par->comm == MPI_COMM_NULL)
        return err->code;
    MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, par->comm);
    if (first == par->size)
        return LC_OK;
    if (first == par->rank && err->rank < 0) /* an error agreed on before keeps its rank */
        err->rank = par->rank;
    MPI_Bcast(err, (int)sizeof *err, MPI_BYTE, first, par->comm);
    return err->code;
}

static void broadcast(void *data, int64_t size, MPI_Comm comm)
{
    for (int64_t at = 0; at < size; at += PIECE)
        MPI_Bcast((char *)data + at, (int)(size - at < PIECE ? size - at : PIECE), MPI_BYTE, 0, comm);
}

void lc_comm_broadcast(const struct lc_comm *par, void *data, int64_t size)
{
    if (par->comm != MPI_COMM_NULL)
        broadcast(data, size, par->comm);
}

int lc_comm_share(const struct lc_comm *par, void **data, int64_t *size, struct lc_err *err)
{
    if (par->comm == MPI_COMM_NULL)
        return err->code;
    MPI_Bcast(size, 1, MPI_INT64_T, 0, par->comm);
    if (par->rank != 0)
        lc_alloc(data, *size, 1, "shared bytes", err);
    if (lc_comm_agree(par, err) != LC_OK)
        return err->code;
    broadcast(*data, *size, par->comm);
    return LC_OK;
}

void lc_shared_meet(const struct lc_shared *s, const struct lc_comm *par)
{
    if (s->window != MPI_WIN_NULL)
        MPI_Win_sync(s->window);
    MPI_Barrier(par->node);
    if (s->window != MPI_WIN_NULL)
        MPI_Win_sync(s->window);
}

void lc_shared_publish(struct lc_shared *s, const struct lc_comm *par)
{
    lc_shared_meet(s, par);
    if (par->leader != MPI_COMM_NULL)
        broadcast(s->data, s->size, par->leader);
    lc_shared_meet(s, par);
}

int lc_comm_least(const struct lc_comm *par, int mine)
{
    MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_INT, MPI_MIN, par->comm);
    return mine;
}

void lc_comm_unite(const struct lc_comm *par, void *data, int64_t size)
{
    MPI_Reduce(par->rank == 0 ? MPI_IN_PLACE : data, data, (int)size, MPI_BYTE, MPI_BOR, 0, par->node);
}

static int send_saved(const struct lc_comm *par, const struct lc_mergeable *what, int to, struct lc_err *err)
{
    struct lc_bytes bytes = {0};
    int64_t size;

    if (err->code == LC_OK)
        what->save(what->arg, &bytes, err);
    size = err->code == LC_OK ? (int64_t)bytes.size : -1;
    MPI_Send(&size, 1, MPI_INT64_T, to, 0, par->comm);
    for (int64_t at = 0; at < size; at += SAVED_PIECE)
        MPI_Send(bytes.data + at, (int)(size - at < SAVED_PIECE ? size - at : SAVED_PIECE), MPI_BYTE, to, 0, par->comm);
    lc_bytes_release(&bytes);
    return err->code;
}

/* Takes whatever the other rank sends, even when this one has failed or has no room for it, so that nobody waits. */
static int receive_saved(const struct lc_comm *par, const struct lc_mergeable *what, int from, struct lc_err *err)
{
    static unsigned char scrap[SAVED_PIECE];
    unsigned char *data = NULL;
    struct lc_reader in;
    int64_t size;

    MPI_Recv(&size, 1, MPI_INT64_T, from, 0, par->comm, MPI_STATUS_IGNORE);
    if (size < 0)
        return err->code;
    if (LC_ALLOC(&data, size, "merging", err) != LC_OK)
        data = NULL;
    for (int64_t at = 0; at < size; at += SAVED_PIECE)
        MPI_Recv(data ? data + at : scrap, (int)(size - at < SAVED_PIECE ? size - at : SAVED_PIECE), MPI_BYTE, from, 0,
                 par->comm, MPI_STATUS_IGNORE);
    in = (struct lc_reader){.data = data, .size = (size_t)size};
    if (err->code == LC_OK)
        what->merge(what->arg, &in, err);
    free(data);
    return err->code;
}

int lc_comm_merge(const struct lc_comm *par, const struct lc_mergeable *what, struct lc_err *err)
{
    for (int step = 1; step < par->size; step *= 2) {
        if (par->rank & step) {
            send_saved(par, what, par->rank - step, err);
            break;
        }
        if (par->rank + step < par->size)
            receive_saved(par, what, par->rank + step, err);
    }
    return lc_comm_agree(par, err);
}

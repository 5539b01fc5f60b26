/* shared.c - weights and token ids once per node. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "lightcone/comm.h"

enum { ALIGNMENT = 64 };

/* MPI backs shared windows with files in a memory file system; touching more than it holds kills the process without a
 * word, so ask first. */
static int check_room(int64_t size, const char *what, struct lc_err *err)
{
    struct statvfs fs;
    const char *folder = "/dev/shm";

    if (statvfs(folder, &fs) != 0)
        return LC_OK;
    if ((uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)size)
        return LC_OK;
    return LC_FAIL(err, LC_E_MEMORY,
                   "%s: %" PRId64 " bytes of shared memory are needed on a node, %s has %" PRIu64 " free", what, size,
                   folder, (uint64_t)fs.f_bavail * fs.f_frsize);
}

static int allocate_window(struct lc_shared *s, const struct lc_comm *par, struct lc_err *err)
{
    MPI_Aint bytes = par->node_rank == 0 ? (MPI_Aint)(s->size + ALIGNMENT) : 0;
    uintptr_t address;
    int unit;
    void *base;

    if (MPI_Win_allocate_shared(bytes, 1, MPI_INFO_NULL, par->node, &base, &s->window) != MPI_SUCCESS)
        return LC_FAIL(err, LC_E_LIBRARY, "MPI cannot share %" PRId64 " bytes between the ranks of a node", s->size);
    MPI_Win_shared_query(s->window, 0, &bytes, &unit, &base);
    /* the window may be mapped at another address on each rank, but pages keep the same offset */
    address = ((uintptr_t)base + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    s->data = (char *)base + (address - (uintptr_t)base);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, s->window);
    return LC_OK;
}

int lc_shared_init(struct lc_shared *s, const struct lc_comm *par, int64_t size, const char *what, struct lc_err *err)
{
    *s = (struct lc_shared){.window = MPI_WIN_NULL, .size = size};
    if (par->node_size == 1)
        lc_alloc(&s->data, size, 1, what, err);
    else if (par->node_rank == 0)
        check_room(size, what, err);
    if (lc_comm_agree(par, err) != LC_OK) {
        lc_shared_release(s);
        return err->code;
    }
    if (par->node_size > 1)
        allocate_window(s, par, err);
    return lc_comm_agree(par, err);
}

void lc_shared_release(struct lc_shared *s)
{
    if (s->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(s->window);
        MPI_Win_free(&s->window);
    } else {
        free(s->data);
    }
    *s = (struct lc_shared){.window = MPI_WIN_NULL};
}

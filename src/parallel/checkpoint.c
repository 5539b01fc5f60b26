#include "checkpoint_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say_strays(const struct lc_checkpoint *c, const char *folder)
{
    char text[LC_PATH_MAX + 160];

    if (c->set.strays == 0)
        return;
    snprintf(text, sizeof text, "%s: %" PRId64 " names in it are none of a checkpoint, '%s' for one: left alone", folder,
             c->set.strays, c->set.stray);
    c->warn(text);
}

/* Rank 0: what earlier runs left. */
static int look(struct lc_checkpoint *c, const char *folder, const struct lc_checkpoint_identity *identity, int fresh,
                struct lc_err *err)
{
    const struct lc_ckpt_identity own = {
        .units = identity->units,
        .text = {identity->version, identity->config, identity->inputs, identity->kernel_class},
    };
    int rc;

    if (own.units < 0 || own.units > LC_CKPT_UNITS_MOST)
        return LC_FAIL(err, LC_E_CONFIG, "checkpoint: the job has %" PRId64 " units of work; at most %d", own.units,
                       LC_CKPT_UNITS_MOST);
    LC_TRY(rc, lc_ckpt_identity_save(&c->identity, &own, err));
    LC_TRY(rc, lc_folder_make(folder, err));
    if (lc_ckpt_remove_before(folder, fresh ? INT64_MAX : 0) > 0 && fresh)
        return LC_FAIL(err, LC_E_IO, "%s: its files cannot be removed to start over", folder);
    LC_TRY(rc, lc_ckpt_set_list(&c->set, folder, err));
    say_strays(c, folder);
    c->run = lc_ckpt_set_last_run(&c->set) + 1;
    c->runs_found = lc_ckpt_set_runs(&c->set);
done:
    return rc;
}

/* The names of files, to all, each rank its share of the files to read. */
static int share_files(struct lc_checkpoint *c, const char *folder, struct lc_err *err)
{
    int64_t size = c->set.files * (int64_t)sizeof(struct lc_ckpt_name);
    struct lc_ckpt_name *name = NULL;
    int rc;

    if (c->par->rank == 0)
        LC_ALLOC(&name, c->set.files, "checkpoint files", err);
    for (int64_t i = 0; name && i < c->set.files; i++)
        name[i] = c->set.file[i].name;
    LC_TRY(rc, lc_comm_agree(c->par, err));
    LC_TRY(rc, lc_comm_share(c->par, (void **)&name, &size, err));
    lc_ckpt_set_release(&c->set);
    rc = lc_ckpt_set_share(&c->set, folder, name, size / (int64_t)sizeof *name, c->par->rank, c->par->size, err);
done:
    free(name);
    return rc;
}

/* What rank 0 found out, to all; then all read headers, and refuse other work. */
static int look_together(struct lc_checkpoint *c, const char *folder, struct lc_err *err)
{
    int64_t known[3] = {c->run, c->runs_found, (int64_t)c->identity.size};
    int rc;

    lc_comm_broadcast(c->par, known, sizeof known);
    c->run = known[0];
    c->runs_found = known[1];
    LC_TRY(rc, lc_comm_share(c->par, (void **)&c->identity.data, &known[2], err));
    c->identity.size = c->identity.room = (size_t)known[2];
    if (share_files(c, folder, err) == LC_OK)
        lc_ckpt_set_headers(&c->set, &c->identity, err);
    rc = lc_comm_agree(c->par, err);
done:
    return rc;
}

static int open_writer(struct lc_checkpoint *c, const char *folder, struct lc_err *err)
{
    const struct lc_comm *par = c->par;
    int node_number = 0, rc;

    LC_TRY(rc, lc_shared_init(&c->shared, par, sizeof(struct lc_ckpt_node), "checkpoint", err));
    if (par->leader != MPI_COMM_NULL)
        MPI_Comm_rank(par->leader, &node_number);
    MPI_Bcast(&node_number, 1, MPI_INT, 0, par->node);
    c->writer = (struct lc_ckpt_writer){.node = c->shared.data,
                                        .identity = &c->identity,
                                        .run = c->run,
                                        .node_number = node_number,
                                        .node_size = par->node_size,
                                        .rank = par->rank,
                                        .units = lc_ckpt_identity_units(&c->identity),
                                        .growth_floor = LC_CKPT_GROWTH_FLOOR,
                                        .fd = -1};
    snprintf(c->writer.folder, sizeof c->writer.folder, "%s", folder);
    if (par->node_rank == 0)
        lc_ckpt_writer_make_first(&c->writer, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_ckpt_writer_open(&c->writer, err);
    rc = lc_comm_agree(par, err);
done:
    return rc;
}

static void release(struct lc_checkpoint *c)
{
    lc_ckpt_writer_close(&c->writer);
    lc_shared_release(&c->shared);
    lc_ckpt_set_release(&c->set);
    lc_bytes_release(&c->identity);
    free(c);
}

int lc_checkpoint_open(struct lc_checkpoint **out, const struct lc_comm *par, const char *folder,
                       const struct lc_checkpoint_identity *identity, int fresh, void (*warn)(const char *text),
                       struct lc_err *err)
{
    struct lc_checkpoint *c = NULL;
    int rc;

    *out = NULL;
    LC_ALLOC(&c, 1, "checkpoint", err);
    if (lc_comm_agree(par, err) != LC_OK) {
        free(c);
        return err->code;
    }
    *c = (struct lc_checkpoint){.par = par, .warn = warn, .runs_most = LC_CKPT_RUNS_MOST};
    c->shared.window = MPI_WIN_NULL;
    c->writer.fd = -1;
    if (par->rank == 0)
        look(c, folder, identity, fresh, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, look_together(c, folder, err));
    LC_TRY(rc, open_writer(c, folder, err));
    *out = c;
done:
    if (rc != LC_OK)
        release(c);
    return rc;
}

void lc_checkpoint_limits(struct lc_checkpoint *c, int64_t growth_floor, int64_t runs_most)
{
    c->writer.growth_floor = growth_floor;
    c->runs_most = runs_most;
}

int lc_checkpoint_append(struct lc_checkpoint *c, const int64_t *unit, int64_t count, const struct lc_bytes *added,
                         struct lc_err *err)
{
    return lc_ckpt_writer_append(&c->writer, LC_CKPT_ADDED, unit, count, added, err);
}

int lc_checkpoint_wants_whole(const struct lc_checkpoint *c)
{
    return lc_ckpt_writer_wants_whole(&c->writer);
}

int lc_checkpoint_append_whole(struct lc_checkpoint *c, const int64_t *unit, int64_t count, const struct lc_bytes *all,
                               struct lc_err *err)
{
    int rc = lc_ckpt_writer_append(&c->writer, LC_CKPT_WHOLE, unit, count, all, err);

    if (rc == LC_OK) {
        c->settled_whole = 1;
        c->writer.consolidates = 0;
    }
    return rc;
}

void lc_checkpoint_settle(struct lc_checkpoint *c)
{
    int all = c->settled_whole || c->writer.owned.count == 0, wanted = c->runs_found > c->runs_most;

    c->writer.consolidates = 0;
    MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, c->par->comm);
    if (!wanted)
        return;
    if (c->par->rank == 0 && !all)
        c->warn("checkpoint: what earlier runs wrote could not be written anew as one, so their files stay; nothing is lost (is the "
                "disk full?)");
    if (c->par->rank == 0 && all && lc_ckpt_remove_before(c->writer.folder, c->run) > 0)
        c->warn("checkpoint: files of earlier runs that are not needed any more could not be removed; they do no harm");
    MPI_Barrier(c->par->comm); /* nobody begins a file while half written ones are removed */
}

void lc_checkpoint_cost(const struct lc_checkpoint *c, struct lc_checkpoint_cost *out)
{
    *out = (struct lc_checkpoint_cost){.bytes = c->writer.bytes,
                                       .segments = c->writer.segments,
                                       .restarts = c->run - 1,
                                       .seconds = c->writer.seconds};
}

/* A node on which nothing was written leaves nothing. */
static void remove_empty(const struct lc_checkpoint *c)
{
    const struct lc_ckpt_writer *w = &c->writer;
    struct lc_ckpt_name name = {w->run, w->node_number, 0};
    struct lc_err ignored = LC_ERR_INIT;
    char path[LC_PATH_MAX];

    if (atomic_load(&w->node->generation) == 0 && atomic_load(&w->node->end[0]) == w->header.size &&
        lc_ckpt_set_path(path, w->folder, &name, &ignored) == LC_OK)
        unlink(path);
}

void lc_checkpoint_close(struct lc_checkpoint *c, int remove)
{
    lc_ckpt_writer_close(&c->writer); /* on NFS a removed file that is open stays under another name, and the folder with it */
    MPI_Barrier(c->par->comm);
    if (c->par->rank == 0 && remove)
        lc_ckpt_remove_before(c->writer.folder, INT64_MAX);
    if (c->par->node_rank == 0 && !remove)
        remove_empty(c);
    MPI_Barrier(c->par->comm);
    if (c->par->rank == 0)
        rmdir(c->writer.folder); /* stays when anything is in it */
    MPI_Barrier(c->par->comm);
    release(c);
}

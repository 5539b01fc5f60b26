/* NP: 1 2 3 5 7 - written on some ranks and nodes, continued on others, killed at any moment: every unit that was saved
 * counts, none counts twice, and its bytes are those that were written. */
#include "mpi_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/parallel/checkpoint_internal.h"
#include "lightcone/random.h"

enum { UNITS = 200, FILLER = 700 };

static const struct lc_checkpoint_identity identity = {"lightcone 1", "a: 1\nb: 2\n", "model abc\n", "AVX2", UNITS};
static char folder[256];
static int warned, stray_warned;

static void warn(const char *text)
{
    REQUIRE(par.rank == 0);
    warned++;
    stray_warned += strstr(text, "left alone") != NULL;
}

/* The same on all ranks; or each rank's own. */
static int64_t draw(int64_t n)
{
    static uint64_t counter;

    return (int64_t)lc_random_below(7, 0, counter++, (uint64_t)n);
}

static int64_t draw_own(int64_t n)
{
    static uint64_t counter;

    return (int64_t)lc_random_below(7, 1 + (uint64_t)par.rank, counter++, (uint64_t)n);
}

static void new_folder(void)
{
    const char *work = getenv("WORK");

    if (par.rank == 0) {
        snprintf(folder, sizeof folder - 32, "%s/checkpoint.XXXXXX", work && *work ? work : "/tmp");
        REQUIRE(mkdtemp(folder));
        strncat(folder, "/job", 5);
    }
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void remove_folder(void)
{
    struct lc_err err = LC_ERR_INIT;
    char above[LC_PATH_MAX];

    MPI_Barrier(MPI_COMM_WORLD);
    if (par.rank == 0) {
        lc_ckpt_remove_before(folder, INT64_MAX);
        rmdir(folder);
        lc_path_folder(above, folder);
        REQUIRE(rmdir(above) == 0);
    }
    REQUIRE(err.code == LC_OK);
}

/* The first `ranks` ranks, `each` of them on a node: MPI sees one node here. */
static void comm_init(struct lc_comm *some, int ranks, int each)
{
    struct lc_err err = LC_ERR_INIT;
    MPI_Comm comm;

    *some = (struct lc_comm){0};
    MPI_Comm_split(MPI_COMM_WORLD, par.rank < ranks ? 0 : MPI_UNDEFINED, par.rank, &comm);
    if (comm == MPI_COMM_NULL)
        return;
    REQUIRE(lc_comm_init(some, comm, &err) == LC_OK);
    MPI_Comm_free(&comm);
    if (some->leader != MPI_COMM_NULL)
        MPI_Comm_free(&some->leader);
    MPI_Comm_free(&some->node);
    MPI_Comm_split(some->comm, some->rank / each, some->rank, &some->node);
    MPI_Comm_rank(some->node, &some->node_rank);
    MPI_Comm_size(some->node, &some->node_size);
    MPI_Comm_split(some->comm, some->node_rank == 0 ? 0 : MPI_UNDEFINED, some->rank, &some->leader);
}

/* What a rank of a job has. */
struct driver {
    struct lc_comm comm;
    struct lc_checkpoint *c;
    int held[UNITS];          /* how often each unit is in what this rank holds */
    unsigned char done[UNITS]; /* after the resume, on all ranks */
    int64_t fresh[UNITS], count; /* since the last segment */
    int fail_merge;
};
static int saved[UNITS]; /* by this rank, in this folder: append said that it is on disk */

static void put_unit(struct lc_bytes *out, int64_t unit)
{
    struct lc_err err = LC_ERR_INIT;
    unsigned char filler[FILLER];

    memset(filler, (int)unit, sizeof filler);
    REQUIRE(lc_bytes_add(out, &unit, sizeof unit, &err) == LC_OK);
    REQUIRE(lc_bytes_add(out, filler, (size_t)(unit % 8 * 100), &err) == LC_OK);
}

static int merge(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct driver *d = arg;
    unsigned char filler[FILLER];

    if (d->fail_merge && d->comm.rank == d->comm.size - 1)
        return LC_FAIL(err, LC_E_FORMAT, "merge failed");
    while (in->at < in->size) {
        int64_t unit;
        REQUIRE(lc_reader_take(in, &unit, sizeof unit, err) == LC_OK && unit >= 0 && unit < UNITS);
        REQUIRE(lc_reader_take(in, filler, (size_t)(unit % 8 * 100), err) == LC_OK);
        for (int64_t i = 0; i < unit % 8 * 100; i++)
            REQUIRE(filler[i] == (unsigned char)unit);
        d->held[unit]++;
    }
    return LC_OK;
}

static int append(struct driver *d)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_bytes bytes = {0};
    int whole = lc_checkpoint_wants_whole(d->c), rc;

    for (int64_t u = 0; whole && u < UNITS; u++)
        if (d->held[u])
            put_unit(&bytes, u);
    for (int64_t i = 0; !whole && i < d->count; i++)
        put_unit(&bytes, d->fresh[i]);
    rc = whole ? lc_checkpoint_append_whole(d->c, d->fresh, d->count, &bytes, &err)
               : lc_checkpoint_append(d->c, d->fresh, d->count, &bytes, &err);
    lc_bytes_release(&bytes);
    if (rc != LC_OK)
        return rc;
    for (int64_t i = 0; i < d->count; i++)
        saved[d->fresh[i]] = 1;
    d->count = 0;
    return LC_OK;
}

/* Every unit is held once in all where done says so. */
static int64_t check_held(const struct driver *d)
{
    int sum[UNITS];
    int64_t n = 0;

    MPI_Allreduce(d->held, sum, UNITS, MPI_INT, MPI_SUM, d->comm.comm);
    for (int u = 0; u < UNITS; u++) {
        REQUIRE(sum[u] == d->done[u]);
        n += d->done[u];
    }
    return n;
}

static int64_t begin(struct driver *d, int ranks, int each, int64_t growth_floor, int64_t runs_most)
{
    struct lc_err err = LC_ERR_INIT;

    *d = (struct driver){0};
    comm_init(&d->comm, ranks, each);
    if (d->comm.size == 0)
        return 0;
    REQUIRE(lc_checkpoint_open(&d->c, &d->comm, folder, d->comm.rank == 0 ? &identity : NULL, 0, warn, &err) == LC_OK);
    lc_checkpoint_limits(d->c, growth_floor, runs_most);
    REQUIRE(lc_checkpoint_resume(d->c, merge, d, d->done, &err) == LC_OK);
    return check_held(d);
}

static void settle(struct driver *d)
{
    if (d->comm.size == 0)
        return;
    if (lc_checkpoint_wants_whole(d->c))
        append(d);
    lc_checkpoint_settle(d->c);
}

/* `work` of the units that are left, in unequal shares, with segments now and then; what is not in one is lost. */
static void labour(struct driver *d, int64_t work)
{
    for (int64_t u = 0; d->comm.size > 0 && u < UNITS && work > 0; u++) {
        int64_t owner = u % 3 == 0 ? 0 : u * 7 % d->comm.size;
        if (d->done[u])
            continue;
        work--;
        if (owner != d->comm.rank)
            continue;
        d->held[u]++;
        d->fresh[d->count++] = u;
        if (draw_own(4) == 0)
            REQUIRE(append(d) == LC_OK);
    }
}

/* As a kill leaves it: no last segment, perhaps a place reserved and begun. */
static void killed(struct driver *d)
{
    static const unsigned char noise[5000] = {0x89, 'L', 'C', 'S', 'E', 'G', 'M', '\n'};

    if (d->comm.size == 0)
        return;
    if (draw_own(2) == 0) {
        struct lc_ckpt_writer *w = &d->c->writer;
        int64_t at = atomic_fetch_add(&w->node->end[w->header.name.generation % 2], 3 * LC_CKPT_BLOCK);
        REQUIRE(pwrite(w->fd, noise + 8, sizeof noise - 8, (off_t)at + LC_CKPT_HEAD) > 0 || errno == ENOSPC);
    }
    lc_checkpoint_close(d->c, 0);
    lc_comm_release(&d->comm);
}

/* Where all that was said to be on disk must be there: units that are done but were not saved. */
static void require_saved(const struct driver *d)
{
    int all[UNITS];

    MPI_Allreduce(saved, all, UNITS, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    for (int u = 0; d->comm.size > 0 && u < UNITS; u++)
        REQUIRE(d->done[u] == all[u]);
}

static int files_left(void)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ckpt_set set;
    int files;

    REQUIRE(lc_ckpt_set_list(&set, folder, &err) == LC_OK);
    files = (int)set.files;
    lc_ckpt_set_release(&set);
    return files;
}

static int64_t one_run(int64_t work, int64_t growth_floor, int64_t runs_most)
{
    struct driver d;
    int64_t done;

    done = begin(&d, 1 + (int)draw(par.size), 1 + (int)draw(3), growth_floor, runs_most);
    require_saved(&d);
    settle(&d);
    labour(&d, work);
    killed(&d);
    MPI_Bcast(&done, 1, MPI_INT64_T, 0, MPI_COMM_WORLD); /* rank 0 is in every job */
    return done;
}

static void start_over(void)
{
    memset(saved, 0, sizeof saved);
    warned = stray_warned = 0;
    new_folder();
}

/* The whole job, killed again and again, on other ranks and nodes each time. */
static void runs_until_done(int64_t growth_floor, int64_t runs_most)
{
    start_over();
    for (int run = 0; run < 12; run++) {
        struct lc_checkpoint_state s;
        struct lc_err err = LC_ERR_INIT;
        int64_t done = one_run(10 + draw(30), growth_floor, runs_most);
        REQUIRE(done <= UNITS);
        REQUIRE(lc_checkpoint_inspect(folder, &s, &err) == LC_OK);
        REQUIRE(s.damaged == 0 && s.done >= done && (s.units == UNITS || s.files == 0));
        MPI_Barrier(MPI_COMM_WORLD);
    }
    REQUIRE(warned == 0);
    remove_folder();
}

static void continued_elsewhere(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++)
        runs_until_done(INT64_MAX / 2, 100);
}

static void grows_and_consolidates(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        runs_until_done(0, 100);
        runs_until_done(INT64_MAX / 2, 2);
        runs_until_done(0, 1);
    }
}

/* One file a node, and no more bytes than checkpoint.h says. */
static void files_and_bytes(void **state)
{
    struct lc_checkpoint_state s;
    struct lc_err err = LC_ERR_INIT;
    struct driver d;
    int64_t nodes = (par.size + 1) / 2, payload = 0, segments = 0, least;

    (void)state;
    start_over();
    begin(&d, par.size, 2, INT64_MAX / 2, 100);
    settle(&d);
    for (int64_t u = par.rank; u < UNITS; u += par.size) {
        d.held[u]++;
        d.fresh[d.count++] = u;
        REQUIRE(append(&d) == LC_OK);
        payload += 8 + u % 8 * 100; /* put_unit() */
        segments++;
    }
    MPI_Allreduce(MPI_IN_PLACE, &payload, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
    MPI_Allreduce(MPI_IN_PLACE, &segments, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
    REQUIRE(lc_checkpoint_inspect(folder, &s, &err) == LC_OK);
    least = nodes * d.c->writer.header.size + payload + segments * (LC_CKPT_HEAD + 16);
    REQUIRE(s.files == nodes && s.done == UNITS);
    REQUIRE(s.bytes <= least + segments * (LC_CKPT_BLOCK - 1) && s.bytes > least - LC_CKPT_BLOCK);
    killed(&d);
    remove_folder();
}

/* Files stay few however long a run is. */
static void two_generations_at_most(void **state)
{
    struct driver d;
    int nodes = (par.size + 2) / 3, most = 0;

    (void)state;
    start_over();
    begin(&d, par.size, 3, 0, 100);
    settle(&d);
    for (int64_t u = par.rank; u < UNITS; u += par.size) {
        d.held[u]++;
        d.fresh[d.count++] = u;
        REQUIRE(append(&d) == LC_OK);
        if (par.rank == 0)
            most = files_left() > most ? files_left() : most;
    }
    REQUIRE(most <= 2 * nodes);
    REQUIRE(par.size > 1 || d.c->writer.header.name.generation > 2);
    killed(&d);
    REQUIRE(begin(&d, 1, 1, 0, 100) == (par.rank == 0 ? UNITS : 0));
    killed(&d);
    remove_folder();
}

/* Killed between the whole segments and the removal of the old files, on some ranks or all. */
static void consolidation_is_interrupted(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct driver d;
        start_over();
        for (int run = 0; run < 4; run++)
            one_run(20, INT64_MAX / 2, 100);
        for (int again = 0; again < 3; again++) {
            begin(&d, par.size - (int)draw(2) * (par.size > 1), 2, INT64_MAX / 2, 2);
            require_saved(&d);
            if (d.comm.size > 0) {
                REQUIRE(lc_checkpoint_wants_whole(d.c));
                if (draw_own(k + 1) == 0)
                    REQUIRE(append(&d) == LC_OK);
            }
            if (again == 2)
                settle(&d);
            labour(&d, 5);
            killed(&d);
        }
        MPI_Barrier(MPI_COMM_WORLD);
        REQUIRE(files_left() <= (par.size + 1) / 2);
        begin(&d, 1, 1, INT64_MAX / 2, 100);
        require_saved(&d);
        killed(&d);
        remove_folder();
    }
}

/* One rank cannot write its whole segment: the old files stay, nothing is lost, and the next resume tries again. */
static void consolidation_without_room(void **state)
{
    struct rlimit old, none;
    struct driver d;
    int before;

    (void)state;
    start_over();
    signal(SIGXFSZ, SIG_IGN);
    for (int run = 0; run < 4; run++)
        one_run(40, INT64_MAX / 2, 100);
    MPI_Barrier(MPI_COMM_WORLD);
    before = files_left();
    begin(&d, par.size, 2, INT64_MAX / 2, 2);
    getrlimit(RLIMIT_FSIZE, &old);
    none = old;
    none.rlim_cur = 0;
    if (par.rank == par.size - 1)
        setrlimit(RLIMIT_FSIZE, &none);
    warned = 0;
    settle(&d);
    setrlimit(RLIMIT_FSIZE, &old);
    REQUIRE(par.rank > 0 || warned == 1);
    REQUIRE(files_left() > before);
    REQUIRE(!lc_checkpoint_wants_whole(d.c));
    labour(&d, 20);
    killed(&d);
    begin(&d, par.size, 2, INT64_MAX / 2, 2);
    require_saved(&d);
    settle(&d);
    killed(&d);
    MPI_Barrier(MPI_COMM_WORLD);
    REQUIRE(files_left() <= (par.size + 1) / 2);
    begin(&d, 1, 1, INT64_MAX / 2, 100);
    require_saved(&d);
    killed(&d);
    remove_folder();
}

static void other_work_is_refused(void **state)
{
    struct lc_checkpoint_identity other = identity;
    struct lc_checkpoint *c = NULL;
    struct lc_err err = LC_ERR_INIT;
    struct driver d;

    (void)state;
    start_over();
    begin(&d, par.size, 2, INT64_MAX / 2, 100);
    settle(&d);
    labour(&d, 100);
    killed(&d);
    other.config = "a: 1\nb: 3\n";
    REQUIRE(lc_checkpoint_open(&c, &par, folder, &other, 0, warn, &err) == LC_E_CONFIG);
    REQUIRE(!c && strstr(err.msg, "configuration, line 2: there 'b: 2', here 'b: 3'") && strstr(err.msg, "--fresh"));
    err = (struct lc_err)LC_ERR_INIT;
    MPI_Barrier(MPI_COMM_WORLD);
    REQUIRE(files_left() > 0);
    MPI_Barrier(MPI_COMM_WORLD);
    REQUIRE(lc_checkpoint_open(&c, &par, folder, &other, 1, warn, &err) == LC_OK);
    memset(d.done, 1, sizeof d.done);
    REQUIRE(lc_checkpoint_resume(c, merge, &d, d.done, &err) == LC_OK);
    for (int u = 0; u < UNITS; u++)
        REQUIRE(!d.done[u]);
    lc_checkpoint_close(c, 1);
    REQUIRE(access(folder, F_OK) != 0);
    remove_folder();
}

/* What is not ours stays, and is said. */
static void strays_stay(void **state)
{
    char path[LC_PATH_MAX];
    struct lc_err err = LC_ERR_INIT;
    struct driver d;

    (void)state;
    start_over();
    if (par.rank == 0) {
        REQUIRE(lc_folder_make(folder, &err) == LC_OK);
        REQUIRE(lc_path_join(path, folder, "notes.txt", &err) == LC_OK);
        REQUIRE(lc_file_write(path, "x", 1, &err) == LC_OK);
        REQUIRE(lc_path_join(path, folder, "run-0001.node-0000.gen-0001.77.partial", &err) == LC_OK);
        REQUIRE(lc_file_write(path, "x", 1, &err) == LC_OK);
    }
    begin(&d, par.size, 2, 0, 100);
    REQUIRE(par.rank > 0 || stray_warned == 1);
    settle(&d);
    labour(&d, 30);
    lc_checkpoint_close(d.c, 1);
    lc_comm_release(&d.comm);
    if (par.rank == 0) {
        REQUIRE(access(path, F_OK) != 0);
        REQUIRE(lc_path_join(path, folder, "notes.txt", &err) == LC_OK);
        REQUIRE(unlink(path) == 0 && rmdir(folder) == 0);
    }
    remove_folder();
}

static void merge_fails(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct driver d, again = {.fail_merge = 1};

    (void)state;
    start_over();
    begin(&d, par.size, 2, INT64_MAX / 2, 100);
    settle(&d);
    labour(&d, UNITS);
    append(&d);
    killed(&d);
    comm_init(&again.comm, par.size, par.size);
    REQUIRE(lc_checkpoint_open(&again.c, &again.comm, folder, &identity, 0, warn, &err) == LC_OK);
    REQUIRE(lc_checkpoint_resume(again.c, merge, &again, again.done, &err) == LC_E_FORMAT);
    REQUIRE(strcmp(err.msg, "merge failed") == 0 && err.rank == par.size - 1);
    killed(&again);
    remove_folder();
}

/* Bits flipped and ends cut off between runs: whatever is taken over counts once (begin() sees to it). */
static void mutilate(void)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ckpt_set set;

    if (par.rank > 0)
        return;
    REQUIRE(lc_ckpt_set_list(&set, folder, &err) == LC_OK);
    for (int64_t i = 0; i < set.files; i++) {
        char path[LC_PATH_MAX];
        unsigned char byte;
        struct stat st;
        int fd;
        REQUIRE(lc_ckpt_set_path(path, folder, &set.file[i].name, &err) == LC_OK);
        fd = open(path, O_RDWR);
        REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
        for (int64_t k = draw_own(3); k > 0 && st.st_size > 0; k--) {
            off_t at = (off_t)draw_own(st.st_size);
            REQUIRE(pread(fd, &byte, 1, at) == 1);
            byte ^= (unsigned char)(1 << draw_own(8));
            REQUIRE(pwrite(fd, &byte, 1, at) == 1);
        }
        if (draw_own(6) == 0)
            REQUIRE(ftruncate(fd, (off_t)draw_own(st.st_size + 1)) == 0);
        close(fd);
    }
    lc_ckpt_set_release(&set);
}

static void flip(int64_t at)
{
    struct lc_ckpt_name name = {1, 0, 0};
    struct lc_err err = LC_ERR_INIT;
    char path[LC_PATH_MAX];
    unsigned char byte = 0;
    int fd;

    MPI_Barrier(MPI_COMM_WORLD);
    if (par.rank == 0) {
        REQUIRE(lc_ckpt_set_path(path, folder, &name, &err) == LC_OK);
        REQUIRE((fd = open(path, O_RDWR)) >= 0 && pread(fd, &byte, 1, (off_t)at) == 1);
        byte ^= 1;
        REQUIRE(pwrite(fd, &byte, 1, (off_t)at) == 1 && close(fd) == 0);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

/* A header, a segment's head, a payload: each is said on rank 0, and its units are to be done again. */
static void damage_is_said(void **state)
{
    static const int64_t place[] = {200, LC_CKPT_BLOCK + 150, LC_CKPT_BLOCK + LC_CKPT_HEAD + 20};

    (void)state;
    for (int k = 0; k < 3; k++) {
        struct driver d;
        start_over();
        begin(&d, par.size, par.size, INT64_MAX / 2, 100);
        d.held[par.rank]++;
        d.fresh[d.count++] = par.rank;
        REQUIRE(append(&d) == LC_OK);
        killed(&d);
        flip(place[k]);
        REQUIRE(begin(&d, par.size, par.size, INT64_MAX / 2, 100) == (k == 0 ? 0 : par.size - 1));
        REQUIRE(par.rank > 0 || warned == (k < 2 ? 2 : 1));
        killed(&d);
        remove_folder();
    }
}

static void mutilated(void **state)
{
    (void)state;
    for (int k = 0; k < 6; k++) {
        start_over();
        for (int run = 0; run < 10; run++) {
            struct driver d;
            begin(&d, 1 + (int)draw(par.size), 1 + (int)draw(3), k % 2 ? 0 : INT64_MAX / 2, k < 3 ? 100 : 3);
            settle(&d);
            labour(&d, 40);
            killed(&d);
            MPI_Barrier(MPI_COMM_WORLD);
            mutilate();
            MPI_Barrier(MPI_COMM_WORLD);
        }
        remove_folder();
    }
}

/* One rank may not write any more for a while, the others go on. */
static void a_rank_has_no_room(void **state)
{
    struct rlimit old, none;
    struct driver d;
    int refused = 0;

    (void)state;
    start_over();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    none = old;
    begin(&d, par.size, 3, 0, 100);
    settle(&d);
    for (int64_t u = par.rank; u < UNITS; u += par.size) {
        d.held[u]++;
        d.fresh[d.count++] = u;
        none.rlim_cur = (rlim_t)draw_own(20 * LC_CKPT_BLOCK);
        setrlimit(RLIMIT_FSIZE, u % 3 == par.rank % 3 ? &none : &old);
        refused += append(&d) != LC_OK;
        setrlimit(RLIMIT_FSIZE, &old);
    }
    REQUIRE(append(&d) == LC_OK);
    MPI_Allreduce(MPI_IN_PLACE, &refused, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    REQUIRE(refused > 0);
    killed(&d);
    REQUIRE(begin(&d, 1 + par.size / 2, 2, 0, 100) == (par.rank <= par.size / 2 ? UNITS : 0));
    killed(&d);
    remove_folder();
}

/* A file system that is really full; only root may mount one. */
static void a_full_file_system(void **state)
{
    struct driver d;
    char above[LC_PATH_MAX];
    int mounted = 0, refused = 0, saved_some;

    (void)state;
    start_over();
    lc_path_folder(above, folder);
    if (par.rank == 0)
        mounted = mount("tmpfs", above, "tmpfs", 0, "size=192k") == 0;
    MPI_Bcast(&mounted, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (!mounted) {
        remove_folder();
        skip();
        return;
    }
    begin(&d, par.size, 3, INT64_MAX / 2, 100);
    settle(&d);
    for (int64_t u = par.rank; u < UNITS; u += par.size) {
        d.held[u]++;
        d.fresh[d.count++] = u;
        refused += append(&d) != LC_OK;
    }
    saved_some = d.count < UNITS;
    MPI_Allreduce(MPI_IN_PLACE, &refused, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Allreduce(MPI_IN_PLACE, &saved_some, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    REQUIRE(refused > 0 && saved_some);
    killed(&d);
    MPI_Barrier(MPI_COMM_WORLD);
    if (par.rank == 0)
        REQUIRE(mount("tmpfs", above, "tmpfs", MS_REMOUNT, "size=8m") == 0);
    MPI_Barrier(MPI_COMM_WORLD);
    begin(&d, par.size, 2, INT64_MAX / 2, 100);
    require_saved(&d);
    settle(&d);
    labour(&d, UNITS);
    REQUIRE(append(&d) == LC_OK);
    killed(&d);
    REQUIRE(begin(&d, par.size, 2, INT64_MAX / 2, 100) == UNITS);
    killed(&d);
    MPI_Barrier(MPI_COMM_WORLD);
    if (par.rank == 0)
        REQUIRE(umount(above) == 0);
    remove_folder();
}

static void a_folder_that_cannot_be(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_checkpoint *c = NULL;

    (void)state;
    REQUIRE(lc_checkpoint_open(&c, &par, "/dev/null/x", &identity, 0, warn, &err) == LC_E_IO);
    REQUIRE(!c && err.rank == 0 && strstr(err.msg, "/dev/null"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(continued_elsewhere),
    cmocka_unit_test(grows_and_consolidates),
    cmocka_unit_test(files_and_bytes),
    cmocka_unit_test(two_generations_at_most),
    cmocka_unit_test(consolidation_is_interrupted),
    cmocka_unit_test(consolidation_without_room),
    cmocka_unit_test(other_work_is_refused),
    cmocka_unit_test(strays_stay),
    cmocka_unit_test(merge_fails),
    cmocka_unit_test(damage_is_said),
    cmocka_unit_test(mutilated),
    cmocka_unit_test(a_rank_has_no_room),
    cmocka_unit_test(a_full_file_system),
    cmocka_unit_test(a_folder_that_cannot_be),
};

MPI_TEST_MAIN(tests)

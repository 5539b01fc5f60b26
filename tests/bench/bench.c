/* bench grid OUT.json quick | usual | full [LIMIT [T F D]]
 *                                  the cells, beside this machine's peaks before and after them; OUT.json begins. Of which
 *                                  one repetition should take at most LIMIT seconds; those of one T, F and D
 * bench job OUT.json NAME T WINDOWS RUN.json BEGUN
 *                                  a whole job by its run record, beside the peaks now; OUT.json grows. BEGUN: when the job's
 *                                  mpirun was called, in seconds since 1970
 * bench finish OUT.json            what the jobs say together, and OUT.svg, OUT.pdf: the roofline; one process
 * bench model FOLDER               random weights of the Pythia-70m shape for the jobs
 * The first two and the last under mpirun with as many ranks as shall compute at once. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/file.h"
#include "lightcone/json.h"
#include "lightcone/linalg.h"

/* How much of the grid; what a repetition may take and repetitions shall take at least, and each peak, in seconds. */
static const struct size {
    const char *name;
    double limit, least, peak;
    struct bench_axes axes;
} sizes[] = {
    {"quick", 1e9, 0.05, 0.1, {{64}, {4096}, {128}, {4096}}},
    {"usual", 8.0, 0.3, 0.7, {{64, 128, 256, 1024}, {4096, 32768, 131072}, {128, 512, 1024}, {32768}}},
    {"full", 1e9, 0.5, 0.7, {{64, 128, 256, 1024}, {4096, 32768, 131072}, {128, 512, 1024}, {4096, 32768, 131072}}},
};

static void print_peaks(const struct bench_peaks *p)
{
    printf("peaks of all ranks: float32 %.0f, split products %.0f, screening %.0f GFLOP/s; memory %.1f GB/s\n", p->float32,
           p->product, p->screen, p->triad);
}

/* `word` is OUT.json and what follows it. */
static int choose(struct size *out, char **word, int words, struct lc_err *err)
{
    size_t i = 0;

    while (i < sizeof sizes / sizeof sizes[0] && strcmp(sizes[i].name, word[1]) != 0)
        i++;
    if (i == sizeof sizes / sizeof sizes[0] || words == 4 || words == 5)
        return LC_FAIL(err, LC_E_USAGE, "grid OUT.json quick | usual | full [LIMIT [T F D]]");
    *out = sizes[i];
    if (words > 2)
        out->limit = strtod(word[2], NULL);
    if (words > 3) {
        const int64_t features = strtoll(word[4], NULL, 10);
        out->axes = (struct bench_axes){
            {strtoll(word[3], NULL, 10)}, {features}, {strtoll(word[5], NULL, 10)}, {features}};
    }
    return LC_OK;
}

static int grid(const struct lc_comm *par, char **word, int words, struct lc_err *err)
{
    struct bench b = {.par = *par, .path = word[0]};
    struct bench_peaks after = {0};
    struct size size;
    int rc;

    LC_TRY(rc, choose(&size, word, words, err));
    b.limit = size.limit;
    b.least = size.least;
    LC_TRY(rc, bench_precision(&b.precision, err));
    LC_TRY(rc, bench_peaks_measure(&b.before, par, size.peak, 1, err));
    if (par->rank == 0) {
        b.root = bench_machine_json(par, b.precision);
        json_array_append_new(json_object_get(b.root, "peaks"), bench_peaks_json(&b.before, par->size));
        print_peaks(&b.before);
    }
    bench_table_head(par);
    LC_TRY(rc, bench_grid(&b, &size.axes, err));
    LC_TRY(rc, bench_peaks_measure(&after, par, size.peak, 1, err));
    if (par->rank == 0) {
        print_peaks(&after);
        json_array_append_new(json_object_get(b.root, "peaks"), bench_peaks_json(&after, par->size));
        bench_json_write(b.root, word[0], err);
    }
    rc = lc_comm_agree(par, err);
done:
    json_decref(b.root);
    return rc;
}

static double field(const json_t *object, const char *group, const char *member, const char *key)
{
    const json_t *at = group ? json_object_get(object, group) : object;

    at = member ? json_object_get(at, member) : at;
    return json_number_value(json_object_get(at, key));
}

/* Memory of all ranks of a run: pages that they share count once. */
static double node_bytes(const json_t *run)
{
    double sum = 0.0;
    const char *host;
    json_t *node;

    json_object_foreach(json_object_get(run, "nodes"), host, node)
        sum += json_number_value(json_object_get(node, "bytes"));
    return sum;
}

static void job_row(json_t *root, const struct lc_json *run, char **word, const struct bench_peaks *p, int ranks)
{
    double seconds = field(run->root, NULL, NULL, "compute_seconds"), rate = field(run->root, NULL, NULL, "gflop_per_second");
    double windows = strtod(word[3], NULL), length = strtod(word[2], NULL);
    double start = field(run->root, NULL, NULL, "first_unit") - strtod(word[5], NULL);
    double node = node_bytes(run->root);

    printf("%-28s %5.0f %7d %5d %10.4g %10.0f %9.1f %5.0f %% %s, %d: node %.0f MiB, first unit after %.2f s\n", word[1], length,
           32768, 512, seconds / windows, windows * length / seconds, rate, 100.0 * rate / p->product,
           ranks == 1 ? "rank" : "ranks", ranks, node / 1048576.0, start);
    json_array_append_new(
        json_object_get(root, "jobs"),
        json_pack("{s:s, s:I, s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "path", word[1], "T",
                  (json_int_t)length, "F", (json_int_t)32768, "D", (json_int_t)512, "ranks", ranks, "windows", windows,
                  "seconds_per_window", seconds / windows, "tokens_per_second", windows * length / seconds,
                  "gflop_per_second", rate, "share_of_peak", rate / p->product, "seconds_to_first_unit", start,
                  "node_bytes", node, "total_seconds", field(run->root, NULL, NULL, "total_seconds")));
    json_array_append_new(json_object_get(root, "peaks"), bench_peaks_json(p, ranks));
}

static int job(const struct lc_comm *par, char **word, int words, struct lc_err *err)
{
    struct bench_peaks now = {0};
    struct lc_json all = {0}, run = {0};
    int rc;

    (void)words;
    LC_TRY(rc, bench_peaks_measure(&now, par, 0.3, 0, err));
    if (par->rank == 0 && lc_json_open(&all, word[0], 1 << 26, err) == LC_OK &&
        lc_json_open(&run, word[4], 1 << 26, err) == LC_OK) {
        job_row(all.root, &run, word, &now, par->size);
        bench_json_write(all.root, word[0], err);
    }
    rc = lc_comm_agree(par, err);
done:
    lc_json_close(&all);
    lc_json_close(&run);
    return rc;
}

/* The one job that ran on one rank and on several. */
static void compare_ranks(json_t *root)
{
    json_t *one = NULL, *more = NULL, *each;
    double ranks, ratio, further;
    size_t i;

    json_array_foreach(json_object_get(root, "jobs"), i, each)
        if (json_integer_value(json_object_get(each, "ranks")) == 1)
            one = each;
    json_array_foreach(json_object_get(root, "jobs"), i, each)
        if (one && each != one && json_equal(json_object_get(each, "path"), json_object_get(one, "path")))
            more = each;
    if (!more)
        return;
    ranks = field(more, NULL, NULL, "ranks");
    ratio = field(one, NULL, NULL, "seconds_per_window") / field(more, NULL, NULL, "seconds_per_window");
    further = (field(more, NULL, NULL, "node_bytes") - field(one, NULL, NULL, "node_bytes")) / (ranks - 1.0);
    printf("%.0f ranks are %.2f times as fast as one; a further rank takes %.0f MiB\n", ranks, ratio, further / 1048576.0);
    json_object_set_new(root, "ranks_against_one", json_real(ratio));
    json_object_set_new(root, "bytes_of_a_further_rank", json_real(further));
}

static int finish(const struct lc_comm *par, char **word, int words, struct lc_err *err)
{
    struct lc_json all = {0};
    char stem[LC_PATH_MAX];

    (void)words;
    if (par->size > 1)
        return LC_FAIL(err, LC_E_USAGE, "bench finish is for one process");
    if (lc_json_open(&all, word[0], 1 << 26, err) == LC_OK) {
        lc_path_folder(stem, word[0]);
        strncat(stem, "/roofline", sizeof stem - strlen(stem) - 1);
        compare_ranks(all.root);
        bench_json_write(all.root, word[0], err);
        bench_roofline(all.root, stem, err);
    }
    lc_json_close(&all);
    return err->code;
}

static int model(const struct lc_comm *par, char **word, int words, struct lc_err *err)
{
    (void)words;
    return bench_write_model(par, word[0], err);
}

static const struct {
    const char *name;
    int least, most; /* words behind it */
    int (*act)(const struct lc_comm *par, char **word, int words, struct lc_err *err);
} modes[] = {{"grid", 2, 6, grid}, {"job", 6, 6, job}, {"finish", 1, 1, finish}, {"model", 1, 1, model}};

int main(int argc, char **argv)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_comm par = {0};
    const char *core = lc_blas_core_repair();
    size_t m = 0;

    if (core) { /* as the program does */
        setenv("OPENBLAS_CORETYPE", core, 1);
        execv("/proc/self/exe", argv);
    }
    while (m < sizeof modes / sizeof modes[0] && (argc < 2 || strcmp(modes[m].name, argv[1]) != 0))
        m++;
    if (m == sizeof modes / sizeof modes[0] || argc - 2 < modes[m].least || argc - 2 > modes[m].most) {
        fprintf(stderr, "usage: bench grid OUT.json quick | usual | full [LIMIT [T F D]] | "
                        "job OUT.json NAME T WINDOWS RUN.json BEGUN | finish OUT.json | model FOLDER\n");
        return 2;
    }
    MPI_Init(&argc, &argv);
    lc_blas_single_thread();
    if (lc_comm_init(&par, MPI_COMM_WORLD, &err) == LC_OK)
        modes[m].act(&par, argv + 2, argc - 2, &err);
    if (err.code != LC_OK && par.rank == 0)
        fprintf(stderr, "bench: %s\n", err.msg);
    lc_comm_release(&par);
    MPI_Finalize();
    return err.code != LC_OK;
}

/* main.c - the command line, MPI's start and end, and the only printer of errors. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "info.h"
#include "lightcone/comm.h"
#include "lightcone/config.h"
#include "lightcone/export.h"
#include "lightcone/fetch.h"
#include "lightcone/handout.h"
#include "lightcone/job.h"
#include "lightcone/layout.h"
#include "lightcone/linalg.h"
#include "lightcone/merge.h"
#include "lightcone/plan.h"
#include "lightcone/published.h"
#include "lightcone/report.h"
#include "lightcone/results.h"
#include "lightcone/status.h"
#include "lightcone/submit.h"

#define LIGHTCONE_VERSION "0.1.0"

enum { MAX_ARGUMENTS = 10240, USAGE_WIDTH = 62 };

struct words {
    const char *word[MAX_ARGUMENTS];
    int64_t count;
};

/* What a command was given, options taken apart by the table below. */
struct arguments {
    struct words positional, set, figure, format, assume, sbatch;
    const char *output, *site, *feature, *top, *by, *size, *tokenizer, *point, *ranks, *gflops, *like, *json, *fresh,
        *trace, *task, *tasks, *simulate, *like_run, *nodes, *dry;
};

struct option {
    const char *flag;
    size_t offset; /* of a `const char *` in struct arguments, or of a struct words */
    enum { ONCE, REPEATS, BARE, REST } form; /* with a value, each time one more, without a value, all that follows */
};

static const struct option options[] = {
    {"--set", offsetof(struct arguments, set), REPEATS},
    {"-o", offsetof(struct arguments, output), ONCE},
    {"--site", offsetof(struct arguments, site), ONCE},
    {"--feature", offsetof(struct arguments, feature), ONCE},
    {"--top", offsetof(struct arguments, top), ONCE},
    {"--by", offsetof(struct arguments, by), ONCE},
    {"--figure", offsetof(struct arguments, figure), REPEATS},
    {"--format", offsetof(struct arguments, format), REPEATS},
    {"--size", offsetof(struct arguments, size), ONCE},
    {"--point", offsetof(struct arguments, point), ONCE},
    {"--tokenizer", offsetof(struct arguments, tokenizer), ONCE},
    {"-n", offsetof(struct arguments, ranks), ONCE},
    {"--gflops", offsetof(struct arguments, gflops), ONCE},
    {"--like", offsetof(struct arguments, like), ONCE},
    {"--json", offsetof(struct arguments, json), BARE},
    {"--fresh", offsetof(struct arguments, fresh), BARE},
    {"--simulate", offsetof(struct arguments, simulate), BARE},
    {"--like-run", offsetof(struct arguments, like_run), ONCE},
    {"--assume", offsetof(struct arguments, assume), REPEATS},
    {"--trace", offsetof(struct arguments, trace), BARE},
    {"--task", offsetof(struct arguments, task), ONCE},
    {"--tasks", offsetof(struct arguments, tasks), BARE},
    {"-N", offsetof(struct arguments, nodes), ONCE},
    {"--dry-run", offsetof(struct arguments, dry), BARE},
    {"--", offsetof(struct arguments, sbatch), REST},
};

struct command {
    const char *name, *usage, *summary, *flags;
    int least, most; /* positional arguments */
    int collective;  /* all ranks of a launcher take part */
    int (*act)(const struct lc_comm *par, const struct arguments *a, struct lc_err *err);
};

static int whole_number(const char *flag, const char *text, int64_t least, int64_t most, int64_t *out, struct lc_err *err)
{
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 10);
    if (errno || *end || end == text || *out < least || *out > most)
        return LC_FAIL(err, LC_E_USAGE, "%s is '%s'; allowed: a whole number from %lld to %lld", flag, text,
                       (long long)least, (long long)most);
    return LC_OK;
}

static int act_run(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    struct lc_run_options what = {.set = a->set.word,
                                  .sets = a->set.count,
                                  .fresh = a->fresh != NULL,
                                  .trace = a->trace != NULL,
                                  .version = LIGHTCONE_VERSION,
                                  .task = -1};

    if (a->task && whole_number("--task", a->task, 0, INT32_MAX, &what.task, err) != LC_OK)
        return err->code;
    return lc_run(par, a->positional.word[0], &what, err);
}

static int act_report(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    struct lc_report_options what = {.figure = a->figure.word,
                                     .figures = a->figure.count,
                                     .format = a->format.word,
                                     .formats = a->format.count,
                                     .size = a->size};

    (void)par;
    if (!a->output)
        return LC_FAIL(err, LC_E_USAGE, "report needs -o FOLDER");
    if (a->point && whole_number("--point", a->point, 0, INT32_MAX, &what.point, err) != LC_OK)
        return err->code;
    if (lc_report_write(a->positional.word, a->positional.count, a->output, &what, err) != LC_OK)
        return err->code;
    printf("%s/index.html\n", a->output);
    return LC_OK;
}

static int positive_number(const char *flag, const char *text, double *out, struct lc_err *err)
{
    char *end;

    *out = strtod(text, &end);
    if (*end || end == text || !(*out >= 1e-3 && *out <= 1e9))
        return LC_FAIL(err, LC_E_USAGE, "%s is '%s'; allowed: a number from 0.001 to 1e9", flag, text);
    return LC_OK;
}

/* --gflops, of screening as well: how much faster that is on another machine is not known. */
static int given_speed(const struct arguments *a, struct lc_plan_speed *speed, struct lc_err *err)
{
    if (a->gflops && positive_number("--gflops", a->gflops, &speed->product, err) != LC_OK)
        return err->code;
    speed->screen = speed->product;
    return LC_OK;
}

static int act_plan(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    struct lc_plan_options how = {.ranks = 1,
                                  .json = a->json != NULL,
                                  .like = a->like,
                                  .tasks = a->tasks != NULL,
                                  .simulate = a->simulate != NULL,
                                  .like_run = a->like_run,
                                  .assume = a->assume.word,
                                  .assumes = a->assume.count};

    if (!a->simulate && (a->like_run || a->assume.count > 0))
        return LC_FAIL(err, LC_E_USAGE, "%s goes with --simulate", a->like_run ? "--like-run" : "--assume");
    if (a->ranks && whole_number("-n", a->ranks, 1, a->simulate ? 1 << 20 : INT32_MAX, &how.ranks, err) != LC_OK)
        return err->code;
    if (given_speed(a, &how.speed, err) != LC_OK)
        return err->code;
    return lc_plan(par, a->positional.word[0], a->set.word, a->set.count, &how, stdout, err);
}

static int act_submit(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    struct lc_submit_options how = {.set = a->set.word,
                                    .sets = a->set.count,
                                    .like = a->like,
                                    .dry = a->dry != NULL,
                                    .sbatch = a->sbatch.word,
                                    .sbatches = a->sbatch.count};

    if (a->nodes && whole_number("-N", a->nodes, 1, 1000000, &how.nodes, err) != LC_OK)
        return err->code;
    if (given_speed(a, &how.speed, err) != LC_OK)
        return err->code;
    return lc_submit(par, a->positional.word[0], &how, stdout, err);
}

static int act_show(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    struct lc_show what = {.site = a->site, .feature = -1, .top = 20, .by = a->by};

    (void)par;
    if (a->feature && whole_number("--feature", a->feature, 0, INT32_MAX, &what.feature, err) != LC_OK)
        return err->code;
    if (a->top && whole_number("--top", a->top, 1, INT32_MAX, &what.top, err) != LC_OK)
        return err->code;
    if (a->point && whole_number("--point", a->point, 0, INT32_MAX, &what.point, err) != LC_OK)
        return err->code;
    return lc_show(a->positional.word[0], &what, stdout, err);
}

static int act_import(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    const struct lc_import what = {.files = a->positional.word,
                                   .count = a->positional.count,
                                   .site = a->site,
                                   .tokenizer = a->tokenizer,
                                   .output = a->output};

    (void)par;
    if (!a->output)
        return LC_FAIL(err, LC_E_USAGE, "import needs -o RESULT.h5");
    if (lc_import_write(&what, err) == LC_OK)
        printf("%s: from %lld files\n", a->output, (long long)a->positional.count);
    return err->code;
}

static int act_info(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    (void)par;
    return lc_info(a->positional.word[0], stdout, err);
}

static int act_status(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    (void)par;
    return lc_status(a->positional.word[0], stdout, err);
}

static int act_fetch(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    const struct lc_fetch what = {.layout = a->positional.word[0],
                                  .folder = a->output,
                                  .set = a->set.word,
                                  .set_count = a->set.count,
                                  .version = LIGHTCONE_VERSION};

    (void)par;
    return lc_fetch(&what, stdout, stderr, err);
}

static int act_export(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    struct lc_exported done;

    (void)par;
    if (!a->output)
        return LC_FAIL(err, LC_E_USAGE, "export needs -o FOLDER");
    if (lc_export_write(a->positional.word[0], a->output, a->tokenizer, &done, err) != LC_OK)
        return err->code;
    printf("%s: %lld CSV tables, %lld arrays\n", a->output, (long long)done.tables, (long long)done.arrays);
    return LC_OK;
}

static int act_merge(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    struct lc_result *r;

    (void)par;
    if (!a->output)
        return LC_FAIL(err, LC_E_USAGE, "merge needs -o OUT.h5");
    if (lc_merge(a->positional.word, a->positional.count, a->output, err) != LC_OK ||
        lc_result_open(&r, a->output, err) != LC_OK)
        return err->code;
    printf("%s: points ", a->output);
    lc_info_points(r, stdout, err);
    lc_result_close(r);
    return err->code;
}

static int act_help(const struct lc_comm *par, const struct arguments *a, struct lc_err *err);

static const struct command commands[] = {
    {"run", "run CONFIG [--set key=value]... [--task K] [--fresh] [--trace]",
     "run a job, or continue it from its checkpoint; under mpirun or srun on all ranks", "--set --task --fresh --trace", 1, 1, 1,
     act_run},
    {"plan",
     "plan CONFIG [-n RANKS] [--set key=value]... [--json] [--gflops X] [--like SPARSITY.h5] [--tasks] [--simulate] "
     "[--like-run RESULT.run.json] [--assume key=value]...",
     "what would run: checks every file, counts units, memory and time; --tasks: a line for each task of a sweep; "
     "--simulate: on 1, 2, 4, ... ranks of a cluster",
     "--set -n --json --gflops --like --tasks --simulate --like-run --assume", 1, 1, 0, act_plan},
    {"submit", "submit CONFIG [-N NODES] [--dry-run] [--set key=value]... [--gflops X] [--like SPARSITY.h5] [-- SBATCH OPTION...]",
     "plan a job, or a sweep as an array, and give it to Slurm", "-N --dry-run --set --gflops --like --", 1, 1, 0,
     act_submit},
    {"merge", "merge RESULT.h5... -o OUT.h5", "the points of a sweep, each with its own result, into one result", "-o", 1,
     MAX_ARGUMENTS, 0, act_merge},
    {"report", "report RESULT.h5... -o FOLDER [--figure N|NAME]... [--format svg|pdf|png]... [--size WxH] [--point K]",
     "figures (SVG; PDF, PNG), tables (CSV) and one self-contained page", "-o --figure --format --size --point", 1,
     MAX_ARGUMENTS, 0, act_report},
    {"show", "show RESULT.h5 [--site S] [--feature I] [--top K] [--by COLUMN] [--point K]", "tables in the terminal",
     "--site --feature --top --by --point", 1, 1, 0, act_show},
    {"info", "info PATH", "what a model folder, SAE, tokenizer, corpus or result is", "", 1, 1, 0, act_info},
    {"status", "status OUTPUT", "how far the job with this result is, from its checkpoint and run record", "", 1, 1, 0,
     act_status},
    {"fetch", "fetch LAYOUT.yaml [-o FOLDER] [--set key=value]...", "bring the files of a layout, checked; continues",
     "-o --set", 1, 1, 0, act_fetch},
    {"import", "import FILE.pt... -o RESULT.h5 [--site S] [--tokenizer PATH]", "published .pt files into a result",
     "-o --site --tokenizer", 1, MAX_ARGUMENTS, 0, act_import},
    {"export", "export RESULT.h5 -o FOLDER [--tokenizer PATH]", "the paper's CSV tables, NumPy arrays, attributes as JSON",
     "-o --tokenizer", 1, 1, 0, act_export},
    {"help", "help [job or topic]", "this list, a job, or the keys of a configuration", "", 0, 1, 0, act_help},
};

enum { COMMANDS = sizeof commands / sizeof commands[0], OPTIONS = sizeof options / sizeof options[0] };

static void print_usage(FILE *out)
{
    fprintf(out, "lightcone " LIGHTCONE_VERSION
                 ": how far the features of sparse autoencoders reach back over the input\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        const struct command *c = &commands[i];
        if (strlen(c->usage) > USAGE_WIDTH) /* a line of its own */
            fprintf(out, "  lightcone %s\n            %-*s %s\n", c->usage, USAGE_WIDTH, "", c->summary);
        else
            fprintf(out, "  lightcone %-*s %s\n", USAGE_WIDTH, c->usage, c->summary);
    }
    fprintf(out, "\njobs:\n");
    for (const struct lc_job *const *job = lc_jobs; *job; job++)
        fprintf(out, "  %-12s %s\n", (*job)->name, (*job)->summary);
    fprintf(out, "\n`lightcone help config` lists the keys of a configuration.\n");
}

static int act_help(const struct lc_comm *par, const struct arguments *a, struct lc_err *err)
{
    const char *topic = a->positional.count ? a->positional.word[0] : NULL;
    const struct lc_job *job = topic ? lc_job_find(topic) : NULL;
    struct lc_bytes text = {0};

    (void)par;
    if (!topic) {
        print_usage(stdout);
        return LC_OK;
    }
    if (!job && strcmp(topic, "config") != 0 && strcmp(topic, "fetch") != 0)
        return LC_FAIL(err, LC_E_USAGE, "no help on '%s'; allowed: config, fetch, or a job (see lightcone help)", topic);
    if (job)
        printf("job: %s\n  %s\n\n", job->name, job->summary);
    if ((strcmp(topic, "fetch") == 0 ? lc_layout_help(&text, err) : lc_config_help(&text, err)) == LC_OK)
        fwrite(text.data, 1, text.size, stdout);
    lc_bytes_release(&text);
    return err->code;
}

static const struct command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static const struct option *find_option(const struct command *c, const char *flag)
{
    for (int i = 0; i < OPTIONS; i++) {
        const char *at = strcmp(options[i].flag, flag) == 0 ? strstr(c->flags, flag) : NULL;
        for (size_t size = strlen(flag); at; at = strstr(at + size, flag))
            if (at[size] == '\0' || at[size] == ' ') /* not the beginning of a longer one */
                return &options[i];
    }
    return NULL;
}

static int parse_arguments(struct arguments *a, const struct command *c, int argc, char **argv, struct lc_err *err)
{
    for (int i = 2; i < argc; i++)
        if (!argv[i][0])
            return LC_FAIL(err, LC_E_USAGE, "the argument after '%s' is empty; usage: lightcone %s", argv[i - 1], c->usage);
    for (int i = 2; i < argc; i++) {
        const struct option *o = argv[i][0] == '-' && argv[i][1] ? find_option(c, argv[i]) : NULL;
        if (!o && argv[i][0] == '-' && argv[i][1])
            return LC_FAIL(err, LC_E_USAGE, "'%s' takes no option %s; usage: lightcone %s", c->name, argv[i], c->usage);
        if (o && o->form == REST) {
            for (i++; i < argc && a->sbatch.count < MAX_ARGUMENTS; i++)
                a->sbatch.word[a->sbatch.count++] = argv[i];
            break;
        }
        if (o && o->form != BARE && i + 1 >= argc)
            return LC_FAIL(err, LC_E_USAGE, "%s needs a value; usage: lightcone %s", argv[i], c->usage);
        if (!o || o->form == REPEATS) {
            struct words *words = o ? (void *)((char *)a + o->offset) : &a->positional;
            if (words->count == MAX_ARGUMENTS)
                return LC_FAIL(err, LC_E_USAGE, "more than %d arguments", MAX_ARGUMENTS);
            words->word[words->count++] = o ? argv[++i] : argv[i];
        } else {
            i += o->form != BARE;
            *(const char **)(void *)((char *)a + o->offset) = argv[i];
        }
    }
    if (a->positional.count < c->least || a->positional.count > c->most)
        return LC_FAIL(err, LC_E_USAGE, "usage: lightcone %s", c->usage);
    return LC_OK;
}

static void print_error(const struct lc_err *err)
{
    fprintf(stderr, "lightcone: %s: %s\n", lc_rc_text(err->code), err->msg);
}

/* The command that the first word names; NULL when none does. */
static const struct command *command_of(int argc, char **argv)
{
    if (argc < 2)
        return NULL;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return find_command("help");
    return find_command(argv[1]);
}

static int act(const struct lc_comm *par, int argc, char **argv, struct lc_err *err)
{
    static struct arguments a;
    const struct command *c = command_of(argc, argv);

    if (!c)
        return LC_FAIL(err, LC_E_USAGE, "%s%s%s; `lightcone help` lists the commands",
                       argc > 1 ? "no command '" : "no command given", argc > 1 ? argv[1] : "", argc > 1 ? "'" : "");
    if (parse_arguments(&a, c, argc, argv, err) != LC_OK)
        return err->code;
    return c->act(par, &a, err);
}

static int exit_status(int code)
{
    return code == LC_OK ? 0 : code == LC_E_USAGE || code == LC_E_CONFIG ? 2 : code == LC_E_STOPPED ? LC_STATUS_STOPPED : 1;
}

/* Processes of a launcher that speaks to another MPI library each take themselves for the only one, and all would write the
 * same files. What launchers tell a process in its environment gives it away; *rank is what it is there. */
static int check_launcher(const struct lc_comm *par, int *rank, struct lc_err *err)
{
    static const struct {
        const char *size, *rank;
    } told[] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                {"PMI_SIZE", "PMI_RANK"},
                {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}};

    for (int i = 0; i < 3 && par->size == 1; i++) {
        const char *size = getenv(told[i].size), *own = getenv(told[i].rank);
        if (!size || !own)
            continue;
        if (strtol(size, NULL, 10) <= 1)
            break;
        *rank = (int)strtol(own, NULL, 10);
        return LC_FAIL(err, LC_E_USAGE,
                       "the launcher started %s processes (%s), but each finds itself alone: it is not that of the MPI library "
                       "this program was built with; use that one's mpirun, or srun with a --mpi that it knows",
                       size, told[i].size);
    }
    return LC_OK;
}

static void act_together(int argc, char **argv, struct lc_err *err)
{
    struct lc_comm par;
    int foreign = 0; /* this process's rank in a launcher that MPI does not know */
    int level;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level); /* a thread of rank 0 writes signs of life, and calls no MPI */
    if (lc_comm_init(&par, MPI_COMM_WORLD, err) == LC_OK) {
        if (check_launcher(&par, &foreign, err) == LC_OK)
            act(&par, argc, argv, err);
        lc_comm_agree(&par, err);
    }
    if (err->code != LC_OK && par.rank == 0 && foreign == 0)
        print_error(err);
    if (err->code != LC_OK && par.comm != MPI_COMM_NULL)
        MPI_Barrier(par.comm); /* the message is out */
    if (lc_result_is_wounded())
        MPI_Abort(MPI_COMM_WORLD, exit_status(err->code));
    lc_comm_release(&par);
    MPI_Finalize();
}

/* Commands that only read run without MPI, which need not start on a login node. */
static void act_alone(int argc, char **argv, struct lc_err *err)
{
    const struct lc_comm par = {
        .comm = MPI_COMM_NULL, .node = MPI_COMM_NULL, .leader = MPI_COMM_NULL, .size = 1, .node_size = 1};

    act(&par, argc, argv, err);
    if (fflush(stdout) != 0)
        LC_FAIL(err, LC_E_IO, "standard output: %s", strerror(errno));
    if (err->code != LC_OK)
        print_error(err);
}

/* OpenBLAS chooses its kernels while it is loaded, before main: to choose again, the program starts itself again. */
static void repair_blas(char **argv)
{
    const char *core = lc_blas_core_repair();

    if (!core)
        return;
    setenv("LIGHTCONE_BLAS_REPAIRED", lc_blas_core(), 1);
    setenv("OPENBLAS_CORETYPE", core, 1);
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    struct lc_err err = LC_ERR_INIT;
    const struct command *c = command_of(argc, argv);

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("lightcone " LIGHTCONE_VERSION "\n");
        return 0;
    }
    repair_blas(argv);
    if (!c || c->collective)
        lc_handout_catch_signals(); /* MPI's start may take long */
    lc_blas_single_thread();
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write(), with a message */
    if (c && !c->collective)
        act_alone(argc, argv, &err);
    else
        act_together(argc, argv, &err);
    return exit_status(err.code);
}

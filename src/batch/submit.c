#include "lightcone/submit.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "cluster.h"
#include "lightcone/handout.h"
#include "lightcone/plan.h"
#include "lightcone/prepare.h"
#include "lightcone/tasks.h"

enum { WORDS_MOST = 4096, WORD_ROOM = 160, MEGABYTE = 1048576, MEMORY_STEP = 256 };

/* What one job, or every task of an array, is to ask for. */
struct size {
    int64_t nodes, each;    /* ranks of a node */
    int64_t units;          /* of the task that has most */
    double planned, memory; /* seconds of the longest task; bytes of a node */
    int64_t minutes, megabytes;
};

/* An argument list in the making. */
struct line {
    const char *word[WORDS_MOST + 1];
    int words;
    char room[8][WORD_ROOM], script[LC_PATH_MAX]; /* of words made here */
    int used;
};

enum kind { JOB, ARRAY, MERGE };

struct submission {
    const struct lc_submit_options *options;
    const char *config_path;
    struct lc_cluster cluster;
    struct lc_nodes nodes;
    struct lc_tasks tasks;
    struct lc_plan *plan; /* [plans] one for each task; owned */
    int64_t plans;
    struct size size;
};

/* What the user says of an option of sbatch: "-p x", "-px", "--partition x" or "--partition=x"; NULL: nothing. */
static const char *option_value(const struct lc_submit_options *o, char letter, const char *word)
{
    const char brief[3] = {'-', letter, '\0'};
    const char *value = NULL;

    for (int64_t k = 0; k < o->sbatches; k++) {
        const char *at = o->sbatch[k];
        size_t long_size = strlen(word);
        if ((strcmp(at, brief) == 0 || strcmp(at, word) == 0) && k + 1 < o->sbatches)
            value = o->sbatch[++k];
        else if (strncmp(at, word, long_size) == 0 && at[long_size] == '=')
            value = at + long_size + 1;
        else if (letter && strncmp(at, brief, 2) == 0 && at[2])
            value = at + 2;
    }
    return value;
}

static const char *partition_of(const struct lc_submit_options *o)
{
    const char *named = option_value(o, 'p', "--partition"), *set = getenv("SBATCH_PARTITION");

    return named ? named : set ? set : "";
}

/* Every task, on the ranks of a node. */
static int plan_all(struct submission *s, struct lc_err *err)
{
    struct lc_plan_options how = {.ranks = s->nodes.cores, .speed = s->options->speed, .like = s->options->like};
    int rc;

    LC_TRY(rc, LC_ALLOC(&s->plan, s->tasks.count, "plans", err));
    for (int64_t k = 0; k < s->tasks.count; k++) {
        LC_TRY(rc, lc_plan_open(&s->plan[k], &s->tasks, k, &how, err));
        s->plans++;
        how.speed = s->plan[k].speed; /* measured once */
    }
done:
    return rc;
}

/* Seconds of the longest task on so many ranks. */
static double seconds_on(const struct submission *s, int64_t ranks)
{
    double longest = 0.0;

    for (int64_t k = 0; k < s->plans; k++) {
        struct lc_plan_time t;
        lc_plan_time_on(&s->plan[k], ranks, &t);
        longest = fmax(longest, t.total);
    }
    return longest;
}

/* Bytes of rank 0's node, for the task that needs most, where there are so many nodes of so many ranks. */
static double memory_on(const struct submission *s, int64_t nodes, int64_t each)
{
    double most = 0.0;

    for (int64_t k = 0; k < s->plans; k++) {
        struct lc_plan_at at;
        lc_plan_on(&s->plan[k], nodes * each, each, &at);
        most = fmax(most, at.root_node_bytes);
    }
    return most;
}

static int64_t units_of(const struct submission *s)
{
    int64_t most = 1;

    for (int64_t k = 0; k < s->plans; k++) {
        int64_t units = 0;
        for (int64_t i = 0; i < s->plan[k].lengths; i++) /* which a task's points share */
            units += s->plan[k].point[i].cut.units;
        most = units > most ? units : most;
    }
    return most;
}

/* So many ranks that a worker can have each unit. */
static int64_t useful_ranks(int64_t units)
{
    return units + (lc_handout_workers(units) < units);
}

/* As many ranks as a node has cores, units and memory for. */
static int choose_ranks(struct submission *s, struct lc_err *err)
{
    struct size *z = &s->size;
    int64_t nodes = s->options->nodes > 0 ? s->options->nodes : 1, useful;

    z->units = units_of(s);
    useful = (useful_ranks(z->units) + nodes - 1) / nodes;
    z->each = useful < s->nodes.cores ? useful : s->nodes.cores;
    if (s->nodes.memory > 0.0)
        while (z->each > 1 && LC_SUBMIT_MEMORY_FACTOR * memory_on(s, 1, z->each) > s->nodes.memory)
            z->each--;
    z->memory = memory_on(s, 1, z->each);
    if (s->nodes.memory > 0.0 && z->memory > s->nodes.memory)
        return LC_FAIL(err, LC_E_MEMORY, "%s: a node with one rank needs %.2f GB; the nodes of this partition have %.2f GB",
                       s->config_path, z->memory * 1e-9, s->nodes.memory * 1e-9);
    return LC_OK;
}

static void choose_nodes(struct submission *s)
{
    struct size *z = &s->size;
    double want = LC_SUBMIT_HOURS * 3600.0;

    if (s->nodes.seconds > 0.0 && s->nodes.seconds < want)
        want = s->nodes.seconds;
    z->nodes = s->options->nodes > 0 ? s->options->nodes : 1;
    if (s->options->nodes == 0)
        while (LC_SUBMIT_TIME_FACTOR * seconds_on(s, z->nodes * z->each) + LC_SUBMIT_TIME_MORE > want &&
               (z->nodes + 1) * z->each <= z->units && (s->nodes.count == 0 || z->nodes < s->nodes.count))
            z->nodes++;
    z->planned = seconds_on(s, z->nodes * z->each);
}

/* Whole minutes, whole steps of memory; no more than a node has and the partition allows. */
static void round_size(struct submission *s)
{
    struct size *z = &s->size;
    double minutes = ceil((LC_SUBMIT_TIME_FACTOR * z->planned + LC_SUBMIT_TIME_MORE) / 60.0);
    double steps = ceil(LC_SUBMIT_MEMORY_FACTOR * z->memory / MEGABYTE / MEMORY_STEP), most = s->nodes.memory / MEGABYTE;

    if (s->nodes.seconds > 0.0)
        minutes = fmin(minutes, floor(s->nodes.seconds / 60.0));
    z->minutes = (int64_t)fmin(fmax(minutes, 1.0), 525600.0);
    z->megabytes = (int64_t)(most > 0.0 ? fmin(steps * MEMORY_STEP, most) : steps * MEMORY_STEP);
}

static int add(struct line *l, const char *word, struct lc_err *err)
{
    if (l->words == WORDS_MOST)
        return LC_FAIL(err, LC_E_USAGE, "more than %d words on the command line of sbatch", WORDS_MOST);
    l->word[l->words++] = word;
    l->word[l->words] = NULL;
    return LC_OK;
}

__attribute__((format(printf, 3, 4))) static int add_made(struct line *l, struct lc_err *err, const char *fmt, ...)
{
    char *room = l->room[l->used];
    va_list list;
    int size;

    va_start(list, fmt);
    size = vsnprintf(room, WORD_ROOM, fmt, list);
    va_end(list);
    if (size < 0 || size >= WORD_ROOM)
        return LC_FAIL(err, LC_E_USAGE, "'%.60s...' is too long for an option of sbatch", room);
    l->used++;
    return add(l, room, err);
}

/* The configuration's name without folder and .yaml: what squeue shows. */
static int add_name(const struct submission *s, struct line *l, const char *suffix, struct lc_err *err)
{
    const char *name = lc_path_name(s->config_path), *dot = strrchr(name, '.');
    int size = (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name));

    return add_made(l, err, "--job-name=%.*s%s", size > 100 ? 100 : size, name, suffix);
}

/* A Slurm that was never told of its nodes' memory has none to give. */
static int wants_memory(const struct submission *s)
{
    return !(s->nodes.count > 0 && s->nodes.memory == 0.0) && !option_value(s->options, '\0', "--mem-per-cpu");
}

/* The merge is a job of one rank. */
static int add_size(const struct submission *s, struct line *l, enum kind kind, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, add_made(l, err, "--nodes=%" PRId64, kind == MERGE ? 1 : s->size.nodes));
    LC_TRY(rc, add_made(l, err, "--ntasks-per-node=%" PRId64, kind == MERGE ? 1 : s->size.each));
    LC_TRY(rc, add_made(l, err, "--time=%" PRId64, s->size.minutes));
    if (wants_memory(s))
        LC_TRY(rc, add_made(l, err, "--mem=%" PRId64 "M", s->size.megabytes));
done:
    return rc;
}

/* The user's options hold for the merge too, but those that make an array. */
static int add_options(const struct submission *s, struct line *l, enum kind kind, struct lc_err *err)
{
    const struct lc_submit_options *o = s->options;
    int rc = LC_OK;

    for (int64_t k = 0; k < o->sbatches; k++) {
        const char *word = o->sbatch[k];
        int array = strcmp(word, "--array") == 0 || strcmp(word, "-a") == 0;
        if (kind == MERGE && (array || strncmp(word, "--array=", 8) == 0 || strncmp(word, "-a", 2) == 0))
            k += array;
        else
            LC_TRY(rc, add(l, word, err));
    }
done:
    return rc;
}

/* What a script hands to the program. */
static int add_end(const struct submission *s, struct line *l, enum kind kind, struct lc_err *err)
{
    static const char *const script[] = {[JOB] = "lightcone.sbatch", [ARRAY] = "sweep.sbatch", [MERGE] = "merge.sbatch"};
    int rc;

    LC_TRY(rc, lc_path_join(l->script, s->cluster.scripts, script[kind], err));
    LC_TRY(rc, add(l, l->script, err));
    LC_TRY(rc, add(l, s->config_path, err));
    for (int64_t k = 0; k < s->options->sets; k++) {
        LC_TRY(rc, add(l, "--set", err));
        LC_TRY(rc, add(l, s->options->set[k], err));
    }
done:
    return rc;
}

/* Of two options that say the same sbatch takes the last: the user's for a job and an array, those found here for the merge,
 * which nobody sizes by hand. `array`: whose end the merge waits for. */
static int compose(const struct submission *s, struct line *l, enum kind kind, const char *array, struct lc_err *err)
{
    int rc;

    *l = (struct line){0};
    LC_TRY(rc, add(l, "sbatch", err));
    LC_TRY(rc, add(l, "--parsable", err));
    if (kind == MERGE)
        LC_TRY(rc, add_options(s, l, kind, err));
    LC_TRY(rc, add_name(s, l, kind == MERGE ? "-merge" : "", err));
    if (kind == ARRAY)
        LC_TRY(rc, add_made(l, err, "--array=0-%" PRId64, s->tasks.count - 1));
    if (kind == MERGE) {
        LC_TRY(rc, add_made(l, err, "--dependency=afterok:%s", array));
        LC_TRY(rc, add(l, "--kill-on-invalid-dep=yes", err));
    }
    LC_TRY(rc, add_size(s, l, kind, err));
    if (kind != MERGE)
        LC_TRY(rc, add_options(s, l, kind, err));
    rc = add_end(s, l, kind, err);
done:
    return rc;
}

/* A word as a shell reads it back. */
static void print_word(const char *word, FILE *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

    if (word[0] && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    }
    fputc('\'', out);
}

/* With what the site file sets for sbatch before it. */
static void print_line(const struct submission *s, const struct line *l, FILE *out)
{
    for (size_t at = 0; at < s->cluster.set.size;) {
        const char *entry = (const char *)s->cluster.set.data + at, *value = strchr(entry, '=') + 1;
        fprintf(out, "%.*s", (int)(value - entry), entry);
        print_word(value, out);
        fputc(' ', out);
        at += strlen(entry) + 1;
    }
    for (int k = 0; k < l->words; k++) {
        fputs(k ? " " : "", out);
        print_word(l->word[k], out);
    }
    fputc('\n', out);
    fflush(out);
}

/* The job's number from "number" or "number;cluster". */
static int take_id(const struct lc_child *child, char id[32], struct lc_err *err)
{
    const char *said = (const char *)child->out.data;
    size_t size = strspn(said, "0123456789");

    if (size == 0 || size > 31 || !strchr(";\n", said[size]))
        return LC_FAIL(err, LC_E_IO, "sbatch says '%.60s'; expected the number of a job", said);
    memcpy(id, said, size);
    id[size] = '\0';
    return LC_OK;
}

/* Print the line and run it, unless it is only to be printed. */
static int send(const struct submission *s, enum kind kind, const char *array, char id[32], FILE *out, struct lc_err *err)
{
    struct lc_child child;
    struct line l;
    char *said;
    int rc;

    if (compose(s, &l, kind, array, err) != LC_OK)
        return err->code;
    print_line(s, &l, out);
    if (s->options->dry)
        return LC_OK;
    rc = lc_child_run(&child, l.word, err);
    if (rc != LC_OK)
        return rc;
    said = (char *)child.said.data;
    if (child.said.size > 0 && said[child.said.size - 1] == '\n')
        said[child.said.size - 1] = '\0';
    if (child.status != 0)
        rc = LC_FAIL(err, LC_E_IO, "sbatch refuses (status %d): %.600s", child.status, said);
    else if (said[0])
        lc_run_warn(said);
    if (rc == LC_OK)
        rc = take_id(&child, id, err);
    lc_child_release(&child);
    return rc;
}

/* All that it will ask for, as comments of the shell. */
static void print_size(const struct submission *s, FILE *out)
{
    const struct size *z = &s->size;
    double times = ceil(z->planned / (60.0 * (double)z->minutes));

    fprintf(out, "# %s: ", s->config_path);
    if (s->tasks.grid.axes > 0)
        fprintf(out, "%" PRId64 " tasks, each of up to ", s->tasks.count);
    fprintf(out, "%" PRId64 " units on %" PRId64 " x %" PRId64 " ranks (%" PRId64 " cores a node: %s)\n", z->units, z->nodes,
            z->each, s->nodes.cores, s->nodes.from);
    fprintf(out, "# planned %s and %.2f GB a node, asked for %" PRId64 " min and %" PRId64 " MB\n",
            lc_duration(z->planned).text, z->memory * 1e-9, z->minutes, z->megabytes);
    if (times > 1.0)
        fprintf(out, "# the partition's time limit is shorter: with checkpoints it takes about %.0f allocations\n", times);
}

static int send_sweep(const struct submission *s, FILE *out, struct lc_err *err)
{
    char array[32] = "ARRAY", merge[32];

    if (send(s, ARRAY, NULL, array, out, err) != LC_OK)
        return err->code;
    if (s->options->dry)
        fprintf(out, "# ARRAY: the number that the line above prints\n");
    if (send(s, MERGE, array, merge, out, err) != LC_OK) {
        char prefix[96];
        snprintf(prefix, sizeof prefix, "the array is submitted as job %s, the merge after it is not", array);
        return lc_err_prefix(err, prefix);
    }
    if (!s->options->dry)
        fprintf(out, "submitted job %s, an array of %" PRId64 " tasks, and job %s, which joins their results\n", array,
                s->tasks.count, merge);
    return LC_OK;
}

static int send_job(const struct submission *s, FILE *out, struct lc_err *err)
{
    char id[32];

    if (send(s, JOB, NULL, id, out, err) == LC_OK && !s->options->dry)
        fprintf(out, "submitted job %s\n", id);
    return err->code;
}

static int plan_and_send(struct submission *s, FILE *out, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, plan_all(s, err));
    LC_TRY(rc, choose_ranks(s, err));
    choose_nodes(s);
    round_size(s);
    print_size(s, out);
    rc = s->tasks.grid.axes > 0 ? send_sweep(s, out, err) : send_job(s, out, err);
done:
    for (int64_t k = 0; k < s->plans; k++)
        lc_plan_close(&s->plan[k]);
    free(s->plan);
    return rc;
}

int lc_submit(const struct lc_comm *par, const char *config_path, const struct lc_submit_options *options, FILE *out,
              struct lc_err *err)
{
    struct submission s = {.options = options, .config_path = config_path};
    int rc;

    LC_TRY(rc, lc_cluster_open(&s.cluster, err));
    LC_TRY(rc, lc_cluster_nodes(&s.nodes, partition_of(options), err));
    if (s.nodes.count > 0 && options->nodes > s.nodes.count) {
        rc = LC_FAIL(err, LC_E_USAGE, "-N is %" PRId64 "; the partition has %" PRId64 " nodes", options->nodes, s.nodes.count);
        goto done;
    }
    LC_TRY(rc, lc_tasks_open(&s.tasks, par, config_path, options->set, options->sets, err));
    rc = plan_and_send(&s, out, err);
    lc_tasks_release(&s.tasks);
done:
    lc_cluster_close(&s.cluster);
    return rc;
}

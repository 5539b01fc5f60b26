#include "lightcone/monitor.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "heart.h"
#include "lightcone/alone.h"
#include "lightcone/assume.h"
#include "lightcone/clock.h"
#include "lightcone/linalg.h"
#include "lightcone/log.h"
#include "lightcone/prepare.h"
#include "lightcone/record.h"
#include "lightcone/usage.h"

#define LOG_EVERY 60.0 /* seconds between two lines of a log */
#define BAR_EVERY 0.1  /* and at least between two pictures of the bar */

enum { HOSTS_SHOWN = 8 };

/* When a file in the folder was last written, seconds since 1970; 0: there is none. */
static double newest_file(const char *folder)
{
    DIR *dir = folder[0] ? opendir(folder) : NULL;
    const struct dirent *entry;
    double newest = 0.0;
    struct stat st;

    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0) != 0)
            continue;
        newest = fmax(newest, (double)st.st_mtim.tv_sec + 1e-9 * (double)st.st_mtim.tv_nsec);
    }
    if (dir)
        closedir(dir);
    return newest;
}

/* Up to now, by this machine's clock. */
static double seconds_since(double moment)
{
    return fmax(0.0, lc_wall_seconds() - moment);
}

/* "n1 (16), n2 (16)": neighbours in rank order. */
static void name_hosts(const struct lc_monitor *p, char out[512])
{
    size_t used = 0;
    int shown = 0, hosts = 0;

    for (int r = 0, end; r < p->par->size; r = end) {
        for (end = r + 1; end < p->par->size && strcmp(p->host[r], p->host[end]) == 0; end++)
            ;
        hosts++;
        if (shown == HOSTS_SHOWN || used > 400)
            continue;
        used += (size_t)snprintf(out + used, 512 - used, "%s%.40s (%d)", shown++ ? ", " : "", p->host[r], end - r);
    }
    if (hosts > shown)
        snprintf(out + used, 512 - used, " and %d more", hosts - shown);
}

static void say_begin(const struct lc_monitor *p, const struct lc_config *config, const struct lc_run_options *options)
{
    char class[64], hosts[512] = "", settings[1000] = "";
    size_t used = 0;

    lc_kernel_class(class);
    name_hosts(p, hosts);
    for (int64_t k = 0; k < options->sets && used < sizeof settings; k++)
        used += (size_t)snprintf(settings + used, sizeof settings - used, " --set %s", options->set[k]);
    lc_log("%s: lightcone %s, %.500s%s%s", p->job, options->version, config->source, settings,
           options->fresh ? " --fresh" : "");
    lc_log("%s: %d %s on %s; kernels %s%s%s", p->job, p->par->size, p->par->size == 1 ? "rank" : "ranks", hosts, class,
           p->alive.slurm[0] ? "; Slurm job " : "", p->alive.slurm);
}

int lc_monitor_begin(struct lc_monitor *p, const struct lc_comm *par, const struct lc_config *config,
                      const struct lc_run_options *options, struct lc_err *err)
{
    char mine[64] = "";

    *p = (struct lc_monitor){.par = par, .columns = lc_log_columns()};
    snprintf(p->job, sizeof p->job, "%s", config->job);
    snprintf(p->output, sizeof p->output, "%s", config->output);
    lc_alive_init(&p->alive, config->job, options->version);
    p->alive.ranks = par->size;
    p->alive.workers = lc_handout_workers(par->size);
    memcpy(mine, p->alive.host, sizeof mine);
    if (par->rank == 0)
        LC_ALLOC(&p->host, par->size, "names of hosts", err);
    if (lc_comm_agree(par, err) != LC_OK)
        return err->code;
    MPI_Gather(mine, sizeof mine, MPI_BYTE, p->host, sizeof mine, MPI_BYTE, 0, par->comm);
    if (par->rank == 0) {
        char folder[LC_PATH_MAX] = "";
        lc_record_path(folder, p->output, "checkpoint", "", err);
        p->saved_before = newest_file(folder);
        say_begin(p, config, options);
        if (err->code == LC_OK && lc_alone_check(p->output, &p->alive, err) == LC_OK)
            lc_heart_start(&p->heart, p->output, &p->alive, lc_run_warn, err);
    }
    return lc_comm_agree(par, err);
}

void lc_monitor_end(struct lc_monitor *p)
{
    lc_heart_stop(p->heart);
    lc_log_close();
    free(p->host);
    free(p->work);
    *p = (struct lc_monitor){0};
}

void lc_monitor_abandon(struct lc_monitor *p)
{
    lc_heart_stop(p->heart);
    p->heart = NULL;
}

void lc_monitor_phase(struct lc_monitor *p, const char *phase)
{
    snprintf(p->alive.phase, sizeof p->alive.phase, "%s", phase);
    lc_heart_tell(p->heart, &p->alive);
}

static double window_cost(const struct lc_job *job, const struct lc_study *study, const struct lc_assumed *assumed)
{
    struct lc_cost cost = {0};
    double flop = 0.0;

    job->cost(study, assumed, 1, &cost);
    for (int k = 0; k < LC_PARTS; k++)
        flop += cost.flop[k];
    return flop > 0.0 ? flop / (double)study->windows.count : 1.0;
}

/* Units differ, the longest come first: what each costs, added up in the order in which they are handed out. */
static int add_up_work(struct lc_monitor *p, const struct lc_keeper *k, struct lc_err *err)
{
    const struct lc_parts *parts = &k->fresh;
    struct lc_assumed assumed = {0};
    const char *source;
    double *each = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&each, parts->lengths, "points", err));
    LC_TRY(rc, LC_ALLOC(&p->work, k->todos + 1, "units", err));
    LC_TRY(rc, lc_assume(&assumed, parts->study, NULL, &source, err));
    for (int64_t n = 0; n < parts->lengths; n++) /* of a task's points all in one: they differ from step to step alike */
        each[n] = window_cost(parts->job, parts->lengths > 1 ? &parts->study->point[n] : parts->study, &assumed);
    for (int64_t i = 0; i < k->todos; i++) {
        int64_t place = k->todo[i], n = lc_parts_length(parts, &place);
        struct lc_unit unit = lc_cut_unit(&parts->cut[n], parts->part[n].study, place);
        p->work[i + 1] = p->work[i] + each[n] * (double)unit.count;
    }
    lc_assume_release(&assumed, parts->study);
done:
    free(each);
    return rc;
}

static void say_units(const struct lc_monitor *p, const struct lc_keeper *k)
{
    const struct lc_study *study = k->fresh.study;
    char every[32], age[32], left[32];

    if (study->members > 0)
        lc_log("%s: %" PRId64 " windows at %" PRId64 " sites in %" PRId64 " units, for %" PRId64 " points, the first in %.1000s",
               p->job, study->windows.count, study->sites, k->steps, study->members, study->member[0].config.output);
    else
        lc_log("%s: %" PRId64 " windows at %" PRId64 " sites in %" PRId64 " units; the result goes to %.1000s", p->job,
               study->windows.count, study->sites, k->steps, p->output);
    if (!p->checkpoint[0])
        lc_log("%s: no checkpoints (checkpoint.every is 0): if this run is stopped, its work is lost", p->job);
    else if (p->before == 0)
        lc_log("%s: begins anew; a checkpoint every %s in %.1000s", p->job, lc_show_seconds(every, k->every),
               p->checkpoint);
    else
        lc_log("%s: continues: %" PRId64 " of %" PRId64 " units are in the checkpoint %.1000s, written %s ago", p->job,
               p->before, p->units, p->checkpoint, lc_show_seconds(age, seconds_since(p->saved_before)));
    if (study->config.deadline > 0)
        lc_log("%s: stops with a checkpoint before its deadline, %s after its start", p->job,
               lc_show_seconds(left, (double)study->config.deadline));
}

int lc_monitor_units(struct lc_monitor *p, const struct lc_keeper *k, struct lc_err *err)
{
    struct lc_checkpoint_cost cost = {0};

    if (p->par->rank != 0)
        return LC_OK;
    if (k->store) {
        lc_checkpoint_cost(k->store, &cost);
        lc_record_path(p->checkpoint, p->output, "checkpoint", "", err);
        p->opened = newest_file(p->checkpoint);
    }
    p->before = k->steps - k->todos;
    p->units = k->steps;
    p->todos = k->todos;
    p->todo = k->todo;
    p->alive.restarts = cost.restarts;
    p->alive.units = k->steps;
    p->alive.done = p->before;
    if (err->code != LC_OK || add_up_work(p, k, err) != LC_OK)
        return err->code;
    say_units(p, k);
    p->started = p->printed = lc_seconds();
    lc_monitor_phase(p, "computing");
    return LC_OK;
}

/* Work and the time that it took are of finished units alone: up to when each rank began its present one. */
void lc_monitor_note(struct lc_monitor *p, const struct lc_handout_state *s, double now)
{
    const struct lc_handout_rank *rank = s->rank + (p->par->size - s->workers);
    double spent = 0.0, memory, pace, left = p->work[p->todos] - p->work[s->done];

    for (int r = 0; r < s->workers; r++)
        spent += rank[r].since - p->started;
    memory = LOG_EVERY * s->workers + (s->done > 0 ? 4.0 * s->workers * spent / (double)s->done : 0.0);
    lc_pace_note(&p->of_work, spent, p->work[s->done], memory);
    lc_pace_note(&p->of_units, spent, (double)s->done, memory);
    pace = lc_pace_rate(&p->of_work);
    for (int r = 0; r < s->workers; r++)
        if (rank[r].unit >= 0)
            left -= fmin(pace * (now - rank[r].since), p->work[rank[r].unit + 1] - p->work[rank[r].unit]);
    p->alive.rate = s->done > 0 ? lc_pace_rate(&p->of_units) * s->workers : -1.0;
    p->alive.left = pace > 0.0 ? fmax(0.0, left) / (pace * s->workers) : -1.0;
    p->alive.done = p->before + s->done;
    p->alive.workers = s->workers;
    p->alive.busy = s->busy;
}

static void say_line(const struct lc_monitor *p)
{
    const struct lc_alive *a = &p->alive;
    char rate[32], left[32], memory[32], age[32], checkpoint[64] = "", restarts[48] = "";

    if (p->checkpoint[0]) {
        double newest = newest_file(p->checkpoint);
        if (newest > p->opened)
            snprintf(checkpoint, sizeof checkpoint, ", checkpoint %s ago", lc_show_seconds(age, seconds_since(newest)));
        else
            snprintf(checkpoint, sizeof checkpoint, ", no checkpoint of this run yet");
    }
    if (a->restarts > 0)
        snprintf(restarts, sizeof restarts, ", restarts %" PRId64, a->restarts);
    lc_log("%s: %" PRId64 " of %" PRId64 " units (%.1f %%), %s, ETA %s, %" PRId64 " of %" PRId64
           " ranks busy, rank 0 holds %s%s%s",
           p->job, a->done, a->units, 100.0 * (double)a->done / (double)a->units, lc_show_rate(rate, a->rate),
           lc_show_seconds(left, a->left), a->busy, a->workers, lc_show_bytes(memory, (double)a->memory_bytes),
           checkpoint, restarts);
}

static void draw_bar(const struct lc_monitor *p)
{
    static const char marks[] = "########################################";
    const struct lc_alive *a = &p->alive;
    char text[256], tail[160], rate[32], left[32];
    int used = snprintf(tail, sizeof tail, "%" PRId64 "/%" PRId64 " units  %s  ETA %s  %" PRId64 "/%" PRId64 " ranks busy",
                        a->done, a->units, lc_show_rate(rate, a->rate), lc_show_seconds(left, a->left), a->busy,
                        a->workers);
    int room = p->columns - used - (int)strlen(p->job) - 6, width = room < 40 ? room : 40;
    int full = width > 0 ? (int)(a->done * width / a->units) : 0;

    if (width < 5)
        snprintf(text, sizeof text, "%s %s", p->job, tail);
    else
        snprintf(text, sizeof text, "%s [%.*s%*s] %s", p->job, full, marks, width - full, "", tail);
    lc_log_bar(text, p->columns);
}

void lc_monitor_show(void *arg, const struct lc_handout_state *s)
{
    struct lc_monitor *p = arg;
    double now = lc_seconds();
    int due;

    if (now - p->noted < BAR_EVERY && !s->asked && s->done < s->units) /* ranks may be many, and units short */
        return;
    p->noted = now;
    lc_monitor_note(p, s, now);
    if (now - p->looked >= 1.0) {
        p->looked = now;
        p->columns = p->columns > 0 ? lc_log_columns() : 0;
        p->alive.memory_bytes = lc_usage_resident();
        lc_heart_tell(p->heart, &p->alive);
    }
    due = now - p->printed >= (p->columns > 0 ? 0.0 : LOG_EVERY);
    if (due || s->asked)
        p->printed = now;
    if (s->asked) {
        say_line(p);
        lc_monitor_ranks(p, s, now);
    } else if (due && p->columns > 0) {
        draw_bar(p);
    } else if (due) {
        say_line(p);
    }
}

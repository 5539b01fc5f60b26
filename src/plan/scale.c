#include "scale.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/handout.h"
#include "lightcone/json.h"

/* Assumed: a network of 100 Gbit/s, a parallel file system, and the time that rank 0 takes to answer a message. */
#define LATENCY_US    3.0
#define BANDWIDTH_GBS 10.0
#define SERVICE_US    2.0
#define DISK_GBS      5.0
#define DISK_RANK_GBS 0.5
#define SPREAD        0.1 /* where no run tells */

enum { RECORD_BYTES_MOST = 64 << 20, SEED = 1 };

static const struct assumption {
    const char *key;
    size_t offset; /* of a double in struct lc_scale_assumed */
    double usual;  /* 0: the cores of this machine, or what node_ranks says */
    double least, most;
} assumptions[] = {
    {"latency_us", offsetof(struct lc_scale_assumed, latency_us), LATENCY_US, 0.0, 1e6},
    {"bandwidth_gbs", offsetof(struct lc_scale_assumed, bandwidth_gbs), BANDWIDTH_GBS, 1e-3, 1e6},
    {"service_us", offsetof(struct lc_scale_assumed, service_us), SERVICE_US, 0.0, 1e6},
    {"disk_gbs", offsetof(struct lc_scale_assumed, disk_gbs), DISK_GBS, 1e-3, 1e6},
    {"disk_rank_gbs", offsetof(struct lc_scale_assumed, disk_rank_gbs), DISK_RANK_GBS, 1e-3, 1e6},
    {"node_ranks", offsetof(struct lc_scale_assumed, node_ranks), 0.0, 1.0, 65536.0},
    {"node_cores", offsetof(struct lc_scale_assumed, node_cores), 0.0, 0.01, 65536.0},
};
enum { ASSUMPTIONS = sizeof assumptions / sizeof assumptions[0] };

static double *value_of(struct lc_scale_assumed *a, int k)
{
    return (double *)(void *)((char *)a + assumptions[k].offset);
}

/* One "key=value". */
static int assume(struct lc_scale_assumed *a, const char *text, struct lc_err *err)
{
    size_t length = strcspn(text, "=");
    char names[200] = "", *end;
    double value;

    for (int k = 0; k < ASSUMPTIONS; k++) {
        const struct assumption *x = &assumptions[k];
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", k > 0 ? ", " : "", x->key);
        if (strlen(x->key) != length || strncmp(x->key, text, length) != 0 || !text[length])
            continue;
        value = strtod(text + length + 1, &end);
        if (*end || end == text + length + 1 || !(value >= x->least && value <= x->most))
            return LC_FAIL(err, LC_E_USAGE, "--assume %s: allowed: a number from %g to %g", text, x->least, x->most);
        *value_of(a, k) = value;
        return LC_OK;
    }
    return LC_FAIL(err, LC_E_USAGE, "--assume '%s'; allowed: KEY=NUMBER with one of %s", text, names);
}

static int assume_all(struct lc_scale_assumed *a, const struct lc_plan_options *options, struct lc_err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    for (int k = 0; k < ASSUMPTIONS; k++)
        *value_of(a, k) = assumptions[k].usual;
    for (int64_t k = 0; k < options->assumes; k++)
        if (assume(a, options->assume[k], err) != LC_OK)
            return err->code;
    a->node_ranks = a->node_ranks > 0.0 ? floor(a->node_ranks) : cores > 0 ? (double)cores : 1.0;
    a->node_cores = a->node_cores > 0.0 ? a->node_cores : a->node_ranks;
    return LC_OK;
}

/* Of one point: what a token took in a run's units, against the plan's arithmetic. `spread` adds up over units. */
static int learn_point(const struct lc_json *json, const json_t *tally, const struct lc_plan_point *p, double *factor,
                       double *spread, double *units, struct lc_err *err)
{
    double mean = 0.0, sd = 0.0, count = 0.0;
    int rc;

    LC_TRY(rc, lc_json_real(json, tally, "mean", 1, 1e-12, 1e12, &mean, err));
    LC_TRY(rc, lc_json_real(json, tally, "sd", 1, 0.0, 1e12, &sd, err));
    LC_TRY(rc, lc_json_real(json, tally, "count", 1, 1.0, 1e15, &count, err));
    *factor = mean / (p->seconds / (double)p->tokens);
    *spread += count * sd / mean;
    *units += count;
done:
    return rc;
}

/* factor[points], the spread, and how long loading took, from a run record. */
static int learn_from(struct lc_scale *s, const struct lc_json *json, const struct lc_plan *plan, double *factor,
                      struct lc_err *err)
{
    const json_t *each = json_object_get(json->root, "point_token_seconds");
    const char *job = "";
    double spread = 0.0, units = 0.0;
    json_t *all, *phases, *load;
    int rc;

    LC_TRY(rc, lc_json_text(json, NULL, "job", 1, &job, err));
    LC_TRY(rc, lc_json_object(json, NULL, "token_seconds", 1, &all, err));
    LC_TRY(rc, lc_json_object(json, NULL, "phases", 1, &phases, err));
    LC_TRY(rc, lc_json_object(json, phases, "load", 1, &load, err));
    LC_TRY(rc, lc_json_real(json, load, "max", 1, 0.0, 1e12, &s->load, err));
    if (strcmp(job, plan->job->name) != 0 || (each ? (int64_t)json_array_size(each) : 1) != plan->points)
        LC_TRY(rc, LC_FAIL(err, LC_E_CONFIG, "%s is the record of a job '%s' with %d points; %s asks for '%s' with %lld",
                           s->from, job, each ? (int)json_array_size(each) : 1, plan->study.config.source,
                           plan->job->name, (long long)plan->points));
    for (int64_t k = 0; k < plan->points; k++)
        LC_TRY(rc, learn_point(json, each ? json_array_get(each, (size_t)k) : all, &plan->point[k], &factor[k], &spread,
                               &units, err));
    s->spread = spread / units;
done:
    return rc;
}

static int learn(struct lc_scale *s, const struct lc_plan *plan, double *factor, struct lc_err *err)
{
    struct lc_json json;

    if (lc_json_open(&json, s->from, RECORD_BYTES_MOST, err) != LC_OK)
        return err->code;
    learn_from(s, &json, plan, factor, err);
    lc_json_close(&json);
    return err->code;
}

/* Units of one length in the order of hand-out, without their spread. Returns the first place after them. */
static double *cost_point(double *cost, const struct lc_plan_point *p, double factor)
{
    for (int64_t u = 0; u < p->cut.units; u++) {
        struct lc_unit unit = lc_cut_unit(&p->cut, p->study, u);
        double tokens = (double)(unit.count * p->study->windows.length[unit.first]);
        *cost++ = factor * p->seconds * tokens / (double)p->tokens;
    }
    return cost;
}

static double sum_of(const double *value, int64_t count)
{
    double sum = 0.0;

    for (int64_t k = 0; k < count; k++)
        sum += value[k];
    return sum;
}

/* Seconds of every unit, spread as stated about the plan's sum. */
static int cost_units(double **out, int64_t *units, struct lc_scale *s, const struct lc_plan *plan, struct lc_err *err)
{
    double planned, *factor = NULL, *at;
    int rc;

    *units = 0;
    for (int64_t k = 0; k < plan->points; k++)
        *units += plan->point[k].cut.units;
    LC_TRY(rc, LC_ALLOC(out, *units, "simulated units", err));
    LC_TRY(rc, LC_ALLOC(&factor, plan->points, "simulated points", err));
    for (int64_t k = 0; k < plan->points; k++)
        factor[k] = 1.0;
    if (s->from)
        LC_TRY(rc, learn(s, plan, factor, err));
    at = *out;
    for (int64_t k = plan->points - 1; k >= 0; k--) /* the longest windows first, as in lc_parts_at() */
        at = cost_point(at, &plan->point[k], factor[k]);
    planned = sum_of(*out, *units);
    s->unit_seconds = planned / (double)*units;
    lc_sim_spread(*out, *units, s->spread, SEED);
    planned /= sum_of(*out, *units);
    for (int64_t k = 0; k < *units; k++)
        (*out)[k] *= planned;
done:
    free(factor);
    return rc;
}

/* Bytes of a rank's segment: its accumulators after the work of one interval. */
static double segment_bytes(const struct lc_plan *plan, int64_t ranks, double seconds)
{
    double every = (double)plan->study.config.checkpoint_every, share;
    struct lc_plan_at at;

    share = every > 0.0 ? fmax(1.0, ceil(seconds / (double)ranks / every)) : 1.0;
    lc_plan_on(plan, (int64_t)fmin(1e15, (double)ranks * share), 1, &at);
    return at.sums_bytes;
}

static double tree_steps(int64_t ranks)
{
    return ceil(log2((double)ranks));
}

static struct lc_sim_machine machine_of(const struct lc_scale_assumed *a)
{
    return (struct lc_sim_machine){.node_ranks = (int64_t)a->node_ranks,
                                   .node_cores = a->node_cores,
                                   .latency = a->latency_us * 1e-6,
                                   .service = a->service_us * 1e-6,
                                   .nap_least = 20e-6, /* these as in handout_internal.h */
                                   .nap_most = 1e-3,
                                   .nap_last = 10e-3,
                                   .beat = 1.0,
                                   .disk = a->disk_gbs * 1e9,
                                   .disk_rank = a->disk_rank_gbs * 1e9};
}

/* What is not the hand-out: files to all nodes, accumulators to rank 0, the result. */
static void time_rest(struct lc_scale_row *r, const struct lc_scale *s, const struct lc_plan *plan)
{
    double bytes = s->assumed.bandwidth_gbs * 1e9, latency = s->assumed.latency_us * 1e-6;
    struct lc_plan_at at;

    lc_plan_on(plan, r->ranks, (int64_t)s->assumed.node_ranks, &at);
    r->load = s->load + tree_steps(r->nodes) * (latency + (plan->weight_bytes + plan->token_bytes) / bytes);
    r->merge = at.tree_bytes / LC_PLAN_MERGE_RATE + tree_steps(r->ranks) * latency;
    if (r->nodes > 1)
        r->merge += at.tree_bytes / bytes;
    r->write = plan->result_bytes / LC_PLAN_WRITE_RATE;
    r->root_node_bytes = at.root_node_bytes;
    r->node_bytes = r->nodes > 1 ? at.node_bytes : 0.0;
}

static int make_row(struct lc_scale_row *r, const struct lc_scale *s, const struct lc_plan *plan,
                    struct lc_sim_work *work, struct lc_err *err)
{
    const struct lc_sim_machine machine = machine_of(&s->assumed);
    struct lc_sim_outcome batches, single;
    int rc;

    work->workers = lc_handout_workers(r->ranks);
    work->checkpoint_bytes = segment_bytes(plan, r->ranks, s->unit_seconds * (double)work->units);
    work->batch = NULL;
    LC_TRY(rc, lc_simulate(&machine, work, r->ranks, &single, err));
    work->batch = lc_handout_batch;
    LC_TRY(rc, lc_simulate(&machine, work, r->ranks, &batches, err));
    r->nodes = (r->ranks + machine.node_ranks - 1) / machine.node_ranks;
    r->compute = batches.seconds + tree_steps(r->ranks) * machine.latency;
    r->flush = batches.flush;
    time_rest(r, s, plan);
    r->total = r->load + r->compute + r->flush + r->merge + r->write;
    r->busy = batches.work / (r->compute * (double)r->ranks);
    r->coordinator = batches.serving / batches.seconds;
    r->single = single.serving / single.seconds;
    r->compute_single = single.seconds;
    r->wait = batches.waits > 0 ? batches.wait / (double)batches.waits : 0.0;
done:
    return rc;
}

static int make_rows(struct lc_scale *s, const struct lc_plan *plan, struct lc_sim_work *work, struct lc_err *err)
{
    int64_t ranks = 1;
    int rc;

    LC_TRY(rc, LC_ALLOC(&s->row, 64, "simulated rows", err));
    for (;; ranks = 2 * ranks < plan->ranks ? 2 * ranks : plan->ranks) {
        struct lc_scale_row *r = &s->row[s->rows++];
        r->ranks = ranks;
        LC_TRY(rc, make_row(r, s, plan, work, err));
        r->efficiency = s->row[0].total / (r->total * (double)ranks);
        if (ranks == plan->ranks)
            break;
    }
done:
    return rc;
}

int lc_scale_make(struct lc_scale *s, const struct lc_plan *plan, const struct lc_plan_options *options,
                  struct lc_err *err)
{
    struct lc_sim_work work = {.breaths = plan->study.sites,
                               .checkpoint_every = (double)plan->study.config.checkpoint_every};
    double *cost = NULL;
    int rc;

    *s = (struct lc_scale){.from = options->like_run, .spread = SPREAD, .load = plan->file_bytes / LC_PLAN_LOAD_RATE};
    LC_TRY(rc, assume_all(&s->assumed, options, err));
    LC_TRY(rc, cost_units(&cost, &work.units, s, plan, err));
    work.cost = cost;
    s->fills = s->assumed.service_us > 0.0 ? 1.0 + s->unit_seconds / (s->assumed.service_us * 1e-6) : INFINITY;
    rc = make_rows(s, plan, &work, err);
done:
    free(cost);
    if (rc != LC_OK)
        lc_scale_release(s);
    return rc;
}

void lc_scale_release(struct lc_scale *s)
{
    free(s->row);
    s->row = NULL;
}

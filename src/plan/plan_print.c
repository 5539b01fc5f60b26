/* plan_print.c - a plan as text for people and as one JSON object for programs. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/plan.h"
#include "scale.h"

static const char *const part_names[LC_PARTS] = {
    [LC_PART_FORWARD] = "forward",
    [LC_PART_ENCODER] = "encoder",
    [LC_PART_FEATURES] = "features",
    [LC_PART_RECONSTRUCTION] = "reconstruction",
    [LC_PART_RESIDUAL] = "residual",
};

struct lc_amount lc_amount(double x)
{
    static const char prefix[] = " kMGTPE";
    struct lc_amount a;
    int k = 0;

    while (x >= 999.5 && prefix[k + 1]) {
        x /= 1000.0;
        k++;
    }
    snprintf(a.text, sizeof a.text, "%.*f %.*s", x < 9.995 ? 2 : x < 99.95 ? 1 : 0, x, k > 0, prefix + k);
    return a;
}

struct lc_amount lc_duration(double seconds)
{
    struct lc_amount a;

    if (seconds > 0.0 && seconds < 1e-3)
        snprintf(a.text, sizeof a.text, "%.*f us", seconds < 1e-5 ? 1 : 0, seconds * 1e6);
    else if (seconds > 0.0 && seconds < 0.1)
        snprintf(a.text, sizeof a.text, "%.*f ms", seconds < 1e-2 ? 1 : 0, seconds * 1e3);
    else if (seconds < 120.0)
        snprintf(a.text, sizeof a.text, "%.*f s", seconds < 10.0 ? 2 : 0, seconds);
    else if (seconds < 7200.0)
        snprintf(a.text, sizeof a.text, "%.1f min", seconds / 60.0);
    else
        snprintf(a.text, sizeof a.text, "%.1f h", seconds / 3600.0);
    return a;
}

static void print_sites(const struct lc_plan *plan, FILE *out)
{
    for (int64_t i = 0; i < plan->study.sites; i++) {
        const struct lc_site *s = &plan->study.site[i];
        const struct lc_site_assumed *a = &plan->assumed.site[i];
        fprintf(out, "  %-18s F %" PRId64 ", D %" PRId64 ", %.1f features active a token", s->name,
                s->sae.shape.features, s->sae.shape.width, a->active);
        if (s->selected)
            fprintf(out, ", %.2f of them selected", a->selected);
        fprintf(out, "\n");
    }
    if (plan->assumed_from)
        fprintf(out, "  active             measured in %s\n", plan->assumed_from);
    else
        fprintf(out, "  active             assumed; --like SPARSITY.h5 takes what a sparsity run has measured\n");
}

static void print_point(const struct lc_plan_point *p, FILE *out)
{
    double flop = 0.0;

    fprintf(out, "  windows            %" PRId64 " of %" PRId64 " tokens, %" PRId64 " tokens in all\n",
            p->study->windows.count, p->study->config.windows.length, p->tokens);
    fprintf(out, "  units              %" PRId64 " of %" PRId64 " windows\n", p->cut.units, p->cut.each);
    fprintf(out, "  FLOP              ");
    for (int i = 0; i < LC_PARTS; i++) {
        flop += p->cost.flop[i];
        if (p->cost.flop[i] > 0.0)
            fprintf(out, " %s %s,", part_names[i], lc_amount(p->cost.flop[i]).text);
    }
    fprintf(out, " sum %s\n", lc_amount(flop).text);
}

static void print_memory(const struct lc_plan *plan, FILE *out)
{
    double buffers = plan->buffer_bytes;

    fprintf(out, "  memory of a rank   %sB: buffers %sB, program %sB, accumulators %sB; of rank 0 at the end %sB\n",
            lc_amount(plan->rank_bytes).text, lc_amount(buffers).text, lc_amount(LC_PLAN_PROGRAM_BYTES).text,
            lc_amount(plan->rank_bytes - buffers - LC_PLAN_PROGRAM_BYTES).text, lc_amount(plan->root_bytes).text);
    fprintf(out, "  memory of a node   %sB shared by its ranks: weights %sB, token ids %sB; with %" PRId64 " ranks %sB",
            lc_amount(plan->weight_bytes + plan->token_bytes).text, lc_amount(plan->weight_bytes).text,
            lc_amount(plan->token_bytes).text, plan->node_ranks, lc_amount(plan->node_bytes).text);
    fprintf(out, plan->machine_bytes > 0.0 ? " of this machine's %sB\n" : "\n", lc_amount(plan->machine_bytes).text);
}

static void print_time(const struct lc_plan_time *t, FILE *out)
{
    fprintf(out, "  %-18" PRId64 " %s: load %s, compute %s, %s %s", t->ranks, lc_duration(t->total).text,
            lc_duration(t->load).text, lc_duration(t->compute).text, t->ranks > 1 ? "merge and write" : "write",
            lc_duration(t->write).text);
    if (t->tail >= 0.005)
        fprintf(out, "; some ranks idle for the last %s of computing", lc_duration(t->tail).text);
    fprintf(out, "\n");
}

void lc_plan_print(const struct lc_plan *plan, FILE *out)
{
    const struct lc_config *c = &plan->study.config;

    fprintf(out, "%s: job %s\n", c->source, plan->job->name);
    print_sites(plan, out);
    for (int64_t k = 0; k < plan->points; k++)
        print_point(&plan->point[k], out);
    if (plan->point[0].cost.leading > 0.0)
        fprintf(out, "  matrices           of at most %.0f features a site\n", plan->point[0].cost.leading);
    fprintf(out, "  result             about %sB, %s\n", lc_amount(plan->result_bytes).text, c->output);
    print_memory(plan, out);
    fprintf(out, "  speed of a core    %.1f GFLOP/s in products, %.1f in screening encoders, %s; a unit takes %s\n",
            plan->speed.product, plan->speed.screen, plan->measured ? "measured here" : "as given",
            lc_duration(plan->point[plan->points - 1].unit_seconds).text);
    fprintf(out, "  time on ranks\n");
    print_time(&plan->one, out);
    if (plan->ranks > 1)
        print_time(&plan->asked, out);
}

void lc_plan_print_begin(const struct lc_plan_sum *sum, const char *output, int json, FILE *out)
{
    if (json)
        fprintf(out, "[\n");
    else
        fprintf(out, "%s: a sweep, %" PRId64 " tasks, %" PRId64 " points\n", output, sum->tasks, sum->points);
}

int lc_plan_print_task(struct lc_plan_sum *sum, const struct lc_plan *plan, int64_t task, const char *values, int json,
                       FILE *out, struct lc_err *err)
{
    sum->one += plan->one.total;
    sum->asked += plan->asked.total;
    if (json) {
        fprintf(out, "%s", task > 0 ? ",\n" : "");
        return lc_plan_json(plan, NULL, out, err);
    }
    fprintf(out, "  task %-13" PRId64 " %" PRId64 " points, %s on 1 rank", task, plan->study.members,
            lc_duration(plan->one.total).text);
    if (plan->ranks > 1)
        fprintf(out, ", %s on %" PRId64, lc_duration(plan->asked.total).text, plan->ranks);
    fprintf(out, "; %sB a node: %s\n", lc_amount(plan->node_bytes).text, values);
    return LC_OK;
}

void lc_plan_print_end(const struct lc_plan_sum *sum, int json, FILE *out)
{
    if (json) {
        fprintf(out, "]\n");
        return;
    }
    fprintf(out, "  all                %s on 1 rank", lc_duration(sum->one).text);
    if (sum->ranks > 1)
        fprintf(out, ", %s on %" PRId64, lc_duration(sum->asked).text, sum->ranks);
    fprintf(out, ", one after the other\n");
}

static json_t *json_site(const struct lc_site *s, const struct lc_site_assumed *a)
{
    return json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "name", s->name, "features", (json_int_t)s->sae.shape.features,
                     "width", (json_int_t)s->sae.shape.width, "active", a->active, "selected", a->selected, "positive",
                     a->positive);
}

static json_t *json_flop(const struct lc_cost *c)
{
    json_t *flop = json_object();
    double sum = 0.0;

    for (int i = 0; i < LC_PARTS; i++) {
        sum += c->flop[i];
        json_object_set_new(flop, part_names[i], json_real(c->flop[i]));
    }
    json_object_set_new(flop, "sum", json_real(sum));
    return flop;
}

static json_t *json_point(const struct lc_plan_point *p)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:f, s:f, s:f, s:f, s:f}", "window_length",
                     (json_int_t)p->study->config.windows.length, "windows", (json_int_t)p->study->windows.count, "tokens",
                     (json_int_t)p->tokens, "unit_windows", (json_int_t)p->cut.each, "units", (json_int_t)p->cut.units,
                     "unit_seconds", p->unit_seconds, "core_seconds", p->seconds, "flop", json_flop(&p->cost), "leading", p->cost.leading, "updates",
                     p->cost.updates, "accumulator_bytes", p->cost.rank_bytes, "merged_bytes",
                     p->cost.merged_bytes, "dataset_bytes", p->cost.result_bytes);
}

static json_t *json_time(const struct lc_plan_time *t)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "ranks", (json_int_t)t->ranks, "load_seconds", t->load,
                     "compute_seconds", t->compute, "tail_seconds", t->tail, "write_seconds", t->write, "total_seconds",
                     t->total);
}

static json_t *describe(const struct lc_plan *plan)
{
    json_t *sites = json_array(), *points = json_array();

    for (int64_t i = 0; i < plan->study.sites; i++)
        json_array_append_new(sites, json_site(&plan->study.site[i], &plan->assumed.site[i]));
    for (int64_t k = 0; k < plan->points; k++)
        json_array_append_new(points, json_point(&plan->point[k]));
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:f, s:f, s:f, s:f, s:s, s:[o, o]}",
                     "job", plan->job->name, "config", plan->study.config.source, "output", plan->study.config.output,
                     "ranks", (json_int_t)plan->ranks, "active_from", plan->assumed_from ? plan->assumed_from : "assumed",
                     "sites", sites, "points", points, "result_bytes", plan->result_bytes, "input_bytes",
                     plan->file_bytes, "buffer_bytes", plan->buffer_bytes, "rank_bytes", plan->rank_bytes, "root_bytes", plan->root_bytes, "weight_bytes",
                     plan->weight_bytes, "token_bytes", plan->token_bytes, "node_ranks", (json_int_t)plan->node_ranks,
                     "node_bytes", plan->node_bytes, "machine_bytes", plan->machine_bytes, "core_gflops",
                     plan->speed.product, "core_screen_gflops", plan->speed.screen, "core_gflops_from",
                     plan->measured ? "measured" : "given",
                     "times", json_time(&plan->one), json_time(&plan->asked));
}

int lc_plan_json(const struct lc_plan *plan, const struct lc_scale *scale, FILE *out, struct lc_err *err)
{
    json_t *json = describe(plan);
    char *text = NULL;

    if (!scale || json_object_set_new(json, "simulation", lc_scale_json(scale)) == 0)
        text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    if (text)
        fprintf(out, "%s\n", text);
    else
        LC_FAIL(err, LC_E_LIBRARY, "the plan cannot be put into JSON");
    free(text);
    json_decref(json);
    return err->code;
}

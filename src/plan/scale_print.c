/* scale_print.c - a simulated hand-out as a table for people and as JSON for programs. */
#include <inttypes.h>
#include <math.h>

#include "scale.h"

static void print_assumed(const struct lc_scale *s, const struct lc_plan *plan, FILE *out)
{
    const struct lc_scale_assumed *a = &s->assumed;

    fprintf(out, "  simulated hand-out on up to %" PRId64 " ranks; --assume key=value changes what is assumed\n",
            plan->ranks);
    fprintf(out, "    unit             %s on a core of its own, spread %.1f %%, ", lc_duration(s->unit_seconds).text,
            100.0 * s->spread);
    if (s->from)
        fprintf(out, "as %s tells\n", s->from);
    else
        fprintf(out, "from the arithmetic above, the spread assumed; --like-run RESULT.run.json takes what a run has "
                     "measured\n");
    fprintf(out,
            "    assumed          latency_us=%g bandwidth_gbs=%g service_us=%g disk_gbs=%g disk_rank_gbs=%g "
            "node_ranks=%g node_cores=%g\n",
            a->latency_us, a->bandwidth_gbs, a->service_us, a->disk_gbs, a->disk_rank_gbs, a->node_ranks,
            a->node_cores);
}

static void print_row(const struct lc_scale_row *r, FILE *out)
{
    fprintf(out, "    %7" PRId64 " %6" PRId64 " %9s %6.1f %% %9s %6.1f %% %9s %8.3f %% %8.3f %% %9s %8sB", r->ranks,
            r->nodes, lc_duration(r->total).text, 100.0 * r->efficiency, lc_duration(r->compute).text, 100.0 * r->busy,
            lc_duration(r->total - r->compute).text, 100.0 * r->coordinator, 100.0 * r->single,
            lc_duration(r->wait).text, lc_amount(r->root_node_bytes).text);
    if (r->node_bytes > 0.0)
        fprintf(out, " %8sB\n", lc_amount(r->node_bytes).text);
    else
        fprintf(out, " %9s\n", "-");
}

void lc_scale_print(const struct lc_scale *s, const struct lc_plan *plan, FILE *out)
{
    const struct lc_scale_row *last = &s->row[s->rows - 1];

    print_assumed(s, plan, out);
    fprintf(out, "    %7s %6s %9s %8s %9s %8s %9s %10s %10s %9s %9s %9s\n", "", "", "", "", "", "ranks", "load and",
            "rank 0's", "were units", "wait for", "rank 0's", "another");
    fprintf(out, "    %7s %6s %9s %8s %9s %8s %9s %10s %10s %9s %9s %9s\n", "ranks", "nodes", "time", "efficient",
            "hand-out", "busy", "the rest", "messages", "one by one", "a unit", "node", "node");
    for (int64_t k = 0; k < s->rows; k++)
        print_row(&s->row[k], out);
    if (isfinite(s->fills))
        fprintf(out,
                "    one coordinator  would be busy all the time at %.0f ranks if it handed out units one by one; in "
                "batches it is %.2g %% of the time at %" PRId64 "\n",
                s->fills, 100.0 * last->coordinator, last->ranks);
}

static json_t *json_row(const struct lc_scale_row *r)
{
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "ranks",
                     (json_int_t)r->ranks, "nodes", (json_int_t)r->nodes, "makespan_seconds", r->total, "efficiency",
                     r->efficiency, "load_seconds", r->load, "compute_seconds", r->compute, "flush_seconds", r->flush,
                     "merge_seconds", r->merge, "write_seconds", r->write, "busy_share", r->busy, "coordinator_share",
                     r->coordinator, "coordinator_share_one_by_one", r->single, "compute_seconds_one_by_one",
                     r->compute_single, "mean_wait_seconds", r->wait, "root_node_bytes", r->root_node_bytes,
                     "node_bytes", r->node_bytes);
}

json_t *lc_scale_json(const struct lc_scale *s)
{
    const struct lc_scale_assumed *a = &s->assumed;
    json_t *rows = json_array();

    for (int64_t k = 0; k < s->rows; k++)
        json_array_append_new(rows, json_row(&s->row[k]));
    return json_pack("{s:f, s:f, s:s, s:f, s:{s:f, s:f, s:f, s:f, s:f, s:f, s:f}, s:o}", "unit_seconds",
                     s->unit_seconds, "unit_spread", s->spread, "unit_from", s->from ? s->from : "arithmetic",
                     "coordinator_full_ranks", isfinite(s->fills) ? s->fills : 0.0, "assumed", "latency_us",
                     a->latency_us, "bandwidth_gbs", a->bandwidth_gbs, "service_us", a->service_us, "disk_gbs",
                     a->disk_gbs, "disk_rank_gbs", a->disk_rank_gbs, "node_ranks", a->node_ranks, "node_cores",
                     a->node_cores, "rows", rows);
}

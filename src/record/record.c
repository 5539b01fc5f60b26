#include "lightcone/record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/clock.h"
#include "lightcone/file.h"
#include "lightcone/handout.h"
#include "lightcone/linalg.h"
#include "lightcone/results.h"
#include "lightcone/usage.h"

int lc_record_check_class(const struct lc_comm *par, struct lc_err *err)
{
    char mine[64] = {0}, first[64];

    lc_isa_choose(-1, err);
    lc_isa_choose(lc_comm_least(par, lc_isa()), err);
    lc_kernel_class(mine);
    memcpy(first, mine, sizeof first);
    lc_comm_broadcast(par, first, sizeof first);
    if (err->code == LC_OK && strcmp(mine, first) != 0)
        LC_FAIL(err, LC_E_LIBRARY,
                "this rank computes with kernels '%s', rank 0 with '%s': their last digits differ; run on nodes of one "
                "kind, or set OPENBLAS_CORETYPE for all",
                mine, first);
    return lc_comm_agree(par, err);
}

void lc_record_note_memory(struct lc_run_record *record)
{
    record->mine.own_bytes = lc_usage_share();
}

static void fill_own(struct lc_rank_record *mine, const struct lc_study *study, const struct lc_timeline *time)
{
    if (time->first_unit > 0.0)
        mine->first_unit = lc_wall_seconds() - (lc_seconds() - time->first_unit);
    memcpy(mine->loading, study->loading, sizeof mine->loading);
    gethostname(mine->host, sizeof mine->host - 1);
    memcpy(mine->seconds, time->seconds, sizeof mine->seconds);
    mine->peak_bytes = lc_usage_peak();
    mine->storage_bytes = lc_usage_storage();
}

static json_t *libraries(void)
{
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[32];
    const char *repaired = getenv("LIGHTCONE_BLAS_REPAIRED");
    int length;

    MPI_Get_library_version(mpi, &length);
    mpi[strcspn(mpi, ",\n")] = '\0';
    if (strchr(mpi, '\t')) /* "MPICH Version:\t4.0.2" */
        *strchr(mpi, '\t') = ' ';
    lc_result_library(hdf5);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "mpi", mpi, "hdf5", hdf5, "openblas", lc_blas_config(),
                     "openblas_core", lc_blas_core(), "openblas_core_repaired_from", repaired ? repaired : "");
}

static json_t *spread_json(const struct lc_tally *t)
{
    return json_pack("{s:f, s:f, s:f}", "min", t->least, "mean", lc_tally_mean(t), "max", t->most);
}

/* All that is summed up over ranks. */
struct sums {
    struct lc_tally phase[LC_PHASES], loading[LC_LOADINGS], compute;
    double first_unit; /* of all ranks */
    double flop, idle, worked; /* seconds of waiting, and of computing, on the ranks that work */
    double bytes, segments, wrote, storage;
};

static double compute_seconds(const struct lc_rank_record *r)
{
    return r->seconds[LC_UNIT] + r->seconds[LC_CHECKPOINT] + r->seconds[LC_WAIT];
}

static void sum_up(struct sums *s, const struct lc_rank_record *all, int count)
{
    *s = (struct sums){0};
    for (int i = 0; i < count; i++) {
        const struct lc_rank_record *r = &all[i];
        for (int k = 0; k < LC_PHASES; k++)
            lc_tally_add(&s->phase[k], r->seconds[k]);
        for (int k = 0; k < LC_LOADINGS; k++)
            lc_tally_add(&s->loading[k], r->loading[k]);
        if (r->first_unit > 0.0 && (s->first_unit == 0.0 || r->first_unit < s->first_unit))
            s->first_unit = r->first_unit;
        lc_tally_add(&s->compute, compute_seconds(r));
        s->flop += r->flop;
        s->bytes += (double)r->checkpoint.bytes;
        s->segments += (double)r->checkpoint.segments;
        s->wrote += r->seconds[LC_CHECKPOINT];
        s->storage += (double)r->storage_bytes;
        if (i >= count - lc_handout_workers(count)) {
            s->idle += r->seconds[LC_WAIT];
            s->worked += compute_seconds(r);
        }
    }
}

static json_t *phases_json(const struct sums *s)
{
    json_t *phases = json_object();

    for (int k = 0; k < LC_PHASES; k++)
        json_object_set_new(phases, lc_phase_name[k], spread_json(&s->phase[k]));
    json_object_set_new(phases, "compute", spread_json(&s->compute));
    return phases;
}

static const char *const loading_name[LC_LOADINGS] = {"hash", "read", "pack"};

static json_t *loading_json(const struct sums *s)
{
    json_t *loading = json_object();

    for (int k = 0; k < LC_LOADINGS; k++)
        json_object_set_new(loading, loading_name[k], spread_json(&s->loading[k]));
    return loading;
}

static json_t *rank_json(int rank, const struct lc_rank_record *r)
{
    json_t *seconds = json_object(), *loading = json_object();

    for (int k = 0; k < LC_PHASES; k++)
        json_object_set_new(seconds, lc_phase_name[k], json_real(r->seconds[k]));
    for (int k = 0; k < LC_LOADINGS; k++)
        json_object_set_new(loading, loading_name[k], json_real(r->loading[k]));
    return json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:o, s:o}", "rank", rank, "host", r->host, "units",
                     (json_int_t)r->units, "peak_bytes", (json_int_t)r->peak_bytes, "own_bytes", (json_int_t)r->own_bytes,
                     "storage_bytes", (json_int_t)r->storage_bytes, "flop", r->flop, "compute_cpu_seconds",
                     r->compute_cpu, "checkpoint_bytes",
                     (json_int_t)r->checkpoint.bytes, "checkpoint_segments", (json_int_t)r->checkpoint.segments, "seconds",
                     seconds, "loading", loading);
}

static json_t *ranks_json(const struct lc_rank_record *all, int count)
{
    json_t *list = json_array();

    for (int i = 0; i < count; i++)
        json_array_append_new(list, rank_json(i, &all[i]));
    return list;
}

/* Neighbours in rank order share a node; a host that comes again is the same node. */
static json_t *nodes_json(const struct lc_rank_record *all, int count)
{
    json_t *nodes = json_object();

    for (int i = 0; i < count; i++) {
        json_t *node = json_object_get(nodes, all[i].host);
        json_int_t ranks = 1, bytes = all[i].own_bytes, most = all[i].peak_bytes;
        if (node) {
            json_int_t peak = json_integer_value(json_object_get(node, "rank_peak_bytes"));
            ranks += json_integer_value(json_object_get(node, "ranks"));
            bytes += json_integer_value(json_object_get(node, "bytes"));
            most = peak > most ? peak : most;
        }
        json_object_set_new(nodes, all[i].host,
                            json_pack("{s:I, s:I, s:I}", "ranks", ranks, "bytes", bytes, "rank_peak_bytes", most));
    }
    return nodes;
}

static json_t *tally_json(const struct lc_tally *t)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:I}", "mean", lc_tally_mean(t), "sd", lc_tally_sd(t), "min", t->least, "max",
                     t->most, "count", (json_int_t)t->count);
}

/* Of all points, and of each where there are several. */
static void add_tallies(json_t *record, const char *name, const struct lc_tally *point, int64_t points)
{
    struct lc_tally all = {0};
    json_t *each = json_array();
    char by_point[48];

    for (int64_t k = 0; k < points; k++) {
        lc_tally_merge(&all, &point[k]);
        json_array_append_new(each, tally_json(&point[k]));
    }
    json_object_set_new(record, name, tally_json(&all));
    snprintf(by_point, sizeof by_point, "point_%s", name);
    if (points > 1)
        json_object_set(record, by_point, each);
    json_decref(each);
}

static void add_slurm(json_t *record)
{
    static const char *const name[] = {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_NODELIST",
                                       "SLURM_JOB_PARTITION", "SLURM_RESTART_COUNT"};
    json_t *slurm = json_object();

    for (size_t k = 0; k < sizeof name / sizeof name[0]; k++)
        if (getenv(name[k]))
            json_object_set_new(slurm, name[k], json_string(getenv(name[k])));
    if (json_object_size(slurm) > 0)
        json_object_set(record, "slurm", slurm);
    json_decref(slurm);
}

static json_t *describe_run(const struct lc_comm *par, const struct lc_study *study, const struct lc_run_record *r)
{
    const double now = lc_wall_seconds();
    const struct lc_date finished = lc_date_utc(now), started = lc_date_utc(now - r->total_seconds);
    char class[64];

    lc_kernel_class(class);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:s, s:s, s:o, s:{s:I, s:I, s:I}}", "lightcone", r->version, "job",
                     study->config.job, "started", started.text, "finished", finished.text, "output", study->config.output, "ranks",
                     par->size, "workers", (json_int_t)lc_handout_workers(par->size), "kernel_class", class, "kernels",
                     lc_isa_name(lc_isa()), "libraries", libraries(), "units", "all", (json_int_t)r->units, "resumed", (json_int_t)r->resumed, "done",
                     (json_int_t)(r->units - r->resumed));
}

static void add(json_t *record, const char *key, json_t *value)
{
    json_object_set_new(record, key, value);
}

static json_t *describe(const struct lc_comm *par, const struct lc_study *study, struct lc_run_record *r,
                        const struct lc_rank_record *all)
{
    json_t *record = describe_run(par, study, r);
    struct sums s;

    sum_up(&s, all, par->size);
    for (int k = 0; k < LC_PHASES; k++)
        r->mean_seconds[k] = lc_tally_mean(&s.phase[k]);
    r->idle_share = s.worked > 0.0 ? s.idle / s.worked : 0.0;
    r->gflops = r->compute_seconds > 0.0 ? s.flop / r->compute_seconds * 1e-9 : 0.0; /* 0 when all was in the checkpoint */
    add_slurm(record);
    add(record, "restarts", json_integer(r->mine.checkpoint.restarts));
    add(record, "total_seconds", json_real(r->total_seconds));
    add(record, "compute_seconds", json_real(r->compute_seconds));
    add(record, "phases", phases_json(&s));
    add(record, "loading", loading_json(&s));
    add(record, "first_unit", s.first_unit > 0.0 ? json_real(s.first_unit) : json_null());
    add(record, "idle_share", json_real(r->idle_share));
    add(record, "flop", json_real(s.flop));
    add(record, "gflop_per_second", json_real(r->gflops));
    add_tallies(record, "unit_seconds", r->unit_seconds, r->points);
    add_tallies(record, "token_seconds", r->token_seconds, r->points);
    add(record, "checkpoint", json_pack("{s:f, s:f, s:f, s:f}", "bytes", s.bytes, "segments", s.segments, "seconds", s.wrote,
                                        "share", s.compute.sum > 0.0 ? s.wrote / s.compute.sum : 0.0));
    add(record, "bytes_read",
        json_pack("{s:f, s:f}", "inputs", lc_study_input_bytes(study), "storage", s.storage));
    add(record, "nodes", nodes_json(all, par->size));
    add(record, "rank", ranks_json(all, par->size));
    return record;
}

int lc_record_path(char out[LC_PATH_MAX], const char *output, const char *suffix, const char *type, struct lc_err *err)
{
    size_t stem = strlen(output);

    if (stem > 3 && strcmp(output + stem - 3, ".h5") == 0)
        stem -= 3;
    if (snprintf(out, LC_PATH_MAX, "%.*s.%s%s%s", (int)stem, output, suffix, type[0] ? "." : "", type) >= LC_PATH_MAX)
        return LC_FAIL(err, LC_E_IO, "%.64s...: the path is too long", output);
    return LC_OK;
}

static int write_json(const struct lc_study *study, json_t *record, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    char *text = record ? json_dumps(record, JSON_INDENT(2)) : NULL;
    int rc = text ? LC_OK : LC_FAIL(err, LC_E_LIBRARY, "the run record cannot be put into JSON");

    if (rc == LC_OK)
        rc = lc_record_path(path, study->config.output, "run", "json", err);
    if (rc == LC_OK)
        rc = lc_file_write(path, text, strlen(text), err);
    free(text);
    return rc;
}

/* All ranks' tallies into rank 0's. */
static void gather_tallies(const struct lc_comm *par, struct lc_tally *point, int64_t points, struct lc_tally *others)
{
    for (int step = 1; step < par->size; step *= 2) {
        if (par->rank & step) {
            MPI_Send(point, (int)(points * (int64_t)sizeof *point), MPI_BYTE, par->rank - step, 0, par->comm);
            return;
        }
        if (par->rank + step >= par->size)
            continue;
        MPI_Recv(others, (int)(points * (int64_t)sizeof *point), MPI_BYTE, par->rank + step, 0, par->comm,
                 MPI_STATUS_IGNORE);
        for (int64_t k = 0; k < points; k++)
            lc_tally_merge(&point[k], &others[k]);
    }
}

int lc_record_write(const struct lc_comm *par, const struct lc_study *study, struct lc_run_record *record,
                    const struct lc_timeline *time, struct lc_err *err)
{
    struct lc_rank_record *all = NULL;
    struct lc_tally *others = NULL;
    int bytes = (int)sizeof record->mine;

    fill_own(&record->mine, study, time);
    if (par->rank == 0)
        LC_ALLOC(&all, par->size, "run record", err);
    LC_ALLOC(&others, record->points, "run record", err);
    if (lc_comm_agree(par, err) != LC_OK)
        goto done;
    MPI_Gather(&record->mine, bytes, MPI_BYTE, all, bytes, MPI_BYTE, 0, par->comm);
    gather_tallies(par, record->unit_seconds, record->points, others);
    gather_tallies(par, record->token_seconds, record->points, others);
    if (par->rank == 0) {
        json_t *json = describe(par, study, record, all);
        write_json(study, json, err);
        json_decref(json);
    }
    lc_comm_agree(par, err);
done:
    free(all);
    free(others);
    return err->code;
}

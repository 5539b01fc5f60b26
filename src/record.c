#include "record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lightcone/file.h"
#include "lightcone/linalg.h"
#include "lightcone/results.h"

double lc_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int lc_record_check_class(const struct lc_comm *par, struct lc_err *err)
{
    char mine[64] = {0}, first[64];

    lc_kernel_class(mine);
    memcpy(first, mine, sizeof first);
    lc_comm_broadcast(par, first, sizeof first);
    if (strcmp(mine, first) != 0)
        LC_FAIL(err, LC_E_LIBRARY,
                "this rank computes with kernels '%s', rank 0 with '%s': their last digits differ; run on nodes of one "
                "kind, or set OPENBLAS_CORETYPE for all",
                mine, first);
    return lc_comm_agree(par, err);
}

static void fill_own(struct lc_rank_record *mine)
{
    struct rusage usage;

    gethostname(mine->host, sizeof mine->host - 1);
    getrusage(RUSAGE_SELF, &usage);
    mine->peak_bytes = usage.ru_maxrss * 1024;
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

static json_t *ranks(const struct lc_rank_record *all, int count)
{
    json_t *list = json_array();

    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:i, s:s, s:I, s:I, s:f, s:f, s:I, s:f}", "rank", i, "host", all[i].host, "units",
                                              (json_int_t)all[i].units, "peak_bytes", (json_int_t)all[i].peak_bytes,
                                              "flop", all[i].flop, "busy_seconds", all[i].busy_seconds,
                                              "checkpoint_bytes", (json_int_t)all[i].checkpoint.bytes,
                                              "checkpoint_seconds", all[i].checkpoint.seconds));
    return list;
}

static json_t *describe(const struct lc_comm *par, const struct lc_study *study, const struct lc_run_record *r,
                        const struct lc_rank_record *all)
{
    char class[64], date[32];
    double flop = 0.0, rate;
    time_t now = time(NULL);
    struct tm utc;

    for (int i = 0; i < par->size; i++)
        flop += all[i].flop;
    rate = r->compute_seconds > 0.0 ? flop / r->compute_seconds * 1e-9 : 0.0; /* when all was in the checkpoint */
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    lc_kernel_class(class);
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:o}", "lightcone", r->version,
                     "job", study->config.job, "finished", date, "output", study->config.output, "ranks", par->size,
                     "kernel_class", class, "libraries", libraries(), "load_seconds", r->load_seconds,
                     "compute_seconds", r->compute_seconds, "merge_seconds", r->merge_seconds, "write_seconds",
                     r->write_seconds, "flop", flop, "gflop_per_second", rate, "restarts",
                     (json_int_t)r->mine.checkpoint.restarts, "rank",
                     ranks(all, par->size));
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

int lc_record_write(const struct lc_comm *par, const struct lc_study *study, struct lc_run_record *record,
                    struct lc_err *err)
{
    struct lc_rank_record *all = NULL;
    int bytes = (int)sizeof record->mine;

    fill_own(&record->mine);
    if (par->rank == 0)
        LC_ALLOC(&all, par->size, "run record", err);
    if (lc_comm_agree(par, err) != LC_OK)
        return err->code;
    MPI_Gather(&record->mine, bytes, MPI_BYTE, all, bytes, MPI_BYTE, 0, par->comm);
    if (par->rank == 0) {
        json_t *json = describe(par, study, record, all);
        write_json(study, json, err);
        json_decref(json);
    }
    free(all);
    return lc_comm_agree(par, err);
}

/* table.c - the lines that are printed, and the same as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "lightcone/clock.h"
#include "lightcone/file.h"
#include "lightcone/linalg.h"

static const char *number(char out[16], int64_t n)
{
    snprintf(out, 16, n > 0 ? "%lld" : "-", (long long)n);
    return out;
}

void bench_table_head(const struct lc_comm *par)
{
    if (par->rank == 0)
        printf("%-28s %5s %7s %5s %10s %10s %9s %7s %9s %9s %9s\n", "path", "T", "F", "D", "s/window", "tokens/s",
               "GFLOP/s", "of peak", "weights", "buffers", "touched");
}

static void print_names(const struct bench_cell *c)
{
    char t[16], f[16], d[16];

    printf("%-28s %5s %7s %5s ", c->path, number(t, c->length), number(f, c->features), number(d, c->width));
}

static double mib(int64_t bytes)
{
    return (double)bytes / 1048576.0;
}

void bench_table_cell(const struct bench_cell *c)
{
    char each[16] = "-";

    print_names(c);
    if (c->windows > 0)
        snprintf(each, sizeof each, "%.4g", c->seconds / (double)c->windows);
    printf("%10s %10.0f %9.1f %5.0f %% %5.0f MiB %5.0f MiB %5.0f MiB\n", each, (double)c->tokens / c->seconds, c->rate,
           100.0 * c->share, mib(c->weights), mib(c->buffers), mib(c->touched));
    fflush(stdout);
}

void bench_table_skip(const struct bench_cell *c, const char *why)
{
    print_names(c);
    printf("%s\n", why);
}

json_t *bench_cell_json(const struct bench_cell *c)
{
    json_t *o = json_pack("{s:s, s:s?, s:I, s:I, s:I}", "path", c->path, "peak", c->peak, "T", (json_int_t)c->length, "F",
                          (json_int_t)c->features, "D", (json_int_t)c->width);

    if (c->repetitions == 0)
        return o;
    if (c->windows > 0)
        json_object_set_new(o, "seconds_per_window", json_real(c->seconds / (double)c->windows));
    json_object_set_new(o, "tokens_per_second", json_real((double)c->tokens / c->seconds));
    json_object_set_new(o, "gflop_per_second", json_real(c->rate));
    json_object_set_new(o, "share_of_peak", json_real(c->share));
    if (c->bytes > 0.0)
        json_object_set_new(o, "flop_per_byte", json_real(c->flop / c->bytes));
    json_object_set_new(o, "weight_bytes", json_integer(c->weights));
    json_object_set_new(o, "buffer_bytes", json_integer(c->buffers));
    json_object_set_new(o, "touched_bytes", json_integer(c->touched));
    json_object_set_new(o, "repetitions", json_integer(c->repetitions));
    json_object_set_new(o, "spread_seconds", json_real(c->spread));
    return o;
}

json_t *bench_peaks_json(const struct bench_peaks *p, int ranks)
{
    return json_pack("{s:i, s:f, s:f, s:f, s:f}", "ranks", ranks, "float32", p->float32, "product", p->product, "screen",
                     p->screen, "triad_gb_per_second", p->triad);
}

static void cpu_model(char out[128])
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];

    snprintf(out, 128, "unknown");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %127[^\n]", out) == 1)
            break;
    if (f)
        fclose(f);
}

json_t *bench_machine_json(const struct lc_comm *par, enum lc_precision precision)
{
    static const char *const names[] = {"float32", "bf16x6", "bf16x3", "bf16"};
    char cpu[128], class[64], mpi[MPI_MAX_LIBRARY_VERSION_STRING];
    const struct lc_date date = lc_date_utc(lc_wall_seconds());
    int length;

    cpu_model(cpu);
    lc_kernel_class(class);
    MPI_Get_library_version(mpi, &length);
    mpi[strcspn(mpi, ",\n")] = '\0';
    printf("%s, %s, kernels %s, precision %s, %d ranks\n", date.text, cpu, class, names[precision], par->size);
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:{s:s, s:s, s:s}, s:[], s:[], s:[]}", "date", date.text, "cpu", cpu,
                     "kernel_class", class, "precision", names[precision], "ranks", par->size, "libraries", "mpi", mpi,
                     "openblas", lc_blas_config(), "jansson", JANSSON_VERSION, "peaks", "cells", "jobs");
}

int bench_json_write(json_t *root, const char *path, struct lc_err *err)
{
    char *text = json_dumps(root, JSON_INDENT(2));

    if (!text)
        return LC_FAIL(err, LC_E_LIBRARY, "the results cannot be put into JSON");
    lc_file_write(path, text, strlen(text), err);
    free(text);
    return err->code;
}

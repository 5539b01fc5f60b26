/* NP: 1 3 - the trace of a run: valid JSON in the trace-event format, bounded, every rank's time in it, nothing overlapping. */
#include "mpi_fixture.h"

#include <jansson.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "lightcone/timeline.h"
#include "lightcone/trace.h"

enum { RANKS_MOST = 3, UNITS = 9000 }; /* more stays than are kept */

struct seen {
    double end[RANKS_MOST], unit_seconds[RANKS_MOST];
    int64_t units[RANKS_MOST], spans[RANKS_MOST], windows, bundles;
    int names, hosts;
};

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    REQUIRE(json_is_number(value));
    return json_number_value(value);
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    REQUIRE(value);
    return value;
}

static void take_span(struct seen *s, const json_t *event)
{
    const json_t *args = json_object_get(event, "args");
    int rank = (int)number(event, "tid");
    double begin = number(event, "ts"), length = number(event, "dur");

    REQUIRE(rank >= 0 && rank < par.size && number(event, "pid") == 0.0);
    REQUIRE(length >= 0.0 && begin >= s->end[rank] - 0.002); /* nanoseconds are written */
    s->end[rank] = begin + length;
    s->spans[rank]++;
    if (json_object_get(args, "unit")) {
        REQUIRE(strcmp(text(event, "cat"), "busy") == 0 && strcmp(text(args, "windows"), "") != 0);
        s->units[rank]++;
        s->unit_seconds[rank] += length * 1e-6 - number(args, "checkpoint_s");
        s->windows++;
    } else if (json_object_get(args, "units")) {
        s->units[rank] += (int64_t)strtoll(text(event, "name"), NULL, 10);
        s->unit_seconds[rank] += number(args, "unit_s");
        s->bundles++;
    }
}

static void take_event(struct seen *s, const json_t *event)
{
    const char *kind = text(event, "ph"), *name = text(event, "name");

    if (strcmp(kind, "X") == 0)
        take_span(s, event);
    else
        REQUIRE(strcmp(kind, "M") == 0);
    s->names += strcmp(name, "thread_name") == 0;
    s->hosts += strcmp(name, "process_name") == 0;
}

/* Returns the seconds of all units by the timeline. */
static double do_units(struct lc_timeline *t)
{
    double sum = 0.0;

    for (int u = 0; u < UNITS; u++) {
        lc_timeline_unit(t, u * par.size + par.rank, 0, u, 1);
        sum += lc_timeline_enter(t, LC_CHECKPOINT);
        if (u % 1000 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
        lc_timeline_enter(t, LC_WAIT);
    }
    lc_timeline_enter(t, LC_WRITE);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    lc_timeline_enter(t, LC_WRITE);
    return sum;
}

static void check_file(const char *path, const double *sum)
{
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL), *event, *events;
    struct seen s = {0};
    size_t i;

    REQUIRE(root);
    events = json_object_get(root, "traceEvents");
    REQUIRE(json_is_array(events));
    json_array_foreach (events, i, event)
        take_event(&s, event);
    REQUIRE(s.names == par.size && s.hosts == 1 && s.bundles > 0 && s.windows > 0);
    for (int r = 0; r < par.size; r++) {
        REQUIRE(s.units[r] == UNITS);
        REQUIRE(s.spans[r] <= lc_trace_most(par.size));
        REQUIRE(fabs(s.unit_seconds[r] - sum[r]) < 1e-3 * sum[r] + 1e-4);
    }
    REQUIRE(number(json_object_get(root, "otherData"), "put_together") > 0.0);
    REQUIRE(number(json_object_get(root, "otherData"), "left_out") == 0.0);
    json_decref(root);
    unlink(path);
}

static void all_of_it(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_timeline t;
    const char *work = getenv("WORK");
    char path[4096];
    double sum[RANKS_MOST] = {0}, mine;

    (void)state;
    snprintf(path, sizeof path, "%s/r.trace.json", work ? work : "/tmp");
    lc_timeline_begin(&t);
    MPI_Barrier(par.comm);
    REQUIRE(lc_timeline_trace(&t, lc_trace_most(par.size), &err) == LC_OK);
    mine = do_units(&t);
    MPI_Gather(&mine, 1, MPI_DOUBLE, sum, 1, MPI_DOUBLE, 0, par.comm);
    REQUIRE(lc_trace_write(&par, &t, path, "influence", &err) == LC_OK);
    if (par.rank == 0)
        check_file(path, sum);
    REQUIRE(lc_trace_write(&par, &t, "/proc/none/r.trace.json", "influence", &err) == LC_E_IO);
    REQUIRE(strstr(err.msg, "/proc/none/r.trace.json"));
    lc_timeline_release(&t);
}

static void bounds(void **state)
{
    (void)state;
    REQUIRE(lc_trace_most(1) == 4096 && lc_trace_most(128) == 4096 && lc_trace_most(1024) == 512);
    REQUIRE(lc_trace_most(1000000) == 64);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(bounds), cmocka_unit_test(all_of_it)};

MPI_TEST_MAIN(tests)

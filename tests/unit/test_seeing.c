/* test_seeing.c - the arithmetic behind what a run tells of itself: numbers for readers, the pace and the ETA, where the
 * time goes, how long units took; and the sign of life on disk. */
#include "check.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../src/watch/heart.h"
#include "lightcone/alive.h"
#include "lightcone/clock.h"
#include "lightcone/log.h"
#include "lightcone/monitor.h"
#include "lightcone/pace.h"
#include "lightcone/tally.h"
#include "lightcone/timeline.h"

#define NEAR(a, b, relative) assert_true(fabs((a) - (b)) <= (relative)*fabs(b))

static void numbers_for_readers(void **state)
{
    static const struct {
        double value;
        const char *text;
    } seconds[] = {{-1.0, "-"},          {NAN, "-"},          {0.04, "0.0 s"},        {9.96, "10 s"},
                   {119.4, "119 s"},     {119.6, "2 min"},    {3569.0, "59 min"},     {3571.0, "1 h 00 min"},
                   {7500.0, "2 h 05 min"}, {172799.0, "2 d 00 h"}, {356400.0, "4 d 03 h"}, {INFINITY, "-"}},
      bytes[] = {{-1.0, "-"}, {0.0, "0 bytes"}, {999.0, "999 bytes"}, {1000.0, "1.0 kB"}, {9.96e6, "10 MB"},
                 {123.4e9, "123 GB"}},
      rate[] = {{-1.0, "-"}, {123.4, "123/s"}, {1.0, "1.0/s"}, {0.5, "30.0/min"}, {0.01, "36.0/h"}, {1e-6, "0.0/h"}};
    char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++)
        assert_string_equal(lc_show_seconds(out, seconds[i].value), seconds[i].text);
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        assert_string_equal(lc_show_bytes(out, bytes[i].value), bytes[i].text);
    for (size_t i = 0; i < sizeof rate / sizeof rate[0]; i++)
        assert_string_equal(lc_show_rate(out, rate[i].value), rate[i].text);
}

/* A steady pace is found whatever the steps; a change of pace is followed within a few times the memory. */
static void pace_of_late(void **state)
{
    struct lc_pace p = {0};
    double now = 0.0, done = 0.0;

    (void)state;
    assert_true(lc_pace_rate(&p) == 0.0);
    for (int i = 0; i < 1000; i++) {
        double step = 0.01 * (1 + i % 17);
        now += step;
        done += 3.0 * step;
        lc_pace_note(&p, now, done, 60.0);
        NEAR(lc_pace_rate(&p), 3.0, 1e-9);
    }
    lc_pace_note(&p, now, done + 3.0, 60.0); /* two notes at one moment */
    assert_true(isfinite(lc_pace_rate(&p)) && lc_pace_rate(&p) > 3.0);
    for (double end = now + 300.0; now < end; now += 1.0)
        lc_pace_note(&p, now + 1.0, done = done + 0.5, 60.0);
    NEAR(lc_pace_rate(&p), 0.5, 0.05);
}

/* Units done in order by `workers` ranks, each taking about `cost` seconds, up to 30 % more or less. */
struct race {
    int64_t units;
    int workers;
    double begin[400], end[400], last;
    int rank[400]; /* that does it */
};

static void run_race(struct race *race, const double *cost, int64_t units, int workers)
{
    double free_at[8] = {0};

    *race = (struct race){.units = units, .workers = workers};
    for (int64_t u = 0; u < units; u++) { /* to whoever is free first */
        int w = 0;
        for (int k = 1; k < workers; k++)
            w = free_at[k] < free_at[w] ? k : w;
        race->rank[u] = w;
        race->begin[u] = free_at[w];
        race->end[u] = free_at[w] += cost[u] * (0.7 + 0.6 * (double)(u * 7919 % 1009) / 1008.0);
        race->last = fmax(race->last, race->end[u]);
    }
}

/* What the hand-out knows at a moment; the clock begins at 1000. */
static void look_at(const struct race *race, double t, struct lc_handout_state *s, struct lc_handout_rank *rank)
{
    *s = (struct lc_handout_state){.units = race->units, .workers = race->workers, .rank = rank};
    for (int r = 0; r < race->workers; r++)
        rank[r] = (struct lc_handout_rank){.unit = -1, .since = 1000.0};
    for (int64_t u = 0; u < race->units && race->begin[u] <= t; u++) {
        struct lc_handout_rank *mine = &rank[race->rank[u]];
        int over = race->end[u] <= t;
        s->done += over;
        mine->done += over;
        mine->unit = over ? -1 : u;
        mine->since = 1000.0 + (over ? race->end[u] : race->begin[u]);
    }
    for (int r = 0; r < race->workers; r++)
        s->busy += rank[r].unit >= 0;
}

/* The ETA against what came true, every second from when `from` units were done: the largest error, of the whole time. */
static double worst_eta(const double *cost, int64_t units, int workers, int64_t from)
{
    static struct race race;
    double work[401] = {0}, worst = 0.0;
    const struct lc_comm par = {.size = workers};
    struct lc_monitor m = {.par = &par, .work = work, .units = units + 50, .before = 50, .todos = units, .started = 1000.0};
    struct lc_handout_rank rank[8];
    struct lc_handout_state s;

    run_race(&race, cost, units, workers);
    for (int64_t u = 0; u < units; u++)
        work[u + 1] = work[u] + 1e9 * cost[u];
    for (double t = 1.0; t < race.last; t += 1.0) {
        look_at(&race, t, &s, rank);
        lc_monitor_note(&m, &s, m.started + t);
        assert_int_equal(m.alive.done, 50 + s.done);
        if (s.done == 0)
            assert_true(m.alive.left < 0.0 && m.alive.rate < 0.0);
        else if (s.done >= from)
            worst = fmax(worst, fabs(m.alive.left - (race.last - t)) / race.last);
    }
    print_message("%d units on %d ranks: ETA wrong by at most %.1f %% of the whole\n", (int)units, workers, 100.0 * worst);
    return worst;
}

/* The mean of 8 such units is within 0.17 / sqrt(8) of the truth, twice out of three times; doubled. */
#define BOUND 0.12

/* Largest first, as a sweep has them: from counts alone the ETA would be three times too long at first. What earlier runs did
 * is no pace. */
static void eta_of_unequal_units(void **state)
{
    double cost[400];

    (void)state;
    for (int u = 0; u < 400; u++)
        cost[u] = u < 100 ? 16.0 : u < 200 ? 4.0 : 1.0;
    assert_true(worst_eta(cost, 400, 4, 8) < BOUND);
    for (int u = 0; u < 400; u++)
        cost[u] = 5.0;
    assert_true(worst_eta(cost, 400, 1, 8) < BOUND);
    assert_true(worst_eta(cost, 400, 8, 16) < BOUND);
    for (int u = 0; u < 40; u++)
        cost[u] = 600.0; /* long units that end together */
    assert_true(worst_eta(cost, 40, 8, 8) < BOUND);
}

static void how_long_units_took(void **state)
{
    struct lc_tally a = {0}, b = {0}, none = {0};
    const double value[] = {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0};

    (void)state;
    for (int i = 0; i < 8; i++)
        lc_tally_add(i < 3 ? &a : &b, value[i]);
    lc_tally_merge(&a, &none);
    lc_tally_merge(&a, &b);
    lc_tally_merge(&none, &a);
    assert_true(none.count == 8.0 && none.least == 2.0 && none.most == 9.0);
    NEAR(lc_tally_mean(&none), 5.0, 1e-15);
    NEAR(lc_tally_sd(&none), sqrt(32.0 / 7.0), 1e-12);
    lc_tally_add(&b, -1.0);
    assert_true(b.least == -1.0 && lc_tally_sd(&(struct lc_tally){.count = 1.0, .sum = 3.0, .squares = 9.0}) == 0.0);
}

static void wait_for(double seconds)
{
    double until = lc_seconds() + seconds;

    while (lc_seconds() < until)
        ;
}

/* Phases add up to the whole, and so do the spans, however many had to be put together. */
static void where_time_goes(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_timeline t;
    double total = 0.0, unit = 0.0, end, drawn = 0.0;
    int64_t units = 0, bundles = 0;

    (void)state;
    lc_timeline_begin(&t);
    check(lc_timeline_trace(&t, 64, &err), &err);
    wait_for(0.002);
    lc_timeline_enter(&t, LC_WAIT);
    for (int u = 0; u < 1000; u++) {
        lc_timeline_unit(&t, u, 0, 3 * u, 3);
        wait_for(u % 100 == 0 ? 0.0005 : 0.00002);
        unit += lc_timeline_enter(&t, LC_CHECKPOINT);
        lc_timeline_enter(&t, LC_WAIT);
        if (u % 50 == 0)
            wait_for(0.0003);
    }
    lc_timeline_enter(&t, LC_WRITE);
    wait_for(0.002);
    lc_timeline_enter(&t, LC_WRITE);
    for (int k = 0; k < LC_PHASES; k++)
        total += t.seconds[k];
    NEAR(total, t.since - t.begun, 1e-9);
    NEAR(t.seconds[LC_UNIT], unit, 1e-9);
    assert_true(t.seconds[LC_LOAD] >= 0.002 && t.seconds[LC_WRITE] >= 0.002 && t.seconds[LC_RESUME] == 0.0);

    assert_true(t.spans <= 64 && t.bundled > 0 && t.dropped == 0);
    end = t.begun;
    for (int64_t i = 0; i < t.spans; i++) {
        const struct lc_span *s = &t.span[i];
        assert_true(s->begin >= end && s->end >= s->begin);
        end = s->end;
        drawn += s->phase == LC_UNIT ? s->unit : 0.0;
        units += s->units;
        bundles += s->units > 1;
        if (s->units == 1)
            assert_true(s->first == s->last && s->windows == 3 && s->windows_first == 3 * s->first);
    }
    assert_int_equal(units, 1000);
    NEAR(drawn, unit, 1e-9);
    assert_true(bundles > 0 && t.span[0].phase == LC_LOAD && t.span[t.spans - 1].phase == LC_WRITE);
    lc_timeline_release(&t);
}

static void make_output(char out[LC_PATH_MAX], char status[LC_PATH_MAX], const char *name)
{
    const char *work = getenv("WORK");

    snprintf(out, LC_PATH_MAX, "%s/%s.h5", work ? work : "/tmp", name);
    snprintf(status, LC_PATH_MAX, "%s/%s.status.json", work ? work : "/tmp", name);
}

static void sign_of_life(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct timespec hour_ago[2] = {{.tv_sec = time(NULL) - 3600}, {.tv_sec = time(NULL) - 3600}};
    char output[LC_PATH_MAX], path[LC_PATH_MAX];
    struct lc_alive mine, other, seen;
    FILE *f;

    (void)state;
    make_output(output, path, "alive");
    setenv("SLURM_JOB_ID", "77", 1);
    lc_alive_init(&mine, "influence", "0.1.0");
    unsetenv("SLURM_JOB_ID");
    lc_alive_init(&other, "influence", "0.1.0");
    assert_true(mine.id != other.id);
    check(lc_alive_read(output, &seen, &err), &err);
    assert_int_equal(seen.id, 0);
    mine.units = 12;
    mine.done = 5;
    mine.left = 3.5;
    for (int beat = 1; beat <= 2; beat++) {
        check(lc_alive_write(output, &mine, &err), &err);
        check(lc_alive_read(output, &seen, &err), &err);
        assert_int_equal(seen.beat, beat);
    }
    assert_true(seen.id == mine.id && seen.pid == getpid() && seen.units == 12 && seen.done == 5 && seen.left == 3.5);
    assert_string_equal(seen.slurm, "77");
    assert_string_equal(seen.host, mine.host);
    assert_true(fabs(seen.age) < 5.0 && fabs(seen.ahead) < 5.0);
    assert_int_equal(utimensat(AT_FDCWD, path, hour_ago, 0), 0);
    check(lc_alive_read(output, &seen, &err), &err);
    assert_true(seen.age > 3590.0 && seen.ahead > 3590.0);
    lc_alive_remove(output, &other); /* not its own */
    assert_int_equal(access(path, F_OK), 0);
    lc_alive_remove(output, &mine);
    assert_true(access(path, F_OK) != 0);

    f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"id\": 3, \"job\":", f);
    fclose(f);
    assert_int_equal(lc_alive_read(output, &seen, &err), LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "alive.status.json"));
    unlink(path);
}

static int warnings;

static void count_warning(const char *text)
{
    assert_non_null(strstr(text, "no sign of life"));
    warnings++;
}

/* Told of another phase, the next sign of life comes at once; at the end there is none. */
static void heart_beats(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    char output[LC_PATH_MAX], path[LC_PATH_MAX];
    struct lc_alive a, seen;
    struct lc_heart *heart = NULL;

    (void)state;
    make_output(output, path, "heart");
    lc_alive_init(&a, "contexts", "0.1.0");
    check(lc_heart_start(&heart, output, &a, count_warning, &err), &err);
    check(lc_alive_read(output, &seen, &err), &err);
    assert_string_equal(seen.phase, "loading");
    snprintf(a.phase, sizeof a.phase, "computing");
    a.done = 9;
    lc_heart_tell(heart, &a);
    for (int try = 0; try < 1000 && strcmp(seen.phase, "computing") != 0; try++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        check(lc_alive_read(output, &seen, &err), &err);
    }
    assert_string_equal(seen.phase, "computing");
    assert_true(seen.done == 9 && seen.beat == 2 && seen.id == a.id);
    lc_heart_stop(heart);
    assert_true(access(path, F_OK) != 0);
    assert_int_equal(warnings, 0);
    lc_heart_tell(NULL, &a);
    lc_heart_stop(NULL);

    make_output(output, path, "no/such/folder/heart");
    check(lc_heart_start(&heart, output, &a, count_warning, &err), &err);
    lc_heart_stop(heart);
    assert_int_equal(warnings, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_for_readers),   cmocka_unit_test(pace_of_late), cmocka_unit_test(eta_of_unequal_units),
        cmocka_unit_test(how_long_units_took), cmocka_unit_test(where_time_goes), cmocka_unit_test(sign_of_life),
        cmocka_unit_test(heart_beats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

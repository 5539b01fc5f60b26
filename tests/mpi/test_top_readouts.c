/* NP: 1 3 - windows that end on strongest activations: against plain loops over a made contexts result, the same on
 * every rank; tables that are out of order or out of range are refused by all. */
#include "mpi_fixture.h"

#include <math.h>

#include "../../src/study/top_readouts.h"
#include "lightcone/random.h"
#include "lightcone/results.h"

enum { FEATURES = 30, SOURCES = 12, SOURCE_LENGTH = 10, STEP = 7, TOKENS = 90, MOST = 400, T = 12, SITES = 2, KEPT = 4 };

static const char *const names[SITES] = {"resid_out_layer0", "resid_out_layer3"};

/* The contexts of one site. Source windows overlap, so that two may hold one token. */
struct table {
    int64_t rows, window[MOST], position[MOST];
    int32_t feature[MOST];
    float value[MOST];
};

static int64_t below(uint64_t stream, int64_t i, int64_t n)
{
    return (int64_t)lc_random_below(3, stream, (uint64_t)i, (uint64_t)n);
}

static struct table make_table(int site)
{
    struct table t = {0};

    for (int32_t f = site; f < FEATURES; f += 1 + site)
        for (int64_t k = 0, n = below(1, f + 100 * site, KEPT + 1); k < n; k++) {
            t.feature[t.rows] = f;
            t.window[t.rows] = (below(2, f, SOURCES) + k) % SOURCES;
            t.position[t.rows] = below(3, t.rows + 1000 * site, SOURCE_LENGTH);
            t.value[t.rows++] = (float)(KEPT - k / 2);
        }
    return t;
}

static void path_of(char out[512])
{
    const char *folder = getenv("WORK");

    snprintf(out, 512, "%s/contexts.h5", folder ? folder : "build");
}

static int put_table(struct lc_result *r, const struct table *t, const char *site, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_result_put(r, "sites/SITE/contexts/feature", site, &t->rows, t->feature, err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/contexts/window", site, &t->rows, t->window, err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/contexts/position", site, &t->rows, t->position, err));
    LC_TRY(rc, lc_result_put(r, "sites/SITE/contexts/value", site, &t->rows, t->value, err));
    LC_TRY(rc, lc_result_put_int(r, "sites/SITE/contexts", site, "top", KEPT, err));
done:
    return rc;
}

/* `first`: where the first source window begins. */
static void write_source(const struct table *t, int64_t first)
{
    int64_t start[SOURCES], length[SOURCES], count = SOURCES, nothing = 0;
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r = NULL;
    char path[512];

    for (int64_t w = 0; w < SOURCES; w++) {
        start[w] = w * STEP;
        length[w] = SOURCE_LENGTH;
    }
    start[0] += first;
    path_of(path);
    if (par.rank == 0) {
        REQUIRE(lc_result_create(&r, path, &err) == LC_OK);
        REQUIRE(lc_result_put(r, "provenance/files", NULL, &nothing, "", &err) == LC_OK);
        REQUIRE(lc_result_put(r, "windows/start", NULL, &count, start, &err) == LC_OK);
        REQUIRE(lc_result_put(r, "windows/length", NULL, &count, length, &err) == LC_OK);
        for (int i = 0; i < SITES; i++)
            REQUIRE(put_table(r, &t[i], names[i], &err) == LC_OK);
        REQUIRE(lc_result_commit(r, &err) == LC_OK);
    }
    MPI_Barrier(par.comm);
}

static void study_init(struct lc_study *s, int64_t top, int select)
{
    struct lc_err err = LC_ERR_INIT;

    *s = (struct lc_study){.tokens = TOKENS, .sites = SITES, .stream.window = MPI_WIN_NULL};
    s->config.readout = LC_READOUT_TOP;
    s->config.readout_top = top;
    s->config.windows.length = T;
    path_of(s->config.readout_from);
    REQUIRE(LC_ALLOC(&s->site, SITES, "sites", &err) == LC_OK);
    for (int i = 0; i < SITES; i++) {
        snprintf(s->site[i].name, sizeof s->site[i].name, "%s", names[i]);
        s->site[i].sae.shape.features = FEATURES;
        if (!select)
            continue;
        REQUIRE(LC_ALLOC(&s->site[i].selected, FEATURES, "selection", &err) == LC_OK);
        for (int f = 0; f < FEATURES; f += 2)
            s->site[i].selected[f] = 1;
    }
}

/* The definition: rows of the table that are wanted, as flags at [token][feature]; how many have too little before. */
static int64_t expect(const struct table *t, int64_t top, int select, unsigned char wanted[TOKENS][FEATURES])
{
    int64_t left_out = 0;

    memset(wanted, 0, TOKENS * FEATURES);
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t rank = 0, end = t->window[i] * STEP + t->position[i];
        for (int64_t k = 0; k < i; k++)
            rank += t->feature[k] == t->feature[i];
        if (rank >= top || (select && t->feature[i] % 2))
            continue;
        if (end - T + 1 < 0)
            left_out++;
        else
            wanted[end][t->feature[i]] = 1;
    }
    return left_out;
}

static void check_site(const struct lc_study *s, int i, unsigned char wanted[TOKENS][FEATURES])
{
    const struct lc_wanted *w = &s->site[i].wanted;
    int64_t expected = 0;

    for (int64_t t = 0; t < TOKENS; t++)
        for (int f = 0; f < FEATURES; f++)
            expected += wanted[t][f];
    REQUIRE(w->indptr[0] == 0 && w->indptr[s->windows.count] == expected);
    for (int64_t n = 0; n < s->windows.count; n++)
        for (int64_t k = w->indptr[n]; k < w->indptr[n + 1]; k++) {
            REQUIRE(k == w->indptr[n] || w->feature[k - 1] < w->feature[k]);
            REQUIRE(wanted[s->windows.start[n] + T - 1][w->feature[k]] == 1);
        }
}

static void match_brute_force(void **state)
{
    static unsigned char wanted[SITES][TOKENS][FEATURES];
    struct table table[SITES] = {make_table(0), make_table(1)};

    (void)state;
    write_source(table, 0);
    for (int64_t top = 1; top <= KEPT; top++)
        for (int select = 0; select < 2; select++) {
            struct lc_err err = LC_ERR_INIT;
            struct lc_study s;
            int64_t ends = 0;
            study_init(&s, top, select);
            REQUIRE(lc_top_readouts_make(&s, &par, &err) == LC_OK);
            for (int i = 0; i < SITES; i++) {
                int64_t left_out = expect(&table[i], top, select, wanted[i]);
                REQUIRE(par.rank > 0 || s.site[i].wanted.left_out == left_out);
                check_site(&s, i, wanted[i]);
            }
            for (int64_t t = 0; t < TOKENS; t++) {
                int any = 0;
                for (int f = 0; f < FEATURES; f++)
                    any |= wanted[0][t][f] | wanted[1][t][f];
                REQUIRE(!any || (s.windows.start[ends] == t - T + 1 && s.windows.length[ends] == T));
                ends += any;
            }
            REQUIRE(ends == s.windows.count && ends > 5);
            lc_study_close(&s);
        }
}

struct wrong {
    const char *want;
    int64_t first; /* start of the first window */
    void (*spoil)(struct table *t);
};

static void swap_features(struct table *t)
{
    t->feature[0] = FEATURES - 1;
}

static void feature_too_large(struct table *t)
{
    t->feature[t->rows - 1] = FEATURES;
}

static void feature_negative(struct table *t)
{
    t->feature[0] = -1;
}

static void value_nan(struct table *t)
{
    t->value[1] = NAN;
}

static void weakest_first(struct table *t)
{
    for (int64_t i = 1; i < t->rows; i++)
        t->value[i] = t->feature[i] == t->feature[i - 1] ? t->value[i - 1] + 1.0f : t->value[i];
}

static void window_too_large(struct table *t)
{
    t->window[2] = SOURCES;
}

static void window_negative(struct table *t)
{
    t->window[2] = INT64_MIN;
}

static void position_too_large(struct table *t)
{
    t->position[3] = SOURCE_LENGTH;
}

static void position_negative(struct table *t)
{
    t->position[3] = -1;
}

static void in_first_window(struct table *t)
{
    t->window[0] = 0;
}

static void nothing(struct table *t)
{
    t->rows = 0;
}

static void are_refused(void **state)
{
    static const struct wrong wrong[] = {
        {"ascending", 0, swap_features},
        {"is of feature 30", 0, feature_too_large},
        {"is of feature -1", 0, feature_negative},
        {"nan", 0, value_nan},
        {"strongest context first", 0, weakest_first},
        {"of window 12, which is not", 0, window_too_large},
        {"which is not among its windows", 0, window_negative},
        {"position 10 of window", 0, position_too_large},
        {"position -1 of window", 0, position_negative},
        {"at token -5", -5, in_first_window},
        {"corpus.tokens leaves 90", INT64_MAX - 3, in_first_window},
        {"has no context of these features", 0, nothing},
    };

    (void)state;
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        struct table table[SITES] = {make_table(0), make_table(1)};
        struct lc_err err = LC_ERR_INIT;
        struct lc_study s;
        wrong[k].spoil(&table[0]);
        if (wrong[k].spoil == nothing)
            table[1].rows = 0;
        write_source(table, wrong[k].first);
        study_init(&s, KEPT, 0);
        REQUIRE(lc_top_readouts_make(&s, &par, &err) != LC_OK);
        if (!strstr(err.msg, wrong[k].want) || !strstr(err.msg, "contexts.h5: ")) {
            fprintf(stderr, "case %zu: no \"%s\" in: %s\n", k, wrong[k].want, err.msg);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
        lc_study_close(&s);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(match_brute_force),
    cmocka_unit_test(are_refused),
};

MPI_TEST_MAIN(tests)

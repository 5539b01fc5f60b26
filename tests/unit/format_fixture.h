/* format_fixture.h - what the tests of file formats share: expected values, refusals, scratch folders. */
#ifndef LC_FORMAT_FIXTURE_H
#define LC_FORMAT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lightcone/file.h"
#include "lightcone/memory.h"

#define DATA   "tests/data/format/"
#define UNUSED __attribute__((unused))

/* The call failed and its message holds both texts. */
UNUSED static void assert_refused(int rc, const struct lc_err *err, const char *one, const char *two)
{
    if (rc == LC_OK || rc != err->code)
        fail_msg("returned %d, but wanted a refusal with '%s' and '%s'", rc, one, two);
    if (!strstr(err->msg, one) || !strstr(err->msg, two))
        fail_msg("the message '%s' does not say '%s' and '%s'", err->msg, one, two);
}

UNUSED static void assert_ok(int rc, const struct lc_err *err)
{
    if (rc != LC_OK)
        fail_msg("%s:%d: %s", err->file, err->line, err->msg);
}

/* Values of `name` in expected.txt; free() them. */
UNUSED static float *expected_values(const char *name, int64_t *count)
{
    FILE *f = fopen(DATA "expected.txt", "r");
    char found[64];
    long long n;

    assert_non_null(f);
    while (fscanf(f, "%63s %lld", found, &n) == 2) {
        float *values = malloc((size_t)n * sizeof *values);
        assert_non_null(values);
        for (long long i = 0; i < n; i++)
            assert_int_equal(fscanf(f, "%f", &values[i]), 1);
        if (strcmp(found, name) == 0) {
            fclose(f);
            *count = n;
            return values;
        }
        free(values);
    }
    fclose(f);
    fail_msg("expected.txt has no %s", name);
    return NULL;
}

/* |x - expected| <= tolerance * max(1, |expected|) for all values. */
UNUSED static void assert_values(const char *name, const float *x, int64_t count, double tolerance)
{
    int64_t n = 0;
    float *wanted = expected_values(name, &n);

    assert_int_equal(n, count);
    for (int64_t i = 0; i < n; i++) {
        double size = wanted[i] < 0 ? -(double)wanted[i] : (double)wanted[i];
        double off = (double)x[i] - (double)wanted[i];
        if (!(off <= tolerance * (size > 1 ? size : 1) && -off <= tolerance * (size > 1 ? size : 1)))
            fail_msg("%s: value %lld is %.9g, wanted %.9g", name, (long long)i, (double)x[i],
                     (double)wanted[i]);
    }
    free(wanted);
}

/* Value i of the generator's ramp, exact in every float dtype. */
UNUSED static float ramp(int64_t i)
{
    return (float)((7 * i) % 13 - 6) / 8;
}

/* A folder of its own for one test. */
UNUSED static void scratch_make(char folder[64])
{
    const char *base = getenv("TMPDIR");

    snprintf(folder, 64, "%.32s/lc-format-XXXXXX", base && strlen(base) <= 32 ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
}

UNUSED static void scratch_write(const char *folder, const char *name, const void *data, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    char path[LC_PATH_MAX];

    assert_ok(lc_path_join(path, folder, name, &err), &err);
    assert_ok(lc_file_write(path, data, size, &err), &err);
}

/* Copy one fixture into a scratch folder. */
UNUSED static void scratch_copy(const char *folder, const char *name, const char *from)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_map map;

    assert_ok(lc_map_open(&map, from, &err), &err);
    scratch_write(folder, name, map.data, map.size);
    lc_map_close(&map);
}

UNUSED static void scratch_remove(const char *folder, const char *const *names)
{
    char path[LC_PATH_MAX];
    struct lc_err err = LC_ERR_INIT;

    for (; *names; names++)
        if (lc_path_join(path, folder, *names, &err) == LC_OK)
            unlink(path);
    rmdir(folder);
}

/* A file below the shared data; 0 and a line on the terminal when it is not there. */
UNUSED static int shared_path(char path[LC_PATH_MAX], const char *name)
{
    const char *base = getenv("LC_SHARED");

    snprintf(path, LC_PATH_MAX, "%s/%s", base ? base : "../shared", name);
    if (access(path, R_OK) == 0)
        return 1;
    print_message("skipped: %s is not there\n", path);
    return 0;
}

#endif

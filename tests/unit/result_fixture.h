/* result_fixture.h - results as a test reads them: what cannot be read fails it. */
#ifndef LC_TEST_RESULT_FIXTURE_H
#define LC_TEST_RESULT_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "lightcone/results.h"

/* The folder of the results that SCRIPT of tests/jobs makes, as it names it in `variable`; alone the test skips. */
static inline const char *results_folder(const char *variable, const char *script)
{
    const char *folder = getenv(variable);

    if (!folder) {
        printf("tests/jobs/%s runs it on its results\n", script);
        exit(77);
    }
    return folder;
}

/* FOLDER/NAME.h5; the caller closes it. */
static inline struct lc_result *result_in(const char *folder, const char *name)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r = NULL;
    char path[4096];

    snprintf(path, sizeof path, "%s/%s.h5", folder, name);
    check(lc_result_open(&r, path, &err), &err);
    return r;
}

/* The caller releases it. */
static inline struct lc_array array_of(const struct lc_result *r, const char *name, const char *site)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_array a;

    check(lc_result_get(r, name, site, &a, &err), &err);
    return a;
}

/* Of the site of a layer; -1: of the file. */
static inline struct lc_array array_of_layer(const struct lc_result *r, const char *name, int layer)
{
    char site[32];

    snprintf(site, sizeof site, "resid_out_layer%d", layer);
    return array_of(r, name, layer < 0 ? NULL : site);
}

/* Number i, whatever its type. */
static inline double number_at(const struct lc_array *a, int64_t i)
{
    assert_true(i >= 0 && i < a->count);
    switch (a->type) {
    case LC_RESULT_I64:
        return (double)((const int64_t *)a->data)[i];
    case LC_RESULT_I32:
        return ((const int32_t *)a->data)[i];
    case LC_RESULT_F32:
        return (double)((const float *)a->data)[i];
    case LC_RESULT_U8:
        return ((const uint8_t *)a->data)[i];
    default:
        return ((const double *)a->data)[i];
    }
}

#endif

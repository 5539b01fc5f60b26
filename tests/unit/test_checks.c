/* Where a server may send us, and what a file is held against. The rest of `lightcone fetch` is tested with a server, by
 * tests/jobs/test_fetch.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/fetch/checks.h"
#include "../../src/fetch/http.h"
#include "lightcone/file.h"

static void never_from_https_to_http(void **state)
{
    (void)state;
    assert_true(lc_http_may_follow("http://a/x", "http://b/x"));
    assert_true(lc_http_may_follow("http://a/x", "https://b/x"));
    assert_true(lc_http_may_follow("https://a/x", "HTTPS://b/x"));
    assert_false(lc_http_may_follow("https://a/x", "http://b/x"));
    assert_false(lc_http_may_follow("HTTPS://a/x", "http://a/x"));
    assert_false(lc_http_may_follow("http://a/x", "ftp://a/x"));
    assert_false(lc_http_may_follow("http://a/x", "file:///a/x"));
    assert_false(lc_http_may_follow("http://a/x", "/x"));
}

/* CRC-32 of "123456789" is the check value of its definition; SHA-256 of it from FIPS 180 implementations. */
static void checks_name_what_differs(void **state)
{
    static const char nine[] = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
    struct lc_err err = LC_ERR_INIT;
    struct lc_checks checks = {.count = 0};
    char path[] = "/tmp/lc-fetch-XXXXXX", why[LC_MISMATCH_MAX], shown[200];

    (void)state;
    close(mkstemp(path));
    assert_int_equal(lc_file_write(path, "123456789", 9, &err), LC_OK);
    lc_checks_add_size(&checks, "the server", 9);
    lc_checks_add_size(&checks, "nobody", -1);
    lc_checks_add(&checks, LC_CHECK_SHA256, "nobody", "");
    assert_int_equal(checks.count, 1);
    assert_false(lc_checks_have_hash(&checks));
    lc_checks_add(&checks, LC_CHECK_CRC32, "the archive's directory", "cbf43926");
    lc_checks_add(&checks, LC_CHECK_SHA256, "the layout", nine);
    lc_checks_add(&checks, LC_CHECK_GIT_BLOB, "the layout", "d1ab2b6");
    assert_true(lc_checks_have_hash(&checks));
    lc_checks_add(&checks, LC_CHECK_GIT_BLOB, "the layout", "e2e107ac"); /* said anew */
    assert_int_equal(checks.count, 4);
    assert_int_equal(lc_checks_match(&checks, path, why, &err), LC_OK);
    assert_string_equal(why, "");
    lc_checks_show(&checks, shown, sizeof shown);
    assert_string_equal(shown, "size (the server), CRC-32 (the archive's directory), SHA-256 (the layout), "
                               "git blob (the layout)");
    lc_checks_add(&checks, LC_CHECK_CRC32, "the archive's directory", "cbf43927");
    assert_int_equal(lc_checks_match(&checks, path, why, &err), LC_OK);
    assert_string_equal(why, "CRC-32 is cbf43926; expected cbf43927, says the archive's directory");
    lc_checks_match_size(&checks, 10, why);
    assert_string_equal(why, "size is 10; expected 9, says the server");
    unlink(path);
    assert_int_equal(lc_checks_match(&checks, path, why, &err), LC_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_from_https_to_http),
        cmocka_unit_test(checks_name_what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

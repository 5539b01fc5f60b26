/* check.h - cmocka with the headers that it wants, and the one check that most tests make. */
#ifndef LC_TEST_CHECK_H
#define LC_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lightcone/err.h"

static inline void check(int rc, const struct lc_err *err)
{
    if (rc != LC_OK)
        fail_msg("%s", err->msg);
}

#endif

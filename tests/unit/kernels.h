/* kernels.h - a group of tests with every kernel that this machine has, the plain ones first; with those alone that
 * LIGHTCONE_ISA names where it is set. */
#ifndef LC_TEST_KERNELS_H
#define LC_TEST_KERNELS_H

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lightcone/linalg.h"

static inline int run_with_every_kernel(int (*run)(void))
{
    const char *wanted = getenv("LIGHTCONE_ISA");
    struct lc_err err = LC_ERR_INIT;
    int failed = 0, tested = 0;

    for (int isa = 0; lc_isa_name(isa); isa++) {
        if (wanted && strcmp(wanted, lc_isa_name(isa)) != 0)
            continue;
        lc_isa_choose(isa, &err);
        print_message("kernels '%s': %s\n", lc_isa_name(isa), lc_isa() == isa ? "tested" : "not on this CPU, not tested");
        if (lc_isa() != isa)
            continue;
        tested++;
        failed += run();
    }
    return failed ? 1 : tested ? 0 : 77;
}

#endif

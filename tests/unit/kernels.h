/* kernels.h - a group of tests with every kernel that this machine has, the plain ones first. */
#ifndef LC_TEST_KERNELS_H
#define LC_TEST_KERNELS_H

#include "check.h"
#include "lightcone/linalg.h"

static inline int run_with_every_kernel(int (*run)(void))
{
    struct lc_err err = LC_ERR_INIT;
    int failed = 0;

    for (int isa = 0; lc_isa_name(isa); isa++) {
        lc_isa_choose(isa, &err);
        print_message("kernels '%s': %s\n", lc_isa_name(isa), lc_isa() == isa ? "tested" : "not on this CPU, not tested");
        if (lc_isa() == isa)
            failed += run();
    }
    return failed;
}

#endif

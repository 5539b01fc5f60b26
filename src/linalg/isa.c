/* isa.c - which kernels this process uses. */
#include "isa.h"

#include <stdlib.h>
#include <string.h>

#include "lightcone/linalg.h"

/* From the slowest to the fastest. */
static const struct lc_kernels *const table[] = {
    &lc_kernels_plain,
#if defined(__x86_64__)
    &lc_kernels_avx512,
    &lc_kernels_amx,
#endif
};

enum { KERNELS = sizeof table / sizeof table[0] };

static int chosen = -1;

static int best_there(int k)
{
    while (k > 0 && !table[k]->is_there())
        k--;
    return k;
}

int lc_isa_choose(int most, struct lc_err *err)
{
    const char *wanted = getenv("LIGHTCONE_ISA");
    int k = best_there(KERNELS - 1);

    if (wanted && *wanted) {
        int w = 0;
        while (w < KERNELS && strcmp(table[w]->name, wanted) != 0)
            w++;
        if (w == KERNELS || w > k || !table[w]->is_there())
            return LC_FAIL(err, LC_E_CONFIG, "LIGHTCONE_ISA is '%.20s'; this machine has kernels up to '%s'", wanted,
                           table[k]->name);
        k = w;
    }
    chosen = best_there(most >= 0 && most < k ? most : k);
    return LC_OK;
}

int lc_isa(void)
{
    struct lc_err ignored = LC_ERR_INIT;

    if (chosen < 0 && lc_isa_choose(-1, &ignored) != LC_OK)
        chosen = 0;
    return chosen;
}

const char *lc_isa_name(int isa)
{
    return isa >= 0 && isa < KERNELS ? table[isa]->name : NULL;
}

const struct lc_kernels *lc_kernels(void)
{
    return table[lc_isa()];
}

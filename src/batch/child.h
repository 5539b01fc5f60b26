/* child.h - another program, run with a list of arguments and no shell in between. Private to src/batch. */
#ifndef LC_CHILD_H
#define LC_CHILD_H

#include "lightcone/memory.h"

struct lc_child {
    int status;                /* its exit status; 128 + signal when a signal ended it */
    struct lc_bytes out, said; /* what it printed and what it complained of, each with a zero byte behind it that does not count */
};

/* Run argv[0], looked up on PATH, and wait for it; argv ends with NULL. A status other than 0 is no error here. LC_E_IO when
 * it cannot be started. On success release with lc_child_release(). */
int lc_child_run(struct lc_child *child, const char *const *argv, struct lc_err *err);
void lc_child_release(struct lc_child *child);

#endif

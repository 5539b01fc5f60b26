/* fetch.h - `lightcone fetch`: the files of a layout from the network, continued where an earlier run ended, and checked. */
#ifndef LC_FETCH_H
#define LC_FETCH_H

#include <stdint.h>
#include <stdio.h>

#include "lightcone/err.h"

struct lc_fetch {
    const char *layout;     /* path of the YAML (lightcone/layout.h) */
    const char *folder;     /* where the files go; NULL: the layout's own folder */
    const char *const *set; /* [set_count] "key.path=value" */
    int64_t set_count;
    const char *version; /* of the program, for servers to see */
};

/* Bring every file that is not there yet. A file is there when a hash says so: the layout's, that of FOLDER/fetched.json
 * (written for every file that was fetched), the server's own, or the CRC-32 of an archive's directory. What is under way
 * is FILE.partial, which a later run continues; FILE appears when it is whole and every check has passed. Progress goes
 * to `log`, a bar when that is a terminal; the closing lines, what was checked against what, to `out`.
 * LC_E_CONFIG: the layout; LC_E_IO: network and disk, with URL and status or path; LC_E_FORMAT: a wrong size or hash,
 * an archive that is not sound. Not collective; no MPI. */
int lc_fetch(const struct lc_fetch *what, FILE *out, FILE *log, struct lc_err *err);

#endif

/* status.h - how far a job is, from what it left on disk. */
#ifndef LC_STATUS_H
#define LC_STATUS_H

#include <stdio.h>

#include "lightcone/err.h"

/* Print to `out` how far the job with the result OUTPUT is: its checkpoint, the result and the run record beside it,
 * each where it exists. Of a live job or a dead one, from any machine that sees the folder. LC_E_IO when there is
 * neither. Serial. */
int lc_status(const char *output, FILE *out, struct lc_err *err);

#endif

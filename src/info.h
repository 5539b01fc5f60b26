/* info.h - what a path is: model folder, SAE, tokenizer, corpus or result. Private to the top level. */
#ifndef LC_INFO_H
#define LC_INFO_H

#include <stdio.h>

#include "lightcone/err.h"

/* Print what PATH is to `out`: its kind, sizes, tensors and hash. LC_E_FORMAT for a folder of no known kind. */
int lc_info(const char *path, FILE *out, struct lc_err *err);

struct lc_result;
/* "6 of a grid of 8: threshold 0.1 0.2; windows.length 16 32 64" and a newline, of a result with points. */
int lc_info_points(struct lc_result *r, FILE *out, struct lc_err *err);

#endif

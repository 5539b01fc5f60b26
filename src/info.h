/* info.h - what a path is: model folder, SAE, tokenizer, corpus or result. Private to the top level. */
#ifndef LC_INFO_H
#define LC_INFO_H

#include <stdio.h>

#include "lightcone/err.h"

/* Print what PATH is to `out`: its kind, sizes, tensors and hash. LC_E_FORMAT for a folder of no known kind. */
int lc_info(const char *path, FILE *out, struct lc_err *err);

#endif

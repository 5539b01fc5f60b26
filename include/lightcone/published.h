/* published.h - the data files (.pt) that the scripts of "Analyzing the Nonlocality of Sparse Autoencoder Features"
 * write, made into a result. A file's kind is recognised by its keys, never by its name:
 *
 *   sparsity      counts, frequencies and token counts of every feature
 *   location      the same with the positions of the first activations
 *   correlation   the conditional covariance of the leading features
 *   influence     the influence profiles of frequent features in many windows
 *   entropies     profiles and entropies of all active features in a few windows
 *   sweep         the same at growing lengths of one window
 *   token_vector  the profiles of the residual token vector */
#ifndef LC_PUBLISHED_H
#define LC_PUBLISHED_H

#include <stdint.h>

#include "lightcone/err.h"

struct lc_import {
    const char *const *files;
    int64_t count;
    const char *site;      /* of the files that do not tell theirs, or NULL */
    const char *tokenizer; /* tokenizer.json, or a folder with one: its tokens go into the result; or NULL */
    const char *output;
};

/* Write one result of all files. LC_E_FORMAT names file and key of what is wrong; LC_E_USAGE: files that do not go into
 * one result, or a site that no one tells. */
int lc_import_write(const struct lc_import *what, struct lc_err *err);

#endif

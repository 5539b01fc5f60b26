/* hashes.h - SHA-256 of files, each read once, by all ranks of rank 0's node. Private to src/study. */
#ifndef LC_HASHES_H
#define LC_HASHES_H

#include "deal.h"
#include "lightcone/comm.h"
#include "lightcone/err.h"
#include "lightcone/hash.h"
#include "lightcone/study.h"

void lc_hashes_release(struct lc_hashes *hashes);

/* The hash of a file and its bytes, remembered as long as the file does not change. */
int lc_hash_once(struct lc_hashes *hashes, const char *path, char hash[LC_HASH_HEX], int64_t *size, struct lc_err *err);

/* Rank 0: lc_hashes_fill() shall hash this file if it is not known. */
int lc_hashes_note(struct lc_hashes *hashes, const char *path, struct lc_err *err);
/* Hash what is noted; files that cannot be read stay without. *seconds grows by what this rank took. Collective; agrees on
 * errors. */
int lc_hashes_fill(struct lc_hashes *hashes, const struct lc_comm *par, double *seconds, struct lc_err *err);

#endif

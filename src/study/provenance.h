/* provenance.h - names, sizes and SHA-256 of every input file, as lines of text. Private to src/study. */
#ifndef LC_PROVENANCE_H
#define LC_PROVENANCE_H

#include "lightcone/corpus.h"
#include "lightcone/err.h"
#include "lightcone/memory.h"
#include "lightcone/results.h"
#include "lightcone/study.h"

/* Append the lines of a study: "sha256  size  role  name", roles model, tokenizer, sae:SITE, corpus. hashes NULL: model and
 * SAEs are not read, their hashes left empty; such lines still match those of the same sizes and names. */
int lc_provenance_write(struct lc_bytes *out, const struct lc_study *study, const struct lc_corpus *corpus,
                        struct lc_hashes *hashes, struct lc_err *err);
/* The lines of model and SAEs alone. */
int lc_provenance_write_weights(struct lc_bytes *out, const struct lc_study *study, struct lc_hashes *hashes,
                                struct lc_err *err);
/* The files of model and SAEs into hashes, unread, for lc_hashes_fill(). */
int lc_provenance_note_weights(struct lc_hashes *hashes, const struct lc_study *study, struct lc_err *err);
/* The results of other jobs that a study reads, roles features.from and readout.from; after they have been checked. */
int lc_provenance_add_results(struct lc_bytes *out, const struct lc_study *study, const struct lc_needs *needs,
                              struct lc_hashes *hashes, struct lc_err *err);

/* The result `from` at `path`, which the key `key` names, must be of the same inputs: every line of the study's must be
 * among its own; LC_E_CONFIG names the first file that differs. */
int lc_provenance_check(const struct lc_result *from, const struct lc_study *study, const char *key, const char *path,
                        struct lc_err *err);

#endif

/* study.h - the inputs of a job, the same on every rank: configuration, token stream, windows, model, SAEs. */
#ifndef LC_STUDY_H
#define LC_STUDY_H

#include <stdint.h>

#include "lightcone/comm.h"
#include "lightcone/config.h"
#include "lightcone/model.h"
#include "lightcone/sae.h"
#include "lightcone/tokenizer.h"
#include "lightcone/windows.h"

/* What a readout of strongest activations reads out: at the end of window n the features feature[indptr[n] ..
 * indptr[n + 1]), ascending. */
struct lc_wanted {
    int64_t *indptr;  /* [N + 1] owned; NULL: every active feature at every readout */
    int32_t *feature; /* owned */
    int64_t left_out; /* rank 0: contexts with fewer than T tokens up to them */
};

struct lc_site {
    char name[32]; /* resid_out_layerN */
    int64_t layer;
    struct lc_sae sae;
    unsigned char *selected; /* [F] 1 where the features rule takes the feature; NULL: all. Owned */
    struct lc_wanted wanted;
};

struct lc_study {
    struct lc_config config;
    const int32_t *token; /* the stream; node-shared */
    int64_t tokens;
    struct lc_windows windows;
    int64_t vocab;        /* ids of the tokenizer are below this */
    int32_t bos;          /* prepended to every window; -1: none */
    struct lc_model model;
    struct lc_site *site; /* ascending layers */
    int64_t sites;
    /* Of a sweep over windows.length one study for each length, ascending, which shares everything with this one, whose
     * length and windows are the longest, but its configuration's length and its windows. NULL and 0: one length. */
    struct lc_study *point;
    int64_t points;
    /* internal, and of rank 0 alone where so marked */
    struct lc_shared weights, stream;
    struct lc_tokenizer *tokenizer; /* rank 0 */
    struct lc_bytes provenance;     /* rank 0: lines "sha256  size  role  name" */
};

/* What a job needs of its inputs. */
struct lc_needs {
    int keep_short; /* a last window shorter than T takes part */
    int decoder;    /* decoder rows are loaded */
    int backward;   /* gradients are taken */
    int selection;  /* the features rule applies */
    int readouts;   /* the readout rule applies, and makes the windows where it says so */
};

/* Load everything that a parsed configuration names: rank 0 reads, the others get copies, weights stand once per node.
 * Takes over *config. Warnings go to `warn` on rank 0. Collective; agrees on errors. On success release with
 * lc_study_close(). */
int lc_study_open(struct lc_study *study, const struct lc_comm *par, struct lc_config *config,
                  const struct lc_needs *needs, void (*warn)(const char *text), struct lc_err *err);
void lc_study_close(struct lc_study *study); /* collective */

/* The same without weights and tokens, in this process alone: shapes, windows, selected features, all of it checked as
 * lc_study_open() does before it reads numbers. The inputs' hashes are left out of `provenance` where they would take
 * reading weights. A cache that cannot be written is a warning. Not collective; needs no MPI. */
int lc_study_outline(struct lc_study *study, struct lc_config *config, const struct lc_needs *needs,
                     void (*warn)(const char *text), struct lc_err *err);

/* Floats that the weights of model and SAEs take, in all their forms, once on every node. */
int64_t lc_study_weights(const struct lc_study *study, const struct lc_needs *needs);

/* Positions of a window as the model runs it: its tokens, and a BOS before them when there is one. */
int64_t lc_study_run_length(const struct lc_study *study, int64_t window);
/* The same of a whole window: T, and one more with a BOS. */
int64_t lc_study_longest_run(const struct lc_study *study);
/* Write the tokens of `count` windows of equal length from `first` on, BOS included: out[count, run length]. */
void lc_study_tokens(const struct lc_study *study, int64_t first, int64_t count, int32_t *out);

#endif

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

/* Seconds of this rank in loading: of hashing files, of reading weights and bringing them into their form, and of splitting and
 * packing them for the kernels in use. The rest is text, copies to other nodes and waiting. */
enum lc_loading { LC_LOADING_HASH, LC_LOADING_READ, LC_LOADING_PACK, LC_LOADINGS };

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
    /* Of a task of a grid's points one study each, which shares everything with this one, whose sites are theirs together,
     * but configuration, sites, the model's depth and provenance. NULL and 0: not of a grid. */
    struct lc_study *member;
    int64_t members;
    double loading[LC_LOADINGS];
    /* internal, and of rank 0 alone where so marked */
    struct lc_shared stream;
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

/* SHA-256 of files that were hashed before, as long as they are the same by size, time and inode. */
struct lc_hashes {
    struct lc_hashed *item; /* owned */
    int64_t count, room;
};

/* What a run keeps from one study to the next: weights that the next one wants too are not loaded again. */
struct lc_kept {
    struct lc_shared weights; /* of model and SAEs */
    struct lc_bytes of;       /* rank 0: whose they are; empty: nobody's */
    struct lc_hashes hashes;  /* rank 0 */
};
void lc_kept_init(struct lc_kept *kept);
void lc_kept_release(struct lc_kept *kept); /* collective */

/* What a study is made of. */
struct lc_inputs {
    struct lc_config *config; /* taken over; its layers are the members' together */
    struct lc_config *member; /* [members] taken over one by one: they differ in layers and threshold alone */
    int64_t members;          /* 0: the configuration is the only one */
    const struct lc_needs *needs;
    void (*warn)(const char *text); /* on rank 0 */
};

/* Load everything that parsed configurations name: rank 0 reads, with the other
 * ranks of its node, the others get copies, weights stand once per node, in
 * `kept`, which outlives the study. Collective; agrees on errors. On success release with lc_study_close(). */
int lc_study_open(struct lc_study *study, const struct lc_comm *par, const struct lc_inputs *in, struct lc_kept *kept,
                  struct lc_err *err);
void lc_study_close(struct lc_study *study); /* collective */

/* The same without weights and tokens, in this process alone: shapes, windows, selected features, all of it checked as
 * lc_study_open() does before it reads numbers. With `hashes` NULL the inputs' hashes are left out of `provenance` where
 * they would take reading weights. A cache that cannot be written is a warning. Not collective; needs no MPI. */
int lc_study_outline(struct lc_study *study, const struct lc_inputs *in, struct lc_hashes *hashes, struct lc_err *err);

/* Floats that the weights of model and SAEs take, in all their forms, once on every node. */
int64_t lc_study_weights(const struct lc_study *study, const struct lc_needs *needs);

/* Bytes of all input files, from the provenance; rank 0. */
double lc_study_input_bytes(const struct lc_study *study);

/* Positions of a window as the model runs it: its tokens, and a BOS before them when there is one. */
int64_t lc_study_run_length(const struct lc_study *study, int64_t window);
/* The same of a whole window: T, and one more with a BOS. */
int64_t lc_study_longest_run(const struct lc_study *study);
/* Write the tokens of `count` windows of equal length from `first` on, BOS included: out[count, run length]. */
void lc_study_tokens(const struct lc_study *study, int64_t first, int64_t count, int32_t *out);

/* Windows that a forward pass holds: the points of a task come one after the other with the same, and one pass down to the
 * deepest layer serves them. Zeroed: none. */
struct lc_run_windows {
    const int64_t *start;
    int64_t first, count;
};
/* Whether the pass holds these windows of the study; it is the caller's to run them when not, for `ran` says so then. */
int lc_study_has_run(const struct lc_study *study, int64_t first, int64_t count, struct lc_run_windows *ran);

#endif

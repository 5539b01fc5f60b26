/* kind.h - a row of the table of SAE files: how one project's files describe an SAE in our form. */
#ifndef LC_SAE_KIND_H
#define LC_SAE_KIND_H

#include "lightcone/json.h"
#include "lightcone/sae.h"
#include "lightcone/tensor.h"

/* Precision that the file asks its weights to be rounded to. */
enum lc_sae_rounding { LC_SAE_FLOAT32, LC_SAE_FLOAT16, LC_SAE_BFLOAT16 };

/* What a reader finds in the files: tensors that are checked for name, shape and dtype, and what to do with
 * them. */
struct lc_sae_file {
    struct lc_json config;
    struct lc_tensors tensors;
    struct lc_sae_shape shape;
    const struct lc_tensor *encoder, *decoder;
    int encoder_is_df; /* 1: the file has [D, F], else [F, D] */
    int decoder_is_df;
    const struct lc_tensor *encoder_bias; /* [F] */
    const struct lc_tensor *decoder_bias; /* [D] */
    const struct lc_tensor *threshold;    /* [F]; NULL: 0 */
    int subtracts;                        /* own rule: the decoder bias is subtracted before encoding */
    int rescales;                         /* own rule: the loader makes decoder columns unit vectors */
    float bias_scale;                     /* factor of all biases, 1 but for files of interrupted training */
    enum lc_sae_rounding rounding;
};

struct lc_sae_reader {
    const char *weights, *config; /* names of the two files in a folder */
    /* Fill the file from the parsed configuration and the opened tensors; on failure the caller closes both. */
    int (*describe)(struct lc_sae_file *file, struct lc_err *err);
    int (*open)(struct lc_tensors *set, const char *path, struct lc_err *err);
};

extern const struct lc_sae_reader lc_sae_dictionary_learning, lc_sae_saelens;

enum { LC_SAE_FEATURES_MAX = 1 << 26, LC_SAE_WIDTH_MAX = 1 << 17 };

/* F and D from a matrix that must have rank 2 and sizes within bounds; is_df says which comes first. */
int lc_sae_sizes(struct lc_sae_file *file, const char *name, int is_df, struct lc_err *err);

/* A size in the configuration, when it is there, must be that of the tensors. */
int lc_sae_size_agrees(const struct lc_sae_file *file, const json_t *object, const char *key, int64_t found,
                       struct lc_err *err);

/* Refuse tensors whose names begin with `prefix` but are not among the `count` names that follow it. */
int lc_sae_only(const struct lc_sae_file *file, const char *prefix, const char *const *names, int count,
                struct lc_err *err);

#endif

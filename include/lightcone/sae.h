/* sae.h - sparse autoencoders: reading the files of several projects into one form, and deciding which features are
 * active. F features, D width. z = W_e (y - s) + b_e; f = z where z > max(0, threshold), else 0; yhat = W_d f + b_d. */
#ifndef LC_SAE_H
#define LC_SAE_H

#include <stdint.h>

#include "lightcone/config.h"
#include "lightcone/err.h"

struct lc_sae_shape {
    char kind[48];     /* "dictionary_learning AutoEncoder", "saelens standard", "saelens jumprelu" */
    int64_t features;  /* F */
    int64_t width;     /* D */
    int prepend_bos;   /* what the file says of BOS: 1 yes, 0 no, -1 does not say */
};

/* Weights, all borrowed from one array of lc_sae_floats() floats. */
struct lc_sae {
    struct lc_sae_shape shape;
    float *encoder;      /* [F, D] rows w_i */
    float *encoder_bias; /* [F] */
    float *shift;        /* [D] s: subtracted before encoding; zeros when the bias rule says so */
    float *cut;          /* [F] max(0, threshold): f > 0 exactly where z > cut */
    float *norm;         /* [F] |w_i|, rounded up */
    void *packed;        /* the encoder as screening wants it (screen.h); NULL where it wants nothing */
    float *decoder;      /* [F, D] rows: decoder columns of the file; NULL when not asked for */
    float *decoder_bias; /* [D]; NULL with decoder */
};

/* Which kind is in FOLDER (or file), and how large: reads the header only. Unknown or ambiguous kinds, input
 * normalisations other than none, transcoders and the like are refused by name. */
int lc_sae_shape_read(struct lc_sae_shape *shape, const char *path, struct lc_err *err);

/* A multiple of 16. */
int64_t lc_sae_floats(const struct lc_sae_shape *shape, int with_decoder);
void lc_sae_bind(struct lc_sae *sae, const struct lc_sae_shape *shape, int with_decoder, float *weights);

/* Make `packed` of the encoder, once that has its numbers. */
void lc_sae_pack(struct lc_sae *sae);

/* Fill a bound SAE, all but `packed`, from its files under a bias rule: own = the SAE's rule with its loader's rescaling,
 * subtract = y - b_dec without rescaling, ignore = no subtraction and no rescaling. */
int lc_sae_load(struct lc_sae *sae, const char *path, enum lc_bias_rule bias, struct lc_err *err);

/* Name of the site after block `layer`: resid_out_layerN. */
void lc_site_name(char out[32], int64_t layer);

/* Path of the SAE of one layer: `pattern` with {layer} and {site} (its name) replaced. */
int lc_sae_path(char *out, int64_t room, const char *pattern, int64_t layer, struct lc_err *err);

#endif

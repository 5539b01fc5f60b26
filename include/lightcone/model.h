/* model.h - language models as lists of transformer blocks: reading a Hugging Face folder, forward to the sites,
 * backward of cotangents from a site to the token embedding. Row-major float32 throughout.
 * Letters: T positions, D width, H heads, h = D/H, I hidden width of the MLP, V vocabulary, L layers. */
#ifndef LC_MODEL_H
#define LC_MODEL_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/factor.h"

struct lc_model_shape {
    char family[16];   /* row of the family table: "gpt_neox" */
    int64_t layers;    /* L of the file */
    int64_t width;     /* D */
    int64_t heads;     /* H */
    int64_t hidden;    /* I */
    int64_t vocab;     /* V rows of the embedding */
    int64_t context;   /* longest window */
    int64_t rotary;    /* leading dimensions of a head that rotate; even */
    double rotary_base;
    double norm_eps;
    int parallel;      /* 1: x + attn(LN1 x) + mlp(LN2 x); 0: a = x + attn(LN1 x), a + mlp(LN2 a) */
};

/* One block's weights, all borrowed from the model's weight array. Linear maps are [out, in], as in nn.Linear. */
struct lc_block {
    const float *norm1_w, *norm1_b, *norm2_w, *norm2_b; /* [D] */
    struct lc_factor qkv; /* [3D, D]: all heads' queries, then keys, then values (the file interleaves them per head) */
    const float *qkv_b; /* [3D] */
    struct lc_factor out; /* [D, D] */
    const float *out_b; /* [D] */
    struct lc_factor up; /* [I, D] */
    const float *up_b;  /* [I] */
    struct lc_factor down; /* [D, I] */
    const float *down_b; /* [D] */
};

struct lc_model {
    struct lc_model_shape shape;
    enum lc_precision precision; /* of products with the blocks' weights */
    int64_t depth;         /* blocks that are loaded and run: deepest site + 1 <= shape.layers */
    const float *embedding; /* [V, D] */
    struct lc_block *block; /* [depth], owned */
};

/* Read and check FOLDER/config.json: family, sizes, activation, rotary keys (old and new). */
int lc_model_shape_read(struct lc_model_shape *shape, const char *folder, struct lc_err *err);

/* Floats that the weights of `depth` blocks and the embedding take; a multiple of 16. */
int64_t lc_model_floats(const struct lc_model_shape *shape, int64_t depth);

/* Point a model at a weight array of lc_model_floats() floats (borrowed; filled now or later by lc_model_load). */
int lc_model_bind(struct lc_model *model, const struct lc_model_shape *shape, int64_t depth, const float *weights,
                  struct lc_err *err);
void lc_model_release(struct lc_model *model);

/* Whether FOLDER's safetensors hold the tensors of `depth` blocks in the shapes that config.json tells, before memory
 * is taken for them; the numbers are not read. */
int lc_model_check(const struct lc_model_shape *shape, int64_t depth, const char *folder, struct lc_err *err);

/* Fill that array from FOLDER's safetensors; refuses missing tensors, wrong shapes, NaN, by file and name. */
int lc_model_load(const struct lc_model_shape *shape, int64_t depth, const char *folder, float *weights,
                  struct lc_err *err);

/* Floats that the split forms of the weights take beside them, those of the backward pass only where it is wanted; a
 * multiple of 16; 0 where the precision needs none. */
int64_t lc_model_split_floats(const struct lc_model_shape *shape, int64_t depth, enum lc_precision precision, int backward);
/* Point a bound model at that many floats (borrowed): from now on it computes at this precision. */
void lc_model_split_bind(struct lc_model *model, enum lc_precision precision, int backward, float *at);
/* Fill them from the weights: of `parts` shares (1: all of it) the one numbered `part`, for several to do it together. */
void lc_model_split(const struct lc_model *model, int part, int parts);

#endif

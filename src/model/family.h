/* family.h - a row of the table of model families: how a configuration and a file's tensors become our
 * layout. */
#ifndef LC_MODEL_FAMILY_H
#define LC_MODEL_FAMILY_H

#include <stddef.h>

#include "lightcone/json.h"
#include "lightcone/model.h"

enum lc_weight_form {
    LC_WEIGHT_AS_IS,      /* the file's order is ours */
    LC_WEIGHT_HEADS_OF_3, /* rows are q|k|v of head 0, q|k|v of head 1, ...; ours are all q, all k, all v */
};

/* One of a block's weights in the file. */
struct lc_weight {
    size_t slot;      /* offsetof(struct lc_block, ...) */
    const char *name; /* behind the prefix, "layers.N." */
    enum lc_weight_form form;
};

struct lc_family {
    const char *name;         /* config.json model_type */
    const char *architecture; /* config.json architectures[0], when there is no model_type */
    /* Check the configuration and fill everything but shape->family. */
    int (*shape_read)(struct lc_model_shape *shape, const struct lc_json *config, struct lc_err *err);
    const char *embedding;        /* name without prefix */
    const char *block;            /* what stands before a block's number: "layers." */
    const char *prefixes[3];      /* of all names, tried in this order; ends with NULL */
    struct lc_weight weights[13]; /* ends with name NULL */
};

extern const struct lc_family lc_family_gpt_neox;

/* Bounds that keep every product of sizes within int64. */
enum {
    LC_MODEL_LAYERS_MAX = 4096,
    LC_MODEL_WIDTH_MAX = 1 << 17,
    LC_MODEL_HIDDEN_MAX = 1 << 20,
    LC_MODEL_VOCAB_MAX = 1 << 24,
    LC_MODEL_CONTEXT_MAX = 1 << 24
};

#endif

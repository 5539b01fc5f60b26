/* GPT-NeoX and Pythia. Source: transformers, models/gpt_neox/{configuration,modeling}_gpt_neox.py. */
#include <string.h>

#include "family.h"

static int is_set(const struct lc_json *config, const char *key)
{
    const json_t *value = json_object_get(config->root, key);

    return value && !json_is_null(value);
}

/* Older configurations have rotary_pct and rotary_emb_base, newer ones rope_parameters; both must agree. */
static int rotary_read(double *fraction, double *base, const struct lc_json *config, struct lc_err *err)
{
    const char *type = "default";
    double old_fraction = 0.25, old_base = 10000;
    json_t *rope = NULL;
    int old = is_set(config, "rotary_pct") || is_set(config, "rotary_emb_base");
    int rc;

    if (is_set(config, "rope_scaling"))
        return LC_FAIL(err, LC_E_FORMAT, "%s: rope_scaling is set; allowed: null", config->path);
    LC_TRY(rc, lc_json_real(config, NULL, "rotary_pct", 0, 0, 1, &old_fraction, err));
    LC_TRY(rc, lc_json_real(config, NULL, "rotary_emb_base", 0, 1, 1e15, &old_base, err));
    LC_TRY(rc, lc_json_object(config, NULL, "rope_parameters", 0, &rope, err));
    *fraction = old_fraction;
    *base = old_base;
    if (!rope)
        return LC_OK;
    LC_TRY(rc, lc_json_text(config, rope, "rope_type", 0, &type, err));
    if (strcmp(type, "default") != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: rope_parameters.rope_type is '%s'; allowed: default",
                       config->path, type);
    LC_TRY(rc, lc_json_real(config, rope, "partial_rotary_factor", 0, 0, 1, fraction, err));
    LC_TRY(rc, lc_json_real(config, rope, "rope_theta", 0, 1, 1e15, base, err));
    if (old && (*fraction != old_fraction || *base != old_base))
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: rope_parameters (%g, %g) and rotary_pct, rotary_emb_base (%g, %g) disagree",
                       config->path, *fraction, *base, old_fraction, old_base);
done:
    return rc;
}

static int switches_read(struct lc_model_shape *shape, const struct lc_json *config, struct lc_err *err)
{
    const char *activation = "gelu";
    int bias = 1, rc;

    shape->parallel = 1;
    LC_TRY(rc, lc_json_bool(config, NULL, "use_parallel_residual", 0, &shape->parallel, err));
    LC_TRY(rc, lc_json_bool(config, NULL, "attention_bias", 0, &bias, err));
    LC_TRY(rc, lc_json_text(config, NULL, "hidden_act", 0, &activation, err));
    if (!bias)
        return LC_FAIL(err, LC_E_FORMAT, "%s: attention_bias is false; allowed: true", config->path);
    if (strcmp(activation, "gelu") != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: hidden_act is '%s'; allowed: gelu", config->path, activation);
done:
    return rc;
}

static int shape_read(struct lc_model_shape *s, const struct lc_json *config, struct lc_err *err)
{
    double fraction = 0, base = 0;
    int rc;

    s->norm_eps = 1e-5;
    LC_TRY(rc, lc_json_int(config, NULL, "num_hidden_layers", 1, 1, LC_MODEL_LAYERS_MAX, &s->layers, err));
    LC_TRY(rc, lc_json_int(config, NULL, "hidden_size", 1, 1, LC_MODEL_WIDTH_MAX, &s->width, err));
    LC_TRY(rc, lc_json_int(config, NULL, "num_attention_heads", 1, 1, s->width, &s->heads, err));
    LC_TRY(rc, lc_json_int(config, NULL, "intermediate_size", 1, 1, LC_MODEL_HIDDEN_MAX, &s->hidden, err));
    LC_TRY(rc, lc_json_int(config, NULL, "vocab_size", 1, 1, LC_MODEL_VOCAB_MAX, &s->vocab, err));
    LC_TRY(rc, lc_json_int(config, NULL, "max_position_embeddings", 1, 1, LC_MODEL_CONTEXT_MAX, &s->context,
                           err));
    LC_TRY(rc, lc_json_real(config, NULL, "layer_norm_eps", 0, 1e-30, 1, &s->norm_eps, err));
    LC_TRY(rc, switches_read(s, config, err));
    LC_TRY(rc, rotary_read(&fraction, &base, config, err));
    if (s->width % s->heads != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: hidden_size %lld is not a multiple of num_attention_heads %lld",
                       config->path, (long long)s->width, (long long)s->heads);
    s->rotary = (int64_t)((double)(s->width / s->heads) * fraction);
    s->rotary_base = base;
    if (s->rotary < 2 || s->rotary % 2 != 0)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: %lld rotary dimensions (%g of a head of %lld); allowed: an even number from 2",
                       config->path, (long long)s->rotary, fraction, (long long)(s->width / s->heads));
done:
    return rc;
}

#define SLOT(field) offsetof(struct lc_block, field)

const struct lc_family lc_family_gpt_neox = {
    .name = "gpt_neox",
    .architecture = "GPTNeoXForCausalLM",
    .shape_read = shape_read,
    .embedding = "embed_in.weight",
    .block = "layers.",
    .prefixes = {"gpt_neox.", ""},
    .weights =
        {
            {SLOT(norm1_w), "input_layernorm.weight", LC_WEIGHT_AS_IS},
            {SLOT(norm1_b), "input_layernorm.bias", LC_WEIGHT_AS_IS},
            {SLOT(norm2_w), "post_attention_layernorm.weight", LC_WEIGHT_AS_IS},
            {SLOT(norm2_b), "post_attention_layernorm.bias", LC_WEIGHT_AS_IS},
            {SLOT(qkv.w), "attention.query_key_value.weight", LC_WEIGHT_HEADS_OF_3},
            {SLOT(qkv_b), "attention.query_key_value.bias", LC_WEIGHT_HEADS_OF_3},
            {SLOT(out.w), "attention.dense.weight", LC_WEIGHT_AS_IS},
            {SLOT(out_b), "attention.dense.bias", LC_WEIGHT_AS_IS},
            {SLOT(up.w), "mlp.dense_h_to_4h.weight", LC_WEIGHT_AS_IS},
            {SLOT(up_b), "mlp.dense_h_to_4h.bias", LC_WEIGHT_AS_IS},
            {SLOT(down.w), "mlp.dense_4h_to_h.weight", LC_WEIGHT_AS_IS},
            {SLOT(down_b), "mlp.dense_4h_to_h.bias", LC_WEIGHT_AS_IS},
        },
};

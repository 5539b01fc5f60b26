/* SAELens's standard and jumprelu SAEs: sae_weights.safetensors and cfg.json, of version 6 (with a metadata
 * object) and before (flat). Source: jbloomAus/SAELens, sae_lens/saes/{sae,standard_sae,jumprelu_sae}.py and
 * sae_lens/loading/pretrained_sae_loaders.py (handle_pre_6_0_config). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "lightcone/memory.h"

/* The object that holds what describes the hook: metadata from version 6 on, else the top. */
static const json_t *metadata(const struct lc_json *config)
{
    json_t *object = json_object_get(config->root, "metadata");

    return json_is_object(object) ? object : config->root;
}

static int architecture_read(struct lc_sae_file *file, int *jumprelu, struct lc_err *err)
{
    int is_new = metadata(&file->config) != file->config.root;
    const char *name = "standard";
    int rc = lc_json_text(&file->config, NULL, "architecture", is_new, &name, err);

    if (rc != LC_OK)
        return rc;
    *jumprelu = strcmp(name, "jumprelu") == 0;
    if (!*jumprelu && strcmp(name, "standard") != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: architecture is '%s'; allowed: standard, jumprelu",
                       file->config.path, name);
    snprintf(file->shape.kind, sizeof file->shape.kind, "saelens %s", name);
    return LC_OK;
}

/* A text key that may be absent must have the one value that changes nothing. */
static int only_text(const struct lc_json *config, const json_t *object, const char *key, const char *allowed,
                     struct lc_err *err)
{
    const char *found = allowed;
    int rc = lc_json_text(config, object, key, 0, &found, err);

    if (rc == LC_OK && strcmp(found, allowed) != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s is '%s'; allowed: %s", config->path, key, found, allowed);
    return rc;
}

/* Before version 6 it was also a truth value: false for none. */
static int normalization_check(const struct lc_json *config, struct lc_err *err)
{
    const json_t *value = json_object_get(config->root, "normalize_activations");

    if (json_is_true(value))
        return LC_FAIL(err, LC_E_FORMAT, "%s: normalize_activations is true; allowed: none", config->path);
    return json_is_false(value) ? LC_OK : only_text(config, NULL, "normalize_activations", "none", err);
}

static int refuse_if_set(const struct lc_json *config, const json_t *object, const char *key, const char *why,
                         struct lc_err *err)
{
    const json_t *value = json_object_get(object, key);

    if (value && !json_is_null(value) && !json_is_false(value))
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s is set (%s); allowed: absent", config->path, key, why);
    return LC_OK;
}

static int hook_check(const struct lc_json *config, struct lc_err *err)
{
    static const char *const keys[] = {"hook_name", "hook_point"};
    const json_t *object = metadata(config);
    int rc = only_text(config, NULL, "reshape_activations", "none", err);

    for (int i = 0; rc == LC_OK && i < 2; i++) {
        const char *hook = json_string_value(json_object_get(object, keys[i]));
        if (hook && strstr(hook, "hook_z"))
            return LC_FAIL(err, LC_E_FORMAT,
                           "%s: %s is '%.200s', which reshapes heads (hook_z); that is not read",
                           config->path, keys[i], hook);
    }
    return rc;
}

static int switches_check(const struct lc_json *config, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, normalization_check(config, err));
    LC_TRY(rc, only_text(config, NULL, "activation_fn", "relu", err));
    LC_TRY(rc, only_text(config, NULL, "activation_fn_str", "relu", err));
    LC_TRY(rc,
           refuse_if_set(config, config->root, "finetuning_scaling_factor", "a factor of each feature", err));
    LC_TRY(rc, refuse_if_set(config, config->root, "d_out", "a transcoder", err));
    LC_TRY(rc, refuse_if_set(config, metadata(config), "hook_head_index", "one attention head", err));
    LC_TRY(rc, refuse_if_set(config, metadata(config), "hook_point_head_index", "one attention head", err));
    rc = hook_check(config, err);
done:
    return rc;
}

static int dtype_read(struct lc_sae_file *file, struct lc_err *err)
{
    static const char *const names[] = {
        [LC_SAE_FLOAT32] = "float32", [LC_SAE_FLOAT16] = "float16", [LC_SAE_BFLOAT16] = "bfloat16"};
    const char *dtype = names[LC_SAE_FLOAT32], *plain;
    int rc = lc_json_text(&file->config, NULL, "dtype", 0, &dtype, err);

    if (rc != LC_OK)
        return rc;
    plain = strncmp(dtype, "torch.", 6) == 0 ? dtype + 6 : dtype;
    for (int i = 0; i < 3; i++)
        if (strcmp(plain, names[i]) == 0) {
            file->rounding = (enum lc_sae_rounding)i;
            return LC_OK;
        }
    return LC_FAIL(err, LC_E_FORMAT, "%s: dtype is '%s'; allowed: float32, float16, bfloat16",
                   file->config.path, dtype);
}

/* Fine-tuning once stored a factor for each feature; version 6 has no place for it, and neither have we. */
static int scaling_check(const struct lc_sae_file *file, struct lc_err *err)
{
    const struct lc_tensor *t = lc_tensors_find(&file->tensors, "scaling_factor");
    float *factor = NULL;
    int rc;

    if (!t)
        return LC_OK;
    LC_TRY(rc, LC_ALLOC(&factor, t->count, "scaling_factor", err));
    LC_TRY(rc, lc_tensor_read_f32(t, factor, err));
    for (int64_t i = 0; i < t->count; i++)
        if (factor[i] != 1) {
            rc = LC_FAIL(err, LC_E_FORMAT,
                         "%s: tensor scaling_factor is not all ones (%g at %lld): a fine-tuned SAE", t->file,
                         (double)factor[i], (long long)i);
            goto done;
        }
done:
    free(factor);
    return rc;
}

static int tensors_find(struct lc_sae_file *file, int jumprelu, struct lc_err *err)
{
    static const char *const names[] = {"W_enc", "W_dec", "b_enc", "b_dec", "scaling_factor", "threshold"};
    const int64_t f = file->shape.features, d = file->shape.width, df[2] = {d, f}, fd[2] = {f, d};
    int rc;

    LC_TRY(rc, lc_sae_only(file, "", names, jumprelu ? 6 : 5, err));
    LC_TRY(rc, lc_tensors_need(&file->tensors, "W_enc", 2, df, &file->encoder, err));
    LC_TRY(rc, lc_tensors_need(&file->tensors, "W_dec", 2, fd, &file->decoder, err));
    LC_TRY(rc, lc_tensors_need(&file->tensors, "b_enc", 1, &f, &file->encoder_bias, err));
    LC_TRY(rc, lc_tensors_need(&file->tensors, "b_dec", 1, &d, &file->decoder_bias, err));
    if (jumprelu)
        LC_TRY(rc, lc_tensors_need(&file->tensors, "threshold", 1, &f, &file->threshold, err));
    rc = scaling_check(file, err);
done:
    return rc;
}

static int bos_read(struct lc_sae_file *file, struct lc_err *err)
{
    int yes = -1, rc = lc_json_bool(&file->config, metadata(&file->config), "prepend_bos", 0, &yes, err);

    file->shape.prepend_bos = yes;
    return rc;
}

static int describe(struct lc_sae_file *file, struct lc_err *err)
{
    int jumprelu = 0, rc;

    file->bias_scale = 1;
    file->subtracts = 1;
    file->encoder_is_df = 1;
    LC_TRY(rc, architecture_read(file, &jumprelu, err));
    LC_TRY(rc, switches_check(&file->config, err));
    LC_TRY(rc, dtype_read(file, err));
    LC_TRY(rc, lc_json_bool(&file->config, NULL, "apply_b_dec_to_input", 0, &file->subtracts, err));
    LC_TRY(rc, bos_read(file, err));
    LC_TRY(rc, lc_sae_sizes(file, "W_enc", 1, err));
    LC_TRY(rc, lc_sae_size_agrees(file, NULL, "d_in", file->shape.width, err));
    LC_TRY(rc, lc_sae_size_agrees(file, NULL, "d_sae", file->shape.features, err));
    rc = tensors_find(file, jumprelu, err);
done:
    return rc;
}

const struct lc_sae_reader lc_sae_saelens = {
    .weights = "sae_weights.safetensors",
    .config = "cfg.json",
    .describe = describe,
    .open = lc_safetensors_open,
};

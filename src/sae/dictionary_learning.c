/* dictionary_learning's AutoEncoder: ae.pt and config.json. Source: saprmarks/dictionary_learning,
 * dictionary.py (AutoEncoder, from_pretrained) and training.py (the nested file of an interrupted run). */
#include <stdio.h>
#include <string.h>

#include "kind.h"

static int class_check(const struct lc_json *config, json_t **trainer, struct lc_err *err)
{
    const char *name = "";
    int rc = lc_json_object(config, NULL, "trainer", 1, trainer, err);

    if (rc == LC_OK)
        rc = lc_json_text(config, *trainer, "dict_class", 1, &name, err);
    if (rc == LC_OK && strcmp(name, "AutoEncoder") != 0)
        return LC_FAIL(err, LC_E_FORMAT, "%s: trainer.dict_class is '%s'; allowed: AutoEncoder", config->path,
                       name);
    return rc;
}

/* An interrupted run leaves {step, ae, optimizer, config, norm_factor} with biases of the normalised
 * activations. */
static int nesting(struct lc_sae_file *file, const char **prefix, struct lc_err *err)
{
    const struct lc_tensor *t;

    file->bias_scale = 1;
    *prefix = "";
    if (!lc_tensors_find(&file->tensors, "ae.bias"))
        return LC_OK;
    *prefix = "ae.";
    t = lc_tensors_find(&file->tensors, "norm_factor");
    if (!t || t->count != 1)
        return LC_FAIL(
            err, LC_E_FORMAT,
            "%s: the backup of an interrupted training run ('ae' beside 'optimizer') without norm_factor, so "
            "the scale of its biases is not known",
            file->tensors.path[0]);
    return lc_tensor_read_f32(t, &file->bias_scale, err);
}

static int tensor_need(const struct lc_sae_file *file, const char *prefix, const char *name, int rank,
                       int64_t rows, int64_t columns, const struct lc_tensor **out, struct lc_err *err)
{
    const int64_t shape[2] = {rows, columns};
    char full[64];

    snprintf(full, sizeof full, "%s%s", prefix, name);
    return lc_tensors_need(&file->tensors, full, rank, shape, out, err);
}

static int describe(struct lc_sae_file *file, struct lc_err *err)
{
    static const char *const names[] = {"bias", "encoder.weight", "encoder.bias", "decoder.weight"};
    const char *prefix = "";
    int64_t f, d;
    json_t *trainer = NULL;
    int rc;

    LC_TRY(rc, class_check(&file->config, &trainer, err));
    LC_TRY(rc, nesting(file, &prefix, err));
    LC_TRY(rc, lc_sae_only(file, prefix, names, 4, err));
    LC_TRY(rc, lc_sae_sizes(file, *prefix ? "ae.encoder.weight" : "encoder.weight", 0, err));
    f = file->shape.features, d = file->shape.width;
    LC_TRY(rc, lc_sae_size_agrees(file, trainer, "dict_size", f, err));
    LC_TRY(rc, lc_sae_size_agrees(file, trainer, "activation_dim", d, err));
    LC_TRY(rc, tensor_need(file, prefix, "encoder.weight", 2, f, d, &file->encoder, err));
    LC_TRY(rc, tensor_need(file, prefix, "encoder.bias", 1, f, 0, &file->encoder_bias, err));
    LC_TRY(rc, tensor_need(file, prefix, "decoder.weight", 2, d, f, &file->decoder, err));
    LC_TRY(rc, tensor_need(file, prefix, "bias", 1, d, 0, &file->decoder_bias, err));
    file->decoder_is_df = 1;
    file->subtracts = 1;
    file->rescales = 1;
    file->shape.prepend_bos = -1;
    snprintf(file->shape.kind, sizeof file->shape.kind, "dictionary_learning AutoEncoder");
done:
    return rc;
}

const struct lc_sae_reader lc_sae_dictionary_learning = {
    .weights = "ae.pt",
    .config = "config.json",
    .describe = describe,
    .open = lc_torch_open,
};

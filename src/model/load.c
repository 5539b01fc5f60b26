/* Reading a Hugging Face model folder into one weight array: the embedding, then block after block, each
 * weight at a multiple of 16 floats so that all are as aligned as the array. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "lightcone/file.h"
#include "lightcone/memory.h"
#include "lightcone/tensor.h"

enum { CONFIG_MAX = 1 << 22 };

static const struct lc_family *const families[] = {&lc_family_gpt_neox};

/* Sizes as letters, so that one table gives every block's layout. */
enum size_letter { ONE, D, D3, I, V };

static const struct slot {
    size_t at; /* in struct lc_block */
    enum size_letter rows, columns;
} slots[] = {
    {offsetof(struct lc_block, norm1_w), D, ONE}, {offsetof(struct lc_block, norm1_b), D, ONE},
    {offsetof(struct lc_block, norm2_w), D, ONE}, {offsetof(struct lc_block, norm2_b), D, ONE},
    {offsetof(struct lc_block, qkv.w), D3, D},    {offsetof(struct lc_block, qkv_b), D3, ONE},
    {offsetof(struct lc_block, out.w), D, D},     {offsetof(struct lc_block, out_b), D, ONE},
    {offsetof(struct lc_block, up.w), I, D},      {offsetof(struct lc_block, up_b), I, ONE},
    {offsetof(struct lc_block, down.w), D, I},    {offsetof(struct lc_block, down_b), D, ONE},
};

enum { SLOTS = sizeof slots / sizeof *slots };

static const struct slot embedding = {0, V, D};

static int64_t size_of(const struct lc_model_shape *s, enum size_letter letter)
{
    const int64_t sizes[] = {[ONE] = 1, [D] = s->width, [D3] = 3 * s->width, [I] = s->hidden, [V] = s->vocab};

    return sizes[letter];
}

static int64_t slot_floats(const struct lc_model_shape *s, const struct slot *slot)
{
    return lc_aligned_floats(size_of(s, slot->rows) * size_of(s, slot->columns));
}

static int64_t block_floats(const struct lc_model_shape *s)
{
    int64_t sum = 0;

    for (int i = 0; i < SLOTS; i++)
        sum += slot_floats(s, &slots[i]);
    return sum;
}

/* The weights that are split. */
static const struct slot factors[] = {
    {offsetof(struct lc_block, qkv), D3, D},
    {offsetof(struct lc_block, out), D, D},
    {offsetof(struct lc_block, up), I, D},
    {offsetof(struct lc_block, down), D, I},
};

enum { FACTORS = sizeof factors / sizeof *factors };

static struct lc_factor *factor_of(struct lc_block *block, int i)
{
    return (void *)((char *)block + factors[i].at);
}

int64_t lc_model_floats(const struct lc_model_shape *shape, int64_t depth)
{
    return slot_floats(shape, &embedding) + depth * block_floats(shape);
}

int lc_model_bind(struct lc_model *model, const struct lc_model_shape *shape, int64_t depth,
                  const float *weights, struct lc_err *err)
{
    const float *at = weights + slot_floats(shape, &embedding);
    int rc;

    *model = (struct lc_model){.shape = *shape, .depth = depth, .embedding = weights};
    if (depth < 1 || depth > shape->layers)
        return LC_FAIL(err, LC_E_CONFIG, "%lld blocks of the model are wanted; allowed: 1 to %lld",
                       (long long)depth, (long long)shape->layers);
    rc = LC_ALLOC(&model->block, depth, "blocks of the model", err);
    if (rc != LC_OK)
        return rc;
    for (int64_t b = 0; b < depth; b++)
        for (int i = 0; i < SLOTS; i++) {
            memcpy((char *)&model->block[b] + slots[i].at, &at, sizeof at);
            at += slot_floats(shape, &slots[i]);
        }
    for (int64_t b = 0; b < depth; b++)
        for (int i = 0; i < FACTORS; i++) {
            struct lc_factor *f = factor_of(&model->block[b], i);
            f->rows = size_of(shape, factors[i].rows);
            f->columns = size_of(shape, factors[i].columns);
        }
    return LC_OK;
}

int64_t lc_model_split_floats(const struct lc_model_shape *shape, int64_t depth, enum lc_precision precision, int backward)
{
    int64_t bytes = 0;

    for (int i = 0; i < FACTORS; i++)
        bytes += lc_factor_bytes(precision, size_of(shape, factors[i].rows), size_of(shape, factors[i].columns));
    return bytes * depth * (backward ? 2 : 1) / (int64_t)sizeof(float);
}

void lc_model_split_bind(struct lc_model *model, enum lc_precision precision, int backward, float *at)
{
    model->precision = precision;
    for (int64_t b = 0; b < model->depth; b++)
        for (int i = 0; i < FACTORS; i++) {
            struct lc_factor *f = factor_of(&model->block[b], i);
            int64_t floats = lc_factor_bytes(precision, f->rows, f->columns) / (int64_t)sizeof *at;
            if (floats == 0)
                continue;
            f->nt = at;
            f->nn = backward ? at + floats : NULL;
            at += backward ? 2 * floats : floats;
        }
}

void lc_model_split(const struct lc_model *model, int part, int parts)
{
    for (int64_t k = part; k < model->depth * FACTORS; k += parts)
        lc_factor_split(factor_of(&model->block[k / FACTORS], (int)(k % FACTORS)), model->precision);
}

void lc_model_release(struct lc_model *model)
{
    free(model->block);
    *model = (struct lc_model){0};
}

/* --- configuration --- */

static int family_unknown(const struct lc_json *config, const char *key, const char *found,
                          struct lc_err *err)
{
    char known[256] = "";

    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 families[i]->name);
    return LC_FAIL(err, LC_E_FORMAT, "%s: %s is '%s'; model families that are read: %s", config->path, key,
                   found, known);
}

static int family_find(const struct lc_family **out, const struct lc_json *config, struct lc_err *err)
{
    const char *type = NULL;
    const char *architecture =
        json_string_value(json_array_get(json_object_get(config->root, "architectures"), 0));
    int rc = lc_json_text(config, NULL, "model_type", 0, &type, err);

    if (rc != LC_OK)
        return rc;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        int hit = type           ? strcmp(type, families[i]->name) == 0
                  : architecture ? strcmp(architecture, families[i]->architecture) == 0
                                 : 0;
        if (hit) {
            *out = families[i];
            return LC_OK;
        }
    }
    return type ? family_unknown(config, "model_type", type, err)
                : family_unknown(config, "architectures", architecture ? architecture : "(absent)", err);
}

static int config_read(struct lc_model_shape *shape, const struct lc_json *config, struct lc_err *err)
{
    const struct lc_family *family = NULL;
    const json_t *quantized = json_object_get(config->root, "quantization_config");
    int rc = family_find(&family, config, err);

    if (rc != LC_OK)
        return rc;
    if (quantized && !json_is_null(quantized))
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: quantization_config is set; allowed: weights in F64, F32, F16 or BF16",
                       config->path);
    *shape = (struct lc_model_shape){0};
    snprintf(shape->family, sizeof shape->family, "%s", family->name);
    return family->shape_read(shape, config, err);
}

int lc_model_shape_read(struct lc_model_shape *shape, const char *folder, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    struct lc_json config;
    int rc = lc_path_join(path, folder, "config.json", err);

    if (rc == LC_OK)
        rc = lc_json_open(&config, path, CONFIG_MAX, err);
    if (rc != LC_OK)
        return rc;
    rc = config_read(shape, &config, err);
    lc_json_close(&config);
    return rc;
}

/* --- weights --- */

struct loading {
    const struct lc_family *family;
    const struct lc_model_shape *shape;
    struct lc_tensors tensors;
    const char *prefix;
    float *weights; /* NULL while the tensors are only looked at */
    float *scratch; /* the largest weight that is reordered: [3D, D] */
};

static int prefix_find(struct loading *l, const char *folder, struct lc_err *err)
{
    char name[256];

    for (int i = 0; l->family->prefixes[i]; i++) {
        snprintf(name, sizeof name, "%s%s", l->family->prefixes[i], l->family->embedding);
        if (lc_tensors_find(&l->tensors, name)) {
            l->prefix = l->family->prefixes[i];
            return LC_OK;
        }
    }
    return LC_FAIL(err, LC_E_FORMAT, "%s: its safetensors hold no tensor %s%s", folder,
                   l->family->prefixes[0], l->family->embedding);
}

/* [heads, 3, h, columns] of the file to our [3, heads, h, columns]. */
static void heads_of_3(float *out, const float *in, int64_t heads, int64_t floats)
{
    int64_t part = floats / (3 * heads);

    for (int64_t h = 0; h < heads; h++)
        for (int64_t k = 0; k < 3; k++)
            memcpy(out + (k * heads + h) * part, in + (3 * h + k) * part, (size_t)part * sizeof *out);
}

static int tensor_load(struct loading *l, const char *name, enum lc_weight_form form, const struct slot *slot,
                       int64_t at, struct lc_err *err)
{
    const int64_t shape[2] = {size_of(l->shape, slot->rows), size_of(l->shape, slot->columns)};
    const struct lc_tensor *t = NULL;
    int rc = lc_tensors_need(&l->tensors, name, slot->columns == ONE ? 1 : 2, shape, &t, err);

    if (rc != LC_OK || !l->weights)
        return rc;
    rc = lc_tensor_read_f32(t, form == LC_WEIGHT_AS_IS ? l->weights + at : l->scratch, err);
    if (rc == LC_OK && form == LC_WEIGHT_HEADS_OF_3)
        heads_of_3(l->weights + at, l->scratch, l->shape->heads, shape[0] * shape[1]);
    return rc;
}

static const struct lc_weight *weight_of(const struct lc_family *family, size_t slot)
{
    const struct lc_weight *w = family->weights;

    while (w->name && w->slot != slot)
        w++;
    return w->name ? w : NULL;
}

static int weight_load(struct loading *l, int64_t block, const struct slot *slot, int64_t at, struct lc_err *err)
{
    const struct lc_weight *w = weight_of(l->family, slot->at);
    char name[256];

    if (!w)
        return LC_OK;
    snprintf(name, sizeof name, "%s%s%lld.%s", l->prefix, l->family->block, (long long)block, w->name);
    return tensor_load(l, name, w->form, slot, at, err);
}

static int block_load(struct loading *l, int64_t block, int64_t at, struct lc_err *err)
{
    int rc = LC_OK;

    for (int i = 0; rc == LC_OK && i < SLOTS; i++) {
        rc = weight_load(l, block, &slots[i], at, err);
        at += slot_floats(l->shape, &slots[i]);
    }
    return rc;
}

/* Every tensor once: its shape, and where l->weights is set its numbers. */
static int blocks_load(struct loading *l, int64_t depth, struct lc_err *err)
{
    char name[256];
    int rc;

    snprintf(name, sizeof name, "%s%s", l->prefix, l->family->embedding);
    rc = tensor_load(l, name, LC_WEIGHT_AS_IS, &embedding, 0, err);
    for (int64_t b = 0; rc == LC_OK && b < depth; b++)
        rc = block_load(l, b, lc_model_floats(l->shape, b), err);
    return rc;
}

/* The shapes first, so that nothing is allocated for sizes that only config.json knows of. */
static int weights_load(struct loading *l, int64_t depth, const char *folder, float *weights, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, prefix_find(l, folder, err));
    LC_TRY(rc, blocks_load(l, depth, err));
    if (!weights)
        goto done;
    LC_TRY(rc, LC_ALLOC(&l->scratch, 3 * l->shape->width * l->shape->width, "a weight of the model", err));
    l->weights = weights;
    rc = blocks_load(l, depth, err);
done:
    return rc;
}

static int folder_load(const struct lc_model_shape *shape, int64_t depth, const char *folder, float *weights,
                       struct lc_err *err)
{
    struct loading l = {.shape = shape};
    int rc;

    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i]->name, shape->family) == 0)
            l.family = families[i];
    if (!l.family)
        return LC_FAIL(err, LC_E_FORMAT, "%s: model family '%s' has no loader", folder, shape->family);
    rc = lc_safetensors_open_folder(&l.tensors, folder, "model", err);
    if (rc != LC_OK)
        return rc;
    rc = weights_load(&l, depth, folder, weights, err);
    free(l.scratch);
    lc_tensors_close(&l.tensors);
    return rc;
}

int lc_model_check(const struct lc_model_shape *shape, int64_t depth, const char *folder, struct lc_err *err)
{
    return folder_load(shape, depth, folder, NULL, err);
}

int lc_model_load(const struct lc_model_shape *shape, int64_t depth, const char *folder, float *weights,
                  struct lc_err *err)
{
    return folder_load(shape, depth, folder, weights, err);
}

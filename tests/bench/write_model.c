/* write_model.c - random weights of the Pythia-70m shape as the files that the jobs read: a GPT-NeoX folder and SAELens
 * folders. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "lightcone/file.h"
#include "lightcone/memory.h"

enum { V = 50304, D = 512, F = 32768, HEADS = D / BENCH_HEAD };

/* A safetensors file as it grows: header text and data. */
struct file {
    struct lc_bytes header, data;
    struct lc_err *err;
};

static void add(struct file *f, const char *name, int64_t rows, int64_t columns, const float *value)
{
    size_t begin = f->data.size, bytes = (size_t)(rows * (columns ? columns : 1)) * sizeof *value;
    char shape[48];

    if (columns)
        snprintf(shape, sizeof shape, "%lld,%lld", (long long)rows, (long long)columns);
    else
        snprintf(shape, sizeof shape, "%lld", (long long)rows);
    lc_bytes_printf(&f->header, f->err, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                    f->header.size ? "," : "{", name, shape, begin, begin + bytes);
    lc_bytes_add(&f->data, value, bytes, f->err);
}

static void finish(struct file *f, const char *path)
{
    uint64_t size;

    lc_bytes_printf(&f->header, f->err, "}");
    while (f->header.size % 8)
        lc_bytes_printf(&f->header, f->err, " ");
    size = f->header.size;
    if (f->err->code == LC_OK) {
        const struct lc_stretch part[] = {
            {&size, sizeof size}, {f->header.data, f->header.size}, {f->data.data, f->data.size}};
        lc_file_write_parts(path, part, 3, f->err);
    }
    lc_bytes_release(&f->header);
    lc_bytes_release(&f->data);
}

/* Rows of queries, keys and values as the file has them: head by head. */
static void add_heads(struct file *f, const char *name, const float *value, int64_t columns)
{
    int64_t size = columns ? columns : 1;
    float *turned = NULL;

    if (LC_ALLOC(&turned, 3 * D * size, "a tensor", f->err) != LC_OK)
        return;
    for (int64_t h = 0; h < HEADS; h++)
        for (int64_t part = 0; part < 3; part++)
            memcpy(turned + (3 * h + part) * BENCH_HEAD * size, value + (part * D + h * BENCH_HEAD) * size,
                   (size_t)(BENCH_HEAD * size) * sizeof *value);
    add(f, name, 3 * D, columns, turned);
    free(turned);
}

static void add_block(struct file *f, int layer, const struct lc_block *b)
{
    const struct {
        const char *name;
        int64_t rows, columns;
        const float *value;
    } part[] = {
        {"input_layernorm.weight", D, 0, b->norm1_w},
        {"input_layernorm.bias", D, 0, b->norm1_b},
        {"post_attention_layernorm.weight", D, 0, b->norm2_w},
        {"post_attention_layernorm.bias", D, 0, b->norm2_b},
        {"attention.query_key_value.weight", 3 * D, D, b->qkv.w},
        {"attention.query_key_value.bias", 3 * D, 0, b->qkv_b},
        {"attention.dense.weight", D, D, b->out.w},
        {"attention.dense.bias", D, 0, b->out_b},
        {"mlp.dense_h_to_4h.weight", 4 * D, D, b->up.w},
        {"mlp.dense_h_to_4h.bias", 4 * D, 0, b->up_b},
        {"mlp.dense_4h_to_h.weight", D, 4 * D, b->down.w},
        {"mlp.dense_4h_to_h.bias", D, 0, b->down_b},
    };
    char name[96];

    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        snprintf(name, sizeof name, "gpt_neox.layers.%d.%s", layer, part[i].name);
        if (part[i].rows == 3 * D)
            add_heads(f, name, part[i].value, part[i].columns);
        else
            add(f, name, part[i].rows, part[i].columns, part[i].value);
    }
}

static const char config_json[] =
    "{\"architectures\":[\"GPTNeoXForCausalLM\"],\"model_type\":\"gpt_neox\",\"hidden_size\":512,"
    "\"num_hidden_layers\":6,\"num_attention_heads\":8,\"intermediate_size\":2048,\"vocab_size\":50304,"
    "\"rotary_pct\":0.25,\"rotary_emb_base\":10000,\"layer_norm_eps\":1e-05,\"use_parallel_residual\":true,"
    "\"hidden_act\":\"gelu\",\"max_position_embeddings\":2048}\n";
static const char cfg_json[] = "{\"architecture\":\"standard\",\"d_in\":512,\"d_sae\":32768,\"dtype\":\"float32\","
                               "\"apply_b_dec_to_input\":false,\"normalize_activations\":\"none\"}\n";

static int write_model(const struct lc_model *model, const char *folder, struct lc_err *err)
{
    struct file f = {.err = err};
    char path[LC_PATH_MAX + 64];

    lc_folder_make(folder, err);
    add(&f, "gpt_neox.embed_in.weight", V, D, model->embedding);
    for (int layer = 0; layer < BENCH_LAYERS; layer++)
        add_block(&f, layer, &model->block[layer]);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    finish(&f, path);
    snprintf(path, sizeof path, "%s/config.json", folder);
    return err->code == LC_OK ? lc_file_write(path, config_json, sizeof config_json - 1, err) : err->code;
}

static int write_sae(const struct lc_sae *sae, const char *folder, struct lc_err *err)
{
    struct file f = {.err = err};
    float *turned = NULL;
    char path[LC_PATH_MAX + 64];

    lc_folder_make(folder, err);
    if (LC_ALLOC(&turned, (int64_t)D * F, "encoder", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < F; i++)
        for (int64_t k = 0; k < D; k++)
            turned[k * F + i] = sae->encoder[i * D + k];
    add(&f, "W_enc", D, F, turned);
    add(&f, "b_enc", F, 0, sae->encoder_bias);
    add(&f, "W_dec", F, D, sae->decoder);
    add(&f, "b_dec", D, 0, sae->decoder_bias);
    free(turned);
    snprintf(path, sizeof path, "%s/sae_weights.safetensors", folder);
    finish(&f, path);
    snprintf(path, sizeof path, "%s/cfg.json", folder);
    return err->code == LC_OK ? lc_file_write(path, cfg_json, sizeof cfg_json - 1, err) : err->code;
}

int bench_write_model(const struct lc_comm *par, const char *folder, struct lc_err *err)
{
    struct bench_model m = {.memory.window = MPI_WIN_NULL};
    struct bench_probe probe = {0};
    char path[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, bench_model_make(&m, par, D, V, LC_PRECISION_FLOAT32, err));
    LC_TRY(rc, bench_probe_make(&probe, par, &m.model, err));
    snprintf(path, sizeof path, "%.3900s/model", folder);
    if (par->rank == 0)
        write_model(&m.model, path, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    for (int64_t layer = 0; layer < BENCH_LAYERS; layer++) {
        struct bench_sae s = {.memory.window = MPI_WIN_NULL};
        rc = bench_sae_make(&s, par, F, 1, &probe, layer, err);
        snprintf(path, sizeof path, "%.3900s/sae/resid_out_layer%lld", folder, (long long)layer);
        if (rc == LC_OK && par->rank == 0)
            write_sae(&s.sae, path, err);
        LC_TRY(rc, lc_comm_agree(par, err));
        bench_sae_release(&s);
    }
done:
    bench_probe_release(&probe);
    bench_model_release(&m);
    return rc;
}

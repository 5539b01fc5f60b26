/* make_model FOLDER - random weights of the Pythia-70m shape for the benchmark: FOLDER/model (V 50304, D 512, 6 layers,
 * 8 heads) and FOLDER/sae/resid_out_layerN (SAELens standard, F 32768). Encoder rows are scaled and biased so that, for
 * residual streams of random tokens, about 27 features a site are above 0.2 and 46 above 0. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"
#include "lightcone/linalg.h"
#include "lightcone/memory.h"
#include "lightcone/model.h"
#include "lightcone/passes.h"
#include "lightcone/random.h"

enum { V = 50304, D = 512, L = 6, H = 8, I = 2048, F = 32768, T = 64, PROBES = 8 };

/* A standard normal value by Box and Muller from counter-based bits. */
static float normal(uint64_t stream, uint64_t i)
{
    double u = ((double)(lc_random_bits(7, stream, 2 * i) >> 11) + 0.5) * 0x1p-53;
    double v = (double)(lc_random_bits(7, stream, 2 * i + 1) >> 11) * 0x1p-53;

    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

/* A safetensors file as it grows: header text and data. */
struct file {
    struct lc_bytes header, data;
    uint64_t stream;
    struct lc_err err;
};

static void add(struct file *f, const char *name, int64_t rows, int64_t columns, const float *value)
{
    size_t begin = f->data.size, bytes = (size_t)(rows * (columns ? columns : 1)) * sizeof *value;
    char shape[48];

    if (columns)
        snprintf(shape, sizeof shape, "%lld,%lld", (long long)rows, (long long)columns);
    else
        snprintf(shape, sizeof shape, "%lld", (long long)rows);
    lc_bytes_printf(&f->header, &f->err, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                    f->header.size ? "," : "{", name, shape, begin, begin + bytes);
    lc_bytes_add(&f->data, value, bytes, &f->err);
}

/* A tensor of normal values times `scale`, plus `shift`. */
static void add_random(struct file *f, const char *name, int64_t rows, int64_t columns, float scale, float shift)
{
    int64_t n = rows * (columns ? columns : 1);
    float *value = NULL;

    if (LC_ALLOC(&value, n, name, &f->err) != LC_OK)
        return;
    for (int64_t i = 0; i < n; i++)
        value[i] = scale * normal(f->stream, (uint64_t)i) + shift;
    f->stream++;
    add(f, name, rows, columns, value);
    free(value);
}

static void finish(struct file *f, const char *path)
{
    struct lc_bytes all = {0};
    uint64_t size;

    lc_bytes_printf(&f->header, &f->err, "}");
    while (f->header.size % 8)
        lc_bytes_printf(&f->header, &f->err, " ");
    size = f->header.size;
    lc_bytes_add(&all, &size, sizeof size, &f->err);
    lc_bytes_add(&all, f->header.data, f->header.size, &f->err);
    lc_bytes_add(&all, f->data.data, f->data.size, &f->err);
    if (f->err.code == LC_OK)
        lc_file_write(path, all.data, all.size, &f->err);
    lc_bytes_release(&all);
    lc_bytes_release(&f->header);
    lc_bytes_release(&f->data);
}

static void add_block(struct file *f, int layer)
{
    static const struct {
        const char *name;
        int64_t rows, columns;
        float scale, shift;
    } part[] = {
        {"input_layernorm.weight", D, 0, 0.1f, 1.0f},
        {"input_layernorm.bias", D, 0, 0.1f, 0.0f},
        {"post_attention_layernorm.weight", D, 0, 0.1f, 1.0f},
        {"post_attention_layernorm.bias", D, 0, 0.1f, 0.0f},
        {"attention.query_key_value.weight", 3 * D, D, 0.05f, 0.0f},
        {"attention.query_key_value.bias", 3 * D, 0, 0.02f, 0.0f},
        {"attention.dense.weight", D, D, 0.04f, 0.0f},
        {"attention.dense.bias", D, 0, 0.02f, 0.0f},
        {"mlp.dense_h_to_4h.weight", I, D, 0.04f, 0.0f},
        {"mlp.dense_h_to_4h.bias", I, 0, 0.02f, 0.0f},
        {"mlp.dense_4h_to_h.weight", D, I, 0.03f, 0.0f},
        {"mlp.dense_4h_to_h.bias", D, 0, 0.02f, 0.0f},
    };
    char name[96];

    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        snprintf(name, sizeof name, "gpt_neox.layers.%d.%s", layer, part[i].name);
        add_random(f, name, part[i].rows, part[i].columns, part[i].scale, part[i].shift);
    }
}

static const char config_json[] =
    "{\"architectures\":[\"GPTNeoXForCausalLM\"],\"model_type\":\"gpt_neox\",\"hidden_size\":512,"
    "\"num_hidden_layers\":6,\"num_attention_heads\":8,\"intermediate_size\":2048,\"vocab_size\":50304,"
    "\"rotary_pct\":0.25,\"rotary_emb_base\":10000,\"layer_norm_eps\":1e-05,\"use_parallel_residual\":true,"
    "\"hidden_act\":\"gelu\",\"max_position_embeddings\":2048}\n";
static const char cfg_json[] = "{\"architecture\":\"standard\",\"d_in\":512,\"d_sae\":32768,\"dtype\":\"float32\","
                               "\"apply_b_dec_to_input\":false,\"normalize_activations\":\"none\"}\n";

static int make_model(const char *folder, struct lc_err *err)
{
    struct file f = {.err = LC_ERR_INIT};
    char path[LC_PATH_MAX + 64];

    add_random(&f, "gpt_neox.embed_in.weight", V, D, 0.5f, 0.0f);
    for (int layer = 0; layer < L; layer++)
        add_block(&f, layer);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    finish(&f, path);
    *err = f.err;
    snprintf(path, sizeof path, "%s/config.json", folder);
    return err->code == LC_OK ? lc_file_write(path, config_json, sizeof config_json - 1, err) : err->code;
}

/* Encoder [D, F] and bias for residual streams like y[rows, D]: a random row's z is near normal, so the two rates fix
 * its scale and bias. 1 - Phi(2.986) = 46 / F and 1 - Phi(3.144) = 27 / F. */
static void tune(const float *y, int64_t rows, float *encoder, float *bias, float *scratch)
{
    const double low = 2.986, high = 3.144;

    for (int64_t i = 0; i < F; i++) {
        double sum = 0.0, squares = 0.0, sd, scale;
        for (int64_t k = 0; k < D; k++)
            scratch[k] = encoder[k * F + i];
        for (int64_t r = 0; r < rows; r++) {
            double z = lc_dot_f64(scratch, y + r * D, D);
            sum += z;
            squares += z * z;
        }
        sum /= (double)rows;
        sd = sqrt(squares / (double)rows - sum * sum);
        scale = 0.2 / ((high - low) * sd);
        for (int64_t k = 0; k < D; k++)
            encoder[k * F + i] = (float)scale * scratch[k];
        bias[i] = (float)(-scale * sum - low * scale * sd);
    }
}

static int make_sae(const char *folder, int layer, const float *y, int64_t rows, struct lc_err *err)
{
    struct file f = {.err = LC_ERR_INIT, .stream = (uint64_t)(1000 * (layer + 1))};
    float *encoder = NULL, *bias = NULL, scratch[D];
    char path[LC_PATH_MAX + 64];

    if (LC_ALLOC(&encoder, (int64_t)D * F, "encoder", err) != LC_OK || LC_ALLOC(&bias, F, "bias", err) != LC_OK)
        return err->code;
    for (int64_t k = 0; k < (int64_t)D * F; k++)
        encoder[k] = normal(f.stream, (uint64_t)k);
    f.stream++;
    tune(y, rows, encoder, bias, scratch);
    add(&f, "W_enc", D, F, encoder);
    add(&f, "b_enc", F, 0, bias);
    add_random(&f, "W_dec", F, D, 0.0442f, 0.0f);
    add_random(&f, "b_dec", D, 0, 0.1f, 0.0f);
    free(encoder);
    free(bias);
    snprintf(path, sizeof path, "%s/resid_out_layer%d", folder, layer);
    lc_folder_make(path, &f.err);
    snprintf(path, sizeof path, "%s/resid_out_layer%d/sae_weights.safetensors", folder, layer);
    finish(&f, path);
    *err = f.err;
    snprintf(path, sizeof path, "%s/resid_out_layer%d/cfg.json", folder, layer);
    return err->code == LC_OK ? lc_file_write(path, cfg_json, sizeof cfg_json - 1, err) : err->code;
}

/* SAEs for the model's own residual streams on random tokens, last quarter of each window, as real readouts. */
static int make_saes(const char *model_folder, const char *folder, struct lc_err *err)
{
    struct lc_model_shape shape;
    struct lc_model model = {0};
    struct lc_forward forward = {0};
    int32_t token[PROBES * T];
    float *weights = NULL;
    int rc;

    LC_TRY(rc, lc_model_shape_read(&shape, model_folder, err));
    LC_TRY(rc, LC_ALLOC(&weights, lc_model_floats(&shape, L), "weights", err));
    LC_TRY(rc, lc_model_bind(&model, &shape, L, weights, err));
    LC_TRY(rc, lc_model_load(&shape, L, model_folder, weights, err));
    LC_TRY(rc, lc_forward_init(&forward, &model, PROBES * T, T, 0, err));
    for (int i = 0; i < PROBES * T; i++)
        token[i] = (int32_t)lc_random_below(7, 99, (uint64_t)i, 4096);
    LC_TRY(rc, lc_forward_run(&forward, token, PROBES, T, err));
    for (int layer = 0; layer < L; layer++)
        LC_TRY(rc, make_sae(folder, layer, lc_forward_site(&forward, layer), PROBES * T, err));
done:
    lc_forward_release(&forward);
    lc_model_release(&model);
    free(weights);
    return rc;
}

int main(int argc, char **argv)
{
    struct lc_err err = LC_ERR_INIT;
    char model[LC_PATH_MAX], sae[LC_PATH_MAX];

    if (argc != 2 || strlen(argv[1]) > LC_PATH_MAX - 32) {
        fprintf(stderr, "usage: make_model FOLDER\n");
        return 2;
    }
    snprintf(model, sizeof model, "%s/model", argv[1]);
    snprintf(sae, sizeof sae, "%s/sae", argv[1]);
    if (lc_folder_make(model, &err) == LC_OK && lc_folder_make(sae, &err) == LC_OK && make_model(model, &err) == LC_OK)
        make_saes(model, sae, &err);
    if (err.code != LC_OK)
        fprintf(stderr, "make_model: %s\n", err.msg);
    return err.code != LC_OK;
}

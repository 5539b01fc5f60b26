/* gpt_neox folders written by transformers, old and new configurations, and what must be refused. */
#include "format_fixture.h"

#include "lightcone/model.h"
#include "lightcone/tensor.h"

struct loaded {
    struct lc_model_shape shape;
    struct lc_model model;
    float *weights;
};

static void load(struct loaded *l, const char *folder, int64_t depth)
{
    struct lc_err err = LC_ERR_INIT;

    assert_ok(lc_model_shape_read(&l->shape, folder, &err), &err);
    assert_ok(LC_ALLOC(&l->weights, lc_model_floats(&l->shape, depth), "weights", &err), &err);
    assert_ok(lc_model_bind(&l->model, &l->shape, depth, l->weights, &err), &err);
    assert_ok(lc_model_load(&l->shape, depth, folder, l->weights, &err), &err);
}

static void release(struct loaded *l)
{
    lc_model_release(&l->model);
    free(l->weights);
}

static void assert_block(const struct loaded *l, int64_t n, double tolerance)
{
    const struct lc_block *b = &l->model.block[n];
    const struct {
        const char *name;
        const float *values;
        int64_t count;
    } rows[] = {
        {"norm1_w", b->norm1_w, 8}, {"norm1_b", b->norm1_b, 8}, {"norm2_w", b->norm2_w, 8},
        {"norm2_b", b->norm2_b, 8}, {"qkv_w", b->qkv.w, 192},   {"qkv_b", b->qkv_b, 24},
        {"out_w", b->out.w, 64},    {"out_b", b->out_b, 8},     {"up_w", b->up.w, 96},
        {"up_b", b->up_b, 12},      {"down_w", b->down.w, 96},  {"down_b", b->down_b, 8},
    };
    char name[64];

    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        snprintf(name, sizeof name, "block%lld.%s", (long long)n, rows[r].name);
        assert_values(name, rows[r].values, rows[r].count, tolerance);
        assert_int_equal((uintptr_t)rows[r].values % 64, 0);
    }
}

static void reads_what_transformers_wrote(void **state)
{
    static const struct {
        const char *folder;
        double tolerance;
        int parallel;
    } rows[] = {
        {DATA "model", 0, 1}, {DATA "model_shards", 0, 1}, {DATA "model_base", 1.0 / 128, 0} /* bfloat16 */
    };

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct loaded l;
        load(&l, rows[r].folder, 2);
        assert_string_equal(l.shape.family, "gpt_neox");
        assert_int_equal(l.shape.layers, 2);
        assert_int_equal(l.shape.width, 8);
        assert_int_equal(l.shape.heads, 2);
        assert_int_equal(l.shape.hidden, 12);
        assert_int_equal(l.shape.vocab, 11);
        assert_int_equal(l.shape.context, 32);
        assert_int_equal(l.shape.rotary, 2);
        assert_true(l.shape.rotary_base == 1000 && l.shape.norm_eps == 1e-5);
        assert_int_equal(l.shape.parallel, rows[r].parallel);
        assert_values("embedding", l.model.embedding, 88, rows[r].tolerance);
        assert_block(&l, 0, rows[r].tolerance);
        assert_block(&l, 1, rows[r].tolerance);
        release(&l);
    }
}

static void loads_only_the_blocks_it_needs(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct loaded l;

    (void)state;
    load(&l, DATA "model", 1);
    assert_block(&l, 0, 0);
    assert_true(lc_model_floats(&l.shape, 1) < lc_model_floats(&l.shape, 2));
    lc_model_release(&l.model);
    assert_refused(lc_model_bind(&l.model, &l.shape, 3, l.weights, &err), &err, "3 blocks", "1 to 2");
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_model_bind(&l.model, &l.shape, 0, l.weights, &err), &err, "0 blocks", "1 to 2");
    free(l.weights);
}

/* --- configurations --- */

static const char *const config_names[] = {"config.json", "model.safetensors", NULL};

#define SIZES                                                                                                \
    "\"num_hidden_layers\":2,\"hidden_size\":8,\"num_attention_heads\":2,\"intermediate_size\":12,"          \
    "\"vocab_size\":11,\"max_position_embeddings\":32"
#define NEOX "{\"model_type\":\"gpt_neox\"," SIZES
#define BASE NEOX ",\"rotary_pct\":0.5"

static void refuses_configurations(void **state)
{
    static const struct {
        const char *config, *one, *two;
    } rows[] = {
        {"{", "not valid JSON", ""},
        {"[]", "not an object", ""},
        {"{}", "architectures is '(absent)'", "gpt_neox"},
        {"{\"model_type\":\"llama\"}", "model_type is 'llama'", "gpt_neox"},
        {"{\"model_type\":7}", "model_type is 7", "a text"},
        {"{\"architectures\":[\"GPT2LMHeadModel\"]}", "'GPT2LMHeadModel'", "gpt_neox"},
        {"{\"model_type\":\"gpt_neox\"}", "'num_hidden_layers' is missing", ""},
        {BASE ",\"hidden_act\":\"silu\"}", "hidden_act is 'silu'", "allowed: gelu"},
        {BASE ",\"hidden_act\":\"gelu_new\"}", "hidden_act is 'gelu_new'", "allowed: gelu"},
        {BASE ",\"hidden_act\":\"gelu_fast\"}", "hidden_act is 'gelu_fast'", "allowed: gelu"},
        {BASE ",\"attention_bias\":false}", "attention_bias is false", "true"},
        {BASE ",\"attention_bias\":\"no\"}", "attention_bias is \"no\"", "true or false"},
        {BASE ",\"layer_norm_eps\":0}", "layer_norm_eps is 0", "a number from"},
        {BASE ",\"layer_norm_eps\":\"x\"}", "layer_norm_eps", "a number from"},
        {BASE ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}", "rope_scaling is set", "null"},
        {BASE ",\"rope_parameters\":{\"rope_type\":\"yarn\"}}", "rope_type is 'yarn'", "default"},
        {BASE ",\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_factor\":0.25}}", "disagree",
         "rotary_pct"},
        {BASE ",\"rope_parameters\":7}", "rope_parameters is 7", "an object"},
        {BASE ",\"quantization_config\":{}}", "quantization_config is set", ""},
        {BASE ",\"rotary_pct\":0.5}", "not valid JSON", "duplicate"},
        {NEOX "}", "1 rotary dimensions", "even"},
        {NEOX ",\"rotary_pct\":0.75}", "3 rotary dimensions", "even"},
        {NEOX ",\"rotary_pct\":1.5}", "rotary_pct is 1.5", "from 0 to 1"},
        {NEOX ",\"rotary_pct\":0.5,\"rotary_emb_base\":0}", "rotary_emb_base is 0", ""},
        {"{\"model_type\":\"gpt_neox\",\"num_hidden_layers\":2,\"hidden_size\":9,\"num_attention_heads\":2,"
         "\"intermediate_size\":12,\"vocab_size\":11,\"max_position_embeddings\":32}",
         "hidden_size 9", "num_attention_heads 2"},
        {"{\"model_type\":\"gpt_neox\",\"num_hidden_layers\":0}", "num_hidden_layers is 0", "from 1 to"},
        {"{\"model_type\":\"gpt_neox\",\"num_hidden_layers\":2.5}", "num_hidden_layers is 2.5", "an integer"},
        {"{\"model_type\":\"gpt_neox\",\"num_hidden_layers\":1000000000000}",
         "num_hidden_layers is 1000000000000", ""},
    };
    char folder[64];

    (void)state;
    scratch_make(folder);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_model_shape shape;
        scratch_write(folder, "config.json", rows[r].config, strlen(rows[r].config));
        int rc = lc_model_shape_read(&shape, folder, &err);
        assert_refused(rc, &err, rows[r].one, rows[r].two);
        assert_refused(rc, &err, "config.json", "");
    }
    scratch_remove(folder, config_names);
}

static void refuses_weights(void **state)
{
    static const struct {
        const char *config, *one, *two;
    } rows[] = {
        {"{\"model_type\":\"gpt_neox\",\"rotary_pct\":0.5,\"num_hidden_layers\":3,\"hidden_size\":8,"
         "\"num_attention_heads\":2,\"intermediate_size\":12,\"vocab_size\":11,\"max_position_embeddings\":"
         "32}",
         "tensor gpt_neox.layers.2.input_layernorm.weight is missing", "model.safetensors"},
        {"{\"model_type\":\"gpt_neox\",\"rotary_pct\":0.5,\"num_hidden_layers\":2,\"hidden_size\":8,"
         "\"num_attention_heads\":2,\"intermediate_size\":13,\"vocab_size\":11,\"max_position_embeddings\":"
         "32}",
         "gpt_neox.layers.0.mlp.dense_h_to_4h.weight has shape [12, 8]", "wanted: [13, 8]"},
        {"{\"model_type\":\"gpt_neox\",\"rotary_pct\":0.5,\"num_hidden_layers\":2,\"hidden_size\":8,"
         "\"num_attention_heads\":2,\"intermediate_size\":12,\"vocab_size\":12,\"max_position_embeddings\":"
         "32}",
         "gpt_neox.embed_in.weight has shape [11, 8]", "wanted: [12, 8]"},
    };
    char folder[64];

    (void)state;
    scratch_make(folder);
    scratch_copy(folder, "model.safetensors", DATA "model/model.safetensors");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_model_shape shape;
        float *weights = NULL;
        scratch_write(folder, "config.json", rows[r].config, strlen(rows[r].config));
        assert_ok(lc_model_shape_read(&shape, folder, &err), &err);
        assert_ok(LC_ALLOC(&weights, lc_model_floats(&shape, shape.layers), "weights", &err), &err);
        assert_refused(lc_model_load(&shape, shape.layers, folder, weights, &err), &err, rows[r].one,
                       rows[r].two);
        free(weights);
    }
    scratch_remove(folder, config_names);
}

static void refuses_a_nan_and_a_foreign_file(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_model_shape shape;
    unsigned char *copy;
    struct lc_tensors set;
    float *weights;
    char folder[64];

    (void)state;
    scratch_make(folder);
    assert_ok(lc_safetensors_open(&set, DATA "model/model.safetensors", &err), &err);
    const struct lc_tensor *t = lc_tensors_find(&set, "gpt_neox.layers.1.attention.dense.bias");
    assert_non_null(t);
    assert_ok(LC_ALLOC(&copy, set.map[0].size, "a copy", &err), &err);
    memcpy(copy, set.map[0].data, set.map[0].size);
    memset(copy + (t->data - set.map[0].data) + 12, 0xff, 4);
    scratch_write(folder, "model.safetensors", copy, set.map[0].size);
    assert_ok(lc_model_shape_read(&shape, DATA "model", &err), &err);
    assert_ok(LC_ALLOC(&weights, lc_model_floats(&shape, 2), "weights", &err), &err);
    assert_int_equal(lc_model_load(&shape, 2, folder, weights, &err), LC_E_NUMERIC);
    assert_refused(err.code, &err, "layers.1.attention.dense.bias", "value 3 is nan");
    err = (struct lc_err)LC_ERR_INIT;
    scratch_copy(folder, "model.safetensors", DATA "lens_hand/sae_weights.safetensors");
    assert_refused(lc_model_load(&shape, 2, folder, weights, &err), &err, "gpt_neox.embed_in.weight", folder);
    scratch_remove(folder, config_names);
    free(copy);
    free(weights);
    lc_tensors_close(&set);
}

static void reads_real_models(void **state)
{
    static const char *const folders[] = {"data/published-code/model", "demo/model"};
    char path[LC_PATH_MAX];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct loaded l;
        if (!shared_path(path, folders[i]))
            continue;
        load(&l, path, 2);
        /* layer norm weights of a trained or freshly made model are near 1 */
        for (int64_t j = 0; j < l.shape.width; j++)
            assert_true(l.model.block[1].norm1_w[j] > 0 && l.model.block[1].norm1_w[j] < 8);
        release(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_transformers_wrote),    cmocka_unit_test(loads_only_the_blocks_it_needs),
        cmocka_unit_test(refuses_configurations),           cmocka_unit_test(refuses_weights),
        cmocka_unit_test(refuses_a_nan_and_a_foreign_file), cmocka_unit_test(reads_real_models),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

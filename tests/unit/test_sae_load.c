/* SAE files of dictionary_learning and SAELens: the values by hand of a small SAE in both layouts,
 * dictionary_learning's own class on a file that needs rescaling, and what must be refused. */
#include "format_fixture.h"

#include "lightcone/sae.h"
#include "lightcone/tensor.h"

struct loaded {
    struct lc_sae_shape shape;
    struct lc_sae sae;
    float *weights;
};

static void load(struct loaded *l, const char *path, enum lc_bias_rule rule, int with_decoder)
{
    struct lc_err err = LC_ERR_INIT;

    assert_ok(lc_sae_shape_read(&l->shape, path, &err), &err);
    assert_ok(LC_ALLOC(&l->weights, lc_sae_floats(&l->shape, with_decoder), "weights", &err), &err);
    lc_sae_bind(&l->sae, &l->shape, with_decoder, l->weights);
    assert_ok(lc_sae_load(&l->sae, path, rule, &err), &err);
    lc_sae_pack(&l->sae);
}

/* sae.h's definition, feature by feature; f may be any feature count up to 16. */
static void encode(const struct lc_sae *s, const float *y, float *f)
{
    for (int64_t i = 0; i < s->shape.features; i++) {
        double z = s->encoder_bias[i];
        for (int64_t j = 0; j < s->shape.width; j++)
            z += (double)s->encoder[i * s->shape.width + j] * ((double)y[j] - (double)s->shift[j]);
        f[i] = z > (double)s->cut[i] ? (float)z : 0;
    }
}

static void decode(const struct lc_sae *s, const float *f, float *y)
{
    for (int64_t j = 0; j < s->shape.width; j++) {
        double sum = s->decoder_bias[j];
        for (int64_t i = 0; i < s->shape.features; i++)
            sum += (double)s->decoder[i * s->shape.width + j] * (double)f[i];
        y[j] = (float)sum;
    }
}

static void assert_near(const float *x, const double *wanted, int n, double tolerance)
{
    for (int i = 0; i < n; i++)
        if (!((double)x[i] - wanted[i] <= tolerance && wanted[i] - (double)x[i] <= tolerance))
            fail_msg("value %d is %.9g, wanted %.9g", i, (double)x[i], wanted[i]);
}

static void agrees_with_values_by_hand(void **state)
{
    static const struct {
        const char *path, *kind;
        enum lc_bias_rule rule;
        int bos;
        double f[3], yhat[2], tolerance;
    } rows[] = {
        {DATA "dl_hand",
         "dictionary_learning AutoEncoder",
         LC_BIAS_SUBTRACT,
         -1,
         {.625, 0, .75},
         {1.5, -.625},
         0},
        {DATA "dl_hand",
         "dictionary_learning AutoEncoder",
         LC_BIAS_IGNORE,
         -1,
         {1, 0, 1.125},
         {2.0625, -.8125},
         0},
        /* its loader makes the third column, (.5, -.5), a unit vector */
        {DATA "dl_hand",
         "dictionary_learning AutoEncoder",
         LC_BIAS_OWN,
         -1,
         {.625, 0, 0.53033008588991064},
         {1.5, -.625},
         1e-6},
        {DATA "dl_hand/ae.pt",
         "dictionary_learning AutoEncoder",
         LC_BIAS_SUBTRACT,
         -1,
         {.625, 0, .75},
         {1.5, -.625},
         0},
        {DATA "lens_hand", "saelens standard", LC_BIAS_OWN, 0, {.625, 0, .75}, {1.5, -.625}, 0},
        {DATA "lens_hand/", "saelens standard", LC_BIAS_SUBTRACT, 0, {.625, 0, .75}, {1.5, -.625}, 0},
        {DATA "lens_hand", "saelens standard", LC_BIAS_IGNORE, 0, {1, 0, 1.125}, {2.0625, -.8125}, 0},
        {DATA "lens_old", "saelens standard", LC_BIAS_OWN, 1, {.625, 0, .75}, {1.5, -.625}, 0},
        {DATA "lens_jump", "saelens jumprelu", LC_BIAS_OWN, 0, {0, 0, 1.125}, {1.0625, -.8125}, 0},
        {DATA "lens_jump", "saelens jumprelu", LC_BIAS_IGNORE, 0, {0, 0, 1.125}, {1.0625, -.8125}, 0},
        {DATA "lens_jump", "saelens jumprelu", LC_BIAS_SUBTRACT, 0, {0, 0, .75}, {.875, -.625}, 0},
    };
    const float y[2] = {1.5f, -.5f};

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct loaded l;
        float f[3], yhat[2];
        load(&l, rows[r].path, rows[r].rule, 1);
        assert_string_equal(l.shape.kind, rows[r].kind);
        assert_int_equal(l.shape.features, 3);
        assert_int_equal(l.shape.width, 2);
        assert_int_equal(l.shape.prepend_bos, rows[r].bos);
        encode(&l.sae, y, f);
        decode(&l.sae, f, yhat);
        assert_near(f, rows[r].f, 3, rows[r].tolerance);
        assert_near(yhat, rows[r].yhat, 2, rows[r].tolerance);
        free(l.weights);
    }
}

static void agrees_with_dictionary_learning(void **state)
{
    static const char *const rows[][2] = {{DATA "dl_scaled", "scaled.f"}, {DATA "dl_backup", "backup.f"}};
    int64_t n;
    float *x = expected_values("scaled.x", &n), f[4 * 9], yhat[4 * 5];

    (void)state;
    assert_int_equal(n, 20);
    for (int r = 0; r < 2; r++)
        for (int with_decoder = 0; with_decoder < 2; with_decoder++) {
            struct loaded l;
            load(&l, rows[r][0], LC_BIAS_OWN, with_decoder);
            for (int i = 0; i < 4; i++)
                encode(&l.sae, x + 5 * i, f + 9 * i);
            assert_values(rows[r][1], f, 36, 2e-6);
            if (with_decoder && r == 0) {
                for (int i = 0; i < 4; i++)
                    decode(&l.sae, f + 9 * i, yhat + 5 * i);
                assert_values("scaled.decoder", l.sae.decoder, 45, 2e-7);
                assert_values("scaled.yhat", yhat, 20, 4e-6);
            }
            free(l.weights);
        }
    free(x);
}

static void rounds_as_the_dtype_asks(void **state)
{
    static const char *const kinds[] = {"float16", "bfloat16"};
    char path[64], name[64];

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct loaded l;
        snprintf(path, sizeof path, DATA "lens_%s", kinds[k]);
        load(&l, path, LC_BIAS_OWN, 1);
        snprintf(name, sizeof name, "%s.encoder", kinds[k]);
        assert_values(name, l.sae.encoder, 24, 0);
        snprintf(name, sizeof name, "%s.encoder_bias", kinds[k]);
        assert_values(name, l.sae.encoder_bias, 6, 0);
        snprintf(name, sizeof name, "%s.decoder", kinds[k]);
        assert_values(name, l.sae.decoder, 24, 0);
        free(l.weights);
    }
}

static void norms_are_upper_bounds(void **state)
{
    struct loaded l;

    (void)state;
    load(&l, DATA "dl_scaled", LC_BIAS_OWN, 0);
    for (int i = 0; i < 9; i++) {
        double sum = 0, norm = l.sae.norm[i];
        for (int j = 0; j < 5; j++)
            sum += (double)l.sae.encoder[5 * i + j] * (double)l.sae.encoder[5 * i + j];
        assert_true(norm * norm >= sum && norm * norm <= sum * (1 + 1e-6));
        assert_true(l.sae.cut[i] == 0);
    }
    assert_null(l.sae.decoder);
    free(l.weights);
}

/* --- refusals --- */

static const char *const names[] = {"ae.pt",     "config.json", "cfg.json", "sae_weights.safetensors",
                                    "other.txt", NULL};

#define V6(rest)                                                                                             \
    "{\"architecture\":\"standard\",\"metadata\":{\"hook_name\":\"blocks.0.hook_resid_post\"}" rest "}"

static void refuses_configurations(void **state)
{
    static const struct {
        const char *weights, *config, *one, *two;
    } rows[] = {
        {"dl_hand/ae.pt", "{}", "'trainer' is missing", "config.json"},
        {"dl_hand/ae.pt", "{\"trainer\":{}}", "'dict_class' is missing", ""},
        {"dl_hand/ae.pt", "{\"trainer\":{\"dict_class\":\"GatedAutoEncoder\"}}", "'GatedAutoEncoder'",
         "AutoEncoder"},
        {"dl_hand/ae.pt", "{\"trainer\":{\"dict_class\":\"AutoEncoderTopK\"}}", "'AutoEncoderTopK'",
         "allowed"},
        {"dl_hand/ae.pt", "{\"trainer\":{\"dict_class\":\"AutoEncoderNew\"}}", "'AutoEncoderNew'", "allowed"},
        {"dl_hand/ae.pt", "{\"trainer\":{\"dict_class\":\"AutoEncoder\",\"dict_size\":4}}", "dict_size is 4",
         "say 3"},
        {"dl_hand/ae.pt", "{\"trainer\":{\"dict_class\":\"AutoEncoder\",\"activation_dim\":3}}",
         "activation_dim is 3", "say 2"},
        {"torch/nested.pt", "{\"trainer\":{\"dict_class\":\"AutoEncoder\"}}", "tensor a does not belong", ""},
        {"torch/linear.pt", "{\"trainer\":{\"dict_class\":\"AutoEncoder\"}}", "tensor weight does not belong",
         ""},
        {"torch/system.pt", "{\"trainer\":{\"dict_class\":\"AutoEncoder\"}}", "global 'posix system'",
         "refused"},
        {"lens_hand/sae_weights.safetensors", "{\"architecture\":\"topk\"}", "architecture is 'topk'",
         "standard, jumprelu"},
        {"lens_hand/sae_weights.safetensors", "{\"architecture\":\"gated\"}", "architecture is 'gated'", ""},
        {"lens_hand/sae_weights.safetensors", "{\"architecture\":\"transcoder\"}",
         "architecture is 'transcoder'", ""},
        {"lens_hand/sae_weights.safetensors", "{\"metadata\":{}}", "'architecture' is missing", ""},
        {"lens_hand/sae_weights.safetensors", "{\"architecture\":\"jumprelu\"}",
         "tensor threshold is missing", ""},
        {"lens_jump/sae_weights.safetensors", "{\"architecture\":\"standard\"}",
         "tensor threshold does not belong", ""},
        {"lens_hand/sae_weights.safetensors", V6(",\"normalize_activations\":\"layer_norm\""), "'layer_norm'",
         "none"},
        {"lens_hand/sae_weights.safetensors", V6(",\"normalize_activations\":true"),
         "normalize_activations is true", "none"},
        {"lens_hand/sae_weights.safetensors", V6(",\"reshape_activations\":\"hook_z\""), "'hook_z'", "none"},
        {"lens_hand/sae_weights.safetensors", "{\"hook_point\":\"blocks.0.attn.hook_z\"}", "hook_z",
         "hook_point"},
        {"lens_hand/sae_weights.safetensors", "{\"hook_point_head_index\":3}", "hook_point_head_index is set",
         "head"},
        {"lens_hand/sae_weights.safetensors", "{\"activation_fn_str\":\"topk\"}", "'topk'", "relu"},
        {"lens_hand/sae_weights.safetensors", "{\"activation_fn\":\"tanh-relu\"}", "'tanh-relu'", "relu"},
        {"lens_hand/sae_weights.safetensors", V6(",\"dtype\":\"float64\""), "dtype is 'float64'", "float32"},
        {"lens_hand/sae_weights.safetensors", V6(",\"dtype\":\"float8\""), "dtype is 'float8'", "float32"},
        {"lens_hand/sae_weights.safetensors", V6(",\"d_in\":3"), "d_in is 3", "say 2"},
        {"lens_hand/sae_weights.safetensors", V6(",\"d_sae\":\"x\""), "d_sae is \"x\"", "an integer"},
        {"lens_hand/sae_weights.safetensors", V6(",\"d_out\":2"), "d_out is set", "transcoder"},
        {"lens_hand/sae_weights.safetensors", V6(",\"apply_b_dec_to_input\":1"), "apply_b_dec_to_input is 1",
         "true or false"},
        {"lens_hand/sae_weights.safetensors", V6(",\"finetuning_scaling_factor\":true"),
         "finetuning_scaling_factor", "set"},
        {"safetensors/mixed.safetensors", V6(""), "tensor W_enc is missing", ""},
    };
    char folder[64], from[128];

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_sae_shape shape;
        int torch = strstr(rows[r].weights, ".pt") != NULL;
        scratch_make(folder);
        snprintf(from, sizeof from, DATA "%s", rows[r].weights);
        scratch_copy(folder, torch ? "ae.pt" : "sae_weights.safetensors", from);
        scratch_write(folder, torch ? "config.json" : "cfg.json", rows[r].config, strlen(rows[r].config));
        assert_refused(lc_sae_shape_read(&shape, folder, &err), &err, rows[r].one, rows[r].two);
        scratch_remove(folder, names);
    }
}

static void refuses_folders_of_no_or_two_kinds(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_sae_shape shape;
    char folder[64], path[LC_PATH_MAX];

    (void)state;
    scratch_make(folder);
    assert_refused(lc_sae_shape_read(&shape, folder, &err), &err, "found: nothing", "ae.pt with config.json");
    err = (struct lc_err)LC_ERR_INIT;
    scratch_write(folder, "other.txt", "x", 1);
    assert_refused(lc_sae_shape_read(&shape, folder, &err), &err, "found: other.txt",
                   "sae_weights.safetensors");
    err = (struct lc_err)LC_ERR_INIT;
    snprintf(path, sizeof path, "%s/other.txt", folder);
    assert_refused(lc_sae_shape_read(&shape, path, &err), &err, "other.txt",
                   "allowed: a folder, .pt, .safetensors");
    err = (struct lc_err)LC_ERR_INIT;
    scratch_copy(folder, "ae.pt", DATA "dl_hand/ae.pt");
    assert_refused(lc_sae_shape_read(&shape, folder, &err), &err, "config.json", "No such file");
    err = (struct lc_err)LC_ERR_INIT;
    scratch_copy(folder, "sae_weights.safetensors", DATA "lens_hand/sae_weights.safetensors");
    assert_refused(lc_sae_shape_read(&shape, folder, &err), &err, "both ae.pt and sae_weights.safetensors",
                   "");
    scratch_remove(folder, names);
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_sae_shape_read(&shape, folder, &err), &err, "no such SAE", folder);
}

/* One float of a fixture replaced: SAELens's layout by name and place. */
static void refuses_values(void **state)
{
    static const struct {
        const char *name;
        int64_t at;
        double value;
        const char *one, *two;
    } rows[] = {
        {"W_enc", 1, -1, "tensor W_enc", "value 1 is"},
        {"b_dec", 0, -1, "tensor b_dec", "value 0 is"},
        {"W_dec", 5, -1, "tensor W_dec", "value 5 is"},
        {"scaling_factor", 1, 2, "scaling_factor", "not all ones"},
        {"W_enc", 0, 3e38, "feature 0 overflows", ""},
    };
    char folder[64];

    (void)state;
    scratch_make(folder);
    scratch_copy(folder, "cfg.json", DATA "lens_old/cfg.json");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_sae_shape shape = {.kind = "saelens standard", .features = 3, .width = 2};
        struct lc_tensors set;
        struct lc_sae sae;
        unsigned char *copy;
        float *weights, value = rows[r].value < 0 ? strtof("nan", NULL) : (float)rows[r].value;
        assert_ok(lc_safetensors_open(&set, DATA "lens_old/sae_weights.safetensors", &err), &err);
        const struct lc_tensor *t = lc_tensors_find(&set, rows[r].name);
        assert_non_null(t);
        assert_ok(LC_ALLOC(&copy, set.map[0].size, "a copy", &err), &err);
        memcpy(copy, set.map[0].data, set.map[0].size);
        memcpy(copy + (t->data - set.map[0].data) + 4 * rows[r].at, &value, 4);
        if (rows[r].value > 1e30)
            memcpy(copy + (t->data - set.map[0].data) + 12, &value, 4);
        scratch_write(folder, "sae_weights.safetensors", copy, set.map[0].size);
        assert_ok(LC_ALLOC(&weights, lc_sae_floats(&shape, 1), "weights", &err), &err);
        lc_sae_bind(&sae, &shape, 1, weights);
        assert_refused(lc_sae_load(&sae, folder, LC_BIAS_OWN, &err), &err, rows[r].one, rows[r].two);
        free(copy);
        free(weights);
        lc_tensors_close(&set);
    }
    scratch_remove(folder, names);
}

static void refuses_what_the_own_loader_cannot_rescale(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_sae_shape shape;
    struct loaded l;

    (void)state;
    load(&l, DATA "dl_zero", LC_BIAS_SUBTRACT, 1);
    assert_int_equal(lc_sae_load(&l.sae, DATA "dl_zero", LC_BIAS_OWN, &err), LC_E_NUMERIC);
    assert_refused(err.code, &err, "column 1 has length 0", "bias: subtract or ignore");
    free(l.weights);
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_sae_shape_read(&shape, DATA "dl_no_factor", &err), &err, "interrupted training run",
                   "norm_factor");
}

static void makes_paths(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    char out[64];

    (void)state;
    assert_ok(lc_sae_path(out, sizeof out, "sae/{site}/10_{layer}", 12, &err), &err);
    assert_string_equal(out, "sae/resid_out_layer12/10_12");
    assert_ok(lc_sae_path(out, sizeof out, "plain", 3, &err), &err);
    assert_string_equal(out, "plain");
    assert_refused(lc_sae_path(out, sizeof out, "a/{depth}/b", 1, &err), &err, "'{depth}", "{layer}, {site}");
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_sae_path(out, sizeof out, "a}", 1, &err), &err, "'}'", "{layer}, {site}");
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_sae_path(out, sizeof out, "{layer", 1, &err), &err, "'{layer'", "{site}");
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_sae_path(out, 8, "sae/{layer}{layer}{layer}", 12, &err), &err, "longer than 7 bytes",
                   "");
    err = (struct lc_err)LC_ERR_INIT;
    assert_ok(lc_sae_path(out, 8, "sae/{layer}", 123, &err), &err);
    err = (struct lc_err)LC_ERR_INIT;
    assert_refused(lc_sae_path(out, 8, "", 1, &err), &err, "empty", "");
}

static void reads_real_saes(void **state)
{
    static const struct {
        const char *pattern;
        int64_t features, width;
    } rows[] = {{"demo/sae/{site}", 1024, 128},
                {"data/published-code/dictionaries/pythia-70m-deduped/{site}/10_2048", 2048, 64}};
    struct lc_err err = LC_ERR_INIT;
    char name[256], path[LC_PATH_MAX];

    (void)state;
    for (int r = 0; r < 2; r++)
        for (int64_t layer = 0; layer < 3; layer++) {
            struct loaded l;
            assert_ok(lc_sae_path(name, sizeof name, rows[r].pattern, layer, &err), &err);
            if (!shared_path(path, name))
                continue;
            load(&l, path, LC_BIAS_OWN, 1);
            assert_int_equal(l.shape.features, rows[r].features);
            assert_int_equal(l.shape.width, rows[r].width);
            for (int64_t i = 0; i < l.shape.features; i++) {
                double sum = 0;
                for (int64_t j = 0; j < l.shape.width; j++)
                    sum += (double)l.sae.decoder[i * l.shape.width + j] *
                           (double)l.sae.decoder[i * l.shape.width + j];
                assert_true(sum > 1 - 3e-5 &&
                            sum < 1 + 3e-5); /* unit columns, by training or by the loader */
            }
            free(l.weights);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_values_by_hand),
        cmocka_unit_test(agrees_with_dictionary_learning),
        cmocka_unit_test(rounds_as_the_dtype_asks),
        cmocka_unit_test(norms_are_upper_bounds),
        cmocka_unit_test(refuses_configurations),
        cmocka_unit_test(refuses_folders_of_no_or_two_kinds),
        cmocka_unit_test(refuses_values),
        cmocka_unit_test(refuses_what_the_own_loader_cannot_rescale),
        cmocka_unit_test(makes_paths),
        cmocka_unit_test(reads_real_saes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* From the files of any kind to the one form that encoding works on. The kinds' own files only describe;
 * every number is computed here. */
#include <dirent.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "lightcone/memory.h"
#include "lightcone/screen.h"

/* Longest encoder row: with longer ones products may leave float32, where inf - inf would hide a feature. */
#define NORM_MAX 0x1p100f

enum { CONFIG_MAX = 1 << 22, NAMES_SHOWN = 8 };

static const struct lc_sae_reader *const readers[] = {&lc_sae_dictionary_learning, &lc_sae_saelens};

enum { READERS = sizeof readers / sizeof *readers };

/* --- which files --- */

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* What is in a folder, for the message that says it is no SAE. */
static void folder_text(char *text, size_t room, const char *folder)
{
    struct dirent **entries = NULL;
    size_t used = 0;
    int n = scandir(folder, &entries, visible, alphasort);

    snprintf(text, room, "%s", n == 0 ? "nothing" : "");
    for (int i = 0; i < n; i++) {
        if (i < NAMES_SHOWN && used < room)
            used += (size_t)snprintf(text + used, room - used, "%s%.40s", i ? ", " : "", entries[i]->d_name);
        if (i == NAMES_SHOWN && used < room)
            used += (size_t)snprintf(text + used, room - used, ", ...");
        free(entries[i]);
    }
    free(entries);
}

static int refuse_folder(const char *folder, struct lc_err *err)
{
    char found[512], wanted[256] = "";

    for (int i = 0; i < READERS; i++)
        snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%s with %s", i ? ", or " : "",
                 readers[i]->weights, readers[i]->config);
    folder_text(found, sizeof found, folder);
    return LC_FAIL(err, LC_E_FORMAT, "%s: no SAE of a known kind; found: %s; wanted: %s", folder, found,
                   wanted);
}

/* The one reader whose weights file lies in the folder. */
static int reader_of_folder(const struct lc_sae_reader **out, char weights[LC_PATH_MAX], const char *folder,
                            struct lc_err *err)
{
    char path[LC_PATH_MAX];
    int rc;

    *out = NULL;
    for (int i = 0; i < READERS; i++) {
        rc = lc_path_join(path, folder, readers[i]->weights, err);
        if (rc != LC_OK)
            return rc;
        if (!lc_path_is_file(path))
            continue;
        if (*out)
            return LC_FAIL(err, LC_E_FORMAT, "%s: holds both %s and %s; name the file", folder,
                           (*out)->weights, readers[i]->weights);
        *out = readers[i];
        memcpy(weights, path, LC_PATH_MAX);
    }
    return *out ? LC_OK : refuse_folder(folder, err);
}

/* A file is taken by the reader whose weights end alike, with the configuration beside it. */
static int reader_of_file(const struct lc_sae_reader **out, const char *path, struct lc_err *err)
{
    const char *end = strrchr(lc_path_name(path), '.');

    for (int i = 0; i < READERS; i++)
        if (end && strcmp(end, strrchr(readers[i]->weights, '.')) == 0) {
            *out = readers[i];
            return LC_OK;
        }
    return LC_FAIL(err, LC_E_FORMAT,
                   "%s: not the weights of an SAE of a known kind; allowed: a folder, .pt, .safetensors",
                   path);
}

static void file_close(struct lc_sae_file *file)
{
    lc_json_close(&file->config);
    lc_tensors_close(&file->tensors);
}

static int file_open(struct lc_sae_file *file, const char *path, struct lc_err *err)
{
    char folder[LC_PATH_MAX], weights[LC_PATH_MAX], config[LC_PATH_MAX];
    const struct lc_sae_reader *reader = NULL;
    int rc;

    *file = (struct lc_sae_file){0};
    if (lc_path_is_folder(path)) {
        LC_TRY(rc, lc_path_join(folder, path, "", err));
        LC_TRY(rc, reader_of_folder(&reader, weights, path, err));
    } else {
        lc_path_folder(folder, path);
        LC_TRY(rc, lc_path_join(weights, "", path, err));
        if (!lc_path_is_file(path))
            return LC_FAIL(err, LC_E_IO, "%s: no such SAE folder or file", path);
        LC_TRY(rc, reader_of_file(&reader, path, err));
    }
    LC_TRY(rc, lc_path_join(config, folder, reader->config, err));
    LC_TRY(rc, lc_json_open(&file->config, config, CONFIG_MAX, err));
    LC_TRY(rc, reader->open(&file->tensors, weights, err));
    rc = reader->describe(file, err);
done:
    if (rc != LC_OK)
        file_close(file);
    return rc;
}

/* --- what readers share --- */

int lc_sae_sizes(struct lc_sae_file *file, const char *name, int is_df, struct lc_err *err)
{
    const struct lc_tensor *t = lc_tensors_find(&file->tensors, name);

    if (!t)
        return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s is missing", file->tensors.path[0], name);
    if (t->rank != 2)
        return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s has %d dimensions; wanted: 2", t->file, name,
                       t->rank);
    file->shape.features = t->shape[is_df];
    file->shape.width = t->shape[!is_df];
    if (file->shape.features < 1 || file->shape.features > LC_SAE_FEATURES_MAX || file->shape.width < 1 ||
        file->shape.width > LC_SAE_WIDTH_MAX)
        return LC_FAIL(err, LC_E_FORMAT,
                       "%s: tensor %s has %lld features of width %lld; allowed: 1 to %d of 1 to %d", t->file,
                       name, (long long)file->shape.features, (long long)file->shape.width,
                       LC_SAE_FEATURES_MAX, LC_SAE_WIDTH_MAX);
    return LC_OK;
}

int lc_sae_size_agrees(const struct lc_sae_file *file, const json_t *object, const char *key, int64_t found,
                       struct lc_err *err)
{
    int64_t size = found;
    int rc = lc_json_int(&file->config, object, key, 0, 1, INT64_MAX, &size, err);

    if (rc == LC_OK && size != found)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s is %lld, but the tensors say %lld", file->config.path, key,
                       (long long)size, (long long)found);
    return rc;
}

int lc_sae_only(const struct lc_sae_file *file, const char *prefix, const char *const *names, int count,
                struct lc_err *err)
{
    for (int64_t i = 0; i < file->tensors.count; i++) {
        const struct lc_tensor *t = &file->tensors.item[i];
        int known = 0;
        if (strncmp(t->name, prefix, strlen(prefix)) != 0)
            continue;
        for (int j = 0; j < count; j++)
            known |= strcmp(t->name + strlen(prefix), names[j]) == 0;
        if (!known)
            return LC_FAIL(err, LC_E_FORMAT, "%s: tensor %s does not belong to the kind of SAE that %s names",
                           t->file, t->name, file->config.path);
    }
    return LC_OK;
}

/* --- the public form --- */

int lc_sae_shape_read(struct lc_sae_shape *shape, const char *path, struct lc_err *err)
{
    struct lc_sae_file file;
    int rc = file_open(&file, path, err);

    if (rc != LC_OK)
        return rc;
    *shape = file.shape;
    file_close(&file);
    return LC_OK;
}

int64_t lc_sae_floats(const struct lc_sae_shape *shape, int with_decoder)
{
    int64_t matrix = lc_aligned_floats(shape->features * shape->width), f = lc_aligned_floats(shape->features),
            d = lc_aligned_floats(shape->width);

    return matrix + 3 * f + d + (with_decoder ? matrix + d : 0) +
           lc_screen_packed_bytes(shape->features, shape->width) / (int64_t)sizeof(float);
}

void lc_sae_bind(struct lc_sae *sae, const struct lc_sae_shape *shape, int with_decoder, float *weights)
{
    int64_t matrix = lc_aligned_floats(shape->features * shape->width), f = lc_aligned_floats(shape->features),
            d = lc_aligned_floats(shape->width);

    *sae = (struct lc_sae){.shape = *shape, .encoder = weights};
    sae->encoder_bias = sae->encoder + matrix;
    sae->cut = sae->encoder_bias + f;
    sae->norm = sae->cut + f;
    sae->shift = sae->norm + f;
    if (with_decoder) {
        sae->decoder = sae->shift + d;
        sae->decoder_bias = sae->decoder + matrix;
    }
    if (lc_screen_packed_bytes(shape->features, shape->width) > 0)
        sae->packed = with_decoder ? sae->decoder_bias + d : sae->shift + d;
}

void lc_sae_pack(struct lc_sae *sae)
{
    lc_screen_pack(sae->packed, sae->encoder, sae->shape.features, sae->shape.width);
}

/* --- numbers --- */

static float round_bfloat16(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, 4);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, 4);
    return x;
}

static float round_float16(float x)
{
    uint32_t bits;

    if (fabsf(x) < 0x1p-14f) /* subnormals: multiples of 2^-24 */
        return rintf(x * 0x1p24f) * 0x1p-24f;
    memcpy(&bits, &x, 4);
    bits = (bits + 0xfff + (bits >> 13 & 1)) & 0xffffe000u;
    memcpy(&x, &bits, 4);
    return fabsf(x) > 65504 ? INFINITY : x;
}

/* Round as the file's dtype asks; a value that leaves the range is refused. */
static int round_all(const struct lc_sae_file *file, const struct lc_tensor *t, float *x, struct lc_err *err)
{
    if (file->rounding == LC_SAE_FLOAT32)
        return LC_OK;
    for (int64_t i = 0; i < t->count; i++) {
        x[i] = file->rounding == LC_SAE_FLOAT16 ? round_float16(x[i]) : round_bfloat16(x[i]);
        if (!isfinite(x[i]))
            return LC_FAIL(err, LC_E_NUMERIC, "%s: tensor %s: value %lld does not fit the dtype of %s",
                           t->file, t->name, (long long)i, file->config.path);
    }
    return LC_OK;
}

/* One tensor into out; matrices come out as [F, D] whichever way the file has them. */
static int fetch(const struct lc_sae_file *file, const struct lc_tensor *t, int transposed, float *out,
                 struct lc_err *err)
{
    int rc = transposed ? lc_tensor_read_f32_transposed(t, out, err) : lc_tensor_read_f32(t, out, err);

    return rc == LC_OK ? round_all(file, t, out, err) : rc;
}

static double row_square(const float *row, int64_t width)
{
    double sum = 0;

    for (int64_t j = 0; j < width; j++)
        sum += (double)row[j] * (double)row[j];
    return sum;
}

/* |w_i| as a float that is not below it: the sum in double errs by at most width * 2^-53, relatively. */
static void norms_fill(struct lc_sae *sae)
{
    const int64_t width = sae->shape.width;

    for (int64_t i = 0; i < sae->shape.features; i++) {
        double exact =
            sqrt(row_square(sae->encoder + i * width, width)) * (1 + (double)(width + 4) * DBL_EPSILON);
        float norm = (float)exact;
        sae->norm[i] = (double)norm < exact ? nextafterf(norm, INFINITY) : norm;
    }
}

/* torch.allclose(n, ones) with its defaults. */
static int all_ones(const float *n, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)n[i] - 1) <= 1e-8 + 1e-5))
            return 0;
    return 1;
}

/* AutoEncoder.normalize_decoder: unit decoder columns, and their lengths into the encoder, in float32. */
static int rescale(struct lc_sae *sae, float *decoder, float *n, const struct lc_tensor *t,
                   struct lc_err *err)
{
    const int64_t f = sae->shape.features, d = sae->shape.width;

    for (int64_t i = 0; i < f; i++)
        n[i] = (float)sqrt(row_square(decoder + i * d, d));
    if (all_ones(n, f))
        return LC_OK;
    for (int64_t i = 0; i < f; i++) {
        if (!(n[i] > 0) || !isfinite(n[i]))
            return LC_FAIL(
                err, LC_E_NUMERIC,
                "%s: tensor %s: column %lld has length %g, by which the AutoEncoder's own loader divides; "
                "use bias: subtract or ignore",
                t->file, t->name, (long long)i, (double)n[i]);
        for (int64_t j = 0; j < d; j++) {
            decoder[i * d + j] /= n[i];
            sae->encoder[i * d + j] *= n[i];
        }
        sae->encoder_bias[i] *= n[i];
    }
    return LC_OK;
}

/* The decoder, where it is asked for or where the rescaling needs its column lengths. */
static int decoder_load(struct lc_sae *sae, const struct lc_sae_file *file, int rescaled, struct lc_err *err)
{
    float *scratch = NULL, *n = NULL, *decoder = sae->decoder;
    int rc = LC_OK;

    if (!decoder && !rescaled)
        return LC_OK;
    if (!decoder) {
        LC_TRY(rc, LC_ALLOC(&scratch, sae->shape.features * sae->shape.width, "the decoder", err));
        decoder = scratch;
    }
    LC_TRY(rc, fetch(file, file->decoder, file->decoder_is_df, decoder, err));
    if (rescaled) {
        LC_TRY(rc, LC_ALLOC(&n, sae->shape.features, "decoder lengths", err));
        LC_TRY(rc, rescale(sae, decoder, n, file->decoder, err));
    }
done:
    free(scratch);
    free(n);
    return rc;
}

static int finite_check(const struct lc_sae *sae, const struct lc_sae_file *file, struct lc_err *err)
{
    for (int64_t i = 0; i < sae->shape.features; i++)
        if (!(sae->norm[i] <= NORM_MAX) || !isfinite(sae->encoder_bias[i]))
            return LC_FAIL(err, LC_E_NUMERIC, "%s: feature %lld overflows float32", file->tensors.path[0],
                           (long long)i);
    for (int64_t j = 0; j < sae->shape.width; j++)
        if (!isfinite(sae->shift[j]) || (sae->decoder && !isfinite(sae->decoder_bias[j])))
            return LC_FAIL(err, LC_E_NUMERIC, "%s: bias %lld overflows float32", file->tensors.path[0],
                           (long long)j);
    return LC_OK;
}

static int biases_load(struct lc_sae *sae, const struct lc_sae_file *file, float *bias, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, fetch(file, file->encoder_bias, 0, sae->encoder_bias, err));
    LC_TRY(rc, fetch(file, file->decoder_bias, 0, bias, err));
    for (int64_t i = 0; i < sae->shape.features; i++)
        sae->encoder_bias[i] *= file->bias_scale;
    for (int64_t j = 0; j < sae->shape.width; j++)
        bias[j] *= file->bias_scale;
    if (!file->threshold)
        goto done;
    LC_TRY(rc, fetch(file, file->threshold, 0, sae->cut, err));
    for (int64_t i = 0; i < sae->shape.features; i++)
        sae->cut[i] = sae->cut[i] > 0 ? sae->cut[i] : 0;
done:
    return rc;
}

static int sae_fill(struct lc_sae *sae, const struct lc_sae_file *file, enum lc_bias_rule rule,
                    struct lc_err *err)
{
    const int64_t f = sae->shape.features, d = sae->shape.width;
    const int shifted = rule == LC_BIAS_SUBTRACT || (rule == LC_BIAS_OWN && file->subtracts);
    int rc;

    memset(sae->cut, 0, (size_t)f * sizeof *sae->cut);
    LC_TRY(rc, fetch(file, file->encoder, file->encoder_is_df, sae->encoder, err));
    LC_TRY(rc, biases_load(sae, file, sae->shift, err));
    if (sae->decoder)
        memcpy(sae->decoder_bias, sae->shift, (size_t)d * sizeof *sae->shift);
    if (!shifted)
        memset(sae->shift, 0, (size_t)d * sizeof *sae->shift);
    LC_TRY(rc, decoder_load(sae, file, rule == LC_BIAS_OWN && file->rescales, err));
    norms_fill(sae);
    rc = finite_check(sae, file, err);
done:
    return rc;
}

int lc_sae_load(struct lc_sae *sae, const char *path, enum lc_bias_rule bias, struct lc_err *err)
{
    struct lc_sae_file file;
    int rc = file_open(&file, path, err);

    if (rc != LC_OK)
        return rc;
    if (file.shape.features != sae->shape.features || file.shape.width != sae->shape.width ||
        strcmp(file.shape.kind, sae->shape.kind) != 0)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: the file changed since its shape was read", path);
    else
        rc = sae_fill(sae, &file, bias, err);
    file_close(&file);
    return rc;
}

/* --- the name of a site and the path of its SAE --- */

void lc_site_name(char out[32], int64_t layer)
{
    snprintf(out, 32, "resid_out_layer%lld", (long long)layer);
}

/* Text that stands for the braces at *at, which is moved behind them; NULL when they hold something else. */
static const char *placeholder(const char **at, const char *layer, const char *site)
{
    if (strncmp(*at, "{layer}", 7) == 0) {
        *at += 7;
        return layer;
    }
    if (strncmp(*at, "{site}", 6) == 0) {
        *at += 6;
        return site;
    }
    return NULL;
}

int lc_sae_path(char *out, int64_t room, const char *pattern, int64_t layer, struct lc_err *err)
{
    char number[24], site[32];
    const char *at = pattern;
    int64_t used = 0;

    snprintf(number, sizeof number, "%lld", (long long)layer);
    lc_site_name(site, layer);
    while (*at) {
        char one[2] = {*at, '\0'};
        const char *text = one;
        if (*at == '{' || *at == '}')
            text = placeholder(&at, number, site);
        else
            at++;
        if (!text)
            return LC_FAIL(err, LC_E_CONFIG, "%s: '%.16s' in the path of an SAE; allowed: {layer}, {site}",
                           pattern, at);
        if ((int64_t)strlen(text) >= room - used)
            return LC_FAIL(err, LC_E_CONFIG, "%s: the path of the SAE of layer %s is longer than %lld bytes",
                           pattern, number, (long long)room - 1);
        used += snprintf(out + used, (size_t)(room - used), "%s", text);
    }
    if (used == 0)
        return LC_FAIL(err, LC_E_CONFIG, "the path of the SAE is empty");
    return LC_OK;
}

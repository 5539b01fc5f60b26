#include "info.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"
#include "lightcone/hash.h"
#include "lightcone/model.h"
#include "lightcone/results.h"
#include "lightcone/sae.h"
#include "lightcone/tensor.h"
#include "lightcone/tokenizer.h"

static int has_file(const char *folder, const char *name)
{
    struct lc_err ignored = LC_ERR_INIT;
    char path[LC_PATH_MAX];

    return lc_path_join(path, folder, name, &ignored) == LC_OK && lc_path_is_file(path);
}

static int has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);

    return n >= m && strcmp(path + n - m, suffix) == 0;
}

static int print_file(const char *path, FILE *out, struct lc_err *err)
{
    char hash[LC_HASH_HEX];
    int64_t size = 0;

    if (lc_hash_file(hash, &size, path, err) != LC_OK)
        return err->code;
    fprintf(out, "  bytes            %" PRId64 "\n  SHA-256          %s\n", size, hash);
    return LC_OK;
}

static void print_tensors(const struct lc_tensors *set, FILE *out)
{
    fprintf(out, "  tensors          %" PRId64 "\n", set->count);
    for (int64_t i = 0; i < set->count; i++) {
        const struct lc_tensor *t = &set->item[i];
        fprintf(out, "    %-52s %-4s [", t->name, lc_dtype_name(t->dtype));
        for (int k = 0; k < t->rank; k++)
            fprintf(out, "%s%" PRId64, k ? ", " : "", t->shape[k]);
        fprintf(out, "]\n");
    }
}

static int info_model(const char *path, FILE *out, struct lc_err *err)
{
    struct lc_model_shape s;
    struct lc_tensors set;

    if (lc_model_shape_read(&s, path, err) != LC_OK)
        return err->code;
    fprintf(out, "%s: model, family %s\n", path, s.family);
    fprintf(out, "  layers           %" PRId64 "\n  width D          %" PRId64 "\n  heads            %" PRId64 "\n",
            s.layers, s.width, s.heads);
    fprintf(out, "  MLP width        %" PRId64 "\n  vocabulary       %" PRId64 "\n  context          %" PRId64 "\n",
            s.hidden, s.vocab, s.context);
    fprintf(out, "  rotary           %" PRId64 " of %" PRId64 " dimensions of a head, base %g\n", s.rotary,
            s.width / s.heads, s.rotary_base);
    fprintf(out, "  residual         %s\n", s.parallel ? "parallel" : "sequential");
    if (lc_safetensors_open_folder(&set, path, "model", err) != LC_OK)
        return err->code;
    print_tensors(&set, out);
    lc_tensors_close(&set);
    return LC_OK;
}

static int info_sae(const char *path, FILE *out, struct lc_err *err)
{
    struct lc_sae_shape s;

    if (lc_sae_shape_read(&s, path, err) != LC_OK)
        return err->code;
    fprintf(out, "%s: SAE, %s\n  features F       %" PRId64 "\n  width D          %" PRId64 "\n", path, s.kind,
            s.features, s.width);
    if (s.prepend_bos >= 0)
        fprintf(out, "  trained with BOS %s\n", s.prepend_bos ? "yes" : "no");
    return LC_OK;
}

static int info_tokenizer(const char *path, FILE *out, struct lc_err *err)
{
    struct lc_tokenizer *tok;

    if (lc_tokenizer_open(&tok, path, err) != LC_OK)
        return err->code;
    fprintf(out, "%s: tokenizer, byte-level BPE\n  ids below        %" PRId64 "\n", path, lc_tokenizer_vocab_size(tok));
    if (lc_tokenizer_bos(tok) >= 0)
        fprintf(out, "  <|endoftext|>    %d\n", lc_tokenizer_bos(tok));
    lc_tokenizer_close(tok);
    return print_file(path, out, err);
}

/* "threshold 0.1 0.2 0.5"; of many values the first ones and the last. */
static void print_axis(const struct lc_result_axis *axis, int64_t points, FILE *out)
{
    enum { SHOWN = 6 };
    int64_t values = lc_axis_values(axis, points), seen = 0;
    char text[128];

    fprintf(out, "%s", axis->key);
    for (int64_t i = 0; i < points; i++) {
        int64_t k = 0;
        while (k < i && !lc_axis_is_same(axis, i, k))
            k++;
        if (k < i)
            continue;
        seen++;
        if (seen <= SHOWN || seen == values)
            fprintf(out, " %s", lc_axis_text(text, sizeof text, axis, i));
        else if (seen == SHOWN + 1)
            fprintf(out, " ...");
    }
}

int lc_info_points(struct lc_result *r, FILE *out, struct lc_err *err)
{
    struct lc_axes axes;
    int64_t grid = 1, values;
    char *align = NULL;
    int rc = lc_result_axes(r, &axes, err);

    if (rc != LC_OK)
        return rc;
    for (int64_t i = 0; i < axes.count; i++) {
        values = lc_axis_values(&axes.axis[i], axes.points);
        grid = values > 0 && grid > INT64_MAX / values ? INT64_MAX : grid * values;
    }
    fprintf(out, "%" PRId64, axes.points);
    if (grid != axes.points && axes.count > 0)
        fprintf(out, " of a grid of %" PRId64, grid);
    for (int64_t i = 0; i < axes.count; i++) {
        fprintf(out, "%s", i ? "; " : ": ");
        print_axis(&axes.axis[i], axes.points, out);
    }
    rc = lc_result_get_text(r, NULL, NULL, "window_align", &align, err);
    if (align)
        fprintf(out, "; windows %s on the same token", strcmp(align, "end") == 0 ? "end" : "start");
    fprintf(out, "\n");
    free(align);
    lc_axes_release(&axes);
    return rc;
}

static int print_points(struct lc_result *r, FILE *out, struct lc_err *err)
{
    if (lc_result_points(r) == 0)
        return LC_OK;
    fprintf(out, "  points           ");
    return lc_info_points(r, out, err);
}

static int info_result(const char *path, FILE *out, struct lc_err *err)
{
    struct lc_result *r;
    const char *const *site;
    char *job = NULL;
    int64_t sites;
    int rc = lc_result_open(&r, path, err);

    if (rc != LC_OK)
        return rc;
    LC_TRY(rc, lc_result_get_text(r, NULL, NULL, "job", &job, err));
    sites = lc_result_sites(r, &site);
    fprintf(out, "%s: result, job %s\n  sites           ", path, job ? job : "unknown");
    for (int64_t i = 0; i < sites; i++)
        fprintf(out, " %s", site[i]);
    fprintf(out, "\n");
    LC_TRY(rc, print_points(r, out, err));
    rc = print_file(path, out, err);
done:
    free(job);
    lc_result_close(r);
    return rc;
}

static int info_safetensors(const char *path, FILE *out, struct lc_err *err)
{
    struct lc_tensors set;

    if (lc_safetensors_open(&set, path, err) != LC_OK)
        return err->code;
    fprintf(out, "%s: safetensors\n", path);
    print_tensors(&set, out);
    lc_tensors_close(&set);
    return print_file(path, out, err);
}

static int info_torch(const char *path, FILE *out, struct lc_err *err)
{
    struct lc_tensors set;

    if (lc_torch_open(&set, path, err) != LC_OK)
        return err->code;
    fprintf(out, "%s: torch.save file\n", path);
    print_tensors(&set, out);
    lc_tensors_close(&set);
    return print_file(path, out, err);
}

static int info_corpus(const char *path, FILE *out, struct lc_err *err)
{
    struct lc_map map;
    int64_t lines = 0;

    if (lc_map_open(&map, path, err) != LC_OK)
        return err->code;
    for (size_t i = 0; i < map.size; i++)
        lines += map.data[i] == '\n';
    lc_map_close(&map);
    fprintf(out, "%s: text\n  lines            %" PRId64 "\n", path, lines);
    return print_file(path, out, err);
}

/* Kinds of path, tried in this order; a text may be anything, so it is last. */
static const struct kind {
    const char *file;   /* in a folder: this file is there */
    const char *suffix; /* of a file */
    int (*print)(const char *path, FILE *out, struct lc_err *err);
} kinds[] = {
    {"ae.pt", NULL, info_sae},
    {"cfg.json", NULL, info_sae},
    {"config.json", NULL, info_model},
    {NULL, ".h5", info_result},
    {NULL, "tokenizer.json", info_tokenizer},
    {NULL, ".safetensors", info_safetensors},
    {NULL, ".pt", info_torch},
    {NULL, "", info_corpus},
};

int lc_info(const char *path, FILE *out, struct lc_err *err)
{
    int folder = lc_path_is_folder(path);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (folder ? kinds[i].file && has_file(path, kinds[i].file)
                   : kinds[i].suffix && has_suffix(path, kinds[i].suffix))
            return kinds[i].print(path, out, err);
    return LC_FAIL(err, LC_E_FORMAT,
                   "%s: a folder of no known kind; known: a model (config.json), an SAE (ae.pt or cfg.json)", path);
}

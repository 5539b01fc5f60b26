/* study.c - rank 0 reads and checks every input; shapes go to all ranks, weights and token ids once to every node. */
#include "lightcone/study.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/corpus.h"
#include "lightcone/file.h"
#include "provenance.h"
#include "selection.h"
#include "top_readouts.h"

/* What rank 0 finds out before anything large is read. Plain data, sent as bytes with its sites behind it. */
struct site_outline {
    int64_t layer;
    struct lc_sae_shape sae;
};

struct outline {
    struct lc_model_shape model;
    int64_t sites, tokens, vocab;
    int32_t bos;
    struct site_outline site[];
};

/* How rank 0 reads. */
struct reading {
    const struct lc_needs *needs;
    void (*warn)(const char *text);
    int outline; /* nothing will be computed: a cache that cannot be written is no error */
    struct lc_corpus corpus;
};

static int sae_is_there(const struct lc_config *config, int64_t layer)
{
    struct lc_err ignored = LC_ERR_INIT;
    char path[LC_PATH_MAX];

    return lc_sae_path(path, sizeof path, config->sae_path, layer, &ignored) == LC_OK &&
           (lc_path_is_folder(path) || lc_path_is_file(path));
}

static int check_sae(const struct outline *o, const struct site_outline *s, const char *path, struct lc_err *err)
{
    if (s->sae.width != o->model.width)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the SAE has width %" PRId64 "; the model's residual stream has %" PRId64,
                       path, s->sae.width, o->model.width);
    return LC_OK;
}

static int outline_site(struct outline *o, const struct lc_config *config, int64_t layer, struct lc_err *err)
{
    struct site_outline *s = &o->site[o->sites];
    char path[LC_PATH_MAX];
    int rc;

    if (layer >= o->model.layers)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: key 'sites.layers': layer %" PRId64 " is not there; the model has layers 0 to %" PRId64,
                       config->source, layer, o->model.layers - 1);
    s->layer = layer;
    LC_TRY(rc, lc_sae_path(path, sizeof path, config->sae_path, layer, err));
    LC_TRY(rc, lc_sae_shape_read(&s->sae, path, err));
    LC_TRY(rc, check_sae(o, s, path, err));
    o->sites++;
done:
    return rc;
}

static int outline_sites(struct outline *o, const struct lc_config *config, struct lc_err *err)
{
    for (int64_t i = 0; i < config->layers.count; i++)
        if (outline_site(o, config, config->layers.value[i], err) != LC_OK)
            return err->code;
    for (int64_t layer = 0; config->layers.count == 0 && layer < o->model.layers; layer++)
        if (sae_is_there(config, layer) && outline_site(o, config, layer, err) != LC_OK)
            return err->code;
    if (o->sites == 0)
        return LC_FAIL(err, LC_E_CONFIG, "%s: key 'sae.path': no SAE at '%s' for any of the model's %" PRId64 " layers",
                       config->source, config->sae_path, o->model.layers);
    return LC_OK;
}

static int open_corpus(struct lc_study *s, struct reading *in, const char *tokenizer, struct lc_err *err)
{
    const struct lc_config *c = &s->config;
    struct lc_err first = LC_ERR_INIT;

    if (!in->outline)
        return lc_corpus_open(&in->corpus, s->tokenizer, tokenizer, c->corpus_path, c->cache, c->corpus_tokens, err);
    if (lc_corpus_open(&in->corpus, s->tokenizer, tokenizer, c->corpus_path, c->cache, c->corpus_tokens, &first) == LC_OK)
        return LC_OK;
    if (lc_corpus_open(&in->corpus, s->tokenizer, tokenizer, c->corpus_path, NULL, c->corpus_tokens, err) == LC_OK)
        in->warn(first.msg); /* of the cache, then */
    return err->code;
}

static int open_text(struct lc_study *s, struct reading *in, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, lc_path_join(path, s->config.model_path, "tokenizer.json", err));
    LC_TRY(rc, lc_tokenizer_open(&s->tokenizer, path, err));
    LC_TRY(rc, open_corpus(s, in, path, err));
done:
    return rc;
}

static int check_text(const struct lc_study *s, const struct outline *o, struct lc_err *err)
{
    int64_t run = s->config.windows.length + (o->bos >= 0);

    if (o->vocab > o->model.vocab)
        return LC_FAIL(err, LC_E_FORMAT, "%s/tokenizer.json: has ids up to %" PRId64 "; the model embeds only %" PRId64,
                       s->config.model_path, o->vocab - 1, o->model.vocab);
    if (s->config.windows.bos == LC_BOS_EACH && o->bos < 0)
        return LC_FAIL(err, LC_E_CONFIG, "%s: key 'windows.bos': the tokenizer has no <|endoftext|> token to put first",
                       s->config.source);
    if (run > o->model.context)
        return LC_FAIL(err, LC_E_CONFIG,
                       "%s: key 'windows.length': windows of %" PRId64
                       " tokens are longer than the model's context of %" PRId64,
                       s->config.source, run, o->model.context);
    return LC_OK;
}

static void warn_bos(const struct lc_study *s, const struct outline *o, void (*warn)(const char *))
{
    char text[256];

    for (int64_t i = 0; i < o->sites; i++) {
        int wants = o->site[i].sae.prepend_bos, has = s->config.windows.bos == LC_BOS_EACH;
        if (wants < 0 || wants == has)
            continue;
        snprintf(text, sizeof text, "the SAE of layer %" PRId64 " says that it was trained %s BOS; windows.bos is '%s'",
                 o->site[i].layer, wants ? "with" : "without", has ? "each" : "none");
        warn(text);
        return;
    }
}

/* Rank 0: everything that can be wrong with the inputs but for the numbers in the weights. */
static int make_outline(struct lc_study *s, struct reading *in, struct outline **out, int64_t *size,
                        struct lc_err *err)
{
    struct lc_model_shape model;
    struct outline *o = NULL;
    int rc;

    LC_TRY(rc, lc_model_shape_read(&model, s->config.model_path, err));
    *size = (int64_t)sizeof *o + model.layers * (int64_t)sizeof o->site[0];
    LC_TRY(rc, lc_alloc((void **)&o, 1, (size_t)*size, "outline", err));
    *out = o;
    o->model = model;
    LC_TRY(rc, outline_sites(o, &s->config, err));
    LC_TRY(rc, lc_model_check(&model, o->site[o->sites - 1].layer + 1, s->config.model_path, err));
    LC_TRY(rc, open_text(s, in, err));
    o->tokens = in->corpus.count;
    o->vocab = lc_tokenizer_vocab_size(s->tokenizer);
    o->bos = s->config.windows.bos == LC_BOS_EACH ? lc_tokenizer_bos(s->tokenizer) : -1;
    LC_TRY(rc, check_text(s, o, err));
    warn_bos(s, o, in->warn);
done:
    return rc;
}

/* Are the windows those that end on the strongest activations of features? */
static int ends_on_contexts(const struct lc_study *s, const struct lc_needs *needs)
{
    return needs->readouts && s->config.readout == LC_READOUT_TOP;
}

/* Every rank: the study by its shapes; weights and tokens are not there yet. */
static int place(struct lc_study *s, const struct outline *o, const struct lc_needs *needs, struct lc_err *err)
{
    if (LC_ALLOC(&s->site, o->sites, "sites", err) != LC_OK)
        return err->code;
    s->model = (struct lc_model){.shape = o->model, .precision = s->config.precision, .depth = o->site[o->sites - 1].layer + 1};
    s->sites = o->sites;
    s->tokens = o->tokens;
    s->vocab = o->vocab;
    s->bos = o->bos;
    for (int64_t i = 0; i < o->sites; i++) {
        s->site[i] = (struct lc_site){.layer = o->site[i].layer, .sae.shape = o->site[i].sae};
        lc_site_name(s->site[i].name, s->site[i].layer);
    }
    if (!ends_on_contexts(s, needs) &&
        lc_windows_make(&s->windows, &s->config.windows, o->tokens, needs->keep_short, err) != LC_OK)
        lc_err_prefix(err, s->config.source);
    return err->code;
}

int64_t lc_study_weights(const struct lc_study *s, const struct lc_needs *needs)
{
    int64_t floats = lc_model_floats(&s->model.shape, s->model.depth) +
                     lc_model_split_floats(&s->model.shape, s->model.depth, s->config.precision, needs->backward);

    for (int64_t i = 0; i < s->sites; i++)
        floats += lc_sae_floats(&s->site[i].sae.shape, needs->decoder);
    return floats;
}

/* Every rank: pointers into the shared weights, which may still be empty. */
static int bind(struct lc_study *s, const struct lc_comm *par, const struct lc_needs *needs, struct lc_err *err)
{
    const struct lc_model_shape shape = s->model.shape;
    int64_t floats = lc_study_weights(s, needs), at = lc_model_floats(&shape, s->model.depth);
    int rc;

    LC_TRY(rc, lc_shared_init(&s->weights, par, floats * (int64_t)sizeof(float), "weights", err));
    LC_TRY(rc, lc_shared_init(&s->stream, par, s->tokens * (int64_t)sizeof(int32_t), "token ids", err));
    lc_model_bind(&s->model, &shape, s->model.depth, s->weights.data, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_model_split_bind(&s->model, s->config.precision, needs->backward, (float *)s->weights.data + at);
    at += lc_model_split_floats(&shape, s->model.depth, s->config.precision, needs->backward);
    for (int64_t i = 0; i < s->sites; i++) {
        const struct lc_sae_shape sae = s->site[i].sae.shape;
        lc_sae_bind(&s->site[i].sae, &sae, needs->decoder, (float *)s->weights.data + at);
        at += lc_sae_floats(&sae, needs->decoder);
    }
    s->token = s->stream.data;
done:
    return rc;
}

/* Rank 0: fill what bind() laid out. */
static int load(struct lc_study *s, const struct lc_corpus *corpus, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, lc_model_load(&s->model.shape, s->model.depth, s->config.model_path, s->weights.data, err));
    lc_model_split(&s->model);
    for (int64_t i = 0; i < s->sites; i++) {
        LC_TRY(rc, lc_sae_path(path, sizeof path, s->config.sae_path, s->site[i].layer, err));
        LC_TRY(rc, lc_sae_load(&s->site[i].sae, path, s->config.sae_bias, err));
    }
    memcpy(s->stream.data, corpus->id, (size_t)corpus->count * sizeof *corpus->id);
    LC_TRY(rc, lc_provenance_write(&s->provenance, s, corpus, 1, err));
done:
    return rc;
}

/* Every rank, when all else is there: a sweep's points. Their lists stay those of the study. */
static int make_points(struct lc_study *s, struct lc_err *err)
{
    const struct lc_window_config *w = &s->config.windows;
    int rc;

    if (w->lengths.count == 0)
        return LC_OK;
    LC_TRY(rc, LC_ALLOC(&s->point, w->lengths.count, "points of the sweep", err));
    for (int64_t k = 0; k < w->lengths.count; k++) {
        struct lc_study *point = &s->point[k];
        struct lc_windows windows;
        if (lc_windows_shorten(&windows, &s->windows, w->length, w->lengths.value[k], w->align, err) != LC_OK)
            return lc_err_prefix(err, s->config.source);
        *point = *s;
        point->point = NULL;
        point->points = 0;
        point->windows = windows;
        point->config.windows.length = w->lengths.value[k];
        point->config.windows.lengths = (struct lc_int_list){0};
        s->points++;
    }
done:
    return rc;
}

static const struct lc_study unread = {.bos = -1, .weights.window = MPI_WIN_NULL, .stream.window = MPI_WIN_NULL};

static void take_over(struct lc_study *s, struct lc_config *config)
{
    *s = unread;
    s->config = *config;
    *config = (struct lc_config){0};
}

int lc_study_open(struct lc_study *s, const struct lc_comm *par, struct lc_config *config, const struct lc_needs *needs,
                  void (*warn)(const char *text), struct lc_err *err)
{
    struct reading in = {.needs = needs, .warn = warn};
    struct outline *o = NULL;
    int64_t size = 0;
    int rc;

    take_over(s, config);
    if (par->rank == 0)
        make_outline(s, &in, &o, &size, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, lc_comm_share(par, (void **)&o, &size, err));
    place(s, o, needs, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, bind(s, par, needs, err));
    if (par->rank == 0)
        load(s, &in.corpus, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_shared_publish(&s->weights, par);
    lc_shared_publish(&s->stream, par);
    if (needs->selection)
        LC_TRY(rc, lc_selection_make(s, par, err));
    if (ends_on_contexts(s, needs))
        LC_TRY(rc, lc_top_readouts_make(s, par, err));
    make_points(s, err);
    rc = lc_comm_agree(par, err);
done:
    free(o);
    lc_corpus_close(&in.corpus);
    if (rc != LC_OK)
        lc_study_close(s);
    return rc;
}

int lc_study_outline(struct lc_study *s, struct lc_config *config, const struct lc_needs *needs,
                     void (*warn)(const char *text), struct lc_err *err)
{
    struct reading in = {.needs = needs, .warn = warn, .outline = 1};
    const struct lc_comm alone = {.comm = MPI_COMM_NULL, .size = 1, .node_size = 1};
    struct outline *o = NULL;
    int64_t size = 0;
    int rc;

    take_over(s, config);
    LC_TRY(rc, make_outline(s, &in, &o, &size, err));
    LC_TRY(rc, place(s, o, needs, err));
    LC_TRY(rc, lc_provenance_write(&s->provenance, s, &in.corpus, 0, err));
    if (needs->selection)
        LC_TRY(rc, lc_selection_make(s, &alone, err));
    if (ends_on_contexts(s, needs))
        LC_TRY(rc, lc_top_readouts_make(s, &alone, err));
    rc = make_points(s, err);
done:
    free(o);
    lc_corpus_close(&in.corpus);
    if (rc != LC_OK)
        lc_study_close(s);
    return rc;
}

void lc_study_close(struct lc_study *s)
{
    for (int64_t k = 0; k < s->points; k++)
        lc_windows_release(&s->point[k].windows);
    free(s->point);
    for (int64_t i = 0; i < s->sites; i++) {
        free(s->site[i].selected);
        free(s->site[i].wanted.indptr);
        free(s->site[i].wanted.feature);
    }
    free(s->site);
    lc_model_release(&s->model);
    lc_shared_release(&s->weights);
    lc_shared_release(&s->stream);
    lc_windows_release(&s->windows);
    if (s->tokenizer)
        lc_tokenizer_close(s->tokenizer);
    lc_bytes_release(&s->provenance);
    lc_config_release(&s->config);
    *s = unread;
}

int64_t lc_study_run_length(const struct lc_study *s, int64_t window)
{
    return s->windows.length[window] + (s->bos >= 0);
}

int64_t lc_study_longest_run(const struct lc_study *s)
{
    return s->config.windows.length + (s->bos >= 0);
}

void lc_study_tokens(const struct lc_study *s, int64_t first, int64_t count, int32_t *out)
{
    for (int64_t w = first; w < first + count; w++) {
        if (s->bos >= 0)
            *out++ = s->bos;
        memcpy(out, s->token + s->windows.start[w], (size_t)s->windows.length[w] * sizeof *out);
        out += s->windows.length[w];
    }
}

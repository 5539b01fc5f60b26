/* study.c - rank 0 reads and checks every input, the other ranks of its node help with the numbers; shapes go to all ranks,
 * weights and token ids once to every node. */
#include "lightcone/study.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deal.h"
#include "hashes.h"
#include "lightcone/clock.h"
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
    const struct lc_inputs *in;
    int outline; /* nothing will be computed: a cache that cannot be written is no error */
    struct lc_hashes *hashes;
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
        in->in->warn(first.msg); /* of the cache, then */
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
    warn_bos(s, o, in->in->warn);
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

/* Rank 0: the inputs' hashes, and whether the weights that are kept are those of this study. */
static int know_weights(struct lc_study *s, const struct reading *in, const struct lc_bytes *of,
                        struct lc_bytes *mine, int *same, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_provenance_write(&s->provenance, s, &in->corpus, in->hashes, err));
    LC_TRY(rc, lc_bytes_printf(mine, err, "%s\n%s\nbias %d, decoder %d, backward %d, precision %d, depth %" PRId64 "\n", s->config.model_path,
                               s->config.sae_path, (int)s->config.sae_bias, in->in->needs->decoder, in->in->needs->backward,
                               (int)s->config.precision, s->model.depth));
    LC_TRY(rc, lc_provenance_write_weights(mine, s, in->hashes, err));
    *same = mine->size == of->size && memcmp(mine->data, of->data, of->size) == 0;
done:
    return rc;
}

/* Every rank: pointers into the shared weights, which may still be empty; all are new but where the kept ones are the
 * same. */
static int bind(struct lc_study *s, const struct lc_comm *par, const struct lc_needs *needs, int same,
                struct lc_kept *kept, struct lc_err *err)
{
    const struct lc_model_shape shape = s->model.shape;
    int64_t floats = lc_study_weights(s, needs), at = lc_model_floats(&shape, s->model.depth);
    int rc;

    if (!same) {
        lc_shared_release(&kept->weights);
        LC_TRY(rc, lc_shared_init(&kept->weights, par, floats * (int64_t)sizeof(float), "weights", err));
    }
    LC_TRY(rc, lc_shared_init(&s->stream, par, s->tokens * (int64_t)sizeof(int32_t), "token ids", err));
    lc_model_bind(&s->model, &shape, s->model.depth, kept->weights.data, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_model_split_bind(&s->model, s->config.precision, needs->backward, (float *)kept->weights.data + at);
    at += lc_model_split_floats(&shape, s->model.depth, s->config.precision, needs->backward);
    for (int64_t i = 0; i < s->sites; i++) {
        const struct lc_sae_shape sae = s->site[i].sae.shape;
        lc_sae_bind(&s->site[i].sae, &sae, needs->decoder, (float *)kept->weights.data + at);
        at += lc_sae_floats(&sae, needs->decoder);
    }
    s->token = s->stream.data;
done:
    return rc;
}

/* The seconds since *since were of that kind of loading, and a new stretch begins. */
static void note_loading(struct lc_study *s, enum lc_loading kind, double *since)
{
    double now = lc_seconds();

    s->loading[kind] += now - *since;
    *since = now;
}

static int load_sae(struct lc_study *s, struct lc_site *site, struct lc_err *err)
{
    double since = lc_seconds();
    char path[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, lc_sae_path(path, sizeof path, s->config.sae_path, site->layer, err));
    LC_TRY(rc, lc_sae_load(&site->sae, path, s->config.sae_bias, err));
    note_loading(s, LC_LOADING_READ, &since);
    lc_sae_pack(&site->sae);
    note_loading(s, LC_LOADING_PACK, &since);
done:
    return rc;
}

/* Fill what bind() laid out: the pieces that are this rank's, or all. */
static int load_pieces(struct lc_study *s, void *weights, struct lc_deal *deal, struct lc_err *err)
{
    double since = lc_seconds();
    int rc = LC_OK;

    if (!deal || lc_deal_next(deal, lc_model_floats(&s->model.shape, s->model.depth)))
        rc = lc_model_load(&s->model.shape, s->model.depth, s->config.model_path, weights, err);
    note_loading(s, LC_LOADING_READ, &since);
    for (int64_t i = 0; i < s->sites && rc == LC_OK; i++)
        if (!deal || lc_deal_next(deal, lc_sae_floats(&s->site[i].sae.shape, s->site[i].sae.decoder != NULL)))
            rc = load_sae(s, &s->site[i], err);
    return rc;
}

/* The ranks of rank 0's node, each its pieces. Where one fails rank 0 does them all, so that what is said of a bad file is
 * the same at any number of ranks. Collective; agrees on errors. */
static int load_weights(struct lc_study *s, const struct lc_comm *par, struct lc_kept *kept, struct lc_err *err)
{
    struct lc_err mine = LC_ERR_INIT;
    struct lc_deal deal = {0};
    double since;
    int rc;

    if (par->with_root && lc_deal_init(&deal, par, &mine) == LC_OK)
        load_pieces(s, kept->weights.data, &deal, &mine);
    lc_deal_release(&deal);
    if (lc_comm_agree(par, &mine) != LC_OK && par->rank == 0)
        load_pieces(s, kept->weights.data, NULL, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_shared_meet(&kept->weights, par); /* factors may be split of what another rank read */
    since = lc_seconds();
    if (par->with_root)
        lc_model_split(&s->model, par->node_rank, par->node_size);
    note_loading(s, LC_LOADING_PACK, &since);
    lc_shared_publish(&kept->weights, par);
done:
    return rc;
}

/* Rank 0 asks for the hashes of what is read. Collective; agrees on errors. */
static int hash_weights(struct lc_study *s, const struct lc_comm *par, struct lc_hashes *hashes, struct lc_err *err)
{
    int rc;

    if (par->rank == 0)
        lc_provenance_note_weights(hashes, s, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    rc = lc_hashes_fill(hashes, par, &s->loading[LC_LOADING_HASH], err);
done:
    return rc;
}

/* Weights and tokens, from rank 0 to every node. */
static int load(struct lc_study *s, const struct lc_comm *par, const struct reading *in,
                struct lc_kept *kept, struct lc_err *err)
{
    struct lc_bytes mine = {0};
    int same = 0, rc;

    LC_TRY(rc, hash_weights(s, par, in->hashes, err));
    if (par->rank == 0)
        know_weights(s, in, &kept->of, &mine, &same, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_comm_broadcast(par, &same, sizeof same);
    if (!same)
        lc_bytes_release(&kept->of);
    LC_TRY(rc, bind(s, par, in->in->needs, same, kept, err));
    if (par->rank == 0)
        memcpy(s->stream.data, in->corpus.id, (size_t)in->corpus.count * sizeof *in->corpus.id);
    if (!same)
        LC_TRY(rc, load_weights(s, par, kept, err));
    lc_shared_publish(&s->stream, par);
    if (par->rank == 0 && !same) {
        kept->of = mine;
        mine = (struct lc_bytes){0};
    }
done:
    lc_bytes_release(&mine);
    return rc;
}

/* What results of other jobs say: features, and windows. */
static int choose(struct lc_study *s, const struct lc_comm *par, const struct reading *in, struct lc_err *err)
{
    const struct lc_needs *needs = in->in->needs;
    int rc;

    if (needs->selection)
        LC_TRY(rc, lc_selection_make(s, par, err));
    if (ends_on_contexts(s, needs))
        LC_TRY(rc, lc_top_readouts_make(s, par, err));
    if (par->rank == 0)
        lc_provenance_add_results(&s->provenance, s, needs, in->hashes, err);
    rc = lc_comm_agree(par, err);
done:
    return rc;
}

/* The windows of a sweep's lengths, the same for every member. */
static int make_points(struct lc_study *s, struct lc_err *err)
{
    const struct lc_window_config *w = &s->config.windows;
    int rc;

    if (w->lengths.count == 0)
        return LC_OK;
    LC_TRY(rc, LC_ALLOC(&s->point, w->lengths.count, "points of the sweep", err));
    for (int64_t k = 0; k < w->lengths.count; k++) {
        struct lc_windows windows;
        if (lc_windows_shorten(&windows, &s->windows, w->length, w->lengths.value[k], w->align, err) != LC_OK)
            return lc_err_prefix(err, s->config.source);
        s->point[k].windows = windows;
        s->points++;
    }
done:
    return rc;
}

/* A study's points, whose windows are made: their lists stay those of the study. */
static void fill_points(struct lc_study *s)
{
    for (int64_t k = 0; k < s->points; k++) {
        struct lc_study *point = &s->point[k];
        struct lc_windows windows = point->windows;
        *point = *s;
        point->point = point->member = NULL;
        point->points = point->members = 0;
        point->windows = windows;
        point->config.windows.length = s->config.windows.lengths.value[k];
        point->config.windows.lengths = (struct lc_int_list){0};
    }
}

/* The sites that a member's configuration names. */
static int choose_sites(struct lc_study *member, const struct lc_study *s, struct lc_err *err)
{
    const struct lc_int_list *layers = &member->config.layers; /* ascending, as sites are */

    if (LC_ALLOC(&member->site, s->sites, "sites", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < s->sites; i++)
        if (layers->count == 0 ||
            (member->sites < layers->count && s->site[i].layer == layers->value[member->sites]))
            member->site[member->sites++] = s->site[i];
    if (member->sites < layers->count) /* where other members take every layer with an SAE */
        return LC_FAIL(err, LC_E_CONFIG, "%s: key 'sites.layers': layer %" PRId64 " has no SAE at '%s'", s->config.source,
                       layers->value[member->sites], s->config.sae_path);
    member->model.depth = member->site[member->sites - 1].layer + 1;
    return LC_OK;
}

static int make_member(struct lc_study *member, struct lc_study *s, struct lc_config *config, const struct reading *in,
                       int is_root, struct lc_err *err)
{
    int rc;

    *member = *s;
    member->config = *config;
    *config = (struct lc_config){0};
    member->member = member->point = NULL;
    member->members = member->points = member->sites = 0;
    member->site = NULL;
    member->provenance = (struct lc_bytes){0};
    s->members++;
    LC_TRY(rc, choose_sites(member, s, err));
    if (is_root) {
        LC_TRY(rc, lc_provenance_write(&member->provenance, member, &in->corpus, in->hashes, err));
        LC_TRY(rc, lc_provenance_add_results(&member->provenance, member, in->in->needs, in->hashes, err));
    }
    if (s->points == 0)
        return LC_OK;
    LC_TRY(rc, LC_ALLOC(&member->point, s->points, "points of the sweep", err));
    for (; member->points < s->points; member->points++)
        member->point[member->points].windows = s->point[member->points].windows;
    fill_points(member);
done:
    return rc;
}

/* Every rank, when all else is there. */
static int divide(struct lc_study *s, const struct lc_comm *par, const struct reading *in, struct lc_err *err)
{
    const struct lc_inputs *from = in->in;
    int rc;

    LC_TRY(rc, make_points(s, err));
    LC_TRY(rc, LC_ALLOC(&s->member, from->members, "points of the sweep", err));
    for (int64_t m = 0; m < from->members; m++)
        LC_TRY(rc, make_member(&s->member[m], s, &from->member[m], in, par->rank == 0, err));
    fill_points(s);
done:
    return rc;
}

static const struct lc_study unread = {.bos = -1, .stream.window = MPI_WIN_NULL};

static void take_over(struct lc_study *s, struct lc_config *config)
{
    *s = unread;
    s->config = *config;
    *config = (struct lc_config){0};
}

int lc_study_open(struct lc_study *s, const struct lc_comm *par, const struct lc_inputs *from, struct lc_kept *kept,
                  struct lc_err *err)
{
    struct reading in = {.in = from, .hashes = &kept->hashes};
    struct outline *o = NULL;
    int64_t size = 0;
    int rc;

    take_over(s, from->config);
    if (par->rank == 0)
        make_outline(s, &in, &o, &size, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, lc_comm_share(par, (void **)&o, &size, err));
    place(s, o, from->needs, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, load(s, par, &in, kept, err));
    LC_TRY(rc, choose(s, par, &in, err));
    divide(s, par, &in, err);
    rc = lc_comm_agree(par, err);
done:
    free(o);
    lc_corpus_close(&in.corpus);
    if (rc != LC_OK)
        lc_study_close(s);
    return rc;
}

int lc_study_outline(struct lc_study *s, const struct lc_inputs *from, struct lc_hashes *hashes, struct lc_err *err)
{
    struct reading in = {.in = from, .outline = 1, .hashes = hashes};
    const struct lc_comm alone = {.comm = MPI_COMM_NULL, .size = 1, .node_size = 1};
    struct outline *o = NULL;
    int64_t size = 0;
    int rc;

    take_over(s, from->config);
    LC_TRY(rc, make_outline(s, &in, &o, &size, err));
    LC_TRY(rc, place(s, o, from->needs, err));
    LC_TRY(rc, lc_provenance_write(&s->provenance, s, &in.corpus, hashes, err));
    LC_TRY(rc, choose(s, &alone, &in, err));
    rc = divide(s, &alone, &in, err);
done:
    free(o);
    lc_corpus_close(&in.corpus);
    if (rc != LC_OK)
        lc_study_close(s);
    return rc;
}

static void close_member(struct lc_study *member)
{
    free(member->point);
    free(member->site);
    lc_bytes_release(&member->provenance);
    lc_config_release(&member->config);
}

void lc_study_close(struct lc_study *s)
{
    for (int64_t m = 0; m < s->members; m++)
        close_member(&s->member[m]);
    free(s->member);
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
    lc_shared_release(&s->stream);
    lc_windows_release(&s->windows);
    if (s->tokenizer)
        lc_tokenizer_close(s->tokenizer);
    lc_bytes_release(&s->provenance);
    lc_config_release(&s->config);
    *s = unread;
}

void lc_kept_init(struct lc_kept *kept)
{
    *kept = (struct lc_kept){.weights.window = MPI_WIN_NULL};
}

void lc_kept_release(struct lc_kept *kept)
{
    lc_shared_release(&kept->weights);
    lc_bytes_release(&kept->of);
    lc_hashes_release(&kept->hashes);
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

int lc_study_has_run(const struct lc_study *s, int64_t first, int64_t count, struct lc_run_windows *ran)
{
    const struct lc_run_windows now = {.start = s->windows.start, .first = first, .count = count};
    int same = ran->start == now.start && ran->first == first && ran->count == count;

    *ran = now;
    return same;
}

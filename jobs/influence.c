/* influence - J(t') = sum_mu (d f / d x[t']_mu)^2 of every active feature f over every input token (Qi 2026, see the
 * README), and the same for the whole token vector. */
#include "influence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/activity.h"
#include "lightcone/linalg.h"
#include "lightcone/passes.h"
#include "lightcone/random.h"
#include "lightcone/reconstruction.h"

extern const struct lc_job lc_job_influence;

enum { UNITS_WANTED = 64 };
enum { CHUNK_BYTES = 1 << 30 }; /* of a chunk's cotangents, where `residual` makes MLP Jacobians worth their making */

enum { UNIT_VECTOR = -1, PROBE = -2 }; /* in place of a feature: a seed of `residual`, of `residual_estimate` */
enum { PROBE_STREAM = 1 << 30 };       /* of random numbers: not that of any choice of windows or resampling */

/* What a seed is for. */
struct purpose {
    int64_t site, feature;
    float activation;
    int measured; /* above the threshold and selected: gives a sample */
};

/* One readout of one window while its seeds descend. */
struct readout {
    int64_t window, position;
    struct lc_err *err;
};

struct sums {
    const struct lc_study *study;
    struct lc_readouts readouts;
    struct lc_site_influence *site; /* [sites] */
};

struct work {
    struct lc_forward forward;
    struct lc_backward backward;
    int64_t seeds_held;             /* it has memory for chunks of so many */
    int64_t fixed;                  /* bytes of all but the backward pass */
    struct lc_active *active;       /* [sites] at the unit's readouts */
    int64_t sites;
    int32_t *token;
    struct lc_run_windows ran;      /* what the forward pass holds */
    float *unit_seed;               /* [D, D] identity, for `residual` */
    float *probe;                   /* [sites, probes, D] +-1 at the present readout, for `residual_estimate` */
    double *probed;                 /* [probes, length] what came down of them to the site that is descending */
    int64_t probes;                 /* so many of them did */
    float *rows;                    /* [readouts of a unit, D] */
    struct lc_seed *seed;           /* of one readout: all sites, deepest first */
    struct purpose *purpose;
    int64_t seeds, seed_room;
    int64_t *layer_seeds;           /* [depth] of `seed` */
    int64_t first;                  /* first seed of the site that is descending */
    float *gradient;                /* [features, n, D] of the site that is descending, for `reconstruction` */
    int64_t gradients, gradient_room;
    double *j, *residual, *error;   /* [length] */
    struct sums *sums;              /* where the present unit adds up */
    struct readout now;
    double flop;
};

static struct lc_needs needs(const struct lc_config *config)
{
    return (struct lc_needs){.decoder = config->token_reconstruction, .backward = 1, .selection = 1, .readouts = 1};
}

/* A product with the encoder reads all its weights, so one should serve several windows where there are many. */
static int64_t unit_windows(const struct lc_study *study)
{
    int64_t windows = study->windows.count / UNITS_WANTED;

    return windows < 1 ? 1 : windows > LC_INFLUENCE_UNIT_WINDOWS ? LC_INFLUENCE_UNIT_WINDOWS : windows;
}

/* Readouts of every window. */
static int64_t readout_count(const struct lc_study *study)
{
    const struct lc_config *config = &study->config;

    return config->readout == LC_READOUT_ALL         ? config->windows.length
           : config->readout == LC_READOUT_POSITIONS ? config->readout_positions.count
                                                     : 1;
}

static int list_readouts(struct lc_readouts *out, const struct lc_study *study, struct lc_err *err)
{
    const struct lc_config *config = &study->config;
    const struct lc_int_list *listed = &config->readout_positions;
    int64_t length = config->windows.length, bos = study->bos >= 0;

    out->count = readout_count(study);
    if (LC_ALLOC(&out->position, out->count, "readouts", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < out->count; i++) {
        int64_t p = config->readout == LC_READOUT_ALL         ? i
                    : config->readout == LC_READOUT_POSITIONS ? listed->value[i]
                                                              : length - 1;
        out->position[i] = p + bos;
    }
    return LC_OK;
}

/* Bytes of everything but the backward pass. */
static int64_t fixed_bytes(const struct lc_study *study, int64_t windows)
{
    int64_t length = lc_study_longest_run(study), d = study->model.shape.width, rows = windows * readout_count(study);
    int64_t bytes = lc_forward_bytes(&study->model, windows * length, length, 1);

    bytes += study->sites * lc_active_bytes(rows, d) + rows * d * (int64_t)sizeof(float);
    bytes += windows * length * (int64_t)sizeof(int32_t) + 3 * length * (int64_t)sizeof(double);
    if (study->config.token_estimate)
        bytes += study->config.residual_probes *
                 (study->sites * d * (int64_t)sizeof(float) + length * (int64_t)sizeof(double));
    return bytes + (study->config.token_residual ? d * d * (int64_t)sizeof(float) : 0);
}

/* Seeds of one product where memory is no question. */
static int64_t usual_batch(const struct lc_study *study)
{
    int64_t length = lc_study_longest_run(study);

    return study->config.unit_features ? study->config.unit_features
                                       : (LC_INFLUENCE_BATCH_ROWS + length - 1) / length;
}

/* Seeds of a chunk where memory is no question: with `residual` about all that a readout has, of two arrays each. */
static int64_t usual_room(const struct lc_study *study, int64_t batch)
{
    int64_t d = study->model.shape.width, all = study->sites * (d + d / 8);
    int64_t fit = CHUNK_BYTES / (2 * lc_study_longest_run(study) * d * (int64_t)sizeof(float));
    int64_t room = study->config.token_residual ? (all < fit ? all : fit) : 0;

    return room > batch && lc_backward_gains(&study->model.shape, room) ? room : batch;
}

/* How many seeds descend together. */
struct chunk {
    int64_t room, batch;
};

/* No more than memory_per_rank has room for beside the `fixed` bytes; as many in a product as `least` at any rate. */
static struct chunk fit_chunk(const struct lc_study *study, int64_t fixed, int64_t least)
{
    int64_t length = lc_study_longest_run(study), limit = study->config.memory_per_rank;
    struct chunk c = {.batch = usual_batch(study)};

    while (limit > 0 && c.batch > least && fixed + lc_backward_bytes(&study->model, c.batch, c.batch, length) > limit)
        c.batch--;
    c.room = usual_room(study, c.batch);
    while (limit > 0 && c.room > c.batch && fixed + lc_backward_bytes(&study->model, c.room, c.batch, length) > limit)
        c.room = c.room > 2 * c.batch ? c.room - c.batch : c.batch;
    return c;
}

static int64_t buffers(const struct lc_study *study, int64_t windows, int least)
{
    int64_t fixed = fixed_bytes(study, windows);
    struct chunk c = least ? (struct chunk){1, 1} : fit_chunk(study, fixed, usual_batch(study));

    return fixed + lc_backward_bytes(&study->model, c.room, c.batch, lc_study_longest_run(study));
}

static void close(void *arg)
{
    struct work *w = arg;

    for (int64_t i = 0; w->active && i < w->sites; i++)
        lc_active_release(&w->active[i]);
    free(w->active);
    free(w->token);
    free(w->unit_seed);
    free(w->probe);
    free(w->probed);
    free(w->rows);
    free(w->seed);
    free(w->purpose);
    free(w->layer_seeds);
    free(w->gradient);
    free(w->j);
    free(w->residual);
    free(w->error);
    lc_forward_release(&w->forward);
    lc_backward_release(&w->backward);
    free(w);
}

/* The backward pass as the study has it when it runs alone: what goes down together, and so the last digits, depends on
 * its length and sites. */
static int fit_backward(struct work *w, const struct lc_study *study, struct lc_err *err)
{
    int64_t length = lc_study_longest_run(study);
    struct chunk c = fit_chunk(study, w->fixed, 1);

    if (w->backward.context != length || c.room > w->seeds_held) {
        lc_backward_release(&w->backward);
        w->seeds_held = c.room;
        return lc_backward_init(&w->backward, &study->model, c.room, c.batch, length, err);
    }
    w->backward.room = c.room;
    return LC_OK;
}

/* The seeds of token vectors that no SAE gives. */
static int make_seeds(struct work *w, const struct lc_study *study, struct lc_err *err)
{
    int64_t d = study->model.shape.width, probes = study->config.residual_probes;
    int rc = LC_OK;

    if (study->config.token_residual) {
        LC_TRY(rc, LC_ALLOC(&w->unit_seed, d * d, "unit vectors", err));
        for (int64_t i = 0; i < d; i++)
            w->unit_seed[i * d + i] = 1.0f;
    }
    if (study->config.token_estimate) {
        LC_TRY(rc, LC_ALLOC(&w->probe, study->sites * probes * d, "probes", err));
        LC_TRY(rc, LC_ALLOC(&w->probed, probes * lc_study_longest_run(study), "probes", err));
    }
done:
    return rc;
}

/* A sweep's shorter windows come no more to a unit than the longest: unit_windows() does not look at their length. */
static int open(void **out, const struct lc_study *study, int64_t windows, struct lc_err *err)
{
    int64_t length = lc_study_longest_run(study), d = study->model.shape.width;
    int64_t rows = windows * readout_count(study);
    struct work *w = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&w, 1, "influence", err));
    w->sites = study->sites;
    w->fixed = fixed_bytes(study, windows);
    LC_TRY(rc, LC_ALLOC(&w->active, study->sites, "influence", err));
    for (int64_t i = 0; i < study->sites; i++)
        LC_TRY(rc, lc_active_init(&w->active[i], rows, d, err));
    LC_TRY(rc, LC_ALLOC(&w->token, windows * length, "influence", err));
    LC_TRY(rc, LC_ALLOC(&w->rows, rows * d, "influence", err));
    LC_TRY(rc, LC_ALLOC(&w->j, length, "influence", err));
    LC_TRY(rc, LC_ALLOC(&w->residual, length, "influence", err));
    LC_TRY(rc, LC_ALLOC(&w->error, length, "influence", err));
    LC_TRY(rc, lc_forward_init(&w->forward, &study->model, windows * length, length, 1, err));
    LC_TRY(rc, LC_ALLOC(&w->layer_seeds, study->model.depth, "influence", err));
    LC_TRY(rc, fit_backward(w, study, err));
    LC_TRY(rc, make_seeds(w, study, err));
    *out = w;
done:
    if (rc != LC_OK && w)
        close(w);
    return rc;
}

static void end(void *arg)
{
    struct sums *s = arg;

    for (int64_t i = 0; s->site && i < s->study->sites; i++) {
        lc_samples_release(&s->site[i].samples);
        lc_profiles_release(&s->site[i].profiles);
        for (int v = 0; v < LC_VECTORS; v++)
            lc_samples_release(&s->site[i].vector[v]);
        lc_samples_release(&s->site[i].error);
    }
    free(s->site);
    free(s->readouts.position);
    free(s);
}

static int begin(void **out, const struct lc_study *study, struct lc_err *err)
{
    int64_t length = lc_study_longest_run(study);
    struct sums *s = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&s, 1, "influence", err));
    s->study = study;
    LC_TRY(rc, list_readouts(&s->readouts, study, err));
    LC_TRY(rc, LC_ALLOC(&s->site, study->sites, "influence", err));
    for (int64_t i = 0; i < study->sites; i++) {
        struct lc_site_influence *site = &s->site[i];
        LC_TRY(rc, lc_profiles_init(&site->profiles, study->site[i].sae.shape.features, length, err));
        site->samples.profile_length = study->config.keep_profiles ? length : 0;
        for (int v = 0; v < LC_VECTORS; v++)
            site->vector[v].profile_length = length;
        site->error.profile_length = length;
    }
    *out = s;
done:
    if (rc != LC_OK && s)
        end(s);
    return rc;
}

static int push_seed(struct work *w, const struct lc_seed *seed, const struct purpose *purpose, struct lc_err *err)
{
    if (w->seeds == w->seed_room) {
        int64_t room = w->seed_room ? 2 * w->seed_room : 1024;
        struct lc_seed *more = realloc(w->seed, (size_t)room * sizeof *more);
        struct purpose *why = more ? realloc(w->purpose, (size_t)room * sizeof *why) : NULL;
        w->seed = more ? more : w->seed;
        w->purpose = why ? why : w->purpose;
        if (!more || !why)
            return LC_FAIL(err, LC_E_MEMORY, "no memory for %lld seeds", (long long)room);
        w->seed_room = room;
    }
    w->seed[w->seeds] = *seed;
    w->purpose[w->seeds++] = *purpose;
    return LC_OK;
}

/* Whether feature f shall be read out in the present window; *next runs over the window's list as f ascends. */
static int is_wanted(const struct lc_wanted *wanted, int64_t window, int64_t f, int64_t *next)
{
    if (!wanted->indptr)
        return 1;
    while (*next < wanted->indptr[window + 1] && wanted->feature[*next] < f)
        ++*next;
    return *next < wanted->indptr[window + 1] && wanted->feature[*next] == f;
}

/* Probe p of a site at the present readout: +-1 by bits that are a function of the seed, the window, the position, the
 * site, the probe and the component alone. */
static void draw_probe(const struct work *w, int64_t layer, int64_t p, float *out)
{
    const struct lc_study *study = w->sums->study;
    uint64_t key = lc_random_bits((uint64_t)study->config.windows.seed, PROBE_STREAM, (uint64_t)w->now.window), bits = 0;

    for (int64_t mu = 0; mu < study->model.shape.width; mu++) {
        if (mu % 64 == 0)
            bits = lc_random_bits(key, (uint64_t)w->now.position << 32 | (uint64_t)layer, (uint64_t)p << 32 | (uint64_t)mu);
        out[mu] = bits >> (mu % 64) & 1 ? 1.0f : -1.0f;
    }
}

/* Seeds of one site's token vectors at one readout. */
static int push_vectors(struct work *w, int64_t i, struct lc_err *err)
{
    const struct lc_config *config = &w->sums->study->config;
    int64_t d = w->sums->study->model.shape.width, layer = w->sums->study->site[i].layer;
    int64_t units = config->token_residual ? d : 0, probes = config->token_estimate ? config->residual_probes : 0;

    for (int64_t k = 0; k < units + probes; k++) {
        struct purpose why = {.site = i, .feature = k < units ? UNIT_VECTOR : PROBE};
        struct lc_seed seed = {.layer = layer};
        if (k >= units)
            draw_probe(w, layer, k - units, w->probe + (i * probes + k - units) * d);
        seed.value = k < units ? w->unit_seed + k * d : w->probe + (i * probes + k - units) * d;
        if (push_seed(w, &seed, &why, err) != LC_OK)
            return err->code;
    }
    return LC_OK;
}

/* Seeds of one site at one readout: the encoder rows of its features, then those of the token vectors. */
static int push_site(struct work *w, int64_t i, int64_t row, struct lc_err *err)
{
    const struct lc_site *site = &w->sums->study->site[i];
    const struct lc_active *a = &w->active[i];
    const struct lc_wanted *wanted = &site->wanted;
    int64_t d = w->sums->study->model.shape.width, window = w->now.window;
    int64_t next = wanted->indptr ? wanted->indptr[window] : 0, found = 0;

    for (int64_t k = a->indptr[row]; k < a->indptr[row + 1]; k++) {
        int64_t f = a->feature[k];
        struct purpose why = {.site = i, .feature = f, .activation = a->activation[k]};
        struct lc_seed seed = {.layer = site->layer, .value = site->sae.encoder + f * d};
        why.measured = a->above[k] && (!site->selected || site->selected[f]) && is_wanted(wanted, window, f, &next);
        found += why.measured;
        if (!why.measured && !w->sums->study->config.token_reconstruction)
            continue;
        if (push_seed(w, &seed, &why, err) != LC_OK)
            return err->code;
    }
    if (wanted->indptr)
        w->sums->site[i].inactive += wanted->indptr[window + 1] - wanted->indptr[window] - found;
    return push_vectors(w, i, err);
}

/* A sample that joins the profiles of its feature must fit their exact sums. */
static struct lc_spread sample_spread(const double *j, int64_t n)
{
    struct lc_spread spread = lc_spread_of(j, n);

    for (int64_t t = 0; t < n; t++)
        if (!(j[t] <= LC_PROFILE_MAX)) /* beyond what the exact sums hold, or not a number */
            spread = (struct lc_spread){
                .total = spread.total, .entropy = NAN, .participation = NAN, .renyi2 = NAN, .degenerate = 1};
    return spread;
}

static int keep_gradient(struct work *w, const float *gradient, int64_t size, struct lc_err *err)
{
    if ((w->gradients + 1) * size > w->gradient_room) {
        int64_t room = 2 * (w->gradients + 1) * size;
        float *more = realloc(w->gradient, (size_t)room * sizeof *more);
        if (!more)
            return LC_FAIL(err, LC_E_MEMORY, "no memory for %lld gradient values", (long long)room);
        w->gradient = more;
        w->gradient_room = room;
    }
    memcpy(w->gradient + w->gradients++ * size, gradient, (size_t)size * sizeof *gradient);
    return LC_OK;
}

static void add_sample(struct work *w, const struct purpose *why, int64_t n)
{
    struct lc_site_influence *site = &w->sums->site[why->site];
    struct lc_sample sample = {.window = w->now.window,
                               .position = w->now.position,
                               .feature = why->feature,
                               .activation = (double)why->activation,
                               .spread = sample_spread(w->j, n)};

    lc_samples_add(&site->samples, &sample, w->j, n, w->now.err);
    if (!sample.spread.degenerate)
        lc_profiles_add(&site->profiles, why->feature, w->j, n, w->now.err);
}

static void add_vector(struct work *w, int64_t i, enum lc_vector kind, const double *r, int64_t n)
{
    struct lc_sample sample = {.window = w->now.window, .position = w->now.position, .spread = lc_spread_of(r, n)};

    lc_samples_add(&w->sums->site[i].vector[kind], &sample, r, n, w->now.err);
}

static int reconstruct(struct work *w, int64_t i, int64_t n, struct lc_err *err)
{
    int64_t *feature = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&feature, w->gradients, "reconstruction", err));
    for (int64_t k = 0; k < w->gradients; k++)
        feature[k] = w->purpose[w->first + k].feature;
    LC_TRY(rc, lc_reconstruction_influence(w->j, &w->sums->study->site[i].sae, feature, w->gradients, w->gradient, n, err));
    add_vector(w, i, LC_VECTOR_RECONSTRUCTION, w->j, n);
    rc = err->code;
done:
    free(feature);
    return rc;
}

/* Mean and standard error of the probes' squared gradients, ||J^T v||^2 at every position: unbiased for || J ||_F^2. */
static void estimate(struct work *w, int64_t i, int64_t n)
{
    struct lc_sample sample = {.window = w->now.window, .position = w->now.position, .spread = {0}};

    lc_probes_finish(w->probed, w->probes, n, w->j, w->error, &sample.spread.entropy);
    add_vector(w, i, LC_VECTOR_ESTIMATE, w->j, n);
    lc_samples_add(&w->sums->site[i].error, &sample, w->error, n, w->now.err);
    w->probes = 0;
}

/* The token vectors of a site, once all its seeds at the present readout have come down. */
static void finish_site(struct work *w, int64_t i, int64_t n)
{
    if (w->sums->study->config.token_residual)
        add_vector(w, i, LC_VECTOR_RESIDUAL, w->residual, n);
    if (w->sums->study->config.token_reconstruction)
        reconstruct(w, i, n, w->now.err);
    if (w->sums->study->config.token_estimate)
        estimate(w, i, n);
    memset(w->residual, 0, (size_t)n * sizeof *w->residual);
    w->gradients = 0;
}

/* One gradient has come down: J of a feature, its part of `residual`, or what a probe says. */
static void take_gradient(void *arg, int64_t k, const float *gradient, int64_t n)
{
    struct work *w = arg;
    const struct purpose *why = &w->purpose[k];
    int64_t d = w->sums->study->model.shape.width;

    if (w->now.err->code != LC_OK)
        return;
    for (int64_t t = 0; t < n; t++)
        w->j[t] = lc_square_sum(gradient + t * d, d);
    for (int64_t t = 0; why->feature == UNIT_VECTOR && t < n; t++)
        w->residual[t] += w->j[t];
    if (why->feature == PROBE)
        memcpy(w->probed + w->probes++ * n, w->j, (size_t)n * sizeof *w->j);
    if (why->feature >= 0 && why->measured)
        add_sample(w, why, n);
    if (why->feature >= 0 && w->sums->study->config.token_reconstruction)
        keep_gradient(w, gradient, n * d, w->now.err);
    if (k + 1 == w->seeds || w->purpose[k + 1].site != why->site) {
        finish_site(w, why->site, n);
        w->first = k + 1;
    }
}

/* All sites at one readout: `row` among the unit's readouts. */
static int observe_readout(struct work *w, const struct lc_unit *unit, int64_t row, struct lc_err *err)
{
    const struct lc_study *study = w->sums->study;
    const struct lc_readouts *readouts = &w->sums->readouts;
    int64_t window = row / readouts->count, position = readouts->position[row % readouts->count], n = position + 1;

    w->now = (struct readout){.window = unit->first + window, .position = position - (study->bos >= 0), .err = err};
    w->seeds = w->first = w->probes = 0;
    memset(w->layer_seeds, 0, (size_t)study->model.depth * sizeof *w->layer_seeds);
    for (int64_t i = study->sites - 1; i >= 0; i--) {
        int64_t before = w->seeds;
        if (push_site(w, i, row, err) != LC_OK)
            return err->code;
        w->layer_seeds[study->site[i].layer] = w->seeds - before;
        if (w->seeds == before)
            finish_site(w, i, n);
    }
    w->flop += lc_backward_run_flop(&study->model, w->backward.room, w->layer_seeds, n);
    w->backward.breathe = unit->breathe;
    w->backward.breathe_arg = unit->breathe_arg;
    lc_backward_run(&w->backward, &w->forward, window, position, w->seed, w->seeds, take_gradient, w);
    return err->code;
}

/* Active features of one site at all readouts of the unit. */
static int find_active(struct work *w, const struct lc_unit *unit, int64_t i, struct lc_err *err)
{
    const struct lc_site *site = &w->sums->study->site[i];
    const float *y = lc_forward_site(&w->forward, site->layer);
    int64_t d = w->sums->study->model.shape.width, each = w->sums->readouts.count, rows = unit->count * each;
    double threshold = w->sums->study->config.threshold;

    for (int64_t row = 0; row < rows; row++)
        memcpy(w->rows + row * d, y + (row / each * w->forward.length + w->sums->readouts.position[row % each]) * d,
               (size_t)d * sizeof *y);
    w->flop += 2.0 * (double)rows * (double)site->sae.shape.features * (double)d;
    return lc_active_find(&w->active[i], &site->sae, w->rows, rows,
                          w->sums->study->config.token_reconstruction ? 0.0 : threshold, threshold, err);
}

static int observe(void *work, void *sums, const struct lc_unit *unit, struct lc_err *err)
{
    struct work *w = work;
    const struct lc_study *study = ((struct sums *)sums)->study;
    int64_t length = lc_study_longest_run(study);
    int rc;

    w->sums = sums;
    LC_TRY(rc, fit_backward(w, study, err));
    if (!lc_study_has_run(study, unit->first, unit->count, &w->ran)) {
        lc_study_tokens(study, unit->first, unit->count, w->token);
        w->forward.breathe = unit->breathe;
        w->forward.breathe_arg = unit->breathe_arg;
        LC_TRY(rc, lc_forward_run(&w->forward, w->token, unit->count, length, err));
        w->flop += lc_forward_flop(w->forward.model, unit->count * length, length);
    }
    for (int64_t i = 0; i < study->sites; i++)
        LC_TRY(rc, find_active(w, unit, i, err));
    for (int64_t row = 0; row < unit->count * w->sums->readouts.count; row++)
        LC_TRY(rc, observe_readout(w, unit, row, err));
done:
    return rc;
}

static int save(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    struct sums *s = arg;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites; i++) {
        LC_TRY(rc, lc_bytes_add(out, &s->site[i].inactive, sizeof s->site[i].inactive, err));
        LC_TRY(rc, lc_samples_save(&s->site[i].samples, out, err));
        LC_TRY(rc, lc_profiles_save(&s->site[i].profiles, out, err));
        for (int v = 0; v < LC_VECTORS; v++)
            LC_TRY(rc, lc_samples_save(&s->site[i].vector[v], out, err));
        LC_TRY(rc, lc_samples_save(&s->site[i].error, out, err));
    }
done:
    return rc;
}

static int merge(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct sums *s = arg;
    int64_t inactive = 0;
    int rc = LC_OK;

    for (int64_t i = 0; i < s->study->sites; i++) {
        LC_TRY(rc, lc_reader_take(in, &inactive, sizeof inactive, err));
        s->site[i].inactive += inactive;
        LC_TRY(rc, lc_samples_merge(&s->site[i].samples, in, err));
        LC_TRY(rc, lc_profiles_merge(&s->site[i].profiles, in, err));
        for (int v = 0; v < LC_VECTORS; v++)
            LC_TRY(rc, lc_samples_merge(&s->site[i].vector[v], in, err));
        LC_TRY(rc, lc_samples_merge(&s->site[i].error, in, err));
    }
done:
    return rc;
}

static int finish(void *arg, struct lc_result *r, struct lc_err *err)
{
    static const char *const summary[] = {"feature_mean", "window_mean", "pooled"};
    struct sums *s = arg;

    if (lc_result_put_text(r, NULL, NULL, "summary", summary[s->study->config.summary], err) != LC_OK)
        return err->code;
    return lc_influence_write(s->study, &s->readouts, s->site, r, err);
}

static int sweep(void *const *sums, int64_t points, struct lc_result *r, struct lc_err *err)
{
    const struct lc_study **study = NULL;
    struct lc_site_influence **site = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&study, points, "sweep", err));
    LC_TRY(rc, LC_ALLOC(&site, points, "sweep", err));
    for (int64_t k = 0; k < points; k++) {
        const struct sums *s = sums[k];
        study[k] = s->study;
        site[k] = s->site;
    }
    rc = lc_influence_write_sweep(study, site, points, r, err);
done:
    free(study);
    free(site);
    return rc;
}

static double flop(const void *arg)
{
    return ((const struct work *)arg)->flop;
}

/* Seeds of `residual` and `residual_estimate` at one readout of a site. */
static int64_t vector_seeds(const struct lc_study *study)
{
    const struct lc_config *config = &study->config;

    return (config->token_residual ? study->model.shape.width : 0) + (config->token_estimate ? config->residual_probes : 0);
}

/* FLOP of one readout of n positions at a site, but for those. */
static void cost_readout(const struct lc_study *study, const struct lc_site_assumed *a, int64_t i, int64_t n,
                         struct lc_cost *out)
{
    double down = lc_backward_flop(&study->model, study->site[i].layer, n);
    int64_t d = study->model.shape.width;

    out->flop[LC_PART_ENCODER] += 2.0 * (double)study->site[i].sae.shape.features * (double)d;
    out->flop[LC_PART_FEATURES] += a->selected * down;
    if (study->config.token_reconstruction)
        out->flop[LC_PART_RECONSTRUCTION] += (a->positive - a->selected) * down + lc_reconstruction_flop(a->positive, d, n);
}

/* FLOP of those at one readout of all sites: they and the features of all sites share Jacobians. */
static double cost_residual(const struct lc_study *study, const struct lc_assumed *assumed, int64_t room, int64_t n,
                            int64_t *seeds)
{
    double plain = 0.0;

    memset(seeds, 0, (size_t)study->model.depth * sizeof *seeds);
    for (int64_t i = 0; i < study->sites; i++) {
        const struct lc_site_assumed *a = &assumed->site[i];
        int64_t layer = study->site[i].layer, features = llround(study->config.token_reconstruction ? a->positive : a->selected);
        seeds[layer] = features + vector_seeds(study);
        plain += (double)features * lc_backward_flop(&study->model, layer, n);
    }
    return lc_backward_run_flop(&study->model, room, seeds, n) - plain;
}

/* Accumulators of one site after so many readouts. */
static double site_bytes(const struct lc_study *study, const struct lc_assumed *assumed, int64_t i, double readouts)
{
    double length = (double)lc_study_longest_run(study), item = (double)sizeof(struct lc_sample);
    double vectors = (double)(study->config.token_residual + study->config.token_reconstruction +
                              2 * study->config.token_estimate); /* it has its errors beside it */
    double sample = item + (study->config.keep_profiles ? 4.0 * length : 0.0);
    double feature = 2.0 * length * (double)sizeof(struct lc_exact);

    return 1.5 * readouts * (assumed->site[i].selected * sample + vectors * (item + 4.0 * length)) + /* rooms double */
           lc_assumed_features(assumed, i, readouts) * feature + 16.0 * (double)study->site[i].sae.shape.features;
}

static void cost(const struct lc_study *study, const struct lc_assumed *assumed, int64_t ranks, struct lc_cost *out)
{
    double windows = (double)study->windows.count, readouts = windows * (double)readout_count(study);
    int64_t length = lc_study_longest_run(study);
    int64_t unit = study->config.unit_windows ? study->config.unit_windows : unit_windows(study), *seeds = NULL;
    int64_t room = fit_chunk(study, fixed_bytes(study, unit), 1).room;
    struct lc_readouts list = {0};
    struct lc_err ignored = LC_ERR_INIT;

    out->flop[LC_PART_FORWARD] = windows * lc_forward_flop(&study->model, length, length);
    lc_cost_dataset(out, readouts, 8.0);
    lc_cost_dataset(out, readouts, 8.0);
    if (list_readouts(&list, study, &ignored) != LC_OK ||
        LC_ALLOC(&seeds, study->model.depth, "a cost", &ignored) != LC_OK)
        goto done;
    for (int64_t k = 0; vector_seeds(study) > 0 && k < list.count; k++)
        out->flop[LC_PART_RESIDUAL] += windows * cost_residual(study, assumed, room, list.position[k] + 1, seeds);
    for (int64_t i = 0; i < study->sites; i++) {
        struct lc_cost site = {0};
        for (int64_t k = 0; k < list.count; k++)
            cost_readout(study, &assumed->site[i], i, list.position[k] + 1, &site);
        for (int part = 0; part < LC_PARTS; part++)
            out->flop[part] += windows * site.flop[part];
        out->rank_bytes += site_bytes(study, assumed, i, readouts / (double)ranks);
        out->merged_bytes += site_bytes(study, assumed, i, readouts);
        lc_influence_cost(study, readouts * assumed->site[i].selected, lc_assumed_features(assumed, i, readouts), readouts,
                          out);
    }
done:
    free(list.position);
    free(seeds);
}

const struct lc_job lc_job_influence = {
    .name = "influence",
    .summary = "how far each active feature reaches back: squared gradients over the input tokens and their entropy",
    .apart = 1,
    .needs = needs,
    .unit_windows = unit_windows,
    .buffers = buffers,
    .open = open,
    .close = close,
    .begin = begin,
    .end = end,
    .observe = observe,
    .save = save,
    .merge = merge,
    .finish = finish,
    .sweep = sweep,
    .flop = flop,
    .cost = cost,
};

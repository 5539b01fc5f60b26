/* correlation_pairs.c - from the lists of all ranks to the matrices, each rank's part of them, site by site. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "correlation.h"
#include "lightcone/eigen.h"
#include "lightcone/exchange.h"
#include "lightcone/leading.h"

/* --- N(i,a), each token's at one rank --- */

/* cut[r]: where the tokens of rank r begin in a tally, so that all ranks have about equally many positions. */
static void cut_tally(const struct lc_correlation *s, const struct lc_comm *par, const struct lc_lists *tally,
                      int64_t *cut)
{
    int64_t before = 0, at = 0;
    int r = 0;

    for (int64_t a = 0; a < s->study->vocab; a++) {
        while (r < par->size && before >= (s->n_tokens * r + par->size - 1) / par->size)
            cut[r++] = at;
        if (at < tally->used && tally->word[at] == a)
            at = lc_lists_cut(tally, at, 0);
        before += s->token_count[a];
    }
    while (r <= par->size)
        cut[r++] = tally->used;
}

/* *out: N(i,a) of this rank's tokens and all features. Ranks hold ascending ranges of tokens. */
static int tally_site(const struct lc_correlation *s, const struct lc_site_pairs *site, int64_t features,
                      const struct lc_comm *par, struct lc_lists *out, struct lc_err *err)
{
    struct lc_lists seen = {.width = 2}, all = {.width = 2};
    int64_t vocab = s->study->vocab, *cut = NULL;
    int rc;

    if (LC_ALLOC(&cut, par->size + 1, "token counts", err) == LC_OK &&
        lc_lists_tally(&seen, &site->positions, vocab, features, err) == LC_OK)
        cut_tally(s, par, &seen, cut);
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, lc_exchange_words(par, seen.word, cut, &all.word, &all.used, err));
    lc_lists_release(&seen);
    lc_lists_tally(out, &all, vocab, features, err);
    rc = lc_comm_agree(par, err);
done:
    free(cut);
    lc_lists_release(&seen);
    lc_lists_release(&all);
    return rc;
}

/* sum[f] += N_f and sum[features + f] += u_f over the tokens of a tally. */
static void count_features(const struct lc_lists *tally, int64_t features, int64_t *sum)
{
    for (int64_t at = 0; at < tally->used; at += 2 + 2 * (int64_t)tally->word[at + 1])
        for (int64_t k = 0; k < tally->word[at + 1]; k++) {
            const int32_t *entry = tally->word + at + 2 + 2 * k;
            sum[entry[0]] += entry[1];
            sum[features + entry[0]]++;
        }
}

/* --- the leading features --- */

static int select_own(const struct lc_correlation *s, int64_t features, const int64_t *sum, unsigned char *selected,
                      struct lc_err *err)
{
    double *frequency;
    int rc = LC_ALLOC(&frequency, features, "frequencies", err);

    if (rc != LC_OK)
        return rc;
    for (int64_t f = 0; f < features; f++)
        frequency[f] = (double)sum[f] / (double)s->n_tokens;
    rc = lc_leading_select(&s->study->config.features, features, frequency, sum + features, selected, err);
    free(frequency);
    return rc;
}

/* place[f]: of feature f among the leading ones, or -1. */
static int select_features(const struct lc_correlation *s, const struct lc_site *from, struct lc_site_pairs *site,
                           const int64_t *sum, int32_t *place, struct lc_err *err)
{
    int64_t features = from->sae.shape.features;
    unsigned char *selected = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&selected, features, "feature selection", err));
    if (from->selected)
        memcpy(selected, from->selected, (size_t)features);
    else if (s->study->config.features.rule == LC_FEATURES_SELECT)
        LC_TRY(rc, select_own(s, features, sum, selected, err));
    else
        for (int64_t f = 0; f < features; f++)
            selected[f] = sum[f] > 0;
    for (int64_t f = 0; f < features; f++)
        place[f] = selected[f] ? (int32_t)site->features++ : -1;
    LC_TRY(rc, LC_ALLOC(&site->feature, site->features, "leading features", err));
    LC_TRY(rc, LC_ALLOC(&site->count, site->features, "leading features", err));
    for (int64_t f = 0; f < features; f++)
        if (place[f] >= 0) {
            site->feature[place[f]] = (int32_t)f;
            site->count[place[f]] = sum[f];
            site->degenerate += lc_pair_is_degenerate(sum[f], s->n_tokens);
        }
done:
    free(selected);
    return rc;
}

/* --- the matrices --- */

/* Lists that go round, and what this rank adds from each piece. */
struct round {
    const struct lc_lists *lists;
    struct lc_tile tile;
    uint32_t *joint;            /* either this ... */
    double *shared;             /* ... or this */
    const int64_t *token_count; /* for `shared` */
};

static int64_t cut(void *arg, int64_t at)
{
    const struct round *r = arg;

    return lc_lists_cut(r->lists, at, LC_JOINT_PIECE);
}

static int take(void *arg, const int32_t *word, int64_t count, struct lc_err *err)
{
    const struct round *r = arg;
    const struct lc_lists piece = {.word = (int32_t *)(uintptr_t)word, .used = count, .width = r->lists->width};

    if (r->joint)
        return lc_tile_count(&r->tile, &piece, r->joint, err);
    return lc_tile_share(&r->tile, &piece, r->token_count, r->shared, err);
}

static int go_round(struct round *r, const struct lc_comm *par, struct lc_err *err)
{
    const struct lc_round way = {.word = r->lists->word, .count = r->lists->used, .cut = cut, .take = take, .arg = r};

    return lc_exchange_round(par, &way, err);
}

/* place[M]: index of a leading feature in the matrix of `layout`, or -1; NULL: its own. row_of[M], col_of[M] = those
 * that this rank owns. */
static void map_tile(const struct lc_layout *l, int64_t features, const int32_t *place, int32_t *row_of,
                     int32_t *col_of)
{
    for (int64_t m = 0; m < features; m++) {
        int64_t k = place ? place[m] : m;
        row_of[m] = k >= 0 && lc_deal_owner(&l->row, k) == l->row.mine ? (int32_t)lc_deal_local(&l->row, k) : -1;
        col_of[m] = k >= 0 && lc_deal_owner(&l->col, k) == l->col.mine ? (int32_t)lc_deal_local(&l->col, k) : -1;
    }
}

/* M_ij, and with a tally the conditional sum, of this rank's part of `layout`. */
static int count_pairs(const struct lc_correlation *s, const struct lc_site_pairs *site, const struct lc_comm *par,
                       const struct lc_layout *l, const int32_t *place, const struct lc_lists *tally, uint32_t **joint,
                       double **shared, struct lc_err *err)
{
    int64_t owned = l->rows * l->cols;
    int32_t *map = NULL;
    struct round r = {.lists = &site->positions, .token_count = s->token_count};
    int rc;

    if (LC_ALLOC(&map, 2 * site->features, "pairs", err) == LC_OK &&
        LC_ALLOC(joint, owned, "joint counts", err) == LC_OK && tally)
        LC_ALLOC(shared, owned, "conditional sums", err);
    LC_TRY(rc, lc_comm_agree(par, err));
    map_tile(l, site->features, place, map, map + site->features);
    r.tile = (struct lc_tile){.rows = l->rows, .cols = l->cols, .row_of = map, .col_of = map + site->features};
    r.joint = *joint;
    LC_TRY(rc, go_round(&r, par, err));
    if (tally) {
        r.lists = tally;
        r.joint = NULL;
        r.shared = *shared;
        rc = go_round(&r, par, err);
    }
done:
    free(map);
    return rc;
}

struct lc_pair lc_site_pair(const struct lc_correlation *s, const struct lc_site_pairs *site, int64_t r, int64_t c)
{
    const struct lc_layout *l = &site->layout;
    int64_t at = r * l->cols + c;

    return (struct lc_pair){.n = s->n_tokens,
                            .n_i = site->count[lc_deal_global(&l->row, r)],
                            .n_j = site->count[lc_deal_global(&l->col, c)],
                            .joint = site->joint[at],
                            .shared = site->shared[at]};
}

/* --- what all pairs give together --- */

/* Pairs i < j of this rank: the greatest of each measure, and the sum of r^2. */
static void survey_pairs(const struct lc_correlation *s, struct lc_site_pairs *site, struct lc_exact *squares)
{
    const struct lc_layout *l = &site->layout;

    for (int64_t r = 0; r < l->rows; r++)
        for (int64_t c = 0; c < l->cols; c++) {
            int64_t i = lc_deal_global(&l->row, r), j = lc_deal_global(&l->col, c);
            struct lc_pair pair;
            if (i >= j)
                continue;
            pair = lc_site_pair(s, site, r, c);
            for (int k = 0; k < LC_MEASURES; k++) {
                double value = lc_pair_measure((enum lc_measure)k, &pair);
                lc_top_add(&site->top[k], value, site->feature[i], site->feature[j]);
                if (k == LC_PEARSON && !isnan(value))
                    lc_exact_add(squares, value * value);
            }
        }
}

static int save_top(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    const struct lc_top *top = arg;

    return lc_bytes_add(out, top->pair, (size_t)top->count * sizeof *top->pair, err);
}

static int merge_top(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct lc_top_pair pair;

    while (in->at < in->size) {
        if (lc_reader_take(in, &pair, sizeof pair, err) != LC_OK)
            return err->code;
        lc_top_add(arg, pair.value, pair.a, pair.b);
    }
    return LC_OK;
}

static int join_top(struct lc_top *top, const struct lc_comm *par, struct lc_err *err)
{
    const struct lc_mergeable what = {.save = save_top, .merge = merge_top, .arg = top};

    if (lc_comm_merge(par, &what, err) == LC_OK && par->rank == 0)
        lc_top_sort(top);
    return err->code;
}

static int save_squares(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    return lc_bytes_add(out, arg, sizeof(struct lc_exact), err);
}

static int merge_squares(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct lc_exact other;

    if (lc_reader_take(in, &other, sizeof other, err) == LC_OK)
        lc_exact_merge(arg, &other);
    return err->code;
}

/* M^2 / ||r||_F^2, the diagonal of r being 1. */
static int join_participation(struct lc_site_pairs *site, struct lc_exact *squares, const struct lc_comm *par,
                              struct lc_err *err)
{
    const struct lc_mergeable what = {.save = save_squares, .merge = merge_squares, .arg = squares};
    double m = (double)(site->features - site->degenerate);

    if (lc_comm_merge(par, &what, err) == LC_OK)
        site->participation = m > 0.0 ? m * m / (m + 2.0 * lc_exact_value(squares)) : NAN;
    return err->code;
}

static int survey_site(const struct lc_correlation *s, struct lc_site_pairs *site, const struct lc_comm *par,
                       struct lc_err *err)
{
    int64_t pairs = site->features * (site->features - 1) / 2, room = s->study->config.top_pairs;
    struct lc_exact squares = {{0}};
    int rc;

    for (int k = 0; k < LC_MEASURES && err->code == LC_OK; k++)
        lc_top_init(&site->top[k], pairs < room ? pairs : room, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    survey_pairs(s, site, &squares);
    for (int k = 0; k < LC_MEASURES; k++)
        LC_TRY(rc, join_top(&site->top[k], par, err));
    rc = join_participation(site, &squares, par, err);
done:
    return rc;
}

/* --- the spectrum --- */

/* Counts of the features that are not degenerate, and place[M] of each among them, or -1. */
static void leave_out(const struct lc_correlation *s, const struct lc_site_pairs *site, int64_t *count, int32_t *place)
{
    int32_t k = 0;

    for (int64_t m = 0; m < site->features; m++) {
        place[m] = lc_pair_is_degenerate(site->count[m], s->n_tokens) ? -1 : k;
        if (place[m] >= 0)
            count[k++] = site->count[m];
    }
}

static void fill_pearson(const struct lc_correlation *s, const struct lc_layout *l, const int64_t *count,
                         const uint32_t *joint, double *r)
{
    for (int64_t i = 0; i < l->rows; i++)
        for (int64_t j = 0; j < l->cols; j++) {
            struct lc_pair pair = {.n = s->n_tokens,
                                   .n_i = count[lc_deal_global(&l->row, i)],
                                   .n_j = count[lc_deal_global(&l->col, j)],
                                   .joint = joint[i * l->cols + j]};
            r[i * l->cols + j] = lc_pair_measure(LC_PEARSON, &pair);
        }
}

/* Where degenerate features are left out the matrix has another layout: its pairs are counted once more. */
static int make_spectrum(const struct lc_correlation *s, struct lc_site_pairs *site, const struct lc_comm *par,
                         struct lc_err *err)
{
    const struct lc_layout *l = &site->regular;
    int64_t owned, *count = NULL;
    int32_t *place = NULL;
    uint32_t *joint = NULL;
    double *r = NULL;
    int rc;

    lc_layout_init(&site->regular, site->features - site->degenerate, LC_BLOCK, par->size, par->rank);
    owned = l->rows * l->cols;
    if (LC_ALLOC(&count, site->features, "spectrum", err) == LC_OK &&
        LC_ALLOC(&place, site->features, "spectrum", err) == LC_OK &&
        LC_ALLOC(&site->eigenvalue, l->row.n, "eigenvalues", err) == LC_OK)
        leave_out(s, site, count, place);
    LC_TRY(rc, lc_comm_agree(par, err));
    if (site->degenerate > 0)
        LC_TRY(rc, count_pairs(s, site, par, l, place, NULL, &joint, NULL, err));
    if (LC_ALLOC(&r, owned, "Pearson matrix", err) == LC_OK && s->study->config.spectrum == LC_SPECTRUM_VECTORS)
        LC_ALLOC(&site->eigenvector, owned, "eigenvectors", err);
    LC_TRY(rc, lc_comm_agree(par, err));
    fill_pearson(s, l, count, joint ? joint : site->joint, r);
    rc = lc_eigen_symmetric(par, l, r, site->eigenvalue, site->eigenvector, err);
done:
    free(count);
    free(place);
    free(joint);
    free(r);
    return rc;
}

/* --- one site after the other --- */

static int check_memory(const struct lc_correlation *s, int64_t features, const struct lc_comm *par, int64_t active,
                        struct lc_err *err)
{
    const struct lc_config *c = &s->study->config;
    struct lc_joint_size size = {.features = features,
                                 .sites = s->study->sites,
                                 .ranks = par->size,
                                 .tokens = s->n_tokens,
                                 .mean_active = (double)active / (double)s->n_tokens,
                                 .spectrum = c->spectrum};
    int64_t bytes = lc_joint_bytes(&size);

    if (c->memory_per_rank == 0 || bytes <= c->memory_per_rank)
        return LC_OK;
    return LC_FAIL(err, LC_E_CONFIG,
                   "%s: key 'memory_per_rank' is %" PRId64 " bytes; the correlation of %" PRId64
                   " features on %d ranks needs %" PRId64,
                   c->source, c->memory_per_rank, features, par->size, bytes);
}

static int gather_site(struct lc_correlation *s, int64_t index, const struct lc_comm *par, struct lc_err *err)
{
    const struct lc_site *from = &s->study->site[index];
    struct lc_site_pairs *site = &s->site[index];
    struct lc_lists tally = {.width = 2};
    int64_t features = from->sae.shape.features, *sum = NULL;
    int32_t *place = NULL;
    int rc;

    lc_exchange_sum(par, &site->active, 1);
    LC_TRY(rc, tally_site(s, site, features, par, &tally, err));
    if (LC_ALLOC(&sum, 2 * features, "counts", err) == LC_OK)
        LC_ALLOC(&place, features, "leading features", err);
    LC_TRY(rc, lc_comm_agree(par, err));
    count_features(&tally, features, sum);
    lc_exchange_sum(par, sum, 2 * features);
    if (select_features(s, from, site, sum, place, err) == LC_OK)
        check_memory(s, site->features, par, site->active, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_lists_restrict(&site->positions, place);
    lc_lists_restrict(&tally, place);
    lc_layout_init(&site->layout, site->features, LC_BLOCK, par->size, par->rank);
    LC_TRY(rc, count_pairs(s, site, par, &site->layout, NULL, &tally, &site->joint, &site->shared, err));
    lc_lists_release(&tally);
    LC_TRY(rc, survey_site(s, site, par, err));
    if (s->study->config.spectrum != LC_SPECTRUM_NONE)
        LC_TRY(rc, make_spectrum(s, site, par, err));
    lc_lists_release(&site->positions);
done:
    lc_lists_release(&tally);
    free(sum);
    free(place);
    return rc;
}

/* N(a): every rank knows all windows. A BOS is no token of the corpus. */
static int count_tokens(struct lc_correlation *s, struct lc_err *err)
{
    const struct lc_windows *w = &s->study->windows;

    if (LC_ALLOC(&s->token_count, s->study->vocab, "token counts", err) != LC_OK)
        return err->code;
    for (int64_t k = 0; k < w->count; k++)
        for (int64_t t = 0; t < w->length[k]; t++)
            s->token_count[s->study->token[w->start[k] + t]]++;
    return LC_OK;
}

int lc_correlation_gather(void *arg, const struct lc_comm *par, struct lc_err *err)
{
    struct lc_correlation *s = arg;
    int rc;

    count_tokens(s, err);
    LC_TRY(rc, lc_comm_agree(par, err));
    lc_exchange_sum(par, &s->n_tokens, 1);
    for (int64_t i = 0; i < s->study->sites && rc == LC_OK; i++)
        rc = gather_site(s, i, par, err);
done:
    return rc;
}

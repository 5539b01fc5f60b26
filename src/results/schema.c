/* The layout of RESULT.h5: one row a dataset. Letters: N windows, V vocabulary, R readouts, F SAE features, S
 * samples (active features at readouts), T window length, M features that took part, B histogram bins, K entries of a
 * list, Q classes, L points of a sweep or a merge. In a file of several points every row but those of points/ and of sweep/
 * stands below points/NNNN/; one without SITE may stand in the file itself instead, for all points. */
#include "schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lightcone/values.h"

#define I64 LC_RESULT_I64
#define I32 LC_RESULT_I32
#define F64 LC_RESULT_F64
#define F32 LC_RESULT_F32
#define U8  LC_RESULT_U8

#define SPARSITY "sites/SITE/sparsity/"
#define POSITION SPARSITY "position/"
#define SAMPLES  "sites/SITE/influence/samples/"
#define VECTOR   "sites/SITE/influence/token_vector/"
#define FEATURES "sites/SITE/influence/features/"
#define WINDOWS  "sites/SITE/influence/windows/"
#define STRENGTH "sites/SITE/influence/by_activation/"
#define READOUT  "sites/SITE/influence/by_position/"
#define PAIRS    "sites/SITE/correlation/"
#define SPECTRUM "sites/SITE/spectrum/"
#define CONTEXTS "sites/SITE/contexts/"
#define SWEEP    "sites/SITE/sweep/"

/* clang-format off */
#define TOKEN_VECTOR(kind, formula)                                                                          \
    {VECTOR kind "/entropy", F64, 1, "bit",                                                                  \
     "[R] entropy H of the " kind " token vector's profile, " formula},                                      \
    {VECTOR kind "/total", F64, 1, "1", "[R] sum over positions of R(t') of the " kind " token vector"},     \
    {VECTOR kind "/profile", F32, 2, "1", "[R,T] R(t') of the " kind " token vector, " formula}
#define TOP_PAIRS(measure, units, meaning)                                                                   \
    {PAIRS "top_pairs/" measure "/a", I32, 1, "index", "[K] feature i of the pairs with the greatest " meaning}, \
    {PAIRS "top_pairs/" measure "/b", I32, 1, "index", "[K] feature j > i of these pairs"},                  \
    {PAIRS "top_pairs/" measure "/value", F64, 1, units, "[K] " meaning ", descending; ties by (i, j)"}
#define BOOTSTRAPPED(group, which)                                                                           \
    {group "samples", I64, 1, "count", "[Q] samples of the " which " that are not degenerate"},              \
    {group "entropy_mean", F64, 1, "bit", "[Q] mean of H over the samples of the " which},                   \
    {group "entropy_sd", F64, 1, "bit", "[Q] population standard deviation of H over these samples"},        \
    {group "entropy_low", F64, 1, "bit", "[Q] lower end of the mean's bootstrap 95 % interval over windows"}, \
    {group "entropy_high", F64, 1, "bit", "[Q] upper end of the mean's bootstrap 95 % interval over windows"}
/* clang-format on */

static const struct lc_schema_row rows[] = {
    {"config", U8, 1, "UTF-8 text",
     "canonical resolved configuration: every default written out; no output, cache, "
     "checkpoint, deadline or folder"},
    {"provenance/files", U8, 1, "UTF-8 text",
     "every input file, one line each: SHA-256 in hexadecimal, two spaces, size in "
     "bytes, two spaces, role, two spaces, name"},
    {"windows/start", I64, 1, "token",
     "[N] offset of the window's first token in the token stream of the corpus"},
    {"windows/length", I64, 1, "token", "[N] number of tokens of the window"},
    {"windows/token_id", I32, 1, "token id", "[sum of lengths] tokens of all windows, one after the other"},
    {"windows/indptr", I64, 1, "index",
     "[N+1] tokens of window n are windows/token_id[indptr[n] .. indptr[n+1])"},
    {"vocabulary/indptr", I64, 1, "byte",
     "[V+1] the bytes of token v are vocabulary/bytes[indptr[v] .. indptr[v+1])"},
    {"vocabulary/bytes", U8, 1, "byte",
     "text of all tokens as bytes, one after the other; a token alone need not be UTF-8"},
    {"readouts/window", I64, 1, "index", "[R] window of the readout, in (window, position) order"},
    {"readouts/position", I64, 1, "token", "[R] readout position t in the window, from 0"},
    {"corpus/token_count", I64, 1, "count", "[V] N(a): occurrences of token a among the tokens processed"},

    {SPARSITY "count", I64, 1, "count",
     "[F] N_i: positions where feature i is active (f_i > threshold, strictly)"},
    {SPARSITY "frequency", F64, 1, "1", "[F] p_i = N_i / n_tokens, the activation probability"},
    {SPARSITY "unique_tokens", I64, 1, "count", "[F] u_i: number of token ids a with N(i,a) > 0"},
    {SPARSITY "token_indptr", I64, 1, "index",
     "[F+1] entries of feature i are token_*[indptr[i] .. indptr[i+1])"},
    {SPARSITY "token_id", I32, 1, "token id",
     "[nnz] token ids a with N(i,a) > 0, ascending within a feature"},
    {SPARSITY "token_count", I64, 1, "count",
     "[nnz] N(i,a): positions with token a where feature i is active"},
    {SPARSITY "token_first", I64, 1, "token", "[nnz] stream index of the first such position"},
    {SPARSITY "token_order", I32, 1, "index",
     "[nnz] place in the order in which the feature's tokens first appeared; in results of published files, which have "
     "no token_first"},
    {SPARSITY "vocab_entropy", F64, 1, "bit", "[F] H_vocab(i): entropy of N(i,a)/N_i over a"},
    {POSITION "mean", F64, 1, "token",
     "[F] mean position in the window, from 0, where the feature is active"},
    {POSITION "sd", F64, 1, "token", "[F] population standard deviation of the position in the window"},
    {POSITION "corpus_mean", F64, 1, "token",
     "[F] mean index in the token stream where the feature is active"},
    {POSITION "corpus_sd", F64, 1, "token",
     "[F] population standard deviation of the index in the token stream"},
    {POSITION "histogram", I64, 2, "count", "[F,B] active positions in B equal bins over the window"},
    {POSITION "corpus_histogram", I64, 2, "count",
     "[F,B] active positions in B equal bins over the tokens processed, from the first index to the last"},
    {POSITION "records", I64, 1, "count",
     "[F] active positions behind these statistics, where a published file kept only the first of them"},

    {PAIRS "feature", I32, 1, "index", "[M] the leading features, ascending; rows and columns of the matrices"},
    {PAIRS "count", I64, 1, "count", "[M] N_i: positions where feature i is active (f_i > threshold, strictly)"},
    {PAIRS "joint_count", I64, 2, "count", "[M,M] M_ij: positions where features i and j are both active"},
    {PAIRS "conditional", F64, 2, "1",
     "[M,M] C_ij = (1/N) sum_a N(i,a) N(j,a) / N(a) - p_i p_j over token ids a, on the diagonal too"},
    {PAIRS "coactivation", F64, 2, "1", "[M,M] C_ij = M_ij / N - p_i p_j"},
    {PAIRS "pearson", F64, 2, "1",
     "[M,M] r_ij = (M_ij / N - p_i p_j) / sqrt(p_i (1 - p_i) p_j (1 - p_j)); NaN where p is 0 or 1"},
    {PAIRS "jaccard", F64, 2, "1", "[M,M] M_ij / (N_i + N_j - M_ij); NaN where neither is ever active"},
    TOP_PAIRS("conditional", "1", "conditional covariance"),
    TOP_PAIRS("coactivation", "1", "coactivation covariance"),
    TOP_PAIRS("pearson", "1", "Pearson correlation"),
    TOP_PAIRS("jaccard", "1", "Jaccard index"),

    {SPECTRUM "feature", I32, 1, "index", "[M] features of the Pearson matrix: those with 0 < p < 1, ascending"},
    {SPECTRUM "eigenvalue", F64, 1, "1", "[M] eigenvalues of the Pearson matrix, ascending"},
    {SPECTRUM "eigenvector", F64, 2, "1", "[M,M] row k: the eigenvector of eigenvalue k, of length 1"},

    {CONTEXTS "feature", I32, 1, "index", "[K] feature, ascending; its strongest activations, strongest first"},
    {CONTEXTS "window", I64, 1, "index", "[K] window of the activation"},
    {CONTEXTS "position", I64, 1, "token", "[K] position in the window, from 0, of its largest activation"},
    {CONTEXTS "value", F32, 1, "1", "[K] the activation; ties by window, then position"},

    {SAMPLES "window", I64, 1, "index",
     "[S] window of the sample, -1 where a published file does not tell; samples are sorted by (window, position, "
     "feature)"},
    {SAMPLES "position", I64, 1, "token", "[S] readout position t in the window, from 0"},
    {SAMPLES "feature", I32, 1, "index", "[S] active feature a"},
    {SAMPLES "activation", F32, 1, "1", "[S] f_a[t]; NaN where a published file does not tell"},
    {SAMPLES "entropy", F32, 1, "bit",
     "[S] H = -sum P log2 P of P(t') = (J(t') + e) / (sum J + e), e = 1e-12, renormalised; "
     "NaN where sum J is 0 or J is not finite (degenerate)"},
    {SAMPLES "total", F32, 1, "1", "[S] sum over t' of J(t')"},
    {SAMPLES "participation", F32, 1, "token", "[S] participation ratio 1 / sum P^2"},
    {SAMPLES "renyi2", F32, 1, "bit", "[S] Renyi entropy H_2 = -log2 sum P^2"},
    {SAMPLES "profile", F32, 2, "1",
     "[S,T] influence J_a(t') = sum_mu (d f_a[t] / d x[t']_mu)^2; 0 after the readout"},

    TOKEN_VECTOR("residual", "R(t') = || d y[t] / d x[t'] ||_F^2"),
    TOKEN_VECTOR("reconstruction", "R(t') = || d yhat[t] / d x[t'] ||_F^2, yhat = decode(f)"),
    TOKEN_VECTOR("residual_estimate", "R(t') = mean of || v d y[t] / d x[t'] ||^2 over random v = +-1, unbiased for that of "
                 "residual; its entropy is the plain one of this profile, biased by O(1/number of v)"),
    {VECTOR "residual_estimate/profile_se", F32, 2, "1",
     "[R,T] standard error of R(t'), sqrt(unbiased variance / K) over the K random v"},
    {VECTOR "residual_estimate/entropy_se", F64, 1, "bit",
     "[R] standard error of the entropy, jackknife over the random v; without its bias"},

    {FEATURES "feature", I32, 1, "index", "[M] features with enough samples, ascending"},
    {FEATURES "samples", I64, 1, "count", "[M] samples of the feature that are not degenerate"},
    {FEATURES "entropy_mean", F64, 1, "bit", "[M] mean of H over the feature's samples"},
    {FEATURES "entropy_sd", F64, 1, "bit",
     "[M] population standard deviation of H over the feature's samples"},
    {FEATURES "entropy_histogram", I64, 2, "count",
     "[M,B] samples in B equal bins of H from 0 to log2 of the window length"},
    {FEATURES "profile_mean", F64, 2, "1", "[M,T] mean of J(t') over the feature's samples"},
    {FEATURES "profile_sd", F64, 2, "1",
     "[M,T] population standard deviation of J(t') over the feature's samples"},
    {WINDOWS "samples", I64, 1, "count", "[N] samples of the window that are not degenerate"},
    {WINDOWS "entropy_mean", F64, 1, "bit", "[N] mean of H over the window's samples; NaN without samples"},
    {STRENGTH "least", F32, 1, "1", "[Q] least activation f of the class: classes hold equally many samples"},
    {STRENGTH "greatest", F32, 1, "1", "[Q] greatest activation f of the class"},
    BOOTSTRAPPED(STRENGTH, "class of activations"),
    {READOUT "position", I64, 1, "token", "[Q] readout position t in the window, from 0, ascending"},
    BOOTSTRAPPED(READOUT, "readout position"),

    {SWEEP "feature", I32, 1, "index", "[M] features with enough samples at the longest windows, ascending"},
    {SWEEP "samples", I64, 2, "count", "[M,L] samples of the feature at point k that are not degenerate"},
    {SWEEP "entropy_mean", F64, 2, "bit", "[M,L] mean of H over these samples; NaN without any"},
    {SWEEP "entropy_se", F64, 2, "bit",
     "[M,L] standard error of that mean, sd / sqrt(n - 1); NaN with fewer than two samples"},
    {SWEEP "saturation_length", F64, 1, "token",
     "[M] least T at which the mean of H reaches 95 % of its value at the longest windows, linear between the points with "
     "samples; the first of these where it is there from the start; NaN where that value is 0 or there is no other"},
};

enum { ROWS = sizeof rows / sizeof rows[0], COLUMNS_MAX = 96, COLUMN_ROOM = 256 };

/* points/KEY, of any key of a configuration: the axis along which points differ. The row comes from the table of keys. */
static const struct lc_schema_row *column_row(int index)
{
    static const enum lc_result_type types[] = {
        [LC_VALUE_INT] = I64, [LC_VALUE_REAL] = F64, [LC_VALUE_TEXT] = LC_RESULT_TEXT};
    static struct {
        struct lc_schema_row row;
        char name[COLUMN_ROOM], description[COLUMN_ROOM];
    } made[COLUMNS_MAX];
    struct lc_column c;

    if (index < COLUMNS_MAX && made[index].row.name)
        return &made[index].row;
    if (index >= COLUMNS_MAX || !lc_column_get(index, &c))
        return NULL;
    snprintf(made[index].name, COLUMN_ROOM, "points/%s", c.key);
    snprintf(made[index].description, COLUMN_ROOM, "[L] key %s of point k: %s%s%s", c.key, c.meaning,
             c.absent && c.kind != LC_VALUE_TEXT ? "; -1: " : "", c.absent && c.kind != LC_VALUE_TEXT ? c.absent : "");
    made[index].row = (struct lc_schema_row){.name = made[index].name,
                                             .type = types[c.kind],
                                             .rank = 1,
                                             .units = c.units,
                                             .description = made[index].description};
    return &made[index].row;
}

const struct lc_schema_row *lc_schema_row(int index)
{
    return index < ROWS ? &rows[index] : column_row(index - ROWS);
}

const struct lc_schema_row *lc_schema_find(const char *name)
{
    const struct lc_schema_row *row;

    for (int i = 0; (row = lc_schema_row(i)) != NULL; i++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

int lc_schema_has_group(const char *group)
{
    const struct lc_schema_row *row;
    size_t n = strlen(group);

    for (int i = 0; (row = lc_schema_row(i)) != NULL; i++)
        if (strncmp(row->name, group, n) == 0 && row->name[n] == '/')
            return 1;
    return 0;
}

/* letters, digits, _ - . and no leading dot: a name that cannot be a path */
static int site_is_plain(const char *site)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

    return site[0] != '\0' && site[0] != '.' && site[strspn(site, allowed)] == '\0';
}

/* Name with SITE, if it has one, replaced. */
static int below_point(char out[LC_RESULT_NAME_MAX], const char *name, const char *site, struct lc_err *err)
{
    const char *slot = strstr(name, "/SITE/"); /* where the site's name belongs */
    size_t tail = strlen(name);
    int n;

    if (!slot && tail >= 5 && strcmp(name + tail - 5, "/SITE") == 0)
        slot = name + tail - 5;
    if (!slot != !site)
        return LC_FAIL(err, LC_E_FORMAT, "%s: %s", name,
                       site ? "belongs to no site" : "needs the name of a site");
    if (!slot)
        n = snprintf(out, LC_RESULT_NAME_MAX, "%s", name);
    else if (!site_is_plain(site))
        return LC_FAIL(err, LC_E_FORMAT, "%s: '%.64s' cannot name a site; allowed: letters, digits, _ - .",
                       name, site);
    else
        n = snprintf(out, LC_RESULT_NAME_MAX, "%.*s/%s%s", (int)(slot - name), name, site,
                     slot + strlen("/SITE"));
    if (n < 0 || n >= LC_RESULT_NAME_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%.64s...: the name is longer than %d bytes", name,
                       LC_RESULT_NAME_MAX - 1);
    return LC_OK;
}

int lc_schema_path(char out[LC_RESULT_NAME_MAX], int64_t point, const char *name, const char *site,
                   struct lc_err *err)
{
    char below[LC_RESULT_NAME_MAX] = "";
    int n, rc = name ? below_point(below, name, site, err) : LC_OK;

    if (rc != LC_OK)
        return rc;
    if (point < 0)
        n = snprintf(out, LC_RESULT_NAME_MAX, "%s", name ? below : "/");
    else
        n = snprintf(out, LC_RESULT_NAME_MAX, "points/%04" PRId64 "%s%s", point, name ? "/" : "", below);
    return n < LC_RESULT_NAME_MAX ? LC_OK : LC_FAIL(err, LC_E_FORMAT, "%.64s...: the name is too long", below);
}

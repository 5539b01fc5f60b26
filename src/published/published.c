#include "lightcone/published.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"
#include "lightcone/hash.h"
#include "lightcone/memory.h"
#include "lightcone/tokenizer.h"
#include "source.h"

#define COUNTED "feature_counts", "frequencies", "total_tokens", "threshold", "feature_token_counts"

static const struct lc_published_kind kinds[] = {
    {"sparsity", "sparsity", LC_HOLDS_SPARSITY, {COUNTED}, {"site"}, lc_read_sparsity},
    {"location",
     "sparsity",
     LC_HOLDS_SPARSITY | LC_HOLDS_POSITION,
     {COUNTED, "feature_activations"},
     {"site", "max_records_per_feature"},
     lc_read_location},
    {"correlation",
     "correlation",
     LC_HOLDS_PAIRS,
     {"covariance_matrix", "leading_features"},
     {"site"},
     lc_read_correlation},
    {"influence", "influence", LC_HOLDS_SAMPLES, {"feature_influences"}, {"config"}, lc_read_influence},
    {"entropies",
     "influence",
     LC_HOLDS_SAMPLES | LC_HOLDS_VECTOR,
     {"batch_results"},
     {"config", "summary", "plots_dir", "batch_start_indices"},
     lc_read_entropies},
    {"sweep",
     "influence",
     LC_HOLDS_SAMPLES,
     {"results_by_batch_size"},
     {"config", "summary", "plots_dir"},
     lc_read_sweep},
    {"token_vector",
     "influence",
     LC_HOLDS_VECTOR,
     {"influence_distributions", "entropies"},
     {"config", "mean_influence", "std_influence", "mean_entropy", "std_entropy"},
     lc_read_token_vector},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* --- what a file is --- */

static int is_among(const char *key, const char *const list[LC_KIND_KEYS])
{
    for (int i = 0; i < LC_KIND_KEYS && list[i]; i++)
        if (strcmp(list[i], key) == 0)
            return 1;
    return 0;
}

/* All that is required is there, and nothing unknown. */
static int fits(const struct lc_published_kind *kind, const struct lc_node *root, int64_t keys, struct lc_err *err)
{
    struct lc_node node;
    char key[64];
    int found = 1;

    for (int i = 0; found && i < LC_KIND_KEYS && kind->required[i]; i++)
        if (lc_node_find(root, kind->required[i], &node, &found, err) != LC_OK)
            return 0;
    for (int64_t i = 0; found && i < keys; i++) {
        lc_node_key_text(root, i, key, sizeof key);
        found = is_among(key, kind->required) || is_among(key, kind->optional);
    }
    return found;
}

static int refuse_keys(const struct lc_node *root, int64_t keys, struct lc_err *err)
{
    char found[256] = "", allowed[128] = "", key[40];
    size_t used = 0, room = sizeof found;

    for (int64_t i = 0; i < keys && i < 8 && used < room; i++) {
        lc_node_key_text(root, i, key, sizeof key);
        used += (size_t)snprintf(found + used, room - used, "%s%s", i ? ", " : "", *key ? key : "(no text)");
    }
    used = 0;
    for (int k = 0; k < KINDS && used < sizeof allowed; k++)
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", k ? ", " : "", kinds[k].name);
    return lc_node_fail(root, err, "its keys are those of no published file: %s%s; allowed: the files of %s", found,
                        keys > 8 ? ", ..." : "", allowed);
}

static int recognise(struct lc_source *s, struct lc_err *err)
{
    int64_t keys = 0;

    if (lc_node_pairs(&s->root, &keys, err) != LC_OK)
        return err->code;
    for (int k = 0; !s->kind && err->code == LC_OK && k < KINDS; k++)
        if (fits(&kinds[k], &s->root, keys, err))
            s->kind = &kinds[k];
    if (err->code != LC_OK || s->kind)
        return err->code;
    return refuse_keys(&s->root, keys, err);
}

/* --- the site of a file --- */

static int told_site(struct lc_source *s, struct lc_err *err)
{
    static const char *const groups[] = {NULL, "config", "summary"};
    int rc = LC_OK, found = 0;

    for (int i = 0; rc == LC_OK && !found && i < 3; i++)
        rc = lc_source_text(s, groups[i], "site", s->site, sizeof s->site, &found, err);
    return rc;
}

/* resid_out_layerN in the file's name. */
static void named_site(struct lc_source *s)
{
    static const char stem[] = "resid_out_layer";
    const char *at = strstr(lc_path_name(lc_pickled_path(s->file)), stem);
    size_t digits = at ? strspn(at + sizeof stem - 1, "0123456789") : 0;

    if (digits > 0 && digits < 8)
        snprintf(s->site, sizeof s->site, "%.*s", (int)(sizeof stem - 1 + digits), at);
}

/* The site of the other files, when they agree. */
static const char *agreed_site(const struct lc_source *s, int64_t count)
{
    const char *site = NULL;

    for (int64_t i = 0; i < count; i++) {
        if (!*s[i].site)
            continue;
        if (site && strcmp(site, s[i].site) != 0)
            return NULL;
        site = s[i].site;
    }
    return site;
}

static int settle_sites(struct lc_source *s, int64_t count, const char *given, struct lc_err *err)
{
    const char *agreed;
    int rc = LC_OK;

    for (int64_t i = 0; i < count; i++) {
        LC_TRY(rc, told_site(&s[i], err));
        if (!*s[i].site && given && strlen(given) >= sizeof s[i].site)
            return LC_FAIL(err, LC_E_USAGE, "--site is a name of %zu bytes; allowed: at most %zu", strlen(given),
                           sizeof s[i].site - 1);
        if (!*s[i].site && given)
            snprintf(s[i].site, sizeof s[i].site, "%s", given);
        if (!*s[i].site)
            named_site(&s[i]);
    }
    agreed = agreed_site(s, count);
    for (int64_t i = 0; i < count; i++) {
        if (!*s[i].site && !agreed)
            return LC_FAIL(err, LC_E_USAGE,
                           "%s: neither its keys nor its name tell the site; pass --site, e.g. --site "
                           "resid_out_layer3",
                           lc_pickled_path(s[i].file));
        if (!*s[i].site)
            snprintf(s[i].site, sizeof s[i].site, "%s", agreed);
    }
done:
    return rc;
}

/* --- which files go together --- */

static int by_kind_and_site(const void *a, const void *b)
{
    const struct lc_source *x = a, *y = b;
    int order = lc_result_site_order(x->site, y->site);

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return order ? order : strcmp(lc_pickled_path(x->file), lc_pickled_path(y->file));
}

static int check_pair(const struct lc_source *a, struct lc_source *b, struct lc_err *err)
{
    const char *one = lc_pickled_path(a->file), *two = lc_pickled_path(b->file);

    if ((a->kind->read == lc_read_sweep) != (b->kind->read == lc_read_sweep))
        return LC_FAIL(err, LC_E_USAGE, "%s (%s) and %s (%s): a sweep's result holds only sweeps: make two results",
                       one, a->kind->name, two, b->kind->name);
    if (strcmp(a->site, b->site) != 0 || !(a->kind->holds & b->kind->holds))
        return LC_OK;
    if (a->kind->read == lc_read_sparsity && b->kind->read == lc_read_location) {
        b->beside = a;
        return LC_OK;
    }
    return LC_FAIL(err, LC_E_USAGE, "%s (%s) and %s (%s) hold the same of %s: make two results", one, a->kind->name,
                   two, b->kind->name, a->site);
}

/* In the order of kinds and sites, so that a result does not depend on the order of the command line. */
static int settle_order(struct lc_source *s, int64_t count, struct lc_err *err)
{
    qsort(s, (size_t)count, sizeof *s, by_kind_and_site);
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = i + 1; k < count; k++)
            if (check_pair(&s[i], &s[k], err) != LC_OK)
                return err->code;
    return LC_OK;
}

static void sources_close(struct lc_source *s, int64_t count)
{
    for (int64_t i = 0; s && i < count; i++)
        lc_pickled_close(s[i].file);
    free(s);
}

static int sources_open(struct lc_source **out, const struct lc_import *what, struct lc_err *err)
{
    struct lc_source *s = NULL;
    int rc = LC_ALLOC(&s, what->count, "files", err);

    for (int64_t i = 0; rc == LC_OK && i < what->count; i++) {
        rc = lc_pickled_open(&s[i].file, what->files[i], err);
        if (rc != LC_OK)
            break;
        s[i].root = lc_pickled_root(s[i].file);
        rc = recognise(&s[i], err);
    }
    if (rc == LC_OK)
        rc = settle_sites(s, what->count, what->site, err);
    if (rc == LC_OK)
        rc = settle_order(s, what->count, err);
    if (rc != LC_OK)
        sources_close(s, what->count);
    *out = rc == LC_OK ? s : NULL;
    return rc;
}

/* --- the file as a whole --- */

static int add_file(struct lc_bytes *text, const char *path, const char *role, struct lc_err *err)
{
    char hash[LC_HASH_HEX];
    int64_t size = 0;
    int rc = lc_hash_file(hash, &size, path, err);

    return rc == LC_OK ? lc_bytes_printf(text, err, "%s  %" PRId64 "  %s  %s\n", hash, size, role, lc_path_name(path))
                       : rc;
}

static int put_provenance(struct lc_result *r, const struct lc_source *s, int64_t count, const char *tokenizer,
                          struct lc_err *err)
{
    struct lc_bytes text = {0};
    int64_t size;
    int rc = LC_OK;

    for (int64_t i = 0; i < count; i++)
        LC_TRY(rc, add_file(&text, lc_pickled_path(s[i].file), "published", err));
    if (tokenizer)
        LC_TRY(rc, add_file(&text, tokenizer, "tokenizer", err));
    size = (int64_t)text.size;
    rc = lc_result_put(r, "provenance/files", NULL, &size, text.data, err);
done:
    lc_bytes_release(&text);
    return rc;
}

static int put_vocabulary(struct lc_imported *to, const char *path, struct lc_err *err)
{
    struct lc_tokenizer *tokenizer = NULL;
    int rc = lc_tokenizer_open(&tokenizer, path, err);

    if (rc != LC_OK)
        return rc;
    if (to->largest_token >= lc_tokenizer_vocab_size(tokenizer))
        rc =
            LC_FAIL(err, LC_E_FORMAT, "%s: has tokens up to %" PRId64 "; %s holds token %" PRId64, path,
                    lc_tokenizer_vocab_size(tokenizer) - 1, lc_pickled_path(to->largest_from->file), to->largest_token);
    else
        rc = lc_result_put_vocabulary(to->r, tokenizer, lc_tokenizer_vocab_size(tokenizer), err);
    lc_tokenizer_close(tokenizer);
    return rc;
}

int lc_imported_definitions(struct lc_imported *to, const char *job, const char *names, const char *features,
                            struct lc_err *err)
{
    int rc;

    LC_TRY(rc, lc_result_put_text(to->r, NULL, NULL, "job", job, err));
    LC_TRY(rc, lc_result_put_text(to->r, NULL, NULL, "source", "published file", err));
    LC_TRY(rc, lc_result_put_text(to->r, NULL, NULL, "kinds", names, err));
    LC_TRY(rc, lc_result_put_text(to->r, NULL, NULL, "sae_bias", "ignore", err));
    LC_TRY(rc, lc_result_put_text(to->r, NULL, NULL, "bos", "none", err));
    if (features) {
        LC_TRY(rc, lc_result_put_text(to->r, NULL, NULL, "readout", "last", err));
        LC_TRY(rc, lc_result_put_text(to->r, NULL, NULL, "features", features, err));
    }
    LC_TRY(rc,
           lc_result_put_text(
               to->r, NULL, NULL, "definitions",
               "as in the published files: active: f > threshold, strictly; J(t') = sum_mu (d f / d x[t']_mu)^2, x the "
               "output of the token embedding; entropies as the files have them; where they have none, H = -sum P "
               "log2 P bits, P = (J + e) / (sum J + e) renormalised, e = 1e-12; sd is the population's; intervals: "
               "95 % bootstrap over windows, 1000 rounds, centred on the estimate",
               err));
done:
    return rc;
}

/* Of all files: the job when it is one, the kinds, and which features took part when that is one rule. */
static int put_definitions(struct lc_imported *to, const struct lc_source *s, int64_t count, struct lc_err *err)
{
    const char *job = s[0].kind->job, *features = NULL;
    char names[128] = "";
    size_t used = 0;
    int rc;

    for (int64_t i = 0; i < count; i++) {
        const char *rule = s[i].kind->read == lc_read_influence ? "select" : "active";
        if (strcmp(job, s[i].kind->job) != 0)
            job = "import";
        if (s[i].kind->holds & LC_HOLDS_SAMPLES)
            features = !features || strcmp(features, rule) == 0 ? rule : "select, active";
        if ((i == 0 || s[i].kind != s[i - 1].kind) && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", s[i].kind->name);
    }
    LC_TRY(rc, lc_imported_definitions(to, job, names, features, err));
    if (to->threshold.found && !to->threshold.differs)
        LC_TRY(rc, lc_result_put_real(to->r, NULL, NULL, "threshold", to->threshold.value, err));
    if (to->length.found && !to->length.differs)
        LC_TRY(rc, lc_result_put_int(to->r, NULL, NULL, "window_length", (int64_t)to->length.value, err));
done:
    return rc;
}

/* What the result refuses, such as the name of a site, is said of the file, too. */
static int read_one(struct lc_imported *to, const struct lc_source *s, struct lc_err *err)
{
    const char *path = lc_pickled_path(s->file);

    if (s->kind->read(to, s, err) != LC_OK && !strstr(err->msg, path))
        lc_err_prefix(err, path);
    return err->code;
}

static int put_all(struct lc_imported *to, const struct lc_source *s, int64_t count, const char *tokenizer,
                   struct lc_err *err)
{
    int rc;

    LC_TRY(rc, put_provenance(to->r, s, count, tokenizer, err));
    for (int64_t i = 0; i < count; i++)
        LC_TRY(rc, read_one(to, &s[i], err));
    LC_TRY(rc, put_definitions(to, s, count, err));
    if (tokenizer)
        rc = put_vocabulary(to, tokenizer, err);
done:
    return rc;
}

static void imported_release(struct lc_imported *to)
{
    struct lc_common *all[] = {&to->starts,           &to->lengths, &to->readout_window,
                               &to->readout_position, &to->points,  &to->sweep_start};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]->value);
}

/* The result would replace what it is made from. */
static int check_output(const struct lc_import *what, struct lc_err *err)
{
    for (int64_t i = 0; i < what->count; i++)
        if (lc_path_is_same(what->files[i], what->output))
            return LC_FAIL(err, LC_E_USAGE, "%s: -o names a file that is to be read", what->output);
    return LC_OK;
}

static int tokenizer_path(const struct lc_import *what, char path[LC_PATH_MAX], const char **out, struct lc_err *err)
{
    *out = what->tokenizer;
    if (!what->tokenizer || !lc_path_is_folder(what->tokenizer))
        return LC_OK;
    *out = path;
    return lc_path_join(path, what->tokenizer, "tokenizer.json", err);
}

int lc_import_write(const struct lc_import *what, struct lc_err *err)
{
    struct lc_imported to = {.largest_token = -1};
    struct lc_source *s = NULL;
    char path[LC_PATH_MAX];
    const char *tokenizer = NULL;
    int rc;

    LC_TRY(rc, check_output(what, err));
    LC_TRY(rc, tokenizer_path(what, path, &tokenizer, err));
    LC_TRY(rc, sources_open(&s, what, err));
    LC_TRY(rc, lc_result_create(&to.r, what->output, err));
    rc = put_all(&to, s, what->count, tokenizer, err);
    if (rc == LC_OK)
        rc = lc_result_commit(to.r, err);
    else
        lc_result_abandon(to.r);
done:
    imported_release(&to);
    sources_close(s, what->count);
    return rc;
}

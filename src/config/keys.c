#include "keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lightcone/config.h"

enum { MAX_LENGTH = 1 << 20, MAX_LAYER = 4095, MAX_TOP = 1000, MAX_PROBES = 4096, NAME_ROOM = 64 };

#define AT(member) offsetof(struct lc_config, member)

/* In the order of the canonical form; keys of one group stand together. A row is a paragraph. */
/* clang-format off */
const struct lc_key lc_keys[] = {
    {.name = "job", .kind = LC_KEY_TEXT, .at = AT(job), .low = 1, .high = sizeof((struct lc_config *)0)->job - 1,
     .flags = LC_KEY_REQUIRED, .meaning = "what to compute"},
    {.name = "model.path", .kind = LC_KEY_PATH, .at = AT(model_path), .flags = LC_KEY_REQUIRED,
     .meaning = "a Hugging Face folder: config.json, *.safetensors, tokenizer.json"},
    {.name = "sae.path", .kind = LC_KEY_PATH, .at = AT(sae_path), .flags = LC_KEY_REQUIRED | LC_KEY_PATTERN,
     .meaning = "a file or folder for each site; may hold {layer} and {site}"},
    {.name = "sae.bias", .kind = LC_KEY_WORD, .at = AT(sae_bias), .words = {"own", "subtract", "ignore"},
     .fallback = "own",
     .meaning = "own: the SAE's rule; subtract: x - b, no rescaling; ignore: as the published scripts"},
    {.name = "corpus.path", .kind = LC_KEY_PATH, .at = AT(corpus_path), .flags = LC_KEY_REQUIRED,
     .meaning = "the text"},
    {.name = "corpus.tokens", .kind = LC_KEY_INT, .at = AT(corpus_tokens), .low = 1, .high = INT64_MAX,
     .unset = "all", .units = "token", .meaning = "use the first so many tokens"},
    {.name = "windows.length", .kind = LC_KEY_INT, .flags = LC_KEY_OR_LIST | LC_KEY_ORDERED, .at = AT(windows.length),
     .list_at = AT(windows.lengths), .low = 1, .high = MAX_LENGTH, .fallback = "64", .units = "token",
     .meaning = "tokens in a window; a list: a sweep, a point a length"},
    {.name = "windows.align", .kind = LC_KEY_WORD, .flags = LC_KEY_OF_SWEEP, .at = AT(windows.align),
     .words = {"start", "end"}, .fallback = "start",
     .meaning = "which token windows of several lengths share, their first or their last"},
    {.name = "windows.choice", .kind = LC_KEY_WORD, .flags = LC_KEY_OR_MAP, .at = AT(windows.choice),
     .words = {"sequential", "random"}, .map_word = LC_CHOICE_STARTS, .fallback = "sequential",
     .meaning = "which windows: in order, drawn among the multiples of the length, or given"},
    {.name = "windows.choice.starts", .kind = LC_KEY_INTS, .flags = LC_KEY_ORDERED, .at = AT(windows.starts),
     .low = 0, .high = INT64_MAX, .unset = "none", .meaning = "token offsets of the windows"},
    {.name = "windows.count", .kind = LC_KEY_INT, .at = AT(windows.count), .low = 1, .high = INT64_MAX,
     .unset = "all", .meaning = "use so many windows"},
    {.name = "windows.seed", .kind = LC_KEY_INT, .at = AT(windows.seed), .low = 0, .high = INT64_MAX,
     .fallback = "1", .meaning = "of the random choice"},
    {.name = "windows.bos", .kind = LC_KEY_WORD, .at = AT(windows.bos), .words = {"none", "each"},
     .fallback = "none", .meaning = "each: a BOS token before every window"},
    {.name = "sites.layers", .kind = LC_KEY_INTS, .at = AT(layers), .low = 0, .high = MAX_LAYER,
     .unset = "every layer with an SAE", .meaning = "residual stream after these layers"},
    {.name = "sites.names", .kind = LC_KEY_SITES, .flags = LC_KEY_LOCAL, .at = AT(layers), .low = 0,
     .high = MAX_LAYER, .unset = "see sites.layers", .meaning = "the same sites by name"},
    {.name = "threshold", .kind = LC_KEY_REAL, .at = AT(threshold), .real_low = 0, .fallback = "0.2",
     .meaning = "a feature is active above this"},
    {.name = "features", .kind = LC_KEY_WORD, .flags = LC_KEY_OR_LIST | LC_KEY_OR_MAP, .at = AT(features.rule),
     .words = {"active"}, .list_at = AT(features.list), .list_word = LC_FEATURES_LIST, .low = 0, .high = INT32_MAX,
     .map_word = LC_FEATURES_SELECT, .fallback = "active", .meaning = "which features"},
    {.name = "features.min_frequency", .kind = LC_KEY_REAL, .flags = LC_KEY_BELOW_HIGH,
     .at = AT(features.min_frequency), .real_low = 0, .real_high = 1, .absent = -1, .unset = "no bound",
     .meaning = "more frequent than this, strictly"},
    {.name = "features.top", .kind = LC_KEY_INT, .at = AT(features.top), .low = 1, .high = INT64_MAX,
     .unset = "all", .meaning = "the most frequent so many"},
    {.name = "features.min_unique", .kind = LC_KEY_INT, .at = AT(features.min_unique), .low = 0, .high = INT64_MAX,
     .absent = -1, .unset = "no bound", .meaning = "on more unique tokens than this, strictly"},
    {.name = "features.min_samples", .kind = LC_KEY_INT, .at = AT(features.min_samples), .low = 0,
     .high = INT64_MAX, .fallback = "0", .meaning = "features with fewer samples are left out of the summaries"},
    {.name = "features.from", .kind = LC_KEY_PATH, .at = AT(features.from), .unset = "required for a selection; correlation has its own counts",
     .meaning = "result of a sparsity job"},
    {.name = "readout", .kind = LC_KEY_WORD, .flags = LC_KEY_OR_LIST | LC_KEY_OR_MAP, .at = AT(readout), .words = {"last", "all"},
     .list_at = AT(readout_positions), .list_word = LC_READOUT_POSITIONS, .low = 0, .high = MAX_LENGTH - 1,
     .map_word = LC_READOUT_TOP, .fallback = "last", .meaning = "positions at which features are read"},
    {.name = "readout.top_activations", .kind = LC_KEY_INT, .at = AT(readout_top), .low = 1, .high = MAX_TOP,
     .unset = "required for a map", .meaning = "windows that end on so many strongest activations of a feature"},
    {.name = "readout.from", .kind = LC_KEY_PATH, .at = AT(readout_from), .unset = "required for a map",
     .meaning = "result of a contexts job"},
    {.name = "token_vector", .kind = LC_KEY_FLAGS, .words = {"residual", "reconstruction", "residual_estimate"},
     .flag_at = {AT(token_residual), AT(token_reconstruction), AT(token_estimate)}, .fallback = "[reconstruction]",
     .meaning = "influence on the whole token vector; residual_estimate: residual from random probes, with standard errors"},
    {.name = "residual_probes", .kind = LC_KEY_INT, .at = AT(residual_probes), .low = 2, .high = MAX_PROBES,
     .fallback = "32", .meaning = "random probes of residual_estimate"},
    {.name = "summary", .kind = LC_KEY_WORD, .at = AT(summary), .words = {"feature_mean", "window_mean", "pooled"},
     .fallback = "feature_mean", .meaning = "the mean entropy that reports lead with; results hold all three"},
    {.name = "contexts.top", .kind = LC_KEY_INT, .at = AT(contexts_top), .low = 1, .high = MAX_TOP,
     .fallback = "10", .meaning = "contexts job: so many windows for every feature"},
    {.name = "keep.profiles", .kind = LC_KEY_BOOL, .at = AT(keep_profiles), .fallback = "false",
     .meaning = "store the influence profile of every sample"},
    {.name = "correlation.definition", .kind = LC_KEY_WORD, .at = AT(covariance),
     .words = {"conditional", "coactivation"}, .fallback = "conditional",
     .meaning = "the covariance that figures show; the result holds both"},
    {.name = "correlation.top_pairs", .kind = LC_KEY_INT, .at = AT(top_pairs), .low = 0, .high = 1000000,
     .fallback = "100", .meaning = "pairs listed by each measure"},
    {.name = "correlation.spectrum", .kind = LC_KEY_WORD, .at = AT(spectrum), .words = {"none", "values", "vectors"},
     .fallback = "values", .meaning = "eigenvalues of the Pearson matrix, and eigenvectors"},
    {.name = "precision", .kind = LC_KEY_WORD, .at = AT(precision), .words = {"float32", "bf16x6", "bf16x3", "bf16"},
     .fallback = "bf16x6",
     .meaning = "of products with the model's weights, where the CPU has faster ones than float32; bf16x6 is as accurate"},
    {.name = "unit.windows", .kind = LC_KEY_INT, .at = AT(unit_windows), .low = 1, .high = INT32_MAX,
     .unset = "the job's own", .meaning = "windows in a unit of work"},
    {.name = "unit.features", .kind = LC_KEY_INT, .at = AT(unit_features), .low = 1, .high = INT32_MAX,
     .unset = "the job's own", .meaning = "features that go backward together"},
    {.name = "memory_per_rank", .kind = LC_KEY_BYTES, .at = AT(memory_per_rank), .low = 1, .high = INT64_MAX,
     .unset = "no limit", .units = "byte", .meaning = "bytes that one rank's buffers may take"},
    {.name = "checkpoint.every", .kind = LC_KEY_INT, .flags = LC_KEY_LOCAL, .at = AT(checkpoint_every), .low = 0,
     .high = INT32_MAX, .fallback = "600",
     .meaning = "seconds between checkpoints, longer where writing one takes over 1 % of that; 0: none"},
    {.name = "deadline", .kind = LC_KEY_INT, .flags = LC_KEY_LOCAL, .at = AT(deadline), .low = 1, .high = INT32_MAX,
     .unset = "none", .meaning = "stop with a checkpoint before so many seconds have passed"},
    {.name = "patience", .kind = LC_KEY_INT, .flags = LC_KEY_LOCAL, .at = AT(patience), .low = 0, .high = INT32_MAX,
     .fallback = "600", .meaning = "end the job when a rank says nothing for so many seconds; 0: wait for ever"},
    {.name = "sweep", .kind = LC_KEY_GRID, .flags = LC_KEY_LOCAL, .unset = "one configuration",
     .meaning = "a grid: every combination of the values is a point with a result of its own; `output` joins them"},
    {.name = "cache", .kind = LC_KEY_PATH, .flags = LC_KEY_LOCAL, .at = AT(cache),
     .unset = "cache/ beside the output", .meaning = "folder for token ids"},
    {.name = "output", .kind = LC_KEY_PATH, .flags = LC_KEY_LOCAL | LC_KEY_REQUIRED, .at = AT(output),
     .meaning = "the result, an HDF5 file"},
};
/* clang-format on */

const int lc_key_count = sizeof lc_keys / sizeof lc_keys[0];

__attribute__((format(printf, 3, 4))) static void text_put(char *out, size_t room, const char *fmt, ...)
{
    size_t used = strlen(out);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(out + used, room - used, fmt, ap);
    va_end(ap);
}

const struct lc_key *lc_key_find(const char *name, size_t length)
{
    for (int i = 0; i < lc_key_count; i++)
        if (strlen(lc_keys[i].name) == length && memcmp(lc_keys[i].name, name, length) == 0)
            return &lc_keys[i];
    return NULL;
}

/* The part of a key's name below the group, or NULL when it stands elsewhere. */
static const char *name_below(const struct lc_key *key, const char *group)
{
    size_t length = strlen(group);

    if (length == 0)
        return key->name;
    if (strncmp(key->name, group, length) != 0 || key->name[length] != '.')
        return NULL;
    return key->name + length + 1;
}

int lc_key_is_group(const char *name)
{
    for (int i = 0; i < lc_key_count; i++)
        if (name_below(&lc_keys[i], name))
            return 1;
    return 0;
}

const struct lc_key *lc_key_parent(const struct lc_key *key)
{
    const char *dot = strrchr(key->name, '.');

    return dot ? lc_key_find(key->name, (size_t)(dot - key->name)) : NULL;
}

/* The next distinct child name after row *i, its length in *length; NULL at the end. */
static const char *child_next(const char *group, int *i, size_t *length)
{
    const char *last = *i >= 0 ? name_below(&lc_keys[*i], group) : NULL;
    size_t last_length = last ? strcspn(last, ".") : 0;

    while (++*i < lc_key_count) {
        const char *name = name_below(&lc_keys[*i], group);
        if (!name)
            continue;
        *length = strcspn(name, ".");
        if (!last || *length != last_length || memcmp(name, last, *length) != 0)
            return name;
    }
    return NULL;
}

const char *lc_key_children(char *out, size_t room, const char *group)
{
    const char *name;
    size_t length;
    int i = -1;

    *out = '\0';
    while ((name = child_next(group, &i, &length)))
        text_put(out, room, "%s%.*s", *out ? ", " : "", (int)length, name);
    return out;
}

static void range_put(char *out, size_t room, const struct lc_key *key)
{
    if (key->high == INT64_MAX)
        text_put(out, room, "of at least %" PRId64, key->low);
    else
        text_put(out, room, "from %" PRId64 " to %" PRId64, key->low, key->high);
}

static void words_put(char *out, size_t room, const struct lc_key *key, const char *between)
{
    for (int k = 0; k < LC_KEY_WORDS && key->words[k]; k++)
        text_put(out, room, "%s%s", k ? between : "", key->words[k]);
}

static void word_allowed(char *out, size_t room, const struct lc_key *key)
{
    char children[128];

    words_put(out, room, key, " | ");
    if (key->flags & LC_KEY_OR_LIST) {
        text_put(out, room, " | a list of distinct integers ");
        range_put(out, room, key);
    }
    if (key->flags & LC_KEY_OR_MAP)
        text_put(out, room, " | {%s}", lc_key_children(children, sizeof children, key->name));
}

const char *lc_key_allowed(char *out, size_t room, const struct lc_key *key)
{
    *out = '\0';
    switch (key->kind) {
    case LC_KEY_INT:
        text_put(out, room, "an integer ");
        range_put(out, room, key);
        if (key->flags & LC_KEY_OR_LIST)
            text_put(out, room, " | an ascending list of them");
        break;
    case LC_KEY_BYTES:
        text_put(out, room, "bytes as a positive integer, also with K, M or G (KiB, MiB, GiB)");
        break;
    case LC_KEY_REAL:
        text_put(out, room, "a finite number of at least %g", key->real_low);
        if (key->flags & LC_KEY_BELOW_HIGH)
            text_put(out, room, " and below %g", key->real_high);
        break;
    case LC_KEY_BOOL:
        text_put(out, room, "true | false");
        break;
    case LC_KEY_TEXT:
        text_put(out, room, "a text of %" PRId64 " to %" PRId64 " bytes", key->low, key->high);
        break;
    case LC_KEY_PATH:
        text_put(out, room, "a path%s",
                 key->flags & LC_KEY_PATTERN ? ", with {layer} or {site} in it or not" : "");
        break;
    case LC_KEY_WORD:
        word_allowed(out, room, key);
        break;
    case LC_KEY_FLAGS:
        text_put(out, room, "a list of none or some of: ");
        words_put(out, room, key, ", ");
        break;
    case LC_KEY_INTS:
        text_put(out, room, "a list of distinct integers ");
        range_put(out, room, key);
        break;
    case LC_KEY_SITES:
        text_put(out, room, "a list of distinct names resid_out_layerN, N ");
        range_put(out, room, key);
        break;
    case LC_KEY_GRID:
        text_put(out, room, "a map of keys, each with a list of values, as {threshold: [0.1, 0.2], sites.layers: [[0], [1]]}");
        break;
    }
    return out;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, one row of the table at a time. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t row[NAME_ROOM];

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

int lc_key_nearest(char *out, size_t room, const char *group, const char *name)
{
    size_t length = strlen(name), best = least(2, length / 2) + 1, child_length;
    const char *child;
    int i = -1, found = 0;

    if (length >= NAME_ROOM)
        return 0;
    while ((child = child_next(group, &i, &child_length))) {
        size_t distance = child_length < NAME_ROOM ? edit_distance(name, length, child, child_length) : best;
        if (distance >= best)
            continue;
        best = distance;
        found = 1;
        snprintf(out, room, "%s%s%.*s", group, *group ? "." : "", (int)child_length, child);
    }
    return found;
}

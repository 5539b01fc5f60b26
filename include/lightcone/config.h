/* config.h - the configuration: YAML bytes to one typed struct, by way of a table of keys. */
#ifndef LC_CONFIG_H
#define LC_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/file.h"
#include "lightcone/linalg.h"
#include "lightcone/memory.h"

enum lc_bias_rule { LC_BIAS_OWN, LC_BIAS_SUBTRACT, LC_BIAS_IGNORE };
enum lc_window_choice { LC_CHOICE_SEQUENTIAL, LC_CHOICE_RANDOM, LC_CHOICE_STARTS };
enum lc_window_align { LC_ALIGN_START, LC_ALIGN_END };
enum lc_bos_rule { LC_BOS_NONE, LC_BOS_EACH };
enum lc_readout_rule { LC_READOUT_LAST, LC_READOUT_ALL, LC_READOUT_POSITIONS, LC_READOUT_TOP };
enum lc_covariance_rule { LC_COVARIANCE_CONDITIONAL, LC_COVARIANCE_COACTIVATION };
enum lc_spectrum_rule { LC_SPECTRUM_NONE, LC_SPECTRUM_VALUES, LC_SPECTRUM_VECTORS };
enum lc_summary_choice { LC_SUMMARY_FEATURE_MEAN, LC_SUMMARY_WINDOW_MEAN, LC_SUMMARY_POOLED };
enum lc_feature_rule { LC_FEATURES_ACTIVE, LC_FEATURES_LIST, LC_FEATURES_SELECT };

struct lc_int_list {
    int64_t *value; /* owned */
    int64_t count;
};

enum { LC_SWEEP_MAX = 1000 }; /* points of a sweep */

struct lc_window_config {
    int64_t length;             /* T, tokens; of a sweep the longest */
    struct lc_int_list lengths; /* a sweep's, ascending, at most LC_SWEEP_MAX; count 0: one length */
    enum lc_window_align align; /* which end windows of several lengths share */
    enum lc_window_choice choice;
    struct lc_int_list starts; /* choice starts */
    int64_t count;             /* 0: all */
    int64_t seed;
    enum lc_bos_rule bos;
};

/* `features:` of jobs that select. */
struct lc_feature_config {
    enum lc_feature_rule rule;
    struct lc_int_list list;
    double min_frequency; /* select: frequency > this, strictly; negative: no bound */
    int64_t top;          /* the most frequent so many; 0: all */
    int64_t min_unique;   /* unique tokens > this, strictly; negative: no bound */
    int64_t min_samples;  /* features with fewer samples are dropped from the summaries; 0: none */
    char from[LC_PATH_MAX]; /* result of a sparsity job; absolute or relative to the working folder, resolved. Empty: the
                             * counts of the job itself, which only correlation has */
};

struct lc_config {
    char job[32];
    char model_path[LC_PATH_MAX]; /* all paths resolved against the configuration file's folder */
    char sae_path[LC_PATH_MAX];   /* may hold {layer} and {site} */
    enum lc_bias_rule sae_bias;
    char corpus_path[LC_PATH_MAX];
    int64_t corpus_tokens; /* 0: all */
    struct lc_window_config windows;
    struct lc_int_list layers; /* sites; count 0: every layer with an SAE */
    double threshold;
    struct lc_feature_config features;
    enum lc_readout_rule readout;
    struct lc_int_list readout_positions;
    int64_t readout_top;            /* readout top: windows end on so many strongest activations of a feature */
    char readout_from[LC_PATH_MAX]; /* readout top: result of a contexts job; resolved */
    int64_t contexts_top;           /* contexts job: windows kept for every feature */
    int token_residual, token_reconstruction, token_estimate; /* token_vector: [...] */
    int64_t residual_probes;        /* of residual_estimate, at every readout and site */
    enum lc_summary_choice summary; /* the mean entropy that reports lead with */
    int keep_profiles;
    enum lc_covariance_rule covariance; /* correlation.definition: which one "the correlation" is; results hold both */
    int64_t top_pairs;              /* correlation.top_pairs: of each measure */
    enum lc_spectrum_rule spectrum; /* correlation.spectrum */
    enum lc_precision precision;    /* of products with the model's weights */
    int64_t unit_windows, unit_features; /* 0: the job's own */
    int64_t memory_per_rank;             /* bytes of its buffers; 0: not limited */
    int64_t checkpoint_every; /* seconds; 0: no checkpoints */
    int64_t deadline;         /* seconds from the start; 0: none */
    int64_t patience;         /* seconds that a rank may be silent; 0: for ever */
    char cache[LC_PATH_MAX];             /* default: cache/ in the output's folder */
    char output[LC_PATH_MAX];
    char source[LC_PATH_MAX]; /* the configuration file, for messages */
};

/* Of a file whose `sweep` makes several configurations see grid.h; here it is LC_E_CONFIG.
 * Parse `size` bytes of YAML that came from `path`, then apply the `overrides` ("key.path=value", each parsed as a YAML
 * value). Defaults first; unknown or duplicate key, wrong type, value out of range, alias, nesting deeper than 16 or a
 * document over 1 MiB is LC_E_CONFIG with path, line, key, what was found and what is allowed. Same bytes give the same
 * struct on every rank. On success release with lc_config_release(). */
int lc_config_parse(struct lc_config *config, const char *path, const char *bytes, size_t size,
                    const char *const *overrides, int64_t override_count, struct lc_err *err);
void lc_config_release(struct lc_config *config);

/* The canonical form: every key with its value, defaults written out, without output, cache and folders (model, sae and
 * corpus by their last path component); parses back to the same meaning. Appended to *out. */
int lc_config_canonical(const struct lc_config *config, struct lc_bytes *out, struct lc_err *err);

/* One line per key - name, type, allowed, default, meaning - from the same table that parses. Appended to *out. */
int lc_config_help(struct lc_bytes *out, struct lc_err *err);

#endif

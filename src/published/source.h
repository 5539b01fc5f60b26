/* source.h - a published file, its kind, and the result that is being made. Private to src/published. */
#ifndef LC_PUBLISHED_SOURCE_H
#define LC_PUBLISHED_SOURCE_H

#include "lightcone/pickled.h"
#include "lightcone/results.h"
#include "lightcone/samples.h"

enum {
    LC_SITE_NAME = 128,
    LC_KIND_KEYS = 10,
    LC_LENGTH_MAX = 1 << 20,   /* tokens of a window */
    LC_FEATURES_MAX = 1 << 20, /* rows of a file that lists every feature of an SAE */
};

/* What a kind writes for its site; two files of one site must not write the same. */
enum { LC_HOLDS_SPARSITY = 1, LC_HOLDS_POSITION = 2, LC_HOLDS_PAIRS = 4, LC_HOLDS_SAMPLES = 8, LC_HOLDS_VECTOR = 16 };

struct lc_source;
struct lc_imported;

struct lc_published_kind {
    const char *name, *job; /* job: which of Lightcone's finds the same */
    unsigned holds;
    const char *required[LC_KIND_KEYS], *optional[LC_KIND_KEYS]; /* keys of the file's dict; NULL behind the last */
    int (*read)(struct lc_imported *to, const struct lc_source *from, struct lc_err *err);
};

struct lc_source {
    struct lc_pickled *file;
    struct lc_node root;
    const struct lc_published_kind *kind;
    char site[LC_SITE_NAME];
    const struct lc_source *beside; /* of a location file: the sparsity file of its site, or NULL */
};

/* A number that the files may agree on. */
struct lc_setting {
    double value;
    int found, differs;
};

/* Integers that stand once in a result, for all its sites. */
struct lc_common {
    int64_t *value, count;
    const struct lc_source *from;
};

struct lc_imported {
    struct lc_result *r;
    struct lc_setting threshold, length;
    struct lc_common starts, lengths, readout_window, readout_position, points, sweep_start;
    int64_t largest_token; /* -1: no token ids */
    const struct lc_source *largest_from;
};

void lc_setting_note(struct lc_setting *s, double value);

/* value[count] is what `from` has for it: *first 1 when it is the first, else LC_E_USAGE when it differs. */
int lc_common_note(struct lc_common *c, const struct lc_source *from, const char *what, const int64_t *value,
                   int64_t count, int *first, struct lc_err *err);

/* The text at `group`.`key`, or at `key` for group NULL; *found 0 when there is none. Likewise a number. */
int lc_source_text(const struct lc_source *s, const char *group, const char *key, char *out, size_t room, int *found,
                   struct lc_err *err);
int lc_source_real(const struct lc_source *s, const char *group, const char *key, double *out, int *found,
                   struct lc_err *err);
int lc_source_int(const struct lc_source *s, const char *group, const char *key, int64_t low, int64_t high,
                  int64_t *out, int *found, struct lc_err *err);

/* config.threshold: noted for the result, and an attribute of the group. Nothing where the file does not tell. */
int lc_source_put_threshold(struct lc_imported *to, const struct lc_source *s, const char *group, struct lc_err *err);

/* A list of lists of numbers, or an array: `dim` rows and columns (columns 0: as many as the first row has), in *out,
 * which the caller frees. */
int lc_node_matrix(const struct lc_node *node, int64_t columns, int64_t dim[2], double **out, struct lc_err *err);

/* J[n], each >= 0. */
int lc_node_profile(const struct lc_node *node, int64_t n, double *j, struct lc_err *err);
int lc_profile_check(const struct lc_node *node, const double *j, int64_t n, struct lc_err *err);

/* An entropy in bits of a profile over n positions. */
int lc_node_entropy(const struct lc_node *node, int64_t n, double *out, struct lc_err *err);

/* One window's features: {feature: entropy}, {feature: J[T]}, {feature: activation} below `window`, all of the same
 * features. Adds them by ascending feature. */
int lc_source_add_window(const struct lc_node *window, int64_t index, struct lc_samples *samples, struct lc_err *err);

/* samples, features, windows and summaries of influence. */
int lc_source_put_influence(struct lc_imported *to, const struct lc_source *s, const struct lc_samples *samples,
                            int64_t windows, struct lc_err *err);

/* readouts: the last position of each of n windows of `length` tokens. */
int lc_imported_readouts(struct lc_imported *to, const struct lc_source *s, int64_t n, int64_t length,
                         struct lc_err *err);

/* One function a kind. */
int lc_read_sparsity(struct lc_imported *to, const struct lc_source *s, struct lc_err *err);
int lc_read_location(struct lc_imported *to, const struct lc_source *s, struct lc_err *err);
int lc_read_correlation(struct lc_imported *to, const struct lc_source *s, struct lc_err *err);
int lc_read_influence(struct lc_imported *to, const struct lc_source *s, struct lc_err *err);
int lc_read_entropies(struct lc_imported *to, const struct lc_source *s, struct lc_err *err);
int lc_read_sweep(struct lc_imported *to, const struct lc_source *s, struct lc_err *err);
int lc_read_token_vector(struct lc_imported *to, const struct lc_source *s, struct lc_err *err);

/* Attributes that say by which definitions the numbers of the file, or of a point of it, hold. */
int lc_imported_definitions(struct lc_imported *to, const char *job, const char *kinds, const char *features,
                            struct lc_err *err);

#endif

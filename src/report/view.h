/* view.h - what the figures look at: the sites of one or several results, with their arrays checked. Private
 * to src/report. */
#ifndef LC_REPORT_VIEW_H
#define LC_REPORT_VIEW_H

#include "lightcone/memory.h"
#include "lightcone/results.h"

/* Datasets of a site that are read at once; samples/profile and the matrices of correlation can be large and are read
 * where they are drawn. */
enum lc_view_id {
    LC_VIEW_COUNT,
    LC_VIEW_FREQUENCY,
    LC_VIEW_UNIQUE,
    LC_VIEW_POSITION_MEAN,
    LC_VIEW_POSITION_SD,
    LC_VIEW_CORPUS_MEAN,
    LC_VIEW_CORPUS_SD,
    LC_VIEW_RECORDS,
    LC_VIEW_LEADING,
    LC_VIEW_S_WINDOW,
    LC_VIEW_S_POSITION,
    LC_VIEW_S_FEATURE,
    LC_VIEW_S_ACTIVATION,
    LC_VIEW_S_ENTROPY,
    LC_VIEW_F_FEATURE,
    LC_VIEW_F_SAMPLES,
    LC_VIEW_F_MEAN,
    LC_VIEW_F_SD,
    LC_VIEW_F_PROFILE_MEAN,
    LC_VIEW_F_PROFILE_SD,
    LC_VIEW_RESIDUAL_ENTROPY,
    LC_VIEW_RECONSTRUCTION_ENTROPY,
    LC_VIEW_ESTIMATE_ENTROPY,
    LC_VIEW_ESTIMATE_SE,
    LC_VIEW_STRENGTH_LEAST,
    LC_VIEW_STRENGTH_GREATEST,
    LC_VIEW_STRENGTH_SAMPLES,
    LC_VIEW_STRENGTH_MEAN,
    LC_VIEW_STRENGTH_LOW,
    LC_VIEW_STRENGTH_HIGH,
    LC_VIEW_READOUT_POSITION,
    LC_VIEW_READOUT_SAMPLES,
    LC_VIEW_READOUT_MEAN,
    LC_VIEW_READOUT_LOW,
    LC_VIEW_READOUT_HIGH,
    LC_VIEW_SWEEP_FEATURE,
    LC_VIEW_SWEEP_SAMPLES,
    LC_VIEW_SWEEP_MEAN,
    LC_VIEW_SWEEP_SE,
    LC_VIEW_SWEEP_SATURATION,
    LC_VIEW_ARRAYS
};

enum lc_view_mean { LC_VIEW_POOLED, LC_VIEW_WINDOW_MEAN, LC_VIEW_FEATURE_MEAN, LC_VIEW_MEANS };

/* One summary, of mean entropy in bits or of a share; found 0 (and NaN) when the result does not have it. */
struct lc_view_summary {
    double value, sd, low, high;
    int64_t n;
    int found;
};

/* All samples of one feature at one site. */
struct lc_view_feature {
    int32_t feature;
    int64_t samples;            /* with finite entropy */
    double activation, entropy; /* sum of f_a over all samples; mean of H, bits, NaN without samples */
};

/* What a result can hold of a site. Influence is that of features; token vectors can stand in a result without any. */
enum lc_view_part {
    LC_VIEW_INFLUENCE,
    LC_VIEW_VECTOR,
    LC_VIEW_SPARSITY,
    LC_VIEW_SWEEP,
    LC_VIEW_CORRELATION,
    LC_VIEW_PARTS
};

struct lc_view_site {
    const char *name;
    struct lc_result *part[LC_VIEW_PARTS]; /* borrowed from the view; NULL when no result has it */
    const char *path[LC_VIEW_PARTS];
    struct lc_array array[LC_VIEW_ARRAYS]; /* data NULL when absent */
    struct lc_view_summary mean[LC_VIEW_MEANS];
    int64_t degenerate;
    struct lc_view_summary share, overlap; /* of the two token vectors: share explained, overlap of profiles */
    struct lc_view_feature *feature; /* by ascending index */
    int64_t n_features;
    struct lc_array length;                           /* [L] window lengths of the sweep */
    struct lc_view_summary *point[LC_VIEW_MEANS];     /* [L] the means at its points */
};

/* Which influence is looked at where results have both: of all features that were active, or of features that a rule chose
 * beforehand. Among equals the first given. */
enum lc_view_choice { LC_VIEW_ACTIVE, LC_VIEW_CHOSEN };

/* One of the files that were given. */
struct lc_view_file {
    const char *path;
    struct lc_result *result;
    struct lc_axes axes; /* of its points */
    int merged;          /* its points have results of their own, and the file has none that is drawn as such */
};

struct lc_view {
    struct lc_view_file *file;
    int64_t n_files;
    const char **paths; /* of the results: files, or points of merged files, at which they stand */
    struct lc_result **result;
    int64_t n_results;
    struct lc_view_site *site; /* by ascending layer */
    int64_t n_sites;
    enum lc_view_choice choice; /* that of every influence in it */
    struct lc_bytes notes; /* sentences about what was passed over, one a line */
};

/* `choice` is what is wanted; where no result has such, the other one. Of a merged file the view is that of point `point`
 * (0: the first), or, where its points are of different sites, of those that share all its other axes; a note says which.
 * LC_E_USAGE when no file has such a point. */
int lc_view_open(struct lc_view *v, const char *const *paths, int64_t count, enum lc_view_choice choice, int64_t point,
                 struct lc_err *err);
void lc_view_close(struct lc_view *v);
/* 1 when the results are of both choices, so that the other view would show something else. */
int lc_view_is_mixed(const struct lc_view *v);

/* Names of the definitions, as in the file. */
extern const char *const lc_view_mean_names[LC_VIEW_MEANS];

/* Length of the first dimension, 0 when absent. */
int64_t lc_view_count(const struct lc_view_site *s, enum lc_view_id id);
const double *lc_view_f64(const struct lc_view_site *s, enum lc_view_id id);
const float *lc_view_f32(const struct lc_view_site *s, enum lc_view_id id);
const int64_t *lc_view_i64(const struct lc_view_site *s, enum lc_view_id id);
const int32_t *lc_view_i32(const struct lc_view_site *s, enum lc_view_id id);

/* Rows [first, first + count) of a matrix [M,M] of the site's correlation, M as LC_VIEW_LEADING; LC_E_FORMAT when its
 * rows have another length. */
int lc_view_matrix_rows(const struct lc_view_site *s, const char *name, int64_t first, int64_t count,
                        struct lc_array *out, struct lc_err *err);

/* Mean, sd (population) and number of the finite among n values; NaN when there is none. */
struct lc_view_stat {
    double mean, sd;
    int64_t n;
};
struct lc_view_stat lc_view_stat_f64(const double *x, int64_t n);

/* NULL when the site has no such feature. */
const struct lc_view_feature *lc_view_find(const struct lc_view_site *s, int32_t feature);

/* Windows and vocabulary of one result, to print tokens; checked so that any index in range is safe. */
struct lc_view_text {
    struct lc_array indptr, token, word_indptr, word;
    int64_t windows, words;
};
/* *found 0 when the result holds no vocabulary; `windows` is 0 where it does not have the tokens of its windows. */
int lc_view_text_open(struct lc_view_text *t, const struct lc_result *r, const char *path, int *found,
                      struct lc_err *err);
void lc_view_text_close(struct lc_view_text *t);
int64_t lc_view_text_length(const struct lc_view_text *t, int64_t window);
/* Bytes of a token; size 0 for one that is not in the vocabulary. */
const void *lc_view_text_token(const struct lc_view_text *t, int64_t window, int64_t position, size_t *size);
const void *lc_view_text_word(const struct lc_view_text *t, int64_t id, size_t *size);

#endif

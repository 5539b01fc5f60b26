/* tokens.h - one feature over the text of its strongest sample. Private to src/report; sticky errors. */
#ifndef LC_REPORT_TOKENS_H
#define LC_REPORT_TOKENS_H

#include "view.h"

/* The samples of one feature at one site, and the share of influence of each token of the strongest. */
struct lc_tokens {
    int64_t *sample;      /* indices into the site's samples, by window */
    int64_t n, strongest; /* strongest: the sample with the greatest activation (the first where none
                             is known); -1 without samples */
    int64_t window, position;
    double activation, entropy;
    double *share; /* [length] P(t'); NULL when no profile is kept at all */
    int64_t length;
    int own_profile;          /* 1: of this very sample; 0: the feature's mean profile */
    struct lc_array profile;  /* samples/profile, whole; data NULL when not kept */
    struct lc_view_text text; /* windows 0: no text in the result */
};

int lc_tokens_open(struct lc_tokens *t, const struct lc_view_site *s, int32_t feature, struct lc_err *err);
void lc_tokens_close(struct lc_tokens *t);

/* Shares of row `sample` of a profile [S,T]: J / sum J into share[T]; 0 when J does not sum to a positive
 * number. */
int lc_tokens_share(const struct lc_array *profile, int64_t sample, double *share);

#endif

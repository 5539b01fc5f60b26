/* profiles.h - mergeable mean and spread of influence profiles, feature by feature: exact sums of J(t') and J(t')^2. */
#ifndef LC_PROFILES_H
#define LC_PROFILES_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/exact.h"
#include "lightcone/memory.h"

/* Largest J that can be added: its square stays within LC_EXACT_MAX. */
#define LC_PROFILE_MAX 0x1p95

struct lc_profiles {
    int64_t features, length;
    struct lc_exact **sum; /* [features], NULL until seen; then sum[length], squares[length] */
    int64_t *samples;      /* [features] */
};

int lc_profiles_init(struct lc_profiles *p, int64_t features, int64_t length, struct lc_err *err);
void lc_profiles_release(struct lc_profiles *p);

/* Add one sample's J[n], n <= length (0 beyond), every value in [0, LC_PROFILE_MAX]. */
int lc_profiles_add(struct lc_profiles *p, int64_t feature, const double *j, int64_t n, struct lc_err *err);

/* mean[length] and population sd[length] of a feature that has samples. */
void lc_profiles_moments(const struct lc_profiles *p, int64_t feature, double *mean, double *sd);

int lc_profiles_save(const struct lc_profiles *p, struct lc_bytes *out, struct lc_err *err);
int lc_profiles_merge(struct lc_profiles *p, struct lc_reader *in, struct lc_err *err);

#endif

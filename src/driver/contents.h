/* contents.h - what a result holds beside what its job found. Private to src/driver. All on rank 0. */
#ifndef LC_CONTENTS_H
#define LC_CONTENTS_H

#include "lightcone/results.h"
#include "lightcone/study.h"

/* The canonical configuration and the provenance of all inputs. */
int lc_contents_put_config(const struct lc_study *study, struct lc_result *r, struct lc_err *err);
/* Windows with the tokens that the model saw, BOS included. */
int lc_contents_put_windows(const struct lc_study *study, struct lc_result *r, struct lc_err *err);
/* Attributes that say by which definitions the numbers hold. */
int lc_contents_put_definitions(const struct lc_study *study, struct lc_result *r, struct lc_err *err);

#endif

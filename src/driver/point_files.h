/* point_files.h - the files that a point comes to. Private to src/driver. */
#ifndef LC_POINT_FILES_H
#define LC_POINT_FILES_H

#include "lightcone/file.h"
#include "lightcone/parts.h"

/* Write the result of one point, whose accumulators are merged, and before it the file beside it, if there is one. What
 * fails leaves neither. Collective; agrees on errors. */
int lc_point_files_write(const struct lc_parts *point, const struct lc_comm *par, struct lc_err *err);
/* Take both back. Rank 0 alone acts. */
void lc_point_files_remove(const struct lc_parts *point, const struct lc_comm *par);

/* The path of the file beside the result of a study, "" where there is none. */
int lc_point_files_beside(const struct lc_job *job, const struct lc_study *study, char out[LC_PATH_MAX], struct lc_err *err);

/* A run that was killed while it wrote its results left them half written. */
void lc_point_files_sweep(const struct lc_job *job, const char *output);

#endif

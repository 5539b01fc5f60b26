/* merge.h - results of one job joined: one file whose points are theirs. */
#ifndef LC_MERGE_H
#define LC_MERGE_H

#include <stdint.h>

#include "lightcone/err.h"

/* Join the results at `paths` (at least one, of one job) into `output`. Every input is a point, and one that has points
 * itself is as many. Points differ in the axes: the configuration keys in which the inputs' /config differ, and the length
 * of a sweep over windows.length; they stand in the order of their values, whatever the order of `paths`, and the bytes
 * depend on the inputs alone. What a point holds is what its own file holds; what belongs to no site and is the same in all
 * of them (vocabulary, windows) stands in the file once, and tables over the lengths of one input (sites/SITE/sweep) are
 * left behind. Two models, SAE suites or corpora whose names are the same are told apart by the SHA-256 of their files, of
 * which eight digits then stand in the axis.
 * One process, without MPI; memory for the layout alone, since the numbers go from file to file. The output appears when it
 * is whole. LC_E_USAGE where the inputs do not go together, naming two of them. */
int lc_merge(const char *const *paths, int64_t count, const char *output, struct lc_err *err);

#endif

/* joint.h - counting pairs of features from sparse lists: a position with A active features touches A^2 pairs, a dense
 * product would touch M^2. All of it without MPI: lists can be cut, sent and counted anywhere, in any order. */
#ifndef LC_JOINT_H
#define LC_JOINT_H

#include <stdint.h>

#include "lightcone/config.h"
#include "lightcone/err.h"

/* Records of 32-bit words, one after the other: token id, number n of entries, n entries of `width` words. Width 1: the
 * ascending features active at one position. Width 2, a tally: feature and N(i,a), all features of one token a.
 * Zeroed but for `width` is empty and valid. */
struct lc_lists {
    int32_t *word; /* owned; free by lc_lists_release() */
    int64_t used, room;
    int width;
};

void lc_lists_release(struct lc_lists *l);
/* Append one record; entry[n * width]. On failure the list is unchanged. */
int lc_lists_add(struct lc_lists *l, int32_t token, const int32_t *entry, int64_t n, struct lc_err *err);
/* End of the last record of a piece that begins at word `at` and holds at most `most` words, but one record at least.
 */
int64_t lc_lists_cut(const struct lc_lists *l, int64_t at, int64_t most);

/* out (zeroed) = the tally of `in` (width 1 or 2, records in any order): ascending tokens, ascending features, every
 * pair once. Tokens are below `vocab`, features below `features`, counts sum up below 2^31. */
int lc_lists_tally(struct lc_lists *out, const struct lc_lists *in, int64_t vocab, int64_t features,
                   struct lc_err *err);
/* Put place[feature] in place of every feature, dropping those whose place is -1 and records without any; place[] must
 * keep the order. Gives memory back. */
void lc_lists_restrict(struct lc_lists *l, const int32_t *place);

/* The part of the M x M matrices that one rank owns: whichever rows and columns. */
struct lc_tile {
    int64_t rows, cols;
    const int32_t *row_of, *col_of; /* [M] place of a feature among the rows and the columns, or -1; borrowed */
};

/* joint[rows, cols] += positions of the list (width 1, features below M) where both features are active: M_ij. */
int lc_tile_count(const struct lc_tile *t, const struct lc_lists *positions, uint32_t *joint, struct lc_err *err);
/* shared[rows, cols] += sum over the tokens a of a tally of N(i,a) N(j,a) / N(a), added in the order of the records;
 * token_count[a] = N(a). */
int lc_tile_share(const struct lc_tile *t, const struct lc_lists *tally, const int64_t *token_count, double *shared,
                  struct lc_err *err);

/* Most words of a piece of a list that goes from rank to rank. */
enum { LC_JOINT_PIECE = 1 << 21 };

/* What decides how much memory a correlation takes. */
struct lc_joint_size {
    int64_t features; /* M, the leading ones of one site; of several sites: see below */
    int64_t sites, ranks, tokens;
    double mean_active; /* active features at a position, before the selection */
    enum lc_spectrum_rule spectrum;
};
/* Bytes of one rank, the forward pass and the result's small parts aside:
 *   lists    sites * tokens / ranks * 4 (2 + mean_active) * 3/2      as they grow; of one site once more in the tally
 *   tally    tokens / ranks * 24 mean_active                         N(i,a) before, while and after it is sent
 *   pieces   16 bytes a word of a piece
 *   matrices M^2 / ranks * (sites * 12 + e)                          M_ij in 4 bytes, the conditional sum in 8;
 *            e = 0, 12 or 36 for the spectrum none, values, vectors: matrix, counts, vectors and work
 *            (vectors of every site are kept: 8 more for each further site)
 * An upper bound where tokens repeat, as they do. INT64_MAX where it overflows. */
int64_t lc_joint_bytes(const struct lc_joint_size *size);

#endif

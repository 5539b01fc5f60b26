/* windows.h - which stretches of the token stream are run. */
#ifndef LC_WINDOWS_H
#define LC_WINDOWS_H

#include <stdint.h>

#include "lightcone/config.h"
#include "lightcone/err.h"

struct lc_windows {
    int64_t *start;  /* [count] offset of the first token in the stream, ascending */
    int64_t *length; /* [count] tokens; all T but for a shorter last one */
    int64_t count;
};

/* Cut a stream of `tokens` ids into windows of T = config->length, which of several lengths is the longest. choice
 * sequential: 0, T, 2T, ...; random: `count` distinct multiples of T, seeded by lc_random_*, sorted; starts: the first
 * `count` as listed (ascending, each once, start + T <= tokens). keep_short: a last window of fewer than T tokens is
 * kept (sparsity; sequential only, and not where several lengths are aligned at their end: none of them has it whole) or
 * dropped. LC_E_CONFIG when a window leaves the stream, none is left, or more are asked for than there are. */
int lc_windows_make(struct lc_windows *out, const struct lc_window_config *config, int64_t tokens, int keep_short,
                    struct lc_err *err);

/* The windows of another length of the same sweep: out's window n has `length` tokens and shares its first token (align
 * start) or its last (end) with window n of `longest`, which are those of `most` >= length tokens. A short last window
 * has none of another length beside it. LC_E_CONFIG when no window is left. */
int lc_windows_shorten(struct lc_windows *out, const struct lc_windows *longest, int64_t most, int64_t length,
                       enum lc_window_align align, struct lc_err *err);
void lc_windows_release(struct lc_windows *windows);

#endif

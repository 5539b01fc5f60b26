/* windows.c - the stream cut into windows. Every message names the key that is at fault. */
#include "lightcone/windows.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lightcone/memory.h"
#include "lightcone/random.h"

enum { RANDOM_STREAM = 1 }; /* of lc_random_*: the choice of windows */

static int make_room(struct lc_windows *out, int64_t count, struct lc_err *err)
{
    int rc;

    LC_TRY(rc, LC_ALLOC(&out->start, count, "windows", err));
    LC_TRY(rc, LC_ALLOC(&out->length, count, "windows", err));
done:
    return rc;
}

static void add(struct lc_windows *out, int64_t start, int64_t length)
{
    out->start[out->count] = start;
    out->length[out->count++] = length;
}

static int check_count(int64_t count, int64_t there, int64_t length, int64_t tokens, struct lc_err *err)
{
    if (there == 0)
        return LC_FAIL(err, LC_E_CONFIG,
                       "windows.length is %" PRId64 ", and the corpus has %" PRId64
                       " tokens; allowed: up to that many",
                       length, tokens);
    if (count < 0 || count > there)
        return LC_FAIL(err, LC_E_CONFIG,
                       "windows.count is %" PRId64 "; allowed: 1 to %" PRId64
                       ", as many windows of %" PRId64 " tokens as there are in %" PRId64 " tokens",
                       count, there, length, tokens);
    return LC_OK;
}

static int sequential(struct lc_windows *out, const struct lc_window_config *config, int64_t tokens,
                      int keep_short, struct lc_err *err)
{
    int64_t T = config->length, whole = tokens / T, count = whole + (keep_short && tokens % T ? 1 : 0);
    int rc;

    LC_TRY(rc, check_count(config->count, count, T, tokens, err));
    if (config->count)
        count = config->count;
    LC_TRY(rc, make_room(out, count, err));
    for (int64_t i = 0; i < count; i++)
        add(out, i * T, i < whole ? T : tokens % T);
done:
    return rc;
}

/* Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S): every subset is equally likely, in ascending
 * order. */
static int at_random(struct lc_windows *out, const struct lc_window_config *config, int64_t tokens,
                     struct lc_err *err)
{
    int64_t T = config->length, there = tokens / T, count = config->count ? config->count : there;
    int rc;

    LC_TRY(rc, check_count(config->count, there, T, tokens, err));
    LC_TRY(rc, make_room(out, count, err));
    for (int64_t i = 0; i < there && out->count < count; i++) {
        uint64_t left = (uint64_t)(there - i), wanted = (uint64_t)(count - out->count);
        if (lc_random_below((uint64_t)config->seed, RANDOM_STREAM, (uint64_t)i, left) < wanted)
            add(out, i * T, T);
    }
done:
    return rc;
}

static int check_start(const struct lc_window_config *config, int64_t i, int64_t tokens, struct lc_err *err)
{
    int64_t start = config->starts.value[i];

    if (start < 0 || start > tokens - config->length)
        return LC_FAIL(err, LC_E_CONFIG,
                       "windows.choice.starts[%" PRId64 "] is %" PRId64 "; allowed: 0 to %" PRId64 " (%" PRId64
                       " tokens, windows of %" PRId64 ")",
                       i, start, tokens - config->length, tokens, config->length);
    if (i > 0 && start <= config->starts.value[i - 1])
        return LC_FAIL(err, LC_E_CONFIG,
                       "windows.choice.starts[%" PRId64 "] is %" PRId64 " after %" PRId64
                       "; allowed: ascending, each once",
                       i, start, config->starts.value[i - 1]);
    return LC_OK;
}

static int listed(struct lc_windows *out, const struct lc_window_config *config, int64_t tokens,
                  struct lc_err *err)
{
    int64_t count = config->starts.count;
    int rc;

    if (count == 0)
        return LC_FAIL(err, LC_E_CONFIG, "windows.choice.starts is empty; allowed: at least one token offset");
    if (config->count > 0 && config->count < count)
        count = config->count;
    LC_TRY(rc, check_count(0, tokens / config->length, config->length, tokens, err));
    LC_TRY(rc, make_room(out, count, err));
    for (int64_t i = 0; i < count; i++) {
        LC_TRY(rc, check_start(config, i, tokens, err));
        add(out, config->starts.value[i], config->length);
    }
done:
    return rc;
}

static int make(struct lc_windows *out, const struct lc_window_config *config, int64_t tokens, int keep_short,
                struct lc_err *err)
{
    switch (config->choice) {
    case LC_CHOICE_SEQUENTIAL:
        return sequential(out, config, tokens, keep_short, err);
    case LC_CHOICE_RANDOM:
        return at_random(out, config, tokens, err);
    case LC_CHOICE_STARTS:
        return listed(out, config, tokens, err);
    }
    return LC_FAIL(err, LC_E_CONFIG, "windows.choice is %d; allowed: sequential, random, starts",
                   (int)config->choice);
}

int lc_windows_make(struct lc_windows *out, const struct lc_window_config *config, int64_t tokens,
                    int keep_short, struct lc_err *err)
{
    int rc;

    *out = (struct lc_windows){0};
    keep_short = keep_short && !(config->lengths.count > 0 && config->align == LC_ALIGN_END);
    if (config->length < 1)
        return LC_FAIL(err, LC_E_CONFIG, "windows.length is %" PRId64 "; allowed: at least 1",
                       config->length);
    rc = make(out, config, tokens, keep_short, err);
    if (rc != LC_OK)
        lc_windows_release(out);
    return rc;
}

int lc_windows_shorten(struct lc_windows *out, const struct lc_windows *longest, int64_t most, int64_t length,
                       enum lc_window_align align, struct lc_err *err)
{
    int64_t count = longest->count, skip = align == LC_ALIGN_END ? most - length : 0;
    int rc;

    *out = (struct lc_windows){0};
    if (length < most && longest->length[count - 1] < most)
        count--;
    if (count == 0)
        return LC_FAIL(err, LC_E_CONFIG,
                       "windows.length holds %" PRId64 ", and the corpus has %" PRId64
                       " tokens; allowed: up to that many",
                       most, longest->length[0]);
    LC_TRY(rc, make_room(out, count, err));
    for (int64_t i = 0; i < count; i++)
        add(out, longest->start[i] + skip, longest->length[i] < length ? longest->length[i] : length);
done:
    if (rc != LC_OK)
        lc_windows_release(out);
    return rc;
}

void lc_windows_release(struct lc_windows *windows)
{
    free(windows->start);
    free(windows->length);
    *windows = (struct lc_windows){0};
}

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/config.h"

#include "fill.h"

void lc_config_release(struct lc_config *config)
{
    free(config->windows.lengths.value);
    free(config->windows.starts.value);
    free(config->layers.value);
    free(config->features.list.value);
    free(config->readout_positions.value);
    *config = (struct lc_config){0};
}

static int windows_check(const struct lc_window_config *w, const struct lc_tree *tree, struct lc_err *err)
{
    int choice = lc_tree_line(tree, "windows.choice"), count = lc_tree_line(tree, "windows.count");

    if (w->lengths.count > LC_SWEEP_MAX)
        return lc_tree_fail(tree, lc_tree_line(tree, "windows.length"), err,
                            "key 'windows.length' is a list of %" PRId64 "; allowed: at most %d lengths",
                            w->lengths.count, LC_SWEEP_MAX);
    if (w->choice == LC_CHOICE_RANDOM && w->count == 0)
        return lc_tree_fail(tree, choice, err,
                            "key 'windows.count' is missing; 'windows.choice: random' needs it");
    if (w->choice == LC_CHOICE_STARTS && w->starts.count == 0)
        return lc_tree_fail(tree, choice, err,
                            "key 'windows.choice.starts' is missing; a map of 'windows.choice' needs it");
    if (w->choice == LC_CHOICE_STARTS && w->count > w->starts.count)
        return lc_tree_fail(tree, count, err,
                            "key 'windows.count' is %" PRId64 "; 'windows.choice.starts' gives %" PRId64
                            " windows",
                            w->count, w->starts.count);
    return LC_OK;
}

/* A readout of strongest activations makes the windows itself. */
static int readout_check(const struct lc_config *c, const struct lc_tree *tree, struct lc_err *err)
{
    int line = lc_tree_line(tree, "readout");

    if (c->readout != LC_READOUT_TOP)
        return LC_OK;
    if (c->readout_top == 0)
        return lc_tree_fail(tree, line, err, "key 'readout.top_activations' is missing; a map of 'readout' needs it");
    if (!c->readout_from[0])
        return lc_tree_fail(tree, line, err,
                            "key 'readout.from' is missing; 'readout.top_activations' needs the result of a contexts job");
    if (c->windows.choice != LC_CHOICE_SEQUENTIAL)
        return lc_tree_fail(tree, lc_tree_line(tree, "windows.choice"), err,
                            "key 'windows.choice' does not go with 'readout.top_activations', which makes the windows; "
                            "allowed: leave it out");
    if (c->windows.count > 0)
        return lc_tree_fail(tree, lc_tree_line(tree, "windows.count"), err,
                            "key 'windows.count' is %" PRId64 "; 'readout.top_activations' makes the windows; allowed: "
                            "leave it out",
                            c->windows.count);
    if (c->windows.lengths.count > 0 && c->windows.align != LC_ALIGN_END)
        return lc_tree_fail(tree, lc_tree_line(tree, "windows.length"), err,
                            "key 'windows.align' is 'start'; of several lengths with 'readout.top_activations' all end "
                            "on the activation; allowed: end");
    return LC_OK;
}

/* Rules that join several keys. */
static int config_check(const struct lc_config *c, const struct lc_tree *tree, struct lc_err *err)
{
    const struct lc_int_list *positions = &c->readout_positions;
    int64_t shortest = c->windows.lengths.count ? c->windows.lengths.value[0] : c->windows.length;
    int rc = windows_check(&c->windows, tree, err);

    if (rc != LC_OK)
        return rc;
    if (positions->count && positions->value[positions->count - 1] >= shortest)
        return lc_tree_fail(tree, lc_tree_line(tree, "readout"), err,
                            "key 'readout' holds position %" PRId64
                            "; allowed: below 'windows.length', %" PRId64,
                            positions->value[positions->count - 1], shortest);
    if (c->features.rule == LC_FEATURES_SELECT && !c->features.from[0] && strcmp(c->job, "correlation") != 0)
        return lc_tree_fail(tree, lc_tree_line(tree, "features"), err,
                            "key 'features.from' is missing; a selection needs the result of a sparsity job");
    return readout_check(c, tree, err);
}

static int cache_default(struct lc_config *c, const struct lc_tree *tree, struct lc_err *err)
{
    struct lc_err ignored = LC_ERR_INIT;
    char folder[LC_PATH_MAX];

    if (c->cache[0])
        return LC_OK;
    lc_path_folder(folder, c->output);
    if (lc_path_join(c->cache, folder, "cache", &ignored) != LC_OK)
        return lc_tree_fail(tree, lc_tree_line(tree, "output"), err,
                            "key 'output' is too long for 'cache' beside it; give 'cache'");
    return LC_OK;
}

int lc_config_finish(struct lc_config *config, const struct lc_tree *tree, struct lc_err *err)
{
    int rc = config_check(config, tree, err);

    return rc == LC_OK ? cache_default(config, tree, err) : rc;
}

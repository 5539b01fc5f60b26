/* fill.h - from the tree to the struct, by the table of keys. */
#ifndef LC_CONFIG_FILL_H
#define LC_CONFIG_FILL_H

#include "lightcone/config.h"

#include "keys.h"
#include "tree.h"

/* Values of the tree, then defaults for what it leaves out. `folder` is where relative paths start. */
int lc_config_fill(struct lc_config *config, const struct lc_tree *tree, const char *folder,
                   struct lc_err *err);

/* That the node's key is none of those below `group` ("" is the top). */
int lc_config_unknown(const struct lc_tree *tree, const struct lc_node *node, const char *group, struct lc_err *err);

/* Rules that join several keys, and the defaults that follow from others, of a struct that is filled. */
int lc_config_finish(struct lc_config *config, const struct lc_tree *tree, struct lc_err *err);

#endif

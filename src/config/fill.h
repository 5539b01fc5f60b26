/* fill.h - from the tree to the struct, by the table of keys. */
#ifndef LC_CONFIG_FILL_H
#define LC_CONFIG_FILL_H

#include "lightcone/config.h"

#include "keys.h"
#include "tree.h"

/* Values of the tree, then defaults for what it leaves out. `folder` is where relative paths start. */
int lc_config_fill(struct lc_config *config, const struct lc_tree *tree, const char *folder,
                   struct lc_err *err);

#endif

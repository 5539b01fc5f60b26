/* canonical.h - one key of a configuration as it stands there; private to src/config. */
#ifndef LC_CONFIG_CANONICAL_H
#define LC_CONFIG_CANONICAL_H

#include "keys.h"
#include "lightcone/config.h"

/* Has the key a meaning in this configuration? Not a local one, one below a group that is no map here, or one of sweeps
 * where there is none. */
int lc_key_applies(const struct lc_config *config, const struct lc_key *key);
/* Is a word that may be a map a map here? `key` may be NULL. */
int lc_key_is_map(const struct lc_config *config, const struct lc_key *key);
int lc_key_is_absent(const struct lc_config *config, const struct lc_key *key);

/* Without folders: from the first component with a placeholder, else the last component. */
const char *lc_key_path_tail(const char *path);

/* " VALUE" in YAML, for a key that is neither of these. Appended to *out. */
int lc_key_value_write(const struct lc_config *config, const struct lc_key *key, struct lc_bytes *out,
                       struct lc_err *err);

/* "a:\n  b:\n    c:" as far as the previous key has not opened it. */
int lc_key_name_write(struct lc_bytes *out, const char *name, const char *previous, struct lc_err *err);

#endif

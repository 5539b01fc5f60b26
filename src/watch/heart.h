/* heart.h - gives signs of life (alive.h) from a thread of rank 0, so that they neither wait for a long unit or a large
 * result nor make the ranks wait for a slow disk. The thread makes no MPI call. Private to src/watch. */
#ifndef LC_HEART_H
#define LC_HEART_H

#include "lightcone/alive.h"

struct lc_heart; /* opaque */

/* The first sign of life, and then one every LC_ALIVE_EVERY seconds, A disk that takes none is said to
 * `warn`, and no error. LC_E_MEMORY, LC_E_LIBRARY: then there is nothing to stop. Not collective. */
int lc_heart_start(struct lc_heart **heart, const char *output, const struct lc_alive *first,
                   void (*warn)(const char *text), struct lc_err *err);

/* What the next sign of life shall say; one of another phase is given at once. Cheap. NULL: nothing happens. */
void lc_heart_tell(struct lc_heart *heart, const struct lc_alive *how_far);

/* End, and remove the file, unless it is another run's by now. NULL: nothing happens. */
void lc_heart_stop(struct lc_heart *heart);

#endif

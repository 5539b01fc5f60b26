/* handout_internal.h - what the two sides of the hand-out say to each other, and the watch. Private to this room.
 *
 * A worker says words, rank 0 gives orders; both are short messages that need no answer at once. A worker says when it
 * begins a batch and asks for another, when it has nothing left, when it leaves, and else every second how far it is. After
 * it has left it waits for the order to end, so that nobody enters the collective end before all are there. */
#ifndef LC_HANDOUT_INTERNAL_H
#define LC_HANDOUT_INTERNAL_H

#include "lightcone/handout.h"

enum { LC_TAG_WORD = 1, LC_TAG_ORDER = 2 };
enum { LC_UNIT_NONE = -1 };

enum { LC_WORD_ASKS = 1, LC_WORD_IDLE = 2, LC_WORD_LEAVES = 4, LC_WORD_FAILS = 8, LC_WORD_WRITTEN = 16 }; /* bits */

/* Sent as LC_WORD_LONG int64_t. */
struct lc_word {
    int64_t bits, finished, unit; /* units finished since the last word; the one under way */
};
enum { LC_WORD_LONG = 3 };

/* Sent as LC_ORDER_LONG int64_t: `count` units from `first` on, or one of these in place of the count. */
struct lc_order {
    int64_t first, count;
};
enum { LC_ORDER_LONG = 2 };
enum {
    LC_ORDER_NOTHING = 0, /* no units are left */
    LC_ORDER_ALIVE = -1,  /* rank 0 is there */
    LC_ORDER_STOP = -2,   /* begin no other unit */
    LC_ORDER_SAVE = -3,   /* the job ends at once: write what is done */
    LC_ORDER_END = -4,    /* all have left */
};

/* Who the ranks are, for messages. */
struct lc_handout_name {
    char host[56];
    int64_t pid;
};

struct lc_watch {
    double patience, beat;        /* seconds; between two signs of life of rank 0 */
    struct lc_handout_name first; /* rank 0 */
    struct lc_handout_name *name; /* rank 0: [size] */
    MPI_Comm workers;             /* all ranks but 0 */
};

/* Collective; agrees on errors. lc_watch_release() in any case. */
int lc_watch_init(struct lc_watch *w, const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err);
void lc_watch_release(struct lc_watch *w);

enum lc_silence { LC_SILENT_HALF, LC_SILENT_BACK, LC_SILENT_LOST };
/* Tell about a rank; `unit` is the one it had. */
void lc_watch_tell(const struct lc_watch *w, const struct lc_handout *h, enum lc_silence what, int rank,
                   const struct lc_handout_name *name, double silent, int64_t unit);

/* Sleep, longer each time up to `longest` ns: a rank that waits need not keep a core from one that works. *ns is 0 at
 * first. */
void lc_doze(long *ns, long longest);

/* lc_signal_check(), or what h->stop says. */
int lc_handout_check(const struct lc_handout *h, struct lc_err *err);
/* 1 when SIGUSR2 came; with `take`, it has been seen to. */
int lc_signal_asked(int take);

/* Rank 0's side. */
struct lc_coordinator;
int lc_coordinator_open(struct lc_coordinator **c, const struct lc_comm *par, const struct lc_handout *h,
                        const struct lc_watch *watch, struct lc_err *err);
void lc_coordinate(struct lc_coordinator *c, struct lc_err *err);
void lc_coordinator_close(struct lc_coordinator *c); /* NULL too */

/* Any other rank's. */
void lc_labour(const struct lc_comm *par, const struct lc_handout *h, const struct lc_watch *watch, struct lc_err *err);

#endif

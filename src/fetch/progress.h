/* progress.h - what is on its way: a bar on a terminal, a line now and then in a log. */
#ifndef LC_FETCH_PROGRESS_H
#define LC_FETCH_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

struct lc_progress {
    FILE *log;
    int terminal;
    const char *name;        /* of the file under way */
    int64_t begun;           /* bytes that were there at its start */
    int64_t done, total;     /* bytes; total -1: not known */
    double started, printed; /* seconds */
    int open;                /* a bar stands on the line */
};

void lc_progress_init(struct lc_progress *p, FILE *log);
void lc_progress_start(struct lc_progress *p, const char *name);
/* `done` of `total` bytes are here. */
void lc_progress_show(struct lc_progress *p, int64_t done, int64_t total);
/* The same for `more` bytes that are on their way beyond those that are here. */
void lc_progress_ahead(struct lc_progress *p, int64_t more);
/* Leave the line of the bar, when there is one. */
void lc_progress_end(struct lc_progress *p);
/* A line of its own. */
void lc_progress_say(struct lc_progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "1.5 GB" */
const char *lc_bytes_show(char out[32], int64_t bytes);

#endif

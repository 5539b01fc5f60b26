/* trace.h - the timelines of all ranks as one file in the trace-event format that Perfetto and chrome://tracing read: a
 * process a node, a thread a rank, a span a stay in a phase. */
#ifndef LC_TRACE_H
#define LC_TRACE_H

#include "lightcone/comm.h"
#include "lightcone/timeline.h"

/* Spans that a rank keeps where so many ranks run: some 500,000 in all, at most 4096 and at least 64 each. */
int64_t lc_trace_most(int64_t ranks);

/* Rank 0 writes `path`, with one rank's spans in memory at a time. Collective; agrees on errors. */
int lc_trace_write(const struct lc_comm *par, const struct lc_timeline *t, const char *path, const char *job,
                   struct lc_err *err);

#endif

/* escape.h - text that comes from data, made harmless for a page or a terminal. Private to src/report.
 * In this room writers are sticky: after the first failure they do nothing, and the caller looks at err->code
 * at the end. */
#ifndef LC_REPORT_ESCAPE_H
#define LC_REPORT_ESCAPE_H

#include <stddef.h>

#include "lightcone/memory.h"

enum lc_escape { LC_ESCAPE_PLAIN, LC_ESCAPE_HTML };

/* Append `size` bytes as UTF-8: broken sequences and control characters become U+FFFD, line breaks and tabs
 * visible signs; with LC_ESCAPE_HTML also & < > and both quotes. */
void lc_escape_bytes(struct lc_bytes *out, enum lc_escape how, const void *text, size_t size,
                     struct lc_err *err);
void lc_escape_text(struct lc_bytes *out, enum lc_escape how, const char *text, struct lc_err *err);

/* Many lines, e.g. of a configuration: as above, but line breaks stay. */
void lc_escape_lines(struct lc_bytes *out, enum lc_escape how, const void *text, size_t size,
                     struct lc_err *err);

/* Columns that a scrubbed text takes: its code points. */
size_t lc_escape_width(const char *text);

#endif

/* log.h - what a run says while it runs, on stderr: dated lines in a log file, plain lines and a bar on a terminal.
 * Not collective. */
#ifndef LC_LOG_H
#define LC_LOG_H

#include <stdint.h>

/* Columns of the terminal that shows stderr, also by way of mpirun or mpiexec on this machine; 0: it goes to a log. */
int lc_log_columns(void);

/* One line, in a log file with date and time before it. At most 2000 bytes. */
void lc_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* On a terminal: draw the last line anew, as much of `text` as fits; the next lc_log() or lc_log_close() takes it away. */
void lc_log_bar(const char *text, int columns);
void lc_log_close(void);

/* Numbers as a reader wants them: "1.5 GB"; "42 s", "3 min", "2 h 05 min", "4 d 03 h"; "-" for what is negative. */
const char *lc_show_bytes(char out[32], double bytes);
const char *lc_show_seconds(char out[32], double seconds);
/* Units a second; fewer than one a second are shown a minute or an hour. */
const char *lc_show_rate(char out[32], double rate);

#endif

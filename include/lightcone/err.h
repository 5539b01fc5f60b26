/* err.h - errors as values: a code, a sentence, and the place that noticed. */
#ifndef LC_ERR_H
#define LC_ERR_H

/* One line per code: add here and nowhere else. */
#define LC_ERR_MAP(XX)                                                                                       \
    XX(USAGE, "bad command line")                                                                            \
    XX(CONFIG, "bad configuration")                                                                          \
    XX(IO, "input/output error")                                                                             \
    XX(FORMAT, "unexpected file contents")                                                                   \
    XX(MEMORY, "out of memory")                                                                              \
    XX(LIBRARY, "an external library failed")                                                                \
    XX(NUMERIC, "non-finite or ill-posed value")                                                             \
    XX(STOPPED, "stopped")

enum lc_rc {
    LC_OK = 0,
#define XX(name, text) LC_E_##name,
    LC_ERR_MAP(XX)
#undef XX
};

enum { LC_STATUS_STOPPED = 75 }; /* the program's exit status for LC_E_STOPPED: the same command continues */

/* Plain data of fixed size, so that it can be broadcast as bytes. */
struct lc_err {
    int code; /* enum lc_rc */
    int rank; /* rank that failed; -1 until lc_comm_agree() fills it */
    int line;
    char file[64]; /* source file that noticed */
    char msg[768]; /* which file, which key or tensor, what was found, what is allowed */
};

#define LC_ERR_INIT {.code = LC_OK, .rank = -1}

/* Name of a code; never NULL. */
const char *lc_rc_text(int code);

/* Record an error and return its code, so that callers can `return LC_FAIL(...)`.
 * Keeps the first error: a later one on the same object is dropped. */
int lc_err_set(struct lc_err *err, int code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Put "prefix: " before the message of an error that is set; nothing otherwise. Returns err->code. */
int lc_err_prefix(struct lc_err *err, const char *prefix);
/* The same behind it; a long message gives way. */
int lc_err_suffix(struct lc_err *err, const char *suffix);

#define LC_FAIL(err, code, ...) lc_err_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)

/* Leave through the caller's `done:` label on failure. */
#define LC_TRY(rc, call)                                                                                     \
    do {                                                                                                     \
        if (((rc) = (call)) != LC_OK)                                                                        \
            goto done;                                                                                       \
    } while (0)

#endif

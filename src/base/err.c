#include "lightcone/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *lc_rc_text(int code)
{
    switch (code) {
    case LC_OK:
        return "ok";
#define XX(name, text)                                                                                       \
    case LC_E_##name:                                                                                        \
        return text;
        LC_ERR_MAP(XX)
#undef XX
    default:
        return "unknown error code";
    }
}

int lc_err_set(struct lc_err *err, int code, const char *file, int line, const char *fmt, ...)
{
    const char *base = strrchr(file, '/');
    va_list ap;

    if (err->code != LC_OK)
        return err->code;
    err->code = code;
    err->line = line;
    snprintf(err->file, sizeof err->file, "%s", base ? base + 1 : file);
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return code;
}

int lc_err_prefix(struct lc_err *err, const char *prefix)
{
    char old[sizeof err->msg];
    size_t used;

    if (err->code == LC_OK)
        return LC_OK;
    memcpy(old, err->msg, sizeof old);
    snprintf(err->msg, sizeof err->msg, "%s: ", prefix);
    used = strlen(err->msg);
    snprintf(err->msg + used, sizeof err->msg - used, "%s", old);
    return err->code;
}

int lc_err_suffix(struct lc_err *err, const char *suffix)
{
    size_t most = sizeof err->msg - 1, length = strlen(suffix), used = strlen(err->msg);

    if (err->code == LC_OK)
        return LC_OK;
    length = length < most / 2 ? length : most / 2;
    used = used + length < most ? used : most - length;
    snprintf(err->msg + used, sizeof err->msg - used, "%s", suffix);
    return err->code;
}

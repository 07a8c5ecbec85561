/* err.c - setting, wrapping and classifying errors. */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct err_row {
        const char *name;
        int http_status;
        bool retryable;
} rows[] = {
#define ERR(code, name, status, retry) [code] = {name, status, retry},
#include "base/err.def"
#undef ERR
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == ERR_COUNT, "each error code has a row");

/* The text was written by snprintf, which may have cut it within a character. */
static void cut_at_character(char *text, int wanted)
{
        if (wanted < ERR_TEXT_MAX)
                return;
        size_t end = ERR_TEXT_MAX - 1;
        size_t start = end;
        while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
                start--;
        if (start == 0)
                return;
        unsigned char lead = (unsigned char)text[start - 1];
        size_t needs = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
        if (end - start < needs)
                text[start - 1] = '\0';
}

__attribute__((format(printf, 2, 0))) static void set_text(struct err *e, const char *fmt,
                                                           va_list ap)
{
        int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
        cut_at_character(e->text, n);
}

/* prefix + ": " + text, cut to size. */
static void join_text(struct err *e, const char *prefix, const char *text)
{
        int n = snprintf(e->text, sizeof(e->text), "%s: %s", prefix, text);
        cut_at_character(e->text, n);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
        if (!e)
                return -1;
        va_list ap;
        va_start(ap, fmt);
        e->code = code;
        e->retry_after_ms = 0;
        set_text(e, fmt, ap);
        va_end(ap);
        return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
        if (!e)
                return -1;
        struct err old = *e;
        va_list ap;
        va_start(ap, fmt);
        char prefix[ERR_TEXT_MAX];
        vsnprintf(prefix, sizeof(prefix), fmt, ap);
        va_end(ap);
        join_text(e, prefix, old.text);
        return -1;
}

int err_errno(struct err *e, enum err_code code, const char *fmt, ...)
{
        int saved = errno;
        if (!e)
                return -1;
        char prefix[ERR_TEXT_MAX], space[128];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(prefix, sizeof(prefix), fmt, ap);
        va_end(ap);
        e->code = code;
        e->retry_after_ms = 0;
        join_text(e, prefix, strerror_r(saved, space, sizeof(space)));
        errno = saved;
        return -1;
}

const char *err_name(enum err_code code)
{
        assert((unsigned)code < ERR_COUNT);
        return rows[code].name;
}

int err_http_status(enum err_code code)
{
        assert((unsigned)code < ERR_COUNT);
        return rows[code].http_status;
}

bool err_retryable(enum err_code code)
{
        assert((unsigned)code < ERR_COUNT);
        return rows[code].retryable;
}

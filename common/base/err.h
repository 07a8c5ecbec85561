/*
 * err.h - one error value: a code for programs and one clear sentence for people.
 *
 * Functions that can fail return 0 or -1 (or a count) and take `struct err *e` last. The callee sets
 * code and text, callers add context with err_wrap(), and only a loop's callback or main() logs.
 * Text: lower case, no full stop, always with the reason. "could not" = may work later, "cannot" =
 * never. Secrets never stand in it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

enum err_code {
#define ERR(code, name, status, retry) code,
#include "base/err.def"
#undef ERR
        ERR_COUNT
};

enum { ERR_TEXT_MAX = 1024 };

struct err {
        enum err_code code;
        uint32_t retry_after_ms; /* 0: not said */
        char text[ERR_TEXT_MAX];
};

#define ERR_INIT ((struct err){.code = ERR_OK})

/* Sets code and text; longer text is cut at a whole UTF-8 character. e may be NULL. Always -1. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* Puts "fmt: " before the text that is there. Always -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As err_set, with ": " and the text of errno at the end. Always -1. */
int err_errno(struct err *e, enum err_code code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

const char *err_name(enum err_code code);
int err_http_status(enum err_code code);
bool err_retryable(enum err_code code);

#endif

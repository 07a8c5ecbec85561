/*
 * buf.h - a growing byte buffer with a cap, whose failure sticks.
 *
 * Writers append without checking; the one who uses the result asks buf_ok() once. When an append
 * would pass the cap, or there is no memory for it, nothing of it is added and the buffer is failed until buf_reset(). Always
 * terminated by a NUL that `len` does not count.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct buf {
        char *data; /* NULL until the first append */
        size_t len;
        size_t cap;
        size_t max; /* most bytes it may hold */
        bool failed;
        bool starved; /* failed because there was no memory, not because of its cap */
};

#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);
/* Empties it and forgives a failure; keeps the memory, or frees it where it is over 64 KiB. */
void buf_reset(struct buf *b);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Decimal digits of v. */
void buf_addi(struct buf *b, long long v);
/* The shortest decimal that reads back as v, integers without a point; v is finite. */
void buf_addd(struct buf *b, double v);
/* Room for at least `len` more bytes at data+len (then add to b->len what was written), or NULL. */
char *buf_reserve(struct buf *b, size_t len);
/* Removes the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);
/* The text, "" when nothing was added. Valid until the next append. */
const char *buf_str(const struct buf *b);
static inline bool buf_ok(const struct buf *b)
{
        return !b->failed;
}
/* 0, or -1: ERR_UNAVAILABLE or ERR_TOO_LARGE, and that `what` could not be held. */
int buf_check(const struct buf *b, const char *what, struct err *e);
/* Hands the memory to the caller (free()) and leaves the buffer empty. NULL when failed. */
char *buf_take(struct buf *b);

#define autobuf __attribute__((__cleanup__(buf_fini))) struct buf

#endif

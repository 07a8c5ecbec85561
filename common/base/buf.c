/* buf.c - a capped, growing byte buffer. */
#include "base/buf.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/mem.h"

enum { SMALLEST = 64, KEEP_BYTES = 64 * 1024 };

void buf_init(struct buf *b, size_t max_bytes)
{
        *b = BUF_INIT(max_bytes);
}

void buf_fini(struct buf *b)
{
        free(b->data);
        *b = BUF_INIT(b->max);
}

void buf_reset(struct buf *b)
{
        b->failed = b->starved = false;
        b->len = 0;
        if (b->cap > KEEP_BYTES) {
                free(b->data);
                b->data = NULL;
                b->cap = 0;
        } else if (b->data) {
                b->data[0] = '\0';
        }
}

/* Memory for `need` bytes and a NUL. */
static bool grow(struct buf *b, size_t need)
{
        size_t cap = b->cap ? b->cap : SMALLEST;
        while (cap < need + 1)
                cap = cap > SIZE_MAX / 2 ? need + 1 : cap * 2;
        if (b->max < SIZE_MAX && cap > b->max + 1)
                cap = b->max + 1;
        char *data = mem_try(b->data, cap);
        if (!data) {
                b->starved = true;
                return false;
        }
        b->data = data;
        b->cap = cap;
        return true;
}

char *buf_reserve(struct buf *b, size_t len)
{
        if (b->failed)
                return NULL;
        if (len > b->max || b->len > b->max - len || b->len + len == SIZE_MAX ||
            (b->len + len >= b->cap && !grow(b, b->len + len))) {
                b->failed = true;
                return NULL;
        }
        return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
        char *at = buf_reserve(b, len);
        if (!at)
                return;
        if (len)
                memcpy(at, data, len);
        b->len += len;
        b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
        buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
        buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        buf_addv(b, fmt, ap);
        va_end(ap);
}

void buf_addv(struct buf *b, const char *fmt, va_list ap)
{
        if (b->failed)
                return;
        va_list again;
        va_copy(again, ap);
        size_t room = b->cap - b->len; /* what does not fit is measured by the first attempt */
        int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, ap);
        assert(n >= 0);
        if ((size_t)n >= room) {
                if (room)
                        b->data[b->len] = '\0';
                char *at = buf_reserve(b, (size_t)n);
                if (at)
                        vsnprintf(at, (size_t)n + 1, fmt, again);
        }
        va_end(again);
        if (!b->failed)
                b->len += (size_t)n;
}

void buf_addi(struct buf *b, long long v)
{
        char digits[DECIMAL_SIZE], *end = digits + sizeof(digits);
        char *at = decimal_before(end, v);
        buf_add(b, at, (size_t)(end - at));
}

void buf_addd(struct buf *b, double v)
{
        assert(isfinite(v));
        const double exact = 9007199254740992.0; /* 2^53 */
        if (fabs(v) <= exact && v == floor(v)) {
                buf_addi(b, (long long)v);
                return;
        }
        char text[40];
        for (int digits = 15; digits <= 17; digits++) {
                snprintf(text, sizeof(text), "%.*g", digits, v);
                if (strtod(text, NULL) == v)
                        break;
        }
        buf_adds(b, text);
}

void buf_consume(struct buf *b, size_t len)
{
        assert(len <= b->len);
        if (len == 0)
                return;
        b->len -= len;
        memmove(b->data, b->data + len, b->len);
        b->data[b->len] = '\0';
}

const char *buf_str(const struct buf *b)
{
        return b->data ? b->data : "";
}

int buf_check(const struct buf *b, const char *what, struct err *e)
{
        if (buf_ok(b))
                return 0;
        if (b->starved)
                return err_set(e, ERR_UNAVAILABLE, "could not hold %s: out of memory", what);
        return err_set(e, ERR_TOO_LARGE, "%s would be larger than %zu bytes", what, b->max);
}

char *buf_take(struct buf *b)
{
        if (b->failed)
                return NULL;
        char *data = b->data ? b->data : xstrdup("");
        *b = BUF_INIT(b->max);
        return data;
}

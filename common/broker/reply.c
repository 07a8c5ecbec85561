/* reply.c - see inner.h: what answers say. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/inner.h"
#include "broker/keys.h"

static bool parse(const char *s, size_t len, int64_t *out)
{
        bool minus = len > 1 && s[0] == '-';
        if (!id_parse(s + minus, len - minus, out))
                return false;
        *out = minus ? -*out : *out;
        return true;
}

static bool read_int(const redisReply *r, int64_t *out)
{
        if (r->type == REDIS_REPLY_INTEGER) {
                *out = r->integer;
                return true;
        }
        if (r->type != REDIS_REPLY_STRING)
                return false;
        return parse(r->str, r->len, out);
}

int64_t reply_int(const redisReply *r, int64_t other)
{
        int64_t n;
        return read_int(r, &n) ? n : other;
}

/* Of a text: its words that are numbers. */
static size_t read_words(const redisReply *r, int64_t *ids)
{
        size_t n = 0;
        for (const char *at = r->str, *end = r->str + r->len; at <= end;) {
                const char *blank = memchr(at, ' ', (size_t)(end - at));
                size_t len = (size_t)((blank ? blank : end) - at);
                if (parse(at, len, &ids[n]))
                        n++;
                else
                        log_warn("redis.no_id", LS("entry", r->str));
                at += len + 1;
        }
        return n;
}

static size_t words_most(const redisReply *r)
{
        return r->type == REDIS_REPLY_STRING ? r->len / 2 + 1 : 1;
}

size_t reply_ids(const redisReply *r, size_t from, int64_t **out)
{
        size_t n = 0, most = 1;
        for (size_t i = from; i < r->elements; i++)
                most += words_most(r->element[i]);
        int64_t *ids = xreallocarray(NULL, most, sizeof(*ids));
        for (size_t i = from; i < r->elements; i++) {
                const redisReply *one = r->element[i];
                if (one->type == REDIS_REPLY_STRING)
                        n += read_words(one, &ids[n]);
                else if (one->type == REDIS_REPLY_INTEGER)
                        ids[n++] = one->integer;
                else
                        log_warn("redis.no_id", LS("entry", one->str));
        }
        *out = ids;
        return n;
}

struct done *done_new(broker_fn fn, void *arg)
{
        struct done *d = xmalloc(sizeof(*d));
        *d = (struct done){fn, arg};
        return d;
}

void reply_done(struct broker *b, const redisReply *reply, const struct err *e, void *done)
{
        struct done d = *(struct done *)done;
        (void)b;
        (void)reply;
        free(done);
        if (d.fn)
                d.fn(e, d.arg);
}

/* reply.c - see inner.h: what answers say. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/inner.h"
#include "broker/keys.h"

static bool read_int(const redisReply *r, int64_t *out)
{
        if (r->type == REDIS_REPLY_INTEGER) {
                *out = r->integer;
                return true;
        }
        if (r->type != REDIS_REPLY_STRING)
                return false;
        bool minus = r->len > 1 && r->str[0] == '-';
        if (!id_parse(r->str + minus, r->len - minus, out))
                return false;
        *out = minus ? -*out : *out;
        return true;
}

int64_t reply_int(const redisReply *r, int64_t other)
{
        int64_t n;
        return read_int(r, &n) ? n : other;
}

size_t reply_ids(const redisReply *r, size_t from, int64_t **out)
{
        size_t n = 0;
        int64_t *ids = xreallocarray(NULL, r->elements + 1, sizeof(*ids));
        for (size_t i = from; i < r->elements; i++) {
                if (read_int(r->element[i], &ids[n]))
                        n++;
                else
                        log_warn("redis.no_id", LS("entry", r->element[i]->str));
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

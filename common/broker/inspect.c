/* inspect.c - how the server is (INFO and TIME, one behind the other), and who uses it. */
#include "broker/inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/keys.h"

enum { NAMES_MAX = 10, GONE_MS = 10000 };

struct inspection {
        broker_look_fn fn;
        void *arg;
        struct server_facts server;
        struct err err; /* of INFO */
};

/* To a user who may not ask, it is told that nothing is known. */
static void on_info(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct inspection *i = arg;
        i->server.save_known = b->server.save_known;
        i->server.save = b->server.save;
        if (e && e->code != ERR_INTERNAL)
                i->err = *e;
        else if (reply && reply->type == REDIS_REPLY_STRING)
                server_read_info(&i->server, reply->str, reply->len);
        server_complain(&i->server);
}

/* Seconds and microseconds. */
static void on_time(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct inspection *i = arg;
        int64_t wall_ms = 0;
        (void)b;
        if (reply && reply->elements == 2)
                wall_ms = reply_int(reply->element[0], 0) * 1000 +
                          reply_int(reply->element[1], 0) / 1000;
        if (e || i->err.code != ERR_OK)
                i->fn(NULL, 0, e ? e : &i->err, i->arg);
        else
                i->fn(&i->server, wall_ms, NULL, i->arg);
        free(i);
}

void broker_inspect(struct broker *b, broker_look_fn fn, void *arg)
{
        struct inspection *i = xcalloc(1, sizeof(*i));
        i->fn = fn;
        i->arg = arg;
        call_send(call_plain(b, "INFO"), on_info, i);
        call_send(call_list(b, "TIME"), on_time, i);
}

/* ---- who uses it ---- */

struct question {
        broker_names_fn fn;
        void *arg;
};

static void on_installations(struct broker *b, const redisReply *reply, const struct err *e,
                             void *arg)
{
        struct question q = *(struct question *)arg;
        const char *names[NAMES_MAX];
        size_t n = 0;
        (void)b;
        free(arg);
        for (size_t i = 0; reply && i < reply->elements && n < NAMES_MAX; i++)
                if (reply->element[i]->type == REDIS_REPLY_STRING)
                        names[n++] = reply->element[i]->str;
        q.fn(names, n, e, q.arg);
}

void broker_installations(struct broker *b, const char *name, broker_names_fn fn, void *arg)
{
        struct question *q = xmalloc(sizeof(*q));
        struct call *c = call_script(b, LUA_INSTALLATIONS, 1);
        *q = (struct question){fn, arg};
        cmd_key(&c->cmd, key_installations(b->prefix));
        cmd_str(&c->cmd, name);
        cmd_int(&c->cmd, GONE_MS);
        call_send(c, on_installations, q);
}

void broker_others(const char *const *names, size_t n, const char *ours,
                   char out[BROKER_OTHERS_SIZE])
{
        size_t len = 0;
        out[0] = '\0';
        for (size_t i = 0; i < n && len < BROKER_OTHERS_SIZE; i++)
                if (strcmp(names[i], ours) != 0)
                        len += (size_t)snprintf(out + len, BROKER_OTHERS_SIZE - len, "%s%s",
                                                len ? ", " : "", names[i]);
}

/*
 * control.c - the control channel. A subscription says nothing while nothing happens, and a PING on it
 * is never answered by hiredis' reader of old: so a word to our own channel goes through the command
 * connection every two seconds, and must come back here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/inner.h"
#include "broker/keys.h"

enum { BEAT_MS = 2000 };
static const char beat[] = "\001beat";

struct broker_control {
        struct list link; /* broker.controls */
        struct broker *b; /* NULL: freed before us */
        struct conn *conn;
        struct loop_timer *timer;
        struct key channel;
        int64_t owed_since_ms; /* when the first word was sent that has not come; 0: none */
        void (*on_message)(const char *text, void *arg);
        void *arg;
};

static void publish(struct broker *b, struct key channel, const char *text)
{
        struct call *c = call_plain(b, "PUBLISH");
        cmd_key(&c->cmd, channel);
        cmd_str(&c->cmd, text);
        call_send(c, NULL, NULL);
}

static void owe(struct broker_control *c)
{
        if (!c->owed_since_ms)
                c->owed_since_ms = clock_mono_ms();
}

static void on_beat(void *arg)
{
        struct broker_control *c = arg;
        if (!conn_is_open(c->conn))
                return;
        if (c->owed_since_ms &&
            clock_mono_ms() - c->owed_since_ms > c->b->timeout_ms + 2 * (int64_t)BEAT_MS) {
                conn_close(c->conn, "its own words do not come back");
                return;
        }
        if (!broker_up(c->b))
                return;
        publish(c->b, c->channel, beat);
        owe(c);
}

static void on_open(void *arg)
{
        struct broker_control *c = arg;
        struct cmd cmd;
        log_info("redis.up", LS("connection", "control"), LS("channel", c->channel.s));
        cmd_init(&cmd);
        cmd_str(&cmd, "SUBSCRIBE");
        cmd_key(&cmd, c->channel);
        conn_cast(c->conn, &cmd);
        cmd_fini(&cmd);
        c->owed_since_ms = 0;
        owe(c);
}

static void on_close(const char *reason, void *arg)
{
        (void)reason;
        ((struct broker_control *)arg)->owed_since_ms = 0;
}

/* ["subscribe", channel, 1] or ["message", channel, text] */
static void on_push(struct redisReply *reply, void *arg)
{
        struct broker_control *c = arg;
        if (reply->type == REDIS_REPLY_ERROR) {
                conn_close(c->conn, reply->str);
                return;
        }
        c->owed_since_ms = 0;
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
            reply->element[2]->type != REDIS_REPLY_STRING) /* the answer to SUBSCRIBE */
                return;
        if (strcmp(reply->element[2]->str, beat) != 0)
                c->on_message(reply->element[2]->str, c->arg);
}

struct broker_control *broker_control_new(struct broker *b, int64_t worker,
                                          void (*on_message)(const char *text, void *arg),
                                          void *arg)
{
        struct broker_control *c = xcalloc(1, sizeof(*c));
        struct conn_events events = {
                .on_open = on_open, .on_close = on_close, .on_push = on_push, .arg = c};
        c->b = b;
        c->channel = key_control(b->prefix, worker);
        c->on_message = on_message;
        c->arg = arg;
        c->timer = loop_timer_new(b->loop, on_beat, c);
        c->conn = conn_new(b->loop, &b->url, "wavefleet:control", b->timeout_ms, &events);
        loop_timer_every(c->timer, BEAT_MS);
        list_push_back(&b->controls, &c->link);
        return c;
}

void broker_control_free(struct broker_control *c)
{
        if (!c)
                return;
        list_remove(&c->link);
        loop_timer_free(c->timer);
        conn_free(c->conn);
        free(c);
}

void broker_control_send(struct broker *b, int64_t worker, const char *text)
{
        publish(b, key_control(b->prefix, worker), text);
}

void controls_hurry(struct broker *b)
{
        LIST_EACH(at, &b->controls)
        conn_hurry(CONTAINER_OF(at, struct broker_control, link)->conn);
}

void controls_orphan(struct broker *b)
{
        struct list *at;
        while ((at = list_pop_front(&b->controls))) {
                struct broker_control *c = CONTAINER_OF(at, struct broker_control, link);
                c->b = NULL;
                loop_timer_stop(c->timer);
                conn_free(take(c->conn));
        }
}

void controls_forget(struct broker *b)
{
        LIST_EACH(at, &b->controls)
        conn_forget(CONTAINER_OF(at, struct broker_control, link)->conn);
}

/*
 * pop.c - the blocking pop. The server answers each BLMOVE within two seconds, with an id or without;
 * while nothing is wanted, a PING at the same pace says that the connection is alive. So ready means
 * that this very connection answers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/inner.h"
#include "broker/keys.h"

enum { BLOCK_MS = 2000, REST_MS = 500 };

struct broker_pop {
        struct list link; /* broker.pops */
        struct broker *b; /* NULL: freed before us */
        struct conn *conn;
        struct loop_timer *idle; /* the next PING, or the end of a rest */
        struct key queue, processing;
        bool wanted, asked;
        bool resting;      /* the server refuses for now: asked again in a moment */
        bool busy, doomed; /* in on_id, which has freed it */
        void (*on_id)(int64_t id, void *arg);
        void *arg;
};

static void ask(struct broker_pop *p);

/* Whoever gets the id may want no more, or free the pop. */
static void hand_out(struct broker_pop *p, const redisReply *reply)
{
        int64_t id;
        if (!id_parse(reply->str, reply->len, &id)) {
                log_warn("redis.no_id", LS("entry", reply->str));
                return;
        }
        p->busy = true;
        p->on_id(id, p->arg);
        p->busy = false;
}

/* Out of memory, busy …: another connection to the same server would be told the same. */
static void refused(struct broker_pop *p, const char *text)
{
        bool elsewhere = false;
        if (refusal_passes(text, &elsewhere) && !elsewhere) {
                p->resting = true;
                loop_timer_start(p->idle, REST_MS);
        } else {
                conn_close(p->conn, text);
        }
}

static void on_pop(struct redisReply *reply, const struct err *e, void *arg)
{
        struct broker_pop *p = arg;
        p->asked = false;
        if (e)
                return;
        if (reply->type == REDIS_REPLY_ERROR) {
                refused(p, reply->str);
                return;
        }
        if (reply->type == REDIS_REPLY_STRING)
                hand_out(p, reply);
        if (p->doomed)
                free(p);
        else
                ask(p);
}

static void on_pong(struct redisReply *reply, const struct err *e, void *arg)
{
        struct broker_pop *p = arg;
        p->asked = false;
        if (e)
                return;
        if (reply->type == REDIS_REPLY_ERROR)
                conn_close(p->conn, reply->str);
        else
                ask(p);
}

static void send(struct broker_pop *p, conn_fn fn, const struct cmd *cmd)
{
        p->asked = true;
        conn_send(p->conn, cmd, fn, p);
}

static void on_idle(void *arg)
{
        struct broker_pop *p = arg;
        struct cmd cmd;
        if (p->asked || !conn_is_open(p->conn))
                return;
        p->resting = false;
        if (p->wanted) {
                ask(p);
                return;
        }
        cmd_init(&cmd);
        cmd_str(&cmd, "PING");
        send(p, on_pong, &cmd);
        cmd_fini(&cmd);
}

static void ask(struct broker_pop *p)
{
        struct cmd cmd;
        if (p->asked || p->resting || !p->conn || !conn_is_open(p->conn))
                return;
        if (!p->wanted) {
                loop_timer_start(p->idle, BLOCK_MS);
                return;
        }
        loop_timer_stop(p->idle);
        cmd_init(&cmd);
        cmd_words(&cmd, "BLMOVE", p->queue.s, p->processing.s, "LEFT", "RIGHT", NULL);
        cmd_int(&cmd, BLOCK_MS / 1000);
        send(p, on_pop, &cmd);
        cmd_fini(&cmd);
}

static void on_open(void *arg)
{
        struct broker_pop *p = arg;
        log_info("redis.up", LS("connection", "pop"), LS("queue", p->queue.s));
        p->asked = p->resting = false;
        ask(p);
}

static void on_close(const char *reason, void *arg)
{
        struct broker_pop *p = arg;
        (void)reason;
        loop_timer_stop(p->idle);
}

struct broker_pop *broker_pop_new(struct broker *b, const char *queue, int64_t worker,
                                  void (*on_id)(int64_t id, void *arg), void *arg)
{
        struct broker_pop *p = xcalloc(1, sizeof(*p));
        struct conn_events events = {.on_open = on_open, .on_close = on_close, .arg = p};
        p->b = b;
        p->queue = key_queue(b->prefix, queue);
        p->processing = key_processing(b->prefix, worker);
        p->on_id = on_id;
        p->arg = arg;
        p->idle = loop_timer_new(b->loop, on_idle, p);
        p->conn = conn_new(b->loop, &b->url, "wavefleet:pop", b->timeout_ms, &events);
        conn_set_extra(p->conn, BLOCK_MS);
        list_push_back(&b->pops, &p->link);
        return p;
}

void broker_pop_want(struct broker_pop *p, bool wanted)
{
        p->wanted = wanted;
        ask(p);
}

bool broker_pop_ready(const struct broker_pop *p)
{
        return p->conn && conn_is_open(p->conn);
}

void broker_pop_free(struct broker_pop *p)
{
        if (!p)
                return;
        list_remove(&p->link);
        loop_timer_free(p->idle);
        conn_free(take(p->conn));
        p->doomed = true;
        if (!p->busy)
                free(p);
}

void pops_hurry(struct broker *b)
{
        LIST_EACH(at, &b->pops)
        conn_hurry(CONTAINER_OF(at, struct broker_pop, link)->conn);
}

void pops_orphan(struct broker *b)
{
        struct list *at;
        while ((at = list_pop_front(&b->pops))) {
                struct broker_pop *p = CONTAINER_OF(at, struct broker_pop, link);
                p->b = NULL;
                loop_timer_stop(p->idle);
                conn_free(take(p->conn));
        }
}

void pops_forget(struct broker *b)
{
        LIST_EACH(at, &b->pops)
        conn_forget(CONTAINER_OF(at, struct broker_pop, link)->conn);
}

/*
 * tail.c - reading the stream `events`.
 *
 * What was read last must still stand in the stream when the next entries are asked for: XRANGE of its id
 * goes in front of each XREAD. Is it gone, then the stream was trimmed past it, flushed, or has expired and
 * is another one: entries are missing, and it begins anew.
 *
 * The marker "o" that begins it makes the stream where it is not. It says nothing else, and is told to
 * nobody.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/inner.h"
#include "broker/keys.h"

enum { BLOCK_MS = 2000, READ_COUNT = 200, RENEW_MS = 1000, ID_SIZE = 48 };
static const char marker[] = "o";

struct broker_tail {
        struct list link; /* broker.tails */
        struct broker *b; /* NULL: freed before us */
        struct conn *conn;
        struct broker_tail_events ev;
        int64_t history, keep_ms, renewed_ms;
        struct event_id last; /* what was read last; ms 0: begin anew */
        bool begun;           /* it was live before */
        bool asked, paused, lines;
};

static void go_on(struct broker_tail *t);

static void send(struct broker_tail *t, struct cmd *cmd, conn_fn fn)
{
        conn_send(t->conn, cmd, fn, t);
        cmd_fini(cmd);
}

static struct cmd command(const struct broker_tail *t, const char *name)
{
        struct cmd cmd;
        cmd_init(&cmd);
        cmd_str(&cmd, name);
        cmd_key(&cmd, key_events(t->b->prefix));
        return cmd;
}

static void id_text(struct event_id id, char out[ID_SIZE])
{
        snprintf(out, ID_SIZE, "%lld-%lld", (long long)id.ms, (long long)id.seq);
}

static bool id_read(const redisReply *r, struct event_id *out)
{
        if (r->type != REDIS_REPLY_STRING)
                return false;
        const char *dash = memchr(r->str, '-', r->len);
        if (!dash)
                return false;
        size_t head = (size_t)(dash - r->str);
        return id_parse(r->str, head, &out->ms) && out->ms > 0 &&
               id_parse(dash + 1, r->len - head - 1, &out->seq);
}

/* Nothing that Redis should say. */
static void confused(struct broker_tail *t, const redisReply *r)
{
        conn_close(t->conn, r->type == REDIS_REPLY_ERROR ? r->str : "no answer of a stream");
}

/* ---- what there is to read ---- */

/* [id, ["n", text]]; another program's entry has other fields. False: it is no entry at all. */
static bool tell(struct broker_tail *t, const redisReply *r)
{
        struct event_id id;
        if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || !id_read(r->element[0], &id))
                return false;
        t->last = id;
        const redisReply *fields = r->element[1];
        if (fields->type != REDIS_REPLY_ARRAY || fields->elements < 2)
                return true;
        const redisReply *name = fields->element[0], *text = fields->element[1];
        if (name->type == REDIS_REPLY_STRING && text->type == REDIS_REPLY_STRING &&
            strcmp(name->str, "n") == 0)
                t->ev.on_entry(id, text->str, text->len, t->ev.arg);
        return true;
}

/* nil, or [[key, [entries]]] */
static void on_read(struct redisReply *reply, const struct err *e, void *arg)
{
        struct broker_tail *t = arg;
        t->asked = false;
        if (e)
                return;
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
            reply->element[0]->type == REDIS_REPLY_ARRAY && reply->element[0]->elements == 2 &&
            reply->element[0]->element[1]->type == REDIS_REPLY_ARRAY) {
                const redisReply *entries = reply->element[0]->element[1];
                for (size_t i = 0; i < entries->elements; i++) {
                        if (!tell(t, entries->element[i])) {
                                confused(t, entries->element[i]);
                                return;
                        }
                }
        } else if (reply->type != REDIS_REPLY_NIL) {
                confused(t, reply);
                return;
        }
        go_on(t);
}

/* Is what was read last still there? Its answer comes before that to XREAD, which then is of no use. */
static void on_there(struct redisReply *reply, const struct err *e, void *arg)
{
        struct broker_tail *t = arg;
        if (e)
                return;
        if (reply->type != REDIS_REPLY_ARRAY) {
                confused(t, reply);
        } else if (reply->elements == 0) {
                t->last.ms = 0;
                log_warn("events.gap",
                         LS("reason", "what was read last is no longer in the stream"));
                conn_close(t->conn, "the stream of events is another one"); /* XREAD may wait */
        }
}

static void unheard(struct redisReply *reply, const struct err *e, void *arg)
{
        (void)reply;
        (void)e;
        (void)arg;
}

/* Once a second: it expires when nobody does this any more. */
static void renew(struct broker_tail *t)
{
        int64_t now = clock_mono_ms();
        if (t->renewed_ms && now - t->renewed_ms < RENEW_MS)
                return;
        t->renewed_ms = now;
        struct cmd cmd = command(t, "PEXPIRE");
        cmd_int(&cmd, t->keep_ms);
        send(t, &cmd, unheard);
        if (!t->lines)
                return;
        cmd_init(&cmd);
        cmd_str(&cmd, "SET");
        cmd_key(&cmd, key_events_lines(t->b->prefix));
        cmd_words(&cmd, "1", "PX", NULL);
        cmd_int(&cmd, t->keep_ms);
        send(t, &cmd, unheard);
}

static void go_on(struct broker_tail *t)
{
        char last[ID_SIZE];
        if (t->asked || t->paused || !t->conn || !conn_is_open(t->conn) || !t->last.ms)
                return;
        t->asked = true;
        id_text(t->last, last);
        renew(t);
        struct cmd cmd = command(t, "XRANGE");
        cmd_words(&cmd, last, last, NULL);
        send(t, &cmd, on_there);
        cmd_init(&cmd);
        cmd_words(&cmd, "XREAD", "COUNT", NULL);
        cmd_int(&cmd, READ_COUNT);
        cmd_str(&cmd, "BLOCK");
        cmd_int(&cmd, BLOCK_MS);
        cmd_str(&cmd, "STREAMS");
        cmd_key(&cmd, key_events(t->b->prefix));
        cmd_str(&cmd, last);
        send(t, &cmd, on_read);
}

/* ---- beginning ---- */

/* The newest entries, newest first. */
static void on_history(struct redisReply *reply, const struct err *e, void *arg)
{
        struct broker_tail *t = arg;
        if (e)
                return;
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
                confused(t, reply);
                return;
        }
        for (size_t i = reply->elements; i-- > 0;) {
                if (!tell(t, reply->element[i])) {
                        confused(t, reply->element[i]);
                        return;
                }
        }
        bool gap = t->begun;
        t->begun = true;
        t->ev.on_live(t->last, gap, t->ev.arg);
        go_on(t);
}

/* What came before a gap is of no use: what is missing is not known. */
static void begin(struct broker_tail *t)
{
        struct cmd cmd = command(t, "XADD");
        cmd_words(&cmd, "*", "n", marker, NULL);
        send(t, &cmd, unheard);
        t->renewed_ms = 0;
        renew(t);
        cmd = command(t, "XREVRANGE");
        cmd_words(&cmd, "+", "-", "COUNT", NULL);
        cmd_int(&cmd, t->begun ? 1 : t->history);
        send(t, &cmd, on_history);
}

static void on_open(void *arg)
{
        struct broker_tail *t = arg;
        log_info("redis.up", LS("connection", "events"));
        t->asked = false;
        if (!t->last.ms) {
                begin(t);
                return;
        }
        t->ev.on_live(t->last, false, t->ev.arg);
        go_on(t);
}

static void on_close(const char *reason, void *arg)
{
        struct broker_tail *t = arg;
        t->asked = false;
        t->ev.on_down(reason, t->ev.arg);
}

struct broker_tail *broker_tail_new(struct broker *b, int64_t history, int64_t keep_ms,
                                    const struct broker_tail_events *events)
{
        struct broker_tail *t = xcalloc(1, sizeof(*t));
        const struct conn_events conn = {.on_open = on_open, .on_close = on_close, .arg = t};
        t->b = b;
        t->ev = *events;
        t->history = history > 0 ? history : 1;
        t->keep_ms = keep_ms;
        t->conn = conn_new(b->loop, &b->url, "wavefleet:events", b->timeout_ms, &conn);
        conn_set_extra(t->conn, BLOCK_MS);
        list_push_back(&b->tails, &t->link);
        return t;
}

void broker_tail_free(struct broker_tail *t)
{
        if (!t)
                return;
        list_remove(&t->link);
        conn_free(take(t->conn));
        free(t);
}

void broker_tail_restart(struct broker_tail *t)
{
        t->last.ms = 0;
        if (t->conn && conn_is_open(t->conn))
                conn_close(t->conn, "the server has other data than before");
}

void broker_tail_pause(struct broker_tail *t, bool paused)
{
        t->paused = paused;
        if (!paused && t->b)
                go_on(t);
}

void broker_tail_lines(struct broker_tail *t, bool wanted, broker_fn fn, void *arg)
{
        t->lines = wanted;
        if (!wanted || !t->b)
                return;
        struct call *c = call_plain(t->b, "SET");
        cmd_key(&c->cmd, key_events_lines(t->b->prefix));
        cmd_words(&c->cmd, "1", "PX", NULL);
        cmd_int(&c->cmd, t->keep_ms);
        call_send(c, reply_done, done_new(fn, arg));
}

void tails_hurry(struct broker *b)
{
        LIST_EACH(at, &b->tails)
        conn_hurry(CONTAINER_OF(at, struct broker_tail, link)->conn);
}

void tails_orphan(struct broker *b)
{
        struct list *at;
        while ((at = list_pop_front(&b->tails))) {
                struct broker_tail *t = CONTAINER_OF(at, struct broker_tail, link);
                conn_free(take(t->conn));
                t->b = NULL;
        }
}

void tails_forget(struct broker *b)
{
        LIST_EACH(at, &b->tails)
        conn_forget(CONTAINER_OF(at, struct broker_tail, link)->conn);
}

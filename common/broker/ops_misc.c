/* ops_misc.c - what is due, how long queues are, how many runners there are, how fast one may go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/pieces.h"
#include "broker/waves.h"

enum { DUE_MAX = 1000, DELAY_LIMIT = 4, DEPTH_LIMIT = 8, READY_MIN = 32, TARGET_TTL_MS = 300000 };

/* ---- delayed ---- */

struct due {
        broker_due_fn fn;
        void *arg;
};

static void on_due(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct due d = *(struct due *)arg;
        size_t n = 0;
        (void)b;
        free(arg);
        if (e || reply->elements == 0) {
                d.fn(NULL, 0, -1, e, d.arg);
                return;
        }
        autofree struct due_entry *v = xcalloc(reply->elements / 2 + 1, sizeof(*v));
        for (size_t i = 1; i + 1 < reply->elements; i += 2) {
                v[n].id = reply_int(reply->element[i], -1);
                v[n].score = reply_int(reply->element[i + 1], -1);
                if (v[n].id >= 0 && v[n].score >= 0)
                        n++;
        }
        d.fn(v, n, reply_int(reply->element[0], -1), NULL, d.arg);
}

void broker_due(struct broker *b, size_t limit, broker_due_fn fn, void *arg)
{
        struct due *d = xmalloc(sizeof(*d));
        struct call *c = call_script(b, LUA_DUE, 1);
        *d = (struct due){fn, arg};
        cmd_key(&c->cmd, key_delayed(b->prefix));
        cmd_int(&c->cmd, limit < DUE_MAX ? (int64_t)limit : DUE_MAX);
        call_send(c, on_due, d);
}

struct delay {
        struct pieces p;
        int64_t *ids, *due_in_ms;
        size_t n;
        struct done done;
};

static struct call *make_delay(struct pieces *p, size_t i)
{
        struct delay *s = CONTAINER_OF(p, struct delay, p);
        size_t from = i * PIECE_IDS;
        struct call *c = call_script(p->b, LUA_DELAY, 1);
        cmd_key(&c->cmd, key_delayed(p->b->prefix));
        for (size_t j = from; j < s->n && j < from + PIECE_IDS; j++) {
                cmd_int(&c->cmd, s->ids[j]);
                cmd_int(&c->cmd, s->due_in_ms[j] > 0 ? s->due_in_ms[j] : 0);
        }
        return c;
}

static void end_delay(struct pieces *p, const struct err *e)
{
        struct delay *s = CONTAINER_OF(p, struct delay, p);
        struct done done = s->done;
        free(s->ids);
        free(s->due_in_ms);
        free(s);
        if (done.fn)
                done.fn(e, done.arg);
}

void broker_delay(struct broker *b, const int64_t *ids, const int64_t *due_in_ms, size_t n,
                  broker_fn fn, void *arg)
{
        static const struct pieces_kind kind = {
                .make = make_delay, .end = end_delay, .limit = DELAY_LIMIT};
        struct delay *s = xcalloc(1, sizeof(*s));
        s->ids = xreallocarray(NULL, n + 1, sizeof(*ids));
        s->due_in_ms = xreallocarray(NULL, n + 1, sizeof(*due_in_ms));
        for (size_t i = 0; i < n; i++) {
                s->ids[i] = ids[i];
                s->due_in_ms[i] = due_in_ms[i];
        }
        s->n = n;
        s->done = (struct done){fn, arg};
        pieces_run(&s->p, b, &kind, n > 0 ? pieces_of(n, PIECE_IDS) : 1);
}

/* ---- runners ---- */

static void set_target(struct broker *b, const char *queue, int64_t target)
{
        struct waves w = {0};
        waves_add_queue(&w, queue);
        struct call *c = waves_call(b, LUA_RUNNERS, &w, 0);
        waves_args(c, &w);
        cmd_int(&c->cmd, target);
        cmd_int(&c->cmd, TARGET_TTL_MS);
        cmd_int(&c->cmd, (int64_t)b->share);
        call_send(c, NULL, NULL);
}

void broker_set_runners(struct broker *b, const char *queue, int64_t runners)
{
        set_target(b, queue, 2 * runners > READY_MIN ? 2 * runners : READY_MIN);
}

void broker_hold_queue(struct broker *b, const char *queue)
{
        set_target(b, queue, 0);
}

/* ---- depths ---- */

/* All lists but those of the last piece are summed first; the last adds its own and writes. */
struct depth {
        struct pieces p;
        char queue[QUEUE_NAME_MAX + 1];
        int64_t *wave_nos;
        size_t n;
        int64_t sum;
        broker_count_fn fn;
        void *arg;
};

static struct call *make_depth(struct pieces *p, size_t i)
{
        struct depth *s = CONTAINER_OF(p, struct depth, p);
        const char *prefix = p->b->prefix;
        bool last = i == p->count - 1;
        size_t from = i * BROKER_BATCH_MAX;
        size_t n = s->n - from < BROKER_BATCH_MAX ? s->n - from : BROKER_BATCH_MAX;
        struct call *c = call_script(p->b, LUA_DEPTH, 1 + n + last);
        cmd_key(&c->cmd, key_depth(prefix, s->queue));
        for (size_t j = from; j < from + n; j++)
                cmd_key(&c->cmd, key_backlog(prefix, s->wave_nos[j]));
        if (last)
                cmd_key(&c->cmd, key_queue(prefix, s->queue));
        cmd_int(&c->cmd, s->sum);
        cmd_int(&c->cmd, last);
        return c;
}

static void take_depth(struct pieces *p, size_t i, const redisReply *reply)
{
        (void)i;
        CONTAINER_OF(p, struct depth, p)->sum = reply_int(reply, 0);
}

static void end_depth(struct pieces *p, const struct err *e)
{
        struct depth *s = CONTAINER_OF(p, struct depth, p);
        if (s->fn)
                s->fn(e ? 0 : s->sum, e, s->arg);
        free(s->wave_nos);
        free(s);
}

void broker_set_depth(struct broker *b, const char *queue, const int64_t *wave_nos, size_t n,
                      int64_t due, broker_count_fn fn, void *arg)
{
        /* One after the other: each hands its sum on. */
        static const struct pieces_kind kind = {
                .make = make_depth, .answer = take_depth, .end = end_depth, .limit = 1};
        struct depth *s = xcalloc(1, sizeof(*s));
        snprintf(s->queue, sizeof(s->queue), "%s", queue);
        s->wave_nos = xreallocarray(NULL, n + 1, sizeof(*wave_nos));
        if (n > 0)
                memcpy(s->wave_nos, wave_nos, n * sizeof(*wave_nos));
        s->n = n;
        s->sum = due;
        s->fn = fn;
        s->arg = arg;
        pieces_run(&s->p, b, &kind, n > 0 ? pieces_of(n, BROKER_BATCH_MAX) : 1);
}

/* ---- queues ---- */

enum { QUEUE_FIELDS = 3 };

struct queues {
        struct pieces p;
        char (*names)[QUEUE_NAME_MAX + 1];
        struct queue_facts *v;
        size_t n;
        broker_queue_fn fn;
        void *arg;
};

static struct call *make_queues(struct pieces *p, size_t i)
{
        struct queues *s = CONTAINER_OF(p, struct queues, p);
        const char *name = s->names[i / QUEUE_FIELDS], *prefix = p->b->prefix;
        static const char *const commands[QUEUE_FIELDS] = {"LLEN", "SCARD", "GET"};
        struct call *c = call_plain(p->b, commands[i % QUEUE_FIELDS]);
        struct key keys[QUEUE_FIELDS] = {key_queue(prefix, name), key_demand(prefix, name),
                                         key_depth(prefix, name)};
        cmd_key(&c->cmd, keys[i % QUEUE_FIELDS]);
        return c;
}

static void take_queues(struct pieces *p, size_t i, const redisReply *reply)
{
        struct queue_facts *v = &CONTAINER_OF(p, struct queues, p)->v[i / QUEUE_FIELDS];
        int64_t *fields[QUEUE_FIELDS] = {&v->ready, &v->demand, &v->depth};
        *fields[i % QUEUE_FIELDS] = reply_int(reply, 0);
}

static void end_queues(struct pieces *p, const struct err *e)
{
        struct queues *s = CONTAINER_OF(p, struct queues, p);
        s->fn(e ? NULL : s->v, e ? 0 : s->n, e, s->arg);
        free(s->names);
        free(s->v);
        free(s);
}

void broker_queues(struct broker *b, const char *const *queues, size_t n, broker_queue_fn fn,
                   void *arg)
{
        static const struct pieces_kind kind = {
                .make = make_queues, .answer = take_queues, .end = end_queues, .limit = SIZE_MAX};
        struct queues *s = xcalloc(1, sizeof(*s));
        s->names = xcalloc(n + 1, sizeof(*s->names)); /* n 0: one question about a queue "" */
        for (size_t i = 0; i < n; i++)
                snprintf(s->names[i], sizeof(*s->names), "%s", queues[i]);
        s->v = xcalloc(n + 1, sizeof(*s->v));
        s->n = n;
        s->fn = fn;
        s->arg = arg;
        pieces_run(&s->p, b, &kind, n > 0 ? n * QUEUE_FIELDS : 1);
}

/* ---- rate ---- */

struct rate {
        broker_count_fn fn;
        void *arg;
};

static void on_rate(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct rate r = *(struct rate *)arg;
        (void)b;
        free(arg);
        r.fn(e ? 0 : reply_int(reply, 0), e, r.arg);
}

void broker_rate(struct broker *b, const char *name, int64_t rate_per_s, int64_t max_wait_ms,
                 broker_count_fn fn, void *arg)
{
        struct rate *r = xmalloc(sizeof(*r));
        struct call *c = call_script(b, LUA_RATE, 1);
        *r = (struct rate){fn, arg};
        cmd_key(&c->cmd, key_rate(b->prefix, name));
        cmd_int(&c->cmd, rate_per_s > 0 ? rate_per_s : 1);
        cmd_int(&c->cmd, max_wait_ms > 0 ? max_wait_ms : 0);
        call_send(c, on_rate, r);
}

/* ops_wave.c - waves: submit, push, facts, window, close, counts. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "broker/pieces.h"
#include "broker/waves.h"

/* How many pieces of a thousand ids are under way at once; a push carries its ids. */
enum { SUBMIT_LIMIT = 64, PUSH_LIMIT = 8 };

/* ---- submit and push ---- */

struct fill {
        struct pieces p;
        struct wave_facts facts;
        int64_t first, last; /* submit */
        int64_t *ids;        /* push */
        size_t n;
        bool front;
        struct done done;
};

static struct call *fill_call(struct fill *f, enum lua_id script, size_t i)
{
        struct waves w = {0};
        waves_add(&w, &f->facts);
        struct call *c = waves_call(f->p.b, script, &w, 1);
        cmd_key(&c->cmd, key_depth(f->p.b->prefix, f->facts.queue));
        waves_args(c, &w);
        cmd_int(&c->cmd, i == 0);
        cmd_int(&c->cmd, i == 0 || i == f->p.count - 1);
        return c;
}

static struct call *make_submit(struct pieces *p, size_t i)
{
        struct fill *f = CONTAINER_OF(p, struct fill, p);
        struct call *c = fill_call(f, LUA_SUBMIT, i);
        int64_t from = f->first + (int64_t)i * PIECE_IDS;
        if (i > 0)
                FAULT_POINT_AFTER(submit_piece, broker_fault_flush(p->b));
        int64_t to = f->last - from < PIECE_IDS ? f->last : from + PIECE_IDS - 1;
        cmd_int(&c->cmd, from);
        cmd_int(&c->cmd, to);
        return c;
}

/* What goes to the front goes from its last piece to its first, each from its last id to its first. */
static struct call *make_push(struct pieces *p, size_t i)
{
        struct fill *f = CONTAINER_OF(p, struct fill, p);
        struct call *c = fill_call(f, LUA_PUSH, i);
        size_t from = (f->front ? p->count - 1 - i : i) * PIECE_IDS;
        if (i > 0)
                FAULT_POINT_AFTER(push_piece, broker_fault_flush(p->b));
        size_t n = f->n - from < PIECE_IDS ? f->n - from : PIECE_IDS;
        cmd_int(&c->cmd, f->front);
        for (size_t j = 0; j < n; j++)
                cmd_int(&c->cmd, f->ids[from + (f->front ? n - 1 - j : j)]);
        return c;
}

static void end_fill(struct pieces *p, const struct err *e)
{
        struct fill *f = CONTAINER_OF(p, struct fill, p);
        struct done done = f->done;
        free(f->ids);
        free(f);
        if (done.fn)
                done.fn(e, done.arg);
}

static struct fill *fill_new(const struct wave_facts *facts, broker_fn fn, void *arg)
{
        struct fill *f = xcalloc(1, sizeof(*f));
        f->facts = *facts;
        f->done = (struct done){fn, arg};
        return f;
}

void broker_submit(struct broker *b, const struct wave_facts *facts, int64_t first, int64_t last,
                   broker_fn fn, void *arg)
{
        static const struct pieces_kind kind = {
                .make = make_submit, .end = end_fill, .limit = SUBMIT_LIMIT};
        struct fill *f = fill_new(facts, fn, arg);
        f->first = first;
        f->last = last;
        size_t n = last >= first ? (size_t)(last - first) + 1 : 1;
        pieces_run(&f->p, b, &kind, pieces_of(n, PIECE_IDS));
}

void broker_push(struct broker *b, const struct wave_facts *facts, const int64_t *ids, size_t n,
                 bool front, broker_fn fn, void *arg)
{
        static const struct pieces_kind kind = {
                .make = make_push, .end = end_fill, .limit = PUSH_LIMIT};
        struct fill *f = fill_new(facts, fn, arg);
        f->ids = xreallocarray(NULL, n + 1, sizeof(*ids));
        if (n > 0)
                memcpy(f->ids, ids, n * sizeof(*ids));
        f->n = n;
        f->front = front;
        pieces_run(&f->p, b, &kind, n > 0 ? pieces_of(n, PIECE_IDS) : 1);
}

/* ---- facts, close ---- */

void broker_facts(struct broker *b, const struct wave_facts *f, broker_fn fn, void *arg)
{
        struct waves w = {0};
        waves_add(&w, f);
        struct call *c = waves_call(b, LUA_FACTS, &w, 0);
        waves_args(c, &w);
        call_send(c, reply_done, done_new(fn, arg));
}

void broker_close_wave(struct broker *b, const struct wave_facts *f, broker_fn fn, void *arg)
{
        struct waves w = {0};
        waves_add(&w, f);
        struct call *c = waves_call(b, LUA_CLOSE, &w, 0);
        free(take(c->queues)); /* it releases nothing */
        waves_args(c, &w);
        call_send(c, reply_done, done_new(fn, arg));
}

/* ---- the window ---- */

struct mend {
        struct pieces p;
        struct wave_facts facts; /* of the window; of demand only its queue */
        int64_t *ids;            /* first those to add, then those to remove */
        size_t nadd, ndrop;
        struct done done;
};

/* Pieces hold either ids to add or ids to remove: the add is whole before the removal begins. */
static size_t mend_part(const struct mend *m, size_t i, size_t *from, bool *adds)
{
        size_t pieces = pieces_of(m->nadd, PIECE_IDS);
        *adds = i < pieces;
        *from = *adds ? i * PIECE_IDS : m->nadd + (i - pieces) * PIECE_IDS;
        size_t end = *adds ? m->nadd : m->nadd + m->ndrop;
        return end - *from < PIECE_IDS ? end - *from : PIECE_IDS;
}

static void mend_args(struct mend *m, struct cmd *cmd, size_t i)
{
        size_t from;
        bool adds;
        size_t n = mend_part(m, i, &from, &adds);
        cmd_int(cmd, adds ? (int64_t)n : 0);
        for (size_t j = 0; j < n; j++)
                cmd_int(cmd, m->ids[from + j]);
}

static struct call *make_window(struct pieces *p, size_t i)
{
        struct mend *m = CONTAINER_OF(p, struct mend, p);
        struct waves w = {0};
        if (i > 0)
                FAULT_POINT_AFTER(window_piece, broker_fault_flush(p->b));
        waves_add(&w, &m->facts);
        struct call *c = waves_call(p->b, LUA_WINDOW, &w, 0);
        waves_args(c, &w);
        cmd_int(&c->cmd, i == p->count - 1);
        mend_args(m, &c->cmd, i);
        return c;
}

static struct call *make_demand(struct pieces *p, size_t i)
{
        struct mend *m = CONTAINER_OF(p, struct mend, p);
        struct call *c = call_script(p->b, LUA_DEMAND, 1);
        cmd_key(&c->cmd, key_demand(p->b->prefix, m->facts.queue));
        mend_args(m, &c->cmd, i);
        return c;
}

static void end_mend(struct pieces *p, const struct err *e)
{
        struct mend *m = CONTAINER_OF(p, struct mend, p);
        struct done done = m->done;
        free(m->ids);
        free(m);
        if (done.fn)
                done.fn(e, done.arg);
}

static void mend(struct broker *b, const struct pieces_kind *kind, const struct wave_facts *facts,
                 const int64_t *add, size_t nadd, const int64_t *drop, size_t ndrop,
                 struct done done)
{
        struct mend *m = xcalloc(1, sizeof(*m));
        m->facts = *facts;
        m->ids = xreallocarray(NULL, nadd + ndrop + 1, sizeof(*m->ids));
        if (nadd > 0)
                memcpy(m->ids, add, nadd * sizeof(*add));
        if (ndrop > 0)
                memcpy(m->ids + nadd, drop, ndrop * sizeof(*drop));
        m->nadd = nadd;
        m->ndrop = ndrop;
        m->done = done;
        size_t count = pieces_of(nadd, PIECE_IDS) + pieces_of(ndrop, PIECE_IDS);
        pieces_run(&m->p, b, kind, count > 0 ? count : 1);
}

void broker_window_set(struct broker *b, const struct wave_facts *f, const int64_t *add,
                       size_t nadd, const int64_t *drop, size_t ndrop, broker_fn fn, void *arg)
{
        static const struct pieces_kind kind = {
                .make = make_window, .end = end_mend, .limit = PUSH_LIMIT};
        mend(b, &kind, f, add, nadd, drop, ndrop, (struct done){fn, arg});
}

void broker_demand_set(struct broker *b, const char *queue, const int64_t *add, size_t nadd,
                       const int64_t *drop, size_t ndrop, broker_fn fn, void *arg)
{
        static const struct pieces_kind kind = {
                .make = make_demand, .end = end_mend, .limit = PUSH_LIMIT};
        struct wave_facts f = {0};
        strncpy(f.queue, queue, sizeof(f.queue) - 1);
        mend(b, &kind, &f, add, nadd, drop, ndrop, (struct done){fn, arg});
}

/* ---- counts ---- */

enum { COUNTS_FIELDS = 6 };

struct counts {
        struct pieces p;
        int64_t *wave_nos;
        struct wave_counts *v;
        size_t n;
        broker_counts_fn fn;
        void *arg;
};

static struct call *make_counts(struct pieces *p, size_t i)
{
        struct counts *s = CONTAINER_OF(p, struct counts, p);
        size_t from = i * BROKER_BATCH_MAX;
        size_t n = s->n - from < BROKER_BATCH_MAX ? s->n - from : BROKER_BATCH_MAX;
        struct call *c = call_script(p->b, LUA_COUNTS, 3 * n);
        for (size_t j = from; j < from + n; j++) {
                cmd_key(&c->cmd, key_wave(p->b->prefix, s->wave_nos[j]));
                cmd_key(&c->cmd, key_backlog(p->b->prefix, s->wave_nos[j]));
                cmd_key(&c->cmd, key_window(p->b->prefix, s->wave_nos[j]));
        }
        return c;
}

static void take_counts(struct pieces *p, size_t i, const redisReply *reply)
{
        struct counts *s = CONTAINER_OF(p, struct counts, p);
        struct wave_counts *v = s->v + i * BROKER_BATCH_MAX, *end = s->v + s->n;
        for (size_t j = 0; j + COUNTS_FIELDS <= reply->elements && v < end;
             j += COUNTS_FIELDS, v++) {
                redisReply **at = reply->element + j;
                v->open = reply_int(at[0], 0) != 0;
                v->version = (int32_t)reply_int(at[1], 0);
                v->paused = reply_int(at[2], 0) != 0;
                v->batch_size = (int32_t)reply_int(at[3], 0);
                v->backlog = reply_int(at[4], 0);
                v->window = reply_int(at[5], 0);
        }
}

static void end_counts(struct pieces *p, const struct err *e)
{
        struct counts *s = CONTAINER_OF(p, struct counts, p);
        s->fn(e ? NULL : s->v, e ? 0 : s->n, e, s->arg);
        free(s->wave_nos);
        free(s->v);
        free(s);
}

void broker_wave_counts(struct broker *b, const int64_t *wave_nos, size_t n, broker_counts_fn fn,
                        void *arg)
{
        static const struct pieces_kind kind = {
                .make = make_counts, .answer = take_counts, .end = end_counts, .limit = PUSH_LIMIT};
        struct counts *s = xcalloc(1, sizeof(*s));
        s->wave_nos = xreallocarray(NULL, n + 1, sizeof(*wave_nos));
        if (n > 0)
                memcpy(s->wave_nos, wave_nos, n * sizeof(*wave_nos));
        s->v = xcalloc(n + 1, sizeof(*s->v));
        s->n = n;
        s->fn = fn;
        s->arg = arg;
        pieces_run(&s->p, b, &kind, n > 0 ? pieces_of(n, BROKER_BATCH_MAX) : 1);
}

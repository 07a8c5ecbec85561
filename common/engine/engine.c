/*
 * engine.c - the API's engine. An act runs as a small chain: its transaction, then slots are freed and
 * ids pushed in Redis, then waves are ended, then the caller is told. A step that fails after the
 * commit is logged and the chain goes on: PostgreSQL has decided, and the reconciler repairs.
 *
 * Callbacks with an error may come when the engine is gone; they touch nothing of it.
 */
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "engine/engine_internal.h"

enum { SHARDS = 64, REFILL_PAGE = 2000, ACTS_AT_ONCE = 4 };

/* ---- life ---- */

static void on_change(bool up, void *arg)
{
        struct engine *e = arg;
        if (up && e->exchange)
                exchange_kick(e->exchange);
}

struct engine *engine_new(struct loop *l, const struct config *cfg, struct broker *broker)
{
        struct engine *e = xcalloc(1, sizeof(*e));
        e->loop = l;
        e->cfg = cfg;
        e->broker = broker;
        e->shard = -1 - (int)rand_below(SHARDS);
        const struct pg_opts opts = {.url = cfg->database_url,
                                     .name = "wavefleet-api settle",
                                     .connect_timeout_ms = cfg->database_connect_timeout_ms,
                                     .query_timeout_ms = cfg->database_query_timeout_ms};
        struct pg_opts acts = opts;
        acts.name = "wavefleet-api acts";
        e->pg = pg_new(l, &opts, on_change, e);
        e->acts = pg_pool_new(l, &acts, ACTS_AT_ONCE, NULL, NULL);
        e->exchange = exchange_new(&(struct exchange_opts){
                .loop = l, .cfg = cfg, .pg = e->pg, .broker = broker, .shard = e->shard});
        return e;
}

void engine_stop(struct engine *e)
{
        if (!e)
                return;
        pg_pool_free(take(e->acts));
        pg_free(take(e->pg));
}

void engine_free(struct engine *e)
{
        if (!e)
                return;
        engine_stop(e);
        exchange_free(e->exchange);
        free(e);
}

void engine_forget(struct engine *e)
{
        if (e && e->pg) {
                pg_forget(e->pg);
                pg_pool_forget(e->acts);
        }
}

int engine_shard(const struct engine *e)
{
        return e->shard;
}

/* ---- submit ---- */

static void enqueued(const struct err *e, void *arg)
{
        (void)arg;
        if (e)
                log_warn("wave.not_enqueued", LE(e));
}

void engine_enqueue(struct engine *e, const struct wave_facts *f, int64_t first, int64_t last)
{
        broker_submit(e->broker, f, first, last, enqueued, NULL);
}

/* ---- settle ---- */

struct settling {
        engine_settled_fn fn;
        void *arg;
};

static void on_settled(bool settled, const char *state, void *arg)
{
        struct settling *s = arg;
        if (s->fn)
                s->fn(settled, state, NULL, s->arg);
        free(s);
}

static void settle_refused(void *arg)
{
        struct settling *s = arg;
        struct err e = ERR_INIT;
        err_set(&e, ERR_UNAVAILABLE, "PostgreSQL is away: the outcome could not be stored");
        if (s->fn)
                s->fn(false, NULL, &e, s->arg);
        free(s);
}

void engine_settle(struct engine *e, int64_t id, int32_t attempt, const struct outcome *o,
                   engine_settled_fn fn, void *arg)
{
        struct settling *s = xmalloc(sizeof(*s));
        *s = (struct settling){fn, arg};
        if (!pg_up(e->pg)) {
                loop_defer(e->loop, settle_refused, s);
                return;
        }
        exchange_settle(e->exchange, id, attempt, true, o, on_settled, s);
        exchange_kick(e->exchange);
}

/* ---- acts ---- */

enum { COL_ID = 6, COL_ROW_STATE, COL_DATA, COL_SINCE };
static const struct facts_cols act_cols = {0, 1, 2, 3, 4, 5};

struct act {
        struct engine *e;
        size_t last; /* statement that answers */
        bool many;
        engine_act_fn fn;
        void *arg;
        char *data;
        int64_t touched;
        struct after
                pending; /* rows that are pending now: their slots are freed, then they are pushed */
        struct after after; /* all the rest */
};

static void act_end(struct act *a, const struct err *e)
{
        if (a->fn)
                a->fn(e ? NULL : a->data ? a->data : "null", a->touched, e, a->arg);
        after_fini(&a->pending);
        after_fini(&a->after);
        free(a->data);
        free(a);
}

static void redis_told(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        (void)ids;
        (void)n;
        (void)e; /* logged where it happened */
        act_end(arg, NULL);
}

static void run_after(struct act *a)
{
        const struct after_opts o = {.pg = a->e->pg, .broker = a->e->broker};
        after_run(&a->after, &o, redis_told, a);
}

static void on_ending(const struct pg_result *r, const struct err *e, void *arg)
{
        struct act *a = arg;
        if (e) {
                log_warn("wave.end_unknown", LE(e));
                act_end(a, NULL);
                return;
        }
        for (int i = 0; i < pg_rows(r, 0); i++)
                after_ending(&a->after, pg_int(r, 0, i, 0));
        run_after(a);
}

/* Rows that ended by the act may have been the last of their waves. */
static void ask_ending(struct act *a)
{
        if (a->after.n == 0) {
                run_after(a);
                return;
        }
        autofree int64_t *ids = xreallocarray(NULL, a->after.n, sizeof(*ids));
        for (size_t i = 0; i < a->after.n; i++)
                ids[i] = a->after.deliveries[i].id;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_ENDING);
        pg_arg_int8s(tx, ids, a->after.n);
        pg_send(a->e->pg, tx, on_ending, a);
}

static void pushed(const struct err *e, void *arg)
{
        (void)arg;
        if (e)
                log_warn("redis.not_told", LE(e));
}

/* Opens the wave where it was closed. */
static void push_wave(struct act *a, const struct wave_facts *f)
{
        size_t n = 0;
        autofree int64_t *ids = xreallocarray(NULL, a->pending.n, sizeof(*ids));
        for (size_t i = 0; i < a->pending.n; i++) {
                if (a->pending.deliveries[i].wave_no == f->wave_no)
                        ids[n++] = a->pending.deliveries[i].id;
        }
        broker_push(a->e->broker, f, ids, n, true, pushed, NULL);
}

static void slots_freed(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct act *a = arg;
        (void)ids;
        (void)n;
        if (e) {
                log_warn("redis.not_told", LI("deliveries", a->pending.n), LE(e));
                act_end(a, NULL);
                return;
        }
        for (size_t i = 0; i < a->pending.nf; i++)
                push_wave(a, &a->pending.facts[i]);
        ask_ending(a);
}

/* A row that had a slot gives it up before its id stands in the backlog again. */
static void tell_pending(struct act *a)
{
        if (a->pending.n)
                broker_finish(a->e->broker, 0, a->pending.deliveries, a->pending.n,
                              a->pending.facts, a->pending.nf, NULL, 0, 0, slots_freed, a);
        else
                ask_ending(a);
}

static void read_row(struct act *a, const struct pg_result *r, int row)
{
        struct wave_facts f;
        facts_read(r, a->last, row, &act_cols, &f);
        after_facts(&a->after, &f);
        if (pg_is_null(r, a->last, row, COL_ID))
                return;
        a->touched++;
        enum delivery_end end = end_of_state(pg_text(r, a->last, row, COL_ROW_STATE));
        const struct delivery d = {
                .id = pg_int(r, a->last, row, COL_ID), .wave_no = f.wave_no, .end = END_SETTLED};
        if (end == END_SETTLED)
                after_add(&a->after, &d);
        if (end == END_PENDING) {
                after_add(&a->pending, &d);
                after_facts(&a->pending, &f);
        }
}

/* ---- acts on many ---- */

struct refill {
        struct engine *e;
        struct wave_facts facts;
        char *since;
        int64_t at;
};

static void refill_next(struct refill *f);

static void refill_end(struct refill *f, const struct err *e)
{
        if (e)
                log_warn("wave.not_refilled", LI("wave_no", f->facts.wave_no), LE(e));
        free(f->since);
        free(f);
}

static void refill_pushed(const struct err *e, void *arg)
{
        if (e)
                refill_end(arg, e);
        else
                refill_next(arg);
}

static void refill_page(const struct pg_result *r, const struct err *e, void *arg)
{
        struct refill *f = arg;
        int64_t ids[REFILL_PAGE];
        size_t n = 0;
        if (e) {
                refill_end(f, e);
                return;
        }
        for (int i = 0; i < pg_rows(r, 0) && n < REFILL_PAGE; i++)
                ids[n++] = pg_int(r, 0, i, 0);
        if (n == 0) {
                refill_end(f, NULL);
                return;
        }
        f->at = ids[n - 1];
        broker_push(f->e->broker, &f->facts, ids, n, false, refill_pushed, f);
}

static void refill_next(struct refill *f)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_ACT_REFILL);
        pg_arg_int(tx, f->facts.wave_no);
        pg_arg_text(tx, f->since);
        pg_arg_int(tx, f->at);
        pg_arg_int(tx, REFILL_PAGE);
        pg_pool_send(f->e->acts, tx, refill_page, f);
}

static void refill_start(struct act *a, const struct pg_result *r)
{
        const char *since = pg_text(r, a->last, 0, COL_SINCE);
        if (!since)
                return;
        struct refill *f = xcalloc(1, sizeof(*f));
        f->e = a->e;
        f->since = xstrdup(since);
        facts_read(r, a->last, 0, &act_cols, &f->facts);
        refill_next(f);
}

/* ---- the transaction ---- */

static void committed(const struct pg_result *r, const struct err *e, void *arg)
{
        struct act *a = arg;
        if (e) {
                act_end(a, e);
                return;
        }
        int rows = pg_rows(r, a->last);
        const char *data = rows ? pg_text(r, a->last, 0, COL_DATA) : NULL;
        a->data = data ? xstrdup(data) : NULL;
        for (int i = 0; i < rows; i++)
                read_row(a, r, i);
        if (a->many && rows)
                refill_start(a, r);
        tell_pending(a);
}

static void act_start(struct engine *e, struct pg_tx *tx, bool many, engine_act_fn fn, void *arg)
{
        struct act *a = xcalloc(1, sizeof(*a));
        a->e = e;
        a->last = pg_tx_statements(tx) - 1;
        a->many = many;
        a->fn = fn;
        a->arg = arg;
        after_init(&a->pending);
        after_init(&a->after);
        pg_pool_send(e->acts, tx, committed, a);
}

void engine_act(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg)
{
        act_start(e, tx, false, fn, arg);
}

void engine_act_many(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg)
{
        act_start(e, tx, true, fn, arg);
}

/* ---- control ---- */

void engine_hurry(struct engine *e, int64_t worker_id, int64_t id)
{
        char text[48];
        snprintf(text, sizeof(text), "cancel %lld", (long long)id);
        broker_control_send(e->broker, worker_id, text);
}

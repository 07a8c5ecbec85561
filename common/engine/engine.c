/* engine.c - the API's engine: its connections, submissions, settlements, and acts (act.c). */
#include "engine/engine.h"

#include <assert.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "engine/act.h"
#include "engine/engine_internal.h"
#include "engine/hurry.h"
#include "engine/publish.h"
#include "engine/refill.h"

enum { SHARDS = 64, ACTS_AT_ONCE = 4 };

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
        if (e->pg)
                exchange_kick(e->exchange);
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

void engine_hurry_connections(struct engine *e)
{
        pg_hurry(e->pg);
        pg_pool_hurry(e->acts);
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

void engine_enqueue(struct engine *e, const struct submitted *w)
{
        const struct refill_by by = {e->pg, e->broker};

        assert(w);
        if (w->some_blocked)
                refill_start(&by, &w->facts, NULL, 0);
        else
                broker_submit(e->broker, &w->facts, w->first, w->released_last, enqueued, NULL);
        publish_wave(e->broker, w->facts.wave_no);
}

/* ---- settle ---- */

struct settling {
        engine_settled_fn fn;
        void *arg;
        bool starved;
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
        err_set(&e, ERR_UNAVAILABLE, "%s: the outcome could not be stored",
                s->starved ? "out of memory" : "PostgreSQL is away");
        if (s->fn)
                s->fn(false, NULL, &e, s->arg);
        free(s);
}

void engine_settle(struct engine *e, int64_t id, int32_t attempt, const struct outcome *o,
                   engine_settled_fn fn, void *arg)
{
        const struct attempt of = {.id = id, .number = attempt, .poll = true};
        struct settling *s = xmalloc(sizeof(*s));
        *s = (struct settling){fn, arg, false};
        if (!pg_up(e->pg)) {
                loop_defer(e->loop, settle_refused, s);
                return;
        }
        if (exchange_settle(e->exchange, &of, o, on_settled, s, NULL) < 0) {
                s->starved = true;
                loop_defer(e->loop, settle_refused, s);
                return;
        }
        exchange_kick_soon(e->exchange);
}

/* ---- acts ---- */

static struct act_by by(struct engine *e)
{
        return (struct act_by){.pool = e->acts, .pg = e->pg, .broker = e->broker, .shard = e->shard};
}

void engine_act(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg)
{
        const struct act_by b = by(e);
        act_run(&b, tx, ACT_NAMED, fn, arg);
}

void engine_act_many(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg)
{
        const struct act_by b = by(e);
        act_run(&b, tx, ACT_MANY, fn, arg);
}

void engine_act_all(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg)
{
        const struct act_by b = by(e);
        act_run(&b, tx, ACT_ALL, fn, arg);
}

void engine_ask(struct engine *e, struct pg_tx *tx, pg_fn fn, void *arg)
{
        pg_pool_send(e->acts, tx, fn, arg);
}

/* ---- control ---- */

void engine_hurry(struct engine *e, int64_t worker_id, int64_t id)
{
        hurry_worker(e->broker, worker_id, id);
}

void engine_hurry_all(struct engine *e, const char *data)
{
        hurry_workers(e->broker, data);
}

void engine_hurry_drain(struct engine *e, int64_t worker_id)
{
        broker_control_send(e->broker, worker_id, "drain");
}

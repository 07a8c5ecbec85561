/*
 * lease.c - a worker's row: registered with a random name, renewed every fifth of the lease, and the
 * deadline of all bodies: the moment the last confirmed renewal was sent, plus four fifths of the lease.
 * A worker that finds its row dead ends everything and comes back as another one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "engine/publish.h"
#include "engine/worker_internal.h"

#ifndef WAVEFLEET_VERSION
#define WAVEFLEET_VERSION "dev"
#endif

/* What it knows of the protocol (schema/0002_control.sql, 0006_claims.sql, 0008_attempts_kept.sql). */
enum { WORKER_PROTOCOL = 4 };
enum { REGISTER_AGAIN_MS = 500 };

static int64_t beat_every(const struct engine_worker *w)
{
        return w->cfg->worker_lease_ms / 5;
}

static void on_control(const char *text, void *arg)
{
        struct engine_worker *w = arg;

        /* What is asked for stands in PostgreSQL: the next renewal, which is now, reads it. */
        if (!strcmp(text, "drain") || !strncmp(text, "cancel ", 7))
                loop_timer_start(w->tick, 0);
}

static void on_popped(int64_t id, void *arg)
{
        struct engine_worker *w = arg;

        FAULT_POINT(pop_taken);
        hands_take(w, &id, 1);
        if (pace_short_us(w->pace))
                exchange_stand_back(w->exchange, false);
        hands_want(w);
        exchange_kick(w->exchange);
}

static void drop_consumers(struct engine_worker *w)
{
        for (size_t i = 0; i < w->nqueues; i++) {
                broker_pop_free(w->pops[i]);
                w->pops[i] = NULL;
        }
        broker_control_free(w->control);
        w->control = NULL;
}

static void registered(const struct pg_result *r, const struct err *e, void *arg)
{
        struct engine_worker *w = arg;

        w->registering = false;
        if (!w->tick)
                return;
        if (e || pg_rows(r, 1) != 1) {
                log_warn("worker.not_registered", LS("reason", e ? e->text : "no free slot"));
                loop_timer_start(w->tick, REGISTER_AGAIN_MS);
                return;
        }
        FAULT_POINT(register_committed);
        w->id = pg_int(r, 1, 0, 0);
        w->shard = (int)pg_int(r, 1, 0, 1);
        sessions_name(w);
        exchange_renew(w->exchange, w->id, w->shard);
        exchange_stand_back(w->exchange, true);
        w->control = broker_control_new(w->broker, w->id, on_control, w);
        for (size_t i = 0; i < w->nqueues; i++)
                w->pops[i] = broker_pop_new(w->broker, w->queues[i], w->id, on_popped, w);
        log_info("worker.registered", LI("worker", w->id), LI("slot", w->shard));
        lease_tell(w);
        loop_timer_start(w->tick, 0);
}

void lease_tell(struct engine_worker *w)
{
        if (!w->id || w->told || !broker_up(w->broker))
                return;
        w->told = true;
        publish_worker(w->broker, w->id, NEWS_JOINED);
}

static void lease_register(struct engine_worker *w)
{
        struct pg_tx *tx;
        char uuid[UUID_SIZE];

        if (w->registering || w->left || !pg_up(w->beat))
                return;
        w->registering = true;
        rand_uuid(uuid);
        tx = pg_tx_new();
        pg_stmt(tx, SQL_WORKER_SLOTS);
        pg_stmt(tx, SQL_WORKER_REGISTER);
        pg_arg_text(tx, uuid);
        pg_arg_text(tx, w->me.host);
        pg_arg_text(tx, w->me.boot_id);
        pg_arg_text(tx, w->me.pid_ns);
        pg_arg_int(tx, w->me.pid);
        pg_arg_int(tx, w->me.pid_started);
        pg_arg_texts(tx, w->queues, w->nqueues);
        pg_arg_int(tx, w->cfg->worker_concurrency);
        pg_arg_text(tx, WAVEFLEET_VERSION);
        pg_arg_int(tx, w->cfg->worker_lease_ms);
        pg_arg_int(tx, WORKER_PROTOCOL);
        PG_FAULT_SENT(tx, register_sent);
        pg_send(w->beat, tx, registered, w);
}

void lease_dead(struct engine_worker *w, const char *how)
{
        if (w->dead || !w->id)
                return;
        log_error("worker.dead", LI("worker", w->id), LS("how", how));
        FAULT_POINT(dead_known);
        w->dead = true;
        publish_reread(w->broker); /* others have told of its rows before it did */
        w->told = false;
        w->fence_ms = 0;
        drop_consumers(w);
        hands_clear(w);
        exchange_renew(w->exchange, 0, 0);
        loop_timer_stop(w->fence);
        w->ev.on_dead(w->ev.arg);
}

void engine_worker_bodies_gone(struct engine_worker *w)
{
        if (!w->dead)
                return;
        FAULT_POINT(dead_bodies_gone);
        reap_former(w->reap, w->id);
        w->dead = false;
        w->id = 0;
        loop_timer_start(w->tick, 0);
}

/* ---- renewal ---- */

struct beat {
        struct engine_worker *w;
        int64_t worker;
        int64_t sent_ms;
};

static bool is_paused(const struct pg_result *r, size_t s, const char *queue)
{
        for (int i = 0; i < pg_rows(r, s); i++)
                if (!strcmp(pg_text(r, s, i, 0), queue))
                        return true;
        return false;
}

/* r: the peers, and the queues that are paused. */
static void fleet_runners(struct engine_worker *w, const struct pg_result *r, size_t s,
                          size_t paused)
{
        for (size_t q = 0; q < w->nqueues; q++) {
                int64_t runners = w->cfg->worker_concurrency;
                for (int i = 0; i < pg_rows(r, s); i++) {
                        const char *list = pg_text(r, s, i, 9);
                        const char *at = list ? strstr(list, w->queues[q]) : NULL;
                        size_t len = strlen(w->queues[q]);
                        if (pg_bool(r, s, i, 2) && at && (at == list || at[-1] == ',') &&
                            (at[len] == ',' || !at[len]))
                                runners += pg_int(r, s, i, 8);
                }
                if (!broker_up(w->broker))
                        continue;
                if (is_paused(r, paused, w->queues[q]))
                        broker_hold_queue(w->broker, w->queues[q]);
                else
                        broker_set_runners(w->broker, w->queues[q], runners);
        }
}

/* Answers come through two connections at times: the newest confirmed renewal counts. */
static void renewed(struct engine_worker *w, int64_t sent_ms)
{
        int64_t fence_ms = sent_ms + w->cfg->worker_lease_ms * 4 / 5;

        if (fence_ms > w->fence_ms) {
                w->fence_ms = fence_ms;
                w->ev.on_fence(fence_ms, w->ev.arg);
                if (fence_ms > clock_mono_ms())
                        loop_timer_start(w->fence, fence_ms - clock_mono_ms());
        }
        hands_want(w);
}

static void beaten(const struct pg_result *r, const struct err *e, void *arg)
{
        struct beat *b = arg;
        struct engine_worker *w = b->w;

        if (!w->tick || w->id != b->worker || w->dead || e) {
                if (e && w->id == b->worker)
                        log_warn("lease.not_renewed", LI("worker", w->id), LE(e));
        } else if (pg_rows(r, 0) == 0) {
                lease_dead(w, "its row says so");
        } else {
                FAULT_POINT(beat_committed);
                renewed(w, b->sent_ms);
                if (pg_bool(r, 0, 0, 1) && !w->draining)
                        w->ev.on_drain(w->ev.arg);
        }
        free(b);
}

/* ---- looking around ---- */

struct glance {
        struct engine_worker *w;
        int64_t worker;
        uint64_t check;
};

static void glance(struct engine_worker *w);

static void glanced(const struct pg_result *r, const struct err *e, void *arg)
{
        struct glance *g = arg;
        struct engine_worker *w = g->w;

        w->glancing = false;
        if (!e && w->id == g->worker && !w->dead) {
                hands_check_rows(w, r, 0, g->check);
                fleet_runners(w, r, 1, 2);
                crowd_move_up(w->crowd);
                reap_look(w->reap, r, 1);
        }
        free(g);
        if (w->glance_again && !e && w->id && !w->dead)
                glance(w);
}

/* What runs under our name, who else is there, which queues are paused. */
static void glance(struct engine_worker *w)
{
        struct glance *g;
        struct pg_tx *tx;

        w->glance_again = w->glancing;
        if (w->glancing || !pg_up(w->look))
                return;
        w->glancing = true;
        g = xmalloc(sizeof(*g));
        *g = (struct glance){w, w->id, ++w->checks};
        tx = pg_tx_new();
        pg_stmt(tx, SQL_WORKER_ROWS);
        pg_arg_int(tx, w->id);
        pg_stmt(tx, SQL_WORKER_PEERS);
        pg_arg_int(tx, w->id);
        pg_stmt(tx, SQL_QUEUES_PAUSED);
        pg_send(w->look, tx, glanced, g);
}

static void leave(struct engine_worker *w);

static void beat_through(struct engine_worker *w, struct pg *pg)
{
        struct beat *b;
        struct pg_tx *tx;

        if (!pg_up(pg))
                return;
        b = xmalloc(sizeof(*b));
        tx = pg_tx_new();

        *b = (struct beat){w, w->id, clock_mono_ms()};
        pg_stmt(tx, SQL_WORKER_BEAT);
        pg_arg_int(tx, w->id);
        pg_arg_bool(tx, w->draining);
        PG_FAULT_SENT(tx, beat_sent);
        pg_send(pg, tx, beaten, b);
}

/* Half of the time that bodies have is gone since the last renewal that was confirmed. */
static bool is_late(const struct engine_worker *w)
{
        return w->fence_ms && w->fence_ms - clock_mono_ms() <= w->cfg->worker_lease_ms * 2 / 5;
}

/* A connection that hangs looks like a slow answer: rather than to judge which it is, a renewal that is
 * late goes through another one, too. */
static void beat(struct engine_worker *w)
{
        beat_through(w, w->beat);
        if (is_late(w))
                beat_through(w, w->look);
        glance(w);
        hands_check_list(w, false);
        settings_read(w->settings);
}

static void tick(void *arg)
{
        struct engine_worker *w = arg;

        loop_timer_start(w->tick, beat_every(w));
        if (w->dead || w->left)
                return;
        if (!pg_up(w->beat) && (!w->id || !is_late(w)))
                return;
        if (!w->id)
                lease_register(w);
        else if (w->draining && !map_count(w->hands) && !exchange_waiting(w->exchange) &&
                 stream_quiet(w->stream) && reap_settled(w->reap))
                leave(w);
        else
                beat(w);
}

/* Nobody confirmed the renewal in time: whoever watches us may count us as dead any moment now. The
 * runners' own deadline has ended the bodies; here they are ended for good. */
static void fence_passed(void *arg)
{
        struct engine_worker *w = arg;

        if (w->id && !w->dead && clock_mono_ms() >= w->fence_ms)
                lease_dead(w, "its lease ran out before it could be renewed");
}

static void left(const struct pg_result *r, const struct err *e, void *arg)
{
        struct engine_worker *w = arg;

        w->leaving = false;
        if (!w->tick)
                return;
        if (e || pg_rows(r, 0) == 0) {
                loop_timer_start(w->tick, REGISTER_AGAIN_MS);
                beat(w); /* rows under our name that we do not know: they are handed back first */
                return;
        }
        FAULT_POINT(leave_committed);
        log_info("worker.left", LI("worker", w->id));
        publish_worker(w->broker, w->id, NEWS_LEFT);
        w->left = true;
        w->id = 0;
}

static void leave(struct engine_worker *w)
{
        struct pg_tx *tx;

        if (w->leaving)
                return;
        w->leaving = true;
        drop_consumers(w);
        tx = pg_tx_new();
        pg_stmt(tx, SQL_WORKER_LEAVE);
        pg_arg_int(tx, w->id);
        PG_FAULT_SENT(tx, leave_sent);
        pg_send(w->beat, tx, left, w);
}

void lease_start(struct engine_worker *w)
{
        identity_read(&w->me);
        w->tick = loop_timer_new(w->loop, tick, w);
        w->fence = loop_timer_new(w->loop, fence_passed, w);
        loop_timer_start(w->tick, 0);
}

void lease_stop(struct engine_worker *w)
{
        drop_consumers(w);
        loop_timer_free(take(w->tick)); /* without it, answers that are under way change nothing */
        loop_timer_free(take(w->fence));
}

void lease_hurry(struct engine_worker *w)
{
        if (w->tick && w->draining && !w->leaving && !w->left && !map_count(w->hands))
                loop_timer_start(w->tick, 0);
}

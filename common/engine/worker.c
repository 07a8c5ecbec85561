/*
 * worker.c - a worker's half of the engine, put together: connections, and the way of a job from the
 * claim through the supervisor's hands back to the settlement.
 */
#include "engine/worker.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/publish.h"
#include "engine/worker_internal.h"

/* ---- from the exchange ---- */

static void on_claim(const struct claim_row *row, void *arg)
{
        struct engine_worker *w = arg;
        struct hand *h = map_get(w->hands, row->id);
        int64_t now = clock_mono_ms();

        if (!h || h->state != HAND_CLAIMING)
                return;
        if (!row->claimed) {
                h->state = HAND_FINISHING;
                if (row->full)
                        repair_window(w, row->delivery.wave_no);
                return;
        }
        h->attempt = row->job.attempt;
        h->wave_no = row->job.wave_no;
        h->poll = row->job.poll;
        h->state = HAND_RUNNING;
        w->running++;
        h->since = w->checks;
        if (row->body_us >= 0)
                pace_hear(w->pace, h->wave_no, row->body_us);
        h->lone = !pace_is_short(w->pace, h->wave_no);
        w->lone += h->lone;
        h->brief = !h->poll && pace_is_brief(w->pace, h->wave_no);
        w->brief += h->brief;
        if (h->brief)
                w->brief_ms = now;
        if (w->draining || now >= w->fence_ms) {
                const struct outcome o = {.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};
                engine_worker_settle(w, h->id, h->attempt, &o);
                return;
        }
        if (w->idle)
                w->idle--;
        else if (w->behind)
                w->behind--;
        struct job job = row->job;
        settings_dress(w->settings, &job, row->stored);
        w->ev.on_job(&job, w->ev.arg);
}

static void on_finished(const int64_t *ids, size_t n, void *arg)
{
        struct engine_worker *w = arg;

        for (size_t i = 0; i < n; i++) {
                struct hand *h = map_get(w->hands, ids[i]);
                if (!h || (h->state != HAND_FINISHING && h->state != HAND_SETTLING))
                        continue;
                map_remove(w->hands, ids[i]);
                if (h->again)
                        hands_take(w, &ids[i], 1);
                free(h);
        }
        hands_want(w);
        lease_hurry(w);
}

static void on_ids(const int64_t *ids, size_t n, void *arg)
{
        struct engine_worker *w = arg;

        FAULT_POINT(ids_taken);
        hands_take(w, ids, n);
        hands_want(w);
        if (n) /* what ends with this program brings none */
                exchange_kick(w->exchange);
}

/* A runner that is idle has use for anything at once. */
static int64_t lasts_us(const struct engine_worker *w)
{
        unsigned runners = (unsigned)w->cfg->worker_concurrency;

        if (w->idle || w->running <= runners)
                return 0;
        return (w->running - runners) * pace_short_us(w->pace) / runners;
}

static struct room ask_room(void *arg)
{
        const struct engine_worker *w = arg;
        size_t runners = (size_t)w->cfg->worker_concurrency;

        if (w->draining || w->dead || !w->id)
                return (struct room){0};
        return (struct room){.jobs = w->idle + w->behind,
                             .idle = w->idle,
                             .lone = runners > w->lone ? runners - w->lone : 0,
                             .brief = w->brief,
                             .longs = w->lone > 0,
                             .lasts_us = lasts_us(w)};
}

static void paces(struct pace_known *out, void *arg)
{
        const struct engine_worker *w = arg;

        pace_tell(w->pace, out);
}

static enum crowding crowding(void *arg)
{
        const struct engine_worker *w = arg;

        return crowd_now(w->crowd);
}

/* Before the ids are given back: none of them comes again. The next renewals say so, too. */
static void on_shut(const char *queue, void *arg)
{
        struct engine_worker *w = arg;

        FAULT_POINT(queue_shut_known);
        broker_hold_queue(w->broker, queue);
}

static void on_unclaimed(void *arg)
{
        struct engine_worker *w = arg;

        if (w->draining)
                hands_give_unclaimed(w);
}

static void on_dead(void *arg)
{
        lease_dead(arg, "a claim found it dead");
}

/* ---- connections ---- */

/* What one of them has found, the others need not wait to find. */
static void hurry_all(struct engine_worker *w)
{
        struct pg *const all[] = {w->beat, w->pg, w->look, w->stream_pg};

        for (size_t i = 0; i < COUNT_OF(all); i++)
                if (all[i])
                        pg_hurry(all[i]);
}

static void ignore(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)r;
        (void)e;
        (void)arg;
}

static void name_session(struct engine_worker *w, struct pg *pg)
{
        struct pg_tx *tx;

        if (!w->id || !pg || !pg_up(pg))
                return;
        tx = pg_tx_new();
        pg_stmt(tx, SQL_WORKER_SESSION);
        pg_arg_int(tx, w->id);
        pg_send(pg, tx, ignore, NULL);
}

void sessions_name(struct engine_worker *w)
{
        name_session(w, w->pg);
        name_session(w, w->look);
        name_session(w, w->stream_pg);
}

/* The lock of the leader is one of its session. */
static void session_opened(struct pg *pg, void *arg)
{
        struct engine_worker *w = arg;

        name_session(w, pg);
        if (pg == w->look && w->reconcile)
                reconcile_forget_lock(w->reconcile);
}

static void pg_changed(bool up, void *arg)
{
        struct engine_worker *w = arg;

        if (up && w->exchange)
                exchange_kick(w->exchange);
        if (up)
                hurry_all(w);
}

static void beat_changed(bool up, void *arg)
{
        struct engine_worker *w = arg;

        if (up && w->tick)
                loop_timer_start(w->tick, 0);
        if (up)
                hurry_all(w);
}

static void look_changed(bool up, void *arg)
{
        struct engine_worker *w = arg;

        if (up && w->tick)
                loop_timer_start(w->tick, 0);
        if (up)
                hurry_all(w);
}

static void stream_changed(bool up, void *arg)
{
        struct engine_worker *w = arg;

        if (up && w->stream)
                stream_kick(w->stream);
        if (up)
                hurry_all(w);
}

static void broker_came_up(void *arg)
{
        struct engine_worker *w = arg;

        hands_check_list(w, true);
        lease_tell(w);
        if (w->promote)
                promote_within(w->promote, 0);
        if (w->tick)
                loop_timer_start(w->tick, 0);
}

static void broker_other_server(void *arg)
{
        struct engine_worker *w = arg;

        hands_check_list(w, true);
        if (w->reconcile)
                reconcile_now(w->reconcile);
}

/* patience_ms, on_demand: see pg_opts. */
static struct pg *connect_pg(struct engine_worker *w, const char *name, int64_t patience_ms,
                             bool on_demand, void (*changed)(bool up, void *arg))
{
        struct pg_opts o = {.url = w->cfg->database_url,
                            .name = name,
                            .connect_timeout_ms = w->cfg->database_connect_timeout_ms,
                            .query_timeout_ms = w->cfg->database_query_timeout_ms,
                            .patience_ms = patience_ms,
                            .on_demand = on_demand};
        struct pg *pg = pg_new(w->loop, &o, changed, w);

        pg_on_session(pg, session_opened, w);
        return pg;
}

static void split_queues(struct engine_worker *w)
{
        char *save = NULL;

        w->queue_names = xstrdup(w->cfg->worker_queues);
        for (char *q = strtok_r(w->queue_names, ", ", &save); q && w->nqueues < QUEUES_MAX;
             q = strtok_r(NULL, ", ", &save))
                w->queues[w->nqueues++] = q;
}

static void make_exchange(struct engine_worker *w)
{
        struct exchange_opts o = {.loop = w->loop,
                                  .cfg = w->cfg,
                                  .pg = w->pg,
                                  .broker = w->broker,
                                  .queues = w->queues,
                                  .nqueues = w->nqueues,
                                  .on_claim = on_claim,
                                  .on_shut = on_shut,
                                  .on_dead = on_dead,
                                  .on_finished = on_finished,
                                  .on_unclaimed = on_unclaimed,
                                  .on_ids = on_ids,
                                  .room = ask_room,
                                  .crowding = crowding,
                                  .paces = paces,
                                  .arg = w};
        w->exchange = exchange_new(&o);
}

struct engine_worker *engine_worker_new(struct loop *l, const struct config *cfg,
                                        struct crowd *crowd,
                                        const struct engine_worker_events *events)
{
        struct engine_worker *w = xcalloc(1, sizeof(*w));
        struct broker_events be = {
                .on_up = broker_came_up, .on_other_server = broker_other_server, .arg = w};
        struct broker_opts bo = {.url = cfg->redis_url,
                                 .prefix = cfg->redis_prefix,
                                 .timeout_ms = cfg->redis_timeout_ms,
                                 .events_length =
                                         cfg->monitoring_real_time ? cfg->events_length : 0};

        w->loop = l;
        w->cfg = cfg;
        w->ev = *events;
        split_queues(w);
        hands_new(w);
        w->crowd = crowd;
        w->pace = pace_new(cfg->worker_ahead_ms, cfg->worker_ahead_jobs);
        w->pg = connect_pg(w, "wavefleet-worker settle", 0, false, pg_changed);
        /* Later answers are of no use. */
        w->beat = connect_pg(w, "wavefleet-worker lease", cfg->worker_lease_ms * 4 / 5, false,
                             beat_changed);
        w->look = connect_pg(w, "wavefleet-worker look", 0, false, look_changed);
        w->stream_pg = connect_pg(w, "wavefleet-worker stream", 0, true, stream_changed);
        w->broker = broker_new(l, &bo, &be);
        make_exchange(w);
        w->settings = settings_new(w);
        w->promote = promote_new(w);
        w->reap = reap_new(w);
        w->stream = stream_new(w);
        w->reconcile = reconcile_new(w);
        lease_start(w);
        return w;
}

void engine_worker_free(struct engine_worker *w)
{
        if (!w)
                return;
        lease_stop(w);
        reconcile_free(w->reconcile);
        promote_free(w->promote);
        reap_free(take(w->reap));
        pg_free(w->pg);
        pg_free(w->beat);
        pg_free(w->look);
        pg_free(w->stream_pg);
        broker_free(w->broker);
        stream_free(w->stream);
        settings_free(w->settings);
        exchange_free(w->exchange);
        hands_free(w);
        pace_free(w->pace);
        free(w->queue_names);
        free(w);
}

void engine_worker_forget(struct engine_worker *w)
{
        pg_forget(w->pg);
        pg_forget(w->beat);
        pg_forget(w->look);
        pg_forget(w->stream_pg);
        broker_forget(w->broker);
}

/* ---- from the supervisor ---- */

unsigned engine_worker_depth(const struct engine_worker *w)
{
        return pace_depth(w->pace);
}

unsigned engine_worker_together(const struct engine_worker *w)
{
        return pace_together(w->pace);
}

void engine_worker_room(struct engine_worker *w, unsigned runners, unsigned behind)
{
        w->idle = runners;
        w->behind = behind;
        hands_want(w);
        exchange_kick(w->exchange);
}

/*
 * What remains of an outcome that there is no memory for: the attempt has failed, and is made again if
 * there are any left. What was parked stays parked, with the memo that the row has.
 */
static void become_bare(struct outcome *o)
{
        log_error("worker.outcome_dropped", LS("reason", "out of memory"));
        o->result = o->memo = NULL;
        if (o->kind == OUTCOME_PARKED || o->kind == OUTCOME_HANDED_BACK)
                return;
        if (o->kind == OUTCOME_COMPLETED) {
                o->class = CLASS_TEMPORARY;
                o->due_in_ms = -1;
        }
        o->kind = OUTCOME_FAILED;
        o->error = "the outcome could not be held: out of memory";
}

static void settle_now(struct engine_worker *w, const struct attempt *of, struct outcome *o)
{
        stream_end(w->stream, of->id);
        if (exchange_settle(w->exchange, of, o, NULL, NULL, NULL) < 0) {
                become_bare(o);
                exchange_settle(w->exchange, of, o, NULL, NULL, NULL);
        }
        exchange_kick_soon(w->exchange);
        if (o->kind == OUTCOME_PARKED || o->kind == OUTCOME_FAILED)
                promote_within(w->promote, o->due_in_ms >= 0 ? o->due_in_ms : 0);
}

/* An outcome that waits for its lines: whoever reads it in PostgreSQL finds them there too. */
struct settling {
        struct engine_worker *w;
        int64_t worker; /* the identity that ran it */
        struct attempt of;
        struct outcome o;
        char *error, *result, *memo;
};

static void lines_written(bool written, void *arg)
{
        struct settling *s = arg;

        if (written && s->w->id == s->worker && !s->w->dead)
                settle_now(s->w, &s->of, &s->o);
        else if (written)
                stream_end(s->w->stream, s->of.id);
        free(s->error);
        free(s->result);
        free(s->memo);
        free(s);
}

static void settle_later(struct engine_worker *w, const struct attempt *of, const struct outcome *o)
{
        struct settling *s = xcalloc(1, sizeof(*s));

        *s = (struct settling){w, w->id, *of, *o, NULL, NULL, NULL};
        s->o.error = s->error = o->error ? mem_try_strdup(o->error) : NULL;
        s->o.result = s->result = o->result ? mem_try_strdup(o->result) : NULL;
        s->o.memo = s->memo = o->memo ? mem_try_strdup(o->memo) : NULL;
        if (!s->error != !o->error || !s->result != !o->result || !s->memo != !o->memo)
                become_bare(&s->o);
        stream_after_lines(w->stream, of->id, lines_written, s);
}

void engine_worker_settle(struct engine_worker *w, int64_t id, int32_t attempt,
                          const struct outcome *o)
{
        enum { POLL_AGAIN_MS = 1000 };
        struct hand *h = map_get(w->hands, id);
        struct outcome said = *o;

        if (!h || h->state != HAND_RUNNING || h->attempt != attempt)
                return; /* of an identity that is gone, or ended already */
        h->state = HAND_SETTLING;
        w->running--;
        w->lone -= h->lone;
        w->brief -= h->brief;
        if (o->took_us > 0)
                pace_note(w->pace, h->wave_no, o->took_us);
        if (h->poll && o->kind == OUTCOME_HANDED_BACK)
                said = (struct outcome){.kind = OUTCOME_PARKED, .due_in_ms = POLL_AGAIN_MS};
        struct attempt of = {.id = id,
                             .wave_no = h->wave_no,
                             .number = attempt,
                             .poll = h->poll,
                             .lone = h->lone && !h->poll,
                             .brief = h->brief};
        if (stream_written(w->stream, id))
                settle_now(w, &of, &said);
        else
                settle_later(w, &of, &said);
}

void engine_worker_drain(struct engine_worker *w)
{
        if (w->draining)
                return;
        w->draining = true;
        crowd_leave(w->crowd);
        if (w->id && broker_up(w->broker))
                publish_worker(w->broker, w->id, NEWS_DRAINING);
        hands_want(w);
        hands_give_unclaimed(w);
        loop_timer_start(w->tick, 0);
}

bool engine_worker_quiet(const struct engine_worker *w)
{
        return reap_settled(w->reap) && (w->left || (!w->id && !w->dead && !w->registering));
}

bool engine_worker_ready(const struct engine_worker *w)
{
        if (!w->id || w->dead || !pg_up(w->pg) || !broker_up(w->broker))
                return false;
        for (size_t i = 0; i < w->nqueues; i++)
                if (!w->pops[i] || !broker_pop_ready(w->pops[i]))
                        return false;
        return true;
}

/*
 * reconcile.c - the leader: takes the lock, looks what the clock asks of waves, runs a pass at its interval
 * or at once when Redis is another one, renews the depths that monitoring reads, looks who else uses our keys, and keeps
 * house in PostgreSQL once an hour.
 */
#include "engine/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/due.h"
#include "engine/sharers.h"

enum { LOOK_MS = 1000, UPKEEP_MS = 3600 * 1000 };

struct reconcile {
        struct engine_worker *w;
        struct loop_timer *timer;
        bool leader, asking, passing, closing;
        int64_t pass_at_ms, depths_at_ms, upkeep_at_ms;
        struct due *due;
        struct sharers *sharers;
        int64_t *wave_nos; /* the open waves of the last pass or look, by queue */
        struct wave_view *waves;
        size_t nwaves;
        char **served; /* the queues of all that live, as of the last look */
        size_t nserved;
};

static void tick(void *arg);

struct reconcile *reconcile_new(struct engine_worker *w)
{
        struct reconcile *r = xcalloc(1, sizeof(*r));

        r->w = w;
        r->due = due_new(w);
        r->sharers = sharers_new(w);
        r->timer = loop_timer_new(w->loop, tick, r);
        loop_timer_start(r->timer, 0);
        return r;
}

static void forget_served(struct reconcile *r)
{
        for (size_t i = 0; i < r->nserved; i++)
                free(r->served[i]);
        r->nserved = 0;
}

static void really_free(struct reconcile *r)
{
        forget_served(r);
        free(r->served);
        free(r->wave_nos);
        free(r->waves);
        free(r);
}

/* The last answer that is owed frees it. */
static bool closing(struct reconcile *r)
{
        if (!r->closing)
                return false;
        if (!r->asking && !r->passing)
                really_free(r);
        return true;
}

void reconcile_free(struct reconcile *r)
{
        if (!r)
                return;
        loop_timer_free(r->timer);
        due_free(r->due);
        sharers_free(r->sharers);
        r->closing = true;
        closing(r);
}

void reconcile_now(struct reconcile *r)
{
        r->pass_at_ms = 0;
        if (!r->closing)
                loop_timer_start(r->timer, 0);
}

void reconcile_forget_lock(struct reconcile *r)
{
        r->leader = false;
        sharers_forget_name(r->sharers);
}

/* ---- depths ---- */

static void depth_set(int64_t n, const struct err *e, void *arg)
{
        (void)n;
        (void)arg;
        if (e)
                log_debug("depth.not_set", LE(e));
}

static bool queue_first(const struct reconcile *r, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (!strcmp(r->waves[k].facts.queue, r->waves[i].facts.queue))
                        return false;
        return true;
}

static bool queue_has_waves(const struct reconcile *r, const char *queue)
{
        for (size_t i = 0; i < r->nwaves; i++)
                if (!strcmp(r->waves[i].facts.queue, queue))
                        return true;
        return false;
}

/* Of the queues that have waves, and of those that anybody serves: what stands there may be an old truth. */
static void set_depths(struct reconcile *r)
{
        for (size_t i = 0; i < r->nwaves; i++) {
                const char *queue = r->waves[i].facts.queue;
                int64_t due = 0;
                size_t n = 0;
                if (!queue_first(r, i))
                        continue;
                for (size_t k = i; k < r->nwaves; k++) {
                        if (strcmp(r->waves[k].facts.queue, queue) != 0)
                                continue;
                        r->wave_nos[n++] = r->waves[k].facts.wave_no;
                        due += r->waves[k].retrying;
                }
                broker_set_depth(r->w->broker, queue, r->wave_nos, n, due, depth_set, NULL);
        }
        for (size_t q = 0; q < r->nserved; q++)
                if (!queue_has_waves(r, r->served[q]))
                        broker_set_depth(r->w->broker, r->served[q], NULL, 0, 0, depth_set, NULL);
}

/* Of the same queues: there what nobody needs stays. */
static void put_demands_right(struct reconcile *r)
{
        for (size_t i = 0; i < r->nwaves; i++)
                if (queue_first(r, i))
                        demand_put_right(r->w, r->waves[i].facts.queue);
        for (size_t q = 0; q < r->nserved; q++)
                if (!queue_has_waves(r, r->served[q]))
                        demand_put_right(r->w, r->served[q]);
}

/* ---- a pass, or a look at the open waves for the depths alone ---- */

static void keep_waves(struct reconcile *r, const struct wave_view *waves, size_t n)
{
        r->waves = xreallocarray(r->waves, n ? n : 1, sizeof(*waves));
        r->wave_nos = xreallocarray(r->wave_nos, n ? n : 1, sizeof(*r->wave_nos));
        if (n)
                memcpy(r->waves, waves, n * sizeof(*waves));
        r->nwaves = n;
}

static void passed(bool complete, const struct wave_view *waves, size_t n, void *arg)
{
        struct reconcile *r = arg;

        r->passing = false;
        if (closing(r))
                return;
        if (!complete) {
                r->pass_at_ms = clock_mono_ms() + 1000;
                return;
        }
        FAULT_POINT(pass_done);
        keep_waves(r, waves, n);
        set_depths(r);
        put_demands_right(r);
}

static void keep_served(struct reconcile *r, const struct pg_result *res, size_t s)
{
        size_t n = (size_t)pg_rows(res, s);

        forget_served(r);
        r->served = xreallocarray(r->served, n ? n : 1, sizeof(*r->served));
        for (size_t i = 0; i < n; i++)
                r->served[r->nserved++] = xstrdup(pg_text(res, s, (int)i, 0));
}

static void waves_seen(const struct pg_result *res, const struct err *e, void *arg)
{
        struct reconcile *r = arg;
        size_t n = e ? 0 : (size_t)pg_rows(res, 0);
        autofree struct wave_view *v = xcalloc(n ? n : 1, sizeof(*v));

        r->asking = false;
        if (closing(r))
                return;
        if (e)
                return;
        for (size_t i = 0; i < n; i++) {
                wave_view_read(res, (int)i, &v[i]);
        }
        keep_waves(r, v, n);
        keep_served(r, res, 1);
        set_depths(r);
}

static void upkept(const struct pg_result *res, const struct err *e, void *arg)
{
        (void)res;
        (void)arg;
        if (e)
                log_warn("upkeep.failed", LE(e));
}

static void upkeep(struct reconcile *r)
{
        struct pg_tx *tx = pg_tx_new();

        r->upkeep_at_ms = clock_mono_ms() + UPKEEP_MS;
        pg_stmt(tx, SQL_UPKEEP);
        pg_arg_int(tx, r->w->cfg->logs_retention_days);
        pg_send(r->w->stream_pg, tx, upkept, NULL);
}

static void look_at_depths(struct reconcile *r)
{
        struct pg_tx *tx = pg_tx_new();

        r->asking = true;
        pg_stmt(tx, SQL_RECONCILE_WAVES);
        pg_stmt(tx, SQL_QUEUES_SERVED);
        pg_send(r->w->look, tx, waves_seen, r);
}

/* Passes do not take the place of looks: only those learn which queues are served. */
static void lead(struct reconcile *r)
{
        int64_t now = clock_mono_ms();

        if (now >= r->upkeep_at_ms)
                upkeep(r);
        due_look(r->due);
        sharers_look(r->sharers);
        if (now >= r->depths_at_ms) {
                r->depths_at_ms = now + r->w->cfg->monitoring_interval_s * 1000 - LOOK_MS / 2;
                look_at_depths(r);
        }
        if (!r->passing && now >= r->pass_at_ms) {
                r->passing = true;
                r->pass_at_ms = now + r->w->cfg->reconciler_interval_ms;
                pass_start(r->w, passed, r);
        }
}

static void tried(const struct pg_result *res, const struct err *e, void *arg)
{
        struct reconcile *r = arg;

        r->asking = false;
        if (closing(r))
                return;
        if (e || !pg_bool(res, 0, 0, 0))
                return;
        FAULT_POINT(leader_chosen);
        r->leader = true;
        log_info("reconciler.leading", LI("worker", r->w->id));
        lead(r);
}

static void ignore(const struct pg_result *res, const struct err *e, void *arg)
{
        (void)res;
        (void)e;
        (void)arg;
}

static void tick(void *arg)
{
        struct reconcile *r = arg;
        struct engine_worker *w = r->w;
        struct pg_tx *tx;
        int64_t interval = w->cfg->reconciler_interval_ms;

        loop_timer_start(r->timer, interval < LOOK_MS ? interval : LOOK_MS);
        if (r->asking || !pg_up(w->look))
                return;
        if (r->leader && (!broker_up(w->broker) || w->draining || w->dead)) {
                tx = pg_tx_new(); /* somebody else may be able to */
                pg_stmt(tx, SQL_LEADER_LEAVE);
                pg_send(w->look, tx, ignore, NULL);
                r->leader = false;
                return;
        }
        if (r->leader) {
                lead(r);
        } else if (broker_up(w->broker) && w->id && !w->draining && !w->dead) {
                r->asking = true;
                tx = pg_tx_new();
                pg_stmt(tx, SQL_LEADER_TRY);
                pg_send(w->look, tx, tried, r);
        }
}

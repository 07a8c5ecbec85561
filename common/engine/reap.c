/*
 * reap.c - finding the dead. A peer is dead when its heartbeat has not moved for a whole lease on our
 * monotonic clock while PostgreSQL answered, or when it ran on this host and its process is gone. The
 * mark and the outcome `lost` of what it ran are one transaction; then what it held is delivered again,
 * and its processing list is emptied for as long as anything appears in it.
 */
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/settle.h"
#include "engine/worker_internal.h"

enum { LOOK_MS = 1000, GONE_MS = 900 };

struct peer {
        int64_t id;
        int64_t beat;
        int64_t seen_ms; /* since when this beat was seen, and PostgreSQL answered all along */
        int64_t lease_ms;
        int pid;
        int64_t pid_started;
        bool here;       /* its process can be judged from here */
        int64_t gone_ms; /* since when no look has found its process; 0: it was there */
        bool alive;
        bool reaping;
        uint64_t round;
};

struct reap {
        struct engine_worker *w;
        struct map *peers;
        struct map *former; /* our own identities that are not marked yet */
        uint64_t round;
        struct loop_timer *timer;
        int64_t last_answer_ms;
};

static void look_at_peers(void *arg);

/* A short lease is looked at as often as it is renewed. */
static int64_t look_every(const struct reap *r)
{
        int64_t beat_ms = r->w->cfg->worker_lease_ms / 5;

        return beat_ms < LOOK_MS ? beat_ms : LOOK_MS;
}

struct reap *reap_new(struct engine_worker *w)
{
        struct reap *r = xcalloc(1, sizeof(*r));

        r->w = w;
        r->peers = map_new();
        r->former = map_new();
        r->timer = loop_timer_new(w->loop, look_at_peers, r);
        loop_timer_start(r->timer, look_every(r));
        return r;
}

static void drop_unseen(struct reap *r, bool all)
{
        size_t at = 0;
        int64_t id;
        struct peer *p;

        while ((p = map_next(r->peers, &at, &id))) {
                if (!all && (p->round == r->round || p->reaping))
                        continue;
                map_remove(r->peers, id);
                free(p);
                at = 0;
        }
}

void reap_free(struct reap *r)
{
        if (!r)
                return;
        drop_unseen(r, true);
        map_free(r->peers);
        map_free(r->former);
        loop_timer_free(r->timer);
        free(r);
}

/* ---- emptying the list of a dead one ---- */

struct emptying {
        struct engine_worker *w;
        int64_t worker;
};

static void list_seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct emptying *m = arg;

        if (!e && n) {
                FAULT_POINT(reap_list_read);
                log_info("worker.list_emptied", LI("worker", m->worker), LI("ids", n));
                exchange_look(m->w->exchange, ids, n, m->worker);
        }
        free(m);
}

static void empty_list(struct engine_worker *w, int64_t worker)
{
        struct emptying *m;

        if (!broker_up(w->broker))
                return;
        m = xmalloc(sizeof(*m));
        *m = (struct emptying){w, worker};
        broker_processing(w->broker, worker, list_seen, m);
}

/* ---- marking ---- */

enum { SESSIONS, MARK, LOCK, SETTLE };

struct marking {
        struct engine_worker *w;
        int64_t worker;
        char reason[16];
};

static void marked(const struct pg_result *res, const struct err *e, void *arg)
{
        struct marking *m = arg;
        struct engine_worker *w = m->w;
        struct peer *p = w->reap ? map_get(w->reap->peers, m->worker) : NULL;
        struct after a;

        if (p)
                p->reaping = false;
        if (!e && w->reap)
                map_remove(w->reap->former, m->worker);
        if (!w->reap) {
                /* this process ends: another one empties its list */
        } else if (e) {
                log_warn("reap.failed", LI("worker", m->worker), LE(e));
        } else if (pg_rows(res, MARK) > 0 || pg_rows(res, SETTLE) > 0) {
                FAULT_POINT(reap_committed);
                after_init(&a);
                a.news.shared = true; /* it may live, and tell late */
                settle_read(res, SETTLE, NULL, 0, NULL, &a);
                news_worker(&a.news, m->worker, NEWS_DEAD);
                news_reread(&a.news); /* it may have died between a commit and its news */
                log_warn("worker.reaped", LI("worker", m->worker), LS("reason", m->reason),
                         LI("lost", a.ndeliveries));
                metric_add(METRIC_REAPED, 1, m->reason, NULL);
                exchange_after(w->exchange, &a, m->worker, true);
                empty_list(w, m->worker);
                after_fini(&a);
        }
        free(m);
}

static void mark(struct reap *r, int64_t worker, int64_t beat, const char *reason)
{
        struct engine_worker *w = r->w;
        struct settle_by by = {.cfg = w->cfg, .shard = w->shard, .reap = worker};
        struct marking *m = xcalloc(1, sizeof(*m));
        struct pg_tx *tx = pg_tx_new();

        m->w = w;
        m->worker = worker;
        snprintf(m->reason, sizeof(m->reason), "%s", reason);
        pg_stmt(tx, SQL_REAP_SESSIONS);
        pg_arg_int(tx, worker);
        pg_arg_int(tx, beat);
        pg_arg_text(tx, reason);
        pg_stmt(tx, SQL_REAP_MARK);
        pg_arg_int(tx, worker);
        pg_arg_int(tx, beat);
        pg_arg_text(tx, reason);
        pg_stmt(tx, SQL_REAP_LOCK);
        pg_arg_int(tx, worker);
        settle_add(tx, NULL, 0, &by);
        PG_FAULT_SENT(tx, reap_sent);
        pg_send(w->pg, tx, marked, m);
}

/* Should the mark be lost with PostgreSQL, the new identity sees the old one among its peers and marks it
 * again: what it ran would keep its slots for a whole lease. */
void reap_former(struct reap *r, int64_t worker)
{
        map_put(r->former, worker, r);
        mark(r, worker, -1, "former");
}

bool reap_settled(const struct reap *r)
{
        return map_count(r->former) == 0;
}

/* ---- looking ---- */

static struct peer *peer_of(struct reap *r, int64_t id)
{
        struct peer *p = map_get(r->peers, id);

        if (p)
                return p;
        p = xcalloc(1, sizeof(*p));
        p->id = id;
        p->beat = -1;
        map_put(r->peers, id, p);
        return p;
}

static void reap_one(struct reap *r, struct peer *p, int64_t beat, const char *why)
{
        p->reaping = true;
        mark(r, p->id, beat, why);
}

/* Columns of worker_peers: worker_id, beat, alive, boot_id, pid_ns, pid, pid_started, lease_ms, …, left_over. */
static void peer_seen(struct reap *r, const struct pg_result *res, size_t s, int row)
{
        struct peer *p = peer_of(r, pg_int(res, s, row, 0));
        int64_t beat = pg_int(res, s, row, 1);

        p->round = r->round;
        p->alive = pg_bool(res, s, row, 2);
        p->here = identity_same_table(&r->w->me, pg_text(res, s, row, 3), pg_text(res, s, row, 4));
        p->pid = (int)pg_int(res, s, row, 5);
        p->pid_started = pg_int(res, s, row, 6);
        p->lease_ms = pg_int(res, s, row, 7);
        if (!p->alive) {
                map_remove(r->former, p->id); /* somebody else has marked it */
                empty_list(r->w, p->id);
                if (pg_bool(res, s, row, 10) && !p->reaping)
                        reap_one(r, p, -1, "left_over");
                return;
        }
        if (map_get(r->former, p->id))
                loop_timer_start(r->timer, 0);
        if (beat != p->beat) {
                p->beat = beat;
                p->seen_ms = clock_mono_ms();
        }
}

/* Former selves that were marked all the same: by somebody else, or the answer to our mark was lost. */
static void forget_marked(struct reap *r)
{
        size_t at = 0;
        int64_t id;

        while (map_next(r->former, &at, &id)) {
                const struct peer *p = map_get(r->peers, id);
                if (p && p->round == r->round && p->alive)
                        continue;
                map_remove(r->former, id);
                at = 0;
        }
}

/* A gap in PostgreSQL's answers is nobody's death: they may not have been able to renew. */
static bool gap(const struct reap *r, int64_t now)
{
        return now - r->last_answer_ms > r->w->cfg->worker_lease_ms / 2;
}

void reap_look(struct reap *r, const struct pg_result *res, size_t s)
{
        size_t at = 0;
        int64_t id;
        struct peer *p;
        int64_t now = clock_mono_ms();

        if (gap(r, now))
                while ((p = map_next(r->peers, &at, &id)))
                        p->seen_ms = now;
        r->last_answer_ms = now;
        r->round++;
        for (int i = 0; i < pg_rows(res, s); i++)
                peer_seen(r, res, s, i);
        forget_marked(r);
        drop_unseen(r, false);
}

/* Its runners' watchdogs have a moment to follow it. */
static bool process_gone(const struct reap *r, struct peer *p, int64_t now)
{
        if (!p->here || p->pid == r->w->me.pid)
                return false;
        if (identity_process_exists(p->pid, p->pid_started))
                p->gone_ms = 0;
        else if (!p->gone_ms)
                p->gone_ms = now;
        return p->gone_ms && now - p->gone_ms >= GONE_MS;
}

/* The same beat for a whole lease. The mark asks once more, by its compare-and-set. */
static bool lease_over(const struct reap *r, const struct peer *p, int64_t now)
{
        return !gap(r, now) && p->seen_ms && now - p->seen_ms >= p->lease_ms;
}

/* NULL: it lives, as far as we know. */
static const char *why_dead(const struct reap *r, struct peer *p, int64_t now)
{
        if (map_get(r->former, p->id))
                return "former";
        if (process_gone(r, p, now))
                return "process_gone";
        return lease_over(r, p, now) ? "lease" : NULL;
}

static void look_at_peers(void *arg)
{
        struct reap *r = arg;
        size_t at = 0;
        int64_t id, now = clock_mono_ms();
        struct peer *p;

        loop_timer_start(r->timer, look_every(r));
        if (!r->w->id || r->w->dead || !pg_up(r->w->pg))
                return;
        while ((p = map_next(r->peers, &at, &id))) {
                if (!p->alive || p->reaping)
                        continue;
                const char *why = why_dead(r, p, now);
                if (!why)
                        continue;
                reap_one(r, p, strcmp(why, "lease") == 0 ? p->beat : -1, why);
        }
}

/*
 * reconcile_pass.c - one pass, a chain of questions: waves in PostgreSQL, their counts in Redis, hashes of
 * waves that are over, lists of workers that are not alive, due entries, then every wave that differs.
 */
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/reconcile.h"

struct pass {
        struct engine_worker *w;
        pass_fn fn;
        void *arg;
        struct wave_view *waves;
        size_t nwaves, at;
        int64_t *workers; /* that have a processing list */
        size_t nworkers;
        int64_t *hashes; /* waves that have a hash, */
        int32_t *known;  /* and which version of each Redis knew */
        size_t nhashes;
        struct map *delayed;
        bool failed;
};

static void pass_end(struct pass *p)
{
        p->fn(!p->failed, p->waves, p->nwaves, p->arg);
        free(p->waves);
        free(p->workers);
        free(p->hashes);
        free(p->known);
        map_free(p->delayed);
        free(p);
}

/* False, and the pass is over, where something could not be asked: it comes again soon. */
static bool pass_on(struct pass *p, const struct err *e)
{
        if (!e)
                return true;
        log_warn("reconciler.interrupted", LE(e));
        p->failed = true;
        pass_end(p);
        return false;
}

/* ---- last: the waves that differ ---- */

int64_t wave_view_lacks(const struct wave_view *v)
{
        return v->pending + v->inflight - v->redis.backlog - v->redis.window;
}

static bool differs(const struct wave_view *v)
{
        const struct wave_counts *r = &v->redis;

        return !r->open || wave_view_lacks(v) > 0 || r->version < v->facts.version ||
               r->paused != v->facts.paused || r->batch_size != v->facts.batch_size ||
               r->window != v->inflight;
}

static void told(const struct err *e, void *arg)
{
        (void)arg;
        if (e)
                log_debug("wave.facts_not_told", LE(e));
}

/* A wave that could release something and is in nobody's turn list is enlisted by its facts. */
static bool could_release(const struct wave_view *v)
{
        return v->redis.backlog > 0 && !v->facts.paused && v->redis.window < v->facts.batch_size;
}

static void closed(const struct err *e, void *arg);

/*
 * PostgreSQL was read after Redis and yet knows less: it has been put back to an older state. It decides
 * all the same, so what Redis knows of the wave goes.
 */
static bool from_the_future(struct pass *p, const struct wave_view *v)
{
        struct wave_facts f = v->facts;

        if (!v->redis.open || v->redis.version <= v->facts.version)
                return false;
        log_warn("wave.older_in_postgres", LI("wave_no", f.wave_no), LI("version", f.version),
                 LI("redis_version", v->redis.version));
        metric_add(METRIC_RECONCILED, 1, "future", NULL);
        f.version = v->redis.version;
        broker_close_wave(p->w->broker, &f, closed, NULL);
        FAULT_POINT_AFTER(future_closed, broker_fault_flush(p->w->broker));
        return true;
}

static void next_wave(void *arg)
{
        struct pass *p = arg;

        while (p->at < p->nwaves) {
                const struct wave_view *v = &p->waves[p->at++];
                if (from_the_future(p, v)) {
                        rebuild_start(p->w, v, true, p->workers, p->nworkers, next_wave, p);
                        return;
                }
                if (could_release(v))
                        broker_facts(p->w->broker, &v->facts, told, NULL);
                if (!differs(v))
                        continue;
                rebuild_start(p->w, v, !v->redis.open, p->workers, p->nworkers, next_wave, p);
                return;
        }
        pass_end(p);
}

/* ---- due entries ---- */

static void delayed_put(const struct err *e, void *arg)
{
        struct pass *p = arg;

        if (!pass_on(p, e))
                return;
        FAULT_POINT(pass_delayed_put);
        next_wave(p);
}

static void due_seen(const struct pg_result *r, const struct err *e, void *arg)
{
        struct pass *p = arg;
        size_t n = 0;
        int64_t *ids, *due;

        if (!pass_on(p, e))
                return;
        ids = xreallocarray(NULL, (size_t)pg_rows(r, 0) + 1, sizeof(*ids));
        due = xreallocarray(NULL, (size_t)pg_rows(r, 0) + 1, sizeof(*due));
        for (int i = 0; i < pg_rows(r, 0); i++) {
                /* One that is due and yet stands there: Redis' clock may have been set back since. */
                if (map_get(p->delayed, pg_int(r, 0, i, 0)) && pg_int(r, 0, i, 1) > 0)
                        continue;
                ids[n] = pg_int(r, 0, i, 0);
                due[n++] = pg_int(r, 0, i, 1);
        }
        if (n) {
                FAULT_POINT(pass_due_missing);
                metric_add(METRIC_RECONCILED, (double)n, "delayed", NULL);
                broker_delay(p->w->broker, ids, due, n, delayed_put, p);
        } else {
                delayed_put(NULL, p);
        }
        free(ids);
        free(due);
}

/* What is being asked or promoted just now has no entry and gets a second one: it is refused then. */
static void delayed_seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct pass *p = arg;
        struct pg_tx *tx;

        if (!pass_on(p, e))
                return;
        FAULT_POINT(pass_delayed_read);
        for (size_t i = 0; i < n; i++)
                map_put(p->delayed, ids[i], p);
        tx = pg_tx_new();
        pg_stmt(tx, SQL_RECONCILE_DUE);
        pg_send(p->w->look, tx, due_seen, p);
}

/* ---- lists of workers that are not alive ---- */

struct orphan {
        struct engine_worker *w;
        int64_t worker;
};

static void orphan_list(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct orphan *o = arg;

        if (!e && n) {
                FAULT_POINT(pass_orphan_read);
                metric_add(METRIC_RECONCILED, (double)n, "orphan", NULL);
                exchange_look(o->w->exchange, ids, n, o->worker);
        }
        free(o);
}

static void alive_seen(const struct pg_result *r, const struct err *e, void *arg)
{
        struct pass *p = arg;
        size_t live = 0;

        if (!pass_on(p, e))
                return;
        for (size_t i = 0; i < p->nworkers; i++) {
                bool alive = false;
                for (int k = 0; k < pg_rows(r, 0); k++)
                        alive |= pg_int(r, 0, k, 0) == p->workers[i];
                if (alive) {
                        p->workers[live++] = p->workers[i];
                } else {
                        struct orphan *o = xmalloc(sizeof(*o));
                        *o = (struct orphan){p->w, p->workers[i]};
                        broker_processing(p->w->broker, o->worker, orphan_list, o);
                }
        }
        FAULT_POINT(pass_workers_read);
        p->nworkers = live;
        broker_delayed(p->w->broker, delayed_seen, p);
}

static void lists_seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct pass *p = arg;
        struct pg_tx *tx;

        if (!pass_on(p, e))
                return;
        FAULT_POINT(pass_lists_read);
        p->workers = xreallocarray(NULL, n + 1, sizeof(*ids));
        if (n)
                memcpy(p->workers, ids, n * sizeof(*ids));
        p->nworkers = n;
        tx = pg_tx_new();
        pg_stmt(tx, SQL_WORKERS_ALIVE);
        pg_arg_int8s(tx, p->workers, n);
        pg_send(p->w->look, tx, alive_seen, p);
}

/* ---- keys of waves that are over ---- */

static void closed(const struct err *e, void *arg)
{
        (void)e;
        (void)arg;
}

/* A newer version than that of PostgreSQL, which was read after it: PostgreSQL was put back (below). */
static int32_t known_version(const struct pass *p, const struct wave_facts *f)
{
        for (size_t i = 0; i < p->nhashes; i++)
                if (p->hashes[i] == f->wave_no && p->known[i] > f->version)
                        return p->known[i];
        return f->version;
}

static void over_seen(const struct pg_result *r, const struct err *e, void *arg)
{
        static const struct facts_cols cols = {0, 1, 2, 3, 4, 5};
        struct pass *p = arg;

        if (!pass_on(p, e))
                return;
        if (pg_rows(r, 0))
                FAULT_POINT(pass_over_known);
        for (int i = 0; i < pg_rows(r, 0); i++) {
                struct wave_facts f;
                facts_read(r, 0, i, &cols, &f);
                f.version = known_version(p, &f);
                metric_add(METRIC_RECONCILED, 1, "closed", NULL);
                broker_close_wave(p->w->broker, &f, closed, NULL);
        }
        broker_processing_lists(p->w->broker, lists_seen, p);
}

static void versions_seen(const struct wave_counts *v, size_t n, const struct err *e, void *arg)
{
        struct pass *p = arg;
        struct pg_tx *tx;

        if (!pass_on(p, e))
                return;
        for (size_t i = 0; i < n && i < p->nhashes; i++)
                p->known[i] = v[i].version;
        tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVES_OVER);
        pg_arg_int8s(tx, p->hashes, p->nhashes);
        pg_send(p->w->look, tx, over_seen, p);
}

static void hashes_seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct pass *p = arg;

        if (!pass_on(p, e))
                return;
        p->hashes = xreallocarray(NULL, n + 1, sizeof(*ids));
        p->known = xcalloc(n + 1, sizeof(*p->known));
        if (n)
                memcpy(p->hashes, ids, n * sizeof(*ids));
        p->nhashes = n;
        broker_wave_counts(p->w->broker, p->hashes, n, versions_seen, p);
}

/* ---- first: what there is ---- */

static const struct facts_cols wave_cols = {0, 1, 2, 3, 4, 5};

void wave_view_read(const struct pg_result *r, int row, struct wave_view *v)
{
        facts_read(r, 0, row, &wave_cols, &v->facts);
        v->pending = pg_int(r, 0, row, 6);
        v->inflight = pg_int(r, 0, row, 7);
        v->retrying = pg_int(r, 0, row, 8);
}

/* Both answers are in the order of the waves' numbers; a wave that ended meanwhile is left out. */
static void waves_seen_again(const struct pg_result *r, const struct err *e, void *arg)
{
        struct pass *p = arg;
        size_t n = 0, at = 0;

        if (!pass_on(p, e))
                return;
        for (int i = 0; i < pg_rows(r, 0); i++) {
                int64_t wave_no = pg_int(r, 0, i, 0);
                while (at < p->nwaves && p->waves[at].facts.wave_no < wave_no)
                        at++;
                if (at == p->nwaves || p->waves[at].facts.wave_no != wave_no)
                        continue;
                p->waves[n] = p->waves[at++];
                wave_view_read(r, i, &p->waves[n++]);
        }
        p->nwaves = n;
        FAULT_POINT(pass_waves_compared);
        broker_open_waves(p->w->broker, hashes_seen, p);
}

static void counts_seen(const struct wave_counts *v, size_t n, const struct err *e, void *arg)
{
        struct pass *p = arg;
        struct pg_tx *tx;

        if (!pass_on(p, e))
                return;
        FAULT_POINT(pass_counts_read);
        for (size_t i = 0; i < n && i < p->nwaves; i++)
                p->waves[i].redis = v[i];
        tx = pg_tx_new();
        pg_stmt(tx, SQL_RECONCILE_WAVES);
        pg_send(p->w->look, tx, waves_seen_again, p);
}

static void waves_seen(const struct pg_result *r, const struct err *e, void *arg)
{
        struct pass *p = arg;
        int64_t *nos;

        if (!pass_on(p, e))
                return;
        FAULT_POINT(pass_waves_read);
        p->nwaves = (size_t)pg_rows(r, 0);
        p->waves = xcalloc(p->nwaves + 1, sizeof(*p->waves));
        nos = xcalloc(p->nwaves + 1, sizeof(*nos));
        for (size_t i = 0; i < p->nwaves; i++) {
                wave_view_read(r, (int)i, &p->waves[i]);
                nos[i] = p->waves[i].facts.wave_no;
        }
        broker_wave_counts(p->w->broker, nos, p->nwaves, counts_seen, p);
        free(nos);
}

void pass_start(struct engine_worker *w, pass_fn fn, void *arg)
{
        struct pass *p = xcalloc(1, sizeof(*p));
        struct pg_tx *tx = pg_tx_new();

        p->w = w;
        p->fn = fn;
        p->arg = arg;
        p->delayed = map_new();
        pg_stmt(tx, SQL_RECONCILE_WAVES);
        pg_send(w->look, tx, waves_seen, p);
}

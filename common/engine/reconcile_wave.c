/*
 * reconcile_wave.c - one wave, id by id. Redis is read in the direction in which an id moves (backlog,
 * queue, processing lists), PostgreSQL after it, so that a moving id is met at least once; one that
 * moved back is delivered twice, which the claim makes harmless. Add, look again, free; the hash last.
 */
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/reconcile.h"

enum { PIECE = 10000 };

struct rebuild {
        struct engine_worker *w;
        struct wave_view v;
        bool whole; /* the backlog too */
        const int64_t *workers;
        size_t nworkers, at;
        void (*fn)(void *arg);
        void *arg;
        struct map *backlog; /* ids */
        struct map *moving;  /* in the queue or in a live worker's list */
        struct map *window;
        int64_t after_id; /* pending ids are read in pieces */
        int64_t *push;
        size_t npush;
        int64_t *inflight; /* running or parked */
        size_t ninflight;
        int64_t *drop;
        size_t ndrop;
        size_t put_right;
};

static void rebuild_free(struct rebuild *b)
{
        map_free(b->backlog);
        map_free(b->moving);
        map_free(b->window);
        free(b->push);
        free(b->inflight);
        free(b->drop);
        free(b);
}

static void rebuild_end(struct rebuild *b)
{
        if (b->put_right) {
                log_info("wave.put_right", LI("wave_no", b->v.facts.wave_no),
                         LI("entries", b->put_right));
                metric_add(METRIC_RECONCILED, (double)b->put_right, "wave", NULL);
        }
        b->fn(b->arg);
        rebuild_free(b);
}

static bool go_on(struct rebuild *b, const struct err *e)
{
        if (!e)
                return true;
        log_warn("wave.not_put_right", LI("wave_no", b->v.facts.wave_no), LE(e));
        rebuild_end(b);
        return false;
}

static void put_all(struct map *m, const int64_t *ids, size_t n)
{
        for (size_t i = 0; i < n; i++)
                map_put(m, ids[i], m);
}

/* ---- free what is no longer there, and open the hash ---- */

static void opened(const struct err *e, void *arg)
{
        struct rebuild *b = arg;

        FAULT_POINT(rebuild_opened);
        if (go_on(b, e))
                rebuild_end(b);
}

static void freed(const struct err *e, void *arg)
{
        struct rebuild *b = arg;

        FAULT_POINT(rebuild_freed);
        if (go_on(b, e)) /* creates the hash where it is not, and releases */
                broker_push(b->w->broker, &b->v.facts, NULL, 0, false, opened, b);
}

/* Columns of wave_inflight: id, … */
static void looked_again(const struct pg_result *r, const struct err *e, void *arg)
{
        struct rebuild *b = arg;
        struct map *still;

        if (!go_on(b, e))
                return;
        still = map_new();
        for (int i = 0; i < pg_rows(r, 0); i++)
                map_put(still, pg_int(r, 0, i, 0), still);
        b->drop = xreallocarray(b->drop, b->ndrop + b->ninflight + 1, sizeof(*b->drop));
        for (size_t i = 0; i < b->ninflight; i++)
                if (!map_get(still, b->inflight[i]))
                        b->drop[b->ndrop++] = b->inflight[i];
        map_free(still);
        b->put_right += b->ndrop;
        FAULT_POINT(rebuild_looked_again);
        broker_window_set(b->w->broker, &b->v.facts, NULL, 0, b->drop, b->ndrop, freed, b);
}

static void ask_inflight(struct rebuild *b, pg_fn fn)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_WAVE_INFLIGHT);
        pg_arg_int(tx, b->v.facts.wave_no);
        pg_send(b->w->look, tx, fn, b);
}

static void added(const struct err *e, void *arg)
{
        struct rebuild *b = arg;

        FAULT_POINT(rebuild_added);
        if (go_on(b, e))
                ask_inflight(b, looked_again);
}

/* More are missing than have given their slots to what follows them (broker/README.md) and wait for their settlement. */
static bool misses(const struct rebuild *b)
{
        int64_t passed = 0;

        for (size_t i = 0; i < b->ninflight; i++)
                passed += !map_get(b->window, b->inflight[i]) && map_get(b->moving, b->inflight[i]);
        return wave_view_lacks(&b->v) > passed;
}

/* Slots whose rows are neither running nor parked nor on their way to a worker are nobody's. */
static void inflight_seen(const struct pg_result *r, const struct err *e, void *arg)
{
        struct rebuild *b = arg;
        struct map *now;
        size_t at = 0, missing = 0;
        int64_t id;

        if (!go_on(b, e))
                return;
        now = map_new();
        b->inflight = xreallocarray(NULL, (size_t)pg_rows(r, 0) + 1, sizeof(*b->inflight));
        for (int i = 0; i < pg_rows(r, 0); i++) {
                id = pg_int(r, 0, i, 0);
                map_put(now, id, now);
                b->inflight[b->ninflight++] = id;
                missing += !map_get(b->window, id);
        }
        b->drop = xreallocarray(NULL, map_count(b->window) + 1, sizeof(*b->drop));
        while (map_next(b->window, &at, &id))
                if (!map_get(now, id) && !map_get(b->moving, id))
                        b->drop[b->ndrop++] = id;
        map_free(now);
        if (!b->whole &&
            (b->ndrop || misses(b))) { /* perhaps a pending one is nowhere: look at everything */
                rebuild_start(b->w, &b->v, true, b->workers, b->nworkers, b->fn, b->arg);
                rebuild_free(b);
                return;
        }
        b->put_right += missing;
        FAULT_POINT(rebuild_inflight_read);
        if (missing)
                broker_window_set(b->w->broker, &b->v.facts, b->inflight, b->ninflight, NULL, 0,
                                  added, b);
        else
                added(NULL, b);
}

/* ---- pending ids that are nowhere ---- */

static void ask_pending(struct rebuild *b);

static void pushed(const struct err *e, void *arg)
{
        struct rebuild *b = arg;

        if (!go_on(b, e))
                return;
        FAULT_POINT(rebuild_pushed);
        b->npush = 0;
        if (b->after_id >= 0)
                ask_pending(b);
        else
                ask_inflight(b, inflight_seen);
}

static void pending_seen(const struct pg_result *r, const struct err *e, void *arg)
{
        struct rebuild *b = arg;
        int rows;

        if (!go_on(b, e))
                return;
        rows = pg_rows(r, 0);
        for (int i = 0; i < rows; i++) {
                int64_t id = pg_int(r, 0, i, 0);
                b->after_id = id;
                if (!map_get(b->backlog, id) && !map_get(b->moving, id))
                        b->push[b->npush++] = id;
        }
        if (rows < PIECE)
                b->after_id = -1;
        b->put_right += b->npush;
        FAULT_POINT(rebuild_pending_read);
        if (b->npush)
                broker_push(b->w->broker, &b->v.facts, b->push, b->npush, false, pushed, b);
        else
                pushed(NULL, b);
}

static void ask_pending(struct rebuild *b)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_RECONCILE_PENDING);
        pg_arg_int(tx, b->v.facts.wave_no);
        pg_arg_int(tx, b->after_id);
        pg_arg_int(tx, PIECE);
        pg_send(b->w->look, tx, pending_seen, b);
}

/* ---- what Redis has ---- */

static void window_seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct rebuild *b = arg;

        if (!go_on(b, e))
                return;
        FAULT_POINT(rebuild_lists_read);
        put_all(b->window, ids, n);
        if (!b->whole) {
                ask_inflight(b, inflight_seen);
                return;
        }
        b->push = xreallocarray(NULL, PIECE, sizeof(*b->push));
        ask_pending(b);
}

static void next_list(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct rebuild *b = arg;

        if (!go_on(b, e))
                return;
        put_all(b->moving, ids, n);
        if (b->at < b->nworkers)
                broker_processing(b->w->broker, b->workers[b->at++], next_list, b);
        else
                broker_window(b->w->broker, b->v.facts.wave_no, window_seen, b);
}

static void backlog_seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct rebuild *b = arg;

        if (!go_on(b, e))
                return;
        put_all(b->backlog, ids, n);
        broker_queue(b->w->broker, b->v.facts.queue, next_list, b);
}

void rebuild_start(struct engine_worker *w, const struct wave_view *v, bool whole,
                   const int64_t *workers, size_t nworkers, void (*fn)(void *arg), void *arg)
{
        struct rebuild *b = xcalloc(1, sizeof(*b));

        b->w = w;
        b->v = *v;
        b->whole = whole;
        b->workers = workers;
        b->nworkers = nworkers;
        b->fn = fn;
        b->arg = arg;
        b->backlog = map_new();
        b->moving = map_new();
        b->window = map_new();
        if (whole)
                broker_backlog(w->broker, v->facts.wave_no, backlog_seen, b);
        else
                broker_queue(w->broker, v->facts.queue, next_list, b);
}

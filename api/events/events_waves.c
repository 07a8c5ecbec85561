/*
 * events_waves.c - what waves are called, and how far they are. A wave that changed is read at once, then not
 * before READ_APART_MS have passed, and always once more after its last change: it stands in `dirty` from the
 * entry that names it until it is asked for, so a change that comes while PostgreSQL answers is read anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/events/events_inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum {
        READ_APART_MS = 200,
        READ_AT_ONCE = 64,
        READ_AGAIN_MS = 1000, /* after a failure */
        RETELL_MS = 10000,
        KNOWN_MAX = 20000
};

static void read_due(void *arg);

void waves_init(struct events *ev)
{
        ev->waves = map_new();
        list_init(&ev->dirty);
        ev->read = loop_timer_new(ev->app->loop, read_due, ev);
}

void waves_fini(struct events *ev)
{
        size_t at = 0;
        int64_t no;
        struct wave *w;
        while ((w = map_next(ev->waves, &at, &no)))
                free(w);
        map_free(ev->waves);
        loop_timer_free(ev->read);
}

/* ---- who they are ---- */

struct wave *wave_known(struct events *ev, int64_t no)
{
        return map_get(ev->waves, no);
}

struct wave *wave_learn(struct events *ev, int64_t no, const char *id)
{
        struct wave *w = wave_known(ev, no);
        if (!w) {
                w = xcalloc(1, sizeof(*w));
                w->no = no;
                list_init(&w->dirty);
                map_put(ev->waves, no, w);
        }
        snprintf(w->id, sizeof(w->id), "%s", id);
        return w;
}

void waves_prune(struct events *ev)
{
        if (map_count(ev->waves) <= KNOWN_MAX)
                return;
        size_t at = 0, n = 0;
        int64_t no;
        struct wave *w;
        autofree int64_t *gone = xreallocarray(NULL, map_count(ev->waves), sizeof(*gone));
        while ((w = map_next(ev->waves, &at, &no)))
                if (!w->readers && list_empty(&w->dirty))
                        gone[n++] = no;
        while (n > 0)
                free(map_remove(ev->waves, gone[--n]));
}

/* ---- how far they are ---- */

static bool is_wanted(const struct events *ev, const struct wave *w)
{
        return ev->nall || w->readers;
}

static void read_within(struct events *ev, int64_t ms)
{
        if (!ev->reading)
                loop_timer_start(ev->read, ms > 0 ? ms : 0);
}

/* The list is in the order of due times, nearly: one is due in the time apart at most. */
static void soil(struct events *ev, struct wave *w)
{
        if (!list_empty(&w->dirty))
                return;
        int64_t now = clock_mono_ms();
        bool first = list_empty(&ev->dirty);
        w->due_ms = w->read_ms + READ_APART_MS > now ? w->read_ms + READ_APART_MS : now;
        if (w->due_ms == now)
                list_push_front(&ev->dirty, &w->dirty);
        else
                list_push_back(&ev->dirty, &w->dirty);
        if (first || w->due_ms == now)
                read_within(ev, w->due_ms - now);
}

void wave_touch(struct events *ev, struct wave *w, int64_t ms)
{
        w->touched_ms = ms;
        if (is_wanted(ev, w))
                soil(ev, w);
}

void waves_retell(struct events *ev, const struct reader *r, int64_t since_ms)
{
        size_t at = 0;
        int64_t no;
        struct wave *w;
        if (r->wave) {
                soil(ev, r->wave);
                return;
        }
        while ((w = map_next(ev->waves, &at, &no)))
                if (w->touched_ms >= since_ms - RETELL_MS)
                        soil(ev, w);
}

static void tell(struct events *ev, int64_t no, const char *json, size_t len)
{
        struct wave *w = wave_known(ev, no);
        if (!w || !is_wanted(ev, w))
                return;
        const struct message m = {.token = ev->ring.head, .kind = EVENT_WAVE, .wave_no = no};
        ring_add(&ev->ring, &m, json, len);
        metric_add(METRIC_EVENTS_RELAYED, 1, event_name(EVENT_WAVE), NULL);
}

struct reading {
        struct events *ev;
        size_t n;
        int64_t nos[READ_AT_ONCE];
};

/* What could not be read is asked for again. */
static void on_waves(const struct pg_result *r, const struct err *e, void *arg)
{
        struct reading *k = arg;
        struct events *ev = k->ev;
        ev->reading = false;
        for (size_t i = 0; e && i < k->n; i++) {
                struct wave *w = wave_known(ev, k->nos[i]);
                if (w)
                        soil(ev, w);
        }
        free(k);
        if (e) {
                loop_timer_start(ev->read, READ_AGAIN_MS);
                return;
        }
        for (int i = 0; i < pg_rows(r, 0); i++)
                tell(ev, pg_int(r, 0, i, 0), pg_text(r, 0, i, 1), pg_length(r, 0, i, 1));
        pump_kick(ev);
        if (!list_empty(&ev->dirty))
                read_due(ev);
}

static void read_due(void *arg)
{
        struct events *ev = arg;
        struct reading *k = xmalloc(sizeof(*k));
        int64_t now = clock_mono_ms(), next = READ_APART_MS;
        *k = (struct reading){.ev = ev};
        LIST_EACH(at, &ev->dirty)
        {
                struct wave *w = CONTAINER_OF(at, struct wave, dirty);
                if (w->due_ms > now || k->n == READ_AT_ONCE) {
                        next = w->due_ms - now < next ? w->due_ms - now : next;
                        break;
                }
                list_remove(&w->dirty);
                w->read_ms = now;
                if (is_wanted(ev, w))
                        k->nos[k->n++] = w->no;
        }
        if (k->n == 0) {
                free(k);
                if (!list_empty(&ev->dirty))
                        read_within(ev, next);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_EVENTS_WAVES);
        pg_arg_int8s(tx, k->nos, k->n);
        ev->reading = true;
        pg_pool_send(ev->app->pg, tx, on_waves, k);
}

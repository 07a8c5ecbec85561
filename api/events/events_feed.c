/*
 * events_feed.c - from the stream to the ring, in order. Entries are told in chunks: what is to be asked of
 * PostgreSQL for a chunk (waves that are not known yet, what an act made of a migration, or what is said of that
 * shortly afterwards, log lines that somebody follows) is asked in one go, and while the answer is awaited the
 * next entries gather. So a chunk grows by itself when there is much to do. Most chunks ask for nothing and are
 * told at once.
 */
#include <stdlib.h>
#include <string.h>

#include "api/events/events_inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/news.h"

enum {
        CHUNK = 16,     /* entries told in one turn of the loop */
        ENOUGH = 256,   /* entries that wait: no more are read … */
        FEW = 64,       /* … until so few are left */
        HISTORY = 1000, /* entries from before, for readers that come from another process */
        AGAIN_MS = 300  /* after a failure of PostgreSQL */
};

static const struct token nowhere;

static void turn(void *arg);

/* Everything up to now was told. */
static void tell_live(struct events *ev, const struct entry *of)
{
        const struct token at = {of->id.ms, of->id.seq, TOKEN_ALL_PARTS};
        if (of->gap) {
                ring_restart(&ev->ring, &at);
                tell_reset(ev, &at, "events were lost");
        }
        ev->ring.head = at;
        ev->live = true;
        ev->down_ms = 0;
        log_info("events.live", LI("messages", ev->ring.next - ev->ring.first), LB("gap", of->gap));
        pump_join(ev);
}

static void tell_chunk(struct events *ev, const struct pg_result *r)
{
        struct list *at;
        while ((at = list_pop_front(&ev->chunk))) {
                struct entry *of = CONTAINER_OF(at, struct entry, link);
                if (of->live)
                        tell_live(ev, of);
                else
                        tell_entry(ev, of, r);
                free(of);
        }
        ev->nchunk = 0;
        pump_kick(ev);
        waves_prune(ev);
        if (ev->tail && ev->nentries < FEW)
                broker_tail_pause(ev->tail, false);
        if (ev->nentries)
                loop_timer_start(ev->feed, 0);
}

/* ---- what PostgreSQL is asked for a chunk ---- */

struct wants {
        struct map *seen;
        int64_t *waves, *rows, *low, *high, *lines;
        size_t nwaves, nrows, nlines, cap;
};

static void more_room(struct wants *q)
{
        if (q->nrows + 1 < q->cap && q->nlines + 1 < q->cap && q->nwaves + 1 < q->cap)
                return;
        q->cap = q->cap ? q->cap * 2 : 256;
        q->waves = xreallocarray(q->waves, q->cap, sizeof(int64_t));
        q->rows = xreallocarray(q->rows, q->cap, sizeof(int64_t));
        q->low = xreallocarray(q->low, q->cap, sizeof(int64_t));
        q->high = xreallocarray(q->high, q->cap, sizeof(int64_t));
        q->lines = xreallocarray(q->lines, q->cap, sizeof(int64_t));
}

static void want_item(struct events *ev, struct wants *q, const struct news_item *it)
{
        more_room(q);
        if (it->wave_no && !wave_known(ev, it->wave_no) && !map_get(q->seen, it->wave_no)) {
                map_put(q->seen, it->wave_no, q);
                q->waves[q->nwaves++] = it->wave_no;
        }
        if (doubtful(&ev->doubt, it))
                q->rows[q->nrows++] = it->id;
        if (it->kind == NEWS_LINES && ev->nlogs) {
                q->low[q->nlines] = it->low;
                q->high[q->nlines] = it->high;
                q->lines[q->nlines++] = it->id;
        }
}

static void want_chunk(struct events *ev, struct wants *q)
{
        *q = (struct wants){.seen = map_new()};
        more_room(q);
        LIST_EACH(at, &ev->chunk)
        {
                const struct entry *of = CONTAINER_OF(at, struct entry, link);
                struct news_reader reader;
                struct news_item it;
                news_open(&reader, of->text, of->len);
                while (news_next(&reader, &it) > 0)
                        want_item(ev, q, &it);
        }
}

static void wants_fini(struct wants *q)
{
        map_free(q->seen);
        free(q->waves);
        free(q->rows);
        free(q->low);
        free(q->high);
        free(q->lines);
}

/* Waves and migrations whose lines somebody follows. */
static void add_followed(struct events *ev, struct pg_tx *tx)
{
        autofree int64_t *ids = xreallocarray(NULL, ev->nreaders + 1, sizeof(*ids));
        size_t n = 0, at = 0;
        int64_t id;
        while (map_next(ev->logs, &at, &id))
                ids[n++] = id;
        pg_arg_int8s(tx, ids, n);
        n = 0;
        LIST_EACH(link, &ev->readers)
        {
                const struct reader *r = CONTAINER_OF(link, struct reader, link);
                if (r->wave_lines)
                        ids[n++] = r->wave->no;
        }
        pg_arg_int8s(tx, ids, n);
}

static void on_asked(const struct pg_result *r, const struct err *e, void *arg)
{
        struct events *ev = arg;
        ev->asking = false;
        if (e) {
                loop_timer_start(ev->feed, AGAIN_MS);
                return;
        }
        for (int i = 0; i < pg_rows(r, ASK_IDS); i++)
                wave_learn(ev, pg_int(r, ASK_IDS, i, 0), pg_text(r, ASK_IDS, i, 1));
        tell_chunk(ev, r);
}

static void ask(struct events *ev, const struct wants *q)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_EVENTS_WAVE_IDS);
        pg_arg_int8s(tx, q->waves, q->nwaves);
        pg_stmt(tx, SQL_EVENTS_ROWS);
        pg_arg_int8s(tx, q->rows, q->nrows);
        pg_stmt(tx, SQL_EVENTS_LINES);
        pg_arg_int8s(tx, q->low, q->nlines);
        pg_arg_int8s(tx, q->high, q->nlines);
        pg_arg_int8s(tx, q->lines, q->nlines);
        add_followed(ev, tx);
        ev->asking = true;
        pg_pool_send(ev->app->pg, tx, on_asked, ev);
}

/* The next chunk, or the same again where PostgreSQL could not be asked. */
static void turn(void *arg)
{
        struct events *ev = arg;
        struct wants q;
        if (ev->asking)
                return;
        while (ev->nchunk < CHUNK && ev->nentries) {
                list_push_back(&ev->chunk, list_pop_front(&ev->entries));
                ev->nentries--;
                ev->nchunk++;
        }
        if (!ev->nchunk)
                return;
        want_chunk(ev, &q);
        if (q.nwaves || q.nrows || q.nlines)
                ask(ev, &q);
        else
                tell_chunk(ev, NULL);
        wants_fini(&q);
}

/* ---- what the tail brings ---- */

/* The first that is read is what the ring goes back to. */
static void begin_at(struct events *ev, struct event_id id, bool told)
{
        if (!ev->ring.since.ms)
                ev->ring.since = ev->ring.head =
                        (struct token){id.ms, id.seq, told ? TOKEN_ALL_PARTS : 0};
}

static void take_entry(struct events *ev, struct event_id id, const char *text, size_t len,
                       bool live, bool gap)
{
        struct entry *of = xmalloc(sizeof(*of) + len);
        begin_at(ev, id, live);
        *of = (struct entry){
                .id = id, .live = live, .gap = gap, .come_us = clock_mono_us(), .len = len};
        memcpy(of->text, text, len);
        list_init(&of->link);
        list_push_back(&ev->entries, &of->link);
        ev->nentries++;
        if (ev->nentries >= ENOUGH)
                broker_tail_pause(ev->tail, true);
        if (!ev->asking && !ev->nchunk)
                loop_timer_start(ev->feed, 0);
}

static void on_entry(struct event_id id, const char *text, size_t len, void *arg)
{
        static const char marker[] = "o";
        if (len == sizeof(marker) - 1 && *text == *marker)
                begin_at(arg, id, true);
        else
                take_entry(arg, id, text, len, false, false);
}

static void on_live(struct event_id at, bool gap, void *arg)
{
        struct events *ev = arg;
        take_entry(ev, at, "", 0, true, gap);
}

static void on_down(const char *reason, void *arg)
{
        struct events *ev = arg;
        log_debug("events.down", LS("reason", reason));
        if (ev->live || !ev->down_ms)
                ev->down_ms = clock_mono_ms();
        ev->live = false;
}

void events_other_server(struct events *ev)
{
        if (ev->tail)
                broker_tail_restart(ev->tail);
}

/* ---- its life ---- */

void feed_init(struct events *ev)
{
        list_init(&ev->entries);
        list_init(&ev->chunk);
        doubt_init(&ev->doubt);
        ev->feed = loop_timer_new(ev->app->loop, turn, ev);
}

void feed_fini(struct events *ev)
{
        feed_stop(ev);
        loop_timer_free(ev->feed);
        doubt_fini(&ev->doubt);
}

static void lines_known(const struct err *e, void *arg)
{
        struct events *ev = arg;
        if (e || !ev->tail)
                return; /* the tail says it again, and who waits for it does not wait for ever */
        ev->lines_known = true;
        pump_join(ev);
}

void feed_want_lines(struct events *ev)
{
        if (ev->tail && !ev->lines_known)
                broker_tail_lines(ev->tail, true, lines_known, ev);
}

void feed_want_no_lines(struct events *ev)
{
        ev->lines_known = false;
        if (ev->tail)
                broker_tail_lines(ev->tail, false, NULL, NULL);
}

void feed_start(struct events *ev)
{
        const struct broker_tail_events events = {on_entry, on_live, on_down, ev};
        if (ev->tail)
                return;
        ring_restart(&ev->ring, &nowhere);
        ev->down_ms = clock_mono_ms();
        ev->tail =
                broker_tail_new(ev->app->broker, HISTORY, ev->app->config->events_keep_ms, &events);
}

static void forget(struct list *entries)
{
        struct list *at;
        while ((at = list_pop_front(entries)))
                free(CONTAINER_OF(at, struct entry, link));
}

/* An answer that is under way finds nothing to be told any more. */
void feed_stop(struct events *ev)
{
        broker_tail_free(take(ev->tail));
        forget(&ev->entries);
        forget(&ev->chunk);
        ev->nentries = ev->nchunk = 0;
        ev->live = ev->lines_known = false;
        ev->down_ms = 0;
}

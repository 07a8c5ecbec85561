/*
 * events_pump.c - readers, and giving them what they have not had. A round visits each reader once, in turns
 * of TURN_US, between which the loop does everything else; the more readers, the further apart the rounds begin,
 * and the more each of them gets at once. A reader takes what its socket takes and waits for its next turn, so
 * it holds nothing but its place in the ring. One whose place is gone has been slow, and is dropped; if it was
 * we who were slow, it is told to read again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/events/events_inside.h"
#include "api/http/websocket.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum {
        TURN_US = 2000,
        READERS_A_MS = 20, /* a round for each ms that they begin apart */
        APART_MAX_MS = 100,
        PARTS = 32,           /* messages in one write … */
        PART_BYTES = 1 << 18, /* … and bytes */
        LOOKED_AT = 4096,     /* messages that one visit looks at */
        TICK_MS = 250,
        STUCK_MS = 60000,    /* a client that takes nothing for so long is gone */
        STANDING_MS = 30000, /* how often it is asked whether it may still read */
        JOIN_MS = 3000,      /* how long a new reader waits until the stream is read */
        DOWN_MS = 5000,      /* so long without the stream: readers had better ask otherwise */
        LINGER_MS = 60000    /* the stream is read on for readers that come back */
};

static void turn(void *arg);
static void tick(void *arg);

/* ---- what a reader wants ---- */

static bool wants(const struct reader *r, const struct message *m)
{
        if (m->kind == EVENT_LOG)
                return m->migration == r->migration || (r->wave_lines && m->wave_no == r->wave->no);
        if (!r->wave || m->wave_no == r->wave->no)
                return true;
        return m->kind == EVENT_RESET && m->wave_no == 0;
}

static void note_lines(struct events *ev, const struct reader *r, int by)
{
        if (!r->migration)
                return;
        size_t n = (size_t)(uintptr_t)map_get(ev->logs, r->migration) + (size_t)by;
        if (n)
                map_put(ev->logs, r->migration, (void *)(uintptr_t)n);
        else
                map_remove(ev->logs, r->migration);
}

static void count(struct events *ev, const struct reader *r, int by)
{
        ev->nreaders += (size_t)by;
        ev->nall += r->wave ? 0 : (size_t)by;
        if (r->wave_lines || r->migration)
                ev->nlogs += (size_t)by;
        note_lines(ev, r, by);
        ev->over_ws += r->over_ws ? (size_t)by : 0;
        metric_set(METRIC_EVENTS_READERS, (double)(ev->nreaders - ev->over_ws), "sse", NULL);
        metric_set(METRIC_EVENTS_READERS, (double)ev->over_ws, "websocket", NULL);
}

/* ---- saying things to one reader ---- */

static int say(struct reader *r, const struct buf *text)
{
        r->said_ms = clock_mono_ms();
        return buf_ok(text) ? stream_say(r->c, text->data, text->len) : -1;
}

/* What only this reader is told: it stands nowhere in the ring. */
static int say_event(struct reader *r, const char *event, const char *data)
{
        autobuf text = BUF_INIT(1024);
        (r->over_ws ? frame_print : event_print)(&text, &r->ev->ring.head, event, data,
                                                 strlen(data));
        return say(r, &text);
}

/* Where it is, when it has had everything: it comes back to there, though nothing was for it for long. */
static int say_place(struct reader *r, const char *comment)
{
        autobuf text = BUF_INIT(1024);
        char id[TOKEN_TEXT_SIZE];
        token_print(&r->ev->ring.head, id);
        if (r->over_ws)
                return say_event(r, "heartbeat", "{}");
        buf_adds(&text, comment);
        if (r->next == r->ev->ring.next)
                buf_addf(&text, "id: %s\n", id);
        buf_addc(&text, '\n');
        return say(r, &text);
}

void pump_drop(struct reader *r, const char *reason)
{
        struct connection *c = r->c;
        metric_add(METRIC_EVENTS_DROPPED, 1, reason, NULL);
        log_info("events.dropped", LS("reason", reason), LS("peer", stream_peer(c)));
        bool polite = !stream_blocked(c);
        if (r->ws && polite)
                websocket_close(r->ws, reason);
        reader_free(r);
        if (polite)
                stream_end(c);
        else
                stream_drop(c);
}

/* ---- giving it what it has not had ---- */

/* Its place is gone: false, it was dropped. */
static bool catch_up(struct reader *r)
{
        if (r->stalled) {
                pump_drop(r, "slow");
                return false;
        }
        r->next = r->ev->ring.next;
        if (say_event(r, event_name(EVENT_RESET),
                      "{\"reason\":\"there was more than could be told\"}") == 0)
                return true;
        pump_drop(r, "broken");
        return false;
}

struct batch {
        struct iovec parts[PARTS];
        uint64_t behind[PARTS]; /* the message behind each */
        int count;
        uint64_t end; /* all before it were looked at */
};

static void gather(const struct reader *r, struct batch *b)
{
        struct ring *ring = &r->ev->ring;
        size_t bytes = 0;
        uint64_t n = r->next;
        b->count = 0;
        for (int looked = 0; n < ring->next && looked < LOOKED_AT && b->count < PARTS;
             looked++, n++) {
                struct message *m = ring_get(ring, n);
                if (!wants(r, m))
                        continue;
                if (bytes && bytes + m->len > PART_BYTES)
                        break;
                size_t len = m->len;
                const char *text = r->over_ws ? message_frame(ring, m, &len) : m->text;
                if (!text) /* no memory for it: in the next round, maybe */
                        break;
                union {
                        const char *given;
                        void *wanted;
                } base = {text};
                b->parts[b->count] = (struct iovec){base.wanted, len};
                b->behind[b->count++] = n + 1;
                bytes += len;
        }
        b->end = n;
}

/* Whether it takes what it is given; if so, the rest follows in the next round. */
static void note_pace(struct reader *r)
{
        bool blocked = stream_blocked(r->c), all = r->next == r->ev->ring.next;
        if (blocked && !r->stalled)
                r->stalled_ms = clock_mono_ms();
        r->stalled = blocked || (r->stalled && !all);
        if (!blocked && !all)
                pump_kick(r->ev);
}

void pump_one(struct reader *r)
{
        struct events *ev = r->ev;
        struct batch b;
        uint64_t from;
        if (stream_blocked(r->c))
                return;
        if (r->next < ev->ring.first && !catch_up(r))
                return;
        do {
                from = r->next;
                gather(r, &b);
                if (b.count == 0) {
                        r->next = b.end;
                        continue;
                }
                int taken = stream_write(r->c, b.parts, b.count);
                if (taken < 0) {
                        pump_drop(r, "broken");
                        return;
                }
                r->said_ms = clock_mono_ms();
                r->next = taken == b.count ? b.end : b.behind[taken - 1];
        } while (r->next < ev->ring.next && b.count == 0 && r->next > from);
        note_pace(r);
}

/* ---- rounds ---- */

static int64_t apart_ms(const struct events *ev)
{
        int64_t ms = (int64_t)(ev->nreaders / READERS_A_MS);
        return ms < APART_MAX_MS ? ms : APART_MAX_MS;
}

void pump_kick(struct events *ev)
{
        if (ev->round) {
                ev->again = true;
                return;
        }
        if (list_empty(&ev->readers))
                return;
        int64_t wait_ms = ev->round_ms + apart_ms(ev) - clock_mono_ms();
        ev->round = true;
        ev->again = false;
        ev->at = NULL;
        loop_timer_start(ev->pump, wait_ms > 0 ? wait_ms : 0);
}

static void end_round(struct events *ev)
{
        ev->round = false;
        ev->at = NULL;
        if (ev->again)
                pump_kick(ev);
}

static void turn(void *arg)
{
        struct events *ev = arg;
        int64_t until_us = clock_mono_us() + TURN_US;
        if (!ev->at) {
                ev->at = ev->readers.next;
                ev->round_ms = clock_mono_ms();
                ev->again = false;
        }
        while (ev->at != &ev->readers) {
                struct reader *r = CONTAINER_OF(ev->at, struct reader, link);
                ev->at = ev->at->next;
                pump_one(r);
                if (clock_mono_us() >= until_us && ev->at != &ev->readers) {
                        loop_timer_start(ev->pump, 1);
                        return;
                }
        }
        end_round(ev);
}

/* ---- coming and going ---- */

/* Where it goes on; false: what it has missed is not known. */
static bool find_place(struct reader *r)
{
        struct ring *ring = &r->ev->ring;
        r->next = ring->next;
        if (!r->has_token)
                return true;
        /* Lines that nobody followed here at that time are in no message. */
        bool here = ring_after(ring, &r->token, &r->next);
        if (here && (r->wave_lines || r->migration) && r->next != ring->next)
                here = false;
        if (!here)
                r->next = ring->next;
        return here;
}

void pump_attach(struct reader *r)
{
        struct events *ev = r->ev;
        bool here = find_place(r);
        list_remove(&r->link);
        list_push_back(&ev->readers, &r->link);
        r->attached = true;
        ev->njoining--;
        r->checked_ms = r->stalled_ms = clock_mono_ms();
        count(ev, r, 1);
        if (say_place(r, "retry: 1000\n") < 0 ||
            (!here &&
             say_event(r, event_name(EVENT_RESET),
                       "{\"reason\":\"what came after Last-Event-ID is not known here\"}") < 0)) {
                pump_drop(r, "broken");
                return;
        }
        if (here && r->has_token)
                waves_retell(ev, r, r->token.ms);
        pump_one(r);
}

void pump_detach(struct reader *r)
{
        struct events *ev = r->ev;
        if (ev->at == &r->link)
                ev->at = r->link.next;
        list_remove(&r->link);
        if (r->attached)
                count(ev, r, -1);
        else
                ev->njoining--;
        r->attached = false;
}

/* ---- four times a second ---- */

static void on_standing(bool good, void *arg)
{
        if (!good)
                pump_drop(arg, "revoked");
}

static void look_after(struct events *ev, struct reader *r, int64_t now)
{
        int64_t every_ms = ev->app->config->events_heartbeat_ms;
        if (r->stalled && r->next < ev->ring.first) {
                pump_drop(r, "slow");
        } else if (r->stalled && now - r->stalled_ms >= STUCK_MS) {
                pump_drop(r, "stuck");
        } else if (r->ws && websocket_silent_ms(r->ws) > 2 * every_ms + STUCK_MS / 2) {
                pump_drop(r, "silent");
        } else if (now - r->checked_ms >= STANDING_MS) {
                r->checked_ms = now;
                standing_check(&r->standing, ev->app->auth, on_standing, r);
        } else if (now - r->said_ms >= every_ms && !stream_blocked(r->c)) {
                if (say_place(r, ": heartbeat\n") < 0 || (r->ws && websocket_ping(r->ws) < 0))
                        pump_drop(r, "broken");
        }
}

/* Those who wait, and for how long. */
static void look_after_joining(struct events *ev, int64_t now)
{
        LIST_EACH(at, &ev->joining)
        {
                struct reader *r = CONTAINER_OF(at, struct reader, link);
                struct err e = ERR_INIT;
                if (now - r->asked_ms < JOIN_MS)
                        continue;
                err_set(&e, ERR_UNAVAILABLE, "events cannot be read now: Redis does not answer");
                reader_refuse(r, &e);
        }
}

static void tick(void *arg)
{
        struct events *ev = arg;
        int64_t now = clock_mono_ms();
        bool down = ev->down_ms && now - ev->down_ms >= DOWN_MS && !ev->live;
        LIST_EACH(at, &ev->readers)
        {
                struct reader *r = CONTAINER_OF(at, struct reader, link);
                if (down)
                        pump_drop(r, "redis");
                else
                        look_after(ev, r, now);
        }
        look_after_joining(ev, now);
        if (ev->lines_known && !ev->nlogs && !ev->njoining)
                feed_want_no_lines(ev);
        if (ev->nreaders || ev->njoining)
                ev->idle_ms = 0;
        else if (!ev->idle_ms)
                ev->idle_ms = now;
        else if (now - ev->idle_ms >= LINGER_MS) {
                feed_stop(ev);
                ev->ticking = false;
                loop_timer_stop(ev->tick);
        }
}

void pump_join(struct events *ev)
{
        LIST_EACH(at, &ev->joining)
        {
                struct reader *r = CONTAINER_OF(at, struct reader, link);
                if (!ev->live || (r->waits_for_lines && !ev->lines_known))
                        continue;
                reader_let_in(r);
        }
}

void pump_init(struct events *ev)
{
        list_init(&ev->readers);
        list_init(&ev->joining);
        ev->logs = map_new();
        ev->pump = loop_timer_new(ev->app->loop, turn, ev);
        ev->tick = loop_timer_new(ev->app->loop, tick, ev);
}

void pump_start(struct events *ev)
{
        ev->idle_ms = 0;
        if (ev->ticking)
                return;
        ev->ticking = true;
        int64_t every_ms = ev->app->config->events_heartbeat_ms / 2;
        loop_timer_every(ev->tick, every_ms < TICK_MS ? every_ms : TICK_MS);
}

void pump_fini(struct events *ev)
{
        loop_timer_free(ev->pump);
        loop_timer_free(ev->tick);
        map_free(ev->logs);
}

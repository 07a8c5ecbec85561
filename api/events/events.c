/* events.c - who wants to listen: what he asks for, whether he may, and his life as a reader. */
#include "api/events/events.h"

#include <stdlib.h>
#include <string.h>

#include "api/events/events_inside.h"
#include "api/routes.h"
#include "api/http/websocket.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

/* ---- a reader's life ---- */

void reader_free(struct reader *r)
{
        pump_detach(r);
        if (r->wave)
                r->wave->readers--;
        standing_fini(&r->standing);
        websocket_free(r->ws);
        free(r);
}

void reader_refuse(struct reader *r, const struct err *e)
{
        struct request *rq = r->rq;
        reader_free(r);
        respond_error(rq, e);
}

static void opened(struct connection *c, void *arg)
{
        struct reader *r = arg;
        r->c = c;
        if (r->over_ws)
                r->ws = websocket_new(c);
        pump_attach(r);
}

static void drained(void *arg)
{
        struct reader *r = arg;
        r->stalled_ms = clock_mono_ms();
        pump_one(r);
}

static void gone(void *arg)
{
        reader_free(arg);
}

static void stop(void *arg)
{
        pump_drop(arg, "stopping");
}

/* Frames of the client: answers to pings, its own pings, its good-bye. */
static void input(const char *data, size_t len, void *arg)
{
        struct reader *r = arg;
        if (r->ws && websocket_take(r->ws, data, len) < 0)
                pump_drop(r, "closed");
}

static const struct stream_ops ops = {opened, drained, input, stop, gone};

void reader_let_in(struct reader *r)
{
        struct request *rq = take(r->rq);
        if (!r->over_ws) {
                respond_header(rq, "X-Accel-Buffering", "no");
                respond_stream(rq, 200, "text/event-stream", &ops, r);
                return;
        }
        respond_header(rq, "Upgrade", "websocket");
        respond_header(rq, "Sec-WebSocket-Accept",
                       websocket_accept(request_header(rq, "Sec-WebSocket-Key"), request_arena(rq)));
        respond_stream(rq, 101, NULL, &ops, r);
}

/* ---- waiting to be let in ---- */

static void join(struct reader *r)
{
        struct events *ev = r->ev;
        feed_start(ev);
        pump_start(ev);
        if (r->waits_for_lines)
                feed_want_lines(ev);
        pump_join(ev);
}

static void on_wave(const struct pg_result *res, const struct err *e, void *arg)
{
        struct reader *r = arg;
        struct err none = ERR_INIT;
        const char *wave_id = request_query(r->rq, "wave");
        if (!e && pg_rows(res, 0) == 0) {
                err_set(&none, ERR_NOT_FOUND, "there is no wave \"%s\"", wave_id);
                e = &none;
        }
        if (e) {
                reader_refuse(r, e);
                return;
        }
        r->wave = wave_learn(r->ev, pg_int(res, 0, 0, 0), wave_id);
        r->wave->readers++; /* so it is not forgotten while this one waits */
        r->asked_ms = clock_mono_ms();
        list_push_back(&r->ev->joining, &r->link);
        join(r);
}

static void find_wave(struct reader *r, const char *wave_id)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_EVENTS_WAVE_NO);
        pg_arg_text(tx, wave_id);
        pg_pool_send(r->ev->app->pg, tx, on_wave, r);
}

/* ---- what is asked for ---- */

/* "1": of the wave; "m12": of that migration. */
static int read_logs(struct request *rq, struct reader *r, struct err *e)
{
        const char *logs = request_query(rq, "logs");
        if (!logs || strcmp(logs, "0") == 0)
                return 0;
        r->waits_for_lines = true;
        if (strcmp(logs, "1") == 0) {
                r->wave_lines = true;
                if (!request_query(rq, "wave"))
                        mistake_add(request_mistakes(rq), ERR_INVALID, "#/logs",
                                    "wants a wave, or the id of one migration");
        } else {
                char *end = NULL;
                r->migration = logs[0] == 'm' && logs[1] >= '1' && logs[1] <= '9'
                                       ? strtoll(logs + 1, &end, 10)
                                       : 0;
                if (!end || *end || r->migration == INT64_MAX)
                        mistake_add(request_mistakes(rq), ERR_INVALID, "#/logs",
                                    "must be 1 or the id of a migration, as m12");
        }
        return mistakes_check(request_mistakes(rq), e);
}

/* Where it was: what cannot be read as that is a place that nobody knows. */
static void read_token(struct request *rq, struct reader *r)
{
        const char *text = request_header(rq, "Last-Event-ID");
        if (!text || !*text)
                text = request_query(rq, "last_event_id");
        r->has_token = text && *text;
        if (r->has_token && !token_parse(text, &r->token))
                r->token = (struct token){0};
}

static int may_join(struct events *ev, struct err *e)
{
        if (!ev->app->config->monitoring_real_time)
                return err_set(e, ERR_NOT_OFFERED,
                               "events are not published (monitoring.real_time_enabled)");
        if (server_stopping(ev->app->server))
                return err_set(e, ERR_UNAVAILABLE, "this process is about to stop");
        if (ev->nreaders + ev->njoining > (size_t)ev->app->config->events_readers)
                return err_set(e, ERR_UNAVAILABLE, "there are too many readers of events");
        return 0;
}

static void listen_to(struct request *rq, bool over_ws)
{
        struct events *ev = request_app(rq)->events;
        struct err e = ERR_INIT;
        struct reader *r = xcalloc(1, sizeof(*r));
        const char *wave_id = request_query(rq, "wave");
        r->ev = ev;
        r->rq = rq;
        r->over_ws = over_ws;
        r->asked_ms = clock_mono_ms();
        list_init(&r->link);
        standing_take(&r->standing, rq);
        ev->njoining++;
        if (may_join(ev, &e) < 0 || read_logs(rq, r, &e) < 0) {
                reader_refuse(r, &e);
                return;
        }
        read_token(rq, r);
        if (wave_id) {
                find_wave(r, wave_id);
                return;
        }
        list_push_back(&ev->joining, &r->link);
        join(r);
}

void events_stream(struct request *rq)
{
        if (strcmp(request_method(rq), "HEAD") == 0)
                respond_text(rq, 200, "text/event-stream", "", 0);
        else
                listen_to(rq, false);
}

void events_socket(struct request *rq)
{
        struct err e = ERR_INIT;
        if (websocket_check(rq, &e) < 0)
                respond_error(rq, &e);
        else
                listen_to(rq, true);
}

/* ---- the whole ---- */

struct events *events_new(struct app *app)
{
        struct events *ev = xcalloc(1, sizeof(*ev));
        ev->app = app;
        ring_init(&ev->ring, (size_t)app->config->events_buffer_bytes);
        feed_init(ev);
        waves_init(ev);
        pump_init(ev);
        return ev;
}

/* Those who still wait to be let in. */
static void refuse_all(struct events *ev)
{
        struct err e = ERR_INIT;
        err_set(&e, ERR_UNAVAILABLE, "this process is about to stop");
        LIST_EACH(at, &ev->joining)
        reader_refuse(CONTAINER_OF(at, struct reader, link), &e);
}

void events_free(struct events *ev)
{
        if (!ev)
                return;
        refuse_all(ev);
        feed_fini(ev);
        pump_fini(ev);
        waves_fini(ev);
        ring_fini(&ev->ring);
        free(ev);
}

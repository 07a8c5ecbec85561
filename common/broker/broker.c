/* broker.c - see broker.h: the life of the broker and of its command connection. */
#include "broker/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/inner.h"

static void on_open(void *arg)
{
        setup_start(arg);
}

static void on_close(const char *reason, void *arg)
{
        struct broker *b = arg;
        bool was_up = b->up;
        (void)reason;
        b->up = false;
        b->trouble[0] = '\0';
        loop_timer_stop(b->guard_timer);
        events_lost(b);
        if (was_up && b->ev.on_down)
                b->ev.on_down(b->ev.arg);
}

struct broker *broker_new(struct loop *l, const struct broker_opts *opts,
                          const struct broker_events *events)
{
        static const struct conn_events conn_events = {.on_open = on_open, .on_close = on_close};
        struct broker *b = xcalloc(1, sizeof(*b));
        struct err e = ERR_INIT;
        b->loop = l;
        b->prefix = xstrdup(opts->prefix);
        b->timeout_ms = opts->timeout_ms;
        b->events_length = opts->events_length;
        if (events)
                b->ev = *events;
        list_init(&b->deferred);
        list_init(&b->toppings);
        list_init(&b->pops);
        list_init(&b->controls);
        list_init(&b->tails);
        buf_init(&b->news, SIZE_MAX);
        b->linger = loop_timer_new(l, events_say, b);
        b->guard_timer = loop_timer_new(l, setup_guard, b);
        b->defer_timer = loop_timer_new(l, call_run_deferred, b);
        if (redis_url_parse(opts->url, &b->url, &e) < 0) { /* the caller has not asked */
                log_error("redis.url", LE(&e));
                abort();
        }
        struct conn_events ev = conn_events;
        ev.arg = b;
        b->conn = conn_new(l, &b->url, "wavefleet:commands", b->timeout_ms, &ev);
        return b;
}

void broker_free(struct broker *b)
{
        if (!b || b->doomed)
                return;
        events_say(b);
        broker_flush(b);
        broker_enter(b);
        b->doomed = true;
        b->up = false;
        pops_orphan(b);
        controls_orphan(b);
        tails_orphan(b);
        loop_timer_free(take(b->linger));
        loop_timer_free(take(b->guard_timer));
        loop_timer_free(take(b->defer_timer));
        conn_free(take(b->conn));
        call_fail_deferred(b);
        broker_leave(b);
}

void broker_enter(struct broker *b)
{
        b->busy++;
}

void broker_leave(struct broker *b)
{
        if (--b->busy > 0 || !b->doomed)
                return;
        free(b->prefix);
        buf_fini(&b->news);
        redis_url_fini(&b->url);
        free(b);
}

void broker_forget(struct broker *b)
{
        if (!b)
                return;
        conn_forget(b->conn);
        pops_forget(b);
        controls_forget(b);
        tails_forget(b);
}

bool broker_up(const struct broker *b)
{
        return b->up && b->conn && conn_is_open(b->conn);
}

void broker_flush(struct broker *b)
{
        if (broker_up(b))
                conn_flush(b->conn);
}

#ifdef WAVEFLEET_FAULTS
void broker_fault_flush(struct broker *b)
{
        if (broker_up(b))
                conn_fault_flush(b->conn);
}
#endif

const char *broker_trouble(const struct broker *b)
{
        static char text[sizeof(b->trouble) + 64];
        if (broker_up(b))
                return *b->trouble ? b->trouble : NULL;
        const char *reason = b->conn ? conn_reason(b->conn) : "";
        snprintf(text, sizeof(text), "Redis does not answer%s%.*s", *reason ? ": " : "",
                 (int)sizeof(b->trouble), reason);
        return text;
}

int64_t broker_oldest_ms(const struct broker *b)
{
        return conn_oldest_ms(b->conn);
}

const char *const *broker_complaints(const struct broker *b)
{
        return b->server.complaints;
}

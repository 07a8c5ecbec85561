/* loop.c - libevent behind a few calls. */
#include "base/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum { WATCH_MS = 1000, WATCH_LATE_MS = 100 };

struct loop {
        struct event_base *base;
        bool stopped;
        struct list timers;   /* loop_timer.link */
        struct list signals;  /* loop_signal.link */
        struct list deferred; /* deferred.link */
        struct event *defer;  /* made active by loop_defer() */
        struct loop_timer *watch;
        int64_t watch_due_ms;
};

struct loop_timer {
        struct list link;
        struct event *event; /* NULL once the loop is gone */
        loop_fn fn;
        void *arg;
        int64_t every_ms; /* 0: once */
};

struct signal_watch {
        struct list link;
        struct event *event;
        loop_signal_fn fn;
        void *arg;
};

struct deferred {
        struct list link;
        loop_fn fn;
        void *arg;
};

static void log_libevent(int severity, const char *message)
{
        if (severity >= EVENT_LOG_WARN)
                log_warn("libevent.warning", LS("reason", message));
}

static void die_libevent(int code)
{
        log_error("libevent.fatal", LI("code", code));
        abort();
}

static struct timeval to_timeval(int64_t ms)
{
        if (ms < 0)
                ms = 0;
        return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* ---- deferred calls ---- */

/* What is deferred meanwhile makes the event active again, and comes after these. */
static void on_deferred(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct loop *l = arg;
        struct list now;
        list_init(&now);
        list_splice(&now, &l->deferred);
        struct list *at;
        while ((at = list_pop_front(&now))) {
                struct deferred *d = CONTAINER_OF(at, struct deferred, link);
                loop_fn fn = d->fn;
                void *fn_arg = d->arg;
                free(d);
                fn(fn_arg);
        }
}

void loop_defer(struct loop *l, loop_fn fn, void *arg)
{
        struct deferred *d = xmalloc(sizeof(*d));
        *d = (struct deferred){.fn = fn, .arg = arg};
        list_push_back(&l->deferred, &d->link);
        event_active(l->defer, EV_TIMEOUT, 0);
}

/* ---- the loop ---- */

#ifdef WAVEFLEET_FAULTS
static void *try_malloc(size_t size_bytes)
{
        return mem_try(NULL, size_bytes);
}

/* What libevent holds of others' bytes may fail as our own does. Before it is used at all. */
static void let_buffers_fail(void)
{
        static bool done;
        if (!done)
                event_set_mem_functions(try_malloc, mem_try, free);
        done = true;
}
#else
static void let_buffers_fail(void) {}
#endif

struct loop *loop_new(void)
{
        let_buffers_fail();
        event_set_log_callback(log_libevent);
        event_set_fatal_callback(die_libevent);
        struct event_config *config = event_config_new();
        assert(config);
        /* Without the cached time, a timer started late in a slow callback is not early. */
        const int flags = EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NO_CACHE_TIME;
        event_config_set_flag(config, flags);
        struct loop *l = xcalloc(1, sizeof(*l));
        l->base = event_base_new_with_config(config);
        event_config_free(config);
        assert(l->base);
        list_init(&l->timers);
        list_init(&l->signals);
        list_init(&l->deferred);
        l->defer = event_new(l->base, -1, 0, on_deferred, l);
        assert(l->defer);
        return l;
}

static void free_events(struct loop *l)
{
        struct list *at;
        while ((at = list_pop_front(&l->timers))) {
                struct loop_timer *t = CONTAINER_OF(at, struct loop_timer, link);
                event_free(t->event);
                t->event = NULL;
        }
        while ((at = list_pop_front(&l->signals))) {
                struct signal_watch *s = CONTAINER_OF(at, struct signal_watch, link);
                event_free(s->event);
                free(s);
        }
        while ((at = list_pop_front(&l->deferred)))
                free(CONTAINER_OF(at, struct deferred, link));
        event_free(l->defer);
}

void loop_free(struct loop *l)
{
        if (!l)
                return;
        loop_timer_free(l->watch);
        free_events(l);
        event_base_free(l->base);
        free(l);
}

/* The epoll instance is shared with the parent: left first, then the events are removed. */
void loop_forget(struct loop *l)
{
        event_reinit(l->base);
        loop_free(l);
}

struct event_base *loop_base(struct loop *l)
{
        return l->base;
}

void loop_run(struct loop *l)
{
        while (!l->stopped) {
                int result = event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
                assert(result >= 0);
        }
        l->stopped = false;
}

void loop_stop(struct loop *l)
{
        l->stopped = true;
        event_base_loopbreak(l->base);
}

static void on_turn_over(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        (void)arg;
}

void loop_turn(struct loop *l, int64_t wait_ms)
{
        if (wait_ms <= 0) {
                event_base_loop(l->base, EVLOOP_NONBLOCK);
        } else {
                struct event *limit = event_new(l->base, -1, 0, on_turn_over, NULL);
                struct timeval tv = to_timeval(wait_ms);
                assert(limit);
                event_add(limit, &tv);
                event_base_loop(l->base, EVLOOP_ONCE);
                event_free(limit);
        }
}

/* ---- timers ---- */

static void timer_add(struct loop_timer *t, int64_t ms)
{
        if (!t->event)
                return;
        struct timeval tv = to_timeval(ms);
        event_add(t->event, &tv);
}

/* fn may free the timer: nothing of it is touched afterwards. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct loop_timer *t = arg;
        if (t->every_ms)
                timer_add(t, t->every_ms);
        t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *arg)
{
        struct loop_timer *t = xmalloc(sizeof(*t));
        *t = (struct loop_timer){.fn = fn, .arg = arg};
        t->event = event_new(l->base, -1, 0, on_timer, t);
        assert(t->event);
        list_push_back(&l->timers, &t->link);
        return t;
}

void loop_timer_free(struct loop_timer *t)
{
        if (!t)
                return;
        if (t->event) {
                list_remove(&t->link);
                event_free(t->event);
        }
        free(t);
}

void loop_timer_start(struct loop_timer *t, int64_t after_ms)
{
        t->every_ms = 0;
        timer_add(t, after_ms);
}

void loop_timer_every(struct loop_timer *t, int64_t every_ms)
{
        assert(every_ms > 0);
        t->every_ms = every_ms;
        timer_add(t, every_ms);
}

void loop_timer_stop(struct loop_timer *t)
{
        t->every_ms = 0;
        if (t->event)
                event_del(t->event);
}

/* ---- signals ---- */

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
        (void)what;
        struct signal_watch *s = arg;
        s->fn((int)signo, s->arg);
}

void loop_signal(struct loop *l, int signo, loop_signal_fn fn, void *arg)
{
        struct signal_watch *s = xmalloc(sizeof(*s));
        *s = (struct signal_watch){.fn = fn, .arg = arg};
        s->event = evsignal_new(l->base, signo, on_signal, s);
        assert(s->event);
        event_add(s->event, NULL);
        list_push_back(&l->signals, &s->link);
}

/* ---- the watch ---- */

static void on_watch(void *arg)
{
        struct loop *l = arg;
        int64_t now = clock_mono_ms();
        int64_t late_ms = now > l->watch_due_ms ? now - l->watch_due_ms : 0;
        l->watch_due_ms = now + WATCH_MS;
        metric_observe(METRIC_LOOP_LAG, (double)late_ms / 1000, NULL);
        if (late_ms > WATCH_LATE_MS)
                log_warn("loop.late", LI("late_ms", late_ms));
}

void loop_watch(struct loop *l)
{
        if (l->watch)
                return;
        l->watch = loop_timer_new(l, on_watch, l);
        l->watch_due_ms = clock_mono_ms() + WATCH_MS;
        loop_timer_every(l->watch, WATCH_MS);
}

/*
 * loop.c - libevent behind a few calls. Timers are a heap of our own behind one timerfd, which is set only where one
 * is due earlier than all before: libevent sets its own anew in each turn, and most timers are started to be stopped.
 */
#include "base/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

#define IDLE SIZE_MAX
#define SECOND_NS INT64_C(1000000000)

#define NEVER_MS (INT64_MAX / 4000000) /* 73 years */

enum { WATCH_MS = 1000, WATCH_LATE_MS = 100 };

struct loop {
        struct event_base *base;
        bool stopped;
        struct list timers; /* loop_timer.link: all there are */
        size_t ntimers;
        struct loop_timer **heap; /* those that run, the next one first; room for all */
        size_t nheap, cap;
        int alarm;         /* timerfd */
        int64_t alarm_ns;  /* what it is set to; INT64_MAX: not set */
        int64_t passed_ns; /* timers due by then are being called, or have been */
        bool passing;
        struct event *ring;   /* the alarm, or a timer that is due at once */
        struct list signals;  /* loop_signal.link */
        struct list deferred; /* deferred.link */
        struct event *defer;  /* made active by loop_defer() */
        struct loop_timer *watch;
        int64_t watch_due_ms;
};

struct loop_timer {
        struct list link;
        struct loop *loop; /* NULL once it is gone */
        size_t at;         /* in the heap; IDLE: it does not run */
        int64_t due_ns;
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

static void on_ring(evutil_socket_t fd, short what, void *arg);

struct loop *loop_new(void)
{
        let_buffers_fail();
        event_set_log_callback(log_libevent);
        event_set_fatal_callback(die_libevent);
        struct loop *l = xcalloc(1, sizeof(*l));
        l->base = event_base_new();
        assert(l->base);
        list_init(&l->timers);
        list_init(&l->signals);
        list_init(&l->deferred);
        l->defer = event_new(l->base, -1, 0, on_deferred, l);
        l->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        l->alarm_ns = INT64_MAX;
        l->ring = event_new(l->base, l->alarm, EV_READ | EV_PERSIST | EV_ET, on_ring, l);
        assert(l->defer && l->alarm >= 0 && l->ring);
        event_add(l->ring, NULL);
        return l;
}

static void free_events(struct loop *l)
{
        struct list *at;
        while ((at = list_pop_front(&l->timers))) {
                struct loop_timer *t = CONTAINER_OF(at, struct loop_timer, link);
                t->loop = NULL;
                t->at = IDLE;
        }
        while ((at = list_pop_front(&l->signals))) {
                struct signal_watch *s = CONTAINER_OF(at, struct signal_watch, link);
                event_free(s->event);
                free(s);
        }
        while ((at = list_pop_front(&l->deferred)))
                free(CONTAINER_OF(at, struct deferred, link));
        event_free(l->defer);
        event_free(l->ring);
}

void loop_free(struct loop *l)
{
        if (!l)
                return;
        loop_timer_free(l->watch);
        free_events(l);
        event_base_free(l->base);
        close(l->alarm);
        free(l->heap);
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

/* ---- timers ---- */

static int64_t now_ns(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void put(struct loop *l, size_t at, struct loop_timer *t)
{
        l->heap[at] = t;
        t->at = at;
}

/* Puts it where it belongs, from the free place `at` upwards. */
static void rise(struct loop *l, size_t at, struct loop_timer *t)
{
        while (at > 0 && l->heap[(at - 1) / 2]->due_ns > t->due_ns) {
                put(l, at, l->heap[(at - 1) / 2]);
                at = (at - 1) / 2;
        }
        put(l, at, t);
}

static void sink(struct loop *l, size_t at, struct loop_timer *t)
{
        for (size_t child; (child = 2 * at + 1) < l->nheap; at = child) {
                if (child + 1 < l->nheap && l->heap[child + 1]->due_ns < l->heap[child]->due_ns)
                        child++;
                if (l->heap[child]->due_ns >= t->due_ns)
                        break;
                put(l, at, l->heap[child]);
        }
        put(l, at, t);
}

static void heap_remove(struct loop_timer *t)
{
        struct loop *l = t->loop;
        size_t at = t->at;
        if (at == IDLE)
                return;
        t->at = IDLE;
        struct loop_timer *last = l->heap[--l->nheap];
        if (last == t)
                return;
        if (last->due_ns < t->due_ns)
                rise(l, at, last);
        else
                sink(l, at, last);
}

/* Relative: a program whose clock is not the kernel's (faketime) rings in time all the same. */
static void set_alarm(struct loop *l, int64_t due_ns)
{
        if (due_ns >= l->alarm_ns)
                return;
        l->alarm_ns = due_ns;
        int64_t left_ns = due_ns - now_ns();
        if (left_ns < 1)
                left_ns = 1; /* 0 would be never */
        struct itimerspec in = {
                .it_value = {.tv_sec = left_ns / SECOND_NS, .tv_nsec = left_ns % SECOND_NS}};
        timerfd_settime(l->alarm, 0, &in, NULL);
}

/* What is due at once is called in this turn of the loop; what a timer starts so, in the next. */
static void timer_add(struct loop_timer *t, int64_t ms)
{
        struct loop *l = t->loop;
        if (!l)
                return;
        heap_remove(t);
        if (ms > NEVER_MS)
                ms = NEVER_MS;
        t->due_ns = now_ns() + (ms > 0 ? ms * 1000000 : 0);
        if (t->due_ns <= l->passed_ns)
                t->due_ns = l->passed_ns + 1;
        rise(l, l->nheap++, t);
        if (ms > 0 || l->passing)
                set_alarm(l, t->due_ns);
        else
                event_active(l->ring, EV_READ, 0);
}

/* A timer's function may free it: nothing of it is touched afterwards. */
static void on_ring(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct loop *l = arg;
        l->passed_ns = now_ns();
        if (l->alarm_ns <= l->passed_ns)
                l->alarm_ns = INT64_MAX;
        l->passing = true;
        while (l->nheap && l->heap[0]->due_ns <= l->passed_ns) {
                struct loop_timer *t = l->heap[0];
                heap_remove(t);
                if (t->every_ms)
                        timer_add(t, t->every_ms);
                t->fn(t->arg);
        }
        l->passing = false;
        if (l->nheap)
                set_alarm(l, l->heap[0]->due_ns);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *arg)
{
        struct loop_timer *t = xmalloc(sizeof(*t));
        *t = (struct loop_timer){.loop = l, .at = IDLE, .fn = fn, .arg = arg};
        list_push_back(&l->timers, &t->link);
        if (++l->ntimers > l->cap) {
                l->cap = l->cap ? l->cap * 2 : 16;
                l->heap = xreallocarray(l->heap, l->cap, sizeof(struct loop_timer *));
        }
        return t;
}

void loop_timer_free(struct loop_timer *t)
{
        if (!t)
                return;
        if (t->loop) {
                heap_remove(t);
                list_remove(&t->link);
                t->loop->ntimers--;
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
        if (t->loop)
                heap_remove(t);
}

/* ---- one turn ---- */

static void on_turn_over(void *arg)
{
        (void)arg;
}

void loop_turn(struct loop *l, int64_t wait_ms)
{
        if (wait_ms <= 0) {
                event_base_loop(l->base, EVLOOP_NONBLOCK);
        } else {
                struct loop_timer *limit = loop_timer_new(l, on_turn_over, NULL);
                loop_timer_start(limit, wait_ms);
                l->alarm_ns = INT64_MAX; /* one for a timer that was stopped would end this turn */
                set_alarm(l, l->heap[0]->due_ns);
                event_base_loop(l->base, EVLOOP_ONCE);
                loop_timer_free(limit);
        }
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

/*
 * loop.h - the event loop of a process: timers, signals, deferred calls, over libevent.
 *
 * A callback returns within a millisecond; a watch measures how late the loop is and warns. Time is
 * clock.h's monotonic clock. struct event_base is shown to those that hand it to a library.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;

typedef void (*loop_fn)(void *arg);
typedef void (*loop_signal_fn)(int signo, void *arg);

struct loop *loop_new(void); /* aborts without one */
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
/* One turn: waits at most wait_ms for something to happen. For tests. */
void loop_turn(struct loop *l, int64_t wait_ms);
void loop_stop(struct loop *l);
/* In a child after fork(): closes what it inherited of the parent's loop, without touching it. */
void loop_forget(struct loop *l);

/* A timer that is not running; start again and again, each start replaces the last. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *arg);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */
void loop_timer_start(struct loop_timer *t, int64_t after_ms);
void loop_timer_every(struct loop_timer *t, int64_t every_ms);
void loop_timer_stop(struct loop_timer *t);
/* Called once, in this turn of the loop, after the current callback has returned. */
void loop_defer(struct loop *l, loop_fn fn, void *arg);
/* For the life of the loop. */
void loop_signal(struct loop *l, int signo, loop_signal_fn fn, void *arg);
/* Observes METRIC_LOOP_LAG each second and warns when over 100 ms late. */
void loop_watch(struct loop *l);

#endif

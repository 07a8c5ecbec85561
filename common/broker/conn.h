/*
 * conn.h - one connection to Redis that comes back by itself.
 *
 * Connects without blocking (all addresses of a name in turn), says AUTH and SELECT, is then open.
 * Commands are pipelined and answered in order. It is dead, closed and opened again when nothing at
 * all was heard for the time-out while an answer is owed: every command under way gets ERR_LOST, then
 * on_close is called. The first attempt to come back is made at once, the next after a growing wait
 * with jitter (0.1 s … 5 s).
 *
 * The reader of hiredis is used, its asynchronous layer is not: that has neither time-outs nor a way
 * to tell what is under way.
 */
#ifndef BROKER_CONN_H
#define BROKER_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "broker/cmd.h"
#include "broker/url.h"

struct conn;
struct redisReply;

/* Exactly one of reply and e is not NULL. The reply lives during the call and may be an error. */
typedef void (*conn_fn)(struct redisReply *reply, const struct err *e, void *arg);

struct conn_events {
        void (*on_open)(void *arg);
        /* It was open, or could not be opened; it tries again by itself. */
        void (*on_close)(const char *reason, void *arg);
        /* What comes unasked on a subscribed connection; NULL: nothing may. */
        void (*on_push)(struct redisReply *reply, void *arg);
        void *arg;
};

/* name: for logs and CLIENT LIST. url is kept by reference. No callback before the loop turns. */
struct conn *conn_new(struct loop *l, const struct redis_url *url, const char *name,
                      int64_t timeout_ms, const struct conn_events *events);
/* Commands under way get their error, from within. May be called in any callback. */
void conn_free(struct conn *c);
void conn_forget(struct conn *c); /* in a child after fork(): closes the descriptor only */
/* Gives the connection up for a reason of the caller's; it comes back as after any other fault. */
void conn_close(struct conn *c, const char *reason);
/* Another connection has found the server: tries again now. */
void conn_hurry(struct conn *c);

bool conn_is_open(const struct conn *c);
const char *conn_reason(const struct conn *c); /* why it is not open; "" if it never failed */
int64_t conn_oldest_ms(const struct conn *c);  /* age of the oldest unanswered command; 0: none */
int64_t conn_heard_ms(const struct conn *c);   /* when something was heard last; 0: not yet */
/* Longer patience for a command that waits in Redis. */
void conn_set_extra(struct conn *c, int64_t extra_ms);

/* Only while it is open. fn is called exactly once, never from within. */
void conn_send(struct conn *c, const struct cmd *cmd, conn_fn fn, void *arg);
/* Without an answer of its own: SUBSCRIBE, whose answers come as pushes. */
void conn_cast(struct conn *c, const struct cmd *cmd);
/* What was said goes out when the callbacks that are due have returned; or now. */
void conn_flush(struct conn *c);

#ifdef WAVEFLEET_FAULTS
/* Gives all that was said to the kernel, now. */
void conn_fault_flush(struct conn *c);
#endif

#endif

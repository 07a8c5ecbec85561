/*
 * inner.h - what the files of this folder share: the broker's state, and calls. A call is one command
 * on the command connection whose answer (or error) comes back exactly once, never from within:
 *
 *     struct call *c = call_script(b, LUA_DUE, 1);
 *     cmd_key(&c->cmd, key_delayed(b->prefix));
 *     call_send(c, on_due, arg);
 */
#ifndef BROKER_INNER_H
#define BROKER_INNER_H

#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/rand.h"
#include "broker/broker.h"
#include "broker/cmd.h"
#include "broker/conn.h"
#include "broker/lua.h"
#include "broker/server.h"
#include "broker/url.h"

enum { SHA_SIZE = 41, PIECE_IDS = 1000 };

struct broker {
        struct loop *loop;
        char *prefix;
        struct redis_url url;
        int64_t timeout_ms;
        struct broker_events ev;
        struct conn *conn; /* NULL: the broker is being freed */
        bool up;           /* set up; ask broker_up() */
        char sha[LUA_COUNT][SHA_SIZE];
        struct server_facts server;      /* of the connection that is, or was last */
        bool seen;                       /* it has been up before */
        char run_id[SERVER_RUN_ID_SIZE]; /* … with this server … */
        char guard[UUID_SIZE];           /* … and this data set */
        bool guard_asked;
        char trouble[256];   /* why it takes no writes; "": it does */
        unsigned setup_left; /* answers owed before it is up */
        char setup_reason[256];
        struct loop_timer *guard_timer;
        struct loop_timer *defer_timer;
        struct list deferred; /* call.link: could not be sent, get their error when the loop turns */
        struct list toppings; /* queues that a script left early and are released further */
        struct list pops;     /* popper.link */
        struct list controls; /* listener.link */
        struct list tails;    /* broker_tail.link */
        int64_t events_length;
        struct buf news;           /* to be published … */
        struct loop_timer *linger; /* … by then at the latest */
        bool unpublished; /* something that should have been published may be missing in `events` */
        unsigned turn;    /* which of several queues is taken from first */
        size_t share;     /* ids of a wave at its turn: what the last finish said */
        bool elsewhere;   /* the server is a replica now: the connection is to be given up */
        unsigned busy;    /* how deep we are in callbacks that may free the broker … */
        bool doomed;      /* … and one has: the memory goes when the last has returned */
};

/* Around callbacks after which the broker is still looked at. */
void broker_enter(struct broker *b);
void broker_leave(struct broker *b);

/* ---- setup.c: what is asked of a server before it is used, and once a second ---- */

void setup_start(struct broker *b);
void setup_guard(void *broker);

/* ---- call.c ---- */

/* Exactly one of reply and e is not NULL; an error reply comes as e. arg is call_send()'s. */
typedef void (*reply_fn)(struct broker *b, const redisReply *reply, const struct err *e, void *arg);

struct call {
        struct list link;
        struct broker *b;
        struct cmd cmd;
        enum lua_id script; /* LUA_COUNT: none */
        bool loaded;        /* sent again after NOSCRIPT */
        bool list; /* its answer is an array: anything else is none of ours, and an error */
        char (*queues)[QUEUE_NAME_MAX + 1]; /* of a script that releases: see waves.h */
        reply_fn fn;
        void *arg;
        struct err *problem; /* of a deferred call */
};

struct call *call_plain(struct broker *b, const char *name);
/* The same for a command whose answer is an array. */
struct call *call_list(struct broker *b, const char *name);
/* keys: how many arguments that follow are KEYS. */
struct call *call_script(struct broker *b, enum lua_id script, size_t keys);
/* fn NULL: nobody asks; a refusal is logged. */
void call_send(struct call *c, reply_fn fn, void *arg);
void call_run_deferred(void *broker);
/* Errors of what could not be sent; the broker is being freed. */
void call_fail_deferred(struct broker *b);

/* What an error reply that will pass means, in a sentence; NULL: it is another one. `elsewhere` (may be
 * NULL): another server may be the right one by now. */
const char *refusal_passes(const char *text, bool *elsewhere);
/* Gives the connection up when the loop turns: another server may be the right one by now. */
void call_look_elsewhere(struct broker *b);

/* An integer, or text of digits; `other` for anything else. */
int64_t reply_int(const redisReply *r, int64_t other);
/* The numbers of reply->element[from…], of which each may be a text of several, with a blank between; what is no
 * number is left out. *out is the caller's. */
size_t reply_ids(const redisReply *r, size_t from, int64_t **out);
/* "done" for callers of broker_fn. */
struct done {
        broker_fn fn;
        void *arg;
};
void reply_done(struct broker *b, const redisReply *reply, const struct err *e, void *done);
struct done *done_new(broker_fn fn, void *arg);

/* ---- ops_events.c ---- */

/* Makes known what is missing, where something is. */
void events_make_up(struct broker *b);
/* Publishes what is new, before anything else is said. */
void events_say(void *broker);
/* What was to be published is gone, as with the connection. */
void events_lost(struct broker *b);

/* The server is there: theirs try again now. */
void pops_hurry(struct broker *b);
void controls_hurry(struct broker *b);
void tails_hurry(struct broker *b);
/* For the end of the life of pops and controls. */
void pops_orphan(struct broker *b);
void pops_forget(struct broker *b);
void controls_orphan(struct broker *b);
void controls_forget(struct broker *b);
void tails_orphan(struct broker *b);
void tails_forget(struct broker *b);

#endif

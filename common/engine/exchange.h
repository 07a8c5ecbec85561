/*
 * exchange.h - claims and settlements of one process, through one connection, in batches that come by
 * themselves: while one transaction is under way the next things gather, and go together.
 *
 * An outcome is settled exactly once or refused by the fence (attempt, state, worker). What was sent
 * and lost its answer is sent again, and is then refused or done. A claim that lost its answer is
 * asked again; the lease's own check finds what it got (worker.c).
 *
 * Free it after the connection and the broker: their callbacks come back to it.
 */
#ifndef ENGINE_EXCHANGE_H
#define ENGINE_EXCHANGE_H

#include "base/config.h"
#include "broker/broker.h"
#include "engine/after.h"
#include "engine/crowd.h"
#include "engine/pace.h"
#include "model/job.h"
#include "store/pg.h"

struct exchange;

/* A claimed id, a due poll, or a refusal, as the claim's answer said. */
struct claim_row {
        int64_t id;
        bool claimed;    /* or a due poll: `job` is filled, strings valid during the call */
        bool twin;       /* refused: its pair runs for another migration */
        bool full;       /* refused: the window is full */
        bool shut;       /* refused: its queue is paused */
        int64_t body_us; /* what bodies of its wave take, by all workers; -1: not known yet */
        struct job job;
        const char *stored;       /* remote: mb_site_id and mb_secret of the settings, JSON */
        struct delivery delivery; /* refused: how its delivery ends */
};

struct room {
        size_t jobs;  /* on idle runners, and behind the jobs of the others */
        size_t idle;  /* runners */
        size_t lone;  /* as many may be claimed of waves whose bodies are not known to be short */
        size_t brief; /* bodies that take microseconds are under way */
        bool longs;   /* others are, too */
        int64_t lasts_us; /* so long each runner goes on with what stands behind its job; 0: it had better have more */
};
struct exchange_opts {
        struct loop *loop;
        const struct config *cfg;
        struct pg *pg;
        struct broker *broker;
        int64_t worker; /* 0: the API */
        int shard;
        const char *const *queues;
        size_t nqueues;
        /* The rest is a worker's; NULL for the API. */
        void (*on_claim)(const struct claim_row *row, void *arg);
        void (*on_shut)(const char *queue, void *arg); /* ids came from a queue that is paused */
        void (*on_dead)(void *arg);                    /* the claim found this worker dead */
        /* Their deliveries are over, Redis has been told. */
        void (*on_finished)(const int64_t *ids, size_t n, void *arg);
        void (*on_unclaimed)(void *arg); /* a claim was not made: its ids wait for another */
        /* Taken together with a finish, or with what follows; maybe none. */
        void (*on_ids)(const int64_t *ids, size_t n, void *arg);
        /* How many jobs there is room for: as many ids are claimed, and taken with a finish. */
        struct room (*room)(void *arg);
        /* Whether the workers of this host are more than it has use for, and this is one of the last. */
        enum crowding (*crowding)(void *arg);
        /* What is known here of how long bodies take. */
        void (*paces)(struct pace_known *out, void *arg);
        void *arg;
};
/* Whose outcome it is. */
struct attempt {
        int64_t id;
        int64_t wave_no; /* 0: not known here */
        int32_t number;
        bool poll;
        bool lone;  /* its body had a runner for itself: what follows it is asked for at once */
        bool brief; /* such take microseconds: what follows comes for many of them together */
};
/* settled false: refused. state: what the row is now; NULL when refused. */
typedef void (*exchange_fn)(bool settled, const char *state, void *arg);

struct exchange *exchange_new(const struct exchange_opts *o);
void exchange_free(struct exchange *x);
/* A new identity: forgets everything of the old one. */
void exchange_renew(struct exchange *x, int64_t worker, int shard);
/* The connection is back, or something was added: send what is waiting. */
void exchange_kick(struct exchange *x);
/* The same in the next turn of the loop: what comes in this one goes together. */
void exchange_kick_soon(struct exchange *x);
void exchange_claim(struct exchange *x, int64_t id);
/* Takes ids back that were not sent yet; returns how many were copied to out. */
size_t exchange_unclaim(struct exchange *x, int64_t *out, size_t max);
/*
 * Everything is copied. fn may be NULL. -1, and nothing is done (ERR_UNAVAILABLE): there is no memory
 * for it, which does not happen to outcomes without result and memo and with a short error.
 */
int exchange_settle(struct exchange *x, const struct attempt *of, const struct outcome *o,
                    exchange_fn fn, void *arg, struct err *e);
/*
 * Ends deliveries by what the rows are now: asks PostgreSQL, then tells Redis. `list`: the worker whose
 * processing list they stand in, 0: none.
 */
void exchange_look(struct exchange *x, const int64_t *ids, size_t n, int64_t list);
/*
 * What follows a commit, through this exchange's connections; takes over a's content. Asks for waves
 * to be judged when `settled` (then a->deliveries name the rows).
 */
void exchange_after(struct exchange *x, struct after *a, int64_t list, bool settled);
size_t exchange_waiting(const struct exchange *x); /* outcomes not settled, waves not judged yet */
/* Whether a finish of brief bodies comes, which takes what follows. */
bool exchange_finishes_soon(const struct exchange *x);
size_t exchange_claiming(const struct exchange *x); /* ids to be claimed, or asked for with a finish */
/* Takes nothing for a moment where this worker is one of too many, or does not know that yet, and others take what is
 * lined up (rest_stand_back). */
void exchange_stand_back(struct exchange *x, bool brief);
bool exchange_rests(const struct exchange *x); /* others take what is lined up: rest.h */

#endif

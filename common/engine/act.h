/*
 * act.h - what people, or the clock, do to waves and migrations: one transaction that locks the wave first
 * and raises its version, and what follows its commit. Shared by the API and by the worker that leads.
 */
#ifndef ENGINE_ACT_H
#define ENGINE_ACT_H

#include "broker/broker.h"
#include "store/pg.h"

/*
 * Told at the end, when Redis knows: data of the act's first row ("null" where there is none), and how many
 * rows it touched; or an error, and nothing was done.
 */
typedef void (*engine_act_fn)(const char *data, int64_t touched, const struct err *e, void *arg);

/* What the act may have changed. */
enum act_reach {
        ACT_NAMED, /* the rows that the answer names */
        ACT_MANY,  /* more rows of one wave than that, where `since` is not null */
        ACT_ALL,   /* any row of the wave; the answer names those of which Redis must know */
};
struct act_by {
        struct pg_pool *pool; /* for the transaction, which may take long; NULL: pg too */
        struct pg *pg;
        struct broker *broker;
        int shard;
};

/*
 * Runs the transaction, whose LAST statement answers rows with the columns
 *   wave_no, version, state, batch_size, priority, queue   (the wave after the act),
 *   id, row_state                                          (a migration touched, or null; of a state of
 *                                                           null Redis need not know),
 *   data                                                   (text, JSON for the caller; may be null)
 * and, of an act on many rows of one wave (ACT_MANY), in its first row
 *   since, refill_after   (refill.h: which pending ids go into the backlog; refill_after null: none).
 * After the commit and before fn: waves are judged, Redis learns the facts, ids now pending are pushed to
 * the head of their backlogs, slots of terminal or pending ones are freed. fn may be NULL.
 */
void act_run(const struct act_by *by, struct pg_tx *tx, enum act_reach reach, engine_act_fn fn,
             void *arg);

#endif

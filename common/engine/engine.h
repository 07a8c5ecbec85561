/*
 * engine.h - the API's half of the engine: submitting waves, settling what comes by webhook or is
 * decided by a person, and acting on waves and migrations.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/config.h"
#include "base/loop.h"
#include "broker/broker.h"
#include "engine/act.h"
#include "engine/submission_tx.h"
#include "model/job.h"
#include "store/pg.h"

struct engine;

/* Uses the broker; owns a connection for settlements (batches that come by themselves), and a few for acts. */
struct engine *engine_new(struct loop *l, const struct config *cfg, struct broker *broker);
/* Closes its connection; the pool and the broker may be freed now, whose callbacks come back to it. */
void engine_stop(struct engine *e);
/* After pool and broker. */
void engine_free(struct engine *e);
void engine_forget(struct engine *e); /* in a child after fork() */

/* The shard of wave_progress in which acts of this process count. */
int engine_shard(const struct engine *e);
/* PostgreSQL is there, as others have found: its connections try again now. */
void engine_hurry_connections(struct engine *e);

/* After a submission's commit: Redis is told of the wave and of its ids that may be released. */
void engine_enqueue(struct engine *e, const struct submitted *w);

/*
 * Settles an outcome that did not come from a worker's body: a webhook, a question to the migration
 * server, a person. Fenced by attempt and state running or parked. fn: settled says whether it counted
 * (false: refused, it is over already), state is what the row is now.
 */
typedef void (*engine_settled_fn)(bool settled, const char *state, const struct err *e, void *arg);
void engine_settle(struct engine *e, int64_t id, int32_t attempt, const struct outcome *o,
                   engine_settled_fn fn, void *arg);

/* An act (act.h): on few rows that its answer names, on too many of one wave for that, or on all of one. */
void engine_act(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg);
void engine_act_many(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg);
void engine_act_all(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg);

/*
 * What is no act and yet may take as long as one: it waits for locks, or reads a lot. It goes through the
 * connections of the acts, so that no quick question waits behind it.
 */
void engine_ask(struct engine *e, struct pg_tx *tx, pg_fn fn, void *arg);

/* Tells a worker that the body of this attempt is to be ended (active.cancel is set already). */
void engine_hurry(struct engine *e, int64_t worker_id, int64_t id);
/* The same for all workers that the data of an act names in "workers". */
void engine_hurry_all(struct engine *e, const char *data);
/* The same for a worker that is to drain (workers.drain_asked_by is set already). */
void engine_hurry_drain(struct engine *e, int64_t worker_id);

#endif

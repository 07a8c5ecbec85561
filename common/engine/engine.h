/*
 * engine.h - the API's half of the engine: submitting waves, settling what comes by webhook or is
 * decided by a person, and acting on waves and migrations. Every act is one transaction that locks the
 * wave first and raises its version; Redis is told after the commit.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/config.h"
#include "base/loop.h"
#include "broker/broker.h"
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

/* After a submission's commit: Redis is told of the wave and its ids first..last. */
void engine_enqueue(struct engine *e, const struct wave_facts *f, int64_t first, int64_t last);

/*
 * Settles an outcome that did not come from a worker's body: a webhook, a question to the migration
 * server, a person. Fenced by attempt and state running or parked. fn: settled says whether it counted
 * (false: refused, it is over already), state is what the row is now.
 */
typedef void (*engine_settled_fn)(bool settled, const char *state, const struct err *e, void *arg);
void engine_settle(struct engine *e, int64_t id, int32_t attempt, const struct outcome *o,
                   engine_settled_fn fn, void *arg);

/*
 * An act: a transaction built by the caller whose LAST statement answers rows with the columns
 *   wave_no, version, state, batch_size, priority, queue   (the wave after the act),
 *   id, row_state                                          (a migration touched, or null),
 *   data                                                   (text, JSON for the caller; may be null)
 * After the commit and before fn: waves that ended are ended, Redis learns the facts, ids now pending
 * are pushed to their backlogs (front), slots of terminal or pending ones are freed. fn gets the data of
 * the first row, "null" when there is none. Errors as pg.h (WF404, WF409 …).
 */
typedef void (*engine_act_fn)(const char *data, int64_t touched, const struct err *e, void *arg);
void engine_act(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg);
/*
 * An act on so many migrations of one wave that they cannot all be named: the last statement answers
 * one row with the columns above (id null) and a tenth,
 *   since   (the updated_at of the rows that are pending by this act; null: there are none).
 * They are read in pages after the commit and appended to the backlog.
 */
void engine_act_many(struct engine *e, struct pg_tx *tx, engine_act_fn fn, void *arg);

/* Tells a worker that the body of this attempt is to be ended (active.cancel is set already). */
void engine_hurry(struct engine *e, int64_t worker_id, int64_t id);

#endif

/*
 * supervisor.h - the worker process: it owns the runners, gives them the jobs that the engine claims,
 * and the engine what they say.
 *
 * Ends of a run: SIGTERM, SIGINT or "drain" on the control channel: claims no more, lets bodies finish
 * for worker.shutdown_grace_ms, then ends them and hands their jobs back; a second signal does that at
 * once. It is over when the engine is quiet; where PostgreSQL does not answer, after another lease.
 */
#ifndef WORKER_SUPERVISOR_H
#define WORKER_SUPERVISOR_H

#include "base/config.h"
#include "base/loop.h"

struct supervisor;

/*
 * Forks the runners: before it no connection is opened, and no thread started. The loop is there, but
 * has not run. cfg is kept by reference.
 */
struct supervisor *supervisor_new(struct loop *l, const struct config *cfg);
/* Opens the engine, which connects, and watches for signals. Then the loop is run. */
void supervisor_start(struct supervisor *s);
/* Whether it ended as asked: everything is settled or handed back. */
bool supervisor_ended_well(const struct supervisor *s);
/* Kills the runners and says goodbye. */
void supervisor_free(struct supervisor *s);

#endif

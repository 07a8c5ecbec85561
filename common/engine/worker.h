/*
 * worker.h - a worker's half of the engine: identity and lease, taking and claiming ids, settling
 * outcomes, promoting what is due, reaping the dead, reconciling. The supervisor owns runners and
 * gives and takes jobs here; this module never knows a process.
 *
 * Claims and settlements go through one connection in batches that come by themselves: while one
 * transaction is under way the next things gather.
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "base/config.h"
#include "base/loop.h"
#include "model/job.h"

struct crowd;
struct engine_worker;

struct engine_worker_events {
        /* A claimed job (or a due poll) for a runner. Valid during the call. Never more than there was room
         * for when they were claimed (engine_worker_room). */
        void (*on_job)(const struct job *job, void *arg);
        /* The lease was renewed: bodies may live until this moment of the monotonic clock. */
        void (*on_fence)(int64_t deadline_mono_ms, void *arg);
        /* The row is dead: every body must be killed now; nothing of them will count. A new identity
         * follows by itself once engine_worker_bodies_gone() was called. */
        void (*on_dead)(void *arg);
        /* End this body (TERM, grace, KILL); its attempt was given up or stopped. */
        void (*on_cancel)(int64_t id, int32_t attempt, const char *reason, void *arg);
        /* Somebody asked for it: the row of the worker says so. Once. */
        void (*on_drain)(void *arg);
        void *arg;
};

/* crowd: this worker among the others of its host; may be NULL. All are kept by reference, but for events. */
struct engine_worker *engine_worker_new(struct loop *l, const struct config *cfg,
                                        struct crowd *crowd,
                                        const struct engine_worker_events *events);
/* Says goodbye (the row goes, what is in hand is handed back by the caller before). */
void engine_worker_free(struct engine_worker *w);
/* In a forked runner: closes what it inherited. */
void engine_worker_forget(struct engine_worker *w);

/*
 * How many runners are idle now, and how many jobs may stand behind the short ones of the others, claims
 * in flight not considered; called at every change.
 */
void engine_worker_room(struct engine_worker *w, unsigned idle, unsigned behind);
/* How many jobs may stand behind that of one runner, going by how long the latest bodies took. */
unsigned engine_worker_depth(const struct engine_worker *w);
/* So many of these go to one runner before another is woken for them. */
unsigned engine_worker_together(const struct engine_worker *w);
/* The end of a run; everything is copied. A poll's outcome too. Settled exactly once or refused. */
void engine_worker_settle(struct engine_worker *w, int64_t id, int32_t attempt,
                          const struct outcome *o);
/* A log line of a body: stream "out", "err" or "log"; without newline. Dropped past the limit. */
void engine_worker_log(struct engine_worker *w, int64_t id, int32_t attempt, const char *stream,
                       const char *line, size_t len);
/* So much of logs waits for PostgreSQL that bodies which talk should be read no further for a while. */
bool engine_worker_log_full(const struct engine_worker *w);
/* Progress of a body, a JSON object; only the newest is kept until it is written. */
void engine_worker_progress(struct engine_worker *w, int64_t id, int32_t attempt, const char *json);

/*
 * Questions a body asks while it runs (blocking for the body, not for the loop):
 *   lock NAME        held by this attempt until it ends or unlocks; "1" got it, "0" somebody has it
 *   unlock NAME
 *   rate NAME        milliseconds to wait, as broker_rate
 *   target N         brz_project_id is N from now on: "1", or "0" while another migration runs with it
 *   workspace ID NAME   the wave's workspace
 *   memo JSON        durable before the answer
 * fn: answer text, or an error.
 */
typedef void (*engine_answer_fn)(const char *answer, const struct err *e, void *arg);
void engine_worker_ask(struct engine_worker *w, int64_t id, int32_t attempt, const char *op,
                       const char *arg1, const char *arg2, engine_answer_fn fn, void *arg);

/* Stop claiming (SIGTERM); settlements go on. */
void engine_worker_drain(struct engine_worker *w);
void engine_worker_bodies_gone(struct engine_worker *w);
/* Nothing in hand, nothing to be written: the process may end. */
bool engine_worker_quiet(const struct engine_worker *w);
/* PostgreSQL, Redis and the consuming connections answer. */
bool engine_worker_ready(const struct engine_worker *w);

#endif

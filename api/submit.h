/*
 * submit.h - POST /api/waves from inside. Small bodies are read in the loop (wave_submit.c). Large
 * ones, which lie in a file, go to a child that was forked before any connection was opened: it reads
 * and checks the body and loads the wave with COPY on a connection of its own, so that the loop never
 * stands still. A child has one job at a time; others wait in a short line, beyond it there is 503.
 *
 * The two talk over a socket of messages (SOCK_SEQPACKET), JSON texts: the job with the descriptor of
 * the body beside it, and its answer. End of file means that the other side is dead.
 */
#ifndef API_SUBMIT_H
#define API_SUBMIT_H

#include "api/idempotency.h"
#include "engine/submission.h"

struct app;

/* ---- both sides ---- */

/* {"wave_id","workspace_id","workspace_name","status"} */
const char *submit_answer(const struct submission *s, struct arena *a);

/* ---- the loop (wave_submit.c) ---- */

/* A transaction with waves in it, to the pool. */
void submit_send(struct pg_pool *pool, struct pg_tx *tx, pg_fn fn, void *arg);

/* ---- the parent (submit_children.c) ---- */

/* Forks http.submit_children of them. -1: it could not, which has been logged. */
int submit_children_start(struct app *app);
/* Answers what waits, ends them. */
void submit_children_stop(struct app *app);
/* Takes over a request whose body lies in a file: it will be answered. */
void submit_children_take(struct request *rq, const struct idempotency *k);

/* ---- the child (submit_child.c) ---- */

enum { SUBMIT_MESSAGE_MAX = 131072 };
/* Serves jobs that come through `fd` until it is closed. */
__attribute__((noreturn)) void submit_child_run(const struct config *cfg, int fd);

#endif

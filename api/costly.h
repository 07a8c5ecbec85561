/*
 * costly.h - questions that keep PostgreSQL busy for long: those that read a wave through.
 *
 * They have connections of their own, so that nothing else waits behind them, and only two are asked at
 * once. Who asks what is being asked already waits for that answer, and an answer is kept for as long as
 * twenty times what it took: a chart that a hundred people look at costs PostgreSQL a twentieth of a core,
 * whatever the size of the wave. An answer says itself of when it is (`as_of`).
 */
#ifndef API_COSTLY_H
#define API_COSTLY_H

#include <stdbool.h>

#include "base/err.h"
#include "store/pg.h"

enum { COSTLY_AT_ONCE = 2, COSTLY_IN_LINE = 32, COSTLY_KEPT_FOR = 20, COSTLY_KEPT_MS = 60000 };

struct costly;

/* The pool is taken: COSTLY_AT_ONCE connections will do. */
struct costly *costly_new(struct pg_pool *pool);
/* Whether its connections have ever been there. */
bool costly_ready(struct costly *c);
/* Who waits gets an error. NULL is fine. */
void costly_free(struct costly *c);

/* json: valid during the call; NULL and no e: the answer has no row. */
typedef void (*costly_fn)(const char *json, const struct err *e, void *arg);
/*
 * `key` names the question with all that it asks for; `tx` asks it: its last statement answers a row of JSON.
 * tx is taken, and not sent where the answer is known or on its way. fn may be called from inside.
 * ERR_UNAVAILABLE, besides what PostgreSQL says: too many wait already.
 */
void costly_ask(struct costly *c, const char *key, struct pg_tx *tx, costly_fn fn, void *arg);

#endif

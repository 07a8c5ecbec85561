/*
 * settle_now.h - a settlement that somebody waits for: engine_settle with a deadline. When PostgreSQL
 * goes away in the middle the engine keeps the outcome and settles it when it is back; whoever waits
 * is told so after a while.
 */
#ifndef API_SETTLE_NOW_H
#define API_SETTLE_NOW_H

#include "api/app.h"

enum { SETTLE_NOW_MS = 8000 };

/* As engine_settle; e may be ERR_UNAVAILABLE, too: not done yet, and it may still be. */
void settle_now(struct app *app, int64_t id, int32_t attempt, const struct outcome *o,
                engine_settled_fn fn, void *arg);

#endif

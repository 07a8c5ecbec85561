/*
 * statuses.h - how far waves are, for many who ask at once.
 *
 * Those who ask while a question is under way wait for the next, which asks for all of them together. So PostgreSQL
 * answers as many questions as it can, not as many as there are clients; and nobody is told what was true before
 * he asked, since a question is sent after all whom it answers have come.
 */
#ifndef API_STATUSES_H
#define API_STATUSES_H

#include "base/err.h"

struct pg_pool;
struct statuses;

struct statuses *statuses_new(struct pg_pool *pool);
/* After the pool, which has answered everybody. */
void statuses_free(struct statuses *s); /* NULL is fine */

/* The wave's status as JSON (wave_status.sql); NULL and no e: there is no such wave. */
typedef void (*status_fn)(const char *json, const struct err *e, void *arg);
void statuses_ask(struct statuses *s, const char *wave_id, status_fn fn, void *arg);

#endif

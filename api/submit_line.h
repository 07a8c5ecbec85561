/*
 * submit_line.h - small waves on their way into PostgreSQL. While others are under way those that come gather, and
 * go together: one statement and one commit. Where PostgreSQL refuses such a group, each of it goes alone, so nobody is
 * answered for another's mistake.
 */
#ifndef API_SUBMIT_LINE_H
#define API_SUBMIT_LINE_H

#include "engine/submission_tx.h"

struct submit_line;

struct submit_line *submit_line_new(struct pg_pool *pool);
/* After the pool, which has answered everybody. */
void submit_line_free(struct submit_line *l); /* NULL is fine */

/* e: it is not there (or ERR_LOST); w is NULL then. more: others of its group are told right behind it. */
typedef void (*submit_line_fn)(const struct submitted *w, bool more, const struct err *e, void *arg);
/* Of a plain one (submission_is_plain), which must live until fn is called. */
void submit_line_add(struct submit_line *l, const struct submission *s, submit_line_fn fn,
                     void *arg);

#endif

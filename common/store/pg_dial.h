/*
 * pg_dial.h - from a database URL to an open connection, without stopping the loop: looks names up,
 * then tries each address of each host in turn, each with the whole time-out, until one is good.
 * libpq is given one address at a time, so that a host that swallows packets costs one time-out
 * and not the attempt; target_session_attrs is checked by libpq for each.
 */
#ifndef STORE_PG_DIAL_H
#define STORE_PG_DIAL_H

#include <libpq-fe.h>

#include "base/loop.h"
#include "store/pg_params.h"

struct pg_dial;
/* conn is the receiver's, or NULL: `reason` says why. The dial is gone before it is called. */
typedef void (*pg_dial_fn)(PGconn *conn, const char *reason, void *arg);

/* fn is called once, never from inside. `params` must outlive the dial. */
struct pg_dial *pg_dial_start(struct loop *l, const struct pg_params *params, pg_dial_fn fn,
                              void *arg);
/* fn will not be called. NULL is fine. */
void pg_dial_cancel(struct pg_dial *d);
/* In a child after fork(): as pg_forget(). */
void pg_dial_forget(struct pg_dial *d);

#endif

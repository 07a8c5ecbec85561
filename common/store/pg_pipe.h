/*
 * pg_pipe.h - transactions through one open connection, many under way at once (libpq's pipeline
 * mode, PostgreSQL documentation, "Pipeline Mode"). It knows nothing of connecting, waiting or trying
 * again, and never calls whoever gave a transaction: it puts answered ones in a row, and says so.
 *
 * A transaction is a segment of the pipeline: its statements, then a Sync, which commits. It may go in two parts. What
 * PostgreSQL has not prepared on this connection yet is prepared first, each statement in a segment
 * of its own, and the transaction is sent when that was answered; so a statement that cannot be
 * prepared fails its transaction before anything of it is done.
 *
 * While the socket takes no more, nothing more is given to libpq: so what is still waiting when the
 * connection breaks was certainly not done.
 */
#ifndef STORE_PG_PIPE_H
#define STORE_PG_PIPE_H

#include <libpq-fe.h>

#include "base/loop.h"
#include "store/pg_tx.h"

struct pg_pipe;

/*
 * Takes the connection. fn is called after something happened (answers, room for more, the end), from
 * the loop only; the pipe may be freed in it. Without a word from PostgreSQL for patience_ms while
 * something is under way the pipe is broken.
 */
struct pg_pipe *pg_pipe_new(struct loop *l, PGconn *conn, int64_t patience_ms, loop_fn fn,
                            void *arg);
/* Closes the connection. Transactions must have been taken out. NULL is fine. */
void pg_pipe_free(struct pg_pipe *p);
void pg_pipe_forget(struct pg_pipe *p);

bool pg_pipe_takes(const struct pg_pipe *p);
void pg_pipe_send(struct pg_pipe *p, struct pg_tx *tx);
/*
 * What it holds, all of which is prepared, without the Sync. Nothing else is taken until the rest has gone: what
 * was added, prepared too, and the Sync.
 */
void pg_pipe_send_part(struct pg_pipe *p, struct pg_tx *tx);
void pg_pipe_send_rest(struct pg_pipe *p);
/* The one of which a part has been sent; NULL: none. */
struct pg_tx *pg_pipe_part(const struct pg_pipe *p);
bool pg_pipe_knows(const struct pg_pipe *p, enum sql_id id);
bool pg_pipe_knows_all(const struct pg_pipe *p, const struct pg_tx *tx);
size_t pg_pipe_in_flight(const struct pg_pipe *p);
/* The oldest `taken_us` of what is in flight, INT64_MAX: nothing is. */
int64_t pg_pipe_oldest_us(struct pg_pipe *p);

/* The next that was answered, in order: PG_DONE or PG_FAILED. NULL: none. */
struct pg_tx *pg_pipe_answered(struct pg_pipe *p);
/* Why it broke; NULL: it did not. */
const char *pg_pipe_broken(const struct pg_pipe *p);
/* Of a broken one, the next that was not answered, in order: PG_LOST or PG_UNDONE. NULL: none. */
struct pg_tx *pg_pipe_abandoned(struct pg_pipe *p);

/* Its prepared statements are out of date: it takes no more and should be opened anew. */
bool pg_pipe_stale(const struct pg_pipe *p);
/* It once carried something large, and libpq keeps such buffers: to be opened anew when idle. */
bool pg_pipe_worn(const struct pg_pipe *p);

#endif

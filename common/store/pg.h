/*
 * pg.h - PostgreSQL without waiting: transactions of prepared statements, sent in one go.
 *
 * A transaction is built (statements by name, parameters as binary arrays or text), sent through a
 * connection in pipeline mode and answered with all its results at once: one round trip, one commit.
 * The statements between two Syncs are one implicit transaction, so BEGIN and COMMIT are not needed;
 * each statement has a snapshot of its own (READ COMMITTED). Transactions given to one connection run
 * in that order. A connection that breaks is opened again by itself, with backoff and jitter; host
 * names are resolved without blocking the loop. Statements are prepared on first use, per connection.
 *
 * A transaction that PostgreSQL rolled back for a deadlock or a serialization failure is sent again
 * (up to 5 times, after a short random wait); everything else is the caller's to decide:
 *   ERR_UNAVAILABLE  not done, and sure of it: there was no connection, or PostgreSQL said that it
 *                    is shutting down, out of connections, out of disk, read-only …
 *   ERR_LOST         sent, but the answer was lost: it may or may not have been done
 *   ERR_INTERNAL     PostgreSQL refused it (a mistake of ours); pg_last_sqlstate() says why
 *   ERR_TOO_LARGE    not sent: more than 256 MiB of parameters
 *   other codes      raised on purpose by our SQL with SQLSTATE WF<http status> (see pg_result)
 */
#ifndef STORE_PG_H
#define STORE_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/loop.h"
#include "store/sql.h"

/* ---- building ---- */

struct pg_tx;

struct pg_tx *pg_tx_new(void);
void pg_tx_free(struct pg_tx *tx);
/* Begins the next statement; the parameters that follow are $1, $2, … of it. All are copied. */
void pg_stmt(struct pg_tx *tx, enum sql_id id);
/* The same for a statement that is no file: one name for one text, both kept by reference. */
void pg_stmt_text(struct pg_tx *tx, const char *name, const char *text);
void pg_arg_int(struct pg_tx *tx, int64_t v);
void pg_arg_bool(struct pg_tx *tx, bool v);
void pg_arg_text(struct pg_tx *tx, const char *s); /* NULL: SQL null; also for jsonb, uuid, … */
/* A NUL byte, which PostgreSQL's text cannot hold, becomes U+FFFD. */
void pg_arg_textn(struct pg_tx *tx, const char *s, size_t len);
void pg_arg_bytes(struct pg_tx *tx, const void *p, size_t len); /* bytea */
void pg_arg_null(struct pg_tx *tx);
/* Arrays travel in binary: the statement must say $n::bigint[], $n::int[], $n::text[] … */
void pg_arg_int8s(struct pg_tx *tx, const int64_t *v, size_t n);
void pg_arg_int4s(struct pg_tx *tx, const int32_t *v, size_t n);
void pg_arg_bools(struct pg_tx *tx, const bool *v, size_t n);
/* There was no memory for what should have been added: the transaction fails with ERR_UNAVAILABLE. */
void pg_arg_starved(struct pg_tx *tx);
void pg_arg_texts(struct pg_tx *tx, const char *const *v, size_t n); /* NULL elements are nulls */
size_t pg_tx_bytes(const struct pg_tx *tx);                          /* size of all parameters */
size_t pg_tx_statements(const struct pg_tx *tx);

/* ---- results ---- */

struct pg_result; /* valid during the callback only */

/* Statement `s` counts from 0. Columns in text format. */
int pg_rows(const struct pg_result *r, size_t s);
/* NULL for SQL null. */
const char *pg_text(const struct pg_result *r, size_t s, int row, int col);
size_t pg_length(const struct pg_result *r, size_t s, int row, int col);
int64_t pg_int(const struct pg_result *r, size_t s, int row, int col); /* null: 0 */
bool pg_bool(const struct pg_result *r, size_t s, int row, int col);   /* null: false */
/* The next number of the text of an array of them; moves `at` behind it. False: there is none, nor where it is NULL. */
bool pg_next_int(const char **at, int64_t *out);
bool pg_is_null(const struct pg_result *r, size_t s, int row, int col);
int64_t pg_affected(const struct pg_result *r, size_t s);

/*
 * e is NULL on success, r is NULL on failure. Never called from inside pg_send().
 * A statement may refuse on purpose: RAISE EXCEPTION 'sentence' USING ERRCODE = 'WF409' becomes
 * err code ERR_CONFLICT (WF404 not found, WF409 conflict, WF422 invalid) with that sentence.
 */
typedef void (*pg_fn)(const struct pg_result *r, const struct err *e, void *arg);
/* During a pg_fn with an error: PostgreSQL's SQLSTATE ("23505"), "" where it said none. */
const char *pg_last_sqlstate(void);

/* ---- one connection ---- */

struct pg;
struct pg_opts {
        const char *url;  /* libpq URI or keywords */
        const char *name; /* application_name */
        int64_t connect_timeout_ms;
        int64_t query_timeout_ms; /* statement_timeout */
        int64_t patience_ms; /* without a word from PostgreSQL for so long while an answer is owed the
                                     connection is given up; 0: query_timeout_ms and 5 s */
        bool on_demand;      /* opened by the first pg_send() */
};
/* Begins to connect, unless it is on demand. `on_change` (may be NULL) is told when the connection is there or gone. */
struct pg *pg_new(struct loop *l, const struct pg_opts *opts, void (*on_change)(bool up, void *arg),
                  void *arg);
/*
 * Transactions that are under way get ERR_LOST, waiting ones ERR_UNAVAILABLE, before it returns. May
 * be called in any callback. What a callback sends meanwhile is answered, too.
 */
void pg_free(struct pg *pg);
/* In a child after fork(): closes the descriptor without a word to the server. */
void pg_forget(struct pg *pg);
bool pg_up(const struct pg *pg);
/* Whether what is sent now can be done: it is up, or on demand and was not needed yet, or being opened (pg_send). */
bool pg_takes(const struct pg *pg);
/*
 * fn is called when a session has been opened, also when it replaces another one of which nobody was told
 * (after a large transaction), and may send: that goes before all that waits. What belongs to a session, such
 * as its advisory locks, is gone with the one before. Set it before the loop turns.
 */
void pg_on_session(struct pg *pg, void (*fn)(struct pg *pg, void *arg), void *arg);
/* The server is there, as another connection has found: no more waiting for the next attempt, for which what is sent
 * now waits. */
void pg_hurry(struct pg *pg);
/*
 * Takes the transaction. Without a connection fn gets ERR_UNAVAILABLE in the next turn; but while it is opened for the first
 * time, or after pg_hurry(), the transaction waits until it is, or cannot be. It is an
 * implicit transaction block: what wants BEGIN (LOCK TABLE, SET LOCAL, savepoints) or none at all
 * (VACUUM), and COPY, cannot stand in it.
 */
void pg_send(struct pg *pg, struct pg_tx *tx, pg_fn fn, void *arg);
size_t pg_in_flight(const struct pg *pg); /* transactions sent and not answered */
/*
 * A transaction in two parts: what it holds is sent at once, so that PostgreSQL is at work, and what is
 * added to it until pg_send_rest() goes with it. Until then it holds its locks, and whatever else is given to
 * this connection waits: a matter of milliseconds. Each statement that is added must be known to the
 * connection (pg_knows). fn may be called before the rest was sent, with an error: then the transaction is
 * gone, and has not been done. It goes behind what is under way: where some of that has to go again after a conflict, what
 * was sent of it is undone, with ERR_UNAVAILABLE, since it would be done before.
 */
void pg_send_part(struct pg *pg, struct pg_tx *tx, pg_fn fn, void *arg);
void pg_send_rest(struct pg *pg, struct pg_tx *tx);
/*
 * In place of the rest: what was sent is undone. fn gets an answer of which nothing counts, or an error as ever. PostgreSQL
 * notes a warning in its log, which takes a ROLLBACK outside of BEGIN for a mistake.
 */
void pg_send_undo(struct pg *pg, struct pg_tx *tx);
bool pg_knows(const struct pg *pg, enum sql_id id); /* it is prepared */

/* ---- a pool of them ---- */

struct pg_pool;
/*
 * Opens connections as they are needed, up to `size`, the first at once; those that were idle for a
 * minute are closed again, down to two.
 */
struct pg_pool *pg_pool_new(struct loop *l, const struct pg_opts *opts, size_t size,
                            void (*on_change)(bool up, void *arg), void *arg);
void pg_pool_free(struct pg_pool *p);
void pg_pool_forget(struct pg_pool *p);
bool pg_pool_up(const struct pg_pool *p); /* at least one connection is there */
/*
 * What keeps everybody from working now, or did within the last five seconds (a full disk is only met by
 * who writes), in a sentence that may be shown to anyone: no addresses, no names. NULL: nothing.
 */
const char *pg_pool_trouble(const struct pg_pool *p);
/* As pg_hurry(). */
void pg_pool_hurry(struct pg_pool *p);
/* Through the connection with the fewest transactions in flight. */
void pg_pool_send(struct pg_pool *p, struct pg_tx *tx, pg_fn fn, void *arg);
/* Milliseconds the oldest unanswered transaction has been under way; 0: none. */
int64_t pg_pool_oldest_ms(const struct pg_pool *p);

/* ---- for tests: see base/fault.h ---- */

#ifdef WAVEFLEET_FAULTS
/* The point is passed when the transaction is sent whole, which nobody has answered then. */
void pg_fault_when_sent(struct pg_tx *tx, enum fault_point point);
#define PG_FAULT_SENT(tx, name) pg_fault_when_sent((tx), FAULT_##name)
#else
#define PG_FAULT_SENT(tx, name) ((void)0)
#endif

#endif

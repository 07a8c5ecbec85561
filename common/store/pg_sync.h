/*
 * pg_sync.h - PostgreSQL for processes that have no loop: the child that loads large waves, the
 * subcommands, --check. Blocking, one connection, the same transactions, and COPY. It blocks no longer
 * than connect_timeout_ms (each address; looking up names comes on top) and query_timeout_ms + 5 s
 * without a word from PostgreSQL; COPY and idle transactions are under the query time-out, too.
 */
#ifndef STORE_PG_SYNC_H
#define STORE_PG_SYNC_H

#include "store/pg.h"

struct pg_sync;

/* NULL on failure: ERR_UNAVAILABLE, ERR_CONFIG (the URL). */
struct pg_sync *pg_sync_open(const struct pg_opts *opts, struct err *e);
void pg_sync_close(struct pg_sync *c);
/* After this, statements run in an explicit transaction until commit or rollback. */
int pg_sync_begin(struct pg_sync *c, struct err *e);
int pg_sync_commit(struct pg_sync *c, struct err *e);
void pg_sync_rollback(struct pg_sync *c);
/*
 * Runs the statements of tx (takes it) and hands the results to fn (may be NULL) before it returns. A
 * failure is not handed to fn: it is what is returned, and pg_last_sqlstate() stays until the next
 * call. Outside pg_sync_begin() they are one transaction, tried again after a conflict.
 */
int pg_sync_run(struct pg_sync *c, struct pg_tx *tx, pg_fn fn, void *arg, struct err *e);
/* COPY … FROM STDIN (FORMAT text), the statement's text by name; then data; then the end. */
int pg_sync_copy_begin(struct pg_sync *c, enum sql_id id, struct err *e);
int pg_sync_copy_data(struct pg_sync *c, const char *data, size_t len, struct err *e);
int pg_sync_copy_end(struct pg_sync *c, struct err *e);
/* Runs a schema file's text (several statements). */
int pg_sync_script(struct pg_sync *c, const char *text, struct err *e);
int pg_sync_server_version(const struct pg_sync *c); /* 150003 */

#endif

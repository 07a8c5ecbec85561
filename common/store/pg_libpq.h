/* pg_libpq.h - the few things that libpq leaves to its users. */
#ifndef STORE_PG_LIBPQ_H
#define STORE_PG_LIBPQ_H

#include <libpq-fe.h>
#include <stdbool.h>

/* The first line of a text of libpq, without what frames it. For reasons in logs and answers. */
enum { PG_REASON_MAX = 400 };
void pg_reason(char out[PG_REASON_MAX], const char *text);

/* A notice receiver that writes notices and warnings to the log (libpq would print them). */
void pg_log_notice(void *unused, const PGresult *notice);
bool pg_notice_is_fatal(const PGresult *notice);

/* There is more to read although the socket says nothing. */
bool pg_more_in_tls(PGconn *conn);

/*
 * In a child after fork(): the connection's descriptor is another, dead socket from here on, so that
 * nothing reaches the server, and an event loop that still has the descriptor does not stumble.
 */
void pg_detach(PGconn *conn);

#endif

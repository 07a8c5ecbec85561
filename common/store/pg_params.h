/*
 * pg_params.h - from a database URL to what libpq is given: the hosts that it names, and the
 * settings of our sessions.
 *
 * The session settings, and why:
 *   search_path, timezone, DateStyle     what our statements take for granted
 *   default_transaction_isolation        READ COMMITTED: each statement sees what was committed
 *   statement_timeout                    nothing runs longer than somebody waits for it
 *   lock_timeout                         half of that, so that who waits for a lock is told so
 *   idle_in_transaction_session_timeout  locks of a client that stands still are set free
 *   jit off                              our statements are short; compiling costs more than it gives
 *   plan_cache_mode                      generic plans: planning a statement of a dozen parts anew
 *                                        takes several times as long as running it
 *   enable_seqscan off                   such a plan, made while a table was still empty, must be the
 *                                        right one for when it is full
 */
#ifndef STORE_PG_PARAMS_H
#define STORE_PG_PARAMS_H

#include <stdbool.h>

#include "store/pg.h"

/* One place to connect to. NULL: left to libpq (its default socket, its environment). */
struct pg_host {
        char *name;    /* host name, address, or folder of the socket */
        char *address; /* hostaddr */
        char *port;
};

struct pg_params;

enum { PG_KEYWORDS_MAX = 80 };

/* NULL on failure: ERR_CONFIG. The text never quotes the URL. */
struct pg_params *pg_params_new(const struct pg_opts *opts, struct err *e);
void pg_params_free(struct pg_params *p);
size_t pg_params_hosts(const struct pg_params *p);
const struct pg_host *pg_params_host(const struct pg_params *p, size_t i);
/* It is a name that must be looked up. */
bool pg_host_needs_lookup(const struct pg_host *h);
int64_t pg_params_connect_timeout_ms(const struct pg_params *p);
int64_t pg_params_query_timeout_ms(const struct pg_params *p);

/*
 * The keywords and values for one host, or, with NULL, for all of them as they are in the URL.
 * They point into p and h.
 */
void pg_params_fill(const struct pg_params *p, const struct pg_host *h,
                    const char *keywords[PG_KEYWORDS_MAX], const char *values[PG_KEYWORDS_MAX]);

#endif

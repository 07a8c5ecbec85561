/*
 * pg_failure.h - what PostgreSQL's refusals mean: from SQLSTATE to error code, sentence and what to
 * do about it (PostgreSQL documentation, appendix A, "PostgreSQL Error Codes").
 */
#ifndef STORE_PG_FAILURE_H
#define STORE_PG_FAILURE_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/err.h"

struct pg_failure {
        bool set;
        bool fatal;       /* PostgreSQL ends the connection with it */
        char sqlstate[6]; /* "" where PostgreSQL did not say it */
        struct err err;
};

/* `statement` is the name of the one that failed. */
void pg_failure_read(struct pg_failure *f, const PGresult *result, const char *statement);
/* The same from its parts; sqlstate "" where there is none. */
void pg_failure_set(struct pg_failure *f, const char *sqlstate, const char *text,
                    const char *statement, bool fatal);
void pg_failure_clear(struct pg_failure *f);
/* Rolled back for a deadlock or a serialization failure: the same again may well succeed. */
bool pg_failure_is_conflict(const struct pg_failure *f);
/* The prepared statements of this connection are out of date or gone. */
bool pg_failure_is_stale(const struct pg_failure *f);
bool pg_failure_is_read_only(const struct pg_failure *f);
/* What would hit every other transaction too, in a sentence that may be shown to anyone; NULL: nothing. */
const char *pg_failure_trouble(const struct pg_failure *f);
/* The same for the reason why there is no connection; never NULL. */
const char *pg_trouble_of(const char *reason);

/* What pg_last_sqlstate() says from now on; NULL: nothing. */
void pg_failure_show_sqlstate(const char *sqlstate);

#endif

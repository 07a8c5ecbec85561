/*
 * The SQL statements of the store: one row for each file of common/store/sql, embedded when the
 * programs are built. SQL_WAVE_GET is sql/wave_get.sql; the name is also the name under which the
 * statement is prepared. The table ends with a row of NULLs at SQL_COUNT.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "sql_names.h"

struct sql_text {
        const char *name;
        const char *text;
};

extern const struct sql_text sql_texts[];

#endif

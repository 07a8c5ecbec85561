/*
 * pg_result.c - reading results. Who asks for a row or a column that is not there has a mistake: it
 * ends the process, because libpq would answer with a warning and a NULL.
 */
#include <assert.h>
#include <stdlib.h>

#include "store/pg_tx.h"

static PGresult *result_of(const struct pg_result *r, size_t s)
{
        assert(s < r->count);
        return r->results[s];
}

static const PGresult *cell_of(const struct pg_result *r, size_t s, int row, int col)
{
        const PGresult *result = result_of(r, s);
        assert(row >= 0 && row < PQntuples(result));
        assert(col >= 0 && col < PQnfields(result));
        return result;
}

int pg_rows(const struct pg_result *r, size_t s)
{
        return PQntuples(result_of(r, s));
}

bool pg_is_null(const struct pg_result *r, size_t s, int row, int col)
{
        return PQgetisnull(cell_of(r, s, row, col), row, col);
}

const char *pg_text(const struct pg_result *r, size_t s, int row, int col)
{
        const PGresult *result = cell_of(r, s, row, col);
        return PQgetisnull(result, row, col) ? NULL : PQgetvalue(result, row, col);
}

size_t pg_length(const struct pg_result *r, size_t s, int row, int col)
{
        return (size_t)PQgetlength(cell_of(r, s, row, col), row, col);
}

int64_t pg_int(const struct pg_result *r, size_t s, int row, int col)
{
        return strtoll(PQgetvalue(cell_of(r, s, row, col), row, col), NULL, 10);
}

bool pg_bool(const struct pg_result *r, size_t s, int row, int col)
{
        return *PQgetvalue(cell_of(r, s, row, col), row, col) == 't';
}

bool pg_next_int(const char **at, int64_t *out)
{
        char *end;

        if (!*at || (**at != '{' && **at != ','))
                return false;
        *out = strtoll(*at + 1, &end, 10);
        if (end == *at + 1) /* {} */
                return false;
        *at = end;
        return true;
}

int64_t pg_affected(const struct pg_result *r, size_t s)
{
        return strtoll(PQcmdTuples(result_of(r, s)), NULL, 10);
}

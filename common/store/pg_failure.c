/* pg_failure.c - the table of SQLSTATEs that mean something to us. */
#include "store/pg_failure.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/pg.h"
#include "store/pg_libpq.h"

/* The first row whose prefix fits counts; what fits none is a mistake of ours. */
static const struct meaning {
        const char *prefix;
        enum err_code code;
        const char *sentence; /* before PostgreSQL's own; NULL: that alone, it was written for people */
} meanings[] = {
        {"WF400", ERR_BAD_REQUEST, NULL},
        {"WF403", ERR_FORBIDDEN, NULL},
        {"WF404", ERR_NOT_FOUND, NULL},
        {"WF409", ERR_CONFLICT, NULL},
        {"WF413", ERR_TOO_LARGE, NULL},
        {"WF422", ERR_INVALID, NULL},
        {"WF429", ERR_RATE, NULL},
        {"WF503", ERR_UNAVAILABLE, NULL},
        {"08", ERR_UNAVAILABLE, "the connection to PostgreSQL failed"},
        {"25006", ERR_UNAVAILABLE, "PostgreSQL is read-only for now"},
        {"25P03", ERR_UNAVAILABLE, "PostgreSQL gave up a transaction that stood still"},
        {"40001", ERR_UNAVAILABLE, "PostgreSQL rolled it back for a conflict, again and again"},
        {"40P01", ERR_UNAVAILABLE, "PostgreSQL rolled it back for a deadlock, again and again"},
        {"53", ERR_UNAVAILABLE, "PostgreSQL is short of something"},
        {"55P03", ERR_UNAVAILABLE, "PostgreSQL waited too long for a lock that somebody else holds"},
        {"57014", ERR_UNAVAILABLE, "PostgreSQL did not get it done in time"},
        {"57P", ERR_UNAVAILABLE, "PostgreSQL is stopping or starting"},
        {"58", ERR_UNAVAILABLE, "PostgreSQL's own system failed it"},
};

static char last_sqlstate[6];

const char *pg_last_sqlstate(void)
{
        return last_sqlstate;
}

void pg_failure_show_sqlstate(const char *sqlstate)
{
        snprintf(last_sqlstate, sizeof(last_sqlstate), "%s", sqlstate ? sqlstate : "");
}

static const struct meaning *meaning_of(const char *sqlstate)
{
        for (size_t i = 0; i < COUNT_OF(meanings); i++) {
                if (strncmp(sqlstate, meanings[i].prefix, strlen(meanings[i].prefix)) == 0)
                        return &meanings[i];
        }
        return NULL;
}

/* PostgreSQL's detail and context are left out: they may quote rows, and with them secrets. */
static void describe(struct pg_failure *f, const char *text, const char *statement)
{
        const struct meaning *m = meaning_of(f->sqlstate);
        if (!m)
                err_set(&f->err, ERR_INTERNAL, "PostgreSQL refused the statement '%s': %s%s%s%s",
                        statement, text, *f->sqlstate ? " (SQLSTATE " : "", f->sqlstate,
                        *f->sqlstate ? ")" : "");
        else if (m->sentence)
                err_set(&f->err, m->code, "%s: %s (statement '%s')", m->sentence, text, statement);
        else
                err_set(&f->err, m->code, "%s", text);
}

void pg_failure_set(struct pg_failure *f, const char *sqlstate, const char *text,
                    const char *statement, bool fatal)
{
        *f = (struct pg_failure){.set = true, .fatal = fatal, .err = ERR_INIT};
        snprintf(f->sqlstate, sizeof(f->sqlstate), "%s", sqlstate);
        describe(f, text, statement);
}

void pg_failure_read(struct pg_failure *f, const PGresult *result, const char *statement)
{
        const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        char reason[PG_REASON_MAX];
        if (!text) {
                pg_reason(reason, PQresultErrorMessage(result));
                text = reason;
        }
        pg_failure_set(f, sqlstate ? sqlstate : "", text, statement, pg_notice_is_fatal(result));
}

void pg_failure_clear(struct pg_failure *f)
{
        f->set = false;
        f->fatal = false;
        f->sqlstate[0] = '\0';
}

bool pg_failure_is_conflict(const struct pg_failure *f)
{
        return strcmp(f->sqlstate, "40001") == 0 || strcmp(f->sqlstate, "40P01") == 0;
}

bool pg_failure_is_stale(const struct pg_failure *f)
{
        return strcmp(f->sqlstate, "26000") == 0 ||
               (strcmp(f->sqlstate, "0A000") == 0 && strstr(f->err.text, "cached plan"));
}

bool pg_failure_is_read_only(const struct pg_failure *f)
{
        return strcmp(f->sqlstate, "25006") == 0;
}

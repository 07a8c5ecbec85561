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
        bool all;             /* it hits whoever asks, not only this one */
} meanings[] = {
        {"WF400", ERR_BAD_REQUEST, NULL, false},
        {"WF403", ERR_FORBIDDEN, NULL, false},
        {"WF404", ERR_NOT_FOUND, NULL, false},
        {"WF409", ERR_CONFLICT, NULL, false},
        {"WF4KE", ERR_IN_PROGRESS, NULL,
         false}, /* an Idempotency-Key: under way, or answered just now */
        {"WF413", ERR_TOO_LARGE, NULL, false},
        {"WF422", ERR_INVALID, NULL, false},
        {"WF429", ERR_RATE, NULL, false},
        {"WF503", ERR_UNAVAILABLE, NULL, false},
        {"08", ERR_UNAVAILABLE, "the connection to PostgreSQL failed", false},
        {"25006", ERR_UNAVAILABLE, "PostgreSQL is read-only for now", true},
        {"25P03", ERR_UNAVAILABLE, "PostgreSQL gave up a transaction that stood still", false},
        {"40001", ERR_UNAVAILABLE, "PostgreSQL rolled it back for a conflict, again and again",
         false},
        {"40P01", ERR_UNAVAILABLE, "PostgreSQL rolled it back for a deadlock, again and again",
         false},
        {"53100", ERR_UNAVAILABLE, "PostgreSQL's disk is full", true},
        {"53200", ERR_UNAVAILABLE, "PostgreSQL has run out of memory", true},
        {"53300", ERR_UNAVAILABLE, "PostgreSQL has no connection left", true},
        {"53", ERR_UNAVAILABLE, "PostgreSQL is short of something", false},
        {"55P03", ERR_UNAVAILABLE, "PostgreSQL waited too long for a lock that somebody else holds",
         false},
        {"57014", ERR_UNAVAILABLE, "PostgreSQL did not get it done in time", false},
        {"57P", ERR_UNAVAILABLE, "PostgreSQL is stopping or starting", false},
        {"58", ERR_UNAVAILABLE, "PostgreSQL's own system failed it", true},
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

const char *pg_failure_trouble(const struct pg_failure *f)
{
        const struct meaning *m = f->set ? meaning_of(f->sqlstate) : NULL;
        return m && m->all ? m->sentence : NULL;
}

/* What PostgreSQL or libpq say to who cannot connect has no SQLSTATE that libpq would tell. */
static const struct {
        const char *part, *sentence;
} refusals[] = {
        {"too many clients", "PostgreSQL has no connection left"},
        {"connection slots are reserved", "PostgreSQL has no connection left"},
        {"too many connections for", "PostgreSQL has no connection left"},
        {"session is read-only", "PostgreSQL is read-only for now"},
        {"hot standby", "PostgreSQL is a standby"},
        {"starting up", "PostgreSQL is starting"},
        {"recovery mode", "PostgreSQL is recovering from a crash"},
        {"not yet accepting", "PostgreSQL is starting"},
        {"shutting down", "PostgreSQL is shutting down"},
        {"refused", "PostgreSQL takes no connections"},
};

const char *pg_trouble_of(const char *reason)
{
        for (size_t i = 0; i < COUNT_OF(refusals); i++) {
                if (strstr(reason, refusals[i].part))
                        return refusals[i].sentence;
        }
        return "PostgreSQL does not answer";
}

bool pg_failure_is_read_only(const struct pg_failure *f)
{
        return strcmp(f->sqlstate, "25006") == 0;
}

/*
 * pg_sync.c - the blocking twin: the same settings, statements and meanings of errors.
 *
 * It blocks, but not for ever: everything is sent and awaited with poll() and a deadline, so that a
 * PostgreSQL that neither answers nor closes costs a time-out and not the process.
 */
#include "store/pg_sync.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/pg_libpq.h"
#include "store/pg_params.h"
#include "store/pg_sync_inside.h"
#include "store/pg_tx.h"

enum { ANSWER_GRACE_MS = 5000, TRIES_MAX = 5, REST_MIN_MS = 5, REST_SPREAD_MS = 45 };

struct pg_sync {
        PGconn *conn; /* NULL once it broke */
        int64_t patience_ms;
        bool begun;  /* an explicit transaction */
        bool failed; /* which PostgreSQL will roll back */
        unsigned char prepared[SQL_COUNT + 1];
        const char **named; /* those of pg_stmt_text() that are prepared */
        size_t named_count;
};

CLEANUP_DEFINE(pg_params, struct pg_params *, pg_params_free)
CLEANUP_DEFINE(pg_sync, struct pg_sync *, pg_sync_close)
CLEANUP_DEFINE(pg_tx, struct pg_tx *, pg_tx_free)

struct pg_sync *pg_sync_open(const struct pg_opts *opts, struct err *e)
{
        const char *keywords[PG_KEYWORDS_MAX], *values[PG_KEYWORDS_MAX];
        char reason[PG_REASON_MAX];
        struct pg_params *params cleanup(pg_params_cleanup) = pg_params_new(opts, e);
        if (!params)
                return NULL;
        struct pg_sync *c cleanup(pg_sync_cleanup) = xcalloc(1, sizeof(*c));
        pg_params_fill(params, NULL, keywords, values);
        c->patience_ms = pg_params_query_timeout_ms(params) + ANSWER_GRACE_MS;
        c->conn = PQconnectdbParams(keywords, values, 0);
        if (PQstatus(c->conn) != CONNECTION_OK || PQsetnonblocking(c->conn, 1) != 0) {
                pg_reason(reason, PQerrorMessage(c->conn));
                err_set(e, ERR_UNAVAILABLE, "could not reach PostgreSQL: %s", reason);
                return NULL;
        }
        PQsetNoticeReceiver(c->conn, pg_log_notice, NULL);
        return take(c);
}

void pg_sync_close(struct pg_sync *c)
{
        if (!c)
                return;
        PQfinish(c->conn);
        free(c->named);
        free(c);
}

int pg_sync_server_version(const struct pg_sync *c)
{
        return c->conn ? PQserverVersion(c->conn) : 0;
}

int64_t pg_sync_set_patience(struct pg_sync *c, int64_t patience_ms)
{
        int64_t before = c->patience_ms;
        c->patience_ms = patience_ms;
        return before;
}

/* ---- sending and awaiting ---- */

/* What was sent outside a transaction may have been done; inside, it needs the commit. */
static int lose(struct pg_sync *c, const char *text, bool perhaps_done, struct err *e)
{
        char reason[PG_REASON_MAX];
        pg_reason(reason, text);
        PQfinish(take(c->conn));
        c->begun = false;
        if (perhaps_done)
                return err_set(e, ERR_LOST,
                               "the connection to PostgreSQL broke before the answer: %s", reason);
        return err_set(e, ERR_UNAVAILABLE, "the connection to PostgreSQL broke: %s", reason);
}

static int lose_libpq(struct pg_sync *c, bool perhaps_done, struct err *e)
{
        autofree char *text = xstrdup(PQerrorMessage(c->conn));
        return lose(c, text, perhaps_done, e);
}

static int need_connection(const struct pg_sync *c, struct err *e)
{
        if (c->conn)
                return 0;
        return err_set(e, ERR_UNAVAILABLE, "the connection to PostgreSQL is gone");
}

/* Waits until the socket is ready for one of `events`; 0, or -1 when it took too long. */
static int wait_for(const struct pg_sync *c, short events, int64_t until_ms)
{
        struct pollfd fd = {.fd = PQsocket(c->conn), .events = events};
        for (;;) {
                int64_t left_ms = until_ms - clock_mono_ms();
                if (left_ms <= 0)
                        return -1;
                int ready = poll(&fd, 1, left_ms > 60000 ? 60000 : (int)left_ms);
                if (ready > 0)
                        return 0;
                if (ready < 0 && errno != EINTR)
                        return -1;
        }
}

/* Sends what libpq still has, reading meanwhile, as both sides may be full. */
static int flush(struct pg_sync *c, bool perhaps_done, struct err *e)
{
        int64_t until_ms = clock_mono_ms() + c->patience_ms;
        int left;
        while ((left = PQflush(c->conn)) > 0) {
                if (wait_for(c, POLLIN | POLLOUT, until_ms) < 0)
                        return lose(c, "it does not take what is sent to it", perhaps_done, e);
                if (!PQconsumeInput(c->conn))
                        return lose_libpq(c, perhaps_done, e);
        }
        return left < 0 ? lose_libpq(c, perhaps_done, e) : 0;
}

/* The next result into *out, NULL after the last. */
static int next_result(struct pg_sync *c, bool perhaps_done, PGresult **out, struct err *e)
{
        int64_t until_ms = clock_mono_ms() + c->patience_ms;
        while (PQisBusy(c->conn)) {
                if (!pg_more_in_tls(c->conn) && wait_for(c, POLLIN, until_ms) < 0)
                        return lose(c, "it does not answer", perhaps_done, e);
                if (!PQconsumeInput(c->conn))
                        return lose_libpq(c, perhaps_done, e);
        }
        *out = PQgetResult(c->conn);
        if (*out && PQstatus(c->conn) == CONNECTION_BAD &&
            !PQresultErrorField(*out, PG_DIAG_SQLSTATE)) {
                PQclear(*out);
                return lose_libpq(c, perhaps_done, e);
        }
        return 0;
}

/*
 * Awaits the results of what was sent; the last good one into *out (may be NULL). COPY IN counts as
 * the last. An error of PostgreSQL goes into *f.
 */
static int await(struct pg_sync *c, const char *name, bool perhaps_done, PGresult **out,
                 struct pg_failure *f, struct err *e)
{
        PGresult *result = NULL, *last = NULL;
        pg_failure_clear(f);
        int got = flush(c, perhaps_done, e);
        while (got == 0 && (got = next_result(c, perhaps_done, &result, e)) == 0 && result) {
                ExecStatusType status = PQresultStatus(result);
                if (status == PGRES_FATAL_ERROR && !f->set)
                        pg_failure_read(f, result, name);
                bool came_late = f->fatal && last; /* perhaps after the commit */
                PQclear(last);
                last = result;
                if (came_late) {
                        pg_failure_clear(f);
                        got = lose_libpq(c, perhaps_done, e);
                }
                if (status == PGRES_COPY_IN)
                        break;
        }
        if (got < 0 || f->set || !out)
                PQclear(take(last));
        if (got == 0 && out)
                *out = last;
        return got;
}

static int failed(struct pg_sync *c, const struct pg_failure *f, struct err *e)
{
        c->failed = c->begun;
        pg_failure_show_sqlstate(f->sqlstate);
        if (e)
                *e = f->err;
        return -1;
}

/* Sends a text of one or more statements and awaits its end. */
static int run_text(struct pg_sync *c, const char *name, const char *text, bool perhaps_done,
                    struct err *e)
{
        struct pg_failure f;
        pg_failure_show_sqlstate(NULL);
        if (need_connection(c, e) < 0)
                return -1;
        if (!PQsendQuery(c->conn, text))
                return lose_libpq(c, false, e);
        if (await(c, name, perhaps_done, NULL, &f, e) < 0)
                return -1;
        return f.set ? failed(c, &f, e) : 0;
}

/* ---- explicit transactions ---- */

int pg_sync_begin(struct pg_sync *c, struct err *e)
{
        assert(!c->begun);
        c->failed = false;
        if (run_text(c, "begin", "BEGIN", false, e) < 0)
                return -1;
        c->begun = true;
        return 0;
}

/* COMMIT of a failed transaction rolls back without a word. */
int pg_sync_commit(struct pg_sync *c, struct err *e)
{
        if (need_connection(c, e) < 0)
                return -1;
        if (c->failed) {
                pg_sync_rollback(c);
                return err_set(e, ERR_INTERNAL, "cannot commit: a statement of it failed before");
        }
        c->begun = false;
        return run_text(c, "commit", "COMMIT", true, e);
}

void pg_sync_rollback(struct pg_sync *c)
{
        if (c->conn && c->begun)
                run_text(c, "rollback", "ROLLBACK", false, NULL);
        c->begun = c->failed = false;
}

/* ---- transactions of prepared statements ---- */

static bool is_prepared(const struct pg_sync *c, const struct pg_statement *s)
{
        if (s->id >= 0)
                return c->prepared[s->id];
        for (size_t i = 0; i < c->named_count; i++) {
                if (strcmp(c->named[i], s->name) == 0)
                        return true;
        }
        return false;
}

static int prepare(struct pg_sync *c, const struct pg_statement *s, struct pg_failure *f,
                   struct err *e)
{
        if (is_prepared(c, s))
                return 0;
        if (!PQsendPrepare(c->conn, s->name, s->text, 0, NULL))
                return lose_libpq(c, false, e);
        if (await(c, s->name, false, NULL, f, e) < 0 || f->set)
                return -1;
        if (s->id >= 0) {
                c->prepared[s->id] = true;
        } else {
                c->named = xreallocarray(c->named, c->named_count + 1, sizeof(*c->named));
                c->named[c->named_count++] = s->name;
        }
        return 0;
}

/* -1 with f->set: PostgreSQL refused; else the connection broke. */
static int run_statement(struct pg_sync *c, struct pg_tx *tx, size_t i, struct pg_failure *f,
                         struct err *e)
{
        const struct pg_statement *s = &tx->statements[i];
        struct pg_args args;
        PGresult *result;
        if (prepare(c, s, f, e) < 0)
                return -1;
        pg_tx_args(tx, s, &args);
        if (!PQsendQueryPrepared(c->conn, s->name, (int)s->params, args.values, args.lengths,
                                 args.formats, 0))
                return lose_libpq(c, false, e);
        if (await(c, s->name, !c->begun, &result, f, e) < 0 || f->set)
                return -1;
        if (!result)
                return lose(c, "it ended a statement without a result", !c->begun, e);
        pg_tx_answer(tx, result);
        return 0;
}

/* One statement is a transaction by itself. */
static int run_once(struct pg_sync *c, struct pg_tx *tx, struct pg_failure *f, struct err *e)
{
        bool own = !c->begun && tx->count > 1;
        if (own && pg_sync_begin(c, e) < 0)
                return -1;
        for (size_t i = 0; i < tx->count; i++) {
                if (run_statement(c, tx, i, f, e) < 0) {
                        c->failed = f->set && c->begun;
                        if (f->set && own)
                                pg_sync_rollback(c);
                        return -1;
                }
        }
        return own ? pg_sync_commit(c, e) : 0;
}

static void rest(void)
{
        clock_sleep_ms(REST_MIN_MS + (int64_t)rand_below(REST_SPREAD_MS + 1));
}

int pg_sync_run(struct pg_sync *c, struct pg_tx *given, pg_fn fn, void *arg, struct err *e)
{
        struct pg_tx *tx cleanup(pg_tx_cleanup) = given;
        struct pg_failure f;
        bool own = !c->begun;
        if (buf_check(&tx->data, "the transaction's parameters", e) < 0)
                return -1;
        for (;;) {
                pg_failure_clear(&f);
                if (need_connection(c, e) < 0)
                        return -1;
                if (run_once(c, tx, &f, e) == 0)
                        break;
                if (!f.set)
                        return -1;
                if (!own || !pg_failure_is_conflict(&f) || tx->tries++ >= TRIES_MAX) {
                        pg_failure_show_sqlstate(f.sqlstate);
                        if (e)
                                *e = f.err;
                        return -1;
                }
                pg_tx_rewind(tx);
                rest();
        }
        if (fn) {
                const struct pg_result r = {.results = tx->results, .count = tx->answered};
                fn(&r, NULL, arg);
        }
        return 0;
}

/* ---- COPY, scripts ---- */

int pg_sync_copy_begin(struct pg_sync *c, enum sql_id id, struct err *e)
{
        assert((unsigned)id < SQL_COUNT);
        return pg_sync_copy_text(c, sql_texts[id].name, sql_texts[id].text, e);
}

int pg_sync_copy_text(struct pg_sync *c, const char *name, const char *text, struct err *e)
{
        struct pg_failure f;
        PGresult *result = NULL;
        pg_failure_show_sqlstate(NULL);
        if (need_connection(c, e) < 0)
                return -1;
        if (!PQsendQuery(c->conn, text))
                return lose_libpq(c, false, e);
        if (await(c, name, false, &result, &f, e) < 0)
                return -1;
        if (f.set)
                return failed(c, &f, e);
        bool good = PQresultStatus(result) == PGRES_COPY_IN;
        PQclear(result);
        return good ? 0
                    : err_set(e, ERR_INTERNAL, "the statement '%s' is no COPY FROM STDIN", name);
}

int pg_sync_copy_data(struct pg_sync *c, const char *data, size_t len, struct err *e)
{
        enum { PIECE_BYTES = 64 * 1024 };
        if (need_connection(c, e) < 0)
                return -1;
        while (len) {
                size_t piece = len < PIECE_BYTES ? len : PIECE_BYTES;
                int put = PQputCopyData(c->conn, data, (int)piece);
                if (put < 0)
                        return lose_libpq(c, false, e);
                if (flush(c, false, e) < 0)
                        return -1;
                data += put ? piece : 0;
                len -= put ? piece : 0;
        }
        return 0;
}

int pg_sync_copy_end(struct pg_sync *c, struct err *e)
{
        struct pg_failure f;
        int put;
        if (need_connection(c, e) < 0)
                return -1;
        while ((put = PQputCopyEnd(c->conn, NULL)) == 0) {
                if (flush(c, false, e) < 0)
                        return -1;
        }
        if (put < 0)
                return lose_libpq(c, false, e);
        if (await(c, "copy", !c->begun, NULL, &f, e) < 0)
                return -1;
        return f.set ? failed(c, &f, e) : 0;
}

int pg_sync_script(struct pg_sync *c, const char *text, struct err *e)
{
        return run_text(c, "script", text, !c->begun, e);
}

/* pg_pipe.c - libpq's pipeline mode: what was sent, and which answer belongs to what. */
#include "store/pg_pipe.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "store/pg_libpq.h"

enum { LARGE_BYTES = 1024 * 1024 };

/* What this connection knows of a statement. */
enum known { UNKNOWN, ASKED, PREPARED };

struct named_statement {
        const char *name, *text;
        enum known known;
};

struct pg_pipe {
        struct loop *loop;
        PGconn *conn;
        loop_fn fn;
        void *arg;
        struct event *readable, *writable;
        struct loop_timer *soon;  /* says at the next turn that it broke */
        struct loop_timer *watch; /* for answers that do not come */
        bool watching;
        int64_t patience_ms;
        int64_t progress_ms; /* when PostgreSQL last said something, or was given something */
        bool blocked;        /* the socket takes no more for now */
        bool stale, worn;
        char last_words[PG_REASON_MAX]; /* a FATAL message: what comes after it was not done */
        char broken[PG_REASON_MAX];
        struct list flying; /* sent whole, in the order of their answers */
        struct list answered;
        size_t in_flight;   /* flying and next */
        struct pg_tx *next; /* its statements are being prepared; comes after all flying */
        struct pg_tx *part; /* the last of those flying, while it has no Sync yet */
        size_t part_sent;   /* statements of it */
        const struct pg_statement **asked; /* of next; each a segment of its own */
        size_t asked_count, asked_cap, asked_done;
        unsigned char known[SQL_COUNT + 1]; /* enum known, by id */
        struct named_statement *named;      /* those of pg_stmt_text() */
        size_t named_count;
};

static struct pg_tx *tx_of(struct list *l)
{
        return l ? CONTAINER_OF(l, struct pg_tx, link) : NULL;
}

static struct pg_tx *flying_first(const struct pg_pipe *p)
{
        return list_empty(&p->flying) ? NULL : tx_of(p->flying.next);
}

/* ---- the end of a connection ---- */

/* The first reason counts. Told at once by those who call fn anyway, else by the timer. */
static void set_broken(struct pg_pipe *p, const char *text)
{
        if (*p->broken)
                return;
        pg_reason(p->broken, *p->last_words ? p->last_words : text);
        event_del(p->readable);
        event_del(p->writable);
        loop_timer_start(p->soon, 0);
}

static void on_soon(void *arg)
{
        struct pg_pipe *p = arg;
        p->fn(p->arg);
}

static void note_last_words(struct pg_pipe *p, const PGresult *message)
{
        const char *text = PQresultErrorField(message, PG_DIAG_MESSAGE_PRIMARY);
        if (text && pg_notice_is_fatal(message))
                pg_reason(p->last_words, text);
}

/*
 * PostgreSQL's notices and warnings, and the FATAL message of one that stops while we are idle. When
 * the connection breaks, libpq forgets what it waits for and takes answers for notices: so one that
 * comes while something is under way says nothing about what was done before it.
 */
static void on_notice(void *arg, const PGresult *notice)
{
        struct pg_pipe *p = arg;
        pg_log_notice(NULL, notice);
        if (!p->in_flight)
                note_last_words(p, notice);
}

static void on_watch(void *arg)
{
        struct pg_pipe *p = arg;
        p->watching = false;
        if (!p->in_flight || *p->broken)
                return;
        int64_t left_ms = p->progress_ms + p->patience_ms - clock_mono_ms();
        if (left_ms > 0) {
                p->watching = true;
                loop_timer_start(p->watch, left_ms);
                return;
        }
        char text[PG_REASON_MAX];
        snprintf(text, sizeof(text), "PostgreSQL has not answered for %lld ms",
                 (long long)p->patience_ms);
        set_broken(p, text);
}

static void expect_progress(struct pg_pipe *p)
{
        if (p->in_flight == 1)
                p->progress_ms = clock_mono_ms();
        if (p->watching)
                return;
        p->watching = true;
        loop_timer_start(p->watch, p->patience_ms);
}

/* ---- which statements are prepared ---- */

static struct named_statement *find_named(const struct pg_pipe *p, const struct pg_statement *s)
{
        for (size_t i = 0; i < p->named_count; i++) {
                if (strcmp(p->named[i].name, s->name) == 0) {
                        assert(strcmp(p->named[i].text, s->text) == 0); /* one name, one text */
                        return &p->named[i];
                }
        }
        return NULL;
}

static enum known known_of(const struct pg_pipe *p, const struct pg_statement *s)
{
        if (s->once)
                return PREPARED;
        if (s->id >= 0)
                return p->known[s->id];
        const struct named_statement *n = find_named(p, s);
        return n ? n->known : UNKNOWN;
}

static void set_known(struct pg_pipe *p, const struct pg_statement *s, enum known known)
{
        if (s->id >= 0) {
                p->known[s->id] = (unsigned char)known;
                return;
        }
        struct named_statement *n = find_named(p, s);
        if (!n) {
                p->named = xreallocarray(p->named, p->named_count + 1, sizeof(*p->named));
                n = &p->named[p->named_count++];
                *n = (struct named_statement){.name = s->name, .text = s->text};
        }
        n->known = known;
}

bool pg_pipe_knows(const struct pg_pipe *p, enum sql_id id)
{
        return p->known[id] == PREPARED;
}

bool pg_pipe_knows_all(const struct pg_pipe *p, const struct pg_tx *tx)
{
        for (size_t i = 0; i < tx->count; i++) {
                if (known_of(p, &tx->statements[i]) != PREPARED)
                        return false;
        }
        return true;
}

/* ---- sending ---- */

#ifdef WAVEFLEET_FAULTS
void pg_fault_when_sent(struct pg_tx *tx, enum fault_point point)
{
        if (fault_armed(point))
                tx->fault = (int)point + 1;
}

static void pass_faults(struct pg_pipe *p)
{
        LIST_EACH(l, &p->flying)
        {
                int fault = tx_of(l)->fault;
                if (tx_of(l) == p->part)
                        return;
                tx_of(l)->fault = 0;
                if (fault && fault_due((enum fault_point)(fault - 1)))
                        fault_act((enum fault_point)(fault - 1));
        }
}
#else
static void pass_faults(struct pg_pipe *p)
{
        (void)p;
}
#endif

static void flush(struct pg_pipe *p)
{
        if (*p->broken)
                return;
        int left = PQflush(p->conn);
        if (left < 0) {
                set_broken(p, PQerrorMessage(p->conn));
                return;
        }
        if (left == 0)
                pass_faults(p);
        else
                FAULT_POINT(half_sent);
        if (p->blocked == (left > 0))
                return;
        p->blocked = left > 0;
        if (p->blocked)
                event_add(p->writable, NULL);
        else
                event_del(p->writable);
}

static bool send_statement(struct pg_pipe *p, const struct pg_tx *tx, const struct pg_statement *s)
{
        struct pg_args args;
        if (s->once)
                return PQsendQueryParams(p->conn, s->text, 0, NULL, NULL, NULL, NULL, 0);
        pg_tx_args(tx, s, &args);
        return PQsendQueryPrepared(p->conn, s->name, (int)s->params, args.values, args.lengths,
                                   args.formats, 0);
}

/* From the first-th on. False: it is broken. */
static bool send_statements(struct pg_pipe *p, const struct pg_tx *tx, size_t first)
{
        for (size_t i = first; i < tx->count; i++) {
                if (!send_statement(p, tx, &tx->statements[i])) {
                        set_broken(p, PQerrorMessage(p->conn));
                        return false;
                }
        }
        return true;
}

/* Without its Sync nothing of a transaction is done: it stays `next` when it cannot be sent. */
static void send_whole(struct pg_pipe *p)
{
        struct pg_tx *tx = p->next;
        if (!send_statements(p, tx, 0))
                return;
        p->next = NULL;
        list_push_back(&p->flying, &tx->link);
        if (!PQpipelineSync(p->conn))
                set_broken(p, PQerrorMessage(p->conn));
        flush(p);
}

static bool ask_for(struct pg_pipe *p, const struct pg_statement *s)
{
        if (known_of(p, s) != UNKNOWN)
                return true;
        if (p->asked_count == p->asked_cap) {
                p->asked_cap = p->asked_cap ? p->asked_cap * 2 : 4;
                p->asked = xreallocarray(p->asked, p->asked_cap, sizeof(*p->asked));
        }
        p->asked[p->asked_count++] = s;
        set_known(p, s, ASKED);
        return PQsendPrepare(p->conn, s->name, s->text, 0, NULL) && PQpipelineSync(p->conn);
}

static void prepare(struct pg_pipe *p)
{
        p->asked_count = p->asked_done = 0;
        for (size_t i = 0; i < p->next->count; i++) {
                if (!ask_for(p, &p->next->statements[i])) {
                        set_broken(p, PQerrorMessage(p->conn));
                        return;
                }
        }
        flush(p);
}

bool pg_pipe_takes(const struct pg_pipe *p)
{
        return !p->next && !p->part && !p->blocked && !p->stale && !*p->broken;
}

void pg_pipe_send(struct pg_pipe *p, struct pg_tx *tx)
{
        assert(pg_pipe_takes(p));
        p->next = tx;
        p->in_flight++;
        expect_progress(p);
        if (pg_pipe_knows_all(p, tx))
                send_whole(p);
        else
                prepare(p);
}

void pg_pipe_send_part(struct pg_pipe *p, struct pg_tx *tx)
{
        assert(pg_pipe_takes(p) && pg_pipe_knows_all(p, tx));
        p->part = tx;
        p->part_sent = tx->count;
        p->in_flight++;
        expect_progress(p);
        list_push_back(&p->flying, &tx->link);
        if (send_statements(p, tx, 0))
                flush(p);
}

/* It stays `part` when it cannot be sent, for the reason above. */
void pg_pipe_send_rest(struct pg_pipe *p)
{
        if (*p->broken)
                return;
        if (!buf_ok(&p->part->data)) {
                set_broken(p, "there is no memory for what was to go with what had been sent");
                return;
        }
        assert(pg_pipe_knows_all(p, p->part));
        if (!send_statements(p, p->part, p->part_sent))
                return;
        if (!PQpipelineSync(p->conn)) {
                set_broken(p, PQerrorMessage(p->conn));
                return;
        }
        p->part = NULL;
        flush(p);
}

struct pg_tx *pg_pipe_part(const struct pg_pipe *p)
{
        return p->part;
}

/* ---- answers ---- */

static void put_answered(struct pg_pipe *p, struct pg_tx *tx)
{
        list_push_back(&p->answered, &tx->link);
        p->in_flight--;
        if (tx->failure &&
            (pg_failure_is_stale(tx->failure) || pg_failure_is_read_only(tx->failure)))
                p->stale = true; /* read-only: another server may be the one by now */
        if (tx->data.len > LARGE_BYTES || tx->result_bytes > LARGE_BYTES)
                p->worn = true;
}

static bool is_good(const PGresult *result)
{
        ExecStatusType status = PQresultStatus(result);
        return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
               status == PGRES_EMPTY_QUERY;
}

/* The result of a statement of the first transaction. Its commit may fail too, after the last. */
static void on_statement(struct pg_pipe *p, struct pg_tx *tx, PGresult *result)
{
        if (is_good(result) && tx->answered < tx->count) {
                pg_tx_answer(tx, result);
                return;
        }
        if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
                struct pg_failure f;
                const char *name =
                        tx->answered < tx->count ? tx->statements[tx->answered].name : "commit";
                pg_failure_read(&f, result, name);
                note_last_words(p, result);
                if (!f.fatal || tx->answered < tx->count) /* else it may have been committed */
                        pg_tx_fail(tx, &f);
        } else if (PQresultStatus(result) != PGRES_PIPELINE_ABORTED) {
                set_broken(p, "an answer that is out of place");
        }
        PQclear(result);
}

static void on_prepared(struct pg_pipe *p, PGresult *result)
{
        const struct pg_statement *s = p->asked[p->asked_done];
        if (PQresultStatus(result) == PGRES_COMMAND_OK) {
                set_known(p, s, PREPARED);
        } else {
                struct pg_failure f;
                pg_failure_read(&f, result, s->name);
                note_last_words(p, result);
                pg_tx_fail(p->next, &f);
                set_known(p, s, UNKNOWN);
        }
        PQclear(result);
}

/* The end of a segment. */
static void on_sync(struct pg_pipe *p)
{
        struct pg_tx *tx = tx_of(list_pop_front(&p->flying));
        if (tx) {
                if (tx->outcome == PG_DONE && tx->answered != tx->count)
                        set_broken(p, "an answer that is out of place");
                put_answered(p, tx);
        } else if (++p->asked_done == p->asked_count) {
                p->asked_count = p->asked_done = 0;
                if (p->next->failure)
                        put_answered(p, take(p->next));
                else
                        send_whole(p);
        }
}

/* Of the first part of one, nothing but what was sent; and nothing where it has failed, before its Sync. */
static bool expects_answers(const struct pg_pipe *p)
{
        const struct pg_tx *tx = flying_first(p);
        if (tx && tx == p->part && (tx->answered == p->part_sent || tx->outcome == PG_FAILED))
                return false;
        return !*p->broken && (tx || p->asked_count);
}

/* libpq makes up a result when the connection is gone; PostgreSQL's own have a SQLSTATE. */
static bool is_made_up(const struct pg_pipe *p, const PGresult *result)
{
        return PQstatus(p->conn) == CONNECTION_BAD && PQresultStatus(result) == PGRES_FATAL_ERROR &&
               !PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

/* Each statement's result is followed by a NULL, a Sync's is not. */
static void take_answers(struct pg_pipe *p)
{
        unsigned nothing = 0;
        if (!expects_answers(p))
                PQisBusy(p->conn); /* notices */
        while (expects_answers(p) && !PQisBusy(p->conn)) {
                PGresult *result = PQgetResult(p->conn);
                if (!result) {
                        if (++nothing > 2)
                                set_broken(p, "libpq lost count of its answers");
                        continue;
                }
                nothing = 0;
                if (is_made_up(p, result)) {
                        set_broken(p, PQresultErrorMessage(result));
                        PQclear(result);
                } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
                        PQclear(result);
                        on_sync(p);
                } else if (!list_empty(&p->flying)) {
                        on_statement(p, flying_first(p), result);
                } else {
                        on_prepared(p, result);
                }
        }
}

/*
 * What was taken in before the connection broke still counts. Whether all was written by then is
 * unknown, as PQconsumeInput() writes too.
 */
static void receive(struct pg_pipe *p)
{
        p->progress_ms = clock_mono_ms();
        do {
                bool there = PQconsumeInput(p->conn);
                take_answers(p);
                if (!there) {
                        set_broken(p, PQerrorMessage(p->conn));
                        p->blocked = false;
                }
        } while (!*p->broken && pg_more_in_tls(p->conn));
        flush(p);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct pg_pipe *p = arg;
        receive(p);
        p->fn(p->arg);
}

/* libpq reads too while it cannot write: nobody else tells of what it read. */
static void on_writable(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct pg_pipe *p = arg;
        p->progress_ms = clock_mono_ms();
        flush(p);
        take_answers(p);
        p->fn(p->arg);
}

/* ---- for the owner ---- */

struct pg_pipe *pg_pipe_new(struct loop *l, PGconn *conn, int64_t patience_ms, loop_fn fn, void *arg)
{
        struct pg_pipe *p = xcalloc(1, sizeof(*p));
        p->loop = l;
        p->conn = conn;
        p->patience_ms = patience_ms;
        p->fn = fn;
        p->arg = arg;
        list_init(&p->flying);
        list_init(&p->answered);
        p->soon = loop_timer_new(l, on_soon, p);
        p->watch = loop_timer_new(l, on_watch, p);
        p->readable = event_new(loop_base(l), PQsocket(conn), EV_READ | EV_PERSIST, on_readable, p);
        p->writable =
                event_new(loop_base(l), PQsocket(conn), EV_WRITE | EV_PERSIST, on_writable, p);
        assert(p->readable && p->writable);
        event_add(p->readable, NULL);
        PQsetNoticeReceiver(conn, on_notice, p);
        if (PQsetnonblocking(conn, 1) != 0 || !PQenterPipelineMode(conn))
                set_broken(p, PQerrorMessage(conn));
        return p;
}

void pg_pipe_free(struct pg_pipe *p)
{
        if (!p)
                return;
        assert(list_empty(&p->flying) && list_empty(&p->answered) && !p->next);
        event_free(p->readable);
        event_free(p->writable);
        loop_timer_free(p->soon);
        loop_timer_free(p->watch);
        PQfinish(p->conn);
        free(p->asked);
        free(p->named);
        free(p);
}

void pg_pipe_forget(struct pg_pipe *p)
{
        if (p)
                pg_detach(p->conn);
}

size_t pg_pipe_in_flight(const struct pg_pipe *p)
{
        return p->in_flight;
}

int64_t pg_pipe_oldest_us(struct pg_pipe *p)
{
        int64_t oldest = p->next ? p->next->taken_us : INT64_MAX;
        LIST_EACH(l, &p->flying)
        {
                if (tx_of(l)->taken_us < oldest)
                        oldest = tx_of(l)->taken_us;
        }
        return oldest;
}

struct pg_tx *pg_pipe_answered(struct pg_pipe *p)
{
        return tx_of(list_pop_front(&p->answered));
}

const char *pg_pipe_broken(const struct pg_pipe *p)
{
        return *p->broken ? p->broken : NULL;
}

/*
 * A statement that failed has taken its transaction with it, whatever came after. What stands behind
 * PostgreSQL's last words was never read by it, and what is not wholly out of our buffer has no Sync.
 */
struct pg_tx *pg_pipe_abandoned(struct pg_pipe *p)
{
        struct pg_tx *tx = tx_of(list_pop_front(&p->flying));
        if (tx) {
                bool last = list_empty(&p->flying) && !p->next;
                bool unsent = tx == p->part || (p->blocked && last);
                bool begun = tx->answered > 0 || !*p->last_words;
                if (tx->outcome != PG_FAILED)
                        tx->outcome = begun && !unsent ? PG_LOST : PG_UNDONE;
        } else {
                tx = take(p->next);
                if (tx && tx->outcome != PG_FAILED)
                        tx->outcome = PG_UNDONE;
        }
        p->in_flight -= tx ? 1 : 0;
        return tx;
}

bool pg_pipe_stale(const struct pg_pipe *p)
{
        return p->stale;
}

bool pg_pipe_worn(const struct pg_pipe *p)
{
        return p->worn;
}

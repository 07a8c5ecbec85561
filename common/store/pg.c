/*
 * pg.c - one connection that is always wanted: opening it again and again, what waits for it, trying
 * again what was rolled back for a conflict, and the callbacks.
 *
 * A transaction is in one of these rows: parted (its first part could not be sent at once, its rest is to
 * come), waiting (not given to the pipe), in the pipe, resting (rolled back for a conflict, to be sent again),
 * finished (its callback is due). Callbacks are made in one place, run_callbacks(), and pg_free() may be
 * called in them: the struct then stays until the outermost of our functions is done with it.
 */
#include "store/pg.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "store/pg_dial.h"
#include "store/pg_inside.h"
#include "store/pg_pipe.h"

enum {
        TRIES_MAX = 5,
        REST_MIN_MS = 5,
        REST_SPREAD_MS = 45,
        ANSWER_GRACE_MS = 5000, /* beyond statement_timeout */
        STEADY_MS = 1000,       /* up for so long: the next attempt is the first one again */
        TROUBLE_QUIET_MS = 30000,
};
/* PostgreSQL is used again within two seconds of its return, and is not stormed while it recovers. */
static const struct backoff reconnect = {.base_ms = 100, .cap_ms = 2000, .factor = 2};

struct pg {
        struct loop *loop;
        char *name;
        struct pg_voice own_voice, *voice;
        struct pg_params *params; /* NULL: the URL is no good, and it will never be up */
        void (*on_change)(bool up, void *arg);
        void *arg;
        void (*on_session)(struct pg *pg, void *arg);
        void *session_arg;
        struct pg_dial *dial;
        struct pg_pipe *pipe;
        bool up;             /* as on_change was told; stays so while it is opened anew */
        bool asleep;         /* on demand, and not needed yet */
        bool opening;        /* for the first time, or because the server is known to be there */
        bool tell;           /* on_change is due */
        int64_t patience_ms; /* 0: by the time-out of queries */
        unsigned attempts;   /* to connect, in a row */
        int64_t up_since_ms;
        int64_t used_ms;
        char reason[PG_REASON_MAX]; /* why it is not up, or was not the last time */
        struct list parted, waiting, resting, finished;
        size_t waiting_count, resting_count;
        struct loop_timer *again; /* the next attempt to connect */
        struct loop_timer *rest;  /* the next of `resting` */
        struct loop_timer *soon;  /* run_callbacks */
        unsigned busy;            /* functions that will still look at this struct */
        bool freed;
};

static void on_again(void *arg);
static void on_rest(void *arg);
static void on_soon(void *arg);
static void on_pipe(void *arg);

static struct pg_tx *tx_of(struct list *l)
{
        return l ? CONTAINER_OF(l, struct pg_tx, link) : NULL;
}

/* ---- callbacks ---- */

static const char *result_name(const struct pg_tx *tx)
{
        static const char *const names[] = {
                [PG_DONE] = "ok", [PG_FAILED] = "failed", [PG_UNDONE] = "unavailable", [PG_LOST] = "lost"};
        if (tx->outcome == PG_FAILED && strncmp(tx->failure->sqlstate, "WF", 2) == 0)
                return "refused";
        return names[tx->outcome];
}

/* Without where the server is: that stands in the log, and clients have no business with it. */
static const char *without_address(const char *reason)
{
        static const char begin[] = "connection to server ", end[] = " failed: ";
        const char *at = strstr(reason, end);
        return at && strncmp(reason, begin, sizeof(begin) - 1) == 0 ? at + sizeof(end) - 1 : reason;
}

static void describe(const struct pg *pg, const struct pg_tx *tx, struct err *e)
{
        if (tx->outcome == PG_FAILED)
                *e = tx->failure->err;
        else if (tx->outcome == PG_LOST)
                err_set(e, ERR_LOST, "the connection to PostgreSQL broke before the answer: %s",
                        pg->reason);
        else
                err_set(e, ERR_UNAVAILABLE, "could not reach PostgreSQL: %s",
                        without_address(pg->reason));
}

static void call_back(struct pg *pg, struct pg_tx *tx)
{
        metric_add(METRIC_PG_TRANSACTIONS, 1, result_name(tx), NULL);
        if (tx->outcome == PG_DONE) {
                const struct pg_result r = {.results = tx->results, .count = tx->answered};
                metric_observe(METRIC_PG_SECONDS, (double)(clock_mono_us() - tx->taken_us) / 1e6,
                               NULL);
                tx->fn(&r, NULL, tx->arg);
        } else {
                struct err e = ERR_INIT;
                describe(pg, tx, &e);
                pg_failure_show_sqlstate(tx->failure ? tx->failure->sqlstate : NULL);
                tx->fn(NULL, &e, tx->arg);
                pg_failure_show_sqlstate(NULL);
        }
        pg_tx_free(tx);
}

static void finish(struct pg *pg, struct pg_tx *tx)
{
        tx->parted = false;
        list_push_back(&pg->finished, &tx->link);
}

static void destroy(struct pg *pg)
{
        free(pg->name);
        free(pg);
}

/* The caller does not look at pg afterwards. */
static void run_callbacks(struct pg *pg)
{
        pg->busy++;
        if (pg->tell) {
                pg->tell = false;
                if (pg->on_change && !pg->freed)
                        pg->on_change(pg->up, pg->arg);
        }
        struct pg_tx *tx;
        while ((tx = tx_of(list_pop_front(&pg->finished))))
                call_back(pg, tx);
        if (--pg->busy == 0 && pg->freed)
                destroy(pg);
}

static void on_soon(void *arg)
{
        run_callbacks(arg);
}

/* ---- from row to row ---- */

static void pump(struct pg *pg)
{
        while (pg->pipe && !list_empty(&pg->waiting) && pg_pipe_takes(pg->pipe)) {
                pg->waiting_count--;
                pg_pipe_send(pg->pipe, tx_of(list_pop_front(&pg->waiting)));
        }
}

/* Gives up what has not been sent. */
static void finish_unsent(struct pg *pg)
{
        struct pg_tx *tx;
        list_splice(&pg->resting, &pg->parted);
        list_splice(&pg->resting, &pg->waiting);
        while ((tx = tx_of(list_pop_front(&pg->resting)))) {
                tx->outcome = PG_UNDONE;
                finish(pg, tx);
        }
        pg->waiting_count = pg->resting_count = 0;
        loop_timer_stop(pg->rest);
}

static void roll_back_part(struct pg *pg, struct pg_tx *tx)
{
        pg_stmt_text(tx, "undo", "ROLLBACK");
        tx->statements[tx->count - 1].once = true;
        tx->parted = false;
        pg_pipe_send_rest(pg->pipe);
}

/* The part of one that is to come after another which goes again, as PostgreSQL has rolled it back. */
static void undo_part(struct pg *pg)
{
        static const struct pg_failure before = {
                .set = true,
                .err = {.code = ERR_UNAVAILABLE, .text = "what was sent before it goes again"}};
        struct pg_tx *tx = pg_pipe_part(pg->pipe);
        if (!tx)
                return;
        pg_tx_fail(tx, &before);
        roll_back_part(pg, tx);
}

/* A conflict: the same again after a random wait, so that the two do not meet again. */
static void lay_to_rest(struct pg *pg, struct pg_tx *tx)
{
        metric_add(METRIC_PG_TRANSACTIONS, 1, "retried", NULL);
        pg_tx_rewind(tx);
        tx->tries++;
        int64_t rest_ms = REST_MIN_MS + rand_below(REST_SPREAD_MS + 1);
        tx->due_ms = clock_mono_ms() + rest_ms;
        list_push_back(&pg->resting, &tx->link);
        if (pg->resting_count++ == 0)
                loop_timer_start(pg->rest, rest_ms);
        undo_part(pg);
}

/* Those that are due go first: they are the oldest. */
static void on_rest(void *arg)
{
        struct pg *pg = arg;
        int64_t now_ms = clock_mono_ms(), next_ms = REST_MIN_MS + REST_SPREAD_MS;
        struct list due;
        list_init(&due);
        LIST_EACH(l, &pg->resting)
        {
                struct pg_tx *tx = tx_of(l);
                if (tx->due_ms <= now_ms) {
                        list_remove(l);
                        list_push_back(&due, l);
                        pg->resting_count--;
                        pg->waiting_count++;
                } else if (tx->due_ms - now_ms < next_ms) {
                        next_ms = tx->due_ms - now_ms;
                }
        }
        list_splice(&due, &pg->waiting);
        list_splice(&pg->waiting, &due);
        if (pg->resting_count)
                loop_timer_start(pg->rest, next_ms);
        pump(pg);
}

/* Said once in a while: every transaction meets it. */
static void note_trouble(struct pg *pg, const struct pg_failure *f)
{
        const char *trouble = pg_failure_trouble(f);
        struct pg_voice *v = pg->voice;
        if (!trouble)
                return;
        int64_t now_ms = clock_mono_ms();
        if (v->trouble != trouble || now_ms - v->trouble_ms > TROUBLE_QUIET_MS)
                log_warn("postgres.trouble", LS("name", pg->name), LE(&f->err));
        v->trouble = trouble;
        v->trouble_ms = now_ms;
}

static void take_answered(struct pg *pg)
{
        struct pg_tx *tx;
        while ((tx = pg_pipe_answered(pg->pipe))) {
                bool again = tx->failure && (pg_failure_is_conflict(tx->failure) ||
                                             pg_failure_is_stale(tx->failure));
                if (tx->failure)
                        note_trouble(pg, tx->failure);
                if (again && tx->tries < TRIES_MAX)
                        lay_to_rest(pg, tx);
                else
                        finish(pg, tx);
        }
}

/* ---- up and down ---- */

static void say_down(struct pg *pg)
{
        struct pg_voice *v = pg->voice;
        if (v->up || (!v->said_up && strcmp(v->said, pg->reason) == 0))
                return;
        v->said_up = false;
        memcpy(v->said, pg->reason, sizeof(v->said));
        log_warn("postgres.down", LS("name", pg->name), LS("reason", pg->reason));
}

static void set_up(struct pg *pg, bool up)
{
        struct pg_voice *v = pg->voice;
        pg->tell = pg->tell || pg->up != up;
        v->up += pg->up ? (up ? 0 : -1U) : up;
        pg->up = up;
        if (!up)
                say_down(pg);
        else if (!v->said_up)
                log_info("postgres.up", LS("name", pg->name));
        v->said_up = v->up > 0;
}

/* What its owner has to say on a new session goes first. */
static void greet(struct pg *pg)
{
        struct list held;
        if (!pg->on_session)
                return;
        list_init(&held);
        list_splice(&held, &pg->waiting);
        pg->on_session(pg, pg->session_arg);
        list_splice(&pg->waiting, &held);
}

static void dial(struct pg *pg);

static void on_dialled(PGconn *conn, const char *reason, void *arg)
{
        struct pg *pg = arg;
        pg->dial = NULL;
        pg->opening = false;
        metric_add(METRIC_PG_CONNECTS, 1, conn ? "ok" : "failed", NULL);
        if (!conn) {
                snprintf(pg->reason, sizeof(pg->reason), "%s", reason);
                set_up(pg, false);
                finish_unsent(pg);
                loop_timer_start(pg->again, backoff_wait(&reconnect, pg->attempts, rand_u64()));
        } else {
                pg->up_since_ms = pg->used_ms = clock_mono_ms();
                int64_t usual_ms = pg_params_query_timeout_ms(pg->params) + ANSWER_GRACE_MS;
                pg->pipe = pg_pipe_new(pg->loop, conn, pg->patience_ms ? pg->patience_ms : usual_ms,
                                       on_pipe, pg);
                set_up(pg, true);
                greet(pg);
                pump(pg);
        }
        run_callbacks(pg);
}

static void dial(struct pg *pg)
{
        pg->attempts++;
        pg->dial = pg_dial_start(pg->loop, pg->params, on_dialled, pg);
}

static void on_again(void *arg)
{
        dial(arg);
}

static void lose(struct pg *pg)
{
        struct pg_tx *tx;
        snprintf(pg->reason, sizeof(pg->reason), "%s", pg_pipe_broken(pg->pipe));
        while ((tx = pg_pipe_abandoned(pg->pipe)))
                finish(pg, tx);
        pg_pipe_free(take(pg->pipe));
        finish_unsent(pg);
        set_up(pg, false);
        if (clock_mono_ms() - pg->up_since_ms >= STEADY_MS)
                pg->attempts = 0;
        loop_timer_start(pg->again,
                         pg->attempts ? backoff_wait(&reconnect, pg->attempts, rand_u64()) : 0);
}

/* Nobody is told: what comes meanwhile waits. */
static void open_anew(struct pg *pg)
{
        pg_pipe_free(take(pg->pipe));
        pg->attempts = 0;
        dial(pg);
}

/* Something happened in the pipe. */
static void on_pipe(void *arg)
{
        struct pg *pg = arg;
        pg->used_ms = clock_mono_ms();
        take_answered(pg);
        if (pg_pipe_broken(pg->pipe)) {
                lose(pg);
        } else if (pg_pipe_in_flight(pg->pipe) == 0 &&
                   (pg_pipe_stale(pg->pipe) || (pg_pipe_worn(pg->pipe) && !pg_in_flight(pg)))) {
                open_anew(pg);
        } else {
                pump(pg);
        }
        run_callbacks(pg);
}

/* ---- for the owner ---- */

static void wake(struct pg *pg)
{
        if (!pg->asleep)
                return;
        pg->asleep = false;
        pg->opening = true;
        dial(pg);
}

struct pg *pg_new_member(struct loop *l, const struct pg_opts *opts, struct pg_voice *voice,
                         void (*on_change)(bool up, void *arg), void *arg)
{
        struct pg *pg = xcalloc(1, sizeof(*pg));
        struct err e = ERR_INIT;
        pg->loop = l;
        pg->name = xstrdup(opts->name ? opts->name : "wavefleet");
        pg->voice = voice ? voice : &pg->own_voice;
        pg->patience_ms = opts->patience_ms;
        pg->on_change = on_change;
        pg->arg = arg;
        list_init(&pg->parted);
        list_init(&pg->waiting);
        list_init(&pg->resting);
        list_init(&pg->finished);
        pg->again = loop_timer_new(l, on_again, pg);
        pg->rest = loop_timer_new(l, on_rest, pg);
        pg->soon = loop_timer_new(l, on_soon, pg);
        pg->params = pg_params_new(opts, &e);
        if (pg->params) {
                snprintf(pg->reason, sizeof(pg->reason), "not connected yet");
                pg->asleep = true;
                if (!opts->on_demand)
                        wake(pg);
        } else {
                pg_reason(pg->reason, e.text);
                say_down(pg);
        }
        return pg;
}

struct pg *pg_new(struct loop *l, const struct pg_opts *opts, void (*on_change)(bool up, void *arg),
                  void *arg)
{
        return pg_new_member(l, opts, NULL, on_change, arg);
}

static void abandon_pipe(struct pg *pg)
{
        struct pg_tx *tx;
        if (!pg->pipe)
                return;
        while ((tx = pg_pipe_answered(pg->pipe)))
                finish(pg, tx);
        while ((tx = pg_pipe_abandoned(pg->pipe)))
                finish(pg, tx);
        pg_pipe_free(take(pg->pipe));
}

void pg_free(struct pg *pg)
{
        if (!pg || pg->freed)
                return;
        pg->busy++;
        pg->freed = true;
        pg->asleep = pg->opening = false;
        if (pg->up) {
                snprintf(pg->reason, sizeof(pg->reason), "this program closes its connections");
                pg->voice->up--;
                pg->up = false;
        }
        abandon_pipe(pg);
        finish_unsent(pg);
        pg_dial_cancel(take(pg->dial));
        pg_params_free(take(pg->params));
        loop_timer_free(take(pg->again));
        loop_timer_free(take(pg->rest));
        loop_timer_free(take(pg->soon));
        pg->busy--;
        run_callbacks(pg);
}

void pg_forget(struct pg *pg)
{
        pg_pipe_forget(pg->pipe);
        pg_dial_forget(pg->dial);
}

bool pg_up(const struct pg *pg)
{
        return pg->up;
}

bool pg_takes(const struct pg *pg)
{
        return pg->up || pg->asleep || pg->opening;
}

void pg_hurry(struct pg *pg)
{
        if (!pg->params || pg->pipe || pg->asleep)
                return;
        pg->opening = true;
        if (!pg->dial)
                loop_timer_start(pg->again, 0);
}

static void finish_soon(struct pg *pg, struct pg_tx *tx)
{
        finish(pg, tx);
        if (pg->soon) /* else pg_free() is at it */
                loop_timer_start(pg->soon, 0);
}

/* Whether all its parameters are there; else it is finished. */
static bool is_sound(struct pg *pg, struct pg_tx *tx)
{
        struct pg_failure f = {.set = true};
        if (buf_check(&tx->data, "the transaction's parameters", &f.err) == 0)
                return true;
        pg_tx_fail(tx, &f);
        finish_soon(pg, tx);
        return false;
}

/* False: it cannot be sent, and is finished. */
static bool take_on(struct pg *pg, struct pg_tx *tx, pg_fn fn, void *arg)
{
        tx->fn = fn;
        tx->arg = arg;
        tx->taken_us = clock_mono_us();
        if (!is_sound(pg, tx))
                return false;
        wake(pg);
        if (pg->up || pg->opening)
                return true;
        tx->outcome = PG_UNDONE;
        finish_soon(pg, tx);
        return false;
}

static void line_up(struct pg *pg, struct pg_tx *tx)
{
        list_push_back(&pg->waiting, &tx->link);
        pg->waiting_count++;
        pump(pg);
}

void pg_send(struct pg *pg, struct pg_tx *tx, pg_fn fn, void *arg)
{
        if (take_on(pg, tx, fn, arg))
                line_up(pg, tx);
}

void pg_send_part(struct pg *pg, struct pg_tx *tx, pg_fn fn, void *arg)
{
        if (!take_on(pg, tx, fn, arg))
                return;
        tx->parted = true;
        if (pg->pipe && list_empty(&pg->waiting) && pg_pipe_takes(pg->pipe) &&
            pg_pipe_knows_all(pg->pipe, tx))
                pg_pipe_send_part(pg->pipe, tx);
        else
                list_push_back(&pg->parted, &tx->link);
}

void pg_send_rest(struct pg *pg, struct pg_tx *tx)
{
        if (!tx->parted) /* its callback is due */
                return;
        tx->parted = false;
        if (pg->pipe && pg_pipe_part(pg->pipe) == tx) {
                pg_pipe_send_rest(pg->pipe);
                pump(pg);
                return;
        }
        list_remove(&tx->link);
        if (is_sound(pg, tx))
                line_up(pg, tx);
}

void pg_send_undo(struct pg *pg, struct pg_tx *tx)
{
        if (!tx->parted) /* its callback is due */
                return;
        if (pg->pipe && pg_pipe_part(pg->pipe) == tx) {
                roll_back_part(pg, tx);
                pump(pg);
                return;
        }
        list_remove(&tx->link);
        finish_soon(pg, tx);
}

bool pg_knows(const struct pg *pg, enum sql_id id)
{
        return pg->pipe && pg_pipe_knows(pg->pipe, id);
}

size_t pg_in_flight(const struct pg *pg)
{
        return pg->waiting_count + pg->resting_count + (pg->pipe ? pg_pipe_in_flight(pg->pipe) : 0);
}

void pg_on_session(struct pg *pg, void (*fn)(struct pg *pg, void *arg), void *arg)
{
        pg->on_session = fn;
        pg->session_arg = arg;
}

/* ---- for the pool ---- */

bool pg_ready(const struct pg *pg)
{
        return pg->pipe && !pg_pipe_broken(pg->pipe) && !pg_pipe_stale(pg->pipe);
}

bool pg_dialling(const struct pg *pg)
{
        return pg->dial != NULL;
}

int64_t pg_used_ms(const struct pg *pg)
{
        return pg->used_ms;
}

static int64_t oldest_of(struct list *row, int64_t oldest_us)
{
        LIST_EACH(l, row)
        {
                if (tx_of(l)->taken_us < oldest_us)
                        oldest_us = tx_of(l)->taken_us;
        }
        return oldest_us;
}

int64_t pg_oldest_ms(struct pg *pg)
{
        int64_t oldest_us = pg->pipe ? pg_pipe_oldest_us(pg->pipe) : INT64_MAX;
        oldest_us = oldest_of(&pg->waiting, oldest_us);
        oldest_us = oldest_of(&pg->resting, oldest_us);
        if (oldest_us == INT64_MAX)
                return 0;
        int64_t age_ms = (clock_mono_us() - oldest_us) / 1000;
        return age_ms > 0 ? age_ms : 1;
}

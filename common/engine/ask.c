/*
 * ask.c - questions that a body asks while it runs. Each names the attempt, so that a body whose attempt is over
 * gets no. Those that come with every start of a migration go together: one transaction under way, the next
 * ones gather. The others are one transaction each, or one call to Redis.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "engine/worker_internal.h"

enum { RATE_MAX_WAIT_MS = 5000 };

struct question {
        struct list link;
        engine_answer_fn fn;
        void *arg;
        size_t statement; /* whose rows are the answer */
        bool yes;         /* the answer is yes whatever it returns */
};

struct asks {
        struct engine_worker *w;
        struct pg_tx *next; /* of those who wait; NULL: nobody does */
        struct list waiting, sent;
        bool busy;
};

struct asks *asks_new(struct engine_worker *w)
{
        struct asks *a = xcalloc(1, sizeof(*a));

        a->w = w;
        list_init(&a->waiting);
        list_init(&a->sent);
        return a;
}

void asks_free(struct asks *a)
{
        if (!a)
                return;
        assert(!a->busy && !a->next);
        free(a);
}

static void answer(struct question *q, const struct pg_result *r, const struct err *e)
{
        q->fn(e ? NULL : q->yes || pg_rows(r, q->statement) > 0 ? "1" : "0", e, q->arg);
        free(q);
}

static void answered(const struct pg_result *r, const struct err *e, void *arg)
{
        answer(arg, r, e);
}

/* ---- together ---- */

static void all_answered(const struct pg_result *r, const struct err *e, void *arg);

static void send_next(struct asks *a)
{
        if (a->busy || !a->next)
                return;
        a->busy = true;
        list_splice(&a->sent, &a->waiting);
        pg_send(a->w->stream_pg, take(a->next), all_answered, a);
}

static void all_answered(const struct pg_result *r, const struct err *e, void *arg)
{
        struct asks *a = arg;
        struct list *l;

        while ((l = list_pop_front(&a->sent)))
                answer(CONTAINER_OF(l, struct question, link), r, e);
        a->busy = false;
        send_next(a);
}

static struct pg_tx *next_tx(struct asks *a)
{
        if (!a->next)
                a->next = pg_tx_new();
        return a->next;
}

/* ---- one by one ---- */

static void rated(int64_t n, const struct err *e, void *arg)
{
        struct question *q = arg;
        char text[32];

        snprintf(text, sizeof(text), "%lld", (long long)n);
        q->fn(e ? NULL : text, e, q->arg);
        free(q);
}

static void add_statement(struct pg_tx *tx, enum sql_id sql, const char *text, int64_t id,
                          int32_t attempt)
{
        pg_stmt(tx, sql);
        if (text)
                pg_arg_text(tx, text);
        pg_arg_int(tx, id);
        pg_arg_int(tx, attempt);
}

static struct pg_tx *statement(enum sql_id sql, const char *text, int64_t id, int32_t attempt)
{
        struct pg_tx *tx = pg_tx_new();

        add_statement(tx, sql, text, id, attempt);
        return tx;
}

static void add_target(struct pg_tx *tx, int64_t id, int32_t attempt, int64_t target)
{
        pg_stmt(tx, SQL_TARGET_LOCK);
        pg_arg_int(tx, id);
        pg_arg_int(tx, target);
        add_statement(tx, SQL_TARGET_SET, NULL, id, attempt);
        pg_arg_int(tx, target);
}

static void add_memo(struct pg_tx *tx, int64_t id, int32_t attempt, const char *json)
{
        add_statement(tx, SQL_MEMO_SET, NULL, id, attempt);
        pg_arg_text(tx, json);
}

static struct pg_tx *workspace_tx(int64_t id, const char *workspace, const char *name)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_WORKSPACE_SET);
        pg_arg_int(tx, id);
        pg_arg_text(tx, workspace);
        pg_arg_text(tx, name);
        return tx;
}

/* The last statement that is added is the one whose rows are the answer. */
static void ask_together(struct asks *a, struct question *q, int64_t id, int32_t attempt,
                         const char *op, const char *arg)
{
        struct pg_tx *tx = next_tx(a);

        if (!strcmp(op, "target"))
                add_target(tx, id, attempt, strtoll(arg, NULL, 10));
        else
                add_memo(tx, id, attempt, arg);
        q->statement = pg_tx_statements(tx) - 1;
        list_init(&q->link);
        list_push_back(&a->waiting, &q->link);
        send_next(a);
}

void engine_worker_ask(struct engine_worker *w, int64_t id, int32_t attempt, const char *op,
                       const char *arg1, const char *arg2, engine_answer_fn fn, void *arg)
{
        struct question *q = xcalloc(1, sizeof(*q));
        struct pg_tx *tx;

        q->fn = fn;
        q->arg = arg;
        if (!strcmp(op, "rate")) {
                broker_rate(w->broker, arg1, w->cfg->remote_rate_per_s, RATE_MAX_WAIT_MS, rated, q);
                return;
        }
        if (!strcmp(op, "target") || !strcmp(op, "memo")) {
                ask_together(w->asks, q, id, attempt, op, arg1);
                return;
        }
        if (!strcmp(op, "lock")) {
                tx = statement(SQL_LOCK_TAKE, arg1, id, attempt);
        } else if (!strcmp(op, "unlock")) {
                tx = statement(SQL_LOCK_DROP, arg1, id, attempt);
                q->yes = true;
        } else if (!strcmp(op, "workspace")) {
                tx = workspace_tx(id, arg1, arg2);
                q->yes = true;
        } else {
                struct err e = ERR_INIT;
                err_set(&e, ERR_INTERNAL, "a body asked \"%s\", which is no question", op);
                fn(NULL, &e, arg);
                free(q);
                return;
        }
        pg_send(w->stream_pg, tx, answered, q);
}

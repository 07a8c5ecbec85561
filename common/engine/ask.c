/*
 * ask.c - questions that a body asks while it runs. Each is one transaction (or one call to Redis) that
 * names the attempt, so that a body whose attempt is over gets no.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/worker_internal.h"

enum { RATE_MAX_WAIT_MS = 5000 };

struct question {
        engine_answer_fn fn;
        void *arg;
        size_t statement; /* whose rows are the answer */
        bool yes;         /* the answer is yes whatever it returns */
};

static void answered(const struct pg_result *r, const struct err *e, void *arg)
{
        struct question *q = arg;

        q->fn(e ? NULL : q->yes || pg_rows(r, q->statement) > 0 ? "1" : "0", e, q->arg);
        free(q);
}

static void rated(int64_t n, const struct err *e, void *arg)
{
        struct question *q = arg;
        char text[32];

        snprintf(text, sizeof(text), "%lld", (long long)n);
        q->fn(e ? NULL : text, e, q->arg);
        free(q);
}

static struct pg_tx *statement(enum sql_id sql, const char *text, int64_t id, int32_t attempt)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, sql);
        if (text)
                pg_arg_text(tx, text);
        pg_arg_int(tx, id);
        pg_arg_int(tx, attempt);
        return tx;
}

static struct pg_tx *target_tx(int64_t id, int32_t attempt, int64_t target)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_TARGET_LOCK);
        pg_arg_int(tx, id);
        pg_arg_int(tx, target);
        pg_stmt(tx, SQL_TARGET_SET);
        pg_arg_int(tx, id);
        pg_arg_int(tx, attempt);
        pg_arg_int(tx, target);
        return tx;
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

static struct pg_tx *memo_tx(int64_t id, int32_t attempt, const char *json)
{
        struct pg_tx *tx = statement(SQL_MEMO_SET, NULL, id, attempt);

        pg_arg_text(tx, json);
        return tx;
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
        if (!strcmp(op, "lock")) {
                tx = statement(SQL_LOCK_TAKE, arg1, id, attempt);
        } else if (!strcmp(op, "unlock")) {
                tx = statement(SQL_LOCK_DROP, arg1, id, attempt);
                q->yes = true;
        } else if (!strcmp(op, "target")) {
                tx = target_tx(id, attempt, strtoll(arg1, NULL, 10));
                q->statement = 1;
        } else if (!strcmp(op, "workspace")) {
                tx = workspace_tx(id, arg1, arg2);
                q->yes = true;
        } else if (!strcmp(op, "memo")) {
                tx = memo_tx(id, attempt, arg1);
        } else {
                struct err e = ERR_INIT;
                err_set(&e, ERR_INTERNAL, "a body asked \"%s\", which is no question", op);
                fn(NULL, &e, arg);
                free(q);
                return;
        }
        pg_send(w->stream_pg, tx, answered, q);
}

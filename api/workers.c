/* workers.c - workers: who they are and what they do, and draining one of them. */
#include <stdlib.h>
#include <string.h>

#include "api/act.h"
#include "api/app.h"
#include "api/reply.h"
#include "api/routes.h"
#include "base/fault.h"
#include "base/log.h"
#include "engine/publish.h"

enum {
        ID_DIGITS = 18,
        RUNS_LISTED = 100, /* of each worker in the list; a worker may claim thousands ahead */
        RUNS_SHOWN = 1000,
};

void workers_list(struct request *rq)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_FLEET_WORKERS);
        pg_arg_int(tx, RUNS_LISTED);
        reply_list(rq, tx);
}

static int64_t worker_id(const struct request *rq)
{
        const char *text = request_param(rq, "id");
        size_t len = strspn(text, "0123456789");
        return len && len <= ID_DIGITS && !text[len] ? strtoll(text, NULL, 10) : 0;
}

static void no_worker(struct request *rq)
{
        respond_errorf(rq, ERR_NOT_FOUND, "there is no worker \"%s\"", request_param(rq, "id"));
}

static void shown(const struct pg_result *r, const struct err *e, void *arg)
{
        if (e)
                respond_error(arg, e);
        else if (pg_rows(r, 0) == 0)
                no_worker(arg);
        else
                respond_data(arg, 200, pg_text(r, 0, 0, 0), -1, NULL);
}

void worker_show(struct request *rq)
{
        if (!worker_id(rq)) {
                no_worker(rq);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WORKER_SHOW);
        pg_arg_int(tx, worker_id(rq));
        pg_arg_int(tx, RUNS_SHOWN);
        pg_pool_send(request_app(rq)->pg, tx, shown, rq);
}

/* ---- draining ---- */

/* The request stands in PostgreSQL; the message only hurries the worker. */
static void drain_asked(const struct pg_result *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        if (e) {
                respond_error(rq, e);
                return;
        }
        log_info("worker.act", LS("act", "drain"), LI("worker", worker_id(rq)),
                 LB("changed", pg_bool(r, 0, 0, 1)), LS("by", request_principal(rq)),
                 LS("request_id", request_id(rq)));
        FAULT_POINT(drain_noted);
        engine_hurry_drain(request_app(rq)->engine, worker_id(rq));
        publish_worker(request_app(rq)->broker, worker_id(rq), NEWS_DRAINING);
        respond_data(rq, 200, pg_text(r, 0, 0, 0), -1,
                     pg_bool(r, 0, 0, 1)
                             ? "it claims no more, and leaves when its bodies have ended"
                             : "it drains already");
}

void worker_drain(struct request *rq)
{
        if (act_read(rq, NULL, 0, NULL) < 0)
                return;
        if (!worker_id(rq)) {
                no_worker(rq);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WORKER_DRAIN);
        pg_arg_int(tx, worker_id(rq));
        pg_arg_text(tx, request_principal(rq));
        pg_pool_send(request_app(rq)->pg, tx, drain_asked, rq);
}

/*
 * wave_control.c - pausing, resuming and stopping a wave. An act that is in effect already answers 200 and
 * says so; one that is impossible answers 409 and names the state.
 */
#include <string.h>

#include "api/app.h"
#include "api/routes.h"
#include "engine/engine.h"
#include "model/wave_id.h"

static struct pg_tx *act_on(struct request *rq, enum sql_id act)
{
        const char *id = request_param(rq, "id");
        struct pg_tx *tx;

        if (!wave_id_ok(id)) {
                respond_errorf(rq, ERR_NOT_FOUND, "there is no wave \"%s\"", id);
                return NULL;
        }
        tx = pg_tx_new();
        pg_stmt(tx, SQL_ACT_LOCK_WAVE);
        pg_arg_text(tx, id);
        pg_stmt(tx, act);
        pg_arg_text(tx, id);
        return tx;
}

static void acted(const char *data, int64_t touched, const struct err *e, void *arg)
{
        struct request *rq = arg;

        (void)touched;
        if (e)
                respond_error(rq, e);
        else
                respond_data(rq, 200, data, -1, NULL);
}

static void act_simply(struct request *rq, enum sql_id act)
{
        struct pg_tx *tx = act_on(rq, act);

        if (!tx)
                return;
        pg_arg_text(tx, request_principal(rq));
        engine_act(request_app(rq)->engine, tx, acted, rq);
}

void waves_pause(struct request *rq)
{
        act_simply(rq, SQL_ACT_PAUSE);
}

void waves_resume(struct request *rq)
{
        act_simply(rq, SQL_ACT_RESUME);
}

/* The rows say what is asked; the message only hurries the workers. */
static void hurry(struct request *rq, const char *data)
{
        struct json *v = json_parse(data, strlen(data), NULL);
        const struct json *w = json_first(json_get(v, "workers"));
        int64_t id;

        for (; w; w = json_next(w))
                if (json_int(w, &id) == 0)
                        engine_hurry(request_app(rq)->engine, id, 0);
        json_free(v);
}

static void stopped(const char *data, int64_t touched, const struct err *e, void *arg)
{
        if (!e)
                hurry(arg, data);
        acted(data, touched, e, arg);
}

void waves_stop(struct request *rq)
{
        struct pg_tx *tx = act_on(rq, SQL_ACT_STOP);

        if (!tx)
                return;
        pg_arg_int(tx, engine_shard(request_app(rq)->engine));
        pg_arg_text(tx, request_principal(rq));
        engine_act(request_app(rq)->engine, tx, stopped, rq);
}

/*
 * wave_control.c - pausing, resuming and stopping a wave. An act that is in effect already answers 200 and
 * says so; one that is impossible answers 409 and names the state.
 */
#include <string.h>

#include "api/app.h"
#include "api/routes.h"
#include "api/wave_acts.h"
#include "engine/engine.h"
#include "model/wave_id.h"

static bool known(struct request *rq)
{
        const char *id = request_param(rq, "id");

        if (wave_id_ok(id))
                return true;
        respond_errorf(rq, ERR_NOT_FOUND, "there is no wave \"%s\"", id);
        return false;
}

static void act_simply(struct request *rq, enum sql_id act)
{
        struct pg_tx *tx;

        if (!known(rq))
                return;
        tx = wave_act_on(rq, act);
        pg_arg_text(tx, request_principal(rq));
        engine_act(request_app(rq)->engine, tx, wave_acted, rq);
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
        wave_acted(data, touched, e, arg);
}

void waves_stop(struct request *rq)
{
        struct pg_tx *tx;

        if (!known(rq))
                return;
        tx = wave_act_on(rq, SQL_ACT_STOP);
        pg_arg_int(tx, engine_shard(request_app(rq)->engine));
        pg_arg_text(tx, request_principal(rq));
        engine_act(request_app(rq)->engine, tx, stopped, rq);
}

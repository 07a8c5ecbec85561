/*
 * wave_control.c - pausing, resuming, stopping and changing a wave. An act that is in effect already answers
 * 200 and says so; one that is impossible answers 409 and names the state.
 */
#include <string.h>

#include "api/act.h"
#include "api/app.h"
#include "api/routes.h"
#include "api/wave_acts.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/steering.h"
#include "engine/submission.h"

void waves_pause(struct request *rq)
{
        struct pg_tx *tx;

        if (!wave_named(rq) || act_read(rq, NULL, 0, NULL) < 0)
                return;
        tx = wave_act_on(rq, SQL_ACT_PAUSE);
        pg_arg_text(tx, request_principal(rq));
        engine_act(request_app(rq)->engine, tx, wave_acted, rq);
}

/* What waited behind a canary may go into Redis. */
void waves_resume(struct request *rq)
{
        struct pg_tx *tx;

        if (!wave_named(rq) || act_read(rq, NULL, 0, NULL) < 0)
                return;
        tx = wave_act_on(rq, SQL_ACT_RESUME);
        pg_arg_text(tx, request_principal(rq));
        engine_act_many(request_app(rq)->engine, tx, wave_acted, rq);
}

static void stopped(const char *data, int64_t touched, const struct err *e, void *arg)
{
        if (!e)
                engine_hurry_all(request_app(arg)->engine, data);
        wave_acted(data, touched, e, arg);
}

void waves_stop(struct request *rq)
{
        struct pg_tx *tx;

        if (!wave_named(rq) || act_read(rq, NULL, 0, NULL) < 0)
                return;
        tx = wave_act_on(rq, SQL_ACT_STOP);
        pg_arg_int(tx, engine_shard(request_app(rq)->engine));
        pg_arg_text(tx, request_principal(rq));
        engine_act_all(request_app(rq)->engine, tx, stopped, rq);
}

/* ---- changing its settings ---- */

struct change {
        const char *name;
        int64_t batch_size, priority, max_attempts, timeout_s;
        bool has_batch_size, has_priority, has_max_attempts, has_timeout;
        const struct json *max_failures, *start_at, *deadline_at;
};

#define FIELD(name_, want_, min_, max_, member, present_)                                          \
        {                                                                                          \
                .name = (name_), .want = (want_), .min = (min_), .max = (max_),                    \
                .offset = offsetof(struct change, member), .present = (present_)                   \
        }
#define HAS(member) (int)offsetof(struct change, member)

static const struct json_field change_fields[] = {
        FIELD("name", WANT_STRING, 1, 4 * WAVE_NAME_MAX, name, NO_PRESENT),
        FIELD("batch_size", WANT_INT, 1, 10000, batch_size, HAS(has_batch_size)),
        FIELD("priority", WANT_INT, 0, PRIORITY_MAX, priority, HAS(has_priority)),
        FIELD("max_attempts", WANT_INT, 1, 1000, max_attempts, HAS(has_max_attempts)),
        FIELD("timeout_seconds", WANT_INT, 0, WAVE_TIMEOUT_MAX_S, timeout_s, HAS(has_timeout)),
        FIELD("max_failures", WANT_ANY, 0, 0, max_failures, NO_PRESENT),
        FIELD("start_at", WANT_ANY, 0, 0, start_at, NO_PRESENT),
        FIELD("deadline_at", WANT_ANY, 0, 0, deadline_at, NO_PRESENT),
};

static void add_time(struct json_out *o, const char *name, const char *pointer,
                     const struct json *v, struct request *rq)
{
        const char *text = NULL;

        if (!v)
                return;
        steering_read_time(v, pointer, request_arena(rq), request_mistakes(rq), &text);
        json_out_str(o, name, text);
}

static void add_limit(struct json_out *o, const struct json *v, struct request *rq)
{
        int64_t count = 0;
        double percent = 0;

        if (!v)
                return;
        steering_read_limit(v, "#/max_failures", request_mistakes(rq), &count, &percent);
        if (count)
                json_out_int(o, "max_failures", count);
        else
                json_out_null(o, "max_failures");
        if (percent > 0)
                json_out_double(o, "max_failures_percent", percent);
}

static void add_number(struct json_out *o, const char *name, bool has, int64_t value)
{
        if (has)
                json_out_int(o, name, value);
}

/* The body as act_change takes it. */
static void print_change(struct request *rq, const struct change *c, struct buf *out)
{
        struct json_out o;

        json_out_init(&o, out);
        json_out_object(&o, NULL);
        if (c->name) {
                wave_name_check(c->name, "#/name", request_mistakes(rq));
                json_out_str(&o, "name", c->name);
        }
        add_number(&o, "batch_size", c->has_batch_size, c->batch_size);
        add_number(&o, "priority", c->has_priority, c->priority);
        add_number(&o, "max_attempts", c->has_max_attempts, c->max_attempts);
        add_number(&o, "timeout_ms", c->has_timeout, c->timeout_s * 1000);
        add_limit(&o, c->max_failures, rq);
        add_time(&o, "start_at", "#/start_at", c->start_at, rq);
        add_time(&o, "deadline_at", "#/deadline_at", c->deadline_at, rq);
        json_out_object_end(&o);
}

void waves_change(struct request *rq)
{
        struct change c = {0};
        struct err e = ERR_INIT;
        autobuf text = BUF_INIT(SIZE_MAX);
        const struct json *body;
        struct pg_tx *tx;

        if (!wave_named(rq) || !(body = request_json(rq)))
                return;
        json_read(body, change_fields, COUNT_OF(change_fields), &c, "#", request_mistakes(rq));
        print_change(rq, &c, &text);
        if (mistakes_check(request_mistakes(rq), &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        tx = wave_act_on(rq, SQL_ACT_CHANGE);
        pg_arg_text(tx, request_principal(rq));
        pg_arg_text(tx, buf_str(&text));
        engine_act(request_app(rq)->engine, tx, wave_acted, rq);
}

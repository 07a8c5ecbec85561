/*
 * wave_submit.c - POST /api/waves. Redis must be there too, although nothing is put into it before the
 * commit: who is told that a wave was taken may expect it to begin.
 */
#include <string.h>

#include "api/app.h"
#include "api/health.h"
#include "api/routes.h"
#include "api/submit.h"
#include "api/submit_line.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/submission_tx.h"
#include "model/state.h"

enum { CREATED = 201 };

/* Lives in the request's arena, so nothing of it is there after the answer. */
struct submit {
        struct request *rq;
        struct idempotency key;
        struct submission s;
        const char *answer;
        int64_t begun_us;
};

/* ---- shared with the child ---- */

const char *submit_answer(const struct submission *s, struct arena *a)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        json_out_str(&o, "wave_id", s->wave_id);
        if (s->workspace_id)
                json_out_int(&o, "workspace_id", s->workspace_id);
        else
                json_out_null(&o, "workspace_id");
        json_out_str(&o, "workspace_name", s->workspace_name);
        json_out_str(&o, "status", wave_status(s->steering.planned ? WAVE_READY : WAVE_RUNNING));
        json_out_object_end(&o);
        return arena_strndup(a, buf_str(&text), text.len);
}

/* ---- in the loop ---- */

static void submit_failed(struct submit *t, const struct err *e)
{
        submission_fini(&t->s);
        if (t->key.given && e->code == ERR_IN_PROGRESS)
                idempotency_find(t->rq, &t->key, true, NULL, NULL);
        else
                respond_error(t->rq, e);
}

/* Redis hears of it before the client does, and at once unless more waves come. */
static void submit_done(struct submit *t, const struct submitted *w, bool more)
{
        struct app *app = request_app(t->rq);
        FAULT_POINT(submit_committed);
        engine_enqueue(app->engine, w);
        if (!more)
                broker_flush(app->broker);
        FAULT_POINT_AFTER(submit_enqueued, broker_fault_flush(app->broker));
        metric_add(METRIC_WAVES_SUBMITTED, 1, NULL);
        metric_add(METRIC_MIGRATIONS_SUBMITTED, (double)t->s.count, NULL);
        log_info("wave.submitted", LS("wave", t->s.wave_id), LI("total", t->s.count),
                 LS("request_id", request_id(t->rq)),
                 LI("ms", (clock_mono_us() - t->begun_us) / 1000));
        submission_fini(&t->s);
        respond_data(t->rq, CREATED, t->answer, -1, NULL);
        FAULT_POINT(submit_answered);
}

static void on_line(const struct submitted *w, bool more, const struct err *e, void *arg)
{
        struct submit *t = arg;
        if (e)
                submit_failed(t, e);
        else
                submit_done(t, w, more);
}

static void on_submitted(const struct pg_result *r, const struct err *e, void *arg)
{
        struct submit *t = arg;
        struct submitted w;
        if (e) {
                submit_failed(t, e);
                return;
        }
        submission_read_wave(r, idempotency_statements(&t->key), &t->s, &w);
        submit_done(t, &w, false);
}

void submit_send(struct pg_pool *pool, struct pg_tx *tx, pg_fn fn, void *arg)
{
        PG_FAULT_SENT(tx, submit_sent);
        pg_pool_send(pool, tx, fn, arg);
}

/* With what belongs into the same transaction. */
static void submit_alone(struct submit *t)
{
        struct pg_tx *tx = pg_tx_new();
        idempotency_add(tx, &t->key, CREATED, t->answer);
        submission_add_wave(tx, &t->s);
        submission_add_migrations(tx, &t->s);
        submission_add_dependencies(tx, &t->s);
        submit_send(request_app(t->rq)->pg, tx, on_submitted, t);
}

static void submit_here(struct submit *t)
{
        struct request *rq = t->rq;
        struct err e = ERR_INIT;
        size_t len;
        const char *text = request_body(rq, &len);
        if (submission_read(&t->s, text, len, request_app(rq)->config, request_mistakes(rq), &e) <
            0) {
                submission_fini(&t->s);
                respond_error(rq, &e);
                return;
        }
        t->s.created_by = request_principal(rq);
        t->s.traceparent = request_traceparent(rq);
        t->answer = submit_answer(&t->s, request_arena(rq));
        FAULT_POINT(submit_read);
        if (!t->key.given && submission_is_plain(&t->s))
                submit_line_add(request_app(rq)->submit_line, &t->s, on_line, t);
        else
                submit_alone(t);
}

static void submit_go(void *arg)
{
        struct submit *t = arg;
        if (request_spool(t->rq) < 0)
                submit_here(t);
        else
                submit_children_take(t->rq, &t->key);
}

void waves_submit(struct request *rq)
{
        struct app *app = request_app(rq);
        struct idempotency key;
        struct err e = ERR_INIT;
        const char *problem = health_problem(app);
        if (problem) {
                respond_errorf(rq, ERR_UNAVAILABLE, "the wave was not taken: %s", problem);
                return;
        }
        if (idempotency_read(rq, &key, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct submit *t = ARENA_NEW(request_arena(rq), struct submit);
        t->rq = rq;
        t->key = key;
        t->begun_us = clock_mono_us();
        if (key.given)
                idempotency_find(rq, &t->key, false, submit_go, t);
        else
                submit_go(t);
}

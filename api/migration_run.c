/*
 * migration_run.c - POST /api/migrations/run: one project, in a wave of its own. What is not its name
 * and target are parameters of its start.
 */
#include <string.h>

#include "api/app.h"
#include "api/health.h"
#include "api/routes.h"
#include "api/submit.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/submission_tx.h"
#include "model/kind_remote.h"

enum { CREATED = 201 };

CLEANUP_DEFINE(json, struct json *, json_free)

struct run_body {
        const char *project;
        int64_t target;
};

static const struct json_field fields[] = {
        {.name = "mb_project_uuid",
         .want = WANT_STRING,
         .required = true,
         .min = 1,
         .max = PROJECT_NAME_MAX,
         .offset = offsetof(struct run_body, project),
         .present = NO_PRESENT},
        {.name = "brz_project_id",
         .want = WANT_INT_OR_TEXT,
         .required = true,
         .min = 1,
         .max = JSON_INT_MAX,
         .offset = offsetof(struct run_body, target),
         .present = NO_PRESENT},
};

struct run {
        struct request *rq;
        struct idempotency key;
        struct submission s;
        struct submission_project project;
        const char *answer;
};

/* ---- reading ---- */

static bool is_field(const char *name)
{
        for (size_t i = 0; i < COUNT_OF(fields); i++) {
                if (strcmp(name, fields[i].name) == 0)
                        return true;
        }
        return false;
}

/* Members of the body, `own` ones or the others, as an object of its own. */
static struct json *part(const struct json *body, bool own)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        for (const struct json *i = json_first(body); i; i = json_next(i)) {
                if (is_field(json_name(i)) == own)
                        json_out_value(&o, json_name(i), i);
        }
        json_out_object_end(&o);
        return json_parse(buf_str(&text), text.len, NULL);
}

/* As names of waves' projects are: without spaces around. */
static const char *trimmed(struct arena *a, const char *s)
{
        static const char spaces[] = " \t\r\n\v\f";
        s += strspn(s, spaces);
        size_t len = strlen(s);
        while (len && strchr(spaces, s[len - 1]))
                len--;
        return arena_try_strndup(a, s, len);
}

static const char *wave_name(struct arena *a, const char *project)
{
        const char *name = arena_printf(a, "run %s", project);
        size_t len = 0;
        for (int n = 0; name[len] && n < WAVE_NAME_MAX; n++)
                len += utf8_step(name + len, strlen(name + len));
        return arena_strndup(a, name, len);
}

static int read_body(struct run *r, struct err *e)
{
        struct request *rq = r->rq;
        struct arena *a = request_arena(rq);
        struct mistakes *m = request_mistakes(rq);
        const struct json *body = request_json(rq);
        struct run_body b = {0};
        if (!body)
                return -1;
        struct json *own cleanup(json_cleanup) = part(body, true);
        struct json *params cleanup(json_cleanup) = part(body, false);
        if (!own || !params)
                return err_set(e, ERR_UNAVAILABLE, "could not hold the body: out of memory");
        json_read(own, fields, COUNT_OF(fields), &b, "#", m);
        kind_remote_check_project(params, "#", m);
        const char *name = b.project ? trimmed(a, b.project) : "";
        if (!name)
                return arena_check(a, "the body", e);
        if (b.project && !*name)
                mistake_add(m, ERR_INVALID, "#/mb_project_uuid", "must not be blank");
        if (mistakes_check(m, e) < 0)
                return -1;
        r->project = (struct submission_project){.name = name, .target = b.target};
        return json_first(params)
                       ? params_seal(params, request_app(rq)->config, a, &r->project.params, e)
                       : 0;
}

static void fill_wave(struct run *r)
{
        const struct config *cfg = request_app(r->rq)->config;
        r->s = (struct submission){
                .name = wave_name(request_arena(r->rq), r->project.name),
                .kind = "remote",
                .queue = "default",
                .params = "{}",
                .batch_size = 1,
                .max_attempts = cfg->retry_max_attempts,
                .timeout_ms = cfg->timeout_ms,
                .projects = &r->project,
                .count = 1,
                .created_by = request_principal(r->rq),
                .traceparent = request_traceparent(r->rq),
        };
        wave_id_new(r->s.wave_id);
}

static const char *answer_of(const struct run *r)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        json_out_int(&o, "id", r->project.target);
        json_out_str(&o, "mb_project_uuid", r->project.name);
        json_out_int(&o, "brz_project_id", r->project.target);
        json_out_str(&o, "wave_id", r->s.wave_id);
        json_out_str(&o, "status", "pending");
        json_out_object_end(&o);
        return arena_strndup(request_arena(r->rq), buf_str(&text), text.len);
}

/* ---- submitting ---- */

static void on_submitted(const struct pg_result *res, const struct err *e, void *arg)
{
        struct run *r = arg;
        struct app *app = request_app(r->rq);
        size_t at = idempotency_statements(&r->key);
        if (e && r->key.given && e->code == ERR_IN_PROGRESS) {
                idempotency_find(r->rq, &r->key, true, NULL, NULL);
                return;
        }
        if (e) {
                respond_error(r->rq, e);
                return;
        }
        struct submitted w;
        FAULT_POINT(run_committed);
        submission_read_wave(res, at, &r->s, &w);
        engine_enqueue(app->engine, &w);
        broker_flush(app->broker); /* Redis hears of it before the client does */
        metric_add(METRIC_WAVES_SUBMITTED, 1, NULL);
        metric_add(METRIC_MIGRATIONS_SUBMITTED, 1, NULL);
        log_info("migration.run", LS("wave", r->s.wave_id), LS("request_id", request_id(r->rq)));
        respond_data(r->rq, CREATED, r->answer, -1, NULL);
}

static void submit(void *arg)
{
        struct run *r = arg;
        struct err e = ERR_INIT;
        if (read_body(r, &e) < 0) {
                if (e.code != ERR_OK)
                        respond_error(r->rq, &e);
                return;
        }
        fill_wave(r);
        r->answer = answer_of(r);
        struct pg_tx *tx = pg_tx_new();
        idempotency_add(tx, &r->key, CREATED, r->answer);
        submission_add_wave(tx, &r->s);
        pg_stmt(tx, SQL_SUBMIT_MIGRATIONS);
        pg_arg_text(tx, r->s.wave_id);
        pg_arg_texts(tx, &r->project.name, 1);
        pg_arg_int8s(tx, &r->project.target, 1);
        pg_arg_texts(tx, &r->project.params, r->project.params ? 1 : 0);
        pg_pool_send(request_app(r->rq)->pg, tx, on_submitted, r);
}

void migrations_run(struct request *rq)
{
        struct app *app = request_app(rq);
        struct err e = ERR_INIT;
        struct run *r = ARENA_NEW(request_arena(rq), struct run);
        r->rq = rq;
        const char *problem = health_problem(app);
        if (problem) {
                respond_errorf(rq, ERR_UNAVAILABLE, "the migration was not taken: %s", problem);
                return;
        }
        if (idempotency_read(rq, &r->key, &e) < 0)
                respond_error(rq, &e);
        else if (r->key.given)
                idempotency_find(rq, &r->key, false, submit, r);
        else
                submit(r);
}

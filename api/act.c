/* act.c - see the header. */
#include "api/act.h"

#include <stdlib.h>
#include <string.h>

#include "api/app.h"
#include "base/log.h"
#include "base/mem.h"

CLEANUP_DEFINE(json, struct json *, json_free)

int act_read(struct request *rq, const struct json_field *fields, size_t n, void *out)
{
        struct err e = ERR_INIT;
        const struct json *body = request_json(rq);
        if (!body)
                return -1;
        json_read(body, fields, n, out, "#", request_mistakes(rq));
        if (mistakes_check(request_mistakes(rq), &e) == 0)
                return 0;
        respond_error(rq, &e);
        return -1;
}

static int64_t id_of(const struct act *a, const struct json *data)
{
        const char *ref = json_str(json_get(data, "ref"));
        return a->id || !ref || *ref != 'm' ? a->id : strtoll(ref + 1, NULL, 10);
}

void act_answer(const char *data, int64_t touched, const struct err *e, void *arg)
{
        const struct act *a = arg;
        struct app *app = request_app(a->rq);
        int64_t worker = 0;
        (void)touched;
        if (e) {
                respond_error(a->rq, e);
                return;
        }
        struct json *v cleanup(json_cleanup) = json_parse(data, strlen(data), NULL);
        if (!v || json_type_of(v) != JSON_OBJECT) {
                respond_errorf(a->rq, ERR_NOT_FOUND, "there is no migration \"%s\"",
                               request_param(a->rq, "id"));
                return;
        }
        bool asked = json_int(json_get(v, "worker_id"), &worker) == 0 && worker;
        int64_t id = id_of(a, v);
        if (asked)
                engine_hurry(app->engine, worker, id);
        log_info("migration.act", LS("act", a->name), LI("id", id),
                 LS("by", request_principal(a->rq)), LS("request_id", request_id(a->rq)));
        respond_data(a->rq, asked ? 202 : 200, data, -1, json_str(json_get(v, "message")));
}

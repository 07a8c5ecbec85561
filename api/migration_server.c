/* migration_server.c - is the migration server there, and can it reach us? */
#include <string.h>

#include "api/app.h"
#include "api/routes.h"
#include "api/upstream.h"
#include "model/remote_answer.h"

/* data is what it answers; anything but a 2xx is a failure of that server. */
static void on_reply(const struct upstream_reply *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        struct arena *a = request_arena(rq);
        if (e) {
                respond_error(rq, e);
                return;
        }
        const char *data = remote_result_json(r->body, r->len, a);
        if (r->status >= 200 && r->status < 300) {
                respond_data(rq, 200, data, -1, NULL);
                return;
        }
        struct err bad = ERR_INIT;
        const char *words = remote_error_text(r->body, r->len, a);
        err_set(&bad, ERR_UPSTREAM, "the migration server answers %d%s%s", r->status,
                words ? ": " : "", words ? words : "");
        respond_error(rq, &bad);
}

void migration_server_health(struct request *rq)
{
        upstream_health(request_app(rq)->upstream, on_reply, rq);
}

void migration_server_handshake(struct request *rq)
{
        struct app *app = request_app(rq);
        const char *ours =
                arena_printf(request_arena(rq), "%s/api/webhooks/test-connection", app->public_url);
        upstream_handshake(app->upstream, ours, on_reply, rq);
}

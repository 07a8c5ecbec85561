/* health.c - the calls of orchestrators. */
#include "api/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/app.h"
#include "base/clock.h"
#include "base/mem.h"

enum { PING_MS = 2000, FRESH_MS = 3 * PING_MS };

struct health {
        struct app *app;
        struct loop_timer *timer;
        bool asking;
        bool freed;          /* the answer frees it */
        int64_t answered_ms; /* at first: when it began */
};

/* ---- PostgreSQL is asked now and then ---- */

static void on_pong(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)r;
        struct health *h = arg;
        h->asking = false;
        if (h->freed) {
                free(h);
                return;
        }
        if (!e)
                h->answered_ms = clock_mono_ms();
}

static void ping(void *arg)
{
        struct health *h = arg;
        if (h->asking || !pg_pool_up(h->app->pg))
                return;
        h->asking = true;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_PING);
        pg_pool_send(h->app->pg, tx, on_pong, h);
}

struct health *health_new(struct app *app)
{
        struct health *h = xcalloc(1, sizeof(*h));
        h->app = app;
        h->answered_ms = clock_mono_ms();
        h->timer = loop_timer_new(app->loop, ping, h);
        loop_timer_every(h->timer, PING_MS);
        return h;
}

void health_free(struct health *h)
{
        if (!h)
                return;
        loop_timer_free(h->timer);
        h->freed = true;
        if (!h->asking)
                free(h);
}

/* ---- what is there ---- */

struct finding {
        bool postgres, schema, redis;
        char data[256]; /* JSON */
};

static bool postgres_answers(const struct app *app)
{
        return pg_pool_up(app->pg) && clock_mono_ms() - app->health->answered_ms < FRESH_MS;
}

static bool redis_answers(const struct app *app)
{
        return broker_up(app->broker) &&
               broker_oldest_ms(app->broker) < app->config->redis_timeout_ms;
}

static struct finding look(const struct app *app)
{
        struct finding f = {.postgres = postgres_answers(app),
                            .schema = app->schema_ready,
                            .redis = redis_answers(app)};
        const char *postgres = !f.postgres ? "away" : f.schema ? "ok" : "no schema yet";
        snprintf(f.data, sizeof(f.data),
                 "{\"status\":\"%s\",\"postgres\":\"%s\",\"redis\":\"%s\",\"version\":\"%s\"}",
                 f.postgres && f.schema && f.redis ? "ok" : "degraded", postgres,
                 f.redis ? "ok" : "away", WAVEFLEET_VERSION);
        return f;
}

static void answer(struct request *rq)
{
        struct app *app = request_app(rq);
        struct finding f = look(app);
        struct err e = ERR_INIT;
        if (!f.postgres)
                err_set(&e, ERR_UNAVAILABLE, "PostgreSQL does not answer%s",
                        f.redis ? "" : ", nor does Redis");
        else if (!f.schema)
                err_set(&e, ERR_UNAVAILABLE, "the schema of the database is not there yet");
        else if (!f.redis)
                err_set(&e, ERR_UNAVAILABLE, "Redis does not answer");
        if (e.code == ERR_OK)
                respond_data(rq, 200, f.data, -1, NULL);
        else
                respond_error_data(rq, &e, f.data);
}

/* ---- the calls ---- */

void health_show(struct request *rq)
{
        answer(rq);
}

void health_live(struct request *rq)
{
        respond_data(rq, 200, "{\"status\":\"ok\"}", -1, NULL);
}

/* Not ready either once it has been told to stop. */
void health_ready(struct request *rq)
{
        if (server_stopping(request_app(rq)->server))
                respond_errorf(rq, ERR_UNAVAILABLE, "the server is stopping");
        else
                answer(rq);
}

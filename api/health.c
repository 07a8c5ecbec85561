/* health.c - the calls of orchestrators. */
#include "api/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/app.h"
#include "api/costly.h"
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
        if (!e || (e->code != ERR_UNAVAILABLE && e->code != ERR_LOST))
                h->answered_ms = clock_mono_ms(); /* if only that there is no schema */
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

/* A sentence for each that lacks something. */
struct finding {
        const char *postgres, *redis; /* NULL: nothing */
        const char *postgres_state, *redis_state;
        char data[256]; /* JSON */
};

static void look_at_postgres(const struct app *app, struct finding *f)
{
        bool up = pg_pool_up(app->pg);
        f->postgres_state = up ? "in trouble" : "away";
        f->postgres = pg_pool_trouble(app->pg);
        if (f->postgres)
                return;
        if (clock_mono_ms() - app->health->answered_ms >= FRESH_MS) {
                f->postgres_state = "away";
                f->postgres = "PostgreSQL does not answer";
        } else if (!app->schema_ready) {
                f->postgres_state = "no schema yet";
                f->postgres = "the schema of the database is not there yet";
        } else if (!costly_ready(app->costly)) {
                f->postgres_state = "no connection yet";
                f->postgres = "the connections for reports are not there yet";
        } else {
                f->postgres_state = "ok";
        }
}

static void look_at_redis(const struct app *app, struct finding *f)
{
        f->redis = broker_trouble(app->broker);
        f->redis_state = !f->redis ? "ok" : broker_up(app->broker) ? "in trouble" : "away";
        if (!f->redis && broker_oldest_ms(app->broker) >= app->config->redis_timeout_ms) {
                f->redis = "Redis does not answer";
                f->redis_state = "away";
        }
}

const char *health_problem(const struct app *app)
{
        const char *redis = broker_trouble(app->broker);
        return !redis && !pg_pool_up(app->pg) ? pg_pool_trouble(app->pg) : redis;
}

static struct finding look(const struct app *app)
{
        struct finding f = {0};
        look_at_postgres(app, &f);
        look_at_redis(app, &f);
        snprintf(f.data, sizeof(f.data),
                 "{\"status\":\"%s\",\"postgres\":\"%s\",\"redis\":\"%s\",\"version\":\"%s\"}",
                 f.postgres || f.redis ? "degraded" : "ok", f.postgres_state, f.redis_state,
                 WAVEFLEET_VERSION);
        return f;
}

static void answer(struct request *rq)
{
        struct app *app = request_app(rq);
        struct finding f = look(app);
        struct err e = ERR_INIT;
        if (f.postgres || f.redis)
                err_set(&e, ERR_UNAVAILABLE, "%s%s%s", f.postgres ? f.postgres : "",
                        f.postgres && f.redis ? "; " : "", f.redis ? f.redis : "");
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

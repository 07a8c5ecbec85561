/* app.c - making the parts and ending them. */
#include "api/app.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/events/events.h"
#include "api/people/hashing.h"
#include "api/costly.h"
#include "api/dashboard.h"
#include "api/people/hashing.h"
#include "api/health.h"
#include "api/doctor/neighbour.h"
#include "api/statuses.h"
#include "api/submit.h"
#include "api/submit_line.h"
#include "api/upstream.h"
#include "api/webhook_batch.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/url.h"

enum { OTHER_DESCRIPTORS = 256 }; /* PostgreSQL, Redis, children, bodies in files */

struct pg_opts app_pg_opts(const struct config *config)
{
        return (struct pg_opts){.url = config->database_url,
                                .name = "wavefleet-api",
                                .connect_timeout_ms = config->database_connect_timeout_ms,
                                .query_timeout_ms = config->database_query_timeout_ms};
}

/* ---- the schema ---- */

static void on_schema(void *arg)
{
        struct app *app = arg;
        app->schema_ready = true;
}

static void on_postgres(bool up, void *arg)
{
        struct app *app = arg;
        if (up && app->engine)
                engine_hurry_connections(app->engine);
}

static void on_other_redis(void *arg)
{
        const struct app *app = arg;
        events_other_server(app->events);
}

/* gate.admit */
static int admit(struct app *app, const struct route *r, struct err *e)
{
        if (app->schema_ready || strncmp(r->path, "/api/", 5) != 0 || r->handler == health_show)
                return 0;
        return err_set(e, ERR_UNAVAILABLE,
                       "the database is not ready: its schema could not be looked at yet");
}

/* ---- the server ---- */

/* One descriptor a connection: as many as the system lets us have. */
static size_t raise_descriptors(size_t connections)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return connections;
        rlim_t want = connections + OTHER_DESCRIPTORS;
        if (limit.rlim_cur < want) {
                limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
                setrlimit(RLIMIT_NOFILE, &limit);
                getrlimit(RLIMIT_NOFILE, &limit);
        }
        if (limit.rlim_cur >= want)
                return connections;
        size_t fewer = limit.rlim_cur > 2 * OTHER_DESCRIPTORS ? limit.rlim_cur - OTHER_DESCRIPTORS
                                                              : limit.rlim_cur / 2;
        log_warn("api.few_descriptors", LI("limit", limit.rlim_cur), LI("connections", fewer));
        return fewer;
}

static int start_server(struct app *app, struct err *e)
{
        const struct config *cfg = app->config;
        const struct server_opts opts = {
                .listen = cfg->listen,
                .app = app,
                .auth = app->auth,
                .gate = {.routes = routes,
                         .routes_count = routes_count,
                         .pages = &dashboard_route,
                         .body_max = (uint64_t)cfg->http_body_bytes,
                         .wave_body_max = (uint64_t)cfg->http_wave_body_bytes,
                         .admit = admit},
                .header_max = (size_t)cfg->http_header_bytes,
                .header_timeout_ms = cfg->http_header_timeout_ms,
                .body_timeout_ms = cfg->http_body_timeout_ms,
                .idle_timeout_ms = cfg->http_idle_timeout_ms,
                .connections_max = raise_descriptors((size_t)cfg->http_connections),
                .connections_per_address_max = (size_t)cfg->http_connections_address,
                .spool_dir = cfg->http_spool,
        };
        app->server = server_new(app->loop, &opts, e);
        if (!app->server)
                return -1;
        log_info("api.listening", LS("address", server_address(app->server)),
                 LS("version", WAVEFLEET_VERSION));
        return 0;
}

static void note_public_url(struct app *app)
{
        const char *url = app->config->public_url;
        app->public_url = *url ? xstrdup(url) : xasprintf("http://%s", server_address(app->server));
        size_t len = strlen(app->public_url);
        while (len && app->public_url[len - 1] == '/')
                app->public_url[--len] = '\0';
        if (!*url && (strstr(app->public_url, "//0.0.0.0:") || strstr(app->public_url, "//[::]:")))
                log_warn("api.public_url", LS("url", app->public_url),
                         LS("reason", "http.public_url is not set: webhooks sent to an address "
                                      "that stands for any will not arrive"));
}

/* ---- the whole ---- */

static int check_redis_url(const char *url, struct err *e)
{
        struct redis_url parsed;
        if (redis_url_parse(url, &parsed, e) < 0)
                return err_wrap(e, "redis.url");
        redis_url_fini(&parsed);
        return 0;
}

int app_start(struct app *app, const struct config *config, struct loop *l, struct err *e)
{
        *app = (struct app){.config = config, .loop = l};
        if (check_redis_url(config->redis_url, e) < 0)
                return -1;
        if (dashboard_load(config, &app->dashboard, e) < 0)
                return -1;
        if (submit_children_start(app) < 0) /* before any connection is there */
                return err_set(e, ERR_UNAVAILABLE, "could not start the processes that load waves");
        struct pg_opts pg = app_pg_opts(config);
        app->pg = pg_pool_new(l, &pg, (size_t)config->database_pool, on_postgres, app);
        app->auth = auth_new(config->api_token, config->session_idle_ms, app->pg);
        app->hashing = hashing_new(l);
        app->statuses = statuses_new(app->pg);
        struct pg_opts reports = pg;
        reports.name = "wavefleet-api reports";
        app->costly = costly_new(pg_pool_new(l, &reports, COSTLY_AT_ONCE, NULL, NULL));
        app->submit_line = submit_line_new(app->pg);
        app->webhooks = webhook_batches_new(l, app->pg);
        if (start_server(app, e) < 0)
                return -1;
        note_public_url(app);
        const struct broker_opts redis = {
                .url = config->redis_url,
                .prefix = config->redis_prefix,
                .timeout_ms = config->redis_timeout_ms,
                .events_length = config->monitoring_real_time ? config->events_length : 0};
        const struct broker_events changes = {.on_other_server = on_other_redis, .arg = app};
        app->broker = broker_new(l, &redis, &changes);
        app->events = events_new(app);
        app->engine = engine_new(l, config, app->broker);
        app->upstream = upstream_new(l, config, app->broker);
        app->neighbour = neighbour_new(
                l, app->upstream, xasprintf("%s/api/webhooks/test-connection", app->public_url));
        app->health = health_new(app);
        app->schema = schema_start(l, &pg, true, on_schema, app);
        return 0;
}

void app_stop(struct app *app, void (*fn)(void *arg), void *arg)
{
        server_stop(app->server, fn, arg);
}

/* The server first: what handlers still hold is answered, to nobody, when pool and broker go. */
void app_free(struct app *app)
{
        server_free(app->server);
        schema_job_free(app->schema);
        health_free(app->health);
        upstream_free(app->upstream);
        neighbour_free(app->neighbour);
        submit_children_stop(app);
        engine_stop(app->engine);
        webhook_batches_stop(app->webhooks);
        costly_free(app->costly);
        pg_pool_free(app->pg);
        hashing_free(
                app->hashing); /* after the pool, whose end ends logins that have a place in it */
        webhook_batches_free(app->webhooks);
        broker_free(app->broker);
        engine_free(app->engine);
        events_free(app->events);
        auth_free(app->auth);
        assets_free(app->dashboard);
        statuses_free(app->statuses);
        submit_line_free(app->submit_line);
        free(app->public_url);
        *app = (struct app){0};
}

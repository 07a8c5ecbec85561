/*
 * app.h - the running program: what handlers work with, all in one place, made and ended in one
 * order. Handlers get it from request_app().
 */
#ifndef API_APP_H
#define API_APP_H

#include <stdbool.h>

#include "api/http/server.h"
#include "base/config.h"
#include "broker/broker.h"
#include "engine/engine.h"
#include "store/pg.h"
#include "store/schema.h"

struct hashing;
struct assets;
struct health;
struct neighbour;
struct upstream;
struct statuses;
struct costly;
struct submit_line;
struct submit_children;
struct webhook_batches;
struct events;

struct app {
        const struct config *config;
        struct loop *loop;
        struct pg_pool *pg;
        struct broker *broker;
        struct engine *engine;
        struct submit_children *submit; /* processes that load large waves */
        struct auth *auth;
        struct hashing *hashing; /* of passwords */
        struct statuses *statuses;
        struct costly *costly; /* what reads waves through */
        size_t exports;        /* api/reports/export.h: under way */
        struct submit_line *submit_line;
        struct health *health;
        struct assets *dashboard; /* NULL: not built, or switched off */
        struct server *server;
        struct schema_job *schema;   /* until the schema is there */
        struct upstream *upstream;   /* questions to the migration server */
        struct neighbour *neighbour; /* whether that is there */
        struct webhook_batches *webhooks;
        struct events *events;         /* the live ones */
        char *public_url;              /* what webhooks are sent to; no slash at the end */
        unsigned char webhook_key[32]; /* of the webhooks' tokens; learnt with the first of them */
        bool webhook_key_known;
        bool schema_ready; /* until then everything under /api but health answers 503 */
};

/* Fills in what is needed to talk to PostgreSQL. */
struct pg_opts app_pg_opts(const struct config *config);
/* Listens at once; the rest finds together in its time. -1: ERR_CONFIG, or it cannot listen. */
int app_start(struct app *app, const struct config *config, struct loop *l, struct err *e);
/* Requests under way come to their end, then fn. */
void app_stop(struct app *app, void (*fn)(void *arg), void *arg);
void app_free(struct app *app);

#endif

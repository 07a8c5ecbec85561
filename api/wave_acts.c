/*
 * wave_acts.c - what people do with waves: reset, restart, give up a stuck attempt. Each is one
 * transaction, which locks the wave first; the engine tells Redis after the commit.
 */
#include "api/wave_acts.h"

#include <ctype.h>
#include <string.h>

#include "api/act.h"
#include "api/app.h"
#include "api/ended_filter.h"
#include "api/routes.h"
#include "base/mem.h"
#include "engine/submission.h"
#include "model/seal.h"
#include "model/wave_id.h"

CLEANUP_DEFINE(json, struct json *, json_free)

void wave_missing(struct request *rq)
{
        respond_errorf(rq, ERR_NOT_FOUND, "there is no wave \"%s\"", request_param(rq, "id"));
}

bool wave_found(struct request *rq, const struct pg_result *r, const struct err *e)
{
        if (e)
                respond_error(rq, e);
        else if (pg_rows(r, 0) == 0)
                wave_missing(rq);
        return !e && pg_rows(r, 0) > 0;
}

void wave_told(const char *json, const struct err *e, void *rq)
{
        if (e)
                respond_error(rq, e);
        else if (!json)
                wave_missing(rq);
        else
                respond_data(rq, 200, json, -1, NULL);
}

bool wave_named(struct request *rq)
{
        if (wave_id_ok(request_param(rq, "id")))
                return true;
        wave_missing(rq);
        return false;
}

/* Most acts need Redis too: what is restarted shall start. */
static bool can_act(struct request *rq)
{
        if (!wave_named(rq))
                return false;
        if (broker_up(request_app(rq)->broker))
                return true;
        respond_errorf(rq, ERR_UNAVAILABLE, "Redis is away: nothing was done");
        return false;
}

struct pg_tx *wave_act_on(struct request *rq, enum sql_id act)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_ACT_LOCK_WAVE);
        pg_arg_text(tx, request_param(rq, "id"));
        pg_stmt(tx, act);
        pg_arg_text(tx, request_param(rq, "id"));
        return tx;
}

void wave_acted(const char *data, int64_t touched, const struct err *e, void *arg)
{
        struct request *rq = arg;
        (void)touched;
        if (e)
                respond_error(rq, e);
        else
                respond_data(rq, 200, data, -1, NULL);
}

/* ---- bodies of restarts ---- */

struct restart {
        const struct json *uuids, *filter_object;
        struct ended_filter filter;
        int64_t site_id;
        const char *secret;
        bool quality, has_site, has_quality, dry_run;
};

#define FIELD(name_, want_, min_, max_, member, present_)                                          \
        {                                                                                          \
                .name = (name_), .want = (want_), .min = (min_), .max = (max_),                    \
                .offset = offsetof(struct restart, member), .present = (present_)                  \
        }

static const struct json_field restart_fields[] = {
        FIELD("mb_site_id", WANT_INT_OR_TEXT, 1, JSON_INT_MAX, site_id,
              offsetof(struct restart, has_site)),
        FIELD("mb_secret", WANT_STRING, 1, 1024, secret, NO_PRESENT),
        FIELD("quality_analysis", WANT_BOOL, 0, 0, quality, offsetof(struct restart, has_quality)),
        /* The last three are of restart-all only. */
        FIELD("mb_uuids", WANT_ARRAY, 0, 0, uuids, NO_PRESENT),
        FIELD("filter", WANT_OBJECT, 0, 0, filter_object, NO_PRESENT),
        FIELD("dry_run", WANT_BOOL, 0, 0, dry_run, NO_PRESENT),
};
enum { RESTART_MANY_FIELDS = 3 };

/* What a restart brings along for its migrations, as JSON to be merged into their params. */
static int restart_params(struct request *rq, const struct restart *b, const char **out,
                          struct err *e)
{
        autofree char *sealed = NULL;
        bool secret = b->secret && strcmp(b->secret, SEAL_MASK) != 0;
        *out = NULL;
        if (!secret && !b->has_site && !b->has_quality)
                return 0;
        if (secret && seal(request_app(rq)->config->secret_key, b->secret, &sealed, e) < 0)
                return -1;
        autobuf text = BUF_INIT(SIZE_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        if (b->has_site)
                json_out_int(&o, "mb_site_id", b->site_id);
        if (b->has_quality)
                json_out_bool(&o, "quality_analysis", b->quality);
        if (secret)
                json_out_str(&o, "mb_secret", sealed);
        json_out_object_end(&o);
        *out = arena_strdup(request_arena(rq), buf_str(&text));
        return 0;
}

static void check_many(struct request *rq, struct restart *b)
{
        struct mistakes *m = request_mistakes(rq);
        size_t at = 0;
        for (const struct json *i = json_first(b->uuids); i; i = json_next(i), at++) {
                if (!json_str(i))
                        mistake_add(m, ERR_WRONG_TYPE,
                                    json_pointer_at(request_arena(rq), "#/mb_uuids", at),
                                    "must be a string");
        }
        if (b->filter_object)
                ended_filter_read(rq, b->filter_object, ENDED_STATUS, &b->filter);
        if (b->filter_object && at)
                mistake_add(m, ERR_INVALID, "#/filter", "cannot stand beside mb_uuids");
}

/* Fills b and *params. -1: it has been answered. */
static int read_restart(struct request *rq, bool many, struct restart *b, const char **params)
{
        struct mistakes *m = request_mistakes(rq);
        struct err e = ERR_INIT;
        size_t known = COUNT_OF(restart_fields) - (many ? 0 : RESTART_MANY_FIELDS);
        const struct json *body = request_json(rq);
        if (!body)
                return -1;
        *b = (struct restart){0};
        json_read(body, restart_fields, known, b, "#", m);
        check_many(rq, b);
        if (mistakes_check(m, &e) == 0 && restart_params(rq, b, params, &e) == 0)
                return 0;
        respond_error(rq, &e);
        return -1;
}

/* Trimmed, as they were when the wave was submitted. */
static const char *trimmed(struct arena *a, const char *name)
{
        size_t len;
        while (isspace((unsigned char)*name))
                name++;
        for (len = strlen(name); len && isspace((unsigned char)name[len - 1]);)
                len--;
        return arena_try_strndup(a, name, len);
}

static void add_names(struct pg_tx *tx, struct request *rq, const struct json *uuids)
{
        size_t n = 0, count = json_count(uuids);
        const char **names = arena_try(request_arena(rq), count * sizeof(*names));
        for (const struct json *i = json_first(uuids); names && i; i = json_next(i))
                names[n++] = trimmed(request_arena(rq), json_str(i));
        if (arena_failed(request_arena(rq)))
                pg_arg_starved(tx);
        else if (n)
                pg_arg_texts(tx, names, n);
        else
                pg_arg_null(tx);
}

/* ---- the acts ---- */

static void add_restart_many(struct pg_tx *tx, struct request *rq, const struct restart *b,
                             const char *params)
{
        add_names(tx, rq, b->uuids);
        pg_arg_text(tx, params);
        pg_arg_int(tx, engine_shard(request_app(rq)->engine));
        pg_arg_text(tx, request_principal(rq));
        pg_arg_null(tx);
        pg_arg_text(tx, b->filter.status);
        ended_filter_add(tx, &b->filter);
        pg_arg_bool(tx, false);
        pg_arg_bool(tx, b->dry_run);
}

enum { ACT_DATA = 8 }; /* the column of an act's answer, engine.h */

static void previewed(const struct pg_result *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        if (e)
                respond_error(rq, e);
        else if (pg_rows(r, 0) == 0)
                respond_errorf(rq, ERR_NOT_FOUND, "there is no wave \"%s\"",
                               request_param(rq, "id"));
        else
                respond_data(rq, 200, pg_text(r, 0, 0, ACT_DATA), -1, NULL);
}

/* Changes nothing, so it locks nothing. */
static void preview_restart(struct request *rq, const struct restart *b)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_ACT_RESTART_MANY);
        pg_arg_text(tx, request_param(rq, "id"));
        add_restart_many(tx, rq, b, NULL);
        engine_ask(request_app(rq)->engine, tx, previewed, rq);
}

void waves_restart_all(struct request *rq)
{
        struct restart b;
        const char *params;
        if (!wave_named(rq) || read_restart(rq, true, &b, &params) < 0)
                return;
        if (b.dry_run) {
                preview_restart(rq, &b);
                return;
        }
        if (!can_act(rq))
                return;
        struct pg_tx *tx = wave_act_on(rq, SQL_ACT_RESTART_MANY);
        add_restart_many(tx, rq, &b, params);
        engine_act_many(request_app(rq)->engine, tx, wave_acted, rq);
}

void waves_restart_one(struct request *rq)
{
        struct restart b;
        const char *params;
        if (!can_act(rq) || read_restart(rq, false, &b, &params) < 0)
                return;
        struct engine *engine = request_app(rq)->engine;
        struct pg_tx *tx = wave_act_on(rq, SQL_ACT_RESTART);
        pg_arg_text(tx, request_param(rq, "mb_uuid"));
        pg_arg_text(tx, params);
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, request_principal(rq));
        engine_act(engine, tx, wave_acted, rq);
}

void waves_reset(struct request *rq)
{
        if (!can_act(rq) || act_read(rq, NULL, 0, NULL) < 0)
                return;
        struct engine *engine = request_app(rq)->engine;
        struct pg_tx *tx = wave_act_on(rq, SQL_ACT_RESET);
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, request_principal(rq));
        engine_act_many(engine, tx, wave_acted, rq);
}

/* ---- giving up an attempt ---- */

/* The request to end a body stands in PostgreSQL; the message only hurries its worker. */
static void unlocked(const char *data, int64_t touched, const struct err *e, void *arg)
{
        struct request *rq = arg;
        int64_t worker, id;
        (void)touched;
        if (e) {
                respond_error(rq, e);
                return;
        }
        struct json *v cleanup(json_cleanup) = json_parse(data, strlen(data), NULL);
        if (json_int(json_get(v, "worker_id"), &worker) == 0 &&
            json_int(json_get(v, "id"), &id) == 0)
                engine_hurry(request_app(rq)->engine, worker, id);
        const char *message = arena_strdup(request_arena(rq), json_str(json_get(v, "message")));
        respond_data(rq, 200, data, -1, message);
}

void waves_unlock(struct request *rq)
{
        if (!can_act(rq))
                return;
        struct engine *engine = request_app(rq)->engine;
        const char *who = request_principal(rq);
        struct pg_tx *tx = wave_act_on(rq, SQL_ACT_UNLOCK);
        pg_arg_text(tx, request_param(rq, "mb_uuid"));
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, arena_printf(request_arena(rq), "the attempt was given up%s%s",
                                     *who ? " by " : "", who));
        engine_act(engine, tx, unlocked, rq);
}

/* ---- cancelling one migration ---- */

void waves_cancel_one(struct request *rq)
{
        if (!wave_named(rq) || act_read(rq, NULL, 0, NULL) < 0)
                return;
        struct engine *engine = request_app(rq)->engine;
        struct act *a = ARENA_NEW(request_arena(rq), struct act);
        *a = (struct act){.rq = rq, .name = "cancel"};
        struct pg_tx *tx = wave_act_on(rq, SQL_MIGRATION_END);
        pg_arg_text(tx, request_param(rq, "mb_uuid"));
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, request_principal(rq));
        pg_arg_text(tx, "cancelled");
        pg_arg_bool(tx, true);
        engine_act(engine, tx, act_answer, a);
}

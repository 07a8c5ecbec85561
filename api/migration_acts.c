/*
 * migration_acts.c - what people do to one migration. Each act is one transaction (engine_act): the
 * wave is locked, then one statement looks at the row and either refuses, naming its state, or does
 * all of it: row, progress, dead letters, history, the wave's log.
 */
#include "api/act.h"
#include "api/app.h"
#include "api/migration_find.h"
#include "api/routes.h"
#include "api/upstream.h"
#include "base/mem.h"
#include "engine/submission.h"
#include "model/kind_remote.h"

/* The lock and the first parameters, which most acts on a row share: id, shard, who. */
static struct pg_tx *begin(struct request *rq, const struct migration_facts *f, enum sql_id id)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_LOCK);
        pg_arg_int8s(tx, &f->wave_no, 1);
        pg_stmt(tx, id);
        pg_arg_int(tx, f->id);
        pg_arg_int(tx, engine_shard(request_app(rq)->engine));
        pg_arg_text(tx, request_principal(rq));
        return tx;
}

/* For the acts that a wave's calls have too, and that name a row by wave and project. */
static struct pg_tx *begin_named(const struct migration_facts *f, enum sql_id id)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_ACT_LOCK_WAVE);
        pg_arg_text(tx, f->wave_id);
        pg_stmt(tx, id);
        pg_arg_text(tx, f->wave_id);
        pg_arg_text(tx, f->project);
        return tx;
}

static void send(struct request *rq, const struct migration_facts *f, const char *name,
                 struct pg_tx *tx)
{
        struct act *a = ARENA_NEW(request_arena(rq), struct act);
        *a = (struct act){.rq = rq, .name = name, .id = f->id};
        engine_act(request_app(rq)->engine, tx, act_answer, a);
}

/* ---- restart ---- */

static int restart_params(struct request *rq, const char **out)
{
        struct err e = ERR_INIT;
        const struct json *body = request_json(rq);
        *out = NULL;
        if (!body)
                return -1;
        kind_remote_check_project(body, "#", request_mistakes(rq));
        if (mistakes_check(request_mistakes(rq), &e) < 0 ||
            (json_first(body) &&
             params_seal(body, request_app(rq)->config, request_arena(rq), out, &e) < 0)) {
                respond_error(rq, &e);
                return -1;
        }
        return 0;
}

static void restart_found(struct request *rq, const struct migration_facts *f)
{
        const char *params;
        if (restart_params(rq, &params) < 0)
                return;
        struct pg_tx *tx = begin_named(f, SQL_ACT_RESTART);
        pg_arg_text(tx, params);
        pg_arg_int(tx, engine_shard(request_app(rq)->engine));
        pg_arg_text(tx, request_principal(rq));
        send(rq, f, "restart", tx);
}

void migration_restart(struct request *rq)
{
        migration_find(rq, restart_found);
}

/* ---- kill and cancel ---- */

struct kill_body {
        bool force;
};
static const struct json_field kill_fields[] = {
        {.name = "force",
         .want = WANT_BOOL,
         .offset = offsetof(struct kill_body, force),
         .present = NO_PRESENT},
};

static void end_as(struct request *rq, const struct migration_facts *f, const char *name,
                   const char *state, bool waiting_too)
{
        struct pg_tx *tx = begin_named(f, SQL_MIGRATION_END);
        pg_arg_int(tx, engine_shard(request_app(rq)->engine));
        pg_arg_text(tx, request_principal(rq));
        pg_arg_text(tx, state);
        pg_arg_bool(tx, waiting_too);
        send(rq, f, name, tx);
}

static void kill_found(struct request *rq, const struct migration_facts *f)
{
        struct kill_body b = {0};
        if (act_read(rq, kill_fields, COUNT_OF(kill_fields), &b) == 0)
                end_as(rq, f, "kill", "failed", b.force);
}

void migration_kill(struct request *rq)
{
        migration_find(rq, kill_found);
}

static void cancel_found(struct request *rq, const struct migration_facts *f)
{
        if (act_read(rq, NULL, 0, NULL) == 0)
                end_as(rq, f, "cancel", "cancelled", true);
}

void migration_cancel(struct request *rq)
{
        migration_find(rq, cancel_found);
}

/* ---- back to pending ---- */

static void reset(struct request *rq, const struct migration_facts *f, bool hard)
{
        struct pg_tx *tx = begin(rq, f, SQL_MIGRATION_RESET);
        pg_arg_bool(tx, hard);
        send(rq, f, hard ? "hard-reset" : "reset-status", tx);
}

static void reset_found(struct request *rq, const struct migration_facts *f)
{
        if (act_read(rq, NULL, 0, NULL) == 0)
                reset(rq, f, false);
}

void migration_reset_status(struct request *rq)
{
        migration_find(rq, reset_found);
}

static void hard_reset_found(struct request *rq, const struct migration_facts *f)
{
        if (act_read(rq, NULL, 0, NULL) < 0)
                return;
        if (f->target)
                upstream_forget(request_app(rq)->upstream, f->project, f->target);
        reset(rq, f, true);
}

void migration_hard_reset(struct request *rq)
{
        migration_find(rq, hard_reset_found);
}

/* ---- completed, by a person's word ---- */

struct completed_body {
        const char *domain;
};
static const struct json_field completed_fields[] = {
        {.name = "brizy_project_domain",
         .want = WANT_STRING,
         .max = 255,
         .offset = offsetof(struct completed_body, domain),
         .present = NO_PRESENT},
};

static void completed_found(struct request *rq, const struct migration_facts *f)
{
        struct completed_body b = {0};
        if (act_read(rq, completed_fields, COUNT_OF(completed_fields), &b) < 0)
                return;
        struct pg_tx *tx = begin(rq, f, SQL_MIGRATION_COMPLETE);
        pg_arg_text(tx, b.domain && *b.domain ? b.domain : NULL);
        send(rq, f, "set-completed", tx);
}

void migration_set_completed(struct request *rq)
{
        migration_find(rq, completed_found);
}

/* ---- into another wave ---- */

struct add_body {
        const char *wave_id;
};
static const struct json_field add_fields[] = {
        {.name = "wave_id",
         .want = WANT_STRING,
         .required = true,
         .min = 1,
         .max = 64,
         .offset = offsetof(struct add_body, wave_id),
         .present = NO_PRESENT},
};

struct adding {
        struct act act;
        const char *wave_id;
};

static void on_added(const char *data, int64_t touched, const struct err *e, void *arg)
{
        struct adding *a = arg;
        if (!e && touched == 0)
                respond_errorf(a->act.rq, ERR_NOT_FOUND, "there is no wave \"%s\"", a->wave_id);
        else
                act_answer(data, touched, e, &a->act);
}

static void add_found(struct request *rq, const struct migration_facts *f)
{
        struct app *app = request_app(rq);
        struct add_body b = {0};
        if (act_read(rq, add_fields, COUNT_OF(add_fields), &b) < 0)
                return;
        struct adding *a = ARENA_NEW(request_arena(rq), struct adding);
        *a = (struct adding){.act = {.rq = rq, .name = "add-to-wave", .id = f->id},
                             .wave_id = b.wave_id};
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATION_APPEND_LOCK);
        pg_arg_text(tx, b.wave_id);
        pg_stmt(tx, SQL_MIGRATION_APPEND);
        pg_arg_int(tx, f->id);
        pg_arg_text(tx, b.wave_id);
        pg_arg_text(tx, request_principal(rq));
        pg_arg_bool(tx, *app->config->brizy_token);
        engine_act(app->engine, tx, on_added, a);
}

void migration_add_to_wave(struct request *rq)
{
        migration_find(rq, add_found);
}

/* ---- lock and cache ---- */

static void unlock_found(struct request *rq, const struct migration_facts *f)
{
        struct pg_tx *tx = begin_named(f, SQL_ACT_UNLOCK);
        pg_arg_int(tx, engine_shard(request_app(rq)->engine));
        pg_arg_text(tx, arena_printf(request_arena(rq), "the attempt was given up by %s",
                                     request_principal(rq)));
        send(rq, f, "unlock", tx);
}

void migration_unlock(struct request *rq)
{
        migration_find(rq, unlock_found);
}

static void uncache_found(struct request *rq, const struct migration_facts *f)
{
        bool removed =
                f->target && upstream_forget(request_app(rq)->upstream, f->project, f->target);
        respond_data(rq, 200, removed ? "{\"removed\":true}" : "{\"removed\":false}", -1,
                     removed ? "what the migration server said last is forgotten"
                             : "there is nothing to remove: nothing is kept of it");
}

void migration_uncache(struct request *rq)
{
        migration_find(rq, uncache_found);
}

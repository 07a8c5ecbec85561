/*
 * migrations.c - reading migrations: the list, one, and what the migration server says of it. A
 * migration that runs outside is asked about first, so that what is shown is not older than it need be.
 */
#include <string.h>

#include "api/app.h"
#include "api/migration_ask.h"
#include "api/migration_find.h"
#include "api/reply.h"
#include "api/routes.h"
#include "base/mem.h"
#include "model/webhook_token.h"

/* ---- the list ---- */

static bool status_ok(const char *status)
{
        static const char *const known[] = {"pending", "in_progress", "completed", "error",
                                            "cancelled"};
        for (size_t i = 0; i < COUNT_OF(known); i++) {
                if (strcmp(status, known[i]) == 0)
                        return true;
        }
        return false;
}

static const char *filter(struct request *rq, const char *name)
{
        const char *v = request_query(rq, name);
        return v && *v ? v : NULL;
}

void migrations_list(struct request *rq)
{
        struct page page;
        struct err e = ERR_INIT;
        int64_t target = 0;
        const char *status = filter(rq, "status");
        if (status && !status_ok(status)) {
                reply_bad_query(rq, "status",
                                "is none of pending, in_progress, completed, error, cancelled");
                return;
        }
        if (page_read(rq, INT64_MAX, &page, &e) < 0 ||
            (filter(rq, "brz_project_id") &&
             request_query_int(rq, "brz_project_id", 0, 1, INT64_MAX, &target, &e) < 0)) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATIONS_LIST);
        pg_arg_text(tx, status);
        pg_arg_text(tx, filter(rq, "mb_project_uuid"));
        pg_arg_int(tx, target);
        pg_arg_int(tx, page.from);
        pg_arg_int(tx, page.limit + 1);
        reply_page(rq, tx, &page);
}

/* ---- one ---- */

static void show(struct request *rq, const struct migration_facts *f, const struct asked *a)
{
        (void)a;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATION_SHOW);
        pg_arg_int(tx, f->id);
        reply_data(rq, tx);
}

static void show_found(struct request *rq, const struct migration_facts *f)
{
        if (migration_is_remote(f) && strcmp(f->state, "parked") == 0)
                migration_ask(rq, f, show);
        else
                show(rq, f, NULL);
}

void migration_show(struct request *rq)
{
        migration_find(rq, show_found);
}

/* ---- its attempts ---- */

static void attempts_found(struct request *rq, const struct migration_facts *f)
{
        struct page page;
        struct err e = ERR_INIT;
        if (page_read(rq, INT64_MAX, &page, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATION_ATTEMPTS);
        pg_arg_int(tx, f->id);
        pg_arg_int(tx, page.from);
        pg_arg_int(tx, page.limit + 1);
        reply_page(rq, tx, &page);
}

void migration_attempts(struct request *rq)
{
        migration_find(rq, attempts_found);
}

/* ---- what the server says ---- */

/* NULL: it was not asked, or said nothing. */
static const char *word(const struct asked *a)
{
        if (a->reply == REPLY_STATUS)
                return remote_state_name(a->status.state);
        return a->reply == REPLY_UNKNOWN ? "unknown" : NULL;
}

static const char *body(const struct asked *a)
{
        return a->reply == REPLY_STATUS ? a->status.body : NULL;
}

static const char *message(struct arena *arena, const struct asked *a)
{
        if (a->settled)
                return arena_printf(arena, "the migration server said that it is %s", word(a));
        switch (a->reply) {
        case REPLY_STATUS:
                return arena_printf(arena, "the migration server says that it is %s%s", word(a),
                                    a->verdict == VERDICT_UNKNOWN
                                            ? ", which is the end of an earlier run"
                                            : "");
        case REPLY_UNKNOWN:
                return "the migration server does not know it";
        default:
                return arena_strdup(arena, a->err.text);
        }
}

static void show_process(struct request *rq, const struct migration_facts *f, const struct asked *a)
{
        struct arena *arena = request_arena(rq);
        bool running = a->verdict == VERDICT_RUNNING || a->verdict == VERDICT_FOREIGN;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATION_PROCESS);
        pg_arg_int(tx, f->id);
        pg_arg_text(tx, body(a));
        pg_arg_text(tx, word(a));
        pg_arg_text(tx, running ? remote_progress_json(&a->status.progress, arena) : NULL);
        pg_arg_text(tx, running ? a->status.progress.stage : NULL);
        pg_arg_text(tx, message(arena, a));
        reply_whole(rq, tx);
}

static void process_found(struct request *rq, const struct migration_facts *f)
{
        migration_ask(rq, f, show_process);
}

void migration_process(struct request *rq)
{
        migration_find(rq, process_found);
}

static void show_webhooks(struct request *rq, const struct migration_facts *f, const struct asked *a)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATION_WEBHOOKS);
        pg_arg_int(tx, f->id);
        pg_arg_text(tx, webhook_url(request_arena(rq), request_app(rq)->public_url, "********"));
        pg_arg_text(tx, body(a));
        reply_data(rq, tx);
}

static void webhooks_found(struct request *rq, const struct migration_facts *f)
{
        migration_ask(rq, f, show_webhooks);
}

void migration_webhook_info(struct request *rq)
{
        migration_find(rq, webhooks_found);
}

static void show_status(struct request *rq, const struct migration_facts *f, const struct asked *a)
{
        if (a->reply == REPLY_FAILED) {
                respond_error(rq, &a->err);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATION_SERVER_STATUS);
        pg_arg_int(tx, f->id);
        pg_arg_text(tx, body(a));
        pg_arg_text(tx, word(a));
        pg_arg_text(tx, remote_verdict_name(a->verdict));
        reply_data(rq, tx);
}

static void status_found(struct request *rq, const struct migration_facts *f)
{
        migration_ask(rq, f, show_status);
}

void migration_status_from_server(struct request *rq)
{
        migration_find(rq, status_found);
}

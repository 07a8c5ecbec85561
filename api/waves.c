/*
 * waves.c - reading waves: the list, one wave, its migrations, its logs. PostgreSQL makes the JSON; an
 * answer without a row means that there is no such wave.
 */
#include <string.h>

#include "api/app.h"
#include "api/page.h"
#include "api/routes.h"
#include "api/statuses.h"
#include "api/wave_acts.h"
#include "base/mem.h"
#include "model/state.h"

enum { LOG_LIMIT = 1000, LOG_LIMIT_MAX = 5000 };

/* What the answer needs besides the request. */
struct reading {
        struct request *rq;
        struct page page;
};

static struct reading *reading_new(struct request *rq)
{
        struct reading *g = ARENA_NEW(request_arena(rq), struct reading);
        g->rq = rq;
        return g;
}

static void send_tx(struct request *rq, struct pg_tx *tx, pg_fn fn, void *arg)
{
        pg_pool_send(request_app(rq)->pg, tx, fn, arg);
}

static void no_migration(struct request *rq)
{
        respond_errorf(rq, ERR_NOT_FOUND, "there is no migration \"%s\" in wave \"%s\"",
                       request_param(rq, "mb_uuid"), request_param(rq, "id"));
}

static int bad_status(struct request *rq, const char *known, struct err *e)
{
        mistake_add(request_mistakes(rq), ERR_INVALID, "#/status", "must be %s", known);
        return mistakes_check(request_mistakes(rq), e);
}

/* ---- the list ---- */

static int wave_states(struct request *rq, const char *states[WAVE_STATE_COUNT], size_t *n,
                       struct err *e)
{
        const char *status = request_query(rq, "status");
        *n = 0;
        if (!status)
                return 0;
        for (int s = 0; s < WAVE_STATE_COUNT; s++) {
                if (strcmp(status, wave_status((enum wave_state)s)) == 0)
                        states[(*n)++] = wave_state_name((enum wave_state)s);
        }
        if (*n == 0)
                return bad_status(rq, "pending, in_progress, paused, completed, error or stopped",
                                  e);
        return 0;
}

static void list_read(const struct pg_result *r, const struct err *e, void *arg)
{
        struct reading *g = arg;
        if (e)
                respond_error(g->rq, e);
        else
                page_respond(g->rq, &g->page, pg_text(r, 0, 0, 0), pg_int(r, 0, 0, 1),
                             pg_text(r, 0, 0, 2));
}

void waves_list(struct request *rq)
{
        struct reading *g = reading_new(rq);
        const char *states[WAVE_STATE_COUNT];
        size_t n;
        struct err e = ERR_INIT;
        if (page_read(rq, INT64_MAX, &g->page, &e) < 0 || wave_states(rq, states, &n, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVES_LIST);
        if (n)
                pg_arg_texts(tx, states, n);
        else
                pg_arg_null(tx);
        pg_arg_int(tx, g->page.from);
        pg_arg_int(tx, g->page.limit);
        send_tx(rq, tx, list_read, g);
}

/* ---- one wave ---- */

void waves_status(struct request *rq)
{
        if (wave_named(rq))
                statuses_ask(request_app(rq)->statuses, request_param(rq, "id"), wave_told, rq);
}

/* ---- its migrations ---- */

struct filter {
        const char *status;
        const char *states[MIGRATION_STATE_COUNT];
        size_t n;
        const char *text, *beginning;
        int64_t offset; /* rows to skip behind the cursor */
};

static void add_migrations(struct pg_tx *tx, struct request *rq, const struct filter *f,
                           const struct page *p)
{
        pg_stmt(tx, SQL_WAVE_MIGRATIONS);
        pg_arg_text(tx, request_param(rq, "id"));
        pg_arg_text(tx, f->status);
        if (f->n)
                pg_arg_texts(tx, f->states, f->n);
        else
                pg_arg_null(tx);
        pg_arg_int(tx, p->from);
        pg_arg_text(tx, f->text);
        pg_arg_int(tx, p->limit);
        pg_arg_text(tx, f->beginning);
        pg_arg_int(tx, f->offset);
}

/* NULL where it is empty. */
static const char *query_text(struct request *rq, const char *name)
{
        const char *text = request_query(rq, name);
        return text && *text ? text : NULL;
}

static int read_filter(struct request *rq, struct filter *f, struct err *e)
{
        f->status = request_query(rq, "status");
        f->text = query_text(rq, "text");
        f->beginning = query_text(rq, "mb_project_uuid");
        if (request_query_int(rq, "offset", 0, 0, INT32_MAX, &f->offset, e) < 0)
                return -1;
        for (int s = 0; f->status && s < MIGRATION_STATE_COUNT; s++) {
                if (strcmp(f->status, migration_status((enum migration_state)s)) == 0)
                        f->states[f->n++] = migration_state_name((enum migration_state)s);
        }
        if (f->status && !f->n)
                return bad_status(rq, "pending, in_progress, completed, error or cancelled", e);
        return 0;
}

static void migrations_read(const struct pg_result *r, const struct err *e, void *arg)
{
        struct reading *g = arg;
        if (wave_found(g->rq, r, e))
                page_respond(g->rq, &g->page, pg_text(r, 0, 0, 1), pg_int(r, 0, 0, 2),
                             pg_text(r, 0, 0, 3));
}

void waves_migrations(struct request *rq)
{
        struct reading *g = reading_new(rq);
        struct filter f = {0};
        struct err e = ERR_INIT;
        if (!wave_named(rq))
                return;
        if (page_read(rq, 0, &g->page, &e) < 0 || read_filter(rq, &f, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        add_migrations(tx, rq, &f, &g->page);
        send_tx(rq, tx, migrations_read, g);
}

/* {"wave":…,"migrations":[…]}, and where the rest is. */
static void show_wave(const struct pg_result *r, const struct err *e, void *arg)
{
        struct reading *g = arg;
        if (!wave_found(g->rq, r, e))
                return;
        bool there = pg_rows(r, 1) > 0, more = there && pg_bool(r, 1, 0, 4);
        autobuf data = BUF_INIT(SIZE_MAX);
        buf_adds(&data, "{\"wave\":");
        buf_adds(&data, pg_text(r, 0, 0, 0));
        buf_adds(&data, ",\"migrations\":");
        buf_adds(&data, there ? pg_text(r, 1, 0, 1) : "[]");
        buf_addf(&data, ",\"migrations_truncated\":%s", more ? "true" : "false");
        if (more)
                buf_addf(&data,
                         ",\"migrations_next\":\"/api/waves/%s/migrations?limit=%d&cursor=%s\"",
                         request_param(g->rq, "id"), LIST_LIMIT_MAX, pg_text(r, 1, 0, 3));
        buf_addc(&data, '}');
        respond_made(g->rq, 200, &data, -1, NULL);
}

void waves_show(struct request *rq)
{
        static const struct filter all;
        struct reading *g = reading_new(rq);
        if (!wave_named(rq))
                return;
        g->page = (struct page){.limit = LIST_WHOLE};
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_GET);
        pg_arg_text(tx, request_param(rq, "id"));
        add_migrations(tx, rq, &all, &g->page);
        send_tx(rq, tx, show_wave, g);
}

/* ---- one migration ---- */

static void migration_read(const struct pg_result *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        if (!wave_found(rq, r, e))
                return;
        if (pg_is_null(r, 0, 0, 1))
                no_migration(rq);
        else
                respond_data(rq, 200, pg_text(r, 0, 0, 1), -1, NULL);
}

void waves_migration(struct request *rq)
{
        if (!wave_named(rq))
                return;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_MIGRATION);
        pg_arg_text(tx, request_param(rq, "id"));
        pg_arg_text(tx, request_param(rq, "mb_uuid"));
        send_tx(rq, tx, migration_read, rq);
}

/* ---- logs ---- */

struct log_query {
        int64_t after, limit, attempt;
};

static int read_log_query(struct request *rq, struct log_query *q, struct err *e)
{
        if (request_query_int(rq, "after", 0, 0, JSON_INT_MAX, &q->after, e) < 0 ||
            request_query_int(rq, "limit", LOG_LIMIT, 1, LOG_LIMIT_MAX, &q->limit, e) < 0)
                return -1;
        return request_query_int(rq, "attempt", 0, 1, INT32_MAX, &q->attempt, e);
}

static void logs_read(const struct pg_result *r, const struct err *e, void *arg)
{
        if (wave_found(arg, r, e))
                respond_data(arg, 200, pg_text(r, 0, 0, 1), pg_int(r, 0, 0, 2), NULL);
}

void waves_logs(struct request *rq)
{
        struct log_query q;
        struct err e = ERR_INIT;
        if (!wave_named(rq))
                return;
        if (read_log_query(rq, &q, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_LOG_LINES);
        pg_arg_text(tx, request_param(rq, "id"));
        pg_arg_int(tx, q.after);
        pg_arg_int(tx, q.limit);
        send_tx(rq, tx, logs_read, rq);
}

static void migration_logs_read(const struct pg_result *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        if (!wave_found(rq, r, e))
                return;
        if (pg_is_null(r, 0, 0, 1))
                no_migration(rq);
        else
                respond_data(rq, 200, pg_text(r, 0, 0, 2), pg_int(r, 0, 0, 3), NULL);
}

void waves_migration_logs(struct request *rq)
{
        struct log_query q;
        struct err e = ERR_INIT;
        if (!wave_named(rq))
                return;
        if (read_log_query(rq, &q, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_MIGRATION_LOGS);
        pg_arg_text(tx, request_param(rq, "id"));
        pg_arg_text(tx, request_param(rq, "mb_uuid"));
        pg_arg_int(tx, q.after);
        pg_arg_int(tx, q.attempt);
        pg_arg_int(tx, q.limit);
        send_tx(rq, tx, migration_logs_read, rq);
}
